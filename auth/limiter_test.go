package auth

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

var limitStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// attemptStores are the stores over which limits and lockouts are tested. What
// they need of a store is only its contract.
func attemptStores() map[string]func() store.AttemptStore {
	now := func() time.Time { return limitStart }
	return map[string]func() store.AttemptStore{
		"memAttempts": func() store.AttemptStore { return newMemAttempts(0, now) },
		"memstore":    func() store.AttemptStore { return memstore.New() },
		"retrying":    func() store.AttemptStore { return retryingStore{newMemAttempts(0, now)} },
	}
}

// retryingStore runs every change twice, as a store does whose transaction was
// rolled back: what the first run decided must not count.
type retryingStore struct{ store.AttemptStore }

func (s retryingStore) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	return s.AttemptStore.UpdateAttempts(ctx, key, func(a store.Attempts) store.Attempts {
		change(store.Attempts{Count: 1 << 40, Since: a.Since, Until: limitStart.Add(time.Minute), Expires: limitStart.AddDate(1, 0, 0)})
		change(store.Attempts{})
		return change(a)
	})
}

// brokenStore answers nothing.
type brokenStore struct{}

var errStoreDown = errors.New("store is down")

func (brokenStore) UpdateAttempts(context.Context, string, func(store.Attempts) store.Attempts) (store.Attempts, error) {
	return store.Attempts{}, errStoreDown
}

// countingStore counts the statements.
type countingStore struct {
	store.AttemptStore
	calls *atomic.Int64
}

func (s countingStore) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	s.calls.Add(1)
	return s.AttemptStore.UpdateAttempts(ctx, key, change)
}

func testLimiter(st store.AttemptStore) *limiter {
	return newLimiter(st, []byte("0123456789abcdef0123456789abcdef"), func() time.Time { return limitStart })
}

func TestTakeRate(t *testing.T) {
	t.Parallel()
	rate := Rate{Limit: 3, Per: time.Minute}
	at := func(d time.Duration) time.Time { return limitStart.Add(d) }
	// state of a window that began at limitStart
	window := func(count int64) store.Attempts {
		a := store.Attempts{Count: count, Since: limitStart, Expires: at(time.Minute)}
		if count >= 3 {
			a.Until = a.Expires
		}
		return a
	}
	fresh := func(now time.Time) store.Attempts {
		return store.Attempts{Count: 1, Since: now, Expires: now.Add(time.Minute)}
	}
	tests := []struct {
		name string
		in   store.Attempts
		rate Rate
		now  time.Time
		want store.Attempts
		wait time.Duration
	}{
		{"the first", store.Attempts{}, rate, limitStart, window(1), 0},
		{"the second", window(1), rate, at(time.Second), window(2), 0},
		{"the last that is allowed blocks", window(2), rate, at(time.Second), window(3), 0},
		{"one too many", window(3), rate, at(time.Second), window(3), 59 * time.Second},
		{"one too many in the last microsecond", window(3), rate, at(time.Minute - time.Microsecond), window(3), time.Microsecond},
		{"a new window begins when the old one ends", window(3), rate, at(time.Minute), fresh(at(time.Minute)), 0},
		{"a new window long after", window(3), rate, at(time.Hour), fresh(at(time.Hour)), 0},
		{"a window that was not full ends as well", window(1), rate, at(time.Minute), fresh(at(time.Minute)), 0},
		{"over the limit, which was lowered", window(7), rate, at(time.Second), window(7), 59 * time.Second},
		{"full, and the limit was raised", window(3), Rate{Limit: 5, Per: time.Minute}, at(time.Second),
			store.Attempts{Count: 4, Since: limitStart, Expires: at(time.Minute)}, 0},
		{"the window was shortened and has passed", window(3), Rate{Limit: 3, Per: time.Second}, at(time.Second),
			store.Attempts{Count: 1, Since: at(time.Second), Expires: at(2 * time.Second)}, 0},
		{"the window was lengthened", window(3), Rate{Limit: 3, Per: time.Hour}, at(time.Second),
			store.Attempts{Count: 3, Since: limitStart, Until: at(time.Hour), Expires: at(time.Hour)}, time.Hour - time.Second},
		{"another node's clock is ahead", window(2), rate, at(-5 * time.Second),
			store.Attempts{Count: 3, Since: at(-5 * time.Second), Until: at(55 * time.Second), Expires: at(55 * time.Second)}, 0},
		{"another node's clock was ahead by years", store.Attempts{Count: 3, Since: at(1e5 * time.Hour), Until: at(1e6 * time.Hour), Expires: at(1e6 * time.Hour)},
			rate, limitStart, window(3), time.Minute},
		{"a limit of one", store.Attempts{}, Rate{Limit: 1, Per: time.Minute}, limitStart,
			store.Attempts{Count: 1, Since: limitStart, Until: at(time.Minute), Expires: at(time.Minute)}, 0},
		{"no limit", window(3), Rate{Limit: -1, Per: time.Minute}, limitStart, window(3), 0},
		{"no window", window(3), Rate{Limit: 3}, limitStart, window(3), 0},
		{"a negative count", store.Attempts{Count: -4, Since: limitStart, Expires: at(time.Minute)}, rate, limitStart, window(1), 0},
		{"a count without a time", store.Attempts{Count: 3}, rate, limitStart, window(1), 0},
		{"expired before its window ends", store.Attempts{Count: 3, Since: limitStart, Expires: at(time.Second)}, rate, at(time.Second), fresh(at(time.Second)), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next, wait := takeRate(tt.in, tt.rate, tt.now)
			if next != tt.want || wait != tt.wait {
				t.Errorf("takeRate =\n %+v, wait %v, want\n %+v, wait %v", next, wait, tt.want, tt.wait)
			}
		})
	}
}

func TestRefundRate(t *testing.T) {
	t.Parallel()
	full := store.Attempts{Count: 3, Since: limitStart, Until: limitStart.Add(time.Minute), Expires: limitStart.Add(time.Minute)}
	two := store.Attempts{Count: 2, Since: limitStart, Expires: limitStart.Add(time.Minute)}
	tests := []struct {
		name  string
		in    store.Attempts
		taken time.Time
		want  store.Attempts
	}{
		{"of a full window lifts the block", full, limitStart.Add(time.Second), two},
		{"of the only one leaves nothing", store.Attempts{Count: 1, Since: limitStart, Expires: full.Expires}, limitStart, store.Attempts{}},
		{"of a window that has passed changes nothing", full, limitStart.Add(-time.Second), full},
		{"of nothing changes nothing", store.Attempts{}, limitStart, store.Attempts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := refundRate(tt.in, tt.taken); got != tt.want {
				t.Errorf("refundRate = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Whoever waits as long as told is let in, and nobody gets more than twice the
// limit in any stretch as long as the window.
func TestRateHoldsForHours(t *testing.T) {
	t.Parallel()
	rate := Rate{Limit: 5, Per: time.Minute}
	var a store.Attempts
	var allowed []time.Time
	for now := limitStart; now.Before(limitStart.Add(3 * time.Hour)); now = now.Add(700 * time.Millisecond) {
		var wait time.Duration
		a, wait = takeRate(a, rate, now)
		if wait == 0 {
			allowed = append(allowed, now)
			continue
		}
		if _, again := takeRate(a, rate, now.Add(wait)); again != 0 {
			t.Fatalf("still refused after waiting %v as told", wait)
		}
	}
	if n := len(allowed); n != 5*180 {
		t.Errorf("%d attempts in 3 hours, want %d", n, 5*180)
	}
	for i := range len(allowed) - 10 {
		if allowed[i+10].Sub(allowed[i]) < time.Minute {
			t.Fatalf("11 attempts within a minute from %v on", allowed[i])
		}
	}
}

func TestLimiterTake(t *testing.T) {
	t.Parallel()
	for name, open := range attemptStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := testLimiter(open())
			minute, hour := Rate{Limit: 3, Per: time.Minute}, Rate{Limit: 5, Per: time.Hour}
			bs := l.buckets("mail", "user@example.com", minute, hour)
			take := func(at time.Duration, want time.Duration) {
				t.Helper()
				wait, err := l.take(t.Context(), limitStart.Add(at), bs...)
				if err != nil || wait != want {
					t.Errorf("take at %v = %v, %v, want %v", at, wait, err, want)
				}
			}
			for range 3 {
				take(0, 0)
			}
			take(0, time.Minute)
			take(30*time.Second, 30*time.Second) // refusals do not prolong anything
			take(time.Minute, 0)
			take(time.Minute, 0)
			take(time.Minute, 59*time.Minute) // the hour is full, the minute is not
			take(time.Minute, 59*time.Minute) // and was not charged for the refusal
			if wait, err := l.take(t.Context(), limitStart.Add(time.Minute), bs[0]); wait != 0 || err != nil {
				t.Errorf("take of the minute alone = %v, %v, want it to have room", wait, err)
			}
			if err := l.refund(t.Context(), limitStart.Add(time.Minute), bs[1]); err != nil {
				t.Errorf("refund: %v", err)
			}
			take(2*time.Minute, 0)
			take(2*time.Minute, 58*time.Minute)
			if err := l.clear(t.Context(), bs...); err != nil {
				t.Errorf("clear: %v", err)
			}
			for range 3 {
				take(2*time.Minute, 0)
			}
			take(2*time.Minute, time.Minute)
		})
	}
}

func TestLimiterWithoutLimit(t *testing.T) {
	t.Parallel()
	l := testLimiter(brokenStore{}) // never asked
	bs := l.buckets("any", "x", Rate{Limit: -1, Per: time.Minute}, Rate{})
	for range 1000 {
		if wait, err := l.take(t.Context(), limitStart, bs...); wait != 0 || err != nil {
			t.Fatalf("take without a limit = %v, %v, want 0, nil", wait, err)
		}
	}
	if err := errors.Join(l.refund(t.Context(), limitStart, bs...), l.clear(t.Context(), bs...)); err != nil {
		t.Errorf("refund and clear without a limit: %v", err)
	}
}

func TestLimiterStoreFails(t *testing.T) {
	t.Parallel()
	l := testLimiter(brokenStore{})
	b := l.buckets("login", "x", Rate{Limit: 1, Per: time.Minute})
	if wait, err := l.take(t.Context(), limitStart, b...); wait != 0 || !errors.Is(err, errStoreDown) {
		t.Errorf("take = %v, %v, want 0, %v", wait, err, errStoreDown)
	}
	if err := l.refund(t.Context(), limitStart, b...); !errors.Is(err, errStoreDown) {
		t.Errorf("refund = %v, want %v", err, errStoreDown)
	}
	if err := l.clear(t.Context(), b...); !errors.Is(err, errStoreDown) {
		t.Errorf("clear = %v, want %v", err, errStoreDown)
	}
}

// What is given back is given back although the client has left.
func TestLimiterSettlesAfterTheRequestEnded(t *testing.T) {
	t.Parallel()
	l := testLimiter(newMemAttempts(0, func() time.Time { return limitStart }))
	b := l.buckets("login", "x", Rate{Limit: 1, Per: time.Minute})
	if wait, err := l.take(t.Context(), limitStart, b...); wait != 0 || err != nil {
		t.Fatalf("take = %v, %v", wait, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.refund(ctx, limitStart, b...); err != nil {
		t.Errorf("refund with an ended context: %v", err)
	}
	if _, err := l.take(ctx, limitStart, b...); !errors.Is(err, context.Canceled) {
		t.Errorf("take with an ended context = %v, want %v", err, context.Canceled)
	}
	if wait, err := l.take(t.Context(), limitStart, b...); wait != 0 || err != nil {
		t.Errorf("take after the refund = %v, %v, want 0, nil", wait, err)
	}
}

// A flood that is being refused does not reach the store, except once a second.
func TestLimiterRemembersRefusals(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	st := countingStore{newMemAttempts(0, func() time.Time { return limitStart }), &calls}
	l := testLimiter(st)
	b := l.buckets("login", "x", Rate{Limit: 1, Per: time.Minute})
	for i := range 10_000 {
		now := limitStart.Add(time.Duration(i) * time.Millisecond) // ten seconds
		wait, err := l.take(t.Context(), now, b...)
		if err != nil {
			t.Fatal(err)
		}
		if want := limitStart.Add(time.Minute).Sub(now); i > 0 && wait != want {
			t.Fatalf("wait after %v = %v, want %v", now.Sub(limitStart), wait, want)
		}
	}
	if n := calls.Load(); n > 12 {
		t.Errorf("the store was asked %d times in ten seconds, want at most 12", n)
	}
	if err := l.clear(t.Context(), b...); err != nil {
		t.Fatal(err)
	}
	if wait, _ := l.take(t.Context(), limitStart.Add(10*time.Second), b...); wait != 0 {
		t.Errorf("take after clear = %v, want 0: what was remembered is forgotten with it", wait)
	}
}

func TestLimiterKeys(t *testing.T) {
	t.Parallel()
	l := testLimiter(memstore.New())
	other := newLimiter(memstore.New(), []byte("another secret of thirty-two byte"), time.Now)
	seen := map[string]string{}
	for what, key := range map[string]string{
		"plain":          l.key("login", "user@example.com"),
		"other purpose":  l.key("reset", "user@example.com"),
		"other address":  l.key("login", "user@example.org"),
		"two parts":      l.key("login", "user@", "example.com"),
		"two others":     l.key("login", "user", "@example.com"),
		"an empty part":  l.key("login", "user@example.com", ""),
		"another secret": other.key("login", "user@example.com"),
	} {
		if before, twice := seen[key]; twice {
			t.Errorf("%s and %s have the same key", what, before)
		}
		seen[key] = what
		if strings.Contains(key, "user") || strings.Contains(key, "example") || len(key) > 56 {
			t.Errorf("%s: key %q shows what it is made of, or is long", what, key)
		}
	}
	if a, b := l.key("login", "x"), l.key("login", "x"); a != b {
		t.Errorf("key twice = %q and %q, want the same", a, b)
	}
}

func TestAddrBuckets(t *testing.T) {
	t.Parallel()
	l := testLimiter(memstore.New())
	rate := Rate{Limit: 10, Per: time.Minute}
	of := func(addr string) []bucket {
		a, _ := netip.ParseAddr(addr) // the zero Addr for ""
		return l.addrBuckets("login", a, rate, Rate{Limit: 100, Per: time.Hour})
	}
	tests := []struct {
		name         string
		one, two     string
		narrow, wide bool // the same bucket
	}{
		{"the same IPv4 address", "192.0.2.1", "192.0.2.1", true, false},
		{"neighbours in IPv4", "192.0.2.1", "192.0.2.2", false, false},
		{"IPv4 in IPv6", "192.0.2.1", "::ffff:192.0.2.1", true, false},
		{"one /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true, true},
		{"a zone", "fe80::1", "fe80::1%eth0", true, true},
		{"two /64 of one /48", "2001:db8:1:2::1", "2001:db8:1:3::1", false, true},
		{"two /48", "2001:db8:1:2::1", "2001:db8:2:2::1", false, false},
		{"nobody knows", "", "", true, false},
		{"nobody knows one of them", "", "192.0.2.1", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			one, two := of(tt.one), of(tt.two)
			if same := one[0] == two[0] && one[1] == two[1]; same != tt.narrow {
				t.Errorf("share the narrow buckets = %v, want %v", same, tt.narrow)
			}
			same := len(one) == 4 && len(two) == 4 && one[2] == two[2] && one[3] == two[3]
			if same != tt.wide {
				t.Errorf("share the wide buckets = %v, want %v", same, tt.wide)
			}
		})
	}
	if bs := of("2001:db8::1"); len(bs) != 4 || bs[2].rate.Limit != 80 || bs[3].rate.Limit != 800 || bs[0].rate.Limit != 10 {
		t.Errorf("IPv6 has %+v, want limits 10, 100, 80 and 800", bs)
	}
	if bs := of("192.0.2.1"); len(bs) != 2 {
		t.Errorf("IPv4 has %d buckets, want 2", len(bs))
	}
}

// Whoever walks through the addresses of a /48 is stopped at eight times the
// limit, and the networks that were refused leave nothing behind.
func TestWideLimit(t *testing.T) {
	t.Parallel()
	mem := newMemAttempts(0, func() time.Time { return limitStart })
	l := testLimiter(mem)
	allowed := 0
	for i := range 1000 {
		addr := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, byte(i >> 8), byte(i), 15: 1})
		wait, err := l.take(t.Context(), limitStart, l.addrBuckets("login", addr, Rate{Limit: 10, Per: time.Minute})...)
		if err != nil {
			t.Fatal(err)
		}
		if wait == 0 {
			allowed++
		}
	}
	if allowed != 80 || mem.len() != 81 {
		t.Errorf("%d allowed and %d keys kept, want 80 and 81", allowed, mem.len())
	}
}

func TestParallelTakesNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	for name, open := range attemptStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := testLimiter(open())
			bs := l.buckets("login", "x", Rate{Limit: 10, Per: time.Minute}, Rate{Limit: 100, Per: time.Hour})
			var allowed atomic.Int64
			var wg sync.WaitGroup
			for range 200 {
				wg.Go(func() {
					wait, err := l.take(t.Context(), limitStart, bs...)
					if err != nil {
						t.Errorf("take: %v", err)
					}
					if wait == 0 {
						allowed.Add(1)
					}
				})
			}
			wg.Wait()
			if allowed.Load() != 10 {
				t.Errorf("%d of 200 were allowed, want 10", allowed.Load())
			}
		})
	}
}
