package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func TestLockPolicyBlock(t *testing.T) {
	t.Parallel()
	m := time.Minute
	account := []time.Duration{0, 0, 0, 0, 0, m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, 15 * m}
	for n, want := range account {
		if got := accountLock.block(int64(n)); got != want {
			t.Errorf("accountLock.block(%d) = %v, want %v", n, got, want)
		}
	}
	for _, n := range []int64{50, 99, 100, 1 << 40} {
		if got := accountLock.block(n); got != 15*m {
			t.Errorf("accountLock.block(%d) = %v, want 15m", n, got)
		}
	}
	for n := range int64(101) {
		want := time.Duration(0)
		if n > 0 && n%10 == 0 {
			want = time.Hour
		}
		if got := deviceLock.block(n); got != want {
			t.Errorf("deviceLock.block(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestTakeLock(t *testing.T) {
	t.Parallel()
	p := accountLock
	at := func(d time.Duration) time.Time { return limitStart.Add(d) }
	state := func(count int64, until, last time.Duration) store.Attempts {
		a := store.Attempts{Count: count, Since: limitStart, Expires: at(last + p.keep)}
		if until != 0 {
			a.Until = at(until)
		}
		return a
	}
	dead := state(100, 0, 0)
	dead.Until = dead.Expires
	tests := []struct {
		name string
		in   store.Attempts
		now  time.Duration
		want store.Attempts
		v    lockVerdict
	}{
		{"the first", store.Attempts{}, 0, state(1, 0, 0), lockVerdict{allowed: true}},
		{"the fourth", state(3, 0, 0), time.Second, state(4, 0, time.Second), lockVerdict{allowed: true}},
		{"the fifth locks for a minute", state(4, 0, 0), time.Second, state(5, 61*time.Second, time.Second),
			lockVerdict{allowed: true, locks: true, until: at(61 * time.Second)}},
		{"during the lock nothing counts", state(5, time.Minute, 0), time.Second, state(5, time.Minute, 0),
			lockVerdict{until: at(time.Minute)}},
		{"in the last microsecond", state(5, time.Minute, 0), time.Minute - time.Microsecond, state(5, time.Minute, 0),
			lockVerdict{until: at(time.Minute)}},
		{"the sixth locks for two", state(5, time.Minute, 0), time.Minute, state(6, 3*time.Minute, time.Minute),
			lockVerdict{allowed: true, locks: true, until: at(3 * time.Minute)}},
		{"the count outlives the lock by years", state(5, time.Minute, 0), 9 * 365 * 24 * time.Hour,
			state(6, 9*365*24*time.Hour+2*time.Minute, 9*365*24*time.Hour),
			lockVerdict{allowed: true, locks: true, until: at(9*365*24*time.Hour + 2*time.Minute)}},
		{"until it is forgotten", state(5, time.Minute, 0), p.keep,
			store.Attempts{Count: 1, Since: at(p.keep), Expires: at(2 * p.keep)}, lockVerdict{allowed: true}},
		{"the hundredth is the last", state(99, 0, 0), 0, dead, lockVerdict{allowed: true, locks: true, until: dead.Expires}},
		{"then nothing helps", dead, 365 * 24 * time.Hour, dead, lockVerdict{dead: true, until: dead.Expires}},
		{"not even a lost block", state(100, 0, 0), 0, dead, lockVerdict{dead: true, until: dead.Expires}},
		{"nor a bound that was lowered", state(5000, 0, 0), 0,
			store.Attempts{Count: 5000, Since: limitStart, Until: dead.Expires, Expires: dead.Expires},
			lockVerdict{dead: true, until: dead.Expires}},
		{"a block from a wrong clock is cut", state(7, 1000*time.Hour, 0), 0, state(7, 15*time.Minute, 0), lockVerdict{until: at(15 * time.Minute)}},
		{"another node's clock is ahead", state(3, 0, 0), -5 * time.Second, state(4, 0, -5*time.Second), lockVerdict{allowed: true}},
		{"a negative count", store.Attempts{Count: -3, Expires: at(time.Hour)}, 0, state(1, 0, 0), lockVerdict{allowed: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next, v := takeLock(tt.in, p, at(tt.now))
			if next != tt.want || v != tt.v {
				t.Errorf("takeLock =\n %+v, %+v, want\n %+v, %+v", next, v, tt.want, tt.v)
			}
		})
	}
}

// A block is never forgotten before it ends, however short the memory.
func TestTakeLockKeepsABlockToItsEnd(t *testing.T) {
	t.Parallel()
	p := accountLock.keepFor(time.Second)
	a := store.Attempts{Count: 8, Since: limitStart, Expires: limitStart.Add(time.Second)}
	next, _ := takeLock(a, p, limitStart)
	if want := limitStart.Add(15 * time.Minute); !next.Until.Equal(want) || !next.Expires.Equal(want) {
		t.Errorf("takeLock = %+v, want until and expires %v", next, want)
	}
}

func TestRefundLock(t *testing.T) {
	t.Parallel()
	p := accountLock
	at := func(d time.Duration) time.Time { return limitStart.Add(d) }
	far := at(p.keep)
	tests := []struct {
		name  string
		in    store.Attempts
		taken time.Time
		want  store.Attempts
	}{
		{"the only one leaves nothing", store.Attempts{Count: 1, Since: limitStart, Expires: far}, limitStart, store.Attempts{}},
		{"one of three", store.Attempts{Count: 3, Since: limitStart, Expires: far}, at(time.Second), store.Attempts{Count: 2, Since: limitStart, Expires: far}},
		{"the one that locked lifts the lock", store.Attempts{Count: 5, Since: limitStart, Until: at(61 * time.Second), Expires: far}, at(time.Second),
			store.Attempts{Count: 4, Since: limitStart, Expires: far}},
		{"one before it lifts it too: there were no five", store.Attempts{Count: 5, Since: limitStart, Until: at(61 * time.Second), Expires: far}, limitStart,
			store.Attempts{Count: 4, Since: limitStart, Expires: far}},
		{"a later one that locked", store.Attempts{Count: 7, Since: limitStart, Until: at(5 * time.Minute), Expires: far}, at(time.Minute),
			store.Attempts{Count: 6, Since: limitStart, Expires: far}},
		{"one before the last lock leaves it", store.Attempts{Count: 7, Since: limitStart, Until: at(5 * time.Minute), Expires: far}, at(time.Second),
			store.Attempts{Count: 6, Since: limitStart, Until: at(5 * time.Minute), Expires: far}},
		{"the hundredth", store.Attempts{Count: 100, Since: limitStart, Until: far, Expires: far}, limitStart, store.Attempts{Count: 99, Since: limitStart, Expires: far}},
		{"after a success there is nothing to give back", store.Attempts{}, limitStart, store.Attempts{}},
		{"nor from what was counted since", store.Attempts{Count: 2, Since: at(time.Second), Expires: far}, limitStart, store.Attempts{Count: 2, Since: at(time.Second), Expires: far}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := refundLock(tt.in, p, tt.taken); got != tt.want {
				t.Errorf("refundLock = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Whatever is taken and given back at once leaves things as they were.
func TestRefundUndoesTake(t *testing.T) {
	t.Parallel()
	for _, p := range []lockPolicy{accountLock, unknownLock, deviceLock} {
		var a store.Attempts
		now := limitStart
		for range 500 {
			next, v := takeLock(a, p, now)
			if !v.allowed {
				if v.dead {
					break
				}
				now = v.until
				continue
			}
			back := refundLock(next, p, now)
			if again, v := takeLock(back, p, now); again != next || !v.allowed {
				t.Fatalf("after %d failures: take, refund, take = %+v, want %+v as without the refund", a.Count, again, next)
			}
			a = next
			now = now.Add(time.Second)
		}
	}
}

func testLockout(st store.AttemptStore) *lockout { return newLockout(testLimiter(st)) }

// Unknown addresses are counted like known ones, but not for years.
func TestUnknownAddressesAreCountedAlike(t *testing.T) {
	t.Parallel()
	mem := newMemAttempts(0, func() time.Time { return limitStart })
	l := testLockout(mem)
	known := lockSubject{userID: "user", email: "known@example.com"}
	unknown := lockSubject{email: "unknown@example.com", device: "of another user"}
	for i := range 200 {
		now := limitStart.Add(time.Duration(i) * 30 * time.Second)
		k, err1 := l.reserve(t.Context(), known, now)
		u, err2 := l.reserve(t.Context(), unknown, now)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if k.lockVerdict != u.lockVerdict {
			t.Fatalf("attempt %d: known %+v, unknown %+v, want the same", i, k.lockVerdict, u.lockVerdict)
		}
	}
	for key, most := range map[string]time.Duration{
		l.limiter.key("lock-unknown", "unknown@example.com"): 3 * time.Hour,
		l.accountKey("user"): accountLock.keep + 2*time.Hour,
	} {
		a, err := mem.UpdateAttempts(t.Context(), key, func(a store.Attempts) store.Attempts { return a })
		if err != nil || a.Count == 0 || a.Expires.After(limitStart.Add(most)) {
			t.Errorf("%s = %+v, %v, want counts that are forgotten %v after the start", key, a, err, most)
		}
	}
}

func TestDeviceBuckets(t *testing.T) {
	t.Parallel()
	l := testLockout(newMemAttempts(0, func() time.Time { return limitStart }))
	subject := lockSubject{userID: "user", device: "one"}
	reserve := func(s lockSubject, now time.Time) *reservation {
		t.Helper()
		r, err := l.reserve(t.Context(), s, now)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// Ten failures, then an hour of rest, ten times over.
	now := limitStart
	for round := range 10 {
		for i := range 10 {
			if r := reserve(subject, now); !r.allowed {
				t.Fatalf("round %d: failure %d was refused", round, i)
			}
		}
		if round < 9 {
			if r := reserve(subject, now.Add(time.Hour-time.Microsecond)); r.allowed || r.dead {
				t.Fatalf("round %d: the eleventh = %+v, want a refusal for now", round, r.lockVerdict)
			}
			// Other devices and other users have buckets of their own.
			for _, s := range []lockSubject{{userID: "user", device: "two"}, {userID: "other", device: "one"}} {
				r := reserve(s, now)
				if !r.allowed {
					t.Errorf("round %d: %+v is refused, want a bucket of its own", round, s)
				}
				if err := r.succeed(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		now = now.Add(time.Hour)
	}
	// After a hundred the mark is worth nothing: its holder is a stranger.
	for i := range 6 {
		r := reserve(subject, now)
		if want := i < 5; r.allowed != want {
			t.Errorf("stranger's attempt %d allowed = %v, want %v", i, r.allowed, want)
		}
	}
}

func TestReservationRefund(t *testing.T) {
	t.Parallel()
	for name, open := range attemptStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := testLockout(open())
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // the clients have left
			for range 50 {
				r, err := l.reserve(t.Context(), lockSubject{userID: "user"}, limitStart)
				if err != nil || !r.allowed {
					t.Fatalf("reserve = %+v, %v, want allowed: nothing was ever evaluated", r, err)
				}
				if err := r.refund(ctx); err != nil {
					t.Fatal(err)
				}
			}
			// Settling a refused reservation changes nothing.
			for range 5 {
				if r, err := l.reserve(t.Context(), lockSubject{userID: "user"}, limitStart); err != nil || !r.allowed {
					t.Fatalf("reserve = %+v, %v", r, err)
				}
			}
			r, err := l.reserve(t.Context(), lockSubject{userID: "user"}, limitStart)
			if err != nil || r.allowed {
				t.Fatalf("reserve = %+v, %v, want refused", r, err)
			}
			if err := errors.Join(r.refund(t.Context()), r.succeed(t.Context())); err != nil {
				t.Fatal(err)
			}
			if r, err := l.reserve(t.Context(), lockSubject{userID: "user"}, limitStart); err != nil || r.allowed {
				t.Errorf("reserve = %+v, %v, want still refused", r, err)
			}
		})
	}
}

func TestLockoutStoreFails(t *testing.T) {
	t.Parallel()
	l := testLockout(brokenStore{})
	for _, s := range []lockSubject{{userID: "user"}, {email: "a@b.example"}, {userID: "user", device: "device"}} {
		if r, err := l.reserve(t.Context(), s, limitStart); r != nil || !errors.Is(err, errStoreDown) {
			t.Errorf("reserve(%+v) = %+v, %v, want nil, %v", s, r, err, errStoreDown)
		}
	}
	if err := l.unlock(t.Context(), "user"); !errors.Is(err, errStoreDown) {
		t.Errorf("unlock = %v, want %v", err, errStoreDown)
	}
	r := &reservation{lockVerdict: lockVerdict{allowed: true}, lockout: l, key: "key", policy: accountLock}
	if err := r.succeed(t.Context()); !errors.Is(err, errStoreDown) {
		t.Errorf("succeed = %v, want %v", err, errStoreDown)
	}
}
