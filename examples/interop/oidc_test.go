package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
)

const (
	opClient = "aegis"
	opSecret = "a secret: with $pecial characters, 100%+"
)

// startOP starts the certified provider and returns its issuer.
func startOP(tb testing.TB, redirectURI, authMethod, alg string, inline bool) string {
	tb.Helper()
	settings, err := json.Marshal(map[string]any{"redirectURI": redirectURI, "authMethod": authMethod, "alg": alg, "inline": inline})
	if err != nil {
		tb.Fatal(err)
	}
	cmd := nodeScript(tb, "op.mjs", string(settings))
	var stderr bytes.Buffer // it always has warnings: it is a development set-up
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe() // it ends when this end closes
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
		if tb.Failed() {
			tb.Logf("the provider said:\n%s", &stderr)
		}
	})
	var up struct{ Issuer string }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &up)
	}
	if err != nil {
		tb.Fatalf("the provider does not start: %v %s", err, line)
	}
	return up.Issuer
}

var (
	formPattern  = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	inputPattern = regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`)
	abortPattern = regexp.MustCompile(`href="([^"]*/abort)"`)
)

// agree signs in at the provider as name and consents to all it asks, until the
// browser is back at the site.
func (p *person) agree(site, name string) {
	p.tb.Helper()
	for range 5 {
		if strings.HasPrefix(p.at.String(), site) {
			return
		}
		m := formPattern.FindStringSubmatch(p.body)
		if m == nil {
			p.tb.Fatalf("%s has no form:\n%s", p.at, p.body)
		}
		form := url.Values{}
		for _, in := range inputPattern.FindAllStringSubmatch(p.body, -1) {
			form.Set(in[1], html.UnescapeString(in[2]))
		}
		if strings.Contains(p.body, `name="login"`) {
			form.Set("login", name)
			form.Set("password", "any")
		}
		to, err := p.at.Parse(html.UnescapeString(m[1]))
		if err != nil {
			p.tb.Fatal(err)
		}
		p.send("POST", to.String(), form)
	}
	p.tb.Fatalf("the provider does not come to an end; at %s\n%s", p.at, p.body)
}

// back is the address of the callback by which the person came.
func (p *person) back() string {
	for _, address := range p.seen {
		if strings.Contains(address, "/callback?") {
			return address
		}
	}
	p.tb.Helper()
	p.tb.Fatalf("they did not come by the callback: %q", p.seen)
	return ""
}

// TestCertifiedProvider signs in at oidc-provider, by each kind of client
// authentication and of signature, with claims here and there.
func TestCertifiedProvider(t *testing.T) {
	for _, tt := range []struct {
		name, authMethod, alg string
		inline                bool
	}{
		{"secret in the header, RS256, claims by userinfo", "client_secret_basic", "RS256", false},
		{"secret in the form, ES256, claims in the token", "client_secret_post", "ES256", true},
		{"secret in the header, EdDSA, claims in the token", "client_secret_basic", "EdDSA", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, base := reserve(t)
			issuer := startOP(t, base+"/auth/oauth/work/callback", tt.authMethod, tt.alg, tt.inline)
			s := newSite(t, l, func(c *auth.Config) {
				c.Providers = []oauth.Provider{&oauth.OIDC{ID: "work", Label: "Work", Issuer: issuer, ClientID: opClient, ClientSecret: opSecret,
					SecretInForm: tt.authMethod == "client_secret_post", EmailTrust: oauth.EmailVerifiedFlag}}
			})

			p := newPerson(t)
			p.open(base + "/auth/oauth/work/start?next=/projects")
			p.agree(base, "ada")
			if p.at.String() != base+"/projects" {
				t.Fatalf("the sign-in ends at %s, want /projects; by way of %q", p.at, p.seen)
			}
			back := p.back()
			me := p.json(base + "/auth/me")
			if me["email"] != email || me["is_verified"] != true || me["full_name"] != "Ada Lovelace" || me["has_password"] != false {
				t.Errorf("me = %v", me)
			}
			if conn := p.json(base + "/auth/oauth/connections")["items"].([]any); len(conn) != 1 || conn[0].(map[string]any)["username"] != "ada" {
				t.Errorf("connections = %v", conn)
			}

			// The same person again, in a browser of their own: the provider asks anew.
			again := newPerson(t)
			again.open(base + "/auth/oauth/work/start")
			again.agree(base, "ada")
			if id := again.json(base + "/auth/me")["id"]; id != me["id"] {
				t.Errorf("the second sign-in is user %v, want %v", id, me["id"])
			}

			// A callback that comes again, and one in another browser.
			for who, p := range map[string]*person{"the same browser": p, "another browser": newPerson(t)} {
				if p.open(back); p.at.Query().Get("oauth_error") != "expired" {
					t.Errorf("the callback again in %s ends at %s, want oauth_error=expired", who, p.at)
				}
			}

			// Somebody who says no.
			no := newPerson(t)
			no.open(base + "/auth/oauth/work/start")
			m := abortPattern.FindStringSubmatch(no.body)
			if m == nil {
				t.Fatalf("there is no way to say no:\n%s", no.body)
			}
			abort, err := no.at.Parse(m[1])
			if err != nil {
				t.Fatal(err)
			}
			if no.open(abort.String()); no.at.Query().Get("oauth_error") != "denied" {
				t.Errorf("saying no ends at %s, want oauth_error=denied", no.at)
			}

			// An address that has an account here is not enough: this issuer is not
			// the authority for it.
			if _, err := s.Register(t.Context(), auth.Registrant{Email: "grace@example.com", Password: password}); err != nil {
				t.Fatal(err)
			}
			grace := newPerson(t)
			grace.open(base + "/auth/oauth/work/start")
			grace.agree(base, "grace")
			if grace.at.Query().Get("oauth_error") != "link_required" {
				t.Errorf("an address that has an account ends at %s, want oauth_error=link_required", grace.at)
			}
		})
	}
}

// TestCertifiedProviderRefuses: with a wrong secret nobody signs in.
func TestCertifiedProviderRefuses(t *testing.T) {
	l, base := reserve(t)
	issuer := startOP(t, base+"/auth/oauth/work/callback", "client_secret_basic", "RS256", false)
	newSite(t, l, func(c *auth.Config) {
		c.Providers = []oauth.Provider{&oauth.OIDC{ID: "work", Issuer: issuer, ClientID: opClient, ClientSecret: "another secret"}}
	})
	p := newPerson(t)
	p.open(base + "/auth/oauth/work/start")
	p.agree(base, "ada")
	if p.at.Query().Get("oauth_error") != "failed" {
		t.Errorf("a wrong client secret ends at %s, want oauth_error=failed", p.at)
	}
	if status := p.open(base + "/auth/me"); status != 401 {
		t.Errorf("me = %d, want 401", status)
	}
}
