package oauth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/oauth"
)

// plain is a provider without any of the optional methods.
type plain struct{ name string }

func (p plain) Name() string                                             { return p.name }
func (p plain) AuthCodeURL(context.Context, *oauth.Flow) (string, error) { return "", nil }
func (p plain) Identify(context.Context, *oauth.Flow, oauth.Callback) (*oauth.Identity, error) {
	return nil, nil
}

func TestOptionalMethodsAreOptional(t *testing.T) {
	t.Parallel()
	p := plain{"mine"}
	if !oauth.Configured(p) || oauth.DisplayName(p) != "mine" || oauth.Validate(p) != nil {
		t.Errorf("plain provider: configured %t, name %q, validate %v, want true, its name and none",
			oauth.Configured(p), oauth.DisplayName(p), oauth.Validate(p))
	}
	for p, want := range map[oauth.Provider]string{
		oauth.GitHub("a", "b"):                                 "GitHub",
		oauth.Google("a", "b"):                                 "Google",
		&oauth.OIDC{ID: "work", Label: "Work account"}:         "Work account",
		&oauth.GitHubProvider{ID: "ghes", Label: "Our GitHub"}: "Our GitHub",
		&oauth.OIDC{ID: "work"}:                                "work",
	} {
		if got := oauth.DisplayName(p); got != want {
			t.Errorf("DisplayName(%s) = %q, want %q", p.Name(), got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	oidc := func(id, issuer string) *oauth.OIDC { return &oauth.OIDC{ID: id, Issuer: issuer} }
	google := func(issuer string) *oauth.OIDC {
		p := oauth.Google("a", "b")
		p.Issuer = issuer
		return p
	}
	github := func(base string) *oauth.GitHubProvider { return &oauth.GitHubProvider{BaseURL: base} }
	badTrust := oidc("work", "https://issuer.example")
	badTrust.EmailTrust = 42
	for name, tt := range map[string]struct {
		p    oauth.Provider
		want []string // parts of the message, none when all is well
	}{
		"github":                         {github(""), nil},
		"github enterprise":              {github("https://git.example.com/"), nil},
		"github on loopback":             {github("http://127.0.0.1:8080"), nil},
		"github over http":               {github("http://git.example.com"), []string{"BaseURL", "https"}},
		"github with a query":            {github("https://git.example.com/?a=b"), []string{"BaseURL"}},
		"github with an empty query":     {github("https://git.example.com/?"), []string{"BaseURL"}},
		"github without scheme":          {github("git.example.com"), []string{"BaseURL"}},
		"github with credentials":        {github("https://u:p@git.example.com"), []string{"BaseURL"}},
		"google":                         {google(oauth.GoogleIssuer), nil},
		"google on loopback":             {google("http://localhost:8080"), nil},
		"google elsewhere":               {google("https://accounts.google.example"), []string{"Issuer", "loopback"}},
		"google's old name":              {google("accounts.google.com"), []string{"Issuer"}},
		"issuer":                         {oidc("work", "https://issuer.example/realms/a"), nil},
		"issuer with a slash":            {oidc("work", "https://issuer.example/"), nil},
		"issuer over http":               {oidc("work", "http://issuer.example"), []string{"Issuer", "https"}},
		"no issuer":                      {oidc("work", ""), []string{"Issuer"}},
		"issuer with a query":            {oidc("work", "https://issuer.example?a"), []string{"Issuer"}},
		"issuer with a fragment":         {oidc("work", "https://issuer.example#a"), []string{"Issuer"}},
		"no name":                        {oidc("", "https://issuer.example"), []string{"name"}},
		"a name in capitals":             {oidc("Work", "https://issuer.example"), []string{"name"}},
		"a name with a slash":            {oidc("a/b", "https://issuer.example"), []string{"name"}},
		"a name with dots":               {oidc("..", "https://issuer.example"), []string{"name"}},
		"a name that begins with a dash": {oidc("-a", "https://issuer.example"), []string{"name"}},
		"a name of 32":                   {oidc(strings.Repeat("a", 32), "https://issuer.example"), nil},
		"a name of 33":                   {oidc(strings.Repeat("a", 33), "https://issuer.example"), []string{"name"}},
		"a name with all that may be":    {oidc("0-a_z", "https://issuer.example"), nil},
		"several complaints":             {oidc("A", "http://issuer.example"), []string{"name", "Issuer"}},
		"unknown trust":                  {badTrust, []string{"EmailTrust"}},
		"a plain provider":               {plain{"a b"}, []string{"name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := oauth.Validate(tt.p)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("Validate = %v, want complaints about %v", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Validate = %v, want it to mention %s", err, part)
				}
			}
		})
	}
}
