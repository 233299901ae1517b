package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// person is somebody who is signed in twice, and has a link of each kind in the
// mail.
type person struct {
	*client // the browser in which things happen
	other   *client
	next    string // the address that is asked for

	verify, reset, change string // tokens
}

func (s *stage) person() *person {
	s.tb.Helper()
	p := &person{client: s.register()}
	p.other, p.next = p.client.other(), "next-"+p.email
	p.post("/email-change/request", obj{"email": p.next}).want(s.tb, 202)
	p.verify, p.change = s.token(p.email, auth.MailVerify), s.token(p.next, auth.MailEmailChange)
	p.reset = s.resetToken(p.email)
	return p
}

// ending is a row of the table of what ends what. A cell is "good" or "void"; of
// the browser's own session and access token it may be "new", which is another one
// in place of the void one before.
type ending struct {
	event                 string
	happen                func(s *stage, p *person)
	session, access       string // of the browser in which it happens
	others                string // both tokens of the other browser
	verify, reset, change string
	mails                 string // kinds, sorted
}

// revive lets somebody in again, so that it shows what was only hidden.
func activate(s *stage, p *person) {
	s.boss.do("PATCH", "/users/"+p.id+"/activate", nil).want(s.tb, 200)
}

func restore(s *stage, p *person) { s.boss.post("/users/"+p.id+"/restore", nil).want(s.tb, 200) }

// link links an account elsewhere, as the callback of a provider does.
func link(s *stage, p *person) {
	_, err := s.SignInExternal(s.tb.Context(), auth.External{Provider: "github", LinkTo: p.id,
		SessionID: takeApart(s.tb, p.jar[refreshCookie]).session,
		Identity:  &oauth.Identity{Subject: "subject of " + p.id, Email: p.email, EmailVerified: true}}, auth.Device{})
	s.must(err)
}

var endings = []ending{
	{"sign out", func(s *stage, p *person) { p.clone().post("/logout", nil).want(s.tb, 200) },
		"void", "void", "good", "good", "good", "good", ""},
	{"the other sessions are ended", func(s *stage, p *person) { p.do("DELETE", "/sessions", nil).want(s.tb, 200) },
		"good", "good", "void", "good", "good", "good", ""},
	{"an administrator ends all sessions", func(s *stage, p *person) { s.boss.do("DELETE", "/users/"+p.id+"/sessions", nil).want(s.tb, 204) },
		"void", "void", "void", "good", "good", "good", ""},
	{"the password is changed", func(s *stage, p *person) {
		p.post("/password", obj{"current_password": password, "new_password": another}).want(s.tb, 200)
	}, "new", "new", "void", "good", "void", "void", "password_changed"},
	{"the password is reset", func(s *stage, p *person) {
		p.clone().post("/password-reset/confirm", obj{"token": p.reset, "new_password": another}).want(s.tb, 200)
	}, "void", "void", "void", "void", "void", "void", "password_changed"},
	{"the address is changed", func(s *stage, p *person) { p.post("/email-change/confirm", obj{"token": p.change}).want(s.tb, 200) },
		"new", "new", "void", "void", "void", "void", "email_changed email_changed"},
	{"the address is verified", func(s *stage, p *person) { p.post("/verify-email", obj{"token": p.verify}).want(s.tb, 200) },
		"new", "new", "void", "void", "void", "void", ""},
	{"the role is changed", func(s *stage, p *person) {
		s.boss.do("PATCH", "/users/"+p.id+"/role", obj{"role": auth.RoleModerator}).want(s.tb, 200)
		p.get("/users").want(s.tb, 200) // it counts from the next request
	}, "good", "good", "good", "good", "good", "good", ""},
	{"the account is deactivated, and activated", func(s *stage, p *person) {
		s.boss.do("PATCH", "/users/"+p.id+"/deactivate", nil).want(s.tb, 200)
		p.get("/me").want(s.tb, 401)
		activate(s, p)
	}, "void", "void", "void", "void", "void", "void", ""},
	{"the account is deleted, and restored", func(s *stage, p *person) {
		s.boss.do("DELETE", "/users/"+p.id, nil).want(s.tb, 204)
		p.get("/me").want(s.tb, 401)
		restore(s, p)
	}, "void", "void", "void", "void", "void", "void", ""},
	{"the owner deletes the account, and it is restored", func(s *stage, p *person) {
		p.clone().do("DELETE", "/me", obj{"password": password}).want(s.tb, 204)
		restore(s, p)
	}, "void", "void", "void", "void", "void", "void", ""},
	{"the account is deleted for good", func(s *stage, p *person) {
		s.boss.do("DELETE", "/users/"+p.id+"?hard=true", nil).want(s.tb, 204)
	}, "void", "void", "void", "void", "void", "void", ""},
	{"a spent refresh token is used", func(s *stage, p *person) {
		thief := p.clone()
		p.refresh().want(s.tb, 200)
		s.clock.advance(11 * time.Second)
		thief.refresh().want(s.tb, 401)
	}, "void", "void", "good", "good", "good", "good", "session_reused"},
	{"an account elsewhere is linked", link,
		"good", "good", "good", "good", "good", "void", "account_linked"},
	{"an account elsewhere is unlinked", func(s *stage, p *person) {
		id := &store.Identity{UserID: p.id, Provider: "github", Subject: "subject of " + p.id, Email: p.email, CreatedAt: s.clock.now()}
		s.must(s.config.Identities.AddIdentity(s.tb.Context(), id))
		p.do("DELETE", "/oauth/connections/github", nil).want(s.tb, 204)
	}, "good", "good", "good", "good", "good", "void", "account_unlinked"},
}

// TestEndings compares what every event ends with the table, cell by cell, over
// every store.
func TestEndings(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		s := newStage(t, st, func(c *auth.Config) {
			c.Providers = []oauth.Provider{oauth.GitHub("client", "secret of the client")}
			c.Identities = st.(store.IdentityStore)
		})
		for _, e := range endings {
			t.Run(e.event, func(t *testing.T) {
				s.tb = t
				got := e
				for i, cell := range []*string{nil, &got.verify, &got.reset, &got.change} {
					p := s.person()
					before := []client{*p.clone(), *p.other.clone()}
					s.flush()
					mailed := len(s.mail.list)
					e.happen(s, p)
					s.flush()
					if cell == nil {
						got.mails = kinds(s.mail.list[mailed:])
						got.session, got.access = p.state(before[0], refreshCookie), p.state(before[0], sessionCookie)
						got.others = p.other.state(before[1], sessionCookie)
						if refreshed := p.other.state(before[1], refreshCookie); refreshed != got.others {
							t.Errorf("of the other browser the access token is %s and the session %s", got.others, refreshed)
						}
						continue
					}
					*cell = p.try(i)
				}
				got.happen, e.happen = nil, nil
				if fmt.Sprint(got) != fmt.Sprint(e) {
					t.Errorf("got  %v\nwant %v", got, e)
				}
				s.clock.advance(time.Second)
				s.boss.refresh().want(t, 200)
			})
		}
		s.tb = t
	})
}

// try uses one of the person's tokens.
func (p *person) try(which int) string {
	b := p.w.browser()
	var a *answer
	switch which {
	case 1:
		a = b.post("/verify-email", obj{"token": p.verify})
	case 2:
		a = b.post("/password-reset/confirm", obj{"token": p.reset, "new_password": "yet another one"})
	case 3:
		a = b.post("/email-change/confirm", obj{"token": p.change})
	}
	switch a.Code {
	case 200:
		return "good"
	case 400:
		return "void"
	}
	return a.String()
}

// state says what became of a cookie that a browser had before.
func (c *client) state(before client, cookie string) string {
	works := func(c *client) bool {
		c = c.clone()
		if cookie == sessionCookie {
			return c.get("/me").Code == 200
		}
		return c.refresh().Code == 200
	}
	switch now := c.jar[cookie]; {
	case now == before.jar[cookie] && works(c):
		return "good"
	case now != before.jar[cookie] && now != "" && works(c):
		if cookie == sessionCookie && works(&before) {
			return "new beside the old one"
		}
		return "new"
	}
	return "void"
}

func kinds(mails []*auth.Message) string {
	var list []string
	for _, m := range mails {
		list = append(list, string(m.Kind))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestResetEndsEverythingAtOnce: after a reset nothing that was handed out before
// is good for another request, on any device.
func TestResetEndsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		s := newStage(t, st)
		c := s.register()
		browsers := []*client{c, c.other(), c.other(), c.other()}
		program := s.browser()
		program.browser = false
		grant := program.signIn(c.email, password).want(t, 200).json(t)
		program.bearer = grant["access_token"].(string)
		program.get("/me").want(t, 200)
		raw := s.resetToken(c.email)
		s.browser().post("/password-reset/confirm", obj{"token": raw, "new_password": another}).want(t, 200)
		program.get("/me").want(t, 401)
		program.bearer = ""
		program.post("/token", formOf("grant_type", "refresh_token", "refresh_token", grant["refresh_token"].(string))).want(t, 400)
		for _, b := range browsers {
			b.clone().get("/me").want(t, 401)
			if a := b.refresh(); a.Code != 401 || !a.clears() {
				t.Errorf("refresh after the reset: %v, want 401 and cookies cleared", a)
			}
		}
		rows, err := s.Sessions(t.Context(), c.id)
		if err != nil || len(rows) != 0 {
			t.Errorf("sessions after the reset = %v, %v, want none", rows, err)
		}
		s.browser().signIn(c.email, password).want(t, 401)
		s.browser().signIn(c.email, another).want(t, 200)
	})
}
