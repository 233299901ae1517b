package token

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// mustJWK returns k's public half as the issuer publishes it, with the given
// members changed or, if the value is empty, left out.
func mustJWK(tb testing.TB, k Key, changes ...member) string {
	tb.Helper()
	j, err := publishJWK(k.k)
	if err != nil {
		tb.Fatal(err)
	}
	s := string(j)
	for _, c := range changes {
		i := strings.Index(s, `"`+c.name+`":`)
		if i >= 0 {
			end := i + strings.IndexAny(s[i:], ",}")
			if s[end] == ',' {
				end++
			}
			s = s[:i] + s[end:]
			s = strings.Replace(s, ",}", "}", 1)
		}
		if c.value != "" {
			s = s[:len(s)-1] + `,"` + c.name + `":` + c.value + `}`
		}
	}
	return s
}

// TestWhichKeyIsMeant presents headers to sets and says which key must be chosen.
func TestWhichKeyIsMeant(t *testing.T) {
	t.Parallel()
	a, b := newEdDSA(t), newEdDSA(t)
	es, rs := testKeys()[ES256], testKeys()[RS256]
	noKid := member{"kid", ""}
	named := func(kid string) member { return member{"kid", `"` + kid + `"`} }
	const oct = `{"kty":"oct","kid":"sym","alg":"HS256","k":"Wk9sdmNRM2JZcFRuRjdoUjJ4S2pNNXVHOHdEMWFFNHpTNkJ2TjBtUXlM"}`
	const private = `{"kty":"OKP","crv":"Ed25519","kid":"p","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	tests := []struct {
		name string
		keys []string
		head head
		want string // ID of the key
		err  error
	}{
		{"by ID", []string{mustJWK(t, a, named("1")), mustJWK(t, b, named("2"))}, head{alg: EdDSA, kid: "2"}, b.ID(), nil},
		{"IDs are exact", []string{mustJWK(t, a, named("Key"))}, head{alg: EdDSA, kid: "key"}, "", errUnknownKey},
		{"unknown ID", []string{mustJWK(t, a, named("1"))}, head{alg: EdDSA, kid: "2"}, "", errUnknownKey},
		{"unknown ID does not mean the only key", []string{mustJWK(t, a, noKid)}, head{alg: EdDSA, kid: "2"}, "", errUnknownKey},
		{"another algorithm", []string{mustJWK(t, a, named("1"))}, head{alg: ES256, kid: "1"}, "", errAlgorithm},
		{"HMAC under a public key's ID", []string{mustJWK(t, rs, named("1"))}, head{alg: HS256, kid: "1"}, "", errAlgorithm},
		{"none", []string{mustJWK(t, a, named("1"))}, head{alg: "none", kid: "1"}, "", errAlgorithm},
		{"one ID for two algorithms", []string{mustJWK(t, a, named("1")), mustJWK(t, es, named("1"))}, head{alg: ES256, kid: "1"}, es.ID(), nil},
		{"one ID for two keys", []string{mustJWK(t, a, named("1")), mustJWK(t, b, named("1")), mustJWK(t, es, named("2"))}, head{alg: EdDSA, kid: "1"}, "", errUnknownKey},
		{"one key twice", []string{mustJWK(t, a, named("1")), mustJWK(t, a, named("1"))}, head{alg: EdDSA, kid: "1"}, a.ID(), nil},
		{"one key, two IDs", []string{mustJWK(t, a, named("1")), mustJWK(t, a, named("2"))}, head{alg: EdDSA, kid: "2"}, a.ID(), nil},

		{"no ID, one key", []string{mustJWK(t, a, named("1"))}, head{alg: EdDSA}, a.ID(), nil},
		{"no ID, one key without ID", []string{mustJWK(t, a, noKid)}, head{alg: EdDSA}, a.ID(), nil},
		{"no ID, one key fits", []string{mustJWK(t, a), mustJWK(t, es), mustJWK(t, rs)}, head{alg: RS256}, rs.ID(), nil},
		{"no ID, the same key twice", []string{mustJWK(t, a, named("1")), mustJWK(t, a, named("2"))}, head{alg: EdDSA}, a.ID(), nil},
		{"no ID, two fit", []string{mustJWK(t, a, named("1")), mustJWK(t, b, named("2"))}, head{alg: EdDSA}, "", errAmbiguousKey},
		{"no ID, none fits", []string{mustJWK(t, a)}, head{alg: ES256}, "", errNoKeyID},
		{"no ID, no algorithm", []string{mustJWK(t, a)}, head{}, "", errNoKeyID},
		{"empty set", nil, head{alg: EdDSA, kid: "1"}, "", errUnknownKey},

		{"strangers are skipped", []string{`{}`, `{"kty":"XYZ","kid":"1"}`, `{"kty":"EC","crv":"P-521"}`, `5`, `null`, `"x"`, mustJWK(t, a, named("1"))}, head{alg: EdDSA, kid: "1"}, a.ID(), nil},
		{"symmetric keys are skipped", []string{oct}, head{alg: HS256, kid: "sym"}, "", errUnknownKey},
		{"private keys are skipped", []string{private}, head{alg: EdDSA, kid: "p"}, "", errUnknownKey},
		{"keys for encryption are skipped", []string{mustJWK(t, rs, named("1"), member{"use", `"enc"`})}, head{alg: RS256, kid: "1"}, "", errUnknownKey},
		{"keys for other operations are skipped", []string{mustJWK(t, rs, named("1"), member{"use", ``}, member{"key_ops", `["encrypt"]`})}, head{alg: RS256, kid: "1"}, "", errUnknownKey},
		{"keys for other algorithms are skipped", []string{mustJWK(t, rs, named("1"), member{"alg", `"PS256"`})}, head{alg: RS256, kid: "1"}, "", errUnknownKey},
		{"use and alg are optional", []string{mustJWK(t, rs, named("1"), member{"alg", ``}, member{"use", ``})}, head{alg: RS256, kid: "1"}, rs.ID(), nil},
		{"a mistyped ID", []string{mustJWK(t, rs, member{"kid", `1`})}, head{alg: RS256, kid: "1"}, "", errUnknownKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, err := parseSet([]byte(`{"keys":[` + strings.Join(tt.keys, ",") + `],"more":1}`))
			if err != nil {
				t.Fatal(err)
			}
			k, err := set.find(&tt.head)
			if !errors.Is(err, tt.err) || (k == nil) == (err == nil) {
				t.Fatalf("find = %v, %v, want error %v", k, err, tt.err)
			}
			if k != nil && k.id != tt.want {
				t.Errorf("find = %s, want %s", k.id, tt.want)
			}
		})
	}
}

// TestExamplesOfTheRFCs verifies RFC 7515 appendices A.2 and A.3 and RFC 8037
// appendix A.4 under the keys printed there. None of them has a kid.
func TestExamplesOfTheRFCs(t *testing.T) {
	t.Parallel()
	const claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	for name, tt := range map[string]struct{ key, jwt, payload string }{
		"RS256": {
			`{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`,
			"eyJhbGciOiJSUzI1NiJ9." + claims + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
			"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
		},
		"ES256": {
			`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
			"eyJhbGciOiJFUzI1NiJ9." + claims + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
			"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
		},
		"EdDSA": {
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
			"Example of Ed25519 signing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := &issuer{answer: func() *http.Response { return response(200, fmt.Sprintf(`{"keys":[%s]}`, tt.key)) }}
			got, err := is.remote().VerifySignature(t.Context(), tt.jwt)
			if err != nil || string(got) != tt.payload {
				t.Errorf("VerifySignature = %q, %v, want %q", got, err, tt.payload)
			}
			// The same signature over another payload.
			i := strings.IndexByte(tt.jwt, '.') + 5
			if _, err := is.remote().VerifySignature(t.Context(), tt.jwt[:i]+"A"+tt.jwt[i+1:]); !errors.Is(err, errSignature) {
				t.Errorf("VerifySignature(changed payload) = %v, want %v", err, errSignature)
			}
		})
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(jwksOf(testKeys()[ES256], testKeys()[EdDSA], testKeys()[RS256])))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"\u0000"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := parseSet(body)
		if err != nil {
			return
		}
		for _, r := range set.keys {
			if r.public == nil || r.macs != nil || r.private != nil {
				t.Fatalf("parseSet(%q) has a key that is not public", body)
			}
			if k, err := set.find(&head{alg: r.alg, kid: r.kid}); err == nil && k.alg != r.alg {
				t.Fatalf("find = a key for %s, want %s", k.alg, r.alg)
			}
		}
	})
}
