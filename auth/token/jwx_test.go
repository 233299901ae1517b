package token

import (
	"crypto"
	"errors"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// referenceSecret is the secret of the HMAC key below, which jwx needs as bytes.
var referenceSecret = []byte("Zk3!v9Qw#x8Lm2@Rt7$Yp4%Ns6^Hd1&Gb5*")

// referenceKeys returns a key for each algorithm, and what jwx needs to check it.
func referenceKeys(tb testing.TB) (keys map[string]Key, raw map[string]any) {
	tb.Helper()
	h, err := HMAC(referenceSecret)
	if err != nil {
		tb.Fatal(err)
	}
	keys = map[string]Key{HS256: h}
	raw = map[string]any{HS256: referenceSecret}
	for _, alg := range []string{ES256, EdDSA, RS256} {
		keys[alg] = testKeys()[alg]
		raw[alg] = keys[alg].k.public
	}
	return keys, raw
}

// TestSignaturesAreThoseOfJWX: where signatures are deterministic, ours are the
// bytes that the JOSE library writes; elsewhere it accepts them.
func TestSignaturesAreThoseOfJWX(t *testing.T) {
	t.Parallel()
	keys, raw := referenceKeys(t)
	for alg, k := range keys {
		got := mustSign(t, newRing(t, k), testClaims())
		payload, err := jws.Verify([]byte(got), jws.WithKey(jwa.SignatureAlgorithm(alg), raw[alg]))
		if err != nil {
			t.Errorf("%s: jwx refuses our token: %v", alg, err)
		}
		var private crypto.PrivateKey = referenceSecret
		if k.k.private != nil {
			private = k.k.private()
		}
		h := jws.NewHeaders()
		_ = h.Set(jws.TypeKey, tokenType)
		_ = h.Set(jws.KeyIDKey, k.ID())
		theirs, err := jws.Sign(payload, jws.WithKey(jwa.SignatureAlgorithm(alg), private, jws.WithProtectedHeaders(h)))
		if err != nil {
			t.Fatal(err)
		}
		if alg != ES256 && string(theirs) != got {
			t.Errorf("%s: jwx signs\n%s, we\n%s", alg, theirs, got)
		}
		if _, err := testVerifier(newRing(t, k)).Verify(t.Context(), string(theirs)); err != nil {
			t.Errorf("%s: Verify(signed by jwx) = %v", alg, err)
		}
	}
}

// FuzzAgainstJWX holds our signature check against the reference. What we accept,
// it accepts, with the same payload; what we refuse for its signature, it refuses.
// (The reverse does not hold: it accepts white space, unknown crit, and more.)
func FuzzAgainstJWX(f *testing.F) {
	keys, raw := referenceKeys(f)
	var all []Key
	for _, alg := range algorithms {
		all = append(all, keys[alg])
	}
	ring := newRing(f, all[0], all[1:]...)
	for _, k := range all {
		good := forge(f, k, goodHeader(k), goodPayload())
		f.Add(good)
		f.Add(good[:len(good)-3] + "AAA")
		f.Add(strings.Replace(good, ".", "..", 1))
		f.Add(" " + good + "\n")
		f.Add(forge(f, k, `{"alg":"`+k.Algorithm()+`","kid":"`+k.ID()+`","crit":["x"]}`, "{}"))
		f.Add(forge(f, k, `{"alg":"none","kid":"`+k.ID()+`"}`, "{}"))
	}
	f.Fuzz(func(t *testing.T, jwt string) {
		ours, err := ring.VerifySignature(t.Context(), jwt)
		if err != nil && !errors.Is(err, errSignature) {
			return
		}
		c, serr := split(jwt, maxJWT)
		if serr != nil || c.readHeader() != nil {
			t.Fatalf("VerifySignature(%q) = %v, but its parts cannot be read", jwt, err)
		}
		theirs, jerr := jws.Verify([]byte(jwt), jws.WithKey(jwa.SignatureAlgorithm(c.head.alg), raw[c.head.alg]))
		if (err == nil) != (jerr == nil) {
			t.Fatalf("VerifySignature(%q) = %v, jwx says %v", jwt, err, jerr)
		}
		if string(ours) != string(theirs) {
			t.Fatalf("VerifySignature(%q) = %q, jwx says %q", jwt, ours, theirs)
		}
	})
}
