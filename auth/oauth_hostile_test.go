package auth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// hostileProtocols are both ways to talk to the test provider, each with the
// highest trust that an address can have, so that nothing is refused for lack
// of it.
var hostileProtocols = []struct {
	name     string
	protocol oauthtest.Protocol
	make     func(*oauthtest.Server) oauth.Provider
}{
	{"oidc", oauthtest.OIDC, func(s *oauthtest.Server) oauth.Provider {
		p := s.OIDC()
		p.EmailTrust = oauth.EmailAuthoritative
		return p
	}},
	{"github", oauthtest.GitHub, func(s *oauthtest.Server) oauth.Provider { return s.GitHub() }},
}

// member makes a user as if they had registered and, if so wanted, proved their
// address.
func member(tb testing.TB, s *memstore.Store, email string, verified bool) *store.User {
	tb.Helper()
	now := newClock().Now()
	u := &store.User{Email: email, EmailVerified: verified, CreatedAt: now, UpdatedAt: now}
	if err := s.CreateUser(tb.Context(), u); err != nil {
		tb.Fatal(err)
	}
	return u
}

// TestOAuthSurvivesEveryBehavior plays every misbehaviour to the whole service.
// The provider says that somebody with the address of an existing account has
// come; without the misbehaviour they would be signed in to it. With it each one
// ends in a redirect with a code, without a session, and no code is sent twice.
func TestOAuthSurvivesEveryBehavior(t *testing.T) {
	t.Parallel()
	played := 0
	for _, p := range hostileProtocols {
		for _, b := range append([]oauthtest.Behavior{""}, oauthtest.Behaviors()...) {
			if b != "" && !b.In(p.protocol) {
				continue
			}
			played++
			t.Run(p.name+"/"+string(b), func(t *testing.T) {
				t.Parallel()
				script := oauthtest.Script{Timeout: 20 * time.Second}
				if strings.HasSuffix(string(b), "/slow") {
					script.Timeout = 200 * time.Millisecond
				}
				srv := oauthtest.NewServer(t, script)
				s := memstore.New()
				e := newEnv(t, with(p.make(srv)), func(c *auth.Config) { c.Store = s })
				u := member(t, s, ada, true)
				if b != "" {
					srv.Play(b)
				}
				end, again := e.misbehave(t, srv, p.name)
				if b == "" {
					welcome(t, end, "/app")
				} else {
					codes := []string{"failed"}
					switch b.Outcome() {
					case oauthtest.NoTrust:
						codes = []string{"link_required", "no_email"}
					case oauthtest.Stopped:
						codes = []string{"failed", "expired", "denied"}
					}
					if wrong := refusal(end, codes...); wrong != "" {
						t.Errorf("callback, wanted oauth_error of %v: %s\n%s", codes, wrong, end.body)
					}
					if rows, err := s.ListSessions(t.Context(), u.ID); err != nil || len(rows) != 0 {
						t.Errorf("the account has sessions %v, %v; want none", rows, err)
					}
					if ids, err := s.ListIdentities(t.Context(), u.ID); err != nil || len(ids) != 0 {
						t.Errorf("the account has identities %v, %v; want none", ids, err)
					}
				}
				if again != nil {
					if wrong := refusal(again, "expired"); wrong != "" {
						t.Errorf("the same callback again: %s", wrong)
					}
				}
				if users, err := s.ListUsers(t.Context(), store.UserQuery{Limit: 10}); err != nil || len(users) != 1 {
					t.Errorf("there are users %v, %v; want the one", users, err)
				}
				if n := srv.Requests(oauthtest.Token); n > 1 {
					t.Errorf("%d codes were exchanged, want one at most", n)
				}
				if n := srv.Requests(oauthtest.Trap); n != 0 {
					t.Errorf("%d redirects were followed, want none", n)
				}
				if faults := srv.Faults(); faults != nil {
					t.Errorf("the service was at fault: %v", faults)
				}
				for _, secret := range []string{"code_", "client-secret", "access-token-", "<script", "eyJ"} {
					if strings.Contains(e.log.String(), secret) {
						t.Errorf("the log tells %q:\n%s", secret, e.log)
					}
				}
			})
		}
	}
	if played < 40 {
		t.Errorf("%d behaviours were played, want 40 at least", played)
	}
}

// misbehave goes through one sign-in and returns how it ends, and how the same
// callback ends when it comes again with the same cookies.
func (e *env) misbehave(t *testing.T, srv *oauthtest.Server, name string) (end, again *answer) {
	t.Helper()
	b := e.browser(t)
	start := b.navigate("same-origin", "/auth/oauth/"+name+"/start")
	if start.StatusCode != http.StatusFound {
		if b.flowCookies() != nil {
			t.Error("a start that failed leaves a flow")
		}
		return start, nil
	}
	flow, value := b.flowCookies()[0], cookieValue(b, 0)
	back := srv.Visit(t, start.Header.Get("Location"))
	end = b.finish(back)
	// A callback that names no flow, or another, cannot end this one.
	if named := flowName(back.Query().Get("state")) == flow; (b.flowCookies() == nil) != named {
		t.Errorf("after the callback the browser holds %v, want the flow gone: %v", b.flowCookies(), named)
	}
	for _, header := range end.Header {
		for _, line := range header {
			if strings.Contains(line, "<script") || strings.Contains(line, "attacker") {
				t.Errorf("the answer repeats what the provider said: %s", line)
			}
		}
	}
	if strings.Contains(string(end.body), "script") {
		t.Errorf("the answer repeats what the provider said: %s", end.body)
	}
	b.plant(flow, value)
	return end, b.finish(back)
}

// TestOAuthCodes: what people are told of each way to fail.
func TestOAuthCodes(t *testing.T) {
	t.Parallel()
	for b, want := range map[oauthtest.Behavior]string{
		oauthtest.CallbackDenied:       "denied",
		oauthtest.CallbackErrorScript:  "failed",
		oauthtest.CallbackErrorAndCode: "failed",
		oauthtest.CallbackOtherState:   "expired",
		oauthtest.CallbackMissingState: "expired",
		oauthtest.EmailMissing:         "no_email",
		oauthtest.EmailNull:            "no_email",
		oauthtest.EmailList:            "no_email",
		oauthtest.EmailComma:           "no_email",
		oauthtest.EmailLookAlike:       "no_email",
		oauthtest.EmailNoReply:         "no_email",
		oauthtest.GitHubProfileOnly:    "no_email",
		oauthtest.GitHubNoPrimary:      "no_email",
		oauthtest.GitHubTwoPrimaries:   "no_email",
		oauthtest.GitHubEmailsNotFound: "no_email",
		oauthtest.EmailVerifiedString:  "link_required or no_email", // of OpenID Connect, of GitHub
		oauthtest.EmailVerifiedMissing: "link_required or no_email",
		oauthtest.EmailUnverified:      "link_required or no_email",
		oauthtest.TokenServerError:     "failed",
		oauthtest.DiscoveryServerError: "failed",
		oauthtest.GitHubUserLimited:    "failed",
	} {
		for _, p := range hostileProtocols {
			if !b.In(p.protocol) {
				continue
			}
			srv := oauthtest.NewServer(t, oauthtest.Script{})
			srv.Play(b)
			s := memstore.New()
			e := newEnv(t, with(p.make(srv)), func(c *auth.Config) { c.Store = s })
			member(t, s, ada, true)
			code := want
			if first, second, two := strings.Cut(want, " or "); two {
				if code = first; p.protocol == oauthtest.GitHub {
					code = second
				}
			}
			end, _ := e.misbehave(t, srv, p.name)
			if wrong := refusal(end, code); wrong != "" {
				t.Errorf("%s by %s, wanted oauth_error %s: %s", b, p.name, code, wrong)
			}
			if !strings.Contains(e.log.String(), "auth.oauth_failed") && code != "expired" && b != oauthtest.DiscoveryServerError {
				t.Errorf("%s by %s: no event tells of it", b, p.name)
			}
		}
	}
}

// TestOAuthCallbackBounds: what an attacker can put into a callback of their own
// flow.
func TestOAuthCallbackBounds(t *testing.T) {
	t.Parallel()
	p := somebody("stub")
	e := newEnv(t, with(p))
	for _, query := range []string{
		"", "&code=", "&code=a&code=b", "&code=" + strings.Repeat("c", 4097), "&code=a&iss=x&iss=y",
		"&code=a&error=", "&code=a&error=&error=", "&error=access_denied&error=access_denied",
		"&error=" + strings.Repeat("e", 10_000), "&error=%0d%0aSet-Cookie:%20x=y", "&error=<script>", "&error_description=x",
	} {
		b := e.browser(t)
		back := returning(t, b.begin("stub", ""), "x")
		q := back.Query()
		back.RawQuery = "state=" + q.Get("state") + query
		refused(t, b.finish(back), "failed")
		if b.flowCookies() != nil {
			t.Errorf("%.40q leaves the flow", query)
		}
	}
	if n := p.calls.Load(); n != 0 {
		t.Errorf("the provider was asked %d times, want never", n)
	}
	if a := e.client(t).do("POST", "/auth/oauth/stub/callback", "application/x-www-form-urlencoded", "code=a&state=b"); a.StatusCode != 405 {
		t.Errorf("POST to the callback = %d, want 405", a.StatusCode)
	}
}

// TestOAuthProviderOfTheCaller: a provider that breaks its contract is not
// believed.
func TestOAuthProviderOfTheCaller(t *testing.T) {
	t.Parallel()
	good := oauth.Identity{Subject: "s", Email: "zoe@example.com", EmailVerified: true, EmailAuthoritative: true}
	for name, tt := range map[string]struct {
		change func(id *oauth.Identity)
		code   string
	}{
		"no subject":                 {func(id *oauth.Identity) { id.Subject = "" }, "failed"},
		"a long subject":             {func(id *oauth.Identity) { id.Subject = strings.Repeat("s", 256) }, "failed"},
		"a subject with a control":   {func(id *oauth.Identity) { id.Subject = "s\x00" }, "failed"},
		"an address of one label":    {func(id *oauth.Identity) { id.Email = "zoe@localhost" }, "no_email"},
		"an address with a name":     {func(id *oauth.Identity) { id.Email = "Zoe <zoe@example.com>" }, "no_email"},
		"an address with a new line": {func(id *oauth.Identity) { id.Email = "zoe@example.com\nBcc: x@example.com" }, "no_email"},
		"authoritative, unverified":  {func(id *oauth.Identity) { id.EmailVerified = false }, "link_required"},
		"an address in capitals":     {func(id *oauth.Identity) { id.Email = "ZOE@Example.COM" }, ""},
	} {
		s := memstore.New()
		id := good
		tt.change(&id)
		p := &stub{name: "stub", is: func(string) (*oauth.Identity, error) { return &id, nil }}
		e := newEnv(t, with(p), func(c *auth.Config) { c.Store = s })
		u := member(t, s, "zoe@example.com", true)
		b := e.browser(t)
		a := b.finish(returning(t, b.begin("stub", ""), "x"))
		if tt.code != "" {
			if wrong := refusal(a, tt.code); wrong != "" {
				t.Errorf("%s, wanted oauth_error %s: %s", name, tt.code, wrong)
			}
			continue
		}
		if welcome(t, a, "/app"); b.me()["id"] != u.ID {
			t.Errorf("%s: signed in as %v, want the account with that address", name, b.me())
		}
	}
	for name, is := range map[string]func(string) (*oauth.Identity, error){
		"nothing":  func(string) (*oauth.Identity, error) { return nil, nil },
		"an error": func(string) (*oauth.Identity, error) { return nil, errors.New("unforeseen") },
	} {
		e := newEnv(t, with(&stub{name: "stub", is: is}))
		b := e.browser(t)
		if wrong := refusal(b.finish(returning(t, b.begin("stub", ""), "x")), "failed"); wrong != "" {
			t.Errorf("a provider that answers %s: %s", name, wrong)
		}
	}
}

// TestOAuthHooksAreToldWhatHolds: what a provider may not claim is taken back before
// the program that uses this package decides by it.
func TestOAuthHooksAreToldWhatHolds(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]oauth.Identity{
		"authority without proof":    {Subject: "s", Email: "zoe@example.com", EmailAuthoritative: true},
		"proof of no usable address": {Subject: "s", Email: "zoe@localhost", EmailVerified: true, EmailAuthoritative: true},
	} {
		var told *oauth.Identity
		e := newEnv(t, with(&stub{name: "stub", is: func(string) (*oauth.Identity, error) { return &id, nil }}), func(c *auth.Config) {
			c.Hooks.BeforeLink = func(_ context.Context, _ *store.User, id *oauth.Identity) error { told = id; return nil }
		})
		b := e.browser(t)
		b.register(alice, aliceWords)
		b.finish(returning(t, b.beginLink("stub"), "x"))
		if told == nil || told.EmailVerified || told.EmailAuthoritative {
			t.Errorf("%s: the hook is told %+v, want an address that is neither verified nor authoritative", name, told)
		}
	}
}
