package auth_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
	"github.com/aegis-auth/aegis/store/memstore"
)

// TestOAuthFlowCookie looks at the cookie itself.
func TestOAuthFlowCookie(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	for _, tt := range []struct {
		name   string
		change func(*auth.Config)
		prefix string
		secure bool
	}{
		{"loopback", func(*auth.Config) {}, "aegis_oauth_", false},
		{"https", func(c *auth.Config) { c.BaseURL = "https://app.example.com/auth" }, "__Host-aegis_oauth_", true},
		{"hardened on loopback", func(c *auth.Config) { c.Cookies.Hardened = true }, "__Host-aegis_oauth_", true},
		// Browsers drop a cookie with this prefix that names a domain.
		{"https with a domain", func(c *auth.Config) {
			c.BaseURL, c.Cookies.Domain = "https://app.example.com/auth", "example.com"
		}, "__Host-aegis_oauth_", true},
	} {
		e := newEnv(t, with(srv.OIDC()), tt.change)
		a := e.client(t).get("/auth/oauth/oidc/start?next=/secret-project")
		if len(a.Cookies()) != 1 {
			t.Fatalf("%s: cookies %v, want one", tt.name, a.Cookies())
		}
		c := a.Cookies()[0]
		if !strings.HasPrefix(c.Name, tt.prefix) || len(c.Name) != len(tt.prefix)+8 || !c.HttpOnly || c.Secure != tt.secure ||
			c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
			t.Errorf("%s: cookie %v", tt.name, c)
		}
		q := mustURL(t, a.Header.Get("Location")).Query()
		text := c.Value
		for range 3 { // however often it is encoded
			for _, secret := range []string{q.Get("state"), q.Get("nonce"), "secret-project", "oidc", "callback"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s: the cookie shows %s", tt.name, secret)
				}
			}
			inner, _ := base64.URLEncoding.DecodeString(text)
			text = string(inner)
		}
	}
}

// TestOAuthLongNext: a return path that does not fit into a cookie is forgotten,
// and the sign-in goes on.
func TestOAuthLongNext(t *testing.T) {
	t.Parallel()
	e := newEnv(t, with(somebody("stub")))
	for next, fits := range map[string]bool{
		"/" + strings.Repeat("a", 1500):  true,
		"/" + strings.Repeat("a", 2047):  false,
		"/?" + strings.Repeat("&", 1500): false, // JSON writes each in six bytes
	} {
		b := e.browser(t)
		target := b.begin("stub", next)
		if n := len(b.flowCookies()[0]) + len(cookieValue(b, 0)); n > 4096 {
			t.Errorf("next of %d bytes: the cookie has %d bytes, which browsers drop", len(next), n)
		}
		want := "/app"
		if fits {
			want = next
		}
		welcome(t, b.finish(returning(t, target, "one")), want)
	}
}

// TestOAuthSpoiltFlow: what cannot be opened is as good as absent, and goes.
func TestOAuthSpoiltFlow(t *testing.T) {
	t.Parallel()
	p := somebody("stub")
	e := newEnv(t, with(p))
	other := newEnv(t, with(p), func(c *auth.Config) { c.Secret = []byte("another-" + testSecret) })
	for name, spoil := range map[string]func(value string) string{
		"empty":          func(string) string { return "" },
		"garbage":        func(string) string { return "garbage" },
		"truncated":      func(v string) string { return v[:len(v)/2] },
		"one bit":        func(v string) string { return v[:40] + string(v[40]^1) + v[41:] },
		"extended":       func(v string) string { return v + "AAAA" },
		"of another tab": func(string) string { b := e.browser(t); b.begin("stub", ""); return cookieValue(b, 0) },
		"of another key": func(string) string { b := other.browser(t); b.begin("stub", ""); return cookieValue(b, 0) },
		"long":           func(string) string { return strings.Repeat("A", 4000) },
	} {
		b := e.browser(t)
		back := returning(t, b.begin("stub", ""), "one")
		b.plant(b.flowCookies()[0], spoil(cookieValue(b, 0)))
		refused(t, b.finish(back), "expired")
		if b.flowCookies() != nil {
			t.Errorf("%s: the cookie is not deleted", name)
		}
	}
	if n := p.calls.Load(); n != 0 {
		t.Errorf("the provider was asked %d times, want never", n)
	}
}

// TestOAuthFlowLifetime: ten minutes by the service's clock, and across a change
// of the secret.
func TestOAuthFlowLifetime(t *testing.T) {
	t.Parallel()
	p := somebody("stub")
	e := newEnv(t, with(p))
	b := e.browser(t)
	back := returning(t, b.begin("stub", ""), "one")
	late := returning(t, b.begin("stub", ""), "one")
	e.clock.Advance(10*time.Minute - time.Second)
	welcome(t, b.finish(back), "/app")
	e.clock.Advance(time.Second)
	refused(t, b.finish(late), "expired")

	next := newEnv(t, with(p), func(c *auth.Config) {
		c.Secret, c.OldSecrets, c.Store = []byte("another-"+testSecret), [][]byte{[]byte(testSecret)}, memstore.New()
	})
	old := e.browser(t)
	back = returning(t, old.begin("stub", "/kept"), "one")
	moved := next.browser(t)
	moved.plant(old.flowCookies()[0], cookieValue(old, 0))
	next.clock.Advance(10*time.Minute - time.Second) // to the time of the other clock
	welcome(t, moved.finish(back), "/kept")
}
