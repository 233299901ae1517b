package auth

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// signIn does what the service does with the things of this package.
func (l *lockout) signIn(tb testing.TB, p *passwords, s lockSubject, stored, password string, now time.Time) bool {
	tb.Helper()
	r, err := l.reserve(tb.Context(), s, now)
	if err != nil {
		tb.Errorf("reserve: %v", err)
		return false
	}
	if !r.allowed {
		stored = ""
	}
	ok, _, err := p.verify(tb.Context(), stored, password)
	if err != nil {
		err = errors.Join(err, r.refund(tb.Context()))
		tb.Errorf("verify: %v", err)
	}
	if ok {
		if err := r.succeed(tb.Context()); err != nil {
			tb.Errorf("succeed: %v", err)
		}
	}
	return ok
}

// evaluating returns passwords that count how often the stored hash, and not a
// dummy, is compared with a password, and that hash. The compare is a plain one:
// its work is tested elsewhere.
func evaluating(tb testing.TB, password string) (p *passwords, stored string, evaluated *atomic.Int64) {
	tb.Helper()
	stored = hashOf(tb, 4, password)
	evaluated = new(atomic.Int64)
	h := newBcrypt(4)
	h.compare = func(hash, guess []byte) error {
		if string(hash) == stored {
			evaluated.Add(1)
			if string(guess) == password {
				return nil
			}
		}
		return bcrypt.ErrMismatchedHashAndPassword
	}
	p = testPasswords(tb, h)
	p.gate.maxQueue = 1000
	p.gate.wait = time.Minute
	return p, stored, evaluated
}

// Of 200 guesses at once, the right one last, at most five are evaluated.
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	for name, open := range attemptStores() {
		for _, device := range []string{"", "device"} {
			t.Run(name+" "+device, func(t *testing.T) {
				t.Parallel()
				l := testLockout(open())
				p, stored, evaluated := evaluating(t, "right password")
				subject := lockSubject{userID: "user", email: "user@example.com", device: device}
				var in atomic.Int64
				var wg sync.WaitGroup
				for range 199 {
					wg.Go(func() {
						if l.signIn(t, p, subject, stored, "wrong password", limitStart) {
							in.Add(1)
						}
					})
				}
				wg.Wait()
				if l.signIn(t, p, subject, stored, "right password", limitStart) {
					in.Add(1)
				}
				want := int64(5)
				if device != "" {
					want = 10
				}
				if evaluated.Load() != want || in.Load() != 0 {
					t.Errorf("%d guesses were evaluated and %d let in, want %d and 0", evaluated.Load(), in.Load(), want)
				}
			})
		}
	}
}

// In a year of guessing, as fast as the lock allows, at most 100 are evaluated.
func TestAYearOfGuessing(t *testing.T) {
	t.Parallel()
	l := testLockout(newMemAttempts(0, func() time.Time { return limitStart }))
	subject := lockSubject{userID: "user", email: "user@example.com"}
	evaluated, last := 0, time.Time{}
	end := limitStart.AddDate(1, 0, 0)
	for now := limitStart; now.Before(end); {
		r, err := l.reserve(t.Context(), subject, now)
		if err != nil {
			t.Fatal(err)
		}
		if r.allowed {
			evaluated, last = evaluated+1, now
		}
		now = now.Add(time.Minute)
		if r.dead {
			now = now.Add(24 * time.Hour)
		}
	}
	if evaluated != 100 {
		t.Errorf("%d guesses were evaluated, want 100", evaluated)
	}
	if after := last.Sub(limitStart); after < 22*time.Hour || after > 25*time.Hour {
		t.Errorf("the last was evaluated after %v, want about a day", after)
	}

	// The owner still gets in with a known device, but for strangers the account
	// stays closed until it is unlocked.
	known := subject
	known.device = "device"
	for _, tt := range []struct {
		name string
		s    lockSubject
		want bool
	}{{"a known device", known, true}, {"a stranger", subject, false}} {
		r, err := l.reserve(t.Context(), tt.s, end)
		if err != nil || r.allowed != tt.want {
			t.Errorf("%s: reserve allowed = %v, %v, want %v", tt.name, r.allowed, err, tt.want)
		}
		if err := r.succeed(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if r, err := l.reserve(t.Context(), subject, end); err != nil || r.allowed {
		t.Errorf("reserve after the owner's success elsewhere = %+v, %v, want refused", r, err)
	}
	if err := l.unlock(t.Context(), "user"); err != nil {
		t.Fatal(err)
	}
	if r, err := l.reserve(t.Context(), subject, end); err != nil || !r.allowed {
		t.Errorf("reserve after unlock = %+v, %v, want allowed", r, err)
	}
}

// While strangers guess for an hour, every second, the owner signs in with a
// known device every minute, in spite of a slip each time.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	for name, open := range attemptStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := testLockout(open())
			p, stored, evaluated := evaluating(t, "right password")
			stranger := lockSubject{userID: "user", email: "user@example.com"}
			owner := stranger
			owner.device = "device"
			guesses := int64(0)
			for second := range 3600 {
				now := limitStart.Add(time.Duration(second) * time.Second)
				before := evaluated.Load()
				if l.signIn(t, p, stranger, stored, "wrong password", now) {
					t.Fatal("a wrong password was let in")
				}
				guesses += evaluated.Load() - before
				if second%60 == 30 {
					l.signIn(t, p, owner, stored, "wrong passwort", now)
					if !l.signIn(t, p, owner, stored, "right password", now) {
						t.Fatalf("the owner was refused after %v", now.Sub(limitStart))
					}
				}
				if second == 1800 && l.signIn(t, p, stranger, stored, "right password", now) {
					t.Error("the right password was let in from a strange device during a lock")
				}
			}
			// At 0 to 4 s, then 1, 2, 4, 8, and 15 minutes apart.
			if guesses != 11 {
				t.Errorf("%d of 3600 guesses were evaluated, want 11", guesses)
			}
		})
	}
}
