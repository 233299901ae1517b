package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func (m *memAttempts) len() (n int) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.entries)
		s.mu.Unlock()
	}
	return n
}

// has reports whether key is remembered, without touching it.
func (m *memAttempts) has(key string) bool {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		_, ok := s.entries[key]
		s.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

// set replaces the state of key.
func (m *memAttempts) set(tb testing.TB, key string, a store.Attempts) {
	tb.Helper()
	got, err := m.UpdateAttempts(context.Background(), key, func(store.Attempts) store.Attempts { return a })
	if err != nil || got != a {
		tb.Fatalf("UpdateAttempts(%q) = %+v, %v, want %+v", key, got, err, a)
	}
}

// sound fails unless the rings of m hold exactly its entries.
func (m *memAttempts) sound(tb testing.TB) {
	tb.Helper()
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		linked := 0
		for c := range s.lists {
			root := &s.lists[c]
			for e := root.next; e != root; e = e.next {
				if s.entries[e.key] != e || e.next.prev != e {
					tb.Fatalf("shard %d: entry %q is linked wrongly", i, e.key)
				}
				linked++
			}
		}
		if linked != len(s.entries) || linked > s.max {
			tb.Errorf("shard %d: %d linked, %d in the map, at most %d", i, linked, len(s.entries), s.max)
		}
		s.mu.Unlock()
	}
}

func TestMemAttemptsKeepsTheContract(t *testing.T) {
	t.Parallel()
	m := newMemAttempts(0, func() time.Time { return limitStart })
	some := store.Attempts{Count: 4, Since: limitStart, Until: limitStart.Add(time.Minute), Expires: limitStart.Add(time.Hour)}
	old := store.Attempts{Count: 3, Since: limitStart.AddDate(-40, 0, 0), Expires: limitStart.AddDate(-39, 0, 0)}

	// The first change of a key is handed the zero Attempts; the next what is stored,
	// expired or not; the zero Attempts removes the key.
	want := store.Attempts{}
	for i, next := range []store.Attempts{some, {Count: 1}, old, {Count: -1}, {}, {Until: limitStart}, {}} {
		calls := 0
		got, err := m.UpdateAttempts(t.Context(), "key", func(a store.Attempts) store.Attempts {
			calls++
			if a != want {
				t.Errorf("change %d was handed %+v, want %+v", i, a, want)
			}
			return next
		})
		if err != nil || got != next || calls != 1 {
			t.Errorf("change %d = %+v, %v after %d calls, want %+v after one", i, got, err, calls, next)
		}
		want = next
		m.sound(t)
	}
	if m.len() != 0 {
		t.Errorf("%d keys are left, want none", m.len())
	}
	m.set(t, "a", some)
	m.set(t, "a ", old)
	m.set(t, "A", store.Attempts{})
	if m.len() != 2 {
		t.Errorf("%d keys, want 2: they are told apart byte for byte", m.len())
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.UpdateAttempts(ctx, "a", func(a store.Attempts) store.Attempts {
		t.Error("change ran although its context had ended")
		return a
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("UpdateAttempts(ended context) = %v, want %v", err, context.Canceled)
	}
}

func TestMemAttemptsSurvivesAPanic(t *testing.T) {
	t.Parallel()
	m := newMemAttempts(10, func() time.Time { return limitStart })
	m.set(t, "key", store.Attempts{Count: 1})
	func() {
		defer func() { _ = recover() }()
		_, _ = m.UpdateAttempts(t.Context(), "key", func(store.Attempts) store.Attempts { panic("change") })
	}()
	m.set(t, "key", store.Attempts{Count: 2})
	m.sound(t)
}

// What is forgotten first, when there is room for four keys and a fifth comes.
func TestMemAttemptsForgets(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) time.Time { return limitStart.Add(d) }
	idle := store.Attempts{Count: 1, Since: limitStart, Expires: at(time.Minute)}
	lasting := store.Attempts{Count: 4, Since: limitStart, Expires: at(10000 * time.Hour)}
	blocked := store.Attempts{Count: 5, Since: limitStart, Until: at(time.Minute), Expires: at(time.Minute)}
	locked := store.Attempts{Count: 5, Since: limitStart, Until: at(time.Minute), Expires: at(10000 * time.Hour)}
	tests := []struct {
		name   string
		states []store.Attempts // of keys 0 to 3, in the order of their use
		later  time.Duration    // when the fifth comes
		victim int
	}{
		{"the least recently used", []store.Attempts{idle, idle, idle, idle}, 0, 0},
		{"idle before blocked", []store.Attempts{blocked, blocked, idle, blocked}, 0, 2},
		{"idle before lasting", []store.Attempts{lasting, lasting, lasting, idle}, 0, 3},
		{"lasting before blocked", []store.Attempts{blocked, locked, lasting, lasting}, 0, 2},
		{"the oldest block, if all are blocked", []store.Attempts{locked, blocked, blocked, blocked}, 0, 0},
		{"a block that has ended", []store.Attempts{lasting, blocked, lasting, lasting}, time.Hour, 1},
		{"a lock that has ended lasts", []store.Attempts{locked, lasting, lasting, idle}, time.Hour, 3},
		{"but is the next to go among them", []store.Attempts{lasting, locked, lasting, lasting}, time.Hour, 1},
		{"what has expired, though used last", []store.Attempts{lasting, lasting, lasting, idle}, time.Hour, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := limitStart
			m := newMemAttempts(4, func() time.Time { return now })
			for i, a := range tt.states {
				m.set(t, strconv.Itoa(i), a)
			}
			now = at(tt.later)
			m.set(t, "4", store.Attempts{Count: 1, Since: now, Expires: now.Add(time.Minute)})
			m.sound(t)
			for i := range 5 {
				if got, want := m.has(strconv.Itoa(i)), i != tt.victim; got != want {
					t.Errorf("remembers key %d = %v, want %v", i, got, want)
				}
			}
		})
	}
}

// What lasted and has expired goes before what is in use.
func TestMemAttemptsForgetsTheExpired(t *testing.T) {
	t.Parallel()
	now := limitStart
	m := newMemAttempts(2, func() time.Time { return now })
	m.set(t, "account", store.Attempts{Count: 4, Since: now, Expires: now.Add(180 * 24 * time.Hour)})
	now = now.Add(180 * 24 * time.Hour)
	for _, key := range []string{"one", "two"} {
		m.set(t, key, store.Attempts{Count: 1, Since: now, Expires: now.Add(time.Minute)})
	}
	for key, want := range map[string]bool{"account": false, "one": true, "two": true} {
		if got := m.has(key); got != want {
			t.Errorf("remembers %q = %v, want %v", key, got, want)
		}
	}
}

// A day of sessions that come and go leaves what the last minutes need, and not a
// key for each.
func TestMemAttemptsDropsTheExpired(t *testing.T) {
	t.Parallel()
	now := limitStart
	m := newMemAttempts(0, func() time.Time { return now })
	l := testLimiter(m)
	rates := []Rate{{Limit: 120, Per: time.Minute}}
	for i := range 24 * 60 * 10 {
		if wait, err := l.take(t.Context(), now, l.buckets("session", strconv.Itoa(i), rates...)...); wait != 0 || err != nil {
			t.Fatal(wait, err)
		}
		now = now.Add(6 * time.Second)
	}
	m.sound(t)
	// Ten of them are live; a shard keeps the dead until it is written to twice.
	if n := m.len(); n > 10+4*memShards {
		t.Errorf("%d keys are kept of 14,400 that lived for a minute each, want about 10", n)
	}
}

func TestMemAttemptsUseKeepsAKey(t *testing.T) {
	t.Parallel()
	m := newMemAttempts(3, func() time.Time { return limitStart })
	a := store.Attempts{Count: 1, Since: limitStart, Expires: limitStart.Add(time.Hour)}
	for _, key := range []string{"a", "b", "c", "a", "d", "a", "e"} {
		m.set(t, key, a)
	}
	for key, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true, "e": true} {
		if got := m.has(key); got != want {
			t.Errorf("remembers %q = %v, want %v", key, got, want)
		}
	}
}

// Strangers with many fresh keys cannot free an account that is locked, nor
// fill the memory.
func TestMemAttemptsUnderAFlood(t *testing.T) {
	t.Parallel()
	const keys = 2_000
	m := newMemAttempts(keys, func() time.Time { return limitStart })
	locked := store.Attempts{Count: 100, Since: limitStart, Until: limitStart.AddDate(10, 0, 0), Expires: limitStart.AddDate(10, 0, 0)}
	failed := store.Attempts{Count: 4, Since: limitStart, Expires: limitStart.AddDate(10, 0, 0)}
	for i := range 50 {
		m.set(t, fmt.Sprint("locked ", i), locked)
		m.set(t, fmt.Sprint("failed ", i), failed)
	}
	fresh := store.Attempts{Count: 1, Since: limitStart, Expires: limitStart.Add(time.Minute)}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25_000 {
				m.set(t, strconv.Itoa(w*1_000_000+i), fresh)
			}
		})
	}
	wg.Wait()
	m.sound(t)
	if n := m.len(); n > keys {
		t.Errorf("%d keys are kept, want at most %d", n, keys)
	}
	for i := range 50 {
		for _, key := range []string{fmt.Sprint("locked ", i), fmt.Sprint("failed ", i)} {
			if !m.has(key) {
				t.Errorf("%s was forgotten", key)
			}
		}
	}
}

func heapOf(fill func() any) (mib float64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	keep := fill()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(keep)
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / (1 << 20)
}

// flood writes n distinct keys as long as those of a limiter, all of them
// blocked, so that nothing expires.
func flood(m *memAttempts, n int) {
	blocked := store.Attempts{Count: 10, Since: limitStart, Until: limitStart.Add(time.Hour), Expires: limitStart.Add(time.Hour)}
	for i := range n {
		_, _ = m.UpdateAttempts(context.Background(), fmt.Sprintf("login-address:%022d", i), func(store.Attempts) store.Attempts { return blocked })
	}
}

// What is kept of many keys is bounded. Not parallel: it looks at the heap.
func TestMemAttemptsHeap(t *testing.T) {
	var m *memAttempts
	mib := heapOf(func() any {
		m = newMemAttempts(0, func() time.Time { return limitStart })
		flood(m, 150_000)
		return m
	})
	if n := m.len(); n > defaultMemKeys || n < defaultMemKeys*9/10 {
		t.Errorf("%d keys are kept, want about %d", n, defaultMemKeys)
	}
	if mib > 64 {
		t.Errorf("they take %.0f MiB, want at most 64", mib)
	}
}

// Ten million distinct keys: "go test -bench MemAttemptsFlood -benchtime 1x".
func BenchmarkMemAttemptsFlood(b *testing.B) {
	const keys = 10_000_000
	for b.Loop() {
		mib := heapOf(func() any {
			m := newMemAttempts(0, func() time.Time { return limitStart })
			flood(m, keys)
			return m
		})
		b.ReportMetric(mib, "MiB")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
}

func BenchmarkLimiterTake(b *testing.B) {
	l := testLimiter(newMemAttempts(0, func() time.Time { return limitStart }))
	bs := l.buckets("login", "x", Rate{Limit: 1 << 60, Per: time.Minute})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if wait, err := l.take(context.Background(), limitStart, bs...); wait != 0 || err != nil {
				b.Error(wait, err)
			}
		}
	})
}
