package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"
)

const testIssuer = "https://app.example.com/auth"

// testNow is the moment at which tests happen unless they say otherwise.
var testNow = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

// testKeys has one key for each algorithm. RSA keys are slow to make, so they are
// made once.
var testKeys = sync.OnceValue(func() map[string]Key {
	must := func(k Key, err error) Key {
		if err != nil {
			panic(err)
		}
		return k
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	e, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, _ := ed25519.GenerateKey(rand.Reader)
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	return map[string]Key{
		HS256: must(HMAC(secret)), ES256: must(PrivateKey(e)), EdDSA: must(PrivateKey(d)), RS256: must(PrivateKey(r)),
	}
})

func newHMAC(tb testing.TB) Key {
	tb.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	k, err := HMAC(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func newEdDSA(tb testing.TB) Key {
	tb.Helper()
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := PrivateKey(d)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func newRing(tb testing.TB, signing Key, accepted ...Key) *Keyring {
	tb.Helper()
	k, err := NewKeyring(signing, accepted...)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func testClaims() *Claims {
	issued := testNow.Truncate(time.Second)
	return &Claims{
		ID: "jti-1", Issuer: testIssuer, Subject: "user-1", SessionID: "session-1", Audience: []string{testIssuer},
		IssuedAt: issued, ExpiresAt: issued.Add(15 * time.Minute), AuthTime: issued.Add(-time.Hour),
		Role: "admin", Epoch: 7, Methods: []string{"pwd"},
	}
}

func testVerifier(keys KeySet) *Verifier {
	return &Verifier{Keys: keys, Issuer: testIssuer, Now: func() time.Time { return testNow }}
}

func mustSign(tb testing.TB, k *Keyring, c *Claims) string {
	tb.Helper()
	raw, err := k.Sign(c)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	full := testClaims()
	full.Audience = []string{"https://other.example.com", testIssuer, "third"}
	full.NotBefore = full.IssuedAt
	full.Methods = []string{"pwd", "otp", "mfa"}
	full.Permissions = []string{"users:read", "ünïcode \"quoted\" \\ \n"}
	full.Orgs = map[string]string{"org-1": "owner", "org-2": "member"}
	full.Extra = map[string]any{"email_verified": true, "off": false, "plan": "pro", "n": 1.5, "nothing": nil,
		"list": []any{"a", 2.0, map[string]any{"deep": true}}, "<&>\u2028": "<&>\u2028"}
	empty := testClaims()
	empty.Permissions = []string{}
	empty.Orgs = map[string]string{}
	least := testClaims()
	least.AuthTime, least.Role, least.Epoch, least.Methods = time.Time{}, "", 0, nil

	for alg, key := range testKeys() {
		for name, want := range map[string]*Claims{"usual": testClaims(), "full": full, "empty lists": empty, "least": least} {
			t.Run(alg+"/"+name, func(t *testing.T) {
				t.Parallel()
				ring := newRing(t, key)
				raw := mustSign(t, ring, want)
				v := testVerifier(ring)
				for _, when := range []string{"first", "second"} {
					got, err := v.Verify(t.Context(), raw)
					if err != nil {
						t.Fatalf("Verify(%s time) = %v", when, err)
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("Verify(%s time) = %+v, want %+v", when, got, want)
					}
				}
				if p, err := ring.VerifySignature(t.Context(), raw); err != nil || len(p) == 0 {
					t.Errorf("VerifySignature = %q, %v", p, err)
				}
			})
		}
	}
}

func TestZeroValuesRejectEverything(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	raw := mustSign(t, ring, testClaims())
	now := func() time.Time { return testNow }
	for name, v := range map[string]*Verifier{
		"nil":         nil,
		"zero":        {},
		"no keys":     {Issuer: testIssuer, Now: now},
		"no issuer":   {Keys: ring, Now: now},
		"zero ring":   {Keys: &Keyring{}, Issuer: testIssuer, Now: now},
		"nil ring":    {Keys: (*Keyring)(nil), Issuer: testIssuer, Now: now},
		"nil remote":  {Keys: (*RemoteKeys)(nil), Issuer: testIssuer, Now: now},
		"zero remote": {Keys: &RemoteKeys{}, Issuer: testIssuer, Now: now},
	} {
		c, err := v.Verify(t.Context(), raw)
		if c != nil || !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: Verify = %v, %v, want a refusal", name, c, err)
		}
		if c, err := v.VerifyExpired(t.Context(), raw); c != nil || err == nil {
			t.Errorf("%s: VerifyExpired = %v, %v, want a refusal", name, c, err)
		}
	}
	if _, err := (&Keyring{}).Sign(testClaims()); err == nil {
		t.Error("Sign of the zero Keyring succeeded")
	}
	if _, err := NewKeyring(Key{}); err == nil {
		t.Error("NewKeyring(zero Key) succeeded")
	}
}
