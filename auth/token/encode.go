package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

// appendClaims appends the JSON form of c to b. Members are written by hand: it
// is fast, their order is fixed, and names go through the same escaping as values
// (the JOSE library writes claim names unescaped, GHSA-4cf7-xm37-g63h, so that a
// claim named `x":0,"admin` would become a second member).
//
// What the Verifier would refuse is an error here.
func appendClaims(b []byte, c *Claims) ([]byte, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	w := writer{b: append(b, '{')}
	w.text("iss", c.Issuer)
	if len(c.Audience) == 1 {
		w.text("aud", c.Audience[0]) // RFC 7519 §4.1.3
	} else {
		w.texts("aud", c.Audience)
	}
	w.text("sub", c.Subject)
	w.text("sid", c.SessionID)
	w.text("jti", c.ID)
	w.time("iat", c.IssuedAt)
	w.time("exp", c.ExpiresAt)
	if !c.NotBefore.IsZero() {
		w.time("nbf", c.NotBefore)
	}
	w.number("ep", c.Epoch)
	if !c.AuthTime.IsZero() {
		w.time("auth_time", c.AuthTime)
	}
	if len(c.Methods) > 0 {
		w.texts("amr", c.Methods)
	}
	if c.Role != "" {
		w.text("role", c.Role)
	}
	if c.Permissions != nil {
		w.texts("permissions", c.Permissions)
	}
	if c.Orgs != nil {
		w.orgs(c.Orgs)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Extra)) {
		w.any(name, c.Extra[name])
	}
	if w.err != nil {
		return nil, w.err
	}
	w.b = append(w.b, '}')
	if len(c.Extra) > 0 {
		// The caller's names and values: no claim twice, not even but for case,
		// and nothing nested too deeply to be read back.
		if err := strictjson.Check(w.b[len(b):]); err != nil {
			return nil, fmt.Errorf("token: extra claims: %w", err)
		}
	}
	return w.b, nil
}

// complete reports what a Verifier would miss.
func (c *Claims) complete() error {
	var errs []error
	for _, f := range []struct{ field, value string }{
		{"Issuer", c.Issuer}, {"Subject", c.Subject}, {"SessionID", c.SessionID}, {"ID", c.ID},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("token: Claims.%s is empty", f.field))
		}
	}
	if len(c.Audience) == 0 || slices.Contains(c.Audience, "") {
		errs = append(errs, errors.New("token: Claims.Audience is empty or contains an empty string"))
	}
	for _, f := range []struct {
		field    string
		value    time.Time
		optional bool
	}{
		{"IssuedAt", c.IssuedAt, false}, {"ExpiresAt", c.ExpiresAt, false},
		{"NotBefore", c.NotBefore, true}, {"AuthTime", c.AuthTime, true},
	} {
		if f.optional && f.value.IsZero() {
			continue
		}
		if s := f.value.Unix(); s < 0 || s > maxUnix {
			errs = append(errs, fmt.Errorf("token: Claims.%s is not between the years 1970 and 9999", f.field))
		}
	}
	if errs == nil && c.ExpiresAt.Unix() <= c.IssuedAt.Unix() {
		errs = append(errs, errors.New("token: Claims.ExpiresAt is not after IssuedAt"))
	}
	return errors.Join(errs...)
}

// writer appends members to an object.
type writer struct {
	b   []byte
	err error
}

func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.string(name)
	w.b = append(w.b, ':')
}

func (w *writer) string(s string) {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		w.b = append(w.b, '"')
		w.b = append(w.b, s...)
		w.b = append(w.b, '"')
		return
	}
	if !utf8.ValidString(s) {
		w.err = errors.New("token: a claim is not valid UTF-8")
		return
	}
	quoted, err := json.Marshal(s)
	w.fail(err)
	w.b = append(w.b, quoted...)
}

func (w *writer) text(name, value string) {
	w.name(name)
	w.string(value)
}

func (w *writer) texts(name string, values []string) {
	w.name(name)
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.string(v)
	}
	w.b = append(w.b, ']')
}

func (w *writer) number(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) time(name string, t time.Time) { w.number(name, t.Unix()) }

func (w *writer) orgs(orgs map[string]string) {
	w.name("orgs")
	w.b = append(w.b, '{')
	for _, id := range slices.Sorted(maps.Keys(orgs)) {
		w.text(id, orgs[id])
	}
	w.b = append(w.b, '}')
}

// registered are the claims that have a field of their own.
var registered = []string{
	"iss", "aud", "sub", "sid", "jti", "iat", "exp", "nbf", "ep", "auth_time", "amr", "role", "permissions", "orgs",
}

func (w *writer) any(name string, v any) {
	for _, r := range registered {
		if strings.EqualFold(name, r) {
			// Even if the token does not carry r: a reader that ignores case would
			// take it for r, with any value.
			w.fail(fmt.Errorf("%q stands for a field of Claims", r))
		}
	}
	value, err := json.Marshal(v)
	w.fail(err)
	w.name(name)
	w.b = append(w.b, value...)
}

func (w *writer) fail(err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("token: extra claims: %w", err)
	}
}
