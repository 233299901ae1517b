package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/jwtauth/v5"
	pkgz "github.com/go-pkgz/auth/v2"
	pkgzprovider "github.com/go-pkgz/auth/v2/provider"
	pkgztoken "github.com/go-pkgz/auth/v2/token"
	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
)

// The names of contestants that others are compared with.
const (
	hit       = "aegis, token seen before"
	miss      = "aegis, token new"
	golangJWT = "golang-jwt"
	rawCheck  = "bare signature check"
)

// tokenPeers are the middlewares that check an access token. Each is set up as
// its own documents do, and all do the same work: signature, expiry, and the user
// in the request's context.
func tokenPeers(s *signer) ([]peer, error) {
	good, bad := bearer(s.tokens)
	list := []peer{
		// The second cache has places for eight tokens, which many others take
		// before any of them comes again.
		{hit, aegis(s, 0), good, bad},
		{miss, aegis(s, 8), good, bad},
		{golangJWT, ownMiddleware(s), good, bad},
		{"go-chi/jwtauth", chi(s), good, bad},
		{"labstack/echo-jwt", echoJWT(s), good, bad},
	}
	if s.name == "HS256" { // the one algorithm it has
		p, err := pkgzPeer()
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func aegis(s *signer, cache int) func(http.Handler) http.Handler {
	v := &token.Verifier{Keys: s.ring, Issuer: issuer, CacheSize: cache}
	return (&middleware.Guard{Authenticator: middleware.Tokens(v)}).RequireUser
}

type claimsKey struct{}

// ownMiddleware is what people write around golang-jwt.
func ownMiddleware(s *signer) func(http.Handler) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.method.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer), jwt.WithExpirationRequired())
	return func(next http.Handler) http.Handler {
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
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
		})
	}
}

func chi(s *signer) func(http.Handler) http.Handler {
	ja := jwtauth.New(s.name, s.private, s.public)
	return func(next http.Handler) http.Handler {
		return jwtauth.Verifier(ja)(jwtauth.Authenticator(ja)(next))
	}
}

func echoJWT(s *signer) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		e := echo.New()
		e.Use(echojwt.WithConfig(echojwt.Config{SigningKey: s.public, SigningMethod: s.name}))
		e.GET("/", echo.WrapHandler(next))
		return e
	}
}

// pkgzPeer makes its own tokens, as it wants a user in them.
func pkgzPeer() (peer, error) {
	svc := pkgz.NewService(pkgz.Opts{
		SecretReader:  pkgztoken.SecretFunc(func(string) (string, error) { return string(secret), nil }),
		TokenDuration: time.Hour, Issuer: issuer, URL: issuer, DisableIAT: true,
	})
	svc.AddDirectProvider("local", pkgzprovider.CredCheckerFunc(func(string, string) (bool, error) { return false, nil }))
	tokens := make([]string, many)
	for i := range tokens {
		raw, err := svc.TokenService().Token(pkgztoken.Claims{
			RegisteredClaims: jwt.RegisteredClaims{
				ID: "a", Issuer: issuer, Audience: jwt.ClaimStrings{issuer}, ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour + time.Duration(i)*time.Second)),
			},
			User: &pkgztoken.User{ID: "local_0192f0c1", Name: "someone", Role: "user"},
		})
		if err != nil {
			return peer{}, err
		}
		tokens[i] = raw
	}
	m := svc.Middleware()
	return peer{"go-pkgz/auth", m.Auth, inHeader("X-JWT", "", tokens), inHeader("X-JWT", "", forged(tokens))}, nil
}
