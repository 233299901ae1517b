package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/store"
)

const (
	issuer = "https://app.example.com/auth"
	// many is how many tokens, or sessions, take turns: more than our cache keeps
	// in the contest where it must not help.
	many = 64
)

var secret = []byte("V7kQ2mZp9xLr4Tn8Wc3Yb6Jd1Hs5Gf0A-bench")

// signer is one algorithm with what each library needs for it.
type signer struct {
	name    string
	ring    *token.Keyring
	method  jwt.SigningMethod
	private any
	public  any
	tokens  []string
}

// newSigners makes keys of every algorithm, and tokens with the same claims for
// every library.
func newSigners() ([]*signer, error) {
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, ed, err2 := ed25519.GenerateKey(nil)
	rs, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	list := []*signer{
		{name: "HS256", method: jwt.SigningMethodHS256, private: secret, public: secret},
		{name: "ES256", method: jwt.SigningMethodES256, private: ec, public: &ec.PublicKey},
		{name: "EdDSA", method: jwt.SigningMethodEdDSA, private: ed, public: edPublic},
		{name: "RS256", method: jwt.SigningMethodRS256, private: rs, public: &rs.PublicKey},
	}
	for _, s := range list {
		var key token.Key
		var err error
		if s.name == "HS256" {
			key, err = token.HMAC(secret)
		} else {
			key, err = token.PrivateKey(s.private.(crypto.Signer))
		}
		if err == nil {
			s.ring, err = token.NewKeyring(key)
		}
		if err == nil {
			err = s.sign()
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *signer) sign() error {
	now := time.Now().Truncate(time.Second)
	for range many {
		raw, err := s.ring.Sign(&token.Claims{
			ID: store.NewID(now), Issuer: issuer, Audience: []string{issuer}, Subject: store.NewID(now), SessionID: store.NewID(now),
			IssuedAt: now, ExpiresAt: now.Add(time.Hour), AuthTime: now, Role: "user", Methods: []string{"pwd"},
		})
		if err != nil {
			return err
		}
		s.tokens = append(s.tokens, raw)
	}
	return nil
}

var errSignature = errors.New("the signature does not hold")

// bare is a worker that does nothing but the standard library's check of the
// signature, over bytes that are ready for it.
func (s *signer) bare() func() error {
	type message struct{ signed, sig []byte }
	list := make([]message, len(s.tokens))
	for i, raw := range s.tokens {
		dot := strings.LastIndexByte(raw, '.')
		sig, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
		if err != nil {
			return func() error { return err }
		}
		list[i] = message{[]byte(raw[:dot]), sig}
	}
	i := 0
	return func() error {
		m := list[i%len(list)]
		i++
		if !s.holds(m.signed, m.sig) {
			return errSignature
		}
		return nil
	}
}

func (s *signer) holds(signed, sig []byte) bool {
	switch p := s.public.(type) {
	case []byte:
		mac := hmac.New(sha256.New, p)
		mac.Write(signed)
		return hmac.Equal(mac.Sum(nil), sig)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(signed)
		return ecdsa.Verify(p, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(p, signed, sig)
	case *rsa.PublicKey:
		sum := sha256.Sum256(signed)
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, sum[:], sig) == nil
	}
	return false
}
