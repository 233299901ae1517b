package token

// This is the only file that knows the JOSE library. It reads and writes keys, and
// signs payload bytes that this package has marshalled; it is never asked to
// serialise claims, choose an algorithm, or judge a token. Replacing the library is
// replacing this file.

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

// foreignKey is what we use of a key that was read.
type foreignKey struct {
	raw any    // crypto.Signer, crypto.PublicKey, or []byte for a symmetric one
	kid string // as its JWK says
	alg string // as its JWK says
}

// readKey reads a PEM block or a JWK.
func readKey(data []byte) (foreignKey, error) {
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("{")) {
		return readJWK(data)
	}
	raw, err := readPEM(data)
	return foreignKey{raw: raw}, err
}

func readPEM(data []byte) (any, error) {
	block, rest := pem.Decode(data)
	if block != nil && block.Type == "EC PARAMETERS" { // openssl writes it before the key
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("token: the key is neither PEM nor a JWK")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("token: the key is encrypted; decrypt it first, for example with: openssl pkey")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("token: the PEM data holds more than one key")
	}
	k, err := jwk.ParseKey(pem.EncodeToMemory(block), jwk.WithPEM(true))
	if err != nil {
		return nil, errors.New("token: the PEM block is malformed or of a kind that is not supported: " + block.Type)
	}
	return rawKey(k)
}

// readJWK reads a JWK that is meant for signatures.
func readJWK(data []byte) (foreignKey, error) {
	if err := strictjson.Check(data); err != nil {
		return foreignKey{}, fmt.Errorf("token: JWK: %w", err)
	}
	k, err := jwk.ParseKey(data)
	if err != nil {
		// The library's text may repeat parts of the key.
		return foreignKey{}, errors.New("token: the JWK is malformed or of a kind that is not supported")
	}
	ops := k.KeyOps()
	if use := k.KeyUsage(); use != "" && use != string(jwk.ForSignature) ||
		len(ops) > 0 && !slices.Contains(ops, jwk.KeyOpSign) && !slices.Contains(ops, jwk.KeyOpVerify) {
		return foreignKey{}, errors.New("token: the JWK is not for signatures")
	}
	raw, err := rawKey(k)
	if err != nil {
		return foreignKey{}, err
	}
	return foreignKey{raw: raw, kid: k.KeyID(), alg: k.Algorithm().String()}, nil
}

func rawKey(k jwk.Key) (any, error) {
	var raw any
	if err := k.Raw(&raw); err != nil {
		return nil, errors.New("token: the key is malformed or of a kind that is not supported")
	}
	return raw, nil
}

// thumbprint returns the base64url SHA-256 thumbprint of RFC 7638.
func thumbprint(p crypto.PublicKey) (string, error) {
	k, err := jwk.FromRaw(p)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// publishJWK returns the public half of an asymmetric key as a JWK.
func publishJWK(k *key) (json.RawMessage, error) {
	j, err := jwk.FromRaw(k.public)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	err = errors.Join(
		j.Set(jwk.KeyIDKey, k.id),
		j.Set(jwk.AlgorithmKey, jwa.SignatureAlgorithm(k.alg)),
		j.Set(jwk.KeyUsageKey, jwk.ForSignature),
	)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return json.Marshal(j)
}

// signJWS returns payload signed with an asymmetric key, in compact form.
func signJWS(payload []byte, k *key) (string, error) {
	h := jws.NewHeaders()
	if err := errors.Join(h.Set(jws.TypeKey, tokenType), h.Set(jws.KeyIDKey, k.id)); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	b, err := jws.Sign(payload, jws.WithKey(jwa.SignatureAlgorithm(k.alg), k.private(), jws.WithProtectedHeaders(h)))
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return string(b), nil
}
