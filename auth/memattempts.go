package auth

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
)

const (
	// defaultMemKeys is how many keys memAttempts holds: about 25 MiB.
	defaultMemKeys = 100_000
	memShards      = 16
	// shortLived separates what is forgotten soon anyway, the windows of rates,
	// from the failures of accounts, which are counted until somebody signs in.
	shortLived = 48 * time.Hour
)

// memAttempts is a [store.AttemptStore] in memory, for one process. It holds a
// bounded number of keys, whatever strangers send: when it is full, the least
// recently used key is forgotten, states that will expire soon before those that
// last, and keys that are blocked last of all. So a flood of fresh keys pushes
// out its own. What has expired makes room for what is new long before that, so
// that a quiet service holds few keys. It is safe for concurrent use.
type memAttempts struct {
	now    func() time.Time
	seed   maphash.Seed // so that nobody can aim at one shard
	shards []memShard
}

var _ store.AttemptStore = (*memAttempts)(nil)

// newMemAttempts returns an empty store for at most keys keys; zero means
// defaultMemKeys. The clock is used to choose what to forget, and for nothing
// else.
func newMemAttempts(keys int, now func() time.Time) *memAttempts {
	if keys <= 0 {
		keys = defaultMemKeys
	}
	n := memShards
	if keys < 64*n {
		n = 1 // few keys are forgotten in exact order
	}
	m := &memAttempts{now: now, seed: maphash.MakeSeed(), shards: make([]memShard, n)}
	for i := range m.shards {
		s := &m.shards[i]
		s.max = keys / n
		s.entries = make(map[string]*memEntry)
		for c := range s.lists {
			root := &s.lists[c]
			root.prev, root.next = root, root
		}
	}
	return m
}

// UpdateAttempts implements [store.AttemptStore]. It calls change exactly once.
func (m *memAttempts) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	if err := ctx.Err(); err != nil {
		return store.Attempts{}, fmt.Errorf("update attempts: %w", err)
	}
	now := m.now()
	s := &m.shards[maphash.String(m.seed, key)%uint64(len(m.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.update(key, now, change), nil
}

// A memShard is one of the independent parts of a memAttempts.
type memShard struct {
	mu      sync.Mutex
	max     int
	entries map[string]*memEntry
	lists   [memClasses]memEntry // roots of rings, most recently used first
}

// memEntry is the state of one key, in the ring of its class.
type memEntry struct {
	prev, next *memEntry
	key        string
	state      store.Attempts
}

// memClass says how dear a state is.
type memClass uint8

const (
	memIdle    memClass = iota // forgotten first
	memLasting                 // not blocked, but meant to be remembered
	memBlocked                 // forgotten last
	memClasses
)

func classOf(a store.Attempts, now time.Time) memClass {
	switch {
	case now.Before(a.Until):
		return memBlocked
	case now.Add(shortLived).Before(a.Expires):
		return memLasting
	}
	return memIdle
}

func (s *memShard) update(key string, now time.Time, change func(store.Attempts) store.Attempts) store.Attempts {
	e := s.entries[key]
	var old store.Attempts
	if e != nil {
		old = e.state
	}
	next := change(old)
	if next == (store.Attempts{}) {
		if e != nil {
			s.forget(e)
		}
		return next
	}
	if e == nil {
		for range 2 { // more than comes, so that what has expired does not pile up
			if old := s.expired(now); old != nil {
				s.forget(old)
			}
		}
		if len(s.entries) >= s.max {
			s.forget(s.victim(now))
		}
		e = &memEntry{key: strings.Clone(key)}
		s.entries[e.key] = e
	} else {
		e.unlink()
	}
	e.state = next
	s.put(e, classOf(next, now), true)
	return next
}

// victim returns the entry to forget. It is called with at least one entry.
func (s *memShard) victim(now time.Time) *memEntry {
	// Blocks end without anybody touching them. A few at a time, the oldest go
	// back to where they belong, as the next to be forgotten there.
	for range 8 {
		e := s.lists[memBlocked].prev
		if e == &s.lists[memBlocked] {
			break
		}
		class := classOf(e.state, now)
		if class == memBlocked {
			break
		}
		e.unlink()
		s.put(e, class, false)
	}
	if e := s.expired(now); e != nil {
		return e
	}
	for c := range s.lists {
		if e := s.lists[c].prev; e != &s.lists[c] {
			return e
		}
	}
	return nil
}

// expired returns an entry that has expired, if one of those that were used least
// recently has.
func (s *memShard) expired(now time.Time) *memEntry {
	for c := range s.lists {
		if e := s.lists[c].prev; e != &s.lists[c] && !now.Before(e.state.Expires) {
			return e
		}
	}
	return nil
}

// put links e into the ring of class, as its most or its least recently used.
func (s *memShard) put(e *memEntry, class memClass, recent bool) {
	root := &s.lists[class]
	after := root
	if !recent {
		after = root.prev
	}
	e.prev, e.next = after, after.next
	e.prev.next, e.next.prev = e, e
}

func (s *memShard) forget(e *memEntry) {
	e.unlink()
	delete(s.entries, e.key)
}

func (e *memEntry) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}
