package token

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

const (
	// maxToken bounds our access tokens. It also keeps them inside one cookie.
	maxToken = 4096
	// maxJWT bounds what a KeySet looks at: ID tokens of other issuers may be
	// longer than our access tokens.
	maxJWT = 16 << 10

	// tokenType is the one typ of access tokens, RFC 9068 §2.1. The RFC lets
	// verifiers ignore case and accept "application/at+jwt"; all our issuers
	// write exactly this, so anything else was made by somebody else.
	tokenType = "at+jwt"
)

// b64 refuses padding and bits that are not zero behind the last byte, so that
// a signature has one spelling. It would skip line breaks; split looks for them.
var b64 = base64.RawURLEncoding.Strict()

// compact is a token in the compact serialisation of RFC 7515 §7.1, cut apart.
// All strings are parts of the token.
type compact struct {
	raw       string
	header    string // base64url
	payload   string // base64url
	signature string // base64url
	head      head   // filled by readHeader
}

// head is a token's header.
type head struct {
	alg, kid, typ string
	others        bool // it has members besides alg, kid and typ
}

// split cuts raw, of at most limit bytes, into its three segments.
func split(raw string, limit int) (c compact, err error) {
	if len(raw) == 0 || len(raw) > limit {
		return c, errSize
	}
	first := strings.IndexByte(raw, '.')
	last := strings.LastIndexByte(raw, '.')
	if first < 1 || last <= first+1 || last == len(raw)-1 ||
		strings.IndexByte(raw[first+1:last], '.') >= 0 ||
		strings.IndexByte(raw, '\n') >= 0 || strings.IndexByte(raw, '\r') >= 0 {
		return c, errForm
	}
	c.raw = raw
	c.header = raw[:first]
	c.payload = raw[first+1 : last]
	c.signature = raw[last+1:]
	return c, nil
}

// signed returns the JWS Signing Input, RFC 7515 §5.1.
func (c *compact) signed() string {
	return c.raw[:len(c.header)+1+len(c.payload)]
}

// decode appends the bytes that segment stands for to buf.
func decode(buf []byte, segment string) ([]byte, error) {
	b, err := b64.AppendDecode(buf, []byte(segment))
	if err != nil {
		return nil, errForm
	}
	return b, nil
}

// decodeString returns the bytes that segment stands for, in one allocation.
func decodeString(segment string) (string, error) {
	var buf [maxToken * 3 / 4]byte
	b, err := decode(buf[:0], segment)
	if err != nil {
		return "", err
	}
	return string(b), nil
}

// readHeader decodes and reads the header. It refuses members that change what
// the signature means or that bring a key along: nobody needs them here, and
// ignoring crit or b64 is how other libraries were fooled.
func (c *compact) readHeader() error {
	s, err := decodeString(c.header)
	if err != nil {
		return err
	}
	in, err := strictjson.NewScanner(s)
	if err != nil {
		return errHeader
	}
	h := &c.head
	err = in.Object(func(name string) (err error) {
		switch name {
		case "alg":
			h.alg, err = in.String()
		case "kid":
			// An empty kid would be taken for an absent one.
			if h.kid, err = in.String(); err == nil && h.kid == "" {
				err = errHeader
			}
		case "typ":
			h.typ, err = in.String()
		case "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c":
			return errHeaderMember
		default:
			h.others = true
			return in.Skip()
		}
		return err
	})
	if errors.Is(err, errHeaderMember) {
		return err
	}
	if err != nil || in.End() != nil {
		return errHeader
	}
	return nil
}
