package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// ada is the address of the test provider's default user.
const ada = "ada@example.com"

// signInProviders are the three kinds of provider, each with what it makes of
// ada's address.
var signInProviders = []struct {
	name     string
	protocol oauthtest.Protocol
	make     func(*oauthtest.Server) oauth.Provider
	verified bool // a new account begins with a proved address
	owns     bool // the address may lead to an existing account
}{
	{"oidc", oauthtest.OIDC, func(s *oauthtest.Server) oauth.Provider { return s.OIDC() }, false, false},
	{"google", oauthtest.OIDC, func(s *oauthtest.Server) oauth.Provider { return s.Google() }, true, false},
	{"github", oauthtest.GitHub, func(s *oauthtest.Server) oauth.Provider { return s.GitHub() }, true, true},
}

// with is a change of configuration that offers providers.
func with(ps ...oauth.Provider) func(*auth.Config) {
	return func(c *auth.Config) { c.Providers = ps }
}

// navigate opens a path as a browser does that another page sent there.
func (c *client) navigate(site, path string) *answer {
	c.tb.Helper()
	kept := c.header
	defer func() { c.header = kept }()
	c.header = http.Header{"Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {"navigate"}}
	return c.get(path)
}

// begin starts a sign-in and returns where the provider is.
func (c *client) begin(provider, next string) string {
	c.tb.Helper()
	a := c.want(c.navigate("same-origin", "/auth/oauth/"+provider+"/start?next="+url.QueryEscape(next)), 302)
	return a.Header.Get("Location")
}

// finish brings the browser back from where the provider sent it.
func (c *client) finish(back *url.URL) *answer {
	c.tb.Helper()
	return c.navigate("cross-site", back.RequestURI())
}

// through signs in at a provider, all the way.
func (c *client) through(srv *oauthtest.Server, provider string) *answer {
	c.tb.Helper()
	return c.finish(srv.Visit(c.tb, c.begin(provider, "")))
}

// welcome wants a to end a sign-in: at next, with both cookies.
func welcome(tb testing.TB, a *answer, next string) *answer {
	tb.Helper()
	if a.StatusCode != 303 || a.Header.Get("Location") != next {
		tb.Fatalf("callback = %d to %q, want 303 to %s\n%s", a.StatusCode, a.Header.Get("Location"), next, a.body)
	}
	s, r := a.cookie("aegis_session"), a.cookie("aegis_refresh")
	if s == nil || r == nil || s.Value == "" || r.Value == "" {
		tb.Fatalf("callback sets %v, want both tokens", a.Cookies())
	}
	return a
}

// refusal returns what is wrong with a as the end of a sign-in that fails with
// one of codes; "" if nothing is.
func refusal(a *answer, codes ...string) string {
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.StatusCode != 303 || to.Host != "localhost:8000" || to.Path != "/login" {
		return "it ends with " + a.Status + " at " + a.Header.Get("Location")
	}
	if s, r := a.cookie("aegis_session"), a.cookie("aegis_refresh"); s != nil || r != nil {
		return "it sets tokens"
	}
	got := to.Query().Get("oauth_error")
	for _, code := range codes {
		if got == code {
			return ""
		}
	}
	return "oauth_error is " + got
}

func refused(tb testing.TB, a *answer, code string) *answer {
	tb.Helper()
	if wrong := refusal(a, code); wrong != "" {
		tb.Errorf("callback with wanted oauth_error %s: %s\n%s", code, wrong, a.body)
	}
	return a
}

// flowCookies are the flows that the browser holds.
func (c *client) flowCookies() (names []string) {
	for _, cookie := range c.http.Jar.Cookies(mustURL(c.tb, c.e.server.URL+"/auth/")) {
		if strings.Contains(cookie.Name, "aegis_oauth_") {
			names = append(names, cookie.Name)
		}
	}
	return names
}

// me is the signed-in user.
func (c *client) me() obj {
	c.tb.Helper()
	return c.want(c.get("/auth/me"), 200).json(c.tb)
}

// linked are the providers that the signed-in user is connected with.
func (c *client) linked() string {
	c.tb.Helper()
	var names []string
	for _, item := range c.want(c.get("/auth/oauth/connections"), 200).json(c.tb)["items"].([]any) {
		names = append(names, item.(obj)["provider"].(string))
	}
	return strings.Join(names, " ")
}

func TestOAuthSignUpAndSignInAgain(t *testing.T) {
	t.Parallel()
	for _, p := range signInProviders {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{RedirectURLs: []string{"http://localhost:8000/auth/oauth/" + p.name + "/callback"}})
			e := newEnv(t, with(p.make(srv)))
			b := e.browser(t)
			target := b.begin(p.name, "/projects?tab=1#top")
			if n := len(b.flowCookies()); n != 1 {
				t.Fatalf("after the start the browser holds %d flows, want 1", n)
			}
			welcome(t, b.finish(srv.Visit(t, target)), "/projects?tab=1#top")
			if left := b.flowCookies(); left != nil {
				t.Errorf("after the callback the browser holds %v, want no flow", left)
			}
			me := b.me()
			want := obj{"email": ada, "full_name": "Ada Lovelace", "is_active": true, "is_verified": p.verified, "has_password": false}
			for key, v := range want {
				if me[key] != v {
					t.Errorf("me: %s = %v, want %v", key, me[key], v)
				}
			}
			conn := b.get("/auth/oauth/connections").json(t)["items"].([]any)
			if len(conn) != 1 || conn[0].(obj)["provider"] != p.name || conn[0].(obj)["username"] != "ada" ||
				conn[0].(obj)["email"] != ada || conn[0].(obj)["created_at"] != "2026-03-01T12:00:00Z" {
				t.Errorf("connections = %v", conn)
			}
			if s := b.get("/auth/sessions").json(t)["items"].([]any); len(s) != 1 || s[0].(obj)["source"] != "oauth:"+p.name {
				t.Errorf("sessions = %v, want one of oauth:%s", s, p.name)
			}
			if m := e.mailed(t, ada, auth.MailVerify); (m != nil) == p.verified {
				t.Errorf("mail after signing up = %v, want a verification link: %v", m, !p.verified)
			}

			// Whatever else changes at the provider, the subject is who they are.
			b.want(b.post("/auth/logout", nil), 200)
			b.want(b.get("/auth/me"), 401)
			srv.SignInAs(oauthtest.User{Username: "countess", Email: "countess@example.com", Name: "Somebody Else"})
			welcome(t, b.through(srv, p.name), "/app")
			if again := b.me(); again["id"] != me["id"] || again["email"] != ada {
				t.Errorf("the second sign-in = %v, want the user of the first, %v", again, me["id"])
			}

			// And whatever else stays the same, another subject is another person.
			srv.SignInAs(oauthtest.User{Subject: "another", ID: 99, Email: "other@example.com"})
			other := e.browser(t)
			welcome(t, other.through(srv, p.name), "/app")
			if other.me()["id"] == me["id"] {
				t.Error("another subject with the same user name signs in as the same user")
			}
			if n := srv.Requests(oauthtest.Token); n != 3 {
				t.Errorf("three sign-ins exchanged %d codes, want 3", n)
			}
			if faults := srv.Faults(); faults != nil {
				t.Errorf("the service was at fault: %v", faults)
			}
		})
	}
}

func (c *client) beginLink(provider string) string {
	c.tb.Helper()
	a := c.want(c.post("/auth/oauth/"+provider+"/link?next=/account", nil), 200).json(c.tb)
	return a["url"].(string)
}

func TestOAuthLinkWhileSignedIn(t *testing.T) {
	t.Parallel()
	for _, p := range signInProviders {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{})
			e := newEnv(t, with(p.make(srv)))
			b := e.browser(t)
			b.register(alice, aliceWords)
			me := b.me()
			a := b.finish(srv.Visit(t, b.beginLink(p.name)))
			if a.StatusCode != 303 || a.Header.Get("Location") != "/account" || a.cookie("aegis_session") != nil {
				t.Fatalf("callback = %d to %s with %v, want 303 to /account in the same session", a.StatusCode, a.Header.Get("Location"), a.Cookies())
			}
			if b.linked() != p.name || b.me()["id"] != me["id"] || b.me()["email"] != alice {
				t.Errorf("linked = %q as %v, want %s as %v", b.linked(), b.me(), p.name, me)
			}
			if b.flowCookies() != nil {
				t.Errorf("the browser holds %v, want no flow", b.flowCookies())
			}
			// The same again changes nothing and is no error.
			if a := b.finish(srv.Visit(t, b.beginLink(p.name))); a.StatusCode != 303 || a.Header.Get("Location") != "/account" || b.linked() != p.name {
				t.Errorf("linking again = %d to %s, want 303 to /account", a.StatusCode, a.Header.Get("Location"))
			}
			if e.mailed(t, alice, auth.MailAccountLinked) == nil {
				t.Error("no mail tells of the link")
			}
			other := e.browser(t)
			welcome(t, other.through(srv, p.name), "/app")
			if other.me()["id"] != me["id"] {
				t.Errorf("signing in with the linked account = %v, want %v", other.me()["id"], me["id"])
			}
		})
	}
}

func TestOAuthLinkNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.GitHub()))
	if a := e.browser(t).post("/auth/oauth/github/link", nil); a.StatusCode != 401 {
		t.Errorf("link without signing in = %d, want 401", a.StatusCode)
	}
	b := e.browser(t)
	b.register(alice, aliceWords)
	e.clock.Advance(10*time.Minute + time.Second)
	b.want(b.post("/auth/refresh", nil), 200) // a new token, an old proof
	a := b.post("/auth/oauth/github/link", nil)
	if a.StatusCode != 403 || a.code(t) != "reauthentication_required" || b.flowCookies() != nil {
		t.Errorf("link after ten minutes = %d %s with %v, want 403 reauthentication_required and no flow", a.StatusCode, a.body, b.flowCookies())
	}
	b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	if a := b.post("/auth/oauth/github/link", nil); a.StatusCode != 403 || a.code(t) != "cross_origin" {
		t.Errorf("link from another site = %d %s, want 403 cross_origin", a.StatusCode, a.body)
	}
	b.header = nil
	b.want(b.post("/auth/reauthenticate", obj{"password": aliceWords}), 200)
	b.beginLink("github")
}

// TestBeginLinkNeedsAFreshSignIn asks the operation itself, which pages call from
// routes of their own.
func TestBeginLinkNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.GitHub()))
	begin := func(p *middleware.Principal) (*http.Response, error) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/account/connect", nil)
		if p != nil {
			r = r.WithContext(middleware.WithPrincipal(t.Context(), p))
		}
		w := httptest.NewRecorder()
		_, err := e.BeginLink(w, r, "github", "")
		return w.Result(), err
	}
	who := middleware.Principal{UserID: "u", SessionID: "s", AuthTime: e.clock.Now()}
	if res, err := begin(&who); err != nil || len(res.Cookies()) != 1 {
		t.Errorf("BeginLink(fresh) = %v with cookies %v, want nil and one", err, res.Cookies())
	}
	stale, never := who, who
	stale.AuthTime, never.AuthTime = e.clock.Now().Add(-10*time.Minute-time.Second), time.Time{}
	for name, p := range map[string]*middleware.Principal{"nobody": nil, "ten minutes ago": &stale, "never": &never} {
		if res, err := begin(p); !errors.Is(err, auth.ErrReauthenticate) || len(res.Cookies()) != 0 {
			t.Errorf("BeginLink(signed in: %s) = %v with cookies %v, want %v and none", name, err, res.Cookies(), auth.ErrReauthenticate)
		}
	}
}

func TestOAuthLinkIsRefused(t *testing.T) {
	t.Parallel()
	git, google := oauthtest.NewServer(t, oauthtest.Script{}), oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(git.GitHub(), google.Google()))
	owner := e.browser(t)
	welcome(t, owner.through(git, "github"), "/app")
	b := e.browser(t)
	b.register(alice, aliceWords)

	refused(t, b.finish(git.Visit(t, b.beginLink("github"))), "failed")
	if b.linked() != "" || owner.linked() != "github" {
		t.Errorf("an account that is somebody else's: linked %q and %q, want it where it was", b.linked(), owner.linked())
	}
	git.SignInAs(oauthtest.User{ID: 2, Email: "two@example.com"})
	b.finish(git.Visit(t, b.beginLink("github")))
	git.SignInAs(oauthtest.User{ID: 3, Email: "three@example.com"})
	refused(t, b.finish(git.Visit(t, b.beginLink("github"))), "failed")
	stranger := e.browser(t)
	welcome(t, stranger.through(git, "github"), "/app")
	if stranger.me()["id"] == b.me()["id"] {
		t.Error("a second account of the same provider was linked")
	}
}

// TestOAuthLinkComesBackAsAnother: who comes back must be who asked, in the
// session in which they asked. The provider is not even asked.
func TestOAuthLinkComesBackAsAnother(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(e *env, b *client){
		"signed out": func(e *env, b *client) { b.want(b.post("/auth/logout", nil), 200) },
		"as somebody else": func(e *env, b *client) {
			b.want(b.post("/auth/logout", nil), 200)
			b.register("bob@example.com", aliceWords)
		},
		"in a new session":   func(e *env, b *client) { b.signIn(alice, aliceWords) },
		"session revoked":    func(e *env, b *client) { e.RevokeSessions(b.tb.Context(), b.me()["id"].(string), "") },
		"account disabled":   func(e *env, b *client) { e.SetDisabled(b.tb.Context(), b.me()["id"].(string), true) },
		"password was reset": func(e *env, b *client) { resetPassword(b.tb, e, alice, "an entirely new phrase") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{})
			e := newEnv(t, with(srv.GitHub()), func(c *auth.Config) { c.Roles = auth.DefaultRoles() })
			b := e.browser(t)
			b.register(alice, aliceWords)
			id := b.me()["id"].(string)
			back := srv.Visit(t, b.beginLink("github"))
			meanwhile(e, b)
			refused(t, b.finish(back), "expired")
			if b.flowCookies() != nil {
				t.Errorf("the browser holds %v, want no flow", b.flowCookies())
			}
			if ids, err := e.Connections(t.Context(), id); err != nil || len(ids) != 0 {
				t.Errorf("connections = %v, %v; want none", ids, err)
			}
			if n := srv.Requests(oauthtest.Token); n != 0 {
				t.Errorf("%d codes were exchanged, want none", n)
			}
		})
	}
}
