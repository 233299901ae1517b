package token

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

// FuzzVerify signs any header and payload and compares the verdict with a slow
// reference that decodes into maps. Both must agree, in both directions.
func FuzzVerify(f *testing.F) {
	k, err := HMAC(referenceSecret)
	if err != nil {
		f.Fatal(err)
	}
	for _, h := range headerCorpus(k) {
		f.Add(h, goodPayload())
	}
	for _, p := range payloadCorpus() {
		f.Add(goodHeader(k), p)
	}
	f.Add(goodHeader(k), goodPayload(member{`"permissions"`, `["a"]`}, member{`"orgs"`, `{"o":"owner"}`}, member{`"x"`, `[1,{"y":null}]`}, member{`"nbf"`, `0`}))
	f.Add(goodHeader(k), goodPayload(member{`"aud"`, `["", "x","` + testIssuer + `"]`}, member{`"jti"`, `"\u0041\ud83d\ude00"`}))
	v := testVerifier(newRing(f, k))
	f.Fuzz(func(t *testing.T, header, payload string) {
		raw := forge(t, k, header, payload)
		for range 2 {
			c, err := v.Verify(t.Context(), raw)
			want := len(raw) <= maxToken && referenceHeader(k, header) && referencePayload(payload, c)
			if (err == nil) != want {
				t.Fatalf("Verify(%s, %s) = %+v, %v; the reference says %v", header, payload, c, err, want)
			}
			if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrExpired) {
				t.Fatalf("Verify(%s, %s) = %v, want ErrInvalid or ErrExpired", header, payload, err)
			}
		}
	})
}

// FuzzVerifyAnything presents any string at all.
func FuzzVerifyAnything(f *testing.F) {
	k, err := HMAC(referenceSecret)
	if err != nil {
		f.Fatal(err)
	}
	good := forge(f, k, goodHeader(k), goodPayload())
	for _, raw := range formCorpus(f, k, good) {
		if len(raw) < 2*maxToken {
			f.Add(raw)
		}
	}
	ring := newRing(f, k)
	v := testVerifier(ring)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := v.Verify(t.Context(), raw)
		if (c == nil) == (err == nil) {
			t.Fatalf("Verify(%q) = %v, %v, want exactly one of them", raw, c, err)
		}
		if err != nil {
			return
		}
		// Accepted: then it is spelled the one way it can be.
		parts := strings.Split(raw, ".")
		for _, p := range parts {
			b, err := b64.DecodeString(p)
			if err != nil || b64.EncodeToString(b) != p {
				t.Fatalf("Verify(%q) accepts a second spelling", raw)
			}
		}
		if len(parts) != 3 || len(raw) > maxToken {
			t.Fatalf("Verify(%q) accepts %d segments, %d bytes", raw, len(parts), len(raw))
		}
	})
}

func object(s string) map[string]any {
	if strictjson.CheckString(s) != nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m map[string]any
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

func referenceHeader(k Key, s string) bool {
	h := object(s)
	return len(h) == 3 && h["alg"] == k.Algorithm() && h["kid"] == k.ID() && h["typ"] == "at+jwt"
}

var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// referencePayload judges a payload at testNow, and what was made of it if it
// was accepted.
func referencePayload(s string, got *Claims) bool {
	m := object(s)
	if m == nil {
		return false
	}
	ok := true
	text := func(name string, required bool) string {
		v, there := m[name]
		s, is := v.(string)
		if there && !is || required && s == "" {
			ok = false
		}
		return s
	}
	number := func(name string, required, date bool) int64 {
		v, there := m[name]
		if !there {
			ok = ok && !required
			return 0
		}
		n, is := v.(json.Number)
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if !is || err != nil || !integer.MatchString(n.String()) || date && (i < 0 || i > maxUnix) {
			ok = false
		}
		return i
	}
	texts := func(name string) []string {
		v, there := m[name]
		list, is := v.([]any)
		if there && !is {
			ok = false
		}
		var out []string
		for _, e := range list {
			s, is := e.(string)
			ok = ok && is
			out = append(out, s)
		}
		return out
	}
	iss, sub, sid, jti := text("iss", true), text("sub", true), text("sid", true), text("jti", true)
	var aud []string
	if s, is := m["aud"].(string); is {
		aud = []string{s}
	} else {
		aud = texts("aud")
	}
	iat, exp, nbf := number("iat", true, true), number("exp", true, true), number("nbf", false, true)
	ep := number("ep", false, false)
	number("auth_time", false, true)
	role, amr, permissions := text("role", false), texts("amr"), texts("permissions")
	if v, there := m["orgs"]; there {
		orgs, is := v.(map[string]any)
		ok = ok && is
		for _, r := range orgs {
			_, is := r.(string)
			ok = ok && is
		}
	}
	extra := 0
	for name, v := range m {
		if slices.Contains(registered, name) {
			continue
		}
		extra++
		b, err := json.Marshal(v)
		var f any
		if err != nil || json.Unmarshal(b, &f) != nil {
			ok = false // a number beyond float64
		}
	}
	now, latest := testNow.Unix(), testNow.Add(maxLeeway).Unix()
	ok = ok && iss == testIssuer && slices.Contains(aud, testIssuer) && exp > iat && iat <= latest && nbf <= latest && now < exp
	if got != nil && ok {
		ok = got.Issuer == iss && got.Subject == sub && got.SessionID == sid && got.ID == jti && slices.Equal(got.Audience, aud) && got.Role == role && got.Epoch == ep &&
			slices.Equal(got.Methods, amr) && slices.Equal(got.Permissions, permissions) && got.IssuedAt.Unix() == iat && got.ExpiresAt.Unix() == exp && len(got.Extra) == extra
	}
	return ok
}
