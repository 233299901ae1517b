package flows_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// stage is a world in which flows take place: it has an administrator.
type stage struct {
	*world
	boss *client
}

// newStage returns a stage over a store, with all limits on.
func newStage(tb testing.TB, st store.Store, change ...func(*auth.Config)) *stage {
	tb.Helper()
	w := newWorld(tb, st, append(change, func(c *auth.Config) { c.Limits = auth.Limits{} })...)
	return &stage{w, w.admin()}
}

// attempt is a flow, prepared up to the request that makes the difference.
type attempt struct {
	// send sends the request; it may be sent again.
	send func() *answer
	// done is the status of success.
	done int
	// effect reports whether the request has had its effect. Nil if it has none
	// that lasts.
	effect func() bool
	// again is what the request is answered when it has had its effect before, if
	// not with done.
	again int
	// renew makes the request good again after its one-time token was spent for
	// nothing. Nil if it has none.
	renew func()
	// mails says that what was asked for is a mail. A service that ends sends what
	// waits once more at most, so a person may have to ask again.
	mails bool
	// after proves, in the end, that the person can go on.
	after func(tb testing.TB)
	// kind, if not empty, is the event that must be in the audit trail if and only
	// if there is the effect, and user is who it is about.
	kind auth.EventKind
	user string
}

// flow is one thing people do.
type flow struct {
	name    string
	prepare func(s *stage) *attempt
}

// flows is everything people and administrators do with accounts.
var flows = []flow{
	{"register", func(s *stage) *attempt {
		c := s.browser()
		c.email = "newcomer" + c.ip + ".x@example.com"
		return &attempt{done: 201, again: 409,
			send:   func() *answer { return c.post("/register", obj{"email": c.email, "password": password}) },
			effect: func() bool { return s.has(c.email) },
			after:  func(tb testing.TB) { c.signIn(c.email, password).want(tb, 200) }}
	}},
	{"sign in", func(s *stage) *attempt {
		c, d := s.register(), s.browser()
		return &attempt{done: 200,
			send:  func() *answer { return d.signIn(c.email, password) },
			after: func(tb testing.TB) { d.get("/me").want(tb, 200); d.refresh().want(tb, 200) }}
	}},
	{"sign in with a wrong password", func(s *stage) *attempt {
		c := s.register()
		d := s.browser()
		return &attempt{done: 401,
			send:  func() *answer { return d.signIn(c.email, another) },
			after: func(tb testing.TB) { d.signIn(c.email, password).want(tb, 200) }}
	}},
	{"refresh", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 200, send: c.refresh, after: alive(c)}
	}},
	{"replay", func(s *stage) *attempt {
		c := s.register()
		thief := c.clone()
		c.refresh().want(s.tb, 200)
		id := takeApart(s.tb, c.jar[refreshCookie]).session
		s.clock.advance(11 * time.Second)
		return &attempt{done: 401, send: func() *answer { return thief.clone().refresh() },
			effect: func() bool { return s.revoked(id) }, after: dead(c)}
	}},
	{"sign out", func(s *stage) *attempt {
		c := s.register()
		before := c.clone()
		id := takeApart(s.tb, c.jar[refreshCookie]).session
		return &attempt{done: 200, send: func() *answer { return c.post("/logout", nil) },
			effect: func() bool { return s.revoked(id) }, after: dead(before)}
	}},
	{"revoke a token", func(s *stage) *attempt {
		c := s.register()
		raw := c.jar[refreshCookie]
		return &attempt{done: 200, send: func() *answer { return s.browser().post("/revoke", url.Values{"token": {raw}}) },
			effect: func() bool { return s.revoked(takeApart(s.tb, raw).session) }, after: dead(c)}
	}},
	{"change the name", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 200, send: func() *answer { return c.do("PATCH", "/me", obj{"full_name": "A New Name"}) },
			effect: func() bool { return c.user().Name == "A New Name" }, after: alive(c)}
	}},
	{"ask for another verification", func(s *stage) *attempt {
		c := s.register()
		s.flush()
		return &attempt{done: 200, mails: true, send: func() *answer { return c.post("/resend-verification", nil) },
			after: func(tb testing.TB) {
				c.post("/verify-email", obj{"token": s.token(c.email, auth.MailVerify)}).want(tb, 200)
			}}
	}},
	{"verify the address", func(s *stage) *attempt {
		c := s.register()
		raw := s.token(c.email, auth.MailVerify)
		return &attempt{done: 200, again: 400,
			send:   func() *answer { return s.browser().post("/verify-email", obj{"token": raw}) },
			effect: func() bool { return c.user().EmailVerified },
			renew: func() {
				c.post("/resend-verification", nil).want(s.tb, 200)
				raw = s.token(c.email, auth.MailVerify)
			}}
	}},
	{"verify the address in the browser that is signed in", func(s *stage) *attempt {
		c := s.register()
		raw := s.token(c.email, auth.MailVerify)
		return &attempt{done: 200, again: 400,
			send:   func() *answer { return c.post("/verify-email", obj{"token": raw}) },
			effect: func() bool { return c.user().EmailVerified },
			renew: func() {
				c.post("/resend-verification", nil).want(s.tb, 200)
				raw = s.token(c.email, auth.MailVerify)
			},
			after: recovers(c)}
	}},
	{"ask for a reset", func(s *stage) *attempt {
		c, d := s.register(), s.browser()
		return &attempt{done: 202, mails: true, send: func() *answer { return d.post("/password-reset/request", obj{"email": c.email}) },
			after: func(tb testing.TB) {
				raw := s.token(c.email, auth.MailReset)
				d.post("/password-reset/confirm", obj{"token": raw, "new_password": another}).want(tb, 200)
				d.signIn(c.email, another).want(tb, 200)
			}}
	}},
	{"reset the password", func(s *stage) *attempt {
		c, d := s.register(), s.browser()
		raw := s.resetToken(c.email)
		hash := c.user().PasswordHash
		return &attempt{done: 200, again: 400,
			send: func() *answer {
				return d.post("/password-reset/confirm", obj{"token": raw, "new_password": another})
			},
			effect: func() bool { return c.user().PasswordHash != hash },
			renew:  func() { raw = s.resetToken(c.email) },
			after:  func(tb testing.TB) { dead(c)(tb); d.signIn(c.email, another).want(tb, 200) }}
	}},
	{"change the password", func(s *stage) *attempt {
		c := s.register()
		elsewhere := c.other()
		hash := c.user().PasswordHash
		return &attempt{done: 200, again: 401,
			send: func() *answer {
				return c.post("/password", obj{"current_password": password, "new_password": another})
			},
			effect: func() bool { return c.user().PasswordHash != hash },
			after: func(tb testing.TB) {
				recovers(c)(tb)
				dead(elsewhere)(tb)
				s.browser().signIn(c.email, password).want(tb, 401)
				s.browser().signIn(c.email, another).want(tb, 200)
			}}
	}},
	{"ask for a change of address", func(s *stage) *attempt {
		c := s.register()
		next := "next-" + c.email
		return &attempt{done: 202, mails: true, send: func() *answer { return c.post("/email-change/request", obj{"email": next}) },
			after: func(tb testing.TB) {
				c.post("/email-change/confirm", obj{"token": s.token(next, auth.MailEmailChange)}).want(tb, 200)
				alive(c)(tb)
			}}
	}},
	{"change the address", func(s *stage) *attempt {
		c := s.register()
		next := "next-" + c.email
		ask := func() string {
			c.post("/email-change/request", obj{"email": next}).want(s.tb, 202)
			return s.token(next, auth.MailEmailChange)
		}
		raw := ask()
		return &attempt{done: 200, again: 400,
			send:   func() *answer { return s.browser().post("/email-change/confirm", obj{"token": raw}) },
			effect: func() bool { return c.user().Email == next },
			renew:  func() { raw = ask() },
			after:  func(tb testing.TB) { dead(c)(tb); s.browser().signIn(next, password).want(tb, 200) }}
	}},
	{"change the address in the browser that is signed in", func(s *stage) *attempt {
		c := s.register()
		next := "next-" + c.email
		ask := func() string {
			c.post("/email-change/request", obj{"email": next}).want(s.tb, 202)
			return s.token(next, auth.MailEmailChange)
		}
		raw := ask()
		return &attempt{done: 200, again: 400,
			send:   func() *answer { return c.post("/email-change/confirm", obj{"token": raw}) },
			effect: func() bool { return c.user().Email == next },
			renew:  func() { raw = ask() },
			after:  recovers(c)}
	}},
	{"prove the password again", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 200, send: func() *answer { return c.post("/reauthenticate", obj{"password": password}) }, after: alive(c)}
	}},
	{"list the sessions", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 200, send: func() *answer { return c.get("/sessions") }, after: alive(c)}
	}},
	{"end one session", func(s *stage) *attempt {
		c := s.register()
		elsewhere := c.other()
		id := takeApart(s.tb, elsewhere.jar[refreshCookie]).session
		return &attempt{done: 204, again: 404, send: func() *answer { return c.do("DELETE", "/sessions/"+id, nil) },
			effect: func() bool { return s.revoked(id) },
			after:  func(tb testing.TB) { alive(c)(tb); dead(elsewhere)(tb) }}
	}},
	{"end the other sessions", func(s *stage) *attempt {
		c := s.register()
		elsewhere := c.other()
		id := takeApart(s.tb, elsewhere.jar[refreshCookie]).session
		return &attempt{done: 200, send: func() *answer { return c.do("DELETE", "/sessions", nil) },
			effect: func() bool { return s.revoked(id) },
			after:  func(tb testing.TB) { alive(c)(tb); dead(elsewhere)(tb) }}
	}},
	{"delete one's own account", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 204, again: 401, send: func() *answer { return c.do("DELETE", "/me", obj{"password": password}) },
			effect: func() bool { return !c.user().DeletedAt.IsZero() }, kind: auth.UserDeleted, user: c.id,
			after: func(tb testing.TB) { dead(c)(tb); s.browser().signIn(c.email, password).want(tb, 401) }}
	}},
}

// resetToken asks for a reset, and returns the token that is mailed. Each asker has
// an address of its own.
func (s *stage) resetToken(email string) string {
	s.tb.Helper()
	s.browser().post("/password-reset/request", obj{"email": email}).want(s.tb, 202)
	return s.token(email, auth.MailReset)
}

// has reports whether somebody has an address.
func (s *stage) has(email string) bool {
	_, err := s.config.Store.UserByEmail(s.tb.Context(), email)
	return err == nil
}

// revoked reports whether a session was ended.
func (s *stage) revoked(id string) bool {
	row, err := s.config.Store.SessionByID(s.tb.Context(), id)
	s.must(err)
	return !row.RevokedAt.IsZero()
}

// alive checks that a browser is signed in.
func alive(c *client) func(testing.TB) {
	return func(tb testing.TB) {
		tb.Helper()
		c.get("/me").want(tb, 200)
		c.refresh().want(tb, 200)
	}
}

// recovers checks that a browser is signed in, though it may have to refresh first.
// Where the answer of the database to the change itself was lost, nothing could be
// done for the session, and the person has to sign in again.
func recovers(c *client) func(testing.TB) {
	return func(tb testing.TB) {
		tb.Helper()
		if c.w.unsure {
			return
		}
		if c.get("/me").Code != 200 {
			c.refresh().want(tb, 200)
		}
		alive(c)(tb)
	}
}

// dead checks that neither token of a browser is good any more.
func dead(c *client) func(testing.TB) {
	return func(tb testing.TB) {
		tb.Helper()
		c.get("/me").want(tb, 401)
		c.refresh().want(tb, 401)
	}
}
