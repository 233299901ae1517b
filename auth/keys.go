package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// The labels under which keys are derived from Config.Secret. Each use has its
// own key, so that what is made for one is worth nothing for another.
const (
	labelRefreshTag = "aegis/refresh-tag/v1"
	labelSuccessor  = "aegis/refresh-successor/v1"
	labelDevice     = "aegis/device-mark/v1"
	labelLimiter    = "aegis/limiter-key/v1"
	labelFlowHash   = "aegis/oauth-flow-hash/v1"
	labelFlowBlock  = "aegis/oauth-flow-block/v1"
	labelCursor     = "aegis/cursor/v1"
	labelAudit      = "aegis/audit-chain/v1"
)

// deriveKey returns 32 bytes derived from secret under label (RFC 5869).
func deriveKey(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, label, 32)
	if err != nil {
		panic(fmt.Sprintf("auth: derive %s: %v", label, err)) // only for absurd lengths
	}
	return key
}

// deriveKeys returns the key under label for each secret, the current one first.
func deriveKeys(secrets [][]byte, label string) [][]byte {
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		keys[i] = deriveKey(secret, label)
	}
	return keys
}

// Purpose labels of secrets that are stored as hashes. The label keeps a secret
// of one kind from ever matching another.
const (
	hashRefresh = "aegis:refresh:v1:"
	hashOneTime = "aegis:onetime:v1:"
)

// hashSecret returns what is stored of a secret: SHA-256 over its label and
// itself. Secrets have 256 random bits, so nothing slower is called for.
func hashSecret(label string, secret []byte) []byte {
	h := sha256.New()
	h.Write([]byte(label))
	h.Write(secret)
	return h.Sum(nil)
}
