package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"
)

var algorithms = []string{HS256, ES256, EdDSA, RS256}

// BenchmarkVerifyHit is what a protected route pays for a token that it has seen.
func BenchmarkVerifyHit(b *testing.B) {
	for _, alg := range algorithms {
		ring := newRing(b, testKeys()[alg])
		raw := mustSign(b, ring, testClaims())
		v := testVerifier(ring)
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyHitParallel has all processors share one hot token, and the
// wall clock instead of a fixed one.
func BenchmarkVerifyHitParallel(b *testing.B) {
	ring := newRing(b, testKeys()[HS256])
	c := testClaims()
	c.IssuedAt = time.Now()
	c.ExpiresAt = c.IssuedAt.Add(time.Hour)
	raw := mustSign(b, ring, c)
	v := &Verifier{Keys: ring, Issuer: testIssuer}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Verify(b.Context(), raw); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkVerifyHitMany spreads the hits over as many tokens as are remembered.
func BenchmarkVerifyHitMany(b *testing.B) {
	ring := newRing(b, testKeys()[HS256])
	v := testVerifier(ring)
	raws := make([]string, 30_000)
	for i := range raws {
		c := testClaims()
		c.ID = fmt.Sprint("jti-", i)
		raws[i] = mustSign(b, ring, c)
		if _, err := v.Verify(b.Context(), raws[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := v.Verify(b.Context(), raws[i%len(raws)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkVerifyMiss is the full verification: "cached" stores the result,
// "uncached" does not, and "floor" is the bare signature check over the same bytes.
func BenchmarkVerifyMiss(b *testing.B) {
	for _, alg := range algorithms {
		key := testKeys()[alg]
		ring := newRing(b, key)
		raws := make([]string, 256)
		for i := range raws {
			c := testClaims()
			c.ID = fmt.Sprint("jti-", i)
			raws[i] = mustSign(b, ring, c)
		}
		b.Run(alg+"/cached", func(b *testing.B) {
			// One bucket of eight places for 256 tokens in turn: nothing is found.
			v := testVerifier(ring)
			v.CacheSize = 8
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raws[i%len(raws)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
		b.Run(alg+"/uncached", func(b *testing.B) {
			v := testVerifier(ring)
			v.CacheSize = -1
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raws[i%len(raws)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
		b.Run(alg+"/floor", func(b *testing.B) {
			check, signed, sig := bare(b, key, raws[0])
			b.ReportAllocs()
			for b.Loop() {
				if !check(signed, sig) {
					b.Fatal("the signature does not hold")
				}
			}
		})
	}
}

// bare returns the standard library's signature check for key, in the form that
// it wants it, and what it is given for raw.
func bare(tb testing.TB, key Key, raw string) (check func(signed, sig []byte) bool, signed, sig []byte) {
	tb.Helper()
	c, err := split(raw, maxToken)
	if err != nil {
		tb.Fatal(err)
	}
	signed = []byte(c.signed())
	if sig, err = decode(nil, c.signature); err != nil {
		tb.Fatal(err)
	}
	switch p := key.k.public.(type) {
	case *ecdsa.PublicKey:
		sig = appendECDSA(nil, sig)
		return func(signed, sig []byte) bool {
			sum := sha256.Sum256(signed)
			return ecdsa.VerifyASN1(p, sum[:], sig)
		}, signed, sig
	case ed25519.PublicKey:
		return func(signed, sig []byte) bool { return ed25519.Verify(p, signed, sig) }, signed, sig
	case *rsa.PublicKey:
		return func(signed, sig []byte) bool {
			sum := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(p, crypto.SHA256, sum[:], sig) == nil
		}, signed, sig
	}
	// A MAC says the same whatever the key is, so any secret will do for timing.
	mac := hmac.New(sha256.New, slices.Repeat([]byte{1}, 32))
	mac.Write(signed)
	want := mac.Sum(nil)
	return func(signed, sig []byte) bool {
		mac := hmac.New(sha256.New, slices.Repeat([]byte{1}, 32))
		mac.Write(signed)
		return hmac.Equal(mac.Sum(nil), sig)
	}, signed, want
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range algorithms {
		ring := newRing(b, testKeys()[alg])
		c := testClaims()
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Sign(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyJunk is what an attacker makes us spend on tokens without a
// signature that holds.
func BenchmarkVerifyJunk(b *testing.B) {
	ring := newRing(b, testKeys()[HS256])
	raw := mustSign(b, ring, testClaims())
	v := testVerifier(ring)
	for name, raw := range map[string]string{
		"unsigned": raw[:len(raw)-5] + "AAAAA",
		"dots":     string(slices.Repeat([]byte{'.'}, maxToken)),
		"million":  string(slices.Repeat([]byte{'.'}, 1<<20)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err == nil {
					b.Fatal("junk was accepted")
				}
			}
		})
	}
}
