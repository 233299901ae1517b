package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"time"
)

// assets are the files that pages link to.
type assets struct{ css, js *asset }

// asset is one file with its hash, which names its version.
type asset struct {
	name, mediaType, version string
	content                  []byte
}

func newAssets(l layers) (a assets, err error) {
	css, err := l.read("static/auth.css")
	if err != nil {
		return a, err
	}
	theme, err := l.read("static/theme.css")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	js, err := builtin.ReadFile("static/auth.js")
	if err != nil {
		return a, err
	}
	a.css = newAsset("auth.css", "text/css; charset=utf-8", append(css, theme...))
	a.js = newAsset("auth.js", "text/javascript; charset=utf-8", js)
	return a, nil
}

func newAsset(name, mediaType string, content []byte) *asset {
	sum := sha256.Sum256(content)
	return &asset{name, mediaType, base64.RawURLEncoding.EncodeToString(sum[:9]), content}
}

// url is the address below base under which this very version may be kept for
// ever.
func (a *asset) url(base string) string { return base + "/" + a.name + "?v=" + a.version }

// ServeHTTP answers GET and HEAD, with 304 to whoever has this version.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", a.mediaType)
	h.Set("ETag", `"`+a.version+`"`)
	h.Set("Cache-Control", "no-cache") // that is: ask whether it has changed
	if r.URL.RawQuery == "v="+a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
}

// ScriptHandler serves auth.js, the browser client, for applications that bring
// pages of their own:
//
//	mux.Handle("GET /auth/auth.js", pages.ScriptHandler())
//
// It is an ES module without dependencies that exports
//
//	fetchAuth(input, init)  fetch; renews a dead access token once and retries
//	renew(since)            renews the access token unless that happened since
//	signOut()               ends the session, in all tabs
//
// The answer has an ETag.
func ScriptHandler() http.Handler {
	js, err := builtin.ReadFile("static/auth.js")
	if err != nil {
		panic(err) // it is embedded
	}
	return newAsset("auth.js", "text/javascript; charset=utf-8", js)
}
