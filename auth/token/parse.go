package token

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

// maxUnix is the last second of the year 9999, past which times have no common
// written form.
const maxUnix = 253402300799

// The required claims, as bits.
const (
	hasIssuer = 1 << iota
	hasAudience
	hasSubject
	hasSession
	hasID
	hasIssuedAt
	hasExpiry
	hasAll = 1<<iota - 1
)

// parsed is a token's claims in one piece of memory with room for the usual
// number of audiences and methods, and what the cache wants to know beside them.
type parsed struct {
	claims   Claims
	raw      string
	audience [2]string
	methods  [2]string
}

// parse reads a payload into p.claims. Strings of the claims are parts of s. It
// refuses whatever [strictjson.Check] refuses, missing claims, and claims of the
// wrong type; what the claims say is judged elsewhere.
func (p *parsed) parse(s string) error {
	in, err := strictjson.NewScanner(s)
	if err != nil {
		return errPayload
	}
	var has int
	c := &p.claims
	err = in.Object(func(name string) (err error) {
		switch name {
		case "iss":
			has |= hasIssuer
			c.Issuer, err = required(in.String())
		case "aud":
			has |= hasAudience
			c.Audience, err = p.readAudience(&in)
		case "sub":
			has |= hasSubject
			c.Subject, err = required(in.String())
		case "sid":
			has |= hasSession
			c.SessionID, err = required(in.String())
		case "jti":
			has |= hasID
			c.ID, err = required(in.String())
		case "iat":
			has |= hasIssuedAt
			c.IssuedAt, err = date(in.Int())
		case "exp":
			has |= hasExpiry
			c.ExpiresAt, err = date(in.Int())
		case "nbf":
			c.NotBefore, err = date(in.Int())
		case "auth_time":
			c.AuthTime, err = date(in.Int())
		case "ep":
			c.Epoch, err = in.Int()
		case "role":
			c.Role, err = in.String()
		case "amr":
			c.Methods, err = readStrings(&in, p.methods[:0])
		case "permissions":
			c.Permissions, err = readStrings(&in, []string{})
		case "orgs":
			c.Orgs, err = readOrgs(&in)
		default:
			err = c.readExtra(&in, name)
		}
		return err
	})
	if err == nil {
		err = in.End()
	}
	if err != nil {
		return claimFault(err)
	}
	if has != hasAll {
		return errClaimMissing
	}
	return nil
}

// claimFault drops the details, which would repeat parts of the token.
func claimFault(err error) error {
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		if e.Unreadable() || e.Field == "" {
			return errPayload
		}
		return errClaimType
	}
	return err
}

func required(s string, err error) (string, error) {
	if err == nil && s == "" {
		err = errClaimMissing
	}
	return s, err
}

// date makes a time of a NumericDate, which RFC 7519 §2 would let have a
// fraction; ours never do.
func date(n int64, err error) (time.Time, error) {
	if err != nil {
		return time.Time{}, err
	}
	if n < 0 || n > maxUnix {
		return time.Time{}, errClaimType
	}
	return time.Unix(n, 0).UTC(), nil
}

// readAudience reads one string or a list of strings, RFC 7519 §4.1.3.
func (p *parsed) readAudience(in *strictjson.Scanner) ([]string, error) {
	if in.Peek() == '"' {
		s, err := required(in.String())
		p.audience[0] = s
		return p.audience[:1:1], err
	}
	list, err := readStrings(in, p.audience[:0])
	if err == nil && len(list) == 0 {
		err = errClaimMissing
	}
	return list, err
}

func readStrings(in *strictjson.Scanner, to []string) ([]string, error) {
	err := in.Array(func(int) error {
		s, err := in.String()
		to = append(to, s)
		return err
	})
	return to, err
}

func readOrgs(in *strictjson.Scanner) (map[string]string, error) {
	orgs := map[string]string{}
	err := in.Object(func(id string) error {
		role, err := in.String()
		orgs[id] = role
		return err
	})
	return orgs, err
}

func (c *Claims) readExtra(in *strictjson.Scanner, name string) error {
	if c.Extra == nil {
		c.Extra = map[string]any{}
	}
	switch in.Peek() {
	case '"':
		s, err := in.String()
		c.Extra[name] = s
		return err
	case 't', 'f':
		b, err := in.Bool()
		c.Extra[name] = b
		return err
	}
	raw, err := in.Raw()
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		return errClaimType // a number beyond float64
	}
	c.Extra[name] = v
	return nil
}
