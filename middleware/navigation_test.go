package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/middleware"
)

const chromium = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

func TestNavigation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		method string
		fields []string
		want   bool
	}{
		{"a browser", "GET", []string{chromium, "Sec-Fetch-Mode: navigate"}, true},
		{"an old browser", "GET", []string{chromium}, true},
		{"HEAD", "HEAD", []string{chromium}, true},
		{"html alone", "GET", []string{"Accept: TEXT/HTML"}, true},
		{"html last", "GET", []string{"Accept: application/json , text/html;q=0.5"}, true},
		{"html on a second line", "GET", []string{"Accept: application/json", "Accept: text/html"}, true},
		{"a form", "POST", []string{chromium, "Sec-Fetch-Mode: navigate"}, false},
		{"a script that wants html", "GET", []string{"Accept: text/html", "Sec-Fetch-Mode: same-origin"}, false},
		{"a script that wants html from elsewhere", "GET", []string{"Accept: text/html", "Sec-Fetch-Mode: cors"}, false},
		{"curl", "GET", []string{"Accept: */*"}, false},
		{"a client that wants JSON", "GET", []string{"Accept: application/json"}, false},
		{"another type with that name in it", "GET", []string{"Accept: text/html5, x-text/html"}, false},
		{"nothing", "GET", nil, false},
	} {
		r := request(tt.fields...)
		r.Method = tt.method
		if got := middleware.Navigation(r); got != tt.want {
			t.Errorf("Navigation(%s) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"/", "/app", "/app?tab=2&x=%20", "/a//b", "/a/../b", "/%2F%2Fevil.example", "/%5Cevil.example", "/%09/evil.example",
		"/@evil.example", "/:80", "/http://evil.example", "/app#part", "/" + strings.Repeat("a", 2047),
	} {
		if !middleware.LocalPath(s) {
			t.Errorf("LocalPath(%.60q) = false, want true", s)
		}
	}
	for _, s := range []string{
		"", "app", "?x", "#x", ".", "../app", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "/app\\x",
		"/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " /app", "/app ", "/a b", "/\x00", "/\x7f", "/ä", "/\xff",
		"https://evil.example", "http:/app", "javascript:alert(1)", "data:text/html,x", "mailto:a@b", "/%zz", "/%", "/" + strings.Repeat("a", 2048),
	} {
		if middleware.LocalPath(s) {
			t.Errorf("LocalPath(%.60q) = true, want false", s)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/app?x=1", "//evil.example", "/\t/evil.example", "/\\evil", "/%2f/evil", "/a:b@c"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://app.example/x/y")
	f.Fuzz(func(t *testing.T, s string) {
		if !middleware.LocalPath(s) {
			return
		}
		// What browsers do before they parse (WHATWG URL §4.4): drop tabs and
		// line ends, trim controls and spaces, take backslashes for slashes.
		like := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(strings.TrimFunc(s, func(c rune) bool { return c <= ' ' }))
		for _, u := range []string{s, like} {
			ref, err := url.Parse(u)
			if err != nil {
				t.Fatalf("LocalPath(%q) is true, but it is no URL: %v", s, err)
			}
			if to := base.ResolveReference(ref); to.Scheme != "https" || to.Host != "app.example" || to.User != nil {
				t.Fatalf("LocalPath(%q) is true, but leads to %s", s, to)
			}
		}
	})
}

func TestRequestedPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ uri, path, want string }{
		{"/app?x=1", "/app", "/app?x=1"},
		{"/orgs/7/app?x=1&y=%2F", "/app", "/orgs/7/app?x=1&y=%2F"}, // behind StripPrefix
		{"http://app.example/app?x=1", "/app", "/app?x=1"},
		{"//evil.example/", "//evil.example/", ""},
		{"/a\\b", "/a\\b", ""},
		{"/" + strings.Repeat("a", 3000), "/a", ""},
		{"", "/app", "/app?x=1"},
		{"*", "/app", "/app?x=1"},
	} {
		r := &http.Request{RequestURI: tt.uri, URL: &url.URL{Path: tt.path, RawQuery: "x=1"}}
		if got := middleware.RequestedPath(r); got != tt.want {
			t.Errorf("RequestedPath(%.60q) = %q, want %q", tt.uri, got, tt.want)
		}
	}
}

func TestLoginURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		login  string
		target string
		fields []string
		to     string // empty: the problem document
	}{
		{"a browser", "/login", "/books?page=2", []string{chromium}, "/login?next=%2Fbooks%3Fpage%3D2"},
		{"a browser whose session ended", "/login", "/books", []string{chromium, "Cookie: sid=old"}, "/login?next=%2Fbooks"},
		{"a browser with two cookies", "/login", "/books", []string{chromium, "Cookie: sid=a; sid=b"}, "/login?next=%2Fbooks"},
		{"a login address with a query", "/login?theme=dark", "/books", []string{chromium}, "/login?theme=dark&next=%2Fbooks"},
		{"a login address elsewhere", "https://id.example/login", "/books", []string{chromium}, "https://id.example/login?next=%2Fbooks"},
		{"a path that leads elsewhere", "/login", "//evil.example/x", []string{chromium}, "/login"},
		{"a path with a line end", "/login", "/a%0d%0aSet-Cookie:x=y", []string{chromium}, "/login?next=%2Fa%250d%250aSet-Cookie%3Ax%3Dy"},
		{"the login page itself", "/login", "/login?next=/books", []string{chromium}, ""},
		{"the login page itself, with a query", "/login?theme=dark", "/login", []string{chromium}, ""},
		{"a browser with a bearer token", "/login", "/books", []string{chromium, "Authorization: Bearer old"}, ""},
		{"a browser with a malformed one", "/login", "/books", []string{chromium, "Authorization: bearer"}, ""},
		{"curl", "/login", "/books", []string{"Accept: */*"}, ""},
		{"a script", "/login", "/books", []string{"Accept: text/html", "Sec-Fetch-Mode: cors"}, ""},
		{"no login page", "", "/books", []string{chromium}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := guardOf(everybody())
			g.LoginURL = tt.login
			r := httptest.NewRequest("GET", "/", nil)
			r.URL, _ = url.Parse("http://app.example" + tt.target)
			r.RequestURI = tt.target
			r.Header = request(tt.fields...).Header
			a := serve(g.RequireUser, r)
			wantStatus := http.StatusSeeOther
			if tt.to == "" {
				wantStatus = http.StatusUnauthorized
			}
			if a.Code != wantStatus || a.Header().Get("Location") != tt.to {
				t.Errorf("answer %d to %q, want %d to %q", a.Code, a.Header().Get("Location"), wantStatus, tt.to)
			}
			if a.Header().Get("Cache-Control") != "no-store" || !slices.Contains(a.Header().Values("Vary"), "Authorization, Cookie") {
				t.Errorf("headers = %v, want no-store and Vary", a.Header())
			}
			for _, name := range []string{"X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"} {
				if a.Header().Get(name) == "" {
					t.Errorf("no %s on status %d", name, a.Code)
				}
			}
		})
	}
}

// Only somebody who is not signed in is sent to the sign-in page.
func TestLoginURLIsForTheUnauthenticated(t *testing.T) {
	t.Parallel()
	g := guardOf(everybody())
	g.LoginURL = "/login"
	for name, a := range map[string]*answer{
		"wrong role":  serve(g.RequireRole("admin"), request(chromium, "Cookie: sid=bob")),
		"not fresh":   serve(g.RequireFresh(1), request(chromium, "Cookie: sid=bob")),
		"no member":   serve(allWraps(g)["RequireOrgRole"], request(chromium, "Cookie: sid=bob")),
		"no visitors": serve(g.OptionalUser, request(chromium, "Cookie: sid=old")),
	} {
		if a.Header().Get("Location") != "" {
			t.Errorf("%s: sent to %q with %d", name, a.Header().Get("Location"), a.Code)
		}
	}
	post := request(chromium)
	post.Method = "POST"
	if a := serve(g.RequireUser, post); a.Code != 401 {
		t.Errorf("a form was answered with %d, want 401", a.Code)
	}
}

func TestUnauthenticatedHook(t *testing.T) {
	t.Parallel()
	var asked []error
	answers := false
	g := guardOf(everybody())
	g.LoginURL = "/login"
	g.Unauthenticated = func(w http.ResponseWriter, r *http.Request, err error) bool {
		asked = append(asked, err)
		if answers {
			w.WriteHeader(http.StatusAccepted)
		}
		return answers
	}
	if a := serve(g.RequireUser, request(chromium, "Cookie: sid=old")); a.Code != 303 || len(asked) != 1 || !errors.Is(asked[0], middleware.ErrInvalidToken) {
		t.Errorf("a hook that declines: %d, asked with %v; want 303 after ErrInvalidToken", a.Code, asked)
	}
	answers = true
	if a := serve(g.RequireUser, request("Cookie: sid=old")); a.Code != 202 || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a hook that answers: %d %v, want its 202 with no-store", a.Code, a.Header())
	}
	post := request()
	post.Method = "POST"
	if a := serve(g.RequireUser, post); a.Code != 202 {
		t.Errorf("a form: %d, want the hook's 202", a.Code)
	}
	asked = nil
	for name, a := range map[string]*answer{
		"bearer":     serve(g.RequireUser, request("Authorization: Bearer old")),
		"wrong role": serve(g.RequireRole("admin"), request("Cookie: sid=bob")),
		"cross-origin": serve(g.RequireUser, func() *http.Request {
			r := request("Cookie: sid=bob", "Sec-Fetch-Site: cross-site")
			r.Method = "POST"
			return r
		}()),
		"visitor":  serve(g.OptionalUser, request("Cookie: sid=old")),
		"admitted": serve(g.RequireUser, request("Cookie: sid=bob")),
	} {
		if a.Code == 202 {
			t.Errorf("%s: answered by the hook", name)
		}
	}
	if len(asked) != 0 {
		t.Errorf("the hook was asked about %v, want nothing", asked)
	}
}
