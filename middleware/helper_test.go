package middleware_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/middleware"
)

// mustPanic runs f and wants a panic whose text contains want.
func mustPanic(tb testing.TB, name, want string, f func()) {
	tb.Helper()
	defer func() {
		tb.Helper()
		switch got := recover(); {
		case got == nil:
			tb.Errorf("%s did not panic, want %q", name, want)
		case !strings.Contains(fmt.Sprint(got), want):
			tb.Errorf("%s panicked with %q, want %q in it", name, got, want)
		}
	}()
	f()
}

// noon is the clock of these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// people is an Authenticator that knows who is who by name: the bearer token or
// the cookie "sid". It counts how often it is asked.
type people struct {
	known map[string]middleware.Principal
	fails error // if set, what it answers instead
	asked int
}

func (a *people) Authenticate(r *http.Request) (*middleware.Principal, error) {
	a.asked++
	if a.fails != nil {
		return nil, a.fails
	}
	raw, viaCookie, err := middleware.Credential(r, "sid")
	if err != nil {
		return nil, err
	}
	p, ok := a.known[raw]
	if !ok {
		return nil, middleware.ErrInvalidToken
	}
	p.ViaCookie = viaCookie
	return &p, nil
}

// everybody has one user of each kind.
func everybody() *people {
	return &people{known: map[string]middleware.Principal{
		"ann": {UserID: "u-ann", Email: "ann@example.com", EmailVerified: true, Role: "admin", AuthTime: noon.Add(-time.Minute)},
		"mod": {UserID: "u-mod", Email: "mod@example.com", EmailVerified: true, Role: "moderator", AuthTime: noon.Add(-time.Hour)},
		"bob": {UserID: "u-bob", Email: "bob@example.com", Role: "user", AuthTime: noon.Add(-time.Hour)},
		"key": {UserID: "u-bob", Permissions: []string{"reports:read"}},
	}}
}

func clock() time.Time { return noon }

// answer is what a handler behind a guard saw and said.
type answer struct {
	*httptest.ResponseRecorder
	principal *middleware.Principal // nil if there was none
	reached   bool
}

// serve sends r through wrap.
func serve(wrap func(http.Handler) http.Handler, r *http.Request) *answer {
	a := &answer{ResponseRecorder: httptest.NewRecorder()}
	wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.reached = true
		a.principal, _ = middleware.PrincipalFrom(r.Context())
	})).ServeHTTP(a, r)
	return a
}

// code returns the problem code of a rejection, and "" for other answers.
func (a *answer) code() string {
	_, rest, _ := strings.Cut(a.Body.String(), `"code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return code
}

// discard keeps the expected failures of tests out of their output.
var discard = slog.New(slog.DiscardHandler)
