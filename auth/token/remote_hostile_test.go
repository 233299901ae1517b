package token

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestHostileAnswers: none of these becomes a key set, none makes us wait, read or
// follow without bound, and the keys known before keep serving.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	k := newEdDSA(t)
	good := jwksOf(k)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("a redirect was followed")
		_, _ = io.WriteString(w, good)
	}))
	t.Cleanup(elsewhere.Close) // the parallel cases run after this function
	for name, h := range map[string]http.HandlerFunc{
		"not found":         http.NotFound,
		"server error":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, good, 500) },
		"no content":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"other 2xx":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(203); _, _ = io.WriteString(w, good) },
		"redirect":          func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, 302) },
		"redirect for ever": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), 307) },
		"empty":             func(http.ResponseWriter, *http.Request) {},
		"HTML":              func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>"+good) },
		"list":              func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") },
		"no keys member":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Keys":[]}`) },
		"null keys":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":null}`) },
		"keys twice":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[],`+good[1:]) },
		"trailing":          func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, good+good) },
		"deep":              func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("[", 1<<16)) },
		"too many keys": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[`+strings.Repeat(`{},`, 300)+`{}]}`)
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, good+strings.Repeat(" ", maxJWKS))
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, good)
		},
		"compression bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00\x00")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hostile atomic.Bool
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if hostile.Load() {
					h(w, r)
					return
				}
				_, _ = io.WriteString(w, good)
			}))
			defer srv.Close()
			now := testNow
			clock := func() time.Time { return now }
			raw := mustSign(t, newRing(t, k), testClaims())

			fresh := testVerifier(&RemoteKeys{URL: srv.URL, Client: srv.Client(), Now: clock})
			hostile.Store(true)
			expect(t, fresh, raw, ErrUnavailable, "with no keys known before")

			known := testVerifier(&RemoteKeys{URL: srv.URL, Client: srv.Client(), Now: clock})
			hostile.Store(false)
			expect(t, known, raw, nil, "before")
			hostile.Store(true)
			now = now.Add(defaultMaxAge)
			expect(t, known, raw, nil, "with keys known before")
		})
	}
}

func TestRemoteKeysWantHTTPS(t *testing.T) {
	t.Parallel()
	k := newEdDSA(t)
	for url, want := range map[string]error{
		"https://issuer.example/k": nil, "http://localhost:1/k": nil, "http://127.0.0.1:1/k": nil, "http://[::1]:1/k": nil, "http://a.localhost/k": nil,
		"http://issuer.example/k": ErrUnavailable, "http://127.0.0.1.evil.example/k": ErrUnavailable, "http://localhost.evil.example/k": ErrUnavailable, "": ErrUnavailable, "/k": ErrUnavailable, "ftp://issuer.example/k": ErrUnavailable,
		"file:///etc/passwd": ErrUnavailable, "https://user:pass@issuer.example/k": ErrUnavailable, "https://": ErrUnavailable, "::": ErrUnavailable, "http://10.0.0.1/k": ErrUnavailable,
	} {
		is := &issuer{keys: []Key{k}}
		remote := is.remote()
		remote.URL = url
		expect(t, testVerifier(remote), mustSign(t, newRing(t, k), testClaims()), want, url)
		if asked := is.count() > 0; asked != (want == nil) {
			t.Errorf("%q: a request was made = %v, want %v", url, asked, want == nil)
		}
	}
	is := &issuer{keys: []Key{k}}
	remote := is.remote()
	remote.URL, remote.InsecureAllowHTTP = "http://auth.internal/k", true
	expect(t, testVerifier(remote), mustSign(t, newRing(t, k), testClaims()), nil, "InsecureAllowHTTP")
}
