package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aegis-auth/aegis/examples/bench/turns"
)

// empty is what every contestant protects.
var empty = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// peer is a middleware, with requests that it lets pass.
type peer struct {
	name string
	wrap func(http.Handler) http.Handler
	// good and bad put a credential into a request, one of many.
	good, bad []func(*http.Request)
}

// contestant sends the good requests in turn through the middleware.
func (p peer) contestant() turns.Contestant {
	h := p.wrap(empty)
	return turns.Contestant{Name: p.name, Worker: func() func() error {
		list := make([]*http.Request, len(p.good))
		for i, prepare := range p.good {
			list[i] = httptest.NewRequest("GET", "/", nil)
			prepare(list[i])
		}
		w := &sink{header: http.Header{}}
		i := 0
		return func() error {
			clear(w.header) // every response has a header of its own
			w.status = 0
			h.ServeHTTP(w, list[i%len(list)])
			i++
			if w.status >= 300 {
				return fmt.Errorf("refused with %d", w.status)
			}
			return nil
		}
	}}
}

// sink is a response that nobody reads.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (w *sink) Header() http.Header         { return w.header }
func (w *sink) Write(p []byte) (int, error) { w.bytes += len(p); return len(p), nil }
func (w *sink) WriteHeader(status int)      { w.status = status }

// inHeader makes credentials of header fields with that prefix.
func inHeader(name, prefix string, values []string) []func(*http.Request) {
	list := make([]func(*http.Request), len(values))
	for i, v := range values {
		list[i] = func(r *http.Request) { r.Header.Set(name, prefix+v) }
	}
	return list
}

// bearer makes good and bad credentials of tokens.
func bearer(tokens []string) (good, bad []func(*http.Request)) {
	return inHeader("Authorization", "Bearer ", tokens), inHeader("Authorization", "Bearer ", forged(tokens))
}

// inCookie makes credentials of values of a cookie.
func inCookie(name string, values []string) []func(*http.Request) {
	list := make([]func(*http.Request), len(values))
	for i, v := range values {
		list[i] = func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: v}) }
	}
	return list
}

// forged changes a character in the middle of what proves each credential.
func forged(list []string) []string {
	out := make([]string, len(list))
	for i, raw := range list {
		b := []byte(raw)
		at := len(b) - 20
		if b[at] != 'A' {
			b[at] = 'A'
		} else {
			b[at] = 'B'
		}
		out[i] = string(b)
	}
	return out
}
