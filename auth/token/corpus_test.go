package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestForgeryHarness makes sure that what the corpus below varies is acceptable
// before it is varied; otherwise its refusals would prove nothing.
func TestForgeryHarness(t *testing.T) {
	t.Parallel()
	for alg, k := range testKeys() {
		v := testVerifier(newRing(t, k))
		for name, raw := range map[string]string{
			"as signed":     forge(t, k, goodHeader(k), goodPayload()),
			"other order":   forge(t, k, fmt.Sprintf(`{"typ":"at+jwt","kid":%q,"alg":%q}`, k.ID(), alg), goodPayload()),
			"white space":   forge(t, k, strings.ReplaceAll(goodHeader(k), ":", " :\n"), strings.ReplaceAll(goodPayload(), ",", "\t, ")),
			"audience list": forge(t, k, goodHeader(k), goodPayload(member{`"aud"`, `["x",` + strconv.Quote(testIssuer) + `]`})),
			"extra claim":   forge(t, k, goodHeader(k), goodPayload(member{`"plan"`, `{"a":[1,{"b":null}]}`})),
			"escaped name":  forge(t, k, goodHeader(k), strings.Replace(goodPayload(), `"sub"`, `"s\u0075b"`, 1)),
			"optional gone": forge(t, k, goodHeader(k), goodPayload(member{`"ep"`, ``}, member{`"auth_time"`, ``}, member{`"amr"`, ``}, member{`"role"`, ``})),
		} {
			if c, err := v.Verify(t.Context(), raw); err != nil || c.Subject != "user-1" {
				t.Errorf("%s, %s: Verify = %+v, %v, want acceptance", alg, name, c, err)
			}
		}
	}
}

// headerCorpus returns headers that must be refused although the signature over
// them is genuine.
func headerCorpus(k Key) map[string]string {
	alg, kid := k.Algorithm(), k.ID()
	with := func(extra string) string {
		return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt",%s}`, alg, kid, extra)
	}
	typ := func(typ string) string { return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%s}`, alg, kid, typ) }
	c := map[string]string{
		// JW-02: members that change the meaning, and any others.
		"crit exp": with(`"crit":["exp"]`), "crit unknown": with(`"crit":["x"],"x":1`), "crit empty": with(`"crit":[]`), "crit b64": with(`"crit":["b64"],"b64":false`),
		"b64 false": with(`"b64":false`), "b64 true": with(`"b64":true`), "zip": with(`"zip":"DEF"`), "enc": with(`"enc":"A256GCM"`),
		"jku": with(`"jku":"https://evil.example/jwks.json"`), "jwk": with(`"jwk":{"kty":"oct","k":"AAAA"}`), "jwk null": with(`"jwk":null`),
		"x5u": with(`"x5u":"https://evil.example/c.pem"`), "x5c": with(`"x5c":["AAAA"]`), "x5t": with(`"x5t":"AAAA"`), "cty": with(`"cty":"JWT"`),
		"unknown member": with(`"foo":1`), "empty name": with(`"":1`), "iss": with(`"iss":"x"`), "epk": with(`"epk":{}`), "escaped crit": with(`"cr\u0069t":["x"]`),
		// JW-03: duplicates.
		"alg twice": with(fmt.Sprintf(`"alg":%q`, alg)), "alg none second": with(`"alg":"none"`), "kid twice": with(fmt.Sprintf(`"kid":%q`, kid)), "typ twice": with(`"typ":"at+jwt"`),
		"ALG": with(`"ALG":"none"`), "Kelvin kid": with("\"\u212aid\":\"x\""), "escaped alg": with(`"\u0061lg":"none"`),
		// JW-05: other types of token.
		"typ JWT": typ(`"JWT"`), "typ at+JWT": typ(`"at+JWT"`), "typ long": typ(`"application/at+jwt"`), "typ space": typ(`"at+jwt "`), "typ empty": typ(`""`),
		"typ null": typ(`null`), "typ list": typ(`["at+jwt"]`), "typ id_token": typ(`"id_token+jwt"`), "typ logout": typ(`"logout+jwt"`), "typ dpop": typ(`"dpop+jwt"`),
		"no typ": fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, kid), "TYP": fmt.Sprintf(`{"alg":%q,"kid":%q,"TYP":"at+jwt"}`, alg, kid),
		// JW-01, JW-10: algorithm and key ID.
		"no alg": fmt.Sprintf(`{"kid":%q,"typ":"at+jwt"}`, kid), "alg null": fmt.Sprintf(`{"alg":null,"kid":%q,"typ":"at+jwt"}`, kid), "alg number": fmt.Sprintf(`{"alg":256,"kid":%q,"typ":"at+jwt"}`, kid),
		"alg list": fmt.Sprintf(`{"alg":[%q],"kid":%q,"typ":"at+jwt"}`, alg, kid), "no kid": fmt.Sprintf(`{"alg":%q,"typ":"at+jwt"}`, alg), "kid number": fmt.Sprintf(`{"alg":%q,"kid":0,"typ":"at+jwt"}`, alg),
		"empty": `{}`, "not an object": `"x"`, "list": `[]`, "null": `null`, "number": `1`, "nothing": ``, "no JSON": `{`, "trailing": goodHeader(k) + `{}`, "trailing NUL": goodHeader(k) + "\x00", "BOM": "\ufeff" + goodHeader(k),
		"invalid UTF-8": with("\"x\":\"\xff\""), "UTF-16": "\xff\xfe{\x00}\x00", "half a pair": with(`"x":"\ud800"`), "deep": with(`"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200)),
	}
	for _, other := range []string{
		"none", "None", "NONE", "nOnE", "", "HS384", "HS512", "ES384", "ES512", "ES256K", "RS384", "RS512", "PS256", "Ed25519", "dir", "A256KW",
		strings.ToLower(alg), alg + " ", alg + "\x00", "HS256", "ES256", "EdDSA", "RS256",
	} {
		if other != alg {
			c["alg "+strconv.Quote(other)] = fmt.Sprintf(`{"alg":%s,"kid":%q,"typ":"at+jwt"}`, jsonString(other), kid)
		}
	}
	for _, other := range []string{
		"", "x", "../../../../dev/null", "/dev/null", "' OR 1=1 --", "http://evil.example/k", kid + " ", " " + kid, kid + "\x00", strings.ToUpper(kid) + "x", kid[:len(kid)-1], strings.Repeat("k", 2000),
	} {
		c[fmt.Sprintf("kid %.20q", other)] = fmt.Sprintf(`{"alg":%q,"kid":%s,"typ":"at+jwt"}`, alg, jsonString(other))
	}
	return c
}

func jsonString(s string) string {
	w := writer{}
	w.string(s)
	return string(w.b)
}

// payloadCorpus is the same for payloads.
func payloadCorpus() map[string]string {
	iat := testNow.Unix()
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	c := map[string]string{
		// JW-03
		"sub twice": goodPayload(member{`"s\u0075b"`, `"admin"`}), "SUB": goodPayload(member{`"SUB"`, `"admin"`}), "Sub in front": `{"Sub":"admin",` + goodPayload()[1:], "exp twice": goodPayload(member{`"e\u0078p"`, n(iat + 1e6)}),
		"nested duplicate": goodPayload(member{`"x"`, `{"a":1,"a":2}`}), "org twice": goodPayload(member{`"orgs"`, `{"o":"member","o":"owner"}`}), "long s": goodPayload(member{"\"\u017fub\"", `"admin"`}),
		// JW-06
		"iss other": goodPayload(member{`"iss"`, `"https://evil.example"`}), "iss slash": goodPayload(member{`"iss"`, strconv.Quote(testIssuer + "/")}), "iss case": goodPayload(member{`"iss"`, strconv.Quote(strings.ToUpper(testIssuer))}),
		"iss prefix": goodPayload(member{`"iss"`, strconv.Quote(testIssuer[:10])}), "iss list": goodPayload(member{`"iss"`, `["` + testIssuer + `"]`}), "iss NUL": goodPayload(member{`"iss"`, `"` + testIssuer + `\u0000"`}),
		"aud other": goodPayload(member{`"aud"`, `"other"`}), "aud others": goodPayload(member{`"aud"`, `["a","b"]`}), "aud empty": goodPayload(member{`"aud"`, `""`}), "aud empty list": goodPayload(member{`"aud"`, `[]`}), "aud list of empty": goodPayload(member{`"aud"`, `[""]`}),
		"aud slash": goodPayload(member{`"aud"`, strconv.Quote(testIssuer + "/")}), "aud object": goodPayload(member{`"aud"`, `{"` + testIssuer + `":1}`}), "aud nested": goodPayload(member{`"aud"`, `[["` + testIssuer + `"]]`}), "aud mixed": goodPayload(member{`"aud"`, `["` + testIssuer + `",1]`}),
		"aud number": goodPayload(member{`"aud"`, `1`}), "aud true": goodPayload(member{`"aud"`, `true`}), "aud joined": goodPayload(member{`"aud"`, `"x ` + testIssuer + `"`}),
		// JW-07 and lifetimes
		"iat in the future": goodPayload(member{`"iat"`, n(iat + 32)}), "nbf in the future": goodPayload(member{`"nbf"`, n(iat + 32)}), "exp before iat": goodPayload(member{`"iat"`, n(iat + 10)}, member{`"exp"`, n(iat + 5)}),
		"exp equals iat": goodPayload(member{`"exp"`, n(iat + 5)}, member{`"iat"`, n(iat + 5)}),
		// optional claims of the wrong type
		"role list": goodPayload(member{`"role"`, `["admin"]`}), "role null": goodPayload(member{`"role"`, `null`}), "ep string": goodPayload(member{`"ep"`, `"7"`}), "ep fraction": goodPayload(member{`"ep"`, `7.0`}), "ep huge": goodPayload(member{`"ep"`, `9223372036854775808`}), "ep null": goodPayload(member{`"ep"`, `null`}),
		"amr string": goodPayload(member{`"amr"`, `"pwd"`}), "amr mixed": goodPayload(member{`"amr"`, `["pwd",null]`}), "auth_time string": goodPayload(member{`"auth_time"`, `"1"`}), "auth_time negative": goodPayload(member{`"auth_time"`, `-1`}),
		"permissions string": goodPayload(member{`"permissions"`, `"users:read"`}), "permissions object": goodPayload(member{`"permissions"`, `{}`}), "permissions null": goodPayload(member{`"permissions"`, `null`}), "permissions mixed": goodPayload(member{`"permissions"`, `["a",1]`}),
		"orgs list": goodPayload(member{`"orgs"`, `["o"]`}), "orgs nested": goodPayload(member{`"orgs"`, `{"o":{"role":"owner"}}`}), "orgs null": goodPayload(member{`"orgs"`, `null`}), "nbf string": goodPayload(member{`"nbf"`, `"0"`}), "nbf fraction": goodPayload(member{`"nbf"`, `0.5`}),
		// form
		"list": `[` + goodPayload() + `]`, "string": `"x"`, "null": `null`, "nothing": ``, "empty object": `{}`, "not JSON": `{`, "trailing": goodPayload() + `{}`, "trailing NUL": goodPayload() + "\x00", "BOM": "\ufeff" + goodPayload(),
		"invalid UTF-8": goodPayload(member{`"x"`, "\"\xff\""}), "half a pair": goodPayload(member{`"x"`, `"\ud800"`}), "deep": goodPayload(member{`"x"`, strings.Repeat("[", 100) + strings.Repeat("]", 100)}), "extra beyond float64": goodPayload(member{`"x"`, `1e999`}),
		"single quotes": strings.ReplaceAll(goodPayload(), `"`, `'`), "comment": `/**/` + goodPayload(), "token inside": b64.EncodeToString([]byte(goodPayload())),
	}
	// JW-04: each required claim absent and of each wrong type.
	for _, name := range []string{"iss", "aud", "sub", "sid", "jti", "iat", "exp"} {
		q := strconv.Quote(name)
		for _, v := range []string{``, `null`, `true`, `{}`, `[]`, `[1]`, `""`, `1.5`, `-1`} {
			c[name+" = "+v] = goodPayload(member{q, v})
		}
		c[name+" in capitals"] = goodPayload(member{q, ``}, member{strconv.Quote(strings.ToUpper(name)), `"x"`})
	}
	for _, name := range []string{"sub", "sid", "jti", "iss"} {
		c[name+" number"] = goodPayload(member{strconv.Quote(name), `1`})
	}
	for _, name := range []string{"iat", "exp"} {
		for _, v := range []string{`"` + n(iat+900) + `"`, n(iat+900) + ".0", n(iat+900) + ".5", "1.773504566e9", "1e400", "1E9", "9223372036854775808", "-9223372036854775809", "253402300800", strings.Repeat("9", 400), "0x7fffffff", "NaN", "Infinity"} {
			c[name+" = "+v] = goodPayload(member{strconv.Quote(name), v})
		}
	}
	return c
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	for alg, k := range testKeys() {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			// All four keys are accepted, so that confusing one for another shows.
			ring := newRing(t, k, slices.Collect(maps.Values(testKeys()))...)
			v := testVerifier(ring)
			refuse := func(name, raw string) {
				t.Helper()
				for range 2 { // the second time would find what the first left behind
					if c, err := v.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) || c != nil {
						t.Errorf("%s: Verify = %+v, %v, want ErrInvalid", name, c, err)
					}
				}
				if c, err := v.VerifyExpired(t.Context(), raw); !errors.Is(err, ErrInvalid) || c != nil {
					t.Errorf("%s: VerifyExpired = %+v, %v, want ErrInvalid", name, c, err)
				}
			}
			for name, h := range headerCorpus(k) {
				refuse("header "+name, forge(t, k, h, goodPayload()))
			}
			for name, p := range payloadCorpus() {
				refuse("payload "+name, forge(t, k, goodHeader(k), p))
			}
			good := forge(t, k, goodHeader(k), goodPayload())
			if _, err := v.Verify(t.Context(), good); err != nil {
				t.Fatal(err)
			}
			for name, raw := range formCorpus(t, k, good) {
				refuse("form "+name, raw)
			}
		})
	}
}

// formCorpus returns variants of a good token that are no compact JWS, or one that
// is not spelled canonically, signed where the spelling is under the signature.
func formCorpus(tb testing.TB, k Key, good string) map[string]string {
	parts := strings.Split(good, ".")
	h, p, s := parts[0], parts[1], parts[2]
	last := s[len(s)-1:]
	c := map[string]string{
		"empty": "", "dot": ".", "two dots": "..", "three dots": "...", "one segment": h, "two segments": h + "." + p, "no signature": h + "." + p + ".", "no payload": h + ".." + s, "no header": "." + p + "." + s,
		"four segments": good + ".", "five segments": good + ".x.y", "JWE": good + "." + h + "." + s, "dots": strings.Repeat(".", maxToken), "a million dots": strings.Repeat(".", 1<<20), "too long": good + strings.Repeat("A", maxToken),
		"space before": " " + good, "space after": good + " ", "line break after": good + "\n", "CRLF after": good + "\r\n", "tab": good + "\t", "NUL": good + "\x00", "break in header": h[:5] + "\n" + h[5:] + "." + p + "." + s,
		"break in payload": h + "." + p[:5] + "\r" + p[5:] + "." + s, "break in signature": h + "." + p + "." + s[:5] + "\n" + s[5:], "space inside": h + ". " + p + "." + s,
		"padded header": h + "=." + p + "." + s, "padded payload": h + "." + p + "=." + s, "padded signature": good + "=", "padded twice": good + "==", "standard alphabet": h + "." + p + "." + s[:3] + "+/" + s[5:],
		"percent": h + "%2E" + p + "." + s, "Bearer": "Bearer " + good, "quoted": `"` + good + `"`, "bytes": "\xff\xfe." + p + "." + s, "invalid UTF-8": h + "." + p + "." + s + "\xff", "wide dots": h + "\u3002" + p + "\u3002" + s,
		"JSON serialisation":    fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s),
		"general serialisation": fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s),
		"signed with break":     forgeSegments(tb, k, h[:8]+"\n"+h[8:], p), "signed payload with break": forgeSegments(tb, k, h, p[:8]+"\r\n"+p[8:]), "signed payload with CR": forgeSegments(tb, k, h, p[:8]+"\r"+p[8:]), "CR in signature": h + "." + p + "." + s[:5] + "\r" + s[5:],
		"signed with padding": forgeSegments(tb, k, h+strings.Repeat("=", (4-len(h)%4)%4), p+"=="), "signed with space": forgeSegments(tb, k, " "+h, p),
		"signature cut": h + "." + p + "." + s[:len(s)-4], "signature longer": good + "AAAA", "signature zero": h + "." + p + "." + b64.EncodeToString(make([]byte, b64.DecodedLen(len(s)))), "signature empty byte": h + "." + p + ".AA",
		"signature of 4 KiB": (h + "." + p + "." + strings.Repeat("A", maxToken))[:maxToken],
		"signature swapped":  h + "." + p + "." + parts[0],
	}
	// Bits behind the last byte that are not zero: a second spelling.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if rest := len(s) % 4; rest == 2 || rest == 3 {
		i := strings.Index(alphabet, last)
		c["trailing bits"] = good[:len(good)-1] + string(alphabet[i^1])
	}
	if len(h)%4 != 0 {
		i := strings.IndexByte(alphabet, h[len(h)-1])
		c["signed trailing bits"] = forgeSegments(tb, k, h[:len(h)-1]+string(alphabet[i^1]), p)
	}
	// Any flipped bit of the signature.
	raw, err := b64.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1 << (i % 8)
		c["signature bit "+strconv.Itoa(i)] = h + "." + p + "." + b64.EncodeToString(raw)
		raw[i] ^= 1 << (i % 8)
	}
	// Any changed character of what is signed.
	for i := 0; i < len(h)+1+len(p); i += 7 {
		c["character "+strconv.Itoa(i)] = good[:i] + string(alphabet[(strings.IndexByte(alphabet, good[i])+1)%64]) + good[i+1:]
	}
	return c
}

// TestVerifySignatureServesOtherIssuers shows where the key sets are more lenient
// than the Verifier: ID tokens have other types and harmless members.
func TestVerifySignatureServesOtherIssuers(t *testing.T) {
	t.Parallel()
	for alg, k := range testKeys() {
		ring := newRing(t, k)
		id := fmt.Sprintf(`"alg":%q,"kid":%q`, alg, k.ID())
		for _, h := range []string{
			`{` + id + `}`, `{` + id + `,"typ":"JWT"}`, `{` + id + `,"typ":"JWT","x5t":"AAAA","x5t#S256":"BBBB","cty":"x","foo":{"a":[1]}}`, `{` + id + `,"CRIT":1}`,
		} {
			p, err := ring.VerifySignature(t.Context(), forge(t, k, h, "any\x00bytes"))
			if err != nil || string(p) != "any\x00bytes" {
				t.Errorf("%s: VerifySignature(%s) = %q, %v, want the payload", alg, h, p, err)
			}
		}
		// A key ID that is there but empty is not an absent one, for any key set.
		is := &issuer{keys: []Key{k}}
		if alg != HS256 {
			unnamed := forge(t, k, fmt.Sprintf(`{"alg":%q}`, alg), "x")
			if _, err := is.remote().VerifySignature(t.Context(), unnamed); err != nil {
				t.Errorf("%s: VerifySignature(no kid, one key) = %v, want acceptance", alg, err)
			}
			empty := forge(t, k, fmt.Sprintf(`{"alg":%q,"kid":""}`, alg), "x")
			if _, err := is.remote().VerifySignature(t.Context(), empty); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: VerifySignature(empty kid) = %v, want ErrInvalid", alg, err)
			}
		}
		for _, extra := range []string{`"crit":["x"],"x":1`, `"crit":null`, `"b64":false`, `"zip":"DEF"`, `"enc":"x"`, `"jwk":{}`, `"jku":"x"`, `"x5u":"x"`, `"x5c":[]`} {
			if p, err := ring.VerifySignature(t.Context(), forge(t, k, `{`+id+`,`+extra+`}`, "x")); !errors.Is(err, ErrInvalid) || p != nil {
				t.Errorf("%s: VerifySignature with %s = %q, %v, want ErrInvalid", alg, extra, p, err)
			}
		}
		long := forge(t, k, `{`+id+`}`, strings.Repeat("x", 11_000))
		if _, err := ring.VerifySignature(t.Context(), long); err != nil {
			t.Errorf("%s: VerifySignature(%d bytes) = %v, want acceptance", alg, len(long), err)
		}
		if _, err := ring.VerifySignature(t.Context(), forge(t, k, `{`+id+`}`, strings.Repeat("x", maxJWT))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: VerifySignature(too long) = %v, want ErrInvalid", alg, err)
		}
	}
}

// TestErrorsRepeatNothing: whatever is wrong, no part of the token reaches a log.
func TestErrorsRepeatNothing(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	k := newHMAC(t)
	v := testVerifier(newRing(t, k))
	for _, raw := range []string{
		canary, canary + "." + canary + "." + canary,
		forge(t, k, `{"alg":"`+canary+`","kid":"`+k.ID()+`","typ":"at+jwt"}`, goodPayload()),
		forge(t, k, `{"alg":"HS256","kid":"`+canary+`","typ":"at+jwt"}`, goodPayload()),
		forge(t, k, goodHeader(k), goodPayload(member{`"` + canary + `"`, `"a","` + canary + `":1`})),
		forge(t, k, goodHeader(k), goodPayload(member{`"iss"`, `"` + canary + `"`})),
		forge(t, k, goodHeader(k), goodPayload(member{`"aud"`, `"` + canary + `"`})),
		forge(t, k, goodHeader(k), goodPayload(member{`"orgs"`, `{"` + canary + `":1}`})),
		forge(t, k, goodHeader(k), canary),
	} {
		_, err := v.Verify(t.Context(), raw)
		if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), b64.EncodeToString([]byte(canary))) {
			t.Errorf("Verify(%s) = %v, want an error without the canary", raw, err)
		}
	}
}
