package outages_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// crowd is people who use a site without a break.
type crowd struct {
	s      *site
	direct *sql.DB // to the database, not by the way that fails; nil if there is none

	keepers []*keeper
	stop    chan struct{}
	done    sync.WaitGroup

	mu         sync.Mutex
	registered []string // addresses of the visitors who were told that they have an account

	lost    atomic.Int64 // refreshes answered 503 though the rotation was made
	late    atomic.Int64 // sign-ins anew, because no answer came within the grace
	spent   atomic.Int64 // reset links that were used up without an effect
	visits  atomic.Int64 // of those who come and go
	answers atomic.Int64 // successful refreshes
}

// keeper is somebody who stays signed in, with two tabs that refresh at the same
// time.
type keeper struct {
	*browser
	rounds atomic.Int64
}

// tabs is how many tabs a keeper has. With a third one an answer 409 would be right
// now and then: a tab that was held up while the two others went on.
const tabs = 2

// gather has keepers sign in and lets them and the visitors go.
func gather(s *site, direct *sql.DB, keepers, visitors int) *crowd {
	s.tb.Helper()
	c := &crowd{s: s, direct: direct, stop: make(chan struct{})}
	for range keepers {
		k := &keeper{browser: s.browser()}
		if !k.register() {
			s.tb.Fatal("nobody can register before anything fails")
		}
		c.keepers = append(c.keepers, k)
		c.done.Go(func() { c.whileOpen(func() bool { return c.round(k) }) })
	}
	for range visitors {
		c.done.Go(func() { c.whileOpen(c.visit) })
	}
	return c
}

// whileOpen repeats f until the crowd goes home, or f cannot go on.
func (c *crowd) whileOpen(f func() bool) {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		if !f() || c.s.tb.Failed() {
			return
		}
		time.Sleep(rand.N(30 * time.Millisecond))
	}
}

// round is one refresh in every tab, and a look at the profile.
func (c *crowd) round(k *keeper) bool {
	begin := time.Now()
	answers := make([]*answer, tabs)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = c.refresh(k) })
	}
	wg.Wait()
	for _, a := range answers {
		switch {
		case a == nil:
			return false
		case a.status == http.StatusOK:
			c.answers.Add(1)
		case time.Since(begin) < grace-time.Second:
			c.s.tb.Errorf("%s is signed out %v after the first try: %v", k.email, time.Since(begin), a)
			return false
		}
	}
	if k.cookie(refreshCookie) == "" {
		// Nobody can tell a lost answer from a theft that is asked for so late.
		c.late.Add(1)
		if !k.signIn(password).ok() {
			return false
		}
	}
	if !k.persist("GET", "/me", nil).ok() {
		return false
	}
	k.rounds.Add(1)
	return true
}

// refresh is persist for a refresh. It looks which of those that are answered 503
// were made.
func (c *crowd) refresh(k *keeper) *answer {
	for {
		id, generation := tokenParts(k.cookie(refreshCookie))
		a, err := k.send("POST", "/refresh", nil)
		if err != nil {
			c.s.tb.Errorf("a refresh is not answered: %v", err)
			return nil
		}
		switch a.status {
		case http.StatusServiceUnavailable:
			if a.header.Get("Retry-After") == "" || len(a.cookies) != 0 {
				c.s.tb.Errorf("%v with Retry-After %q and cookies %v, want Retry-After and no cookies", a, a.header.Get("Retry-After"), a.cookies)
			}
			if c.wasRotated(id, generation) && generation == generationOf(k) {
				c.lost.Add(1)
			}
			time.Sleep(20*time.Millisecond + rand.N(80*time.Millisecond))
			continue
		case http.StatusOK, http.StatusUnauthorized:
		default:
			c.s.tb.Errorf("%v, want 200 or 503", a)
		}
		k.keep(a)
		return a
	}
}

func generationOf(k *keeper) int64 {
	_, n := tokenParts(k.cookie(refreshCookie))
	return n
}

// wasRotated asks the database whether a session has left a generation.
func (c *crowd) wasRotated(id string, generation int64) bool {
	if c.direct == nil {
		return false
	}
	var n int64
	err := c.direct.QueryRow(fmt.Sprintf("SELECT generation FROM %ssessions WHERE id = '%s'", c.s.prefix, id)).Scan(&n)
	return err == nil && n > generation
}

// visit is somebody who registers, signs in elsewhere, resets the password and
// signs out.
func (c *crowd) visit() bool {
	b := c.s.browser()
	if !b.register() {
		return false
	}
	c.mu.Lock()
	c.registered = append(c.registered, b.email)
	c.mu.Unlock()
	if !b.persist("GET", "/me", nil).ok() {
		return false
	}
	other := c.s.browser()
	other.email = b.email
	if !other.signIn(password).ok() {
		return false
	}
	if rand.IntN(2) == 0 && !c.reset(other) {
		return false
	}
	before := other.clone()
	if !other.persist("POST", "/logout", nil).ok() {
		return false
	}
	if a := before.persist("POST", "/refresh", nil, http.StatusUnauthorized); a == nil || a.status != http.StatusUnauthorized {
		c.s.tb.Errorf("a refresh after the sign-out: %v, want 401", a)
		return false
	}
	c.visits.Add(1)
	return true
}

// reset changes the password by mail, and signs in with the new one. Where the
// answer to the decisive request was lost, it may be done, or the link used up.
func (c *crowd) reset(b *browser) bool {
	const another = "purple monkey dishwasher"
	asker := c.s.browser()
	for range 200 {
		raw := c.resetToken(asker, b.email)
		if raw == "" {
			return false
		}
		a := asker.persist("POST", "/password-reset/confirm", obj{"token": raw, "new_password": another}, http.StatusBadRequest)
		if a == nil {
			return false
		}
		if a.status == http.StatusBadRequest && a.tries == 1 {
			c.s.tb.Errorf("%v at the first try", a)
			return false
		}
		in := b.signIn(another, http.StatusUnauthorized)
		if in == nil {
			return false
		}
		if in.status == http.StatusOK {
			return true
		}
		if a.status == http.StatusOK {
			c.s.tb.Errorf("%v after a reset that was answered 200", in)
			return false
		}
		c.spent.Add(1)
	}
	c.s.tb.Error("a password cannot be reset")
	return false
}

// resetToken asks for a mail until one comes.
func (c *crowd) resetToken(asker *browser, email string) string {
	for range 200 {
		before := c.s.mail.last(email, auth.MailReset)
		if !asker.persist("POST", "/password-reset/request", obj{"email": email}).ok() {
			return ""
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = c.s.Flush(ctx) // what cannot be mailed is asked for again
		cancel()
		if link := c.s.mail.last(email, auth.MailReset); link != before {
			u, err := url.Parse(link)
			if err != nil {
				c.s.tb.Error(err)
				return ""
			}
			return u.Query().Get("token")
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.s.tb.Error("no mail comes")
	return ""
}

// goOn waits until every keeper was served twice from now on: what was under way
// has ended, and everything works.
func (c *crowd) goOn() {
	c.s.tb.Helper()
	want := make([]int64, len(c.keepers))
	for i, k := range c.keepers {
		want[i] = k.rounds.Load() + 2
	}
	served := func() bool {
		for i, k := range c.keepers {
			if k.rounds.Load() < want[i] {
				return c.s.tb.Failed()
			}
		}
		return true
	}
	if !eventually(30*time.Second, served) {
		c.s.tb.Error("half a minute after the outage somebody is still not served")
	}
}

// denied waits until somebody was answered 503 from now on.
func (c *crowd) denied() {
	c.s.tb.Helper()
	before := c.s.denied.Load()
	if !eventually(20*time.Second, func() bool { return c.s.denied.Load() > before || c.s.tb.Failed() }) {
		c.s.tb.Error("nobody notices the outage")
	}
}

// goHome ends the load, and checks that everybody who stayed signed in is, and that
// every account is there that somebody was told of.
func (c *crowd) goHome() {
	c.s.tb.Helper()
	close(c.stop)
	c.done.Wait()
	for _, k := range c.keepers {
		k.persist("POST", "/refresh", nil)
		k.persist("GET", "/me", nil)
		u, err := c.s.store.UserByEmail(c.s.tb.Context(), k.email)
		if err != nil {
			c.s.tb.Errorf("%s: %v", k.email, err)
			continue
		}
		var revoked int
		q := fmt.Sprintf("SELECT count(*) FROM %ssessions WHERE user_id = '%s' AND revoked_at <> 0", c.s.prefix, u.ID)
		if err := c.s.store.DB().QueryRow(q).Scan(&revoked); err != nil || revoked != 0 && c.late.Load() == 0 {
			c.s.tb.Errorf("%s: %d sessions are revoked, %v, want none", k.email, revoked, err)
		}
	}
	for _, email := range c.registered {
		if _, err := c.s.store.UserByEmail(c.s.tb.Context(), email); err != nil {
			c.s.tb.Errorf("the account of %s: %v", email, err)
		}
	}
	if c.late.Load() == 0 {
		c.s.inOrder()
	} else {
		c.s.whole()
	}
	made := "some perhaps"
	if c.direct != nil {
		made = fmt.Sprint(c.lost.Load())
	}
	c.s.tb.Logf("%d refreshes succeeded, %d answers were 503, of those %s to rotations that were made; %d visits; "+
		"%d reset links used up for nothing; %d times no answer came within the grace\n%s",
		c.answers.Load(), c.s.denied.Load(), made, c.visits.Load(), c.spent.Load(), c.late.Load(), c.s.summary())
}
