package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/token"
)

// joseAnswer is what node/jose.mjs says to one task.
type joseAnswer struct {
	Payload, Header map[string]any
	Token, Error    string
}

// signer is a private key as both sides take it.
func signer(tb testing.TB, alg string) (key crypto.Signer, text string) {
	tb.Helper()
	var err error
	switch alg {
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// TestJose: npm's jose verifies our access tokens with nothing but what is
// published (or the shared secret), and our service accepts what jose makes by
// the same rules and nothing else.
func TestJose(t *testing.T) {
	for _, alg := range []string{"HS256", "EdDSA", "ES256", "RS256"} {
		t.Run(alg, func(t *testing.T) {
			l, base := reserve(t)
			proof := map[string]any{"secret": secret} // for signing
			change := func(*auth.Config) {}
			check := map[string]any{"secret": secret}
			var public string // the public key, which is no secret
			if alg != "HS256" {
				private, text := signer(t, alg)
				key, err := token.PrivateKey(private)
				if err != nil {
					t.Fatal(err)
				}
				ring, err := token.NewKeyring(key)
				if err != nil {
					t.Fatal(err)
				}
				change = func(c *auth.Config) { c.Keys = ring }
				proof = map[string]any{"pem": text}
				check = map[string]any{"jwks": base + "/auth/jwks.json"}
				der, err := x509.MarshalPKIXPublicKey(private.Public())
				if err != nil {
					t.Fatal(err)
				}
				public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
			}
			s := newSite(t, l, change)
			ours := s.register(t)

			// jose reads ours.
			with := func(more map[string]any) map[string]any {
				task := maps.Clone(check)
				maps.Copy(task, map[string]any{"verify": ours, "alg": alg, "issuer": base + "/auth", "audience": base + "/auth"})
				maps.Copy(task, more)
				return task
			}
			var read []joseAnswer
			ask(t, "jose.mjs", []any{with(nil), with(map[string]any{"issuer": base}), with(map[string]any{"audience": "another"}),
				with(map[string]any{"verify": ours[:len(ours)-4] + "AAAA"}), with(map[string]any{"alg": "PS256"})}, &read)
			claims, header := read[0].Payload, read[0].Header
			if read[0].Error != "" || claims["sub"] == "" || header["typ"] != "at+jwt" || header["alg"] != alg {
				t.Fatalf("jose reads our token as %+v", read[0])
			}
			for i, a := range read[1:] {
				if a.Error == "" {
					t.Errorf("jose takes our token although rule %d is another", i+1)
				}
			}

			// We read jose's.
			forge := func(alg string, header, claims, with map[string]any) map[string]any {
				task := maps.Clone(proof)
				task["alg"], task["header"], task["sign"] = alg, header, claims
				maps.Copy(task, with)
				return task
			}
			but := func(m map[string]any, name string, v any) map[string]any {
				m = maps.Clone(m)
				if m[name] = v; v == nil {
					delete(m, name)
				}
				return m
			}
			type forged struct {
				name string
				task map[string]any
				want int
			}
			tasks := []forged{
				{"the same claims", forge(alg, header, claims, nil), 200},
				{"typ JWT", forge(alg, but(header, "typ", "JWT"), claims, nil), 401},
				{"no typ", forge(alg, but(header, "typ", nil), claims, nil), 401},
				{"alg none", forge("none", header, claims, nil), 401},
				{"another issuer", forge(alg, header, but(claims, "iss", base), nil), 401},
				{"another audience", forge(alg, header, but(claims, "aud", "another"), nil), 401},
				{"no expiry", forge(alg, header, but(claims, "exp", nil), nil), 401},
				{"expired", forge(alg, header, but(but(claims, "exp", 1_500_000_000), "iat", 1_499_999_000), nil), 401},
				{"no session", forge(alg, header, but(claims, "sid", nil), nil), 401},
				{"an unknown key", forge(alg, but(header, "kid", "unknown"), claims, nil), 401},
			}
			switch alg {
			case "HS256":
				tasks = append(tasks, forged{"HS384 and the same secret", forge("HS384", header, claims, nil), 401},
					forged{"HS512 and the same secret", forge("HS512", header, claims, nil), 401})
			case "RS256":
				tasks = append(tasks, forged{"PS256 and the same key", forge("PS256", header, claims, nil), 401})
				fallthrough
			default:
				tasks = append(tasks, forged{"HS256 and the public key as the secret",
					forge("HS256", header, claims, map[string]any{"secret": public, "pem": nil}), 401})
			}
			requests := []any{}
			for _, tt := range tasks {
				requests = append(requests, tt.task)
			}
			var made []joseAnswer
			ask(t, "jose.mjs", requests, &made)
			for i, tt := range tasks {
				if made[i].Error != "" {
					t.Fatalf("jose does not make a token with %s: %s", tt.name, made[i].Error)
				}
				if status := s.me(t, made[i].Token); status != tt.want {
					t.Errorf("a token of jose with %s = %d, want %d", tt.name, status, tt.want)
				}
			}
		})
	}
}
