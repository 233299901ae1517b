package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

const issuer = "https://app.example.com/auth"

// issue returns a keyring and a verifier of its tokens.
func issue(tb testing.TB) (*token.Keyring, *token.Verifier) {
	tb.Helper()
	key, err := token.HMAC([]byte("Zt5vQ0m1xk8WcR3uYb7dLe2pNf9hGsAj"))
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := token.NewKeyring(key)
	if err != nil {
		tb.Fatal(err)
	}
	return ring, &token.Verifier{Keys: ring, Issuer: issuer, Now: clock}
}

// sign returns a token of ann's, as change makes it.
func sign(tb testing.TB, ring *token.Keyring, change func(*token.Claims)) string {
	tb.Helper()
	c := &token.Claims{
		ID: "t-1", Issuer: issuer, Subject: "u-ann", SessionID: "s-1", Audience: []string{issuer},
		IssuedAt: noon, ExpiresAt: noon.Add(15 * time.Minute), AuthTime: noon.Add(-time.Minute), Role: "admin",
	}
	if change != nil {
		change(c)
	}
	raw, err := ring.Sign(c)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestTokensPrincipal(t *testing.T) {
	t.Parallel()
	ring, v := issue(t)
	raw := sign(t, ring, func(c *token.Claims) {
		c.Permissions = []string{"reports:read"}
		c.Orgs = map[string]string{"o-1": "owner", "o-2": "nonsense"}
		c.Extra = map[string]any{"email": "ann@example.com", "email_verified": true, "plan": "gold"}
	})
	for _, viaCookie := range []bool{false, true} {
		r := request("Authorization: Bearer " + raw)
		if viaCookie {
			r = request("Cookie: aegis_session=" + raw)
		}
		p, err := middleware.Tokens(v, "aegis_session").Authenticate(r)
		if err != nil {
			t.Fatalf("Authenticate: %v", err)
		}
		if p.UserID != "u-ann" || p.SessionID != "s-1" || p.Role != "admin" || !p.AuthTime.Equal(noon.Add(-time.Minute)) ||
			p.Email != "ann@example.com" || !p.EmailVerified || !slices.Equal(p.Permissions, []string{"reports:read"}) ||
			p.User != nil || p.ViaCookie != viaCookie {
			t.Errorf("Authenticate = %+v, want what the token says, ViaCookie %v", p, viaCookie)
		}
		if len(p.Orgs) != 2 || p.Orgs["o-1"] != store.OrgOwner || p.Orgs["o-2"].AtLeast(store.OrgMember) {
			t.Errorf("Orgs = %v, want owner of o-1 and no rank in o-2", p.Orgs)
		}
		if p.Claims == nil || p.Claims.Extra["plan"] != "gold" {
			t.Errorf("Claims = %+v, want the caller's own claim among them", p.Claims)
		}
	}
}

// What a token does not say admits to nothing.
func TestTokensWithoutClaims(t *testing.T) {
	t.Parallel()
	ring, v := issue(t)
	for name, change := range map[string]func(*token.Claims){
		"plain":                      func(*token.Claims) {},
		"verified, but no address":   func(c *token.Claims) { c.Extra = map[string]any{"email_verified": true} },
		"verified by a string":       func(c *token.Claims) { c.Extra = map[string]any{"email": "a@b.example", "email_verified": "true"} },
		"verified by a number":       func(c *token.Claims) { c.Extra = map[string]any{"email": "a@b.example", "email_verified": 1} },
		"an address that is no text": func(c *token.Claims) { c.Extra = map[string]any{"email": []any{"a@b.example"}, "email_verified": true} },
	} {
		raw := sign(t, ring, func(c *token.Claims) { c.Role = ""; c.AuthTime = time.Time{}; change(c) })
		g := &middleware.Guard{Authenticator: middleware.Tokens(v), Now: clock}
		for wrapName, want := range map[string]int{
			"RequireUser": 200, "OptionalUser": 200, "RequireVerified": 403, "RequireRole": 403, "RequirePermission": 403, "RequireFresh": 403, "RequireOrgRole": 404,
		} {
			if a := serve(allWraps(g)[wrapName], request("Authorization: Bearer "+raw)); a.Code != want {
				t.Errorf("%s with a token that is %s: %d, want %d", wrapName, name, a.Code, want)
			}
		}
	}
}

type keysDown struct{}

func (keysDown) VerifySignature(context.Context, string) ([]byte, error) {
	return nil, fmt.Errorf("fetch keys: %w", token.ErrUnavailable)
}

type keysOdd struct{}

func (keysOdd) VerifySignature(context.Context, string) ([]byte, error) {
	return nil, errors.New("disk full")
}

func TestTokensRefusals(t *testing.T) {
	t.Parallel()
	ring, v := issue(t)
	good := sign(t, ring, nil)
	old := sign(t, ring, func(c *token.Claims) { c.IssuedAt, c.ExpiresAt = noon.Add(-time.Hour), noon })
	foreign := sign(t, ring, func(c *token.Claims) { c.Issuer = "https://other.example" })
	tests := []struct {
		name   string
		v      *token.Verifier
		fields []string
		status int
		cause  error
	}{
		{"nothing", v, nil, 401, middleware.ErrNoCredentials},
		{"a cookie nobody reads", v, []string{"Cookie: other=" + good}, 401, middleware.ErrNoCredentials},
		{"an expired token", v, []string{"Authorization: Bearer " + old}, 401, token.ErrExpired},
		{"an expired cookie", v, []string{"Cookie: sid=" + old}, 401, token.ErrExpired},
		{"another issuer", v, []string{"Authorization: Bearer " + foreign}, 401, token.ErrInvalid},
		{"a forged token", v, []string{"Authorization: Bearer " + good[:len(good)-4] + "AAAA"}, 401, token.ErrInvalid},
		{"no token at all", v, []string{"Authorization: Bearer abc"}, 401, token.ErrInvalid},
		{"a million dots", v, []string{"Authorization: Bearer " + strings.Repeat(".", 1_000_000)}, 401, middleware.ErrInvalidToken},
		{"a revoked token", &token.Verifier{Keys: ring, Issuer: issuer, Now: clock, Revoked: func(*token.Claims) bool { return true }}, []string{"Authorization: Bearer " + good}, 401, token.ErrRevoked},
		{"a verifier without keys", &token.Verifier{}, []string{"Authorization: Bearer " + good}, 401, token.ErrInvalid},
		{"two cookies", v, []string{"Cookie: sid=" + good + "; sid=evil"}, 401, middleware.ErrAmbiguousCookie},
		{"keys that cannot be fetched", &token.Verifier{Keys: keysDown{}, Issuer: issuer}, []string{"Authorization: Bearer " + good}, 503, token.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := middleware.Tokens(tt.v, "sid").Authenticate(request(tt.fields...))
			if e := problem.From(err); e == nil || e.Status != tt.status || !errors.Is(err, tt.cause) {
				t.Errorf("Authenticate error = %v, want status %d for %v", err, tt.status, tt.cause)
			}
			if tt.status == 401 && !errors.Is(err, middleware.ErrNoCredentials) && !errors.Is(err, middleware.ErrAmbiguousCookie) && !errors.Is(err, middleware.ErrInvalidToken) {
				t.Errorf("Authenticate error = %v, want ErrInvalidToken", err)
			}
		})
	}
	// A key set that breaks its contract says nothing about the token either,
	// whichever way the verifier takes it.
	if _, err := middleware.Tokens(&token.Verifier{Keys: keysOdd{}, Issuer: issuer}).Authenticate(request("Authorization: Bearer " + good)); err == nil {
		t.Error("Authenticate succeeded without a key")
	}
}

// The answer to a token that is remembered follows the clock and the keys.
func TestTokensNoticeExpiryAndRetirement(t *testing.T) {
	t.Parallel()
	now := noon
	ring, v := issue(t)
	v.Now = func() time.Time { return now }
	raw := sign(t, ring, nil)
	g := &middleware.Guard{Authenticator: middleware.Tokens(v)}
	r := request("Authorization: Bearer " + raw)
	for range 3 {
		if a := serve(g.RequireUser, r); a.Code != 200 {
			t.Fatalf("a good token: %d, want 200", a.Code)
		}
	}
	now = noon.Add(15 * time.Minute)
	if a := serve(g.RequireUser, r); a.Code != 401 {
		t.Errorf("at its last second: %d, want 401", a.Code)
	}
	now = noon
	if a := serve(g.RequireUser, r); a.Code != 200 {
		t.Errorf("a clock set back: %d, want 200", a.Code)
	}
	next, err := token.HMAC([]byte("Qw8zXc3vBn6mAs1dFg4hJk7lPo9iUy2T"))
	if err != nil {
		t.Fatal(err)
	}
	first := ring.Keys()[0].ID()
	if err := ring.Rotate(next); err != nil {
		t.Fatal(err)
	}
	if a := serve(g.RequireUser, r); a.Code != 200 {
		t.Errorf("after a rotation: %d, want 200", a.Code)
	}
	if err := ring.Retire(first); err != nil {
		t.Fatal(err)
	}
	if a := serve(g.RequireUser, r); a.Code != 401 {
		t.Errorf("after its key was retired: %d, want 401", a.Code)
	}
}

// The names are the caller's; changing them afterwards changes nothing.
func TestTokensCopiesItsArguments(t *testing.T) {
	t.Parallel()
	ring, v := issue(t)
	raw := sign(t, ring, nil)
	names := []string{"sid"}
	a := middleware.Tokens(v, names...)
	names[0] = "other"
	if _, err := a.Authenticate(request("Cookie: other=" + raw)); !errors.Is(err, middleware.ErrNoCredentials) {
		t.Errorf("Authenticate by a cookie that was named later = %v, want ErrNoCredentials", err)
	}
	mustPanic(t, "an empty name", "empty cookie name", func() { middleware.Tokens(v, "sid", "") })
}

// sink is a ResponseWriter that costs nothing itself.
type sink struct {
	h      http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

var reached int

var count = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
	if p, ok := middleware.PrincipalFrom(r.Context()); ok && p.UserID != "" {
		reached++
	}
})

// The whole guard around a handler that reads its principal: the context with
// the principal in it, and the request's copy.
func TestGuardCostsTwoAllocations(t *testing.T) {
	ring, v := issue(t)
	raw := sign(t, ring, nil)
	g := &middleware.Guard{Authenticator: middleware.Tokens(v, "sid"), Roles: roles}
	live := everybody().known["ann"]
	principal := &live
	cached := &middleware.Guard{Roles: roles, Authenticator: middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) { return principal, nil })}
	noKeys := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) { return nil, middleware.ErrNoCredentials })
	first := &middleware.Guard{Authenticator: middleware.FirstOf(noKeys, middleware.Tokens(v, "sid"))}

	for name, tt := range map[string]struct {
		h http.Handler
		r *http.Request
	}{
		"bearer":          {g.RequireUser(count), request("Authorization: Bearer " + raw)},
		"cookie":          {g.RequireUser(count), request("Cookie: a=b; sid=" + raw)},
		"cookie and POST": {g.RequireUser(count), func() *http.Request { r := request("Cookie: sid=" + raw); r.Method = "POST"; return r }()},
		"optional":        {g.OptionalUser(count), request("Cookie: sid=" + raw)},
		"a stack of four": {g.RequireUser(g.RequireRole("admin")(g.RequirePermission("users:ban")(g.RequireRole("user", "admin")(count)))), request("Cookie: sid=" + raw)},
		"first of two":    {first.RequireUser(count), request("Authorization: Bearer " + raw)},
		"a function":      {cached.RequireRole("admin")(count), request()},
	} {
		w := &sink{h: http.Header{}}
		want := 2.0
		if name == "optional" {
			want = 3 // and the Vary field
		}
		before := reached
		if n := testing.AllocsPerRun(200, func() {
			clear(w.h)
			tt.h.ServeHTTP(w, tt.r)
		}); n > want {
			t.Errorf("%s: %v allocations a request, want at most %v", name, n, want)
		}
		if reached-before != 201 || w.status != 0 {
			t.Errorf("%s: the handler was reached %d times, status %d; want 201, none", name, reached-before, w.status)
		}
	}
}

// A flood of refused requests must not be dearer than it has to be: the error
// document is most of it.
func BenchmarkGuardReject(b *testing.B) {
	_, v := issue(b)
	h := (&middleware.Guard{Authenticator: middleware.Tokens(v, "sid")}).RequireUser(count)
	for _, bb := range []struct {
		name string
		r    *http.Request
	}{
		{"nothing", request()},
		{"malformed", request("Authorization: Bearer %ff")},
		{"junk", request("Authorization: Bearer abc")},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := &sink{h: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				h.ServeHTTP(w, bb.r)
			}
			if w.status != 401 {
				b.Fatalf("status %d, want 401", w.status)
			}
		})
	}
}

// The whole middleware with a token that is remembered.
func BenchmarkGuardTokensHit(b *testing.B) {
	ring, v := issue(b)
	raw := sign(b, ring, nil)
	h := (&middleware.Guard{Authenticator: middleware.Tokens(v, "aegis_session")}).RequireUser(count)
	for _, bb := range []struct {
		name string
		r    *http.Request
	}{
		{"bearer", request("Authorization: Bearer " + raw)},
		{"cookie", request("Cookie: theme=dark; aegis_session=" + raw)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := &sink{h: http.Header{}}
			before := reached
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				h.ServeHTTP(w, bb.r)
			}
			if reached-before < b.N {
				b.Fatalf("the handler was reached %d times of %d", reached-before, b.N)
			}
		})
	}
}

// The whole middleware with a token that is not remembered.
func BenchmarkGuardTokensMiss(b *testing.B) {
	ring, v := issue(b)
	v.CacheSize = -1
	raw := sign(b, ring, nil)
	h := (&middleware.Guard{Authenticator: middleware.Tokens(v)}).RequireUser(count)
	r := request("Authorization: Bearer " + raw)
	w := &sink{h: http.Header{}}
	before := reached
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
	if reached-before < b.N {
		b.Fatalf("the handler was reached %d times of %d", reached-before, b.N)
	}
}

// The handler alone, to subtract.
func BenchmarkHandlerAlone(b *testing.B) {
	w := &sink{h: http.Header{}}
	r := request()
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		count.ServeHTTP(w, r)
	}
}

// A million dots, and whatever else, is refused by a running server.
func TestServerSurvivesJunk(t *testing.T) {
	t.Parallel()
	ring, v := issue(t)
	good := sign(t, ring, nil)
	srv := httptest.NewServer((&middleware.Guard{Authenticator: middleware.Tokens(v, "sid")}).RequireUser(ok))
	t.Cleanup(srv.Close)
	for _, tt := range []struct {
		name, header, value string
		want                int
	}{
		{"good", "Authorization", "Bearer " + good, 200},
		{"percent", "Authorization", "Bearer %ff", 401},
		{"half a megabyte of dots", "Authorization", "Bearer " + strings.Repeat(".", 500_000), 401},
		{"bytes above ASCII", "Authorization", "Bearer \xff\xfe", 401},
		{"an open quote", "Cookie", `sid="`, 401},
		{"many cookies", "Cookie", strings.Repeat("sid=a;", 50_000), 401},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(tt.header, tt.value)
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, res.StatusCode, tt.want)
		}
	}
}
