package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/jwtauth/v5"
	"github.com/golang-jwt/jwt/v5"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

const issuer = "https://app.example.com/auth"

var secret = []byte("V7kQ2mZp9xLr4Tn8Wc3Yb6Jd1Hs5Gf0A-bench")

// signer is one algorithm with what each library needs for it.
type signer struct {
	name    string
	key     token.Key
	method  jwt.SigningMethod
	private any
	public  any
}

func signers(tb testing.TB) []signer {
	tb.Helper()
	must := func(k token.Key, err error) token.Key {
		if err != nil {
			tb.Fatal(err)
		}
		return k
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	edPublic, ed, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return []signer{
		{"HS256", must(token.HMAC(secret)), jwt.SigningMethodHS256, secret, secret},
		{"ES256", must(token.PrivateKey(ec)), jwt.SigningMethodES256, ec, &ec.PublicKey},
		{"EdDSA", must(token.PrivateKey(ed)), jwt.SigningMethodEdDSA, ed, edPublic},
		{"RS256", must(token.PrivateKey(rs)), jwt.SigningMethodRS256, rs, &rs.PublicKey},
	}
}

// sign returns a token with the same claims for every library.
func sign(tb testing.TB, s signer) string {
	tb.Helper()
	now := time.Now().Truncate(time.Second)
	ring, err := token.NewKeyring(s.key)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := ring.Sign(&token.Claims{
		ID: store.NewID(now), Issuer: issuer, Audience: []string{issuer}, Subject: store.NewID(now), SessionID: store.NewID(now),
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), AuthTime: now, Role: "user", Methods: []string{"pwd"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// serve runs requests with the token through a handler that must let them pass.
func serve(b *testing.B, h http.Handler, prepare func(*http.Request)) {
	b.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	prepare(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("refused: %d %s", w.Code, w.Body)
	}
	sink := nopWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(sink, r)
	}
}

// nopWriter is a response that nobody reads.
type nopWriter struct{ header http.Header }

func (w nopWriter) Header() http.Header         { return w.header }
func (w nopWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w nopWriter) WriteHeader(int)             {}

var ok = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})

// BenchmarkProtectedRoute is one request through a whole middleware: ours with
// the cache hit and without a cache, and the others.
func BenchmarkProtectedRoute(b *testing.B) {
	for _, s := range signers(b) {
		raw := sign(b, s)
		bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+raw) }
		ours := func(cache int) http.Handler {
			ring, err := token.NewKeyring(s.key)
			if err != nil {
				b.Fatal(err)
			}
			guard := &middleware.Guard{Authenticator: middleware.Tokens(&token.Verifier{Keys: ring, Issuer: issuer, CacheSize: cache})}
			return guard.RequireUser(ok)
		}
		b.Run(s.name+"/aegis-hit", func(b *testing.B) { serve(b, ours(0), bearer) })
		b.Run(s.name+"/aegis-miss", func(b *testing.B) { serve(b, ours(-1), bearer) })
		b.Run(s.name+"/golang-jwt", func(b *testing.B) { serve(b, golangJWT(s), bearer) })
		b.Run(s.name+"/chi-jwtauth", func(b *testing.B) {
			ja := jwtauth.New(s.name, s.private, s.public)
			serve(b, jwtauth.Verifier(ja)(jwtauth.Authenticator(ja)(ok)), bearer)
		})
	}
	b.Run("session/scs-memory", func(b *testing.B) {
		sessions := scs.New()
		ctx, err := sessions.Load(context.Background(), "")
		if err != nil {
			b.Fatal(err)
		}
		sessions.Put(ctx, "user", "someone")
		id, _, err := sessions.Commit(ctx)
		if err != nil {
			b.Fatal(err)
		}
		h := sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if sessions.GetString(r.Context(), "user") == "" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		serve(b, h, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "session", Value: id}) })
	})
}

// golangJWT is the middleware that people write around golang-jwt.
func golangJWT(s signer) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.method.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer), jwt.WithExpirationRequired())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const prefix = "Bearer "
		header := r.Header.Get("Authorization")
		if len(header) < len(prefix) || header[:len(prefix)] != prefix {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims := new(jwt.RegisteredClaims)
		_, err := parser.ParseWithClaims(header[len(prefix):], claims, func(t *jwt.Token) (any, error) {
			if t.Method != s.method {
				return nil, errors.New("another algorithm")
			}
			return s.public, nil
		})
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		ok.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
	})
}

type claimsKey struct{}

// TestAllAccept shows that the benchmarks compare requests that pass.
func TestAllAccept(t *testing.T) {
	for _, s := range signers(t) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+sign(t, s))
		golangJWT(s).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("golang-jwt with %s = %d", s.name, w.Code)
		}
	}
}
