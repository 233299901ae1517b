package middleware_test

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// exampleKeys stands for the keys of the service that signs people in.
func exampleKeys() *token.Keyring {
	key, err := token.HMAC([]byte("Zt5vQ0m1xk8WcR3uYb7dLe2pNf9hGsAj"))
	if err != nil {
		panic(err)
	}
	ring, err := token.NewKeyring(key)
	if err != nil {
		panic(err)
	}
	return ring
}

// exampleToken is what that service gave to Ann.
func exampleToken(keys *token.Keyring) string {
	raw, err := keys.Sign(&token.Claims{
		ID: "t-1", Issuer: "https://app.example.com/auth", Audience: []string{"https://app.example.com/auth"},
		Subject: "u-ann", SessionID: "s-1", Role: "editor", Orgs: map[string]string{"acme": "member"},
		IssuedAt: time.Now(), ExpiresAt: time.Now().Add(15 * time.Minute), AuthTime: time.Now().Add(-time.Hour),
	})
	if err != nil {
		panic(err)
	}
	return raw
}

func get(h http.Handler, target, bearer string) {
	r := httptest.NewRequest("GET", target, nil)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(strings.TrimSpace(fmt.Sprint(target, " ", w.Code, " ", w.Header().Get("WWW-Authenticate"))))
}

// Wrap routes by what they need. Each wrap authenticates by itself.
func ExampleGuard() {
	keys := exampleKeys()
	guard := &middleware.Guard{
		Authenticator: middleware.Tokens(&token.Verifier{Keys: keys, Issuer: "https://app.example.com/auth"}, "aegis_session"),
		Roles:         map[string][]string{"admin": {"books:burn"}, "editor": {"books:write"}},
	}
	done := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})

	mux := http.NewServeMux()
	mux.Handle("/books", guard.RequireUser(done))
	mux.Handle("/admin", guard.RequireRole("admin")(done))
	mux.Handle("/write", guard.RequirePermission("books:write")(done))
	mux.Handle("/orgs/{org}", guard.RequireOrgRole(store.OrgMember, "org")(done))
	mux.Handle("/pay", guard.RequireFresh(5*time.Minute)(done))

	ann := exampleToken(keys)
	get(mux, "/books", "")
	for _, target := range []string{"/books", "/admin", "/write", "/orgs/acme", "/orgs/other", "/pay"} {
		get(mux, target, ann)
	}
	// Output:
	// /books 401 Bearer
	// /books 200
	// /admin 403 Bearer error="insufficient_scope"
	// /write 200
	// /orgs/acme 200
	// /orgs/other 404
	// /pay 403 Bearer error="insufficient_user_authentication", max_age=300
}

// A page that greets people it knows and works for everybody.
func ExampleGuard_OptionalUser() {
	keys := exampleKeys()
	guard := &middleware.Guard{
		Authenticator: middleware.Tokens(&token.Verifier{Keys: keys, Issuer: "https://app.example.com/auth"}),
	}
	h := guard.OptionalUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := middleware.PrincipalFrom(r.Context()); ok {
			fmt.Println("hello", p.UserID)
			return
		}
		fmt.Println("hello, stranger")
	}))
	get(h, "/", "")
	get(h, "/", exampleToken(keys))
	// Output:
	// hello, stranger
	// / 200
	// hello u-ann
	// / 200
}

// API keys beside sessions: another way to say who one is takes one function.
func ExampleFirstOf() {
	keys := exampleKeys()
	sessions := middleware.Tokens(&token.Verifier{Keys: keys, Issuer: "https://app.example.com/auth"})
	known := sha256.Sum256([]byte("k-7Qm2"))
	apiKeys := middleware.AuthenticatorFunc(func(r *http.Request) (*middleware.Principal, error) {
		key := r.Header.Get("X-Api-Key")
		if key == "" {
			return nil, middleware.ErrNoCredentials // the next one may know
		}
		if sum := sha256.Sum256([]byte(key)); subtle.ConstantTimeCompare(sum[:], known[:]) != 1 {
			return nil, middleware.ErrInvalidToken // nobody else is asked
		}
		return &middleware.Principal{UserID: "u-backup", Permissions: []string{"books:read"}}, nil
	})
	guard := &middleware.Guard{Authenticator: middleware.FirstOf(apiKeys, sessions)}
	h := guard.RequirePermission("books:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))

	for _, key := range []string{"k-7Qm2", "guess"} {
		r := httptest.NewRequest("GET", "/books", nil)
		r.Header.Set("X-Api-Key", key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 401
}

// Test a handler without a guard by putting a principal into its context.
func ExampleWithPrincipal() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := middleware.PrincipalFrom(r.Context())
		fmt.Println("hello", p.Email)
	})
	r := httptest.NewRequest("GET", "/hello", nil)
	r = r.WithContext(middleware.WithPrincipal(r.Context(), &middleware.Principal{UserID: "u-ann", Email: "ann@example.com"}))
	hello.ServeHTTP(httptest.NewRecorder(), r)
	// Output: hello ann@example.com
}

// Behind a balancer in 10.0.0.0/8 the client's address is the last that no
// trusted proxy owns. What the client itself wrote does not count.
func ExampleForwardedFor() {
	clientIP := middleware.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:443"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 2001:db8:1:2::7, 10.0.0.2")
	client := clientIP(r)
	fmt.Println(client, middleware.RateKey(client), middleware.WideRateKey(client))
	// Output: 2001:db8:1:2::7 2001:db8:1:2::/64 2001:db8:1::/48
}
