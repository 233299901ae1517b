package flows_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// atOnce sends requests at once. Where too many passwords wait to be hashed the
// service asks to try again; then that is done.
func (w *world) atOnce(n int, send func(i int) *answer) []*answer {
	w.tb.Helper()
	answers := make([]*answer, n)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-start
			for answers[i] = send(i); answers[i].problem() == "busy"; {
				answers[i] = send(i)
			}
		})
	}
	close(start)
	done.Wait()
	return answers
}

// only returns the one answer with that status, after checking that all others have
// one of the rest.
func only(tb testing.TB, answers []*answer, status int, rest ...int) (winner int) {
	tb.Helper()
	winner = -1
	for i, a := range answers {
		switch {
		case a.Code == status && winner >= 0:
			tb.Fatalf("two winners: %v and %v", answers[winner], a)
		case a.Code == status:
			winner = i
		case !strings.Contains(fmt.Sprint(rest), fmt.Sprint(a.Code)):
			tb.Fatalf("%v, want %d or one of %v", a, status, rest)
		}
	}
	if winner < 0 {
		tb.Fatalf("no winner: %v", answers[0])
	}
	return winner
}

// TestOneTimeTokens: of 50 tries at once with one token exactly one has an effect.
func TestOneTimeTokens(t *testing.T) {
	t.Parallel()
	rounds := number(t, "AEGIS_RACES", 3)
	eachStore(t, func(t *testing.T, st store.Store) {
		s := newStage(t, st)
		for range rounds {
			c := s.register()
			raw := s.token(c.email, auth.MailVerify)
			only(t, s.atOnce(tries, func(int) *answer { return s.browser().post("/verify-email", obj{"token": raw}) }), 200, 400)
			if u := c.user(); !u.EmailVerified || u.Epoch != 1 {
				t.Errorf("verified %v, epoch %d, want it verified once", u.EmailVerified, u.Epoch)
			}

			raw = s.resetToken(c.email)
			word := func(i int) string { return fmt.Sprintf("new password number %d", i) }
			winner := only(t, s.atOnce(tries, func(i int) *answer {
				return s.browser().post("/password-reset/confirm", obj{"token": raw, "new_password": word(i)})
			}), 200, 400)
			s.browser().signIn(c.email, word((winner+1)%tries)).want(t, 401)
			c.signIn(c.email, word(winner)).want(t, 200)

			next := "next-" + c.email
			c.post("/email-change/request", obj{"email": next}).want(t, 202)
			raw = s.token(next, auth.MailEmailChange)
			only(t, s.atOnce(tries, func(int) *answer { return s.browser().post("/email-change/confirm", obj{"token": raw}) }), 200, 400)
			if u := c.user(); u.Email != next || u.Epoch != 3 {
				t.Errorf("address %s, epoch %d, want it changed once", u.Email, u.Epoch)
			}
			s.clock.advance(time.Second)
		}
		if n := s.journal.count(auth.EmailVerified) + s.journal.count(auth.PasswordResetCompleted) + s.journal.count(auth.EmailChanged); n != 3*rounds {
			t.Errorf("%d events tell of a token that was used, want %d", n, 3*rounds)
		}
	})
}

// TestFirstUserAdmin: of 50 who register at once when there is nobody yet, one
// becomes the administrator.
func TestFirstUserAdmin(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, func(c *auth.Config) { c.FirstUserAdmin = true })
		admins := 0
		for _, a := range w.atOnce(50, func(i int) *answer {
			return w.browser().post("/register", obj{"email": fmt.Sprintf("first%d@example.com", i), "password": password})
		}) {
			if a.want(t, 201).json(t)["role"] == auth.RoleAdmin {
				admins++
			}
		}
		if admins != 1 {
			t.Errorf("%d administrators, want 1", admins)
		}
	})
}

// TestOneAddressOneAccount: of 50 who register one address at once, one gets it.
func TestOneAddressOneAccount(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		only(t, w.atOnce(50, func(int) *answer {
			return w.browser().post("/register", obj{"email": "wanted@example.com", "password": password})
		}), 201, 409)
	})
}

// TestLastAdmin: two administrators who take the role from each other, or each
// other from the service, at the same moment, do not both succeed.
func TestLastAdmin(t *testing.T) {
	t.Parallel()
	acts := []struct {
		name string
		act  func(actor, target *client) *answer
	}{
		{"demote", func(a, b *client) *answer { return a.do("PATCH", "/users/"+b.id+"/role", obj{"role": auth.RoleUser}) }},
		{"deactivate", func(a, b *client) *answer { return a.do("PATCH", "/users/"+b.id+"/deactivate", nil) }},
		{"delete", func(a, b *client) *answer { return a.do("DELETE", "/users/"+b.id, nil) }},
		{"delete for good", func(a, b *client) *answer { return a.do("DELETE", "/users/"+b.id+"?hard=true", nil) }},
		{"leave", func(a, _ *client) *answer { return a.do("DELETE", "/me", obj{"password": password}) }},
	}
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		one := w.admin()
		for _, first := range acts {
			for _, second := range acts {
				two := w.admin()
				answers := w.atOnce(2, func(i int) *answer {
					if i == 0 {
						return first.act(one, two)
					}
					return second.act(two, one)
				})
				// Whoever was too late is not an administrator any more, or the last.
				for _, a := range answers {
					if a.Code/100 != 2 && a.Code != 409 && a.Code != 401 && a.Code != 403 && a.Code != 404 {
						t.Errorf("%s against %s: %v", first.name, second.name, a)
					}
				}
				var left []*client
				for _, c := range []*client{one, two} {
					u, err := st.UserByID(t.Context(), c.id)
					if err == nil && u.Active() && u.Role == auth.RoleAdmin {
						left = append(left, c)
					}
				}
				if len(left) == 0 {
					t.Fatalf("%s against %s: nobody is left: %v, %v", first.name, second.name, answers[0], answers[1])
				}
				one = left[0]
				if len(left) == 2 {
					first.act(one, two)
					t.Errorf("%s against %s: neither succeeds: %v, %v", first.name, second.name, answers[0], answers[1])
				}
				// And the one who is left cannot go.
				for _, a := range []*answer{
					one.do("PATCH", "/users/"+one.id+"/deactivate", nil), one.do("DELETE", "/users/"+one.id, nil),
					one.do("DELETE", "/me", obj{"password": password}),
				} {
					if a.Code != 409 || a.problem() != "last_admin" {
						t.Errorf("the last administrator: %v, want 409 last_admin", a)
					}
				}
			}
		}
		one.do("PATCH", "/users/"+one.id+"/role", obj{"role": auth.RoleUser}).want(t, 403)
		if _, err := w.SetRole(t.Context(), one.id, auth.RoleUser); err != auth.ErrLastAdmin {
			t.Errorf("SetRole of the last administrator = %v, want %v", err, auth.ErrLastAdmin)
		}
		w.flush()
		if _, err := w.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRefreshAgainstRevocation: whatever ends a session while it is refreshed, by
// many at once, no token is good afterwards.
func TestRefreshAgainstRevocation(t *testing.T) {
	t.Parallel()
	rounds := number(t, "AEGIS_ROUNDS", 10)
	eachStore(t, func(t *testing.T, st store.Store) {
		s := newStage(t, st)
		ends := []func(c *client, raw string) *answer{
			func(c *client, _ string) *answer { return c.clone().post("/logout", nil) },
			func(c *client, _ string) *answer { return s.boss.do("PATCH", "/users/"+c.id+"/deactivate", nil) },
			func(c *client, raw string) *answer {
				return s.browser().post("/password-reset/confirm", obj{"token": raw, "new_password": another})
			},
			func(c *client, _ string) *answer { return s.boss.do("DELETE", "/users/"+c.id+"?hard=true", nil) },
		}
		for round := range rounds {
			for _, end := range ends {
				c := s.register()
				raw := s.resetToken(c.email)
				answers := s.atOnce(9, func(i int) *answer {
					if i == 4 {
						return end(c, raw)
					}
					b := c.clone()
					a := b.refresh()
					if a.Code == 200 { // and once more with what came back
						s.clock.advance(time.Microsecond)
						if more := b.refresh(); more.Code == 200 {
							a = more
						}
					}
					return a
				})
				if answers[4].Code/100 != 2 {
					t.Fatalf("round %d: %v, want success", round, answers[4])
				}
				for i, a := range answers {
					if i == 4 {
						continue
					}
					if a.Code != 200 && a.Code != 401 && a.Code != 409 {
						t.Errorf("round %d: %v, want 200, 401 or 409", round, a)
					}
					b := c.clone()
					b.keep(a)
					if m := b.get("/me"); m.Code != 401 {
						t.Fatalf("round %d: an access token lives on: %v", round, m)
					}
					if r := b.refresh(); r.Code == 200 {
						t.Fatalf("round %d: a refresh token lives on: %v", round, r)
					}
				}
			}
			s.checkHanded(t)
			s.clock.advance(time.Second)
			s.boss.refresh().want(t, 200)
		}
	})
}
