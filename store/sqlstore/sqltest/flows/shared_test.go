package flows_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// nodes returns two services as two processes have them: each with connections of
// its own to one database, the same secret, and nothing else in common.
func nodes(t *testing.T, e *sqltest.Engine, change ...func(*auth.Config)) (a, b *world) {
	t.Helper()
	// Hundreds of requests at once wait their turn, however slow the disk is.
	c := sqlstore.Config{Prefix: sqltest.Prefix(), MaxConns: 6, QueryTimeout: time.Minute}
	dsn := e.DSN(t)
	open := func() *sqlstore.Store {
		s, err := sqlstore.Open(e.Driver, dsn, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	change = append([]func(*auth.Config){func(c *auth.Config) { c.Limits = auth.Limits{} }}, change...)
	a, b = newWorld(t, open(), change...), newWorld(t, open(), change...)
	b.people.Store(1 << 16) // addresses of its own
	return a, b
}

// at returns the browser as one that is served by another node.
func (c *client) at(w *world) *client {
	d := c.clone()
	d.w = w
	return d
}

// TestTwoNodes: two services over one database share limits, lockout and
// revocation.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e *sqltest.Engine) {
		a, b := nodes(t, e)

		t.Run("limit by address", func(t *testing.T) {
			stranger := a.browser()
			for i := range 10 {
				stranger.at([]*world{a, b}[i%2]).signIn("nobody@example.com", another).want(t, 401)
			}
			for _, w := range []*world{a, b} {
				if r := stranger.at(w).signIn("nobody@example.com", another); r.Code != 429 || r.Header().Get("Retry-After") != "60" {
					t.Errorf("the eleventh: %v, Retry-After %q, want 429 and 60", r, r.Header().Get("Retry-After"))
				}
			}
			a.clock.advance(time.Minute)
			b.clock.advance(time.Minute)
			stranger.at(b).signIn("nobody@example.com", another).want(t, 401)
		})

		t.Run("limit by recipient", func(t *testing.T) {
			c := a.register()
			for i := range 3 {
				c.at([]*world{a, b}[i%2]).clone().post("/password-reset/request", obj{"email": c.email}).want(t, 202)
			}
			for _, w := range []*world{a, b} {
				w.browser().post("/password-reset/request", obj{"email": c.email}).want(t, 429)
			}
		})

		t.Run("lockout", func(t *testing.T) {
			c := a.register()
			for i := range 5 {
				[]*world{a, b}[i%2].browser().signIn(c.email, another).want(t, 401)
			}
			for _, w := range []*world{a, b} {
				w.browser().signIn(c.email, password).want(t, 401)
			}
			known := c.clone() // has signed in before, at the other node
			known.at(b).signIn(c.email, password).want(t, 200)
			boss := a.admin()
			boss.at(b).post("/users/"+c.id+"/unlock", nil).want(t, 204)
			a.browser().signIn(c.email, password).want(t, 200)
		})

		t.Run("revocation", func(t *testing.T) {
			c := a.register()
			c.at(b).get("/me").want(t, 200)
			c.at(b).post("/logout", nil).want(t, 200)
			c.clone().get("/me").want(t, 401)
			c.clone().refresh().want(t, 401)

			c = b.register()
			elsewhere := c.other()
			boss := a.admin()
			boss.do("PATCH", "/users/"+c.id+"/deactivate", nil).want(t, 200)
			for _, d := range []*client{c, elsewhere} {
				d.clone().get("/me").want(t, 401)
				d.refresh().want(t, 401)
			}
		})

		t.Run("stampede", func(t *testing.T) {
			c := a.register()
			for range 3 {
				a.clock.advance(time.Minute)
				b.clock.advance(time.Minute)
				answers := make([][]*answer, 2)
				together := a.atOnce(2, func(i int) *answer {
					answers[i] = c.at([]*world{a, b}[i]).stampede(16)
					return answers[i][0]
				})
				if together[0].cookie(refreshCookie) != together[1].cookie(refreshCookie) {
					t.Fatal("two successors")
				}
				c.clone().usable(t, answers[0])
				c.usable(t, answers[1])
			}
		})

		a.flush()
		b.flush()
		for _, w := range []*world{a, b} {
			if _, err := w.VerifyAudit(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// counting is a Hasher that counts how often a password is compared with one hash.
type counting struct {
	auth.Hasher
	hash  atomic.Pointer[string]
	count atomic.Int64
}

func (c *counting) Compare(hash, password string) error {
	if watched := c.hash.Load(); watched != nil && *watched == hash {
		c.count.Add(1)
	}
	return c.Hasher.Compare(hash, password)
}

// TestParallelGuesses: of 200 guesses at once, over two nodes and from as many
// addresses, five are compared with the password.
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	guess := func(t *testing.T, a, b *world, h *counting) {
		c := a.register()
		hash := c.user().PasswordHash
		h.hash.Store(&hash)
		for _, r := range a.atOnce(200, func(i int) *answer { return []*world{a, b}[i%2].browser().signIn(c.email, another) }) {
			r.want(t, 401)
		}
		if n := h.count.Load(); n != 5 {
			t.Errorf("%d of 200 guesses were compared, want 5", n)
		}
		for _, w := range []*world{a, b} {
			w.browser().signIn(c.email, password).want(t, 401) // found at last, and too late
		}
		if n := h.count.Load(); n != 5 {
			t.Errorf("with the right one %d guesses were compared, want 5", n)
		}
		c.at(b).signIn(c.email, password).want(t, 200) // but the owner, in a browser that is known
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		h := &counting{Hasher: auth.InsecureBcrypt(4)}
		w := newWorld(t, newMemory(), func(c *auth.Config) { c.Limits, c.Hasher = auth.Limits{}, h })
		guess(t, w, w, h)
	})
	eachEngine(t, func(t *testing.T, e *sqltest.Engine) {
		h := &counting{Hasher: auth.InsecureBcrypt(4)}
		a, b := nodes(t, e, func(c *auth.Config) { c.Hasher = h })
		guess(t, a, b, h)
	})
}

// TestLimitsInMemory: without a store for them, limits hold in one process.
func TestLimitsInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, struct{ store.Store }{newMemory()}, func(c *auth.Config) {
		c.Limits, c.Roles = auth.Limits{}, nil
	})
	stranger := w.browser()
	for range 10 {
		stranger.signIn("nobody@example.com", another).want(t, 401)
	}
	stranger.signIn("nobody@example.com", another).want(t, 429)
}
