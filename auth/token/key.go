package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// The signature algorithms, by their names in RFC 7518 §3.1 and RFC 8037.
const (
	HS256 = "HS256"
	ES256 = "ES256"
	EdDSA = "EdDSA"
	RS256 = "RS256"
)

// RSA keys outside these sizes are weak or a burden on whoever verifies.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Key is one key together with the one algorithm it may be used for. Make one
// with [HMAC], [PrivateKey], [PublicKey] or [ParseKey]; the zero Key is refused
// wherever a key is asked for. A Key is immutable, and no way of printing, logging
// or marshalling it shows more than its ID and algorithm.
type Key struct{ k *key }

// key keeps its secret parts behind functions: fmt follows pointers of unexported
// fields for verbs that make no sense, without asking the type, and prints what it
// finds, but of a function only the address.
type key struct {
	id, alg string
	header  string               // the encoded header of tokens it signs
	public  crypto.PublicKey     // nil for HMAC
	private func() crypto.Signer // nil for HMAC and for public keys
	macs    *sync.Pool           // of *mac, nil except for HMAC
}

// HMAC returns a key that signs and verifies with HS256. The secret must be
// random: at least 32 bytes (RFC 7518 §3.2) with at least 16 different ones, no
// placeholder from documentation, and no public key in any common form. A secret
// written in hexadecimal is judged by the bytes it stands for, and used as it is
// written.
//
// The key's ID is derived by a labelled hash. It reveals nothing about the secret
// that the tokens do not reveal as well.
func HMAC(secret []byte) (Key, error) {
	if err := checkSecret(secret); err != nil {
		return Key{}, err
	}
	secret = append([]byte(nil), secret...)
	h := sha256.New()
	h.Write([]byte("aegis/token/kid/v1:"))
	h.Write(secret)
	k := &key{
		id:   base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]),
		alg:  HS256,
		macs: newMACs(secret),
	}
	k.header = encodeHeader(k)
	return Key{k}, nil
}

// PrivateKey returns a key that signs and verifies: ES256 for P-256, EdDSA for
// Ed25519, RS256 for RSA of 2,048 bits and more. The signer may live elsewhere, in
// a KMS or an HSM; it must be safe for concurrent use. The key's ID is its RFC 7638
// thumbprint.
func PrivateKey(s crypto.Signer) (Key, error) {
	if s == nil {
		return Key{}, errors.New("token: no private key given")
	}
	pub, err := PublicKey(s.Public())
	if err != nil {
		return Key{}, err
	}
	if !halvesMatch(s) {
		return Key{}, errors.New("token: the private key does not belong to its public half")
	}
	pub.k.private = func() crypto.Signer { return s }
	return pub, nil
}

// PublicKey returns a key that verifies: *ecdsa.PublicKey on P-256,
// ed25519.PublicKey, or *rsa.PublicKey of 2,048 bits and more, unless it is one of
// those that can be factored (CVE-2017-15361). The key's ID is its RFC 7638
// thumbprint, the same as that of the private key.
func PublicKey(p crypto.PublicKey) (Key, error) {
	alg, err := algorithmOf(p)
	if err != nil {
		return Key{}, err
	}
	id, err := thumbprint(p)
	if err != nil {
		return Key{}, err
	}
	k := &key{id: id, alg: alg, public: p}
	k.header = encodeHeader(k)
	return Key{k}, nil
}

// ParseKey reads one key from PEM (PKCS #8, SEC 1, PKCS #1, PKIX, or a
// certificate) or from a JWK (RFC 7517). A private one signs and verifies, a public
// one only verifies. A JWK of type oct must satisfy [HMAC]. The key's ID is computed
// as always; a kid in the JWK is ignored,
// and an alg other than the key's own is refused.
func ParseKey(pemOrJWK []byte) (Key, error) {
	f, err := readKey(pemOrJWK)
	if err != nil {
		return Key{}, err
	}
	var k Key
	switch raw := f.raw.(type) {
	case crypto.Signer:
		k, err = PrivateKey(raw)
	case []byte:
		k, err = HMAC(raw)
	default:
		k, err = PublicKey(raw)
	}
	if err == nil && f.alg != "" && f.alg != k.Algorithm() {
		return Key{}, fmt.Errorf("token: the JWK is for %q, which is not supported", f.alg)
	}
	return k, err
}

// halvesMatch guards against keys whose parts were mixed up: their tokens would
// never verify. Signers that live elsewhere are trusted.
func halvesMatch(s crypto.Signer) bool {
	switch s := s.(type) {
	case *rsa.PrivateKey:
		return s.Validate() == nil
	case *ecdsa.PrivateKey:
		private, err := s.ECDH()
		if err != nil {
			return false
		}
		public, err := s.PublicKey.ECDH()
		return err == nil && private.PublicKey().Equal(public)
	case ed25519.PrivateKey:
		return len(s) == ed25519.PrivateKeySize && ed25519.NewKeyFromSeed(s.Seed()).Equal(s)
	}
	return true
}

// algorithmOf returns the one algorithm a public key may be used for.
func algorithmOf(p crypto.PublicKey) (string, error) {
	switch p := p.(type) {
	case *ecdsa.PublicKey:
		if p == nil || p.Curve != elliptic.P256() {
			return "", errors.New("token: elliptic curve keys must be on P-256")
		}
		if _, err := p.ECDH(); err != nil { // not a point of the curve
			return "", fmt.Errorf("token: %w", err)
		}
		return ES256, nil
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return "", errors.New("token: Ed25519 public keys have 32 bytes")
		}
		return EdDSA, nil
	case *rsa.PublicKey:
		if p == nil || p.N == nil || p.N.BitLen() < minRSABits || p.N.BitLen() > maxRSABits {
			return "", fmt.Errorf("token: RSA keys must have %d to %d bits", minRSABits, maxRSABits)
		}
		if p.E < 65537 || p.E&1 == 0 || p.N.Bit(0) == 0 {
			return "", errors.New("token: RSA keys must have an odd modulus and an odd exponent of at least 65537")
		}
		if isROCA(p.N) {
			return "", errors.New("token: the RSA key comes from a generator whose keys can be factored (CVE-2017-15361); make a new one elsewhere")
		}
		return RS256, nil
	}
	return "", fmt.Errorf("token: keys of type %T are not supported", p)
}

// ID returns the key ID, which tokens signed with the key carry as kid.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

// Algorithm returns the one algorithm the key is for: [HS256], [ES256], [EdDSA]
// or [RS256].
func (k Key) Algorithm() string {
	if k.k == nil {
		return ""
	}
	return k.k.alg
}

// CanSign reports whether the key can be a [Keyring]'s signing key.
func (k Key) CanSign() bool { return k.k != nil && k.k.canSign() }

func (k *key) canSign() bool { return k.private != nil || k.macs != nil }

// String returns algorithm and ID.
func (k Key) String() string {
	if k.k == nil {
		return "token.Key{}"
	}
	return "token.Key{" + k.k.alg + " " + k.k.id + "}"
}

// GoString is String, so that %#v shows no more.
func (k Key) GoString() string { return k.String() }

// Format writes String for every verb, so that %x and the like show no more.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is String, so that slog shows no more.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText is String, so that JSON and other encodings show no more.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// encodeHeader returns the encoded header of tokens signed with k. Algorithm and
// ID consist of base64url characters, so nothing needs escaping.
func encodeHeader(k *key) string {
	return b64.EncodeToString([]byte(`{"alg":"` + k.alg + `","kid":"` + k.id + `","typ":"` + tokenType + `"}`))
}
