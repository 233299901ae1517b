package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"sync"
)

// mac is an HMAC state to be used again: setting one up costs as much as signing
// a short token does. It also holds the memory for what goes in and out.
type mac struct {
	hash hash.Hash
	in   []byte
	sum  [sha256.Size]byte
}

func newMACs(secret []byte) *sync.Pool {
	return &sync.Pool{New: func() any {
		return &mac{hash: hmac.New(sha256.New, secret), in: make([]byte, 0, 1024)}
	}}
}

// of returns the HMAC of m.in. It is valid until m is used again.
func (m *mac) of() []byte {
	m.hash.Reset()
	m.hash.Write(m.in)
	return m.hash.Sum(m.sum[:0])
}

// verify checks the signature of c with k's own algorithm, after the header has
// been found to ask for no other one.
func (k *key) verify(c *compact) error {
	if c.head.alg != k.alg {
		return errAlgorithm
	}
	var buf [maxRSABits / 8]byte
	if len(c.signature) > b64.EncodedLen(len(buf)) {
		return errSignature
	}
	sig, err := decode(buf[:0], c.signature)
	if err != nil {
		return err
	}
	if !k.holds(c.signed(), sig) {
		return errSignature
	}
	return nil
}

func (k *key) holds(signed string, sig []byte) bool {
	switch k.alg {
	case HS256:
		m := k.macs.Get().(*mac)
		defer k.macs.Put(m)
		m.in = append(m.in[:0], signed...)
		return subtle.ConstantTimeCompare(m.of(), sig) == 1
	case ES256:
		var der [ecdsaDERMax]byte
		if len(sig) != 64 { // RFC 7518 §3.4
			return false
		}
		sum := sha256.Sum256([]byte(signed))
		return ecdsa.VerifyASN1(k.public.(*ecdsa.PublicKey), sum[:], appendECDSA(der[:0], sig))
	case EdDSA:
		return ed25519.Verify(k.public.(ed25519.PublicKey), []byte(signed), sig)
	case RS256:
		sum := sha256.Sum256([]byte(signed))
		return rsa.VerifyPKCS1v15(k.public.(*rsa.PublicKey), crypto.SHA256, sum[:], sig) == nil
	}
	return false
}

// signHMAC returns the whole token for an encoded header and payload.
func (k *key) signHMAC(payload []byte) string {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.in = append(m.in[:0], k.header...)
	m.in = append(m.in, '.')
	m.in = b64.AppendEncode(m.in, payload)
	sum := m.of()
	m.in = append(m.in, '.')
	m.in = b64.AppendEncode(m.in, sum)
	return string(m.in)
}

// ecdsaDERMax is the size of the longest DER form of a P-256 signature.
const ecdsaDERMax = 2 + 2*(2+33)

// appendECDSA appends the DER form, Ecdsa-Sig-Value of RFC 3279 §2.2.3, of a
// signature that RFC 7518 §3.4 writes as two numbers of equal length.
func appendECDSA(der, sig []byte) []byte {
	der = append(der, 0x30, 0) // SEQUENCE, length to follow
	start := len(der)
	for _, n := range [][]byte{sig[:len(sig)/2], sig[len(sig)/2:]} {
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		der = append(der, 0x02, byte(len(n))) // INTEGER
		if n[0] >= 0x80 {                     // would be negative
			der[len(der)-1]++
			der = append(der, 0)
		}
		der = append(der, n...)
	}
	der[start-1] = byte(len(der) - start)
	return der
}
