package auth_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// TestOAuthDisconnect: nobody removes their last way in, and who has none but a
// provider makes another by the reset flow.
func TestOAuthDisconnect(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.GitHub(), srv.Google()))
	b := e.browser(t)
	welcome(t, b.through(srv, "github"), "/app")
	id := b.me()["id"]
	last := func(provider string) {
		t.Helper()
		if a := b.do("DELETE", "/auth/oauth/connections/"+provider, "", ""); a.StatusCode != 409 || a.code(t) != "last_sign_in_method" {
			t.Errorf("disconnecting the only way in = %d %s, want 409 last_sign_in_method", a.StatusCode, a.body)
		}
	}
	last("github")
	for _, provider := range []string{"google", "gitlab", "%20", strings.Repeat("x", 300)} {
		if a := b.do("DELETE", "/auth/oauth/connections/"+provider, "", ""); a.StatusCode != 404 {
			t.Errorf("disconnecting %.20s = %d %s, want 404", provider, a.StatusCode, a.body)
		}
	}
	b.finish(srv.Visit(t, b.beginLink("google")))
	if b.linked() != "github google" {
		t.Fatalf("linked = %q, want github google", b.linked())
	}
	b.want(b.do("DELETE", "/auth/oauth/connections/github", "", ""), 204)
	last("google")

	resetPassword(t, e, ada, "ada's own words")
	b = e.browser(t)
	b.signIn(ada, "ada's own words")
	if me := b.me(); me["id"] != id || me["has_password"] != true || b.linked() != "google" {
		t.Errorf("after the reset me = %v, linked %q", me, b.linked())
	}
	b.want(b.do("DELETE", "/auth/oauth/connections/google", "", ""), 204)
	if e.mailed(t, ada, auth.MailAccountUnlinked) == nil {
		t.Error("no mail tells of the disconnection")
	}
	if b.linked() != "" {
		t.Errorf("linked = %q, want none", b.linked())
	}
}

// TestOAuthDisconnectRace removes the last two ways in at once.
func TestOAuthDisconnectRace(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.GitHub(), srv.Google()))
	for round := range 20 {
		srv.SignInAs(oauthtest.User{ID: int64(100 + round), Subject: fmt.Sprint(round), Email: fmt.Sprintf("u%d@example.com", round)})
		b := e.browser(t)
		welcome(t, b.through(srv, "github"), "/app")
		b.finish(srv.Visit(t, b.beginLink("google")))
		var status [2]int
		var wg sync.WaitGroup
		for i, provider := range []string{"github", "google"} {
			wg.Go(func() {
				status[i] = b.do("DELETE", "/auth/oauth/connections/"+provider, "", "").StatusCode
			})
		}
		wg.Wait()
		if (status != [2]int{204, 409} && status != [2]int{409, 204}) || len(strings.Fields(b.linked())) != 1 {
			t.Fatalf("two disconnections at once = %v, left %q; want one 204 and one 409", status, b.linked())
		}
	}
}

// TestOAuthNotConfigured: a provider without credentials is known and off, and
// the others go on.
func TestOAuthNotConfigured(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(oauth.GitHub("", ""), oauth.Google(" ", "\t"), srv.OIDC()))
	b := e.browser(t)
	b.register(alice, aliceWords)
	for _, name := range []string{"github", "google"} {
		for _, route := range []string{"GET /start", "GET /callback", "GET /callback?code=x&state=y", "POST /link"} {
			method, path, _ := strings.Cut(route, " ")
			a := b.do(method, "/auth/oauth/"+name+path, "", "")
			if a.StatusCode != 503 || a.code(t) != "provider_not_configured" || a.Header.Get("Retry-After") == "" || len(a.Cookies()) != 0 {
				t.Errorf("%s of %s = %d %s, want 503 provider_not_configured with Retry-After", route, name, a.StatusCode, a.body)
			}
		}
	}
	for _, name := range []string{"nobody", "GitHub", "git%2fhub", "..", strings.Repeat("x", 500), "%00"} {
		for _, route := range []string{"GET /start", "GET /callback?code=x&state=y", "POST /link"} {
			method, path, _ := strings.Cut(route, " ")
			// A path with dots is cleaned by the mux before it is a route.
			if a := b.do(method, "/auth/oauth/"+name+path, "", ""); a.StatusCode != 404 && a.StatusCode != 307 {
				t.Errorf("%s of %.20q = %d %s, want 404", route, name, a.StatusCode, a.body)
			}
		}
	}
	offered := b.get("/auth/config").json(t)["providers"].([]any)
	if len(offered) != 1 || offered[0].(obj)["name"] != "oidc" {
		t.Errorf("config offers %v, want oidc alone", offered)
	}
	welcome(t, e.browser(t).through(srv, "oidc"), "/app")

	// Without any provider the routes are not there.
	if a := newEnv(t).client(t).get("/auth/oauth/github/start"); a.StatusCode != 404 {
		t.Errorf("start without providers = %d, want 404", a.StatusCode)
	}
}

// resetPassword goes through the mails.
func resetPassword(tb testing.TB, e *env, email, password string) {
	tb.Helper()
	c := e.client(tb)
	c.want(c.post("/auth/password-reset/confirm", obj{"token": resetToken(tb, e, email), "new_password": password}), 200)
}

// resetToken asks for a link that resets the password, and returns its token.
func resetToken(tb testing.TB, e *env, email string) string {
	tb.Helper()
	c := e.client(tb)
	c.want(c.post("/auth/password-reset/request", obj{"email": email}), 202)
	return tokenIn(tb, e.mailed(tb, email, auth.MailReset))
}

// mailed is the newest mail of a kind to an address, nil if there is none. The
// order among kinds is nobody's promise.
func (e *env) mailed(tb testing.TB, to string, kind auth.MailKind) (found *auth.Message) {
	tb.Helper()
	if err := e.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	for _, m := range slices.Backward(e.mail.Messages()) {
		if m.To == to && m.Kind == kind {
			return m
		}
	}
	return nil
}
