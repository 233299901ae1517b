package oauth

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestGitHubID(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"1":                    "1",
		"583231":               "583231",
		"9223372036854775807":  "9223372036854775807",
		"9223372036854775808":  "",
		"99999999999999999999": "",
		"0":                    "",
		"-0":                   "",
		"-1":                   "",
		"+1":                   "",
		"01":                   "",
		"1.0":                  "",
		"1e3":                  "",
		"1_000":                "",
		"0x10":                 "",
		`"583231"`:             "",
		`""`:                   "",
		"null":                 "",
		"true":                 "",
		"{}":                   "",
		"[583231]":             "",
		"":                     "",
	} {
		if got, ok := gitHubID([]byte(raw)); got != want || ok != (want != "") {
			t.Errorf("gitHubID(%s) = %q, %t, want %q", raw, got, ok, want)
		}
	}
}

func TestGitHubIdentity(t *testing.T) {
	t.Parallel()
	id, err := gitHubIdentity([]byte(`{"id": 583231 , "login":"ada","name":"Ada\u202e  Lovelace","email":"ada@example.com",
		"avatar_url":"https://avatars.example.com/u/583231","node_id":"x"}`))
	if err != nil {
		t.Fatalf("gitHubIdentity error = %v, want none", err)
	}
	if id.Subject != "583231" || id.Username != "ada" || id.Name != "Ada Lovelace" || id.AvatarURL != "https://avatars.example.com/u/583231" {
		t.Errorf("gitHubIdentity = %+v, want the account 583231 with a clean name", id)
	}
	if id.Email != "" || id.EmailVerified || id.EmailAuthoritative {
		t.Errorf("gitHubIdentity took the address of the profile: %+v", id)
	}
	bare, err := gitHubIdentity([]byte(`{"id":1,"login":7,"name":null,"avatar_url":"http://avatars.example.com/"}`))
	if err != nil || bare.Subject != "1" || bare.Username != "" || bare.Name != "" || bare.AvatarURL != "" {
		t.Errorf("gitHubIdentity of a bare profile = %+v, %v, want only the ID", bare, err)
	}
	for _, body := range []string{`{}`, `[]`, `null`, `"583231"`, `583231`, `{"ID":583231}`, `{"message":"Bad credentials"}`} {
		if id, err := gitHubIdentity([]byte(body)); !errors.Is(err, ErrRejected) || id != nil {
			t.Errorf("gitHubIdentity(%s) = %v, %v, want ErrRejected", body, id, err)
		}
	}
}

func TestGitHubEmail(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		list, want string
		fails      bool
	}{
		"the primary, verified": {list: `[{"email":"a@x.com","primary":false,"verified":true},{"email":"B@x.com","primary":true,"verified":true}]`, want: "b@x.com"},
		"primary only":          {list: `[{"email":"a@x.com","primary":true,"verified":false}]`},
		"verified only":         {list: `[{"email":"a@x.com","primary":false,"verified":true}]`},
		"neither":               {list: `[{"email":"a@x.com","primary":false,"verified":false}]`},
		"split over two":        {list: `[{"email":"a@x.com","primary":true,"verified":false},{"email":"b@x.com","primary":false,"verified":true}]`},
		"no flags":              {list: `[{"email":"a@x.com"}]`},
		"flags as strings":      {list: `[{"email":"a@x.com","primary":"true","verified":"true"}]`},
		"flags as numbers":      {list: `[{"email":"a@x.com","primary":1,"verified":1}]`},
		"flags in capitals":     {list: `[{"email":"a@x.com","Primary":true,"Verified":true}]`},
		"two primaries":         {list: `[{"email":"a@x.com","primary":true,"verified":true},{"email":"b@x.com","primary":true,"verified":true}]`},
		"two primaries, one unverified": {
			list: `[{"email":"a@x.com","primary":true,"verified":true},{"email":"b@x.com","primary":true,"verified":false}]`},
		"no-reply":                {list: `[{"email":"1+ada@users.noreply.github.com","primary":true,"verified":true}]`},
		"no-reply in capitals":    {list: `[{"email":"1+ada@Users.NoReply.GitHub.com","primary":true,"verified":true}]`},
		"no-reply of GitHub":      {list: `[{"email":"noreply@noreply.github.com","primary":true,"verified":true}]`},
		"no-reply of a server":    {list: `[{"email":"1+ada@users.noreply.git.example.com","primary":true,"verified":true}]`},
		"not no-reply":            {list: `[{"email":"ada@notnoreply.github.com.example.com","primary":true,"verified":true}]`, want: "ada@notnoreply.github.com.example.com"},
		"malformed address":       {list: `[{"email":"a@x.com,b@x.com","primary":true,"verified":true}]`},
		"address as a list":       {list: `[{"email":["a@x.com"],"primary":true,"verified":true}]`},
		"no address":              {list: `[{"primary":true,"verified":true}]`},
		"empty list":              {list: `[]`},
		"null":                    {list: `null`, fails: true},
		"an object":               {list: `{"email":"a@x.com","primary":true,"verified":true}`, fails: true},
		"strings":                 {list: `["a@x.com"]`, fails: true},
		"null in the list":        {list: `[null]`, fails: true},
		"a string":                {list: `"a@x.com"`, fails: true},
		"a hundred and a primary": {list: "[" + strings.Repeat(`{"email":"a@x.com","verified":true},`, 99) + `{"email":"z@x.com","primary":true,"verified":true}]`, want: "z@x.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := gitHubEmail([]byte(tt.list))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("gitHubEmail = %q, %v, want %q, failure %t", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestGitHubAPI(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://github.com":             "https://api.github.com/user",
		"https://GitHub.com/":            "https://api.github.com/user",
		"https://acme.ghe.com":           "https://api.acme.ghe.com/user",
		"https://git.example.com":        "https://git.example.com/api/v3/user",
		"https://git.example.com/":       "https://git.example.com/api/v3/user",
		"https://example.com/git":        "https://example.com/git/api/v3/user",
		"https://notgithub.com":          "https://notgithub.com/api/v3/user",
		"https://ghe.com.example.com":    "https://ghe.com.example.com/api/v3/user",
		"http://127.0.0.1:8080":          "http://127.0.0.1:8080/api/v3/user",
		"https://git.example.com:8443/x": "https://git.example.com:8443/x/api/v3/user",
	} {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		if got := gitHubAPI(u).JoinPath("user").String(); got != want {
			t.Errorf("gitHubAPI(%s) user = %s, want %s", base, got, want)
		}
	}
}

func TestGoogleOwns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		domain, hd string
		want       bool
	}{
		{"gmail.com", "", true},
		{"gmail.com", "example.com", true},
		{"example.com", "example.com", true},
		{"example.com", "Example.COM", true},
		{"example.com", "", false},
		{"example.com", "other.com", false},
		{"sub.example.com", "example.com", false},
		{"example.com", "sub.example.com", false},
		{"notgmail.com", "", false},
		{"gmail.com.example.com", "", false},
		{"example.com", "gmail.com", false},
		{"", "", false},
	} {
		if got := googleOwns(tt.domain, tt.hd); got != tt.want {
			t.Errorf("googleOwns(%q, %q) = %t, want %t", tt.domain, tt.hd, got, tt.want)
		}
	}
}

// TestJudgeEmail is the whole truth table of trust, flag and authority.
func TestJudgeEmail(t *testing.T) {
	t.Parallel()
	type verdict struct{ verified, authoritative bool }
	for _, tt := range []struct {
		trust                EmailTrust
		flag                 string
		unowned, owned, none verdict // address at example.com; at gmail.com; malformed
	}{
		{EmailUntrusted, `true`, verdict{}, verdict{}, verdict{}},
		{EmailUntrusted, `false`, verdict{}, verdict{}, verdict{}},
		{EmailVerifiedFlag, `true`, verdict{true, false}, verdict{true, false}, verdict{}},
		{EmailVerifiedFlag, `false`, verdict{}, verdict{}, verdict{}},
		{EmailVerifiedFlag, `"true"`, verdict{}, verdict{}, verdict{}},
		{EmailAuthoritative, `true`, verdict{true, true}, verdict{true, true}, verdict{}},
		{EmailAuthoritative, `false`, verdict{}, verdict{}, verdict{}},
		{EmailAuthoritative, `1`, verdict{}, verdict{}, verdict{}},
		{EmailAuthoritative, `null`, verdict{}, verdict{}, verdict{}},
		{EmailAuthoritative, ``, verdict{}, verdict{}, verdict{}},
		{emailGoogle, `true`, verdict{true, false}, verdict{true, true}, verdict{}},
		{emailGoogle, `false`, verdict{}, verdict{}, verdict{}},
		{emailGoogle, `"true"`, verdict{}, verdict{}, verdict{}},
		{emailGoogle, ``, verdict{}, verdict{}, verdict{}},
		{EmailTrust(99), `true`, verdict{}, verdict{}, verdict{}},
	} {
		for email, want := range map[string]verdict{
			"ada@example.com": tt.unowned, "ada@gmail.com": tt.owned, "ada@@gmail.com": tt.none, "": tt.none,
		} {
			m := members{"email": mustMarshal(email)}
			if tt.flag != "" {
				m["email_verified"] = []byte(tt.flag)
			}
			var id Identity
			id.judgeEmail(m, tt.trust)
			if got := (verdict{id.EmailVerified, id.EmailAuthoritative}); got != want {
				t.Errorf("trust %d, flag %s, address %q: %+v, want %+v", tt.trust, tt.flag, email, got, want)
			}
			if id.Email != cleanEmail(email) {
				t.Errorf("trust %d, flag %s: address %q, want %q shown in any case", tt.trust, tt.flag, id.Email, cleanEmail(email))
			}
		}
	}
}
