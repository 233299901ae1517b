package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// forge signs any header and payload with k, which Keyring.Sign would never do.
func forge(tb testing.TB, k Key, header, payload string) string {
	tb.Helper()
	return forgeSegments(tb, k, b64.EncodeToString([]byte(header)), b64.EncodeToString([]byte(payload)))
}

// forgeSegments is forge for segments that are not even base64url.
func forgeSegments(tb testing.TB, k Key, header, payload string) string {
	tb.Helper()
	signed := header + "." + payload
	return signed + "." + b64.EncodeToString(signature(tb, k, signed))
}

func signature(tb testing.TB, k Key, signed string) []byte {
	tb.Helper()
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	var err error
	if k.k.private == nil {
		m := k.k.macs.Get().(*mac)
		m.in = append(m.in[:0], signed...)
		return append([]byte(nil), m.of()...)
	}
	switch private := k.k.private().(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			tb.Fatal(err)
		}
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	default:
		if k.Algorithm() == EdDSA {
			sig, err = private.Sign(nil, []byte(signed), crypto.Hash(0))
		} else {
			sig, err = private.Sign(rand.Reader, sum[:], crypto.SHA256)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return sig
}

// goodHeader is the header that k's tokens have.
func goodHeader(k Key) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, k.Algorithm(), k.ID())
}

// member is one member of an object, as JSON.
type member struct{ name, value string }

// goodPayload returns the payload of an acceptable token. Each change replaces the
// member of its name, removes it if the value is empty, or is added.
func goodPayload(changes ...member) string {
	iat := testNow.Unix()
	members := []member{
		{`"iss"`, strconv.Quote(testIssuer)}, {`"aud"`, strconv.Quote(testIssuer)}, {`"sub"`, `"user-1"`}, {`"sid"`, `"session-1"`},
		{`"jti"`, `"jti-1"`}, {`"iat"`, strconv.FormatInt(iat, 10)}, {`"exp"`, strconv.FormatInt(iat+900, 10)}, {`"ep"`, `7`},
		{`"auth_time"`, strconv.FormatInt(iat, 10)}, {`"amr"`, `["pwd"]`}, {`"role"`, `"user"`},
	}
change:
	for _, c := range changes {
		for i := range members {
			if members[i].name == c.name {
				members[i].value = c.value
				continue change
			}
		}
		members = append(members, c)
	}
	var b strings.Builder
	for _, m := range members {
		if m.value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.name + ":" + m.value)
	}
	return "{" + b.String() + "}"
}
