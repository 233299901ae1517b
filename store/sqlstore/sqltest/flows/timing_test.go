package flows_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// samples is how often each class is tried in a benchmark of times that must not
// differ.
const samples = 200

// class is a kind of request whose time must not tell it from the others.
type class struct {
	name string
	send func() *answer
	took []time.Duration
}

// measure tries all classes samples times, in another order each time, so that
// whatever else the machine does falls on all of them, and reports their medians.
// prepare runs before each try, and is not measured.
func measure(b *testing.B, want int, prepare func(), classes ...*class) {
	b.Helper()
	for range samples {
		for _, i := range rand.Perm(len(classes)) {
			prepare()
			c := classes[i]
			begin := time.Now()
			a := c.send()
			c.took = append(c.took, time.Since(begin))
			a.want(b, want)
		}
	}
	b.ReportMetric(0, "ns/op")
	low, high := time.Duration(1<<62), time.Duration(0)
	for _, c := range classes {
		slices.Sort(c.took)
		m := c.took[len(c.took)/2]
		low, high = min(low, m), max(high, m)
		b.ReportMetric(float64(m.Nanoseconds())/1e6, c.name+"-ms")
	}
	b.ReportMetric(float64(high-low)/float64(low)*100, "apart-%")
	b.ReportMetric(float64((high-low).Nanoseconds())/1e6, "apart-ms")
	text := ""
	for _, c := range classes[1:] {
		text += fmt.Sprintf(" %s %.3f", c.name, distinguishable(classes[0].took, c.took))
	}
	b.Logf("chance to tell from %s, 0.5 is none:%s", classes[0].name, text)
}

// distinguishable is the chance that a time of one class is shorter than one of the
// other: the area under the ROC curve of whoever guesses by the time, turned so that
// it is 0.5 or more.
func distinguishable(a, b []time.Duration) float64 {
	wins := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x < y:
				wins++
			case x == y:
				wins += 0.5
			}
		}
	}
	auc := wins / float64(len(a)*len(b))
	return max(auc, 1-auc)
}

// eachTimed runs a benchmark over memory and SQLite, whose own times are shortest.
func eachTimed(b *testing.B, f func(b *testing.B, st store.Store)) {
	b.Run("memory", func(b *testing.B) { f(b, newMemory()) })
	b.Run("sqlite", func(b *testing.B) { f(b, sqltest.Engines()[0].Open(b, sqlstore.Config{})) })
}

// BenchmarkFailedSignIns compares how long the kinds of failed sign-ins take at
// cost 10, with all limits on:
//
//	go test -run xxx -bench FailedSignIns -benchtime 1x
func BenchmarkFailedSignIns(b *testing.B) {
	eachTimed(b, func(b *testing.B, st store.Store) {
		hasher, err := auth.Bcrypt(10)
		if err != nil {
			b.Fatal(err)
		}
		w := newWorld(b, st, func(c *auth.Config) { c.Limits, c.Hasher = auth.Limits{}, hasher })
		hash, err := hasher.Hash(password)
		w.must(err)
		// An account is locked after five failures, so each is tried once, but for
		// those that are to be locked.
		make := func(kind string, n int, change func(*store.User)) (list []string) {
			for i := range n {
				u := &store.User{Email: fmt.Sprintf("%s%d@example.com", kind, i), PasswordHash: hash,
					CreatedAt: w.clock.now(), UpdatedAt: w.clock.now()}
				change(u)
				w.must(st.CreateUser(b.Context(), u))
				list = append(list, u.Email)
			}
			return list
		}
		wrong := make("wrong", samples, func(*store.User) {})
		disabled := make("disabled", samples, func(u *store.User) { u.Disabled = true })
		without := make("without", samples, func(u *store.User) { u.PasswordHash = "" })
		locked := make("locked", samples/20, func(*store.User) {})
		for _, email := range locked {
			for range 5 {
				w.browser().signIn(email, another).want(b, 401)
			}
		}
		w.flush()
		next := func(list []string, word string) func() *answer {
			n := 0
			return func() *answer {
				n++
				return w.browser().signIn(list[n%len(list)], word)
			}
		}
		unknown := 0
		measure(b, 401, w.flush,
			&class{name: "wrong", send: next(wrong, another)},
			&class{name: "unknown", send: func() *answer {
				unknown++
				return w.browser().signIn(fmt.Sprintf("nobody%d@example.com", unknown), another)
			}},
			&class{name: "disabled", send: next(disabled, password)},
			&class{name: "passwordless", send: next(without, password)},
			&class{name: "locked", send: next(locked, password)},
		)
	})
}

// sleepy is a mailer that takes so long.
type sleepy time.Duration

func (s sleepy) Send(ctx context.Context, _ *auth.Message) error {
	select {
	case <-time.After(time.Duration(s)):
	case <-ctx.Done():
	}
	return nil
}

// BenchmarkMailRequests compares how long it takes to ask for a reset, whoever
// asks, with a mailer that takes two seconds; and to ask for another verification,
// which only those can who are signed in, with such a mailer and one that takes no
// time:
//
//	go test -run xxx -bench MailRequests -benchtime 1x
func BenchmarkMailRequests(b *testing.B) {
	eachTimed(b, func(b *testing.B, st store.Store) {
		slow := newWorld(b, st, func(c *auth.Config) { c.Mailer, c.Limits = sleepy(2*time.Second), auth.Limits{} })
		fast := newWorld(b, st, func(c *auth.Config) { c.Mailer, c.Limits = sleepy(0), auth.Limits{} })
		var known, verified []*client // each is asked for once, so that no limit is met
		for range samples {
			known = append(known, slow.register())
			verified = append(verified, slow.register())
			_, err := slow.UpdateUser(b.Context(), verified[len(verified)-1].id, func(u *store.User) error {
				u.EmailVerified = true
				return nil
			})
			slow.must(err)
		}
		over, cancel := context.WithCancel(b.Context())
		cancel()
		again := func() { // services without mails that wait
			for _, w := range []*world{slow, fast} {
				w.Service.Close(over)
				w.begin()
			}
		}
		ask := func(email func(n int) string) func() *answer {
			n := 0
			return func() *answer {
				n++
				return slow.browser().post("/password-reset/request", obj{"email": email(n - 1)})
			}
		}
		b.Run("reset", func(b *testing.B) {
			measure(b, 202, again,
				&class{name: "unknown", send: ask(func(n int) string { return fmt.Sprintf("nobody%d@example.com", n) })},
				&class{name: "known", send: ask(func(n int) string { return known[n].email })},
				&class{name: "verified", send: ask(func(n int) string { return verified[n].email })},
			)
		})
		b.Run("resend", func(b *testing.B) {
			resend := func(w *world, people []*client) func() *answer {
				n := 0
				return func() *answer { n++; return people[n-1].at(w).post("/resend-verification", nil) }
			}
			again()
			slow.clock.advance(time.Minute)
			fast.clock.advance(time.Minute)
			measure(b, 200, again,
				&class{name: "no-time", send: resend(fast, known[:samples:samples])},
				&class{name: "two-seconds", send: resend(slow, known[:samples:samples])},
			)
		})
	})
}
