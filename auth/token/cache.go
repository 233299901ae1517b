package token

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
)

// ways is how many places there are for a token. A lookup touches one bucket.
const ways = 8

// cache remembers verified tokens under one generation of keys. Readers take no
// lock and write nothing, so any number of cores can share one hot token; memory is
// bounded by the number of places. The zero cache is empty.
//
// A token is found by a keyed hash, which strangers cannot aim at, and then
// compared as a whole, so a collision is a miss and nothing else. The compare need
// not be constant-time: it is reached only by tokens that agree in 31 bits of that
// hash, which a guess cannot approach step by step.
type cache struct {
	table atomic.Pointer[table]
}

type table struct {
	generation uint64
	seed       maphash.Seed
	buckets    []bucket
}

// bucket holds a few tokens. The tags are parts of their hashes, side by side, so
// that a lookup follows no pointer but the right one. Tag and token of one place
// may belong to two writers for a moment; then neither is found there.
type bucket struct {
	tags   [ways]atomic.Uint32
	tokens [ways]atomic.Pointer[parsed]
}

func newTable(generation uint64, size int) *table {
	return &table{
		generation: generation,
		seed:       maphash.MakeSeed(),
		buckets:    make([]bucket, (size+ways-1)/ways),
	}
}

// place returns where raw belongs: its bucket and its tag, which is not 0.
func (t *table) place(raw string) (b *bucket, tag uint32) {
	h := maphash.String(t.seed, raw)
	i, _ := bits.Mul64(h, uint64(len(t.buckets)))
	return &t.buckets[i], uint32(h) | 1
}

// get returns what was put for raw under the same generation of keys, or nil.
func (c *cache) get(raw string, generation uint64) *parsed {
	t := c.table.Load()
	if t == nil || t.generation != generation {
		return nil
	}
	b, tag := t.place(raw)
	for i := range b.tags {
		if b.tags[i].Load() != tag {
			continue
		}
		if p := b.tokens[i].Load(); p != nil && p.raw == raw {
			return p
		}
	}
	return nil
}

// put remembers p, which was verified under the given generation of keys. A newer
// generation than the cache knows empties it; an older one is too late.
func (c *cache) put(p *parsed, raw string, generation uint64, size int, now time.Time) {
	t := c.table.Load()
	for t == nil || t.generation < generation {
		fresh := newTable(generation, size)
		if c.table.CompareAndSwap(t, fresh) {
			t = fresh
			break
		}
		t = c.table.Load()
	}
	if t.generation != generation {
		return
	}
	// raw may be part of a much longer Cookie field, which must not be kept alive.
	p.raw = strings.Clone(raw)
	b, tag := t.place(raw)
	i := b.victim(p.raw, tag, now)
	b.tokens[i].Store(p)
	b.tags[i].Store(tag)
}

// victim returns the place for a new token: that of the same token, else one that
// is empty or whose token has expired, else any. It lets go of all that have expired:
// a bucket would otherwise come to hold as many as it ever had at a time.
func (b *bucket) victim(raw string, tag uint32, now time.Time) int {
	free := int((tag >> 1) % ways) // as good as random
	for i := range b.tokens {
		p := b.tokens[i].Load()
		switch {
		case p == nil:
			free = i
		case !now.Before(p.claims.ExpiresAt):
			b.tokens[i].CompareAndSwap(p, nil)
			free = i
		case p.raw == raw:
			return i
		}
	}
	return free
}
