package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// accepts reports whether a verifier with keys takes raw, and fails on errors
// that are no verdict.
func accepts(tb testing.TB, v *Verifier, raw string) bool {
	tb.Helper()
	_, err := v.Verify(context.Background(), raw)
	if err != nil && !errors.Is(err, ErrInvalid) {
		tb.Fatalf("Verify = %v, want nil or ErrInvalid", err)
	}
	return err == nil
}

// TestRotation walks two nodes through the change from one key to the next, one
// node at a time, without a restart and without refusing any token that is due.
func TestRotation(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]Key{"HMAC": {newHMAC(t), newHMAC(t)}, "EdDSA": {newEdDSA(t), newEdDSA(t)}, "HMAC to EdDSA": {newHMAC(t), newEdDSA(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := pair[0], pair[1]
			rings := []*Keyring{newRing(t, first), newRing(t, first)}
			verifiers := []*Verifier{testVerifier(rings[0]), testVerifier(rings[1])}
			all := func(raw string, want bool, when string) {
				t.Helper()
				for i, v := range verifiers {
					if got := accepts(t, v, raw); got != want {
						t.Errorf("%s: node %d accepts = %v, want %v", when, i, got, want)
					}
				}
			}
			signedBy := func(i int) string { return mustSign(t, rings[i], testClaims()) }

			old := signedBy(0)
			all(old, true, "before")
			future := mustSign(t, newRing(t, second), testClaims())
			all(future, false, "before the next key is accepted")

			for i := range rings { // 1. verify-only
				if err := rings[i].Accept(second); err != nil {
					t.Fatal(err)
				}
				all(signedBy(0), true, "while the next key is being accepted")
			}
			all(future, true, "after the next key is accepted")
			for i := range rings { // 2. signer
				if err := rings[i].Rotate(second); err != nil {
					t.Fatal(err)
				}
				all(signedBy(0), true, "while the signer changes")
				all(signedBy(1), true, "while the signer changes")
			}
			all(old, true, "the old key still verifies")
			if got := rings[0].Keys()[0].ID(); got != second.ID() {
				t.Errorf("the signing key is %s, want %s", got, second.ID())
			}
			for i := range rings { // 3. retired
				if err := rings[i].Retire(first.ID()); err != nil {
					t.Fatal(err)
				}
			}
			all(old, false, "after the old key is retired") // it was in both caches
			all(signedBy(0), true, "after the old key is retired")
		})
	}
}

func TestKeyringRefusals(t *testing.T) {
	t.Parallel()
	hmac, eddsa := newHMAC(t), newEdDSA(t)
	public, err := PublicKey(eddsa.k.public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKeyring(public); err == nil {
		t.Error("NewKeyring(public key) succeeded; it cannot sign")
	}
	if _, err := NewKeyring(hmac, Key{}); err == nil {
		t.Error("NewKeyring(…, zero Key) succeeded")
	}
	ring := newRing(t, hmac)
	generation, _ := ring.Generation()
	for name, f := range map[string]func() error{
		"Accept(zero)":        func() error { return ring.Accept(Key{}) },
		"Rotate(zero)":        func() error { return ring.Rotate(Key{}) },
		"Rotate(public)":      func() error { return ring.Rotate(public) },
		"Retire(unknown)":     func() error { return ring.Retire("x") },
		"Retire(signing)":     func() error { return ring.Retire(hmac.ID()) },
		"nil ring":            func() error { return (*Keyring)(nil).Accept(hmac) },
		"Retire(never there)": func() error { return ring.Retire(eddsa.ID()) },
	} {
		if err := f(); err == nil {
			t.Errorf("%s succeeded", name)
		}
	}
	if after, _ := ring.Generation(); after != generation || len(ring.Keys()) != 1 {
		t.Errorf("refused changes left generation %d (was %d) and keys %v", after, generation, ring.Keys())
	}
}

func TestPublicHalfBecomesSigner(t *testing.T) {
	t.Parallel()
	eddsa := newEdDSA(t)
	public, err := PublicKey(eddsa.k.public)
	if err != nil {
		t.Fatal(err)
	}
	ring := newRing(t, newHMAC(t), public)
	if err := ring.Rotate(eddsa); err != nil {
		t.Fatalf("Rotate(private half of an accepted key) = %v", err)
	}
	if err := ring.Accept(public); err != nil {
		t.Fatal(err)
	}
	if keys := ring.Keys(); !accepts(t, testVerifier(ring), mustSign(t, ring, testClaims())) || len(keys) != 2 || !keys[0].CanSign() {
		t.Errorf("the ring does not sign with the private half; keys %v", keys)
	}
}

// TestAlgorithmConfusion presents tokens whose HMAC secret is a published key, the
// oldest attack on JWT, in all spellings of that key.
func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{RS256, ES256, EdDSA} {
		k := testKeys()[alg]
		v := testVerifier(newRing(t, k, newHMAC(t)))
		jwk, err := publishJWK(k.k)
		if err != nil {
			t.Fatal(err)
		}
		der := mustPKIX(t, k)
		for name, secret := range map[string][]byte{"DER": der, "PEM": []byte("-----BEGIN PUBLIC KEY-----\n" + b64.EncodeToString(der)), "JWK": jwk, "kid": []byte(k.ID()), "empty": nil} {
			if _, err := HMAC(secret); err == nil && name != "kid" {
				t.Errorf("%s: HMAC(%s) succeeded", alg, name)
			}
			forger := Key{&key{id: k.ID(), alg: HS256, macs: newMACs(secret)}}
			for _, header := range []string{goodHeader(forger), goodHeader(k)} {
				if accepts(t, v, forge(t, forger, header, goodPayload())) {
					t.Errorf("%s: a token signed with HMAC of the public key (%s) is accepted", alg, name)
				}
			}
		}
	}
}

func TestKeyIDIsOnlyAnIndex(t *testing.T) {
	t.Parallel()
	a, b := newHMAC(t), newHMAC(t)
	v := testVerifier(newRing(t, a, b))
	// Signed by an accepted key, but naming another accepted one.
	header := fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"at+jwt"}`, b.ID())
	if accepts(t, v, forge(t, a, header, goodPayload())) {
		t.Error("a token is verified with a key that it does not name")
	}
}

func TestKeyringUnderLoad(t *testing.T) {
	t.Parallel()
	first := newHMAC(t)
	ring := newRing(t, first)
	v := testVerifier(ring)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				c := testClaims()
				c.ID = fmt.Sprint(i, "-", n%50)
				raw, err := ring.Sign(c)
				if err != nil {
					t.Errorf("Sign during rotation = %v", err)
					return
				}
				// The key may be retired between the two calls, after which the token
				// is refused; it is never anything else.
				if got, err := v.Verify(t.Context(), raw); err == nil && got.ID != c.ID {
					t.Errorf("Verify = claims of %s, want %s", got.ID, c.ID)
					return
				} else if err != nil && !errors.Is(err, errUnknownKey) {
					t.Errorf("Verify during rotation = %v", err)
					return
				}
			}
		})
	}
	before := uint64(0)
	last := first
	for range 200 {
		next := newHMAC(t)
		for _, err := range []error{ring.Accept(next), ring.Rotate(next), ring.Retire(last.ID())} {
			if err != nil {
				t.Error(err)
			}
		}
		last = next
		n, ok := ring.Generation()
		if !ok || n <= before {
			t.Errorf("Generation = %d, %v after %d, want a larger one", n, ok, before)
		}
		before = n
	}
	close(done)
	wg.Wait()
	if keys := ring.Keys(); len(keys) != 1 || keys[0] != last {
		t.Errorf("Keys = %v, want the last one alone", keys)
	}
}

func TestKeysAreListedInOrder(t *testing.T) {
	t.Parallel()
	a, b, c, d := newHMAC(t), newHMAC(t), newEdDSA(t), newEdDSA(t)
	ring := newRing(t, a, b, c)
	if err := ring.Rotate(d); err != nil {
		t.Fatal(err)
	}
	if got, want := ring.Keys(), []Key{d, a, b, c}; !slices.Equal(got, want) {
		t.Errorf("Keys = %v, want %v", got, want)
	}
	if s := fmt.Sprint(ring.Keys()); strings.Count(s, "token.Key{") != 4 {
		t.Errorf("Keys print as %s", s)
	}
}
