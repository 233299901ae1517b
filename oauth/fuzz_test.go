package oauth

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

// checkIdentity holds for every identity, whatever it was made from.
func checkIdentity(t *testing.T, id *Identity) {
	t.Helper()
	if !validSubject(id.Subject) {
		t.Errorf("subject %q is not valid", id.Subject)
	}
	if id.EmailAuthoritative && !id.EmailVerified || id.EmailVerified && id.Email == "" {
		t.Errorf("address %q with verified %t, authoritative %t: each must imply the one before", id.Email, id.EmailVerified, id.EmailAuthoritative)
	}
	if id.Email != "" && cleanEmail(id.Email) != id.Email {
		t.Errorf("address %q is not clean", id.Email)
	}
	for _, s := range []string{id.Name, id.Username} {
		if len(s) > maxText || !utf8.ValidString(s) {
			t.Errorf("name %q is too long or not text", s)
		}
		for _, r := range s {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("name %q has a control character", s)
			}
		}
	}
	if id.AvatarURL != "" && cleanAvatar(id.AvatarURL) != id.AvatarURL {
		t.Errorf("avatar %q is not clean", id.AvatarURL)
	}
}

func FuzzGitHubProfile(f *testing.F) {
	f.Add([]byte(`{"id":583231,"login":"ada","name":"Ada Lovelace","avatar_url":"https://avatars.example.com/u/1"}`),
		[]byte(`[{"email":"ada@example.com","primary":true,"verified":true,"visibility":null}]`))
	f.Add([]byte(`{"id":"583231","login":7,"name":null}`), []byte(`[{"email":"1+a@users.noreply.github.com","primary":true,"verified":true}]`))
	f.Add([]byte(`{"id":0}`), []byte(`[{"email":"a@x.com,b@x.com","primary":true,"verified":"true"},null]`))
	f.Add([]byte(`{"id":1e3,"name":"\u202eA\u0000"}`), []byte(`{}`))
	f.Add([]byte(`{"message":"Bad credentials"}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, profile, emails []byte) {
		if strictjson.Check(profile) != nil || strictjson.Check(emails) != nil {
			return // refused when read
		}
		id, err := gitHubIdentity(profile)
		if err != nil {
			return
		}
		if id.Email, err = gitHubEmail(emails); err != nil {
			return
		}
		id.EmailVerified = id.Email != ""
		if isNoReply(domainOf(id.Email)) {
			t.Errorf("address %q takes no mail", id.Email)
		}
		checkIdentity(t, id)
	})
}

func FuzzIDTokenClaims(f *testing.F) {
	f.Add(mustMarshal(goodClaims()))
	for _, s := range []string{
		`{"iss":"https://issuer.example","aud":["client","x"],"azp":"client","sub":"s","nonce":"nonce-1","iat":1772366400,"exp":1772370000.5,"email":"ada@gmail.com","email_verified":true,"hd":"x"}`,
		`{"iss":"https://issuer.example","aud":"client","sub":null,"nonce":"nonce-1","iat":1e9,"exp":1e400}`,
		`{"iss":"https://issuer.example","aud":{"client":1},"sub":{},"nonce":["nonce-1"],"iat":"1","exp":-1}`,
		`{"email":["a@b.c"],"email_verified":"true","name":"\u202e","picture":"javascript:alert(1)"}`,
		`[]`, `null`, `{"sub":"a","sub":"b"}`,
	} {
		f.Add([]byte(s))
	}
	rules := testRules()
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, subject, err := rules.check(payload)
		if err != nil {
			if m != nil || subject != "" {
				t.Errorf("check = %v, %q beside an error", m, subject)
			}
			return
		}
		if iss, _ := m.str("iss"); iss != rules.issuers[0] {
			t.Errorf("issuer %q passed", iss)
		}
		if nonce, _ := m.str("nonce"); nonce != rules.nonce {
			t.Errorf("nonce %q passed", nonce)
		}
		for trust := EmailUntrusted; trust <= emailGoogle; trust++ {
			id := &Identity{Subject: subject}
			describe(id, m)
			id.judgeEmail(m, trust)
			checkIdentity(t, id)
			if id.EmailVerified && string(m["email_verified"]) != "true" {
				t.Errorf("email_verified %s passed for true", m["email_verified"])
			}
			if trust == EmailUntrusted && id.EmailVerified {
				t.Error("an untrusted issuer verified an address")
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://issuer.example","authorization_endpoint":"https://issuer.example/a","token_endpoint":"https://issuer.example/t","jwks_uri":"https://issuer.example/k","userinfo_endpoint":"https://issuer.example/u"}`))
	f.Add([]byte(`{"issuer":"https://issuer.example","authorization_endpoint":"javascript:alert(1)","token_endpoint":"http://127.0.0.1","jwks_uri":null}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if strictjson.Check(doc) != nil {
			return
		}
		md, err := parseMetadata(doc, "https://issuer.example")
		if err != nil {
			return
		}
		for _, s := range []string{md.authURL, md.tokenURL, md.keysURL, md.userinfoURL} {
			if s == "" && s == md.userinfoURL {
				continue
			}
			if u, ok := parseEndpoint(s); !ok || u.Scheme != "https" {
				t.Errorf("endpoint %q passed", s)
			}
		}
	})
}

func FuzzTokenAlgorithm(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, jwt string) {
		alg, err := tokenAlgorithm(jwt)
		if err == nil && (alg == "" || alg == "none" || alg[0] == 'H') {
			t.Errorf("algorithm %q passed", alg)
		}
	})
}

func FuzzCleanEmail(f *testing.F) {
	for _, s := range []string{"ada@example.com", "A.B+c@Example.COM", "a@b@c", "a,b@c", "a@\u017f.com", "\"a\"@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanEmail(s)
		if got == "" {
			return
		}
		if len(got) > maxEmail || cleanEmail(got) != got || lowerASCII(s) != got {
			t.Errorf("cleanEmail(%q) = %q, want the same in lower case or nothing", s, got)
		}
		for _, r := range got {
			if r <= ' ' || r >= 0x7f || r == ',' || r == '<' || r == '"' || r == ';' || r == ':' {
				t.Errorf("cleanEmail(%q) = %q has %q in it", s, got, r)
			}
		}
	})
}
