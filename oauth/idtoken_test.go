package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testRules() idTokenRules {
	return idTokenRules{issuers: []string{"https://issuer.example"}, clientID: "client", nonce: "nonce-1", now: testTime}
}

func goodClaims() map[string]any {
	return map[string]any{
		"iss": "https://issuer.example", "aud": "client", "sub": "subject", "nonce": "nonce-1",
		"iat": testTime.Unix(), "exp": testTime.Add(time.Hour).Unix(),
	}
}

func TestIDTokenRules(t *testing.T) {
	t.Parallel()
	const missing = "\x00missing"
	at := func(d time.Duration) json.Number {
		return json.Number(strings.TrimSpace(string(mustMarshal(testTime.Add(d).Unix()))))
	}
	for _, tt := range []struct {
		name    string
		change  map[string]any
		refused string // the claim named, empty when the token holds
	}{
		{"as it should be", nil, ""},
		{"unknown claims are no concern", map[string]any{"groups": []any{1, nil, map[string]any{}}}, ""},

		{"another issuer", map[string]any{"iss": "https://other.example"}, "iss"},
		{"issuer with a slash", map[string]any{"iss": "https://issuer.example/"}, "iss"},
		{"issuer in capitals", map[string]any{"iss": "https://ISSUER.example"}, "iss"},
		{"issuer as a list", map[string]any{"iss": []string{"https://issuer.example"}}, "iss"},
		{"empty issuer", map[string]any{"iss": ""}, "iss"},
		{"null issuer", map[string]any{"iss": nil}, "iss"},
		{"no issuer", map[string]any{"iss": missing}, "iss"},

		{"audience as a list of one", map[string]any{"aud": []string{"client"}}, ""},
		{"several audiences and we asked", map[string]any{"aud": []string{"other", "client"}, "azp": "client"}, ""},
		{"several audiences", map[string]any{"aud": []string{"client", "other"}}, "azp"},
		{"the same audience twice", map[string]any{"aud": []string{"client", "client"}}, "azp"},
		{"several audiences, another asked", map[string]any{"aud": []string{"client", "other"}, "azp": "other"}, "azp"},
		{"several audiences without us", map[string]any{"aud": []string{"a", "b"}, "azp": "client"}, "aud"},
		{"another audience", map[string]any{"aud": "other"}, "aud"},
		{"audience in capitals", map[string]any{"aud": "CLIENT"}, "aud"},
		{"audience with a space", map[string]any{"aud": "client "}, "aud"},
		{"audiences in one string", map[string]any{"aud": "client other"}, "aud"},
		{"empty list of audiences", map[string]any{"aud": []string{}}, "aud"},
		{"audience list with a number", map[string]any{"aud": []any{"client", 1}}, "aud"},
		{"audience list with null", map[string]any{"aud": []any{"client", nil}}, "aud"},
		{"audience as an object", map[string]any{"aud": map[string]any{"client": "client"}}, "aud"},
		{"audience as true", map[string]any{"aud": true}, "aud"},
		{"null audience", map[string]any{"aud": nil}, "aud"},
		{"no audience", map[string]any{"aud": missing}, "aud"},

		{"we asked", map[string]any{"azp": "client"}, ""},
		{"another asked", map[string]any{"azp": "other"}, "azp"},
		{"nobody asked", map[string]any{"azp": ""}, "azp"},
		{"null asked", map[string]any{"azp": nil}, "azp"},
		{"a list asked", map[string]any{"azp": []string{"client"}}, "azp"},

		{"another nonce", map[string]any{"nonce": "nonce-2"}, "nonce"},
		{"longer nonce", map[string]any{"nonce": "nonce-11"}, "nonce"},
		{"empty nonce", map[string]any{"nonce": ""}, "nonce"},
		{"null nonce", map[string]any{"nonce": nil}, "nonce"},
		{"no nonce", map[string]any{"nonce": missing}, "nonce"},

		{"over now", map[string]any{"exp": at(0)}, ""},
		{"over within the leeway", map[string]any{"exp": at(-29 * time.Second)}, ""},
		{"over as long as the leeway", map[string]any{"exp": at(-30 * time.Second)}, "exp"},
		{"over longer than the leeway", map[string]any{"exp": at(-31 * time.Second)}, "exp"},
		{"with a fraction", map[string]any{"exp": json.Number("1772370000.5")}, ""},
		{"over in the year 9999", map[string]any{"exp": json.Number("253402300799")}, ""},
		{"over in the year 10000", map[string]any{"exp": json.Number("253402300800")}, "exp"},
		{"over at 1e400", map[string]any{"exp": json.RawMessage("1e400")}, "exp"},
		{"over in time, with an exponent", map[string]any{"exp": json.RawMessage("177237e4")}, "exp"},
		{"over at 1e12", map[string]any{"exp": json.RawMessage("1e12")}, "exp"},
		{"over at a number of 40 digits", map[string]any{"exp": json.RawMessage(strings.Repeat("9", 40))}, "exp"},
		{"over at zero", map[string]any{"exp": 0}, "exp"},
		{"over before 1970", map[string]any{"exp": -1}, "exp"},
		{"over at a string", map[string]any{"exp": "1772370000"}, "exp"},
		{"over at true", map[string]any{"exp": true}, "exp"},
		{"over at null", map[string]any{"exp": nil}, "exp"},
		{"never over", map[string]any{"exp": missing}, "exp"},

		{"issued ahead within the leeway", map[string]any{"iat": at(30 * time.Second)}, ""},
		{"issued ahead beyond the leeway", map[string]any{"iat": at(31 * time.Second)}, "iat"},
		{"issued at a string", map[string]any{"iat": "1772366400"}, "iat"},
		{"issued at zero", map[string]any{"iat": 0}, "iat"},
		{"issued before 1970", map[string]any{"iat": -1}, "iat"},
		{"issued at null", map[string]any{"iat": nil}, "iat"},
		{"never issued", map[string]any{"iat": missing}, "iat"},
		{"valid since now", map[string]any{"nbf": at(0)}, ""},
		{"valid within the leeway", map[string]any{"nbf": at(30 * time.Second)}, ""},
		{"valid beyond the leeway", map[string]any{"nbf": at(31 * time.Second)}, "nbf"},
		{"valid at null", map[string]any{"nbf": nil}, "nbf"},

		{"the longest subject", map[string]any{"sub": strings.Repeat("s", 255)}, ""},
		{"a subject with spaces inside", map[string]any{"sub": "uid=ada, ou=people"}, ""},
		{"too long a subject", map[string]any{"sub": strings.Repeat("s", 256)}, "sub"},
		{"empty subject", map[string]any{"sub": ""}, "sub"},
		{"blank subject", map[string]any{"sub": " "}, "sub"},
		{"subject with a space after it", map[string]any{"sub": "subject "}, "sub"},
		{"subject with a NUL", map[string]any{"sub": "subject\x00"}, "sub"},
		{"subject that is not ASCII", map[string]any{"sub": "\u017fubject"}, "sub"},
		{"numeric subject", map[string]any{"sub": 1}, "sub"},
		{"zero subject", map[string]any{"sub": 0}, "sub"},
		{"subject as an object", map[string]any{"sub": map[string]any{"id": "subject"}}, "sub"},
		{"subject as a list", map[string]any{"sub": []string{"subject"}}, "sub"},
		{"null subject", map[string]any{"sub": nil}, "sub"},
		{"no subject", map[string]any{"sub": missing}, "sub"},
		{"subject in another case of letters", map[string]any{"sub": missing, "Sub": "subject"}, "sub"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			claims := goodClaims()
			maps.Copy(claims, tt.change)
			maps.DeleteFunc(claims, func(_ string, v any) bool { return v == missing })
			m, subject, err := testRules().check(mustMarshal(claims))
			if tt.refused == "" {
				if err != nil || m == nil || subject != claims["sub"] {
					t.Errorf("check = subject %q, error %v, want subject %q", subject, err, claims["sub"])
				}
				return
			}
			if want := "claim " + tt.refused + " "; err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrRejected) {
				t.Errorf("check error = %v, want a refusal of %s", err, want)
			}
			if m != nil || subject != "" {
				t.Errorf("check = %v, %q beside an error, want nothing", m, subject)
			}
		})
	}
}

// TestIDTokenRulesWithoutExpectationsRefuseAll: what is not configured is not
// equal to what is empty.
func TestIDTokenRulesWithoutExpectationsRefuseAll(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		forget func(*idTokenRules)
		empty  []string // claims that are empty, to match
	}{
		"issuer":    {func(r *idTokenRules) { r.issuers = []string{""} }, []string{"iss"}},
		"issuers":   {func(r *idTokenRules) { r.issuers = nil }, []string{"iss"}},
		"client ID": {func(r *idTokenRules) { r.clientID = "" }, []string{"aud", "azp"}},
		"nonce":     {func(r *idTokenRules) { r.nonce = "" }, []string{"nonce"}},
		"all": {func(r *idTokenRules) { *r = idTokenRules{issuers: []string{""}, now: testTime} },
			[]string{"iss", "aud", "azp", "nonce"}},
	} {
		rules, claims := testRules(), goodClaims()
		tt.forget(&rules)
		for _, c := range tt.empty {
			claims[c] = ""
		}
		if _, _, err := rules.check(mustMarshal(claims)); !errors.Is(err, ErrRejected) {
			t.Errorf("without %s: check of an empty claim error = %v, want ErrRejected", name, err)
		}
		if _, _, err := rules.check(mustMarshal(goodClaims())); !errors.Is(err, ErrRejected) {
			t.Errorf("without %s: check of a good token error = %v, want ErrRejected", name, err)
		}
	}
}

func TestIDTokenPayloadIsOneStrictObject(t *testing.T) {
	t.Parallel()
	good := string(mustMarshal(goodClaims()))
	for name, payload := range map[string]string{
		"nothing":                  "",
		"null":                     "null",
		"a string":                 `"iss"`,
		"a list":                   "[" + good + "]",
		"two documents":            good + good,
		"cut":                      good[:len(good)-1],
		"a member twice":           strings.Replace(good, "{", `{"sub":"other",`, 1),
		"a member twice, escaped":  strings.Replace(good, "{", `{"\u0073ub":"other",`, 1),
		"a member in another case": strings.Replace(good, "{", `{"Sub":"other",`, 1),
		"not UTF-8":                strings.Replace(good, "subject", "sub\xff", 1),
	} {
		if _, _, err := testRules().check([]byte(payload)); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: check error = %v, want ErrRejected", name, err)
		}
	}
}

func TestTokenAlgorithm(t *testing.T) {
	t.Parallel()
	jwt := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30.c2ln"
	}
	for name, tt := range map[string]struct{ jwt, want string }{
		"RS256":              {jwt(`{"alg":"RS256","kid":"1"}`), "RS256"},
		"ES256 with typ":     {jwt(`{"alg":"ES256","typ":"JWT"}`), "ES256"},
		"typ in small":       {jwt(`{"alg":"EdDSA","typ":"jwt"}`), "EdDSA"},
		"unknown members":    {jwt(`{"alg":"RS256","x5t":"abc"}`), "RS256"},
		"none":               {jwt(`{"alg":"none"}`), ""},
		"nOnE":               {jwt(`{"alg":"nOnE"}`), ""},
		"HS256":              {jwt(`{"alg":"HS256"}`), ""},
		"small letters":      {jwt(`{"alg":"rs256"}`), ""},
		"a list":             {jwt(`{"alg":["RS256"]}`), ""},
		"no alg":             {jwt(`{"kid":"1"}`), ""},
		"access token":       {jwt(`{"alg":"RS256","typ":"at+jwt"}`), ""},
		"typ null":           {jwt(`{"alg":"RS256","typ":null}`), ""},
		"crit":               {jwt(`{"alg":"RS256","crit":["exp"],"exp":1}`), ""},
		"empty crit":         {jwt(`{"alg":"RS256","crit":[]}`), ""},
		"alg twice":          {jwt(`{"alg":"none","alg":"RS256"}`), ""},
		"a list as header":   {jwt(`[{"alg":"RS256"}]`), ""},
		"null as header":     {jwt(`null`), ""},
		"empty":              {"", ""},
		"dots":               {"..", ""},
		"two parts":          {"e30.e30", ""},
		"four parts":         {jwt(`{"alg":"RS256"}`) + ".e30", ""},
		"a million dots":     {strings.Repeat(".", 1_000_000), ""},
		"padded":             {base64.URLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "=.e30.c2ln", ""},
		"a newline inside":   {"\n" + jwt(`{"alg":"RS256"}`), ""},
		"header is too long": {jwt(`{"alg":"RS256","x":"` + strings.Repeat("x", maxSecret) + `"}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tokenAlgorithm(tt.jwt)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("tokenAlgorithm = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestAccessTokenHash uses the example of OpenID Connect Core, appendix A.3,
// for RS256; the others are its definition written out.
func TestAccessTokenHash(t *testing.T) {
	t.Parallel()
	const accessToken = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
	for alg, want := range map[string]int{"RS256": 16, "ES384": 24, "RS512": 32, "EdDSA": 32} {
		sum, err := base64.RawURLEncoding.DecodeString(accessTokenHash(alg, accessToken))
		if err != nil || len(sum) != want {
			t.Errorf("accessTokenHash(%s) has %d bytes, error %v, want %d", alg, len(sum), err, want)
		}
	}
	if got, want := accessTokenHash("RS256", accessToken), "77QmUPtjPfzWtF2AnpK9RQ"; got != want {
		t.Errorf("accessTokenHash(RS256) = %s, want %s", got, want)
	}
	for name, tt := range map[string]struct {
		claim any
		ok    bool
	}{
		"right":     {"77QmUPtjPfzWtF2AnpK9RQ", true},
		"wrong":     {"77QmUPtjPfzWtF2AnpK9RA", false},
		"shortened": {"77QmUPtjPfzWtF2AnpK9", false},
		"empty":     {"", false},
		"null":      {nil, false},
		"a number":  {77, false},
	} {
		m, _ := parseObject(mustMarshal(map[string]any{"at_hash": tt.claim}))
		if err := checkAccessTokenHash(m, "RS256", accessToken); (err == nil) != tt.ok {
			t.Errorf("%s: checkAccessTokenHash error = %v, want success %t", name, err, tt.ok)
		}
	}
	if err := checkAccessTokenHash(members{}, "RS256", accessToken); err != nil {
		t.Errorf("without at_hash: error = %v, want none", err)
	}
}

func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
