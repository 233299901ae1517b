package token

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestClaimNamesAreEscaped pins GHSA-4cf7-xm37-g63h: the JOSE library writes the
// names of claims as they are, so that this one would sign to a member "admin".
func TestClaimNamesAreEscaped(t *testing.T) {
	t.Parallel()
	const name = `x":0,"admin`
	for alg, k := range testKeys() {
		ring := newRing(t, k)
		c := testClaims()
		c.Extra = map[string]any{name: true}
		raw := mustSign(t, ring, c)
		payload, err := ring.VerifySignature(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(payload, &members); err != nil {
			t.Fatal(err)
		}
		if string(members[name]) != "true" || members["admin"] != nil || members["x"] != nil {
			t.Errorf("%s: the payload is %s, want one member named %q", alg, payload, name)
		}
		got, err := testVerifier(ring).Verify(t.Context(), raw)
		if err != nil || !reflect.DeepEqual(got.Extra, c.Extra) {
			t.Errorf("%s: Verify = %+v, %v, want Extra %v", alg, got, err, c.Extra)
		}
	}
}

func TestSignWritesStableJSON(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	c := testClaims()
	c.Permissions = []string{"a", "b"}
	c.Orgs = map[string]string{"o2": "member", "o1": "owner"}
	c.Extra = map[string]any{"z": 1, "a": "é"}
	c.NotBefore = c.IssuedAt
	payload, err := ring.VerifySignature(t.Context(), mustSign(t, ring, c))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"iss":"https://app.example.com/auth","aud":"https://app.example.com/auth","sub":"user-1","sid":"session-1","jti":"jti-1",` +
		`"iat":1773500966,"exp":1773501866,"nbf":1773500966,"ep":7,"auth_time":1773497366,"amr":["pwd"],"role":"admin",` +
		`"permissions":["a","b"],"orgs":{"o1":"owner","o2":"member"},"a":"é","z":1}`
	if string(payload) != want {
		t.Errorf("payload is\n%s, want\n%s", payload, want)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	tests := map[string]func(*Claims){
		"no issuer": func(c *Claims) { c.Issuer = "" }, "no subject": func(c *Claims) { c.Subject = "" }, "no session": func(c *Claims) { c.SessionID = "" }, "no ID": func(c *Claims) { c.ID = "" },
		"no audience": func(c *Claims) { c.Audience = nil }, "empty audience": func(c *Claims) { c.Audience = []string{"a", ""} },
		"no issue time": func(c *Claims) { c.IssuedAt = time.Time{} }, "no expiry": func(c *Claims) { c.ExpiresAt = time.Time{} }, "expiry at issue": func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(999 * time.Millisecond) }, "expiry before issue": func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(-1) },
		"year 10000": func(c *Claims) { c.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "before 1970": func(c *Claims) { c.AuthTime = time.Unix(-1, 0) },
		"broken text": func(c *Claims) { c.Subject = "\xff" }, "broken role": func(c *Claims) { c.Role = "a\xc0" }, "broken permission": func(c *Claims) { c.Permissions = []string{"\xff"} }, "broken org": func(c *Claims) { c.Orgs = map[string]string{"\xff": "x"} },
		"too long":  func(c *Claims) { c.Permissions = []string{strings.Repeat("x", 3000)} },
		"extra sub": func(c *Claims) { c.Extra = map[string]any{"sub": "admin"} }, "extra SUB": func(c *Claims) { c.Extra = map[string]any{"SUB": "admin"} }, "extra long s": func(c *Claims) { c.Extra = map[string]any{"\u017fub": "admin"} },
		"extra alike": func(c *Claims) { c.Extra = map[string]any{"plan": 1, "PLAN": 2} }, "extra broken name": func(c *Claims) { c.Extra = map[string]any{"\xff": 1} },
		"extra function": func(c *Claims) { c.Extra = map[string]any{"f": func() {}} }, "extra NaN": func(c *Claims) { c.Extra = map[string]any{"f": math.NaN()} }, "extra deep": func(c *Claims) {
			c.Extra = map[string]any{"f": json.RawMessage(strings.Repeat("[", 20) + strings.Repeat("]", 20))}
		},
		"extra raw duplicate": func(c *Claims) { c.Extra = map[string]any{"f": json.RawMessage(`{"a":1,"a":2}`)} }, "extra raw injection": func(c *Claims) { c.Extra = map[string]any{"f": json.RawMessage(`1,"admin":true`)} },
	}
	for _, name := range []string{"iss", "aud", "sid", "jti", "iat", "exp", "ep"} {
		tests["extra "+name] = func(c *Claims) { c.Extra = map[string]any{name: "x"} }
	}
	for name, spoil := range tests {
		c := testClaims()
		spoil(c)
		if raw, err := ring.Sign(c); err == nil || raw != "" {
			t.Errorf("%s: Sign = %q, want an error", name, raw)
		}
	}
	if _, err := ring.Sign(nil); err == nil {
		t.Error("Sign(nil) succeeded")
	}
	// All that is missing is named at once.
	_, err := ring.Sign(&Claims{})
	for _, field := range []string{"Issuer", "Subject", "SessionID", "ID", "Audience", "IssuedAt", "ExpiresAt"} {
		if err == nil || !strings.Contains(err.Error(), "Claims."+field) {
			t.Errorf("Sign(empty claims) = %v, want %s named", err, field)
		}
	}
}

// TestOptionalNamesInExtra: an optional claim that the token does not
// carry may not be smuggled in through Extra under another type.
func TestOptionalNamesInExtra(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	for _, name := range []string{"nbf", "auth_time", "amr", "role", "permissions", "orgs", "Role", "ORGS"} {
		c := testClaims()
		c.AuthTime, c.Methods, c.Role = time.Time{}, nil, ""
		c.Extra = map[string]any{name: "x"}
		if raw, err := ring.Sign(c); err == nil {
			t.Errorf("Sign with Extra[%q] = %q, want an error", name, raw)
		}
	}
}

func TestTimesAreWholeSeconds(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	c := testClaims()
	c.IssuedAt = testNow // with a fraction
	c.ExpiresAt = testNow.Add(time.Minute).In(time.FixedZone("x", 3600))
	got, err := testVerifier(ring).Verify(t.Context(), mustSign(t, ring, c))
	if err != nil {
		t.Fatal(err)
	}
	if want := testNow.Truncate(time.Second); got.IssuedAt != want || got.ExpiresAt != want.Add(time.Minute) {
		t.Errorf("times %v and %v, want %v and a minute later, UTC", got.IssuedAt, got.ExpiresAt, want)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	a := testClaims()
	a.Permissions = []string{"p"}
	a.Orgs = map[string]string{"o": "owner"}
	a.Extra = map[string]any{"x": 1}
	b := a.Clone()
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("Clone = %+v, want %+v", b, a)
	}
	b.Audience[0], b.Methods[0], b.Permissions[0] = "x", "x", "x"
	b.Orgs["o"], b.Extra["x"] = "x", "x"
	if !slices.Equal(a.Audience, []string{testIssuer}) || a.Methods[0] != "pwd" || a.Permissions[0] != "p" || a.Orgs["o"] != "owner" || !maps.Equal(a.Extra, map[string]any{"x": 1}) {
		t.Errorf("changing the clone changed the original: %+v", a)
	}
}
