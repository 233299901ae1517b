package flows_test

import (
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// adminFlows is what administrators do to people.
var adminFlows = []flow{
	{"make an account", func(s *stage) *attempt {
		c := s.browser()
		c.email = "made" + c.ip + ".x@example.com"
		return &attempt{done: 201, again: 409,
			send:   func() *answer { return s.boss.post("/users", obj{"email": c.email, "role": auth.RoleModerator}) },
			effect: func() bool { return s.has(c.email) },
			after: func(tb testing.TB) {
				if s.mailed(c.email, auth.MailSetPassword) == 0 { // it was not known that the account was made
					s.resetToken(c.email)
				}
				mails := s.mail.to(c.email)
				raw := s.token(c.email, mails[len(mails)-1].Kind)
				c.post("/password-reset/confirm", obj{"token": raw, "new_password": another}).want(tb, 200)
				if u := c.signIn(c.email, another).want(tb, 200); u.cookie(sessionCookie) == "" {
					tb.Error("no session after the first sign-in")
				}
			}}
	}},
	{"set a role", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 200, kind: auth.RoleChanged, user: c.id,
			send: func() *answer {
				return s.boss.do("PATCH", "/users/"+c.id+"/role", obj{"role": auth.RoleModerator})
			},
			effect: func() bool { return c.user().Role == auth.RoleModerator },
			after:  func(tb testing.TB) { alive(c)(tb); c.get("/users").want(tb, 200) }}
	}},
	{"deactivate", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 200, kind: auth.UserDeactivated, user: c.id,
			send:   func() *answer { return s.boss.do("PATCH", "/users/"+c.id+"/deactivate", nil) },
			effect: func() bool { return c.user().Disabled },
			after:  func(tb testing.TB) { dead(c)(tb); s.browser().signIn(c.email, password).want(tb, 401) }}
	}},
	{"activate", func(s *stage) *attempt {
		c := s.register()
		s.boss.do("PATCH", "/users/"+c.id+"/deactivate", nil).want(s.tb, 200)
		return &attempt{done: 200, kind: auth.UserActivated, user: c.id,
			send:   func() *answer { return s.boss.do("PATCH", "/users/"+c.id+"/activate", nil) },
			effect: func() bool { return !c.user().Disabled },
			after:  func(tb testing.TB) { dead(c)(tb); s.browser().signIn(c.email, password).want(tb, 200) }}
	}},
	{"delete", func(s *stage) *attempt {
		c := s.register()
		return &attempt{done: 204, again: 404, kind: auth.UserDeleted, user: c.id,
			send:   func() *answer { return s.boss.do("DELETE", "/users/"+c.id, nil) },
			effect: func() bool { return !c.user().DeletedAt.IsZero() },
			after:  func(tb testing.TB) { dead(c)(tb); s.browser().signIn(c.email, password).want(tb, 401) }}
	}},
	{"delete for good", func(s *stage) *attempt {
		c := s.register()
		c.other()
		s.resetToken(c.email)
		return &attempt{done: 204, again: 404, kind: auth.UserHardDeleted, user: c.id,
			send: func() *answer { return s.boss.do("DELETE", "/users/"+c.id+"?hard=true", nil) },
			effect: func() bool {
				_, err := s.config.Store.UserByID(s.tb.Context(), c.id)
				return err != nil
			},
			after: func(tb testing.TB) {
				dead(c)(tb)
				again := s.browser() // the address is free
				again.post("/register", obj{"email": c.email, "password": password}).want(tb, 201)
			}}
	}},
	{"delete for good who was deleted", func(s *stage) *attempt {
		c := s.register()
		s.boss.do("DELETE", "/users/"+c.id, nil).want(s.tb, 204)
		return &attempt{done: 204, again: 404, kind: auth.UserHardDeleted, user: c.id,
			send: func() *answer { return s.boss.do("DELETE", "/users/"+c.id+"?hard=true", nil) },
			effect: func() bool {
				_, err := s.config.Store.UserByID(s.tb.Context(), c.id)
				return err != nil
			}}
	}},
	{"restore", func(s *stage) *attempt {
		c := s.register()
		s.boss.do("DELETE", "/users/"+c.id, nil).want(s.tb, 204)
		return &attempt{done: 200, again: 404, kind: auth.UserRestored, user: c.id,
			send:   func() *answer { return s.boss.post("/users/"+c.id+"/restore", nil) },
			effect: func() bool { return c.user().DeletedAt.IsZero() },
			after:  func(tb testing.TB) { dead(c)(tb); s.browser().signIn(c.email, password).want(tb, 200) }}
	}},
	{"unlock", func(s *stage) *attempt {
		c := s.register()
		for range 5 {
			s.browser().signIn(c.email, another).want(s.tb, 401)
		}
		s.browser().signIn(c.email, password).want(s.tb, 401)
		return &attempt{done: 204, kind: auth.AccountUnlocked, user: c.id,
			send:  func() *answer { return s.boss.post("/users/"+c.id+"/unlock", nil) },
			after: func(tb testing.TB) { s.browser().signIn(c.email, password).want(tb, 200) }}
	}},
	{"end all sessions of somebody", func(s *stage) *attempt {
		c := s.register()
		elsewhere := c.other()
		id := takeApart(s.tb, elsewhere.jar[refreshCookie]).session
		return &attempt{done: 204, kind: auth.SessionRevoked, user: c.id,
			send:   func() *answer { return s.boss.do("DELETE", "/users/"+c.id+"/sessions", nil) },
			effect: func() bool { return s.revoked(id) },
			after:  func(tb testing.TB) { dead(c)(tb); dead(elsewhere)(tb) }}
	}},
}

// entries returns the audit entries of a kind about somebody.
func (s *stage) entries(kind auth.EventKind, user string) []*store.AuditEntry {
	s.tb.Helper()
	list, err := s.AuditTrail(s.tb.Context(), store.AuditQuery{Kind: string(kind), UserID: user})
	s.must(err)
	return list
}

// TestFlows goes through everything people and administrators do, over every
// store, with all limits on.
func TestFlows(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		s := newStage(t, st)
		for _, f := range append(flows, adminFlows...) {
			t.Run(f.name, func(t *testing.T) {
				a := f.prepare(s)
				a.send().want(t, a.done)
				if a.effect != nil && !a.effect() {
					t.Error("it is answered as done, and has had no effect")
				}
				if a.kind != "" {
					list := s.entries(a.kind, a.user)
					if len(list) != 1 {
						t.Fatalf("%d audit entries of kind %s, want 1", len(list), a.kind)
					}
					actor := s.boss.id
					if f.name == "delete one's own account" {
						actor = a.user
					}
					if list[0].ActorID != actor || list[0].IP == "" || list[0].UserAgent == "" {
						t.Errorf("the audit entry is %+v, want it to name who did it, and from where", list[0])
					}
				}
				if a.again != 0 {
					a.send().want(t, a.again)
				}
				if a.after != nil {
					a.after(t)
				}
			})
			s.clock.advance(time.Second)
		}
		s.flush()
		if _, err := s.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
