package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

const mallory = "mallory@example.com"

// TestOAuthPreHijack: an attacker registers the victim's address and leaves
// everything in the account that could let them back in. Then the victim comes by
// GitHub. The account is theirs, and nothing of the attacker's works (AL-02).
func TestOAuthPreHijack(t *testing.T) {
	t.Parallel()
	git, google := oauthtest.NewServer(t, oauthtest.Script{}), oauthtest.NewServer(t, oauthtest.Script{User: oauthtest.User{Subject: "mallory", Email: mallory}})
	e := newEnv(t, with(git.GitHub(), google.Google()))
	attacker := e.browser(t)
	attacker.register(ada, "attacker's words")
	id := attacker.me()["id"]
	// A linked account, a second session with tokens in hand, a change of address
	// under way, and a link under way.
	attacker.finish(google.Visit(t, attacker.beginLink("google")))
	if attacker.linked() != "google" {
		t.Fatalf("the attacker linked %q, want google", attacker.linked())
	}
	grant := e.client(t).signIn(ada, "attacker's words").json(t)
	attacker.want(attacker.post("/auth/email-change/request", obj{"email": mallory}), 202)
	change := e.mailed(t, mallory, auth.MailEmailChange)
	git.SignInAs(oauthtest.User{ID: 666, Email: mallory})
	pending := git.Visit(t, attacker.beginLink("github"))

	git.SignInAs(oauthtest.User{})
	victim := e.browser(t)
	welcome(t, victim.through(git, "github"), "/app")
	me := victim.me()
	if me["id"] != id || me["is_verified"] != true || me["has_password"] != false || victim.linked() != "github" {
		t.Errorf("the victim is %v, linked with %q; want account %v, verified, without password, linked with github", me, victim.linked(), id)
	}

	if a := e.client(t).form("/auth/token", "username", ada, "password", "attacker's words"); a.StatusCode != 401 {
		t.Errorf("the attacker's password = %d, want 401", a.StatusCode)
	}
	bearer := e.client(t)
	bearer.bearer = grant["access_token"].(string)
	bearer.want(bearer.get("/auth/me"), 401)
	if a := e.client(t).form("/auth/token", "grant_type", "refresh_token", "refresh_token", grant["refresh_token"].(string)); a.StatusCode != 400 {
		t.Errorf("the attacker's refresh token = %d, want 400", a.StatusCode)
	}
	attacker.want(attacker.get("/auth/me"), 401)
	attacker.want(attacker.post("/auth/refresh", nil), 401)
	if a := e.client(t).post("/auth/email-change/confirm", obj{"token": tokenIn(t, change)}); a.StatusCode != 400 {
		t.Errorf("the attacker's change of address = %d, want 400", a.StatusCode)
	}
	refused(t, attacker.finish(pending), "expired")
	back := e.browser(t)
	welcome(t, back.through(google, "google"), "/app") // as somebody new
	if back.me()["id"] == id {
		t.Error("the attacker's linked account still leads in")
	}
	if n := len(victim.get("/auth/sessions").json(t)["items"].([]any)); n != 1 {
		t.Errorf("the account has %d sessions, want the victim's own", n)
	}
	if e.mailed(t, ada, auth.MailAccountLinked) == nil {
		t.Error("no mail tells the victim of the link")
	}
	victim.want(victim.get("/auth/me"), 200)
}

// TestOAuthPreHijackRace: the attacker's link is decided before the victim comes,
// and written after.
func TestOAuthPreHijackRace(t *testing.T) {
	t.Parallel()
	for name, arrive := range map[string]func(t *testing.T, e *env, victim *client){
		"by provider": func(t *testing.T, e *env, victim *client) {
			victim.finish(returning(t, victim.begin("git", ""), "ada"))
		},
		"by reset": func(t *testing.T, e *env, _ *client) { resetPassword(t, e, ada, "ada's own words") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var meanwhile func()
			e := newEnv(t, with(somebody("git"), somebody("google")), func(c *auth.Config) {
				c.Hooks.BeforeLink = func(ctx context.Context, u *store.User, id *oauth.Identity) error {
					if f := meanwhile; f != nil && id.Subject == "mallory" {
						meanwhile = nil
						f()
					}
					return nil
				}
			})
			attacker, victim := e.browser(t), e.browser(t)
			attacker.register(ada, "attacker's words")
			id := attacker.me()["id"].(string)
			back := returning(t, attacker.beginLink("google"), "mallory")
			meanwhile = func() { arrive(t, e, victim) }
			refused(t, attacker.finish(back), "expired")
			ids, err := e.Connections(t.Context(), id)
			if err != nil || slices.ContainsFunc(ids, func(i *store.Identity) bool { return i.Subject == "mallory" }) {
				t.Errorf("connections = %v, %v; the attacker's is among them", ids, err)
			}
			again := e.browser(t)
			again.finish(returning(t, again.begin("google", ""), "mallory"))
			if again.me()["id"] == id {
				t.Error("the attacker's linked account leads in")
			}
		})
	}
}

// interrupted is a store that lets something happen before a user is next
// written.
type interrupted struct {
	*memstore.Store
	before func()
}

func (i *interrupted) UpdateUser(ctx context.Context, u *store.User) error {
	if f := i.before; f != nil {
		i.before = nil
		f()
	}
	return i.Store.UpdateUser(ctx, u)
}

// TestOAuthPreHijackLastMoment: the attacker links when what they had linked is
// gone already, and their session is not yet.
func TestOAuthPreHijackLastMoment(t *testing.T) {
	t.Parallel()
	for name, arrive := range map[string]func(t *testing.T, e *env, victim *client){
		"by provider": func(t *testing.T, e *env, victim *client) {
			welcome(t, victim.finish(returning(t, victim.begin("git", ""), "ada")), "/app")
		},
		"by reset": func(t *testing.T, e *env, _ *client) { resetPassword(t, e, ada, "ada's own words") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &interrupted{Store: memstore.New()}
			e := newEnv(t, with(somebody("git"), somebody("google")), func(c *auth.Config) { c.Store = s })
			attacker := e.browser(t)
			attacker.register(ada, "attacker's words")
			id := attacker.me()["id"].(string)
			back := returning(t, attacker.beginLink("google"), "mallory")
			linked := false
			s.before = func() {
				linked = attacker.finish(back).Header.Get("Location") == "/account"
			}
			arrive(t, e, e.browser(t))
			if !linked {
				t.Fatal("the attacker was too late: the test proves nothing")
			}
			ids, err := e.Connections(t.Context(), id)
			if err != nil || slices.ContainsFunc(ids, func(i *store.Identity) bool { return i.Subject == "mallory" }) {
				t.Errorf("connections = %v, %v; the attacker's is among them", ids, err)
			}
		})
	}
}

// TestOAuthAddressTable: whether an address leads into an account (AL-01, AL-03),
// over HTTP, for every combination of what the provider says and what the account
// is.
func TestOAuthAddressTable(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	says := make(map[string]*oauth.Identity)
	p := &stub{name: "stub", is: func(code string) (*oauth.Identity, error) { return says[code], nil }}
	e := newEnv(t, with(p), func(c *auth.Config) { c.Store = s; c.Roles = auth.DefaultRoles() })
	for bits := range 1 << 5 {
		bit := func(i int) bool { return bits>>i&1 == 1 }
		said, authoritative, proved, other, disabled := bit(0), bit(1), bit(2), bit(3), bit(4)
		name := fmt.Sprintf("verified %v, authoritative %v, account proved %v, linked otherwise %v, disabled %v", said, authoritative, proved, other, disabled)
		code := fmt.Sprintf("u%d", bits)
		u := member(t, s, code+"@example.com", proved)
		if other {
			if err := s.AddIdentity(t.Context(), &store.Identity{UserID: u.ID, Provider: "stub", Subject: "old-" + code}); err != nil {
				t.Fatal(err)
			}
		}
		if disabled {
			if _, err := e.SetDisabled(t.Context(), u.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		says[code] = &oauth.Identity{Subject: code, Email: u.Email, EmailVerified: said, EmailAuthoritative: authoritative}
		want := "link_required"
		switch {
		case !said || !authoritative:
		case disabled:
			want = "disabled"
		case !proved || !other:
			want = "" // in, after a scrub if it was not proved
		}
		b := e.browser(t)
		a := b.finish(returning(t, b.begin("stub", ""), code))
		if want != "" {
			if wrong := refusal(a, want); wrong != "" {
				t.Errorf("%s: wanted %s, %s", name, want, wrong)
			}
			if got, err := e.User(t.Context(), u.ID); err != nil || got.Epoch != u.Epoch && !disabled || got.EmailVerified != proved {
				t.Errorf("%s: the account was touched: %+v, %v", name, got, err)
			}
			continue
		}
		if welcome(t, a, "/app"); b.me()["id"] != u.ID {
			t.Errorf("%s: signed in as %v, want %s", name, b.me()["id"], u.ID)
		}
		ids, err := e.Connections(t.Context(), u.ID)
		if err != nil || len(ids) != 1 || ids[0].Subject != code {
			t.Errorf("%s: connections = %v, %v; want the new one alone", name, ids, err)
		}
	}
}

// TestOAuthTrojanIdentifier: what was linked before the address was proved is
// gone when its owner resets the password (AL-05).
func TestOAuthTrojanIdentifier(t *testing.T) {
	t.Parallel()
	e := newEnv(t, with(somebody("stub")))
	attacker := e.browser(t)
	attacker.register(ada, "attacker's words")
	id := attacker.me()["id"]
	attacker.finish(returning(t, attacker.beginLink("stub"), "mallory"))
	resetPassword(t, e, ada, "ada's own words")
	victim := e.browser(t)
	victim.signIn(ada, "ada's own words")
	if me := victim.me(); me["id"] != id || me["is_verified"] != true || victim.linked() != "" {
		t.Errorf("after the reset me = %v, linked %q; want account %v, verified, with nothing linked", me, victim.linked(), id)
	}
	b := e.browser(t)
	welcome(t, b.finish(returning(t, b.begin("stub", ""), "mallory")), "/app")
	if b.me()["id"] == id {
		t.Error("the attacker's linked account still leads in")
	}
	// What was linked after it was proved stays.
	victim.finish(returning(t, victim.beginLink("stub"), "ada-at-stub"))
	resetPassword(t, e, ada, "ada's newest words")
	victim.signIn(ada, "ada's newest words")
	if victim.linked() != "stub" {
		t.Errorf("after another reset linked = %q, want stub", victim.linked())
	}
}

// TestOAuthTrojanIdentifierTrouble: a reset during which identities cannot be
// dropped proves nothing and sets nothing; the link is good once more.
func TestOAuthTrojanIdentifierTrouble(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"ListIdentities", "RemoveIdentity"} {
		s := &brittle{failing: newFailing()}
		e := newEnv(t, with(somebody("stub")), func(c *auth.Config) { c.Store = s })
		attacker := e.browser(t)
		attacker.register(ada, "attacker's words")
		id := attacker.me()["id"].(string)
		attacker.finish(returning(t, attacker.beginLink("stub"), "mallory"))
		c := e.client(t)
		confirm := obj{"token": resetToken(t, e, ada), "new_password": "ada's own words"}
		s.fail(method, true)
		c.want(c.post("/auth/password-reset/confirm", confirm), 503)
		s.fail(method, false)
		if u, err := e.User(t.Context(), id); err != nil || u.EmailVerified {
			t.Errorf("%s fails: the account is %+v, %v; want it unproved", method, u, err)
		}
		c.want(c.post("/auth/password-reset/confirm", confirm), 200)
		if ids, err := e.Connections(t.Context(), id); err != nil || len(ids) != 0 {
			t.Errorf("%s fails: after the reset connections = %v, %v; want none", method, ids, err)
		}
	}
}

// TestOAuthAccountGetsNoPasswordByRegistering, whatever the mode (AL-07).
func TestOAuthAccountGetsNoPasswordByRegistering(t *testing.T) {
	t.Parallel()
	for mode, status := range map[auth.Registration]int{auth.RegistrationOpen: 409, auth.RegistrationPrivate: 202, auth.RegistrationClosed: 403} {
		s := memstore.New()
		id := &oauth.Identity{Subject: "ada", Email: ada, EmailVerified: true}
		p := &stub{name: "stub", is: func(string) (*oauth.Identity, error) { return id, nil }}
		e := newEnv(t, with(p), func(c *auth.Config) { c.Store, c.Registration = s, mode })
		if mode == auth.RegistrationClosed {
			u := member(t, s, ada, true)
			if err := s.AddIdentity(t.Context(), &store.Identity{UserID: u.ID, Provider: "stub", Subject: "ada"}); err != nil {
				t.Fatal(err)
			}
		}
		b := e.browser(t)
		welcome(t, b.finish(returning(t, b.begin("stub", ""), "x")), "/app")
		c := e.client(t)
		c.want(c.post("/auth/register", obj{"email": ada, "password": "attacker's words"}), status)
		if err := e.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.me()["has_password"] != false {
			t.Errorf("%s: registering the address set a password", mode)
		}
		if a := c.form("/auth/token", "username", ada, "password", "attacker's words"); a.StatusCode != 401 {
			t.Errorf("%s: the password of the registration = %d, want 401", mode, a.StatusCode)
		}
	}
}

// TestOAuthRevivesNobody: an account that is disabled or deleted stays so,
// whether it is found by the identity or by the address (AL-08).
func TestOAuthRevivesNobody(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(e *env, id string) error{
		"disabled": func(e *env, id string) error { _, err := e.SetDisabled(context.Background(), id, true); return err },
		"deleted":  func(e *env, id string) error { return e.DeleteUser(context.Background(), id, false) },
	} {
		e := newEnv(t, with(somebody("git"), somebody("google")), func(c *auth.Config) { c.Roles = auth.DefaultRoles() })
		b := e.browser(t)
		welcome(t, b.finish(returning(t, b.begin("git", ""), "ada")), "/app")
		id := b.me()["id"].(string)
		if err := end(e, id); err != nil {
			t.Fatal(err)
		}
		refused(t, b.finish(returning(t, b.begin("git", ""), "ada")), "disabled")
		b.want(b.get("/auth/me"), 401)
		c := e.client(t)
		c.want(c.post("/auth/password-reset/request", obj{"email": ada}), 202)
		if e.mailed(t, ada, auth.MailReset) != nil {
			t.Errorf("%s: a reset link was mailed", name)
		}
		by := b.finish(returning(t, b.begin("google", ""), "ada"))
		if name == "disabled" {
			refused(t, by, "disabled")
			b.want(b.get("/auth/me"), 401)
			c.want(c.post("/auth/register", obj{"email": ada, "password": aliceWords}), 409)
		} else if welcome(t, by, "/app"); b.me()["id"] == id { // deletion has set the address free
			t.Errorf("%s: the address leads into the account", name)
		}
		if u, err := e.Config().Store.UserByID(t.Context(), id); err != nil || u.Active() {
			t.Errorf("%s: the account is %+v, %v; want it to stay so", name, u, err)
		}
	}
}

// TestOAuthRegistrationModes: who may make an account through a provider.
func TestOAuthRegistrationModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode     auth.Registration
		verified bool
		account  bool
		want     string
	}{
		{auth.RegistrationOpen, true, false, ""},
		{auth.RegistrationOpen, false, false, ""},
		{auth.RegistrationPrivate, true, false, ""},
		{auth.RegistrationClosed, true, false, "signup_closed"},
		// An address that nobody proved must not tell whether it has an account.
		{auth.RegistrationPrivate, false, false, "link_required"},
		{auth.RegistrationPrivate, false, true, "link_required"},
		{auth.RegistrationClosed, false, false, "link_required"},
		{auth.RegistrationClosed, false, true, "link_required"},
	} {
		s := memstore.New()
		p := &stub{name: "stub", is: func(string) (*oauth.Identity, error) {
			return &oauth.Identity{Subject: "1", Email: ada, EmailVerified: tt.verified}, nil
		}}
		e := newEnv(t, with(p), func(c *auth.Config) { c.Store, c.Registration = s, tt.mode })
		if tt.account {
			member(t, s, ada, true)
		}
		b := e.browser(t)
		a := b.finish(returning(t, b.begin("stub", ""), "x"))
		if tt.want != "" {
			if wrong := refusal(a, tt.want); wrong != "" {
				t.Errorf("%s, verified %v, account %v: wanted %s, %s", tt.mode, tt.verified, tt.account, tt.want, wrong)
			}
			continue
		}
		if welcome(t, a, "/app"); b.me()["is_verified"] != tt.verified {
			t.Errorf("%s: is_verified = %v, want %v", tt.mode, b.me()["is_verified"], tt.verified)
		}
	}
}

// TestOAuthEndsTheReplacedSession: a browser that comes from another site sends
// no Strict cookie, so that the session is known by the access token alone.
func TestOAuthEndsTheReplacedSession(t *testing.T) {
	t.Parallel()
	e := newEnv(t, with(somebody("stub")))
	b := e.browser(t)
	before := b.register(alice, aliceWords)
	back := returning(t, b.begin("stub", ""), "ada")
	c := e.client(t)
	c.header = http.Header{"Cookie": {b.flowCookies()[0] + "=" + cookieValue(b, 0) + "; aegis_session=" + before.cookie("aegis_session").Value}}
	after := welcome(t, c.get(back.RequestURI()), "/app")
	if a := e.refreshWith(t, refreshCookieOf(t, before)); a.StatusCode != 401 {
		t.Errorf("the session before = %d, want 401", a.StatusCode)
	}
	if a := e.refreshWith(t, refreshCookieOf(t, after)); a.StatusCode != 200 {
		t.Errorf("the new session = %d, want 200", a.StatusCode)
	}
	e.clock.Advance(time.Second)
	if !strings.Contains(e.log.String(), `"auth.logout"`) {
		t.Error("no event tells that the session has ended")
	}
}
