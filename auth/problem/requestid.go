package problem

import (
	"context"
	"crypto/rand"
	"net/http"
)

// RequestIDHeader is the field that carries the request's ID both ways.
const RequestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// WithRequestID returns a context that carries id for [RequestID]. An id that
// is not 1 to 64 characters of A-Z a-z 0-9 . _ - is replaced by a fresh random
// one, so what a stranger sends can be logged and echoed without harm.
func WithRequestID(ctx context.Context, id string) context.Context {
	if !validRequestID(id) {
		id = newRequestID()
	}
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the ID that [WithRequestID] put into ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// EnsureRequestID gives a request its ID: the one it has already, else the one
// in its X-Request-Id field if that is well-formed, else a fresh one. The
// response carries it from then on, and the returned request's context too.
// Calling it again changes nothing.
func EnsureRequestID(w http.ResponseWriter, r *http.Request) *http.Request {
	id := requestIDOf(w, r)
	if w.Header().Get(RequestIDHeader) != id {
		w.Header().Set(RequestIDHeader, id)
	}
	if RequestID(r.Context()) == id {
		return r
	}
	return r.WithContext(WithRequestID(r.Context(), id))
}

// requestIDOf decides by who is trusted most: code that already answered, the
// context, then the client.
func requestIDOf(w http.ResponseWriter, r *http.Request) string {
	if id := w.Header().Get(RequestIDHeader); validRequestID(id) {
		return id
	}
	if id := RequestID(r.Context()); id != "" {
		return id
	}
	if id := r.Header.Get(RequestIDHeader); validRequestID(id) {
		return id
	}
	return newRequestID()
}

func newRequestID() string { return rand.Text() }

func validRequestID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
