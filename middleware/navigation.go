package middleware

import (
	"net/http"
	"net/url"
	"strings"
)

// Navigation reports whether r is a browser asking for a page to show, as
// opposed to a script or another program asking for data: GET or HEAD, and
// text/html among what it accepts by name. Browsers that say what a request is
// for (Sec-Fetch-Mode) must say "navigate".
func Navigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	for _, line := range r.Header["Accept"] {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			item, _, _ = strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(item), "text/html") {
				return true
			}
		}
	}
	return false
}

// maxLocalPath bounds a path that is passed along in a query, in bytes.
const maxLocalPath = 2048

// LocalPath reports whether s, a path with or without a query, stays on this
// site when a browser follows it: at most 2,048 printable ASCII characters,
// beginning with one slash and containing no backslash, which browsers take for
// one. Tabs and line ends are refused because browsers drop them, which makes
// "/\t/evil.example" the address of another host.
func LocalPath(s string) bool {
	if s == "" || len(s) > maxLocalPath || s[0] != '/' || strings.HasPrefix(s, "//") {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == '\\' {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == ""
}

// RequestedPath returns the path and query a client asked for, before any
// [http.StripPrefix], or "" if they are no [LocalPath].
func RequestedPath(r *http.Request) string {
	s := r.RequestURI
	if !strings.HasPrefix(s, "/") { // absolute form, or not from a server
		s = r.URL.RequestURI()
	}
	if !LocalPath(s) {
		return ""
	}
	return s
}

// redirectToLogin sends a navigation to login and reports whether it did. The
// sign-in page itself is not redirected to itself.
func redirectToLogin(w http.ResponseWriter, r *http.Request, login string) bool {
	if !Navigation(r) {
		return false
	}
	next := RequestedPath(r)
	path, _, _ := strings.Cut(next, "?")
	loginPath, _, _ := strings.Cut(login, "?")
	if path == loginPath {
		return false
	}
	if next != "" {
		separator := "?"
		if strings.Contains(login, "?") {
			separator = "&"
		}
		login += separator + "next=" + url.QueryEscape(next)
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	http.Redirect(w, r, login, http.StatusSeeOther)
	return true
}
