package memstore

import (
	"context"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// step is how many rows Prune and WipeSealed look at before they let others in.
const step = 1024

// Prune implements [store.Pruner]. It looks at every row, but holds the lock for
// a bounded number of them at a time.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (n int, err error) {
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := sweep{s: s, ctx: ctx, left: limit}
	sweepMap(&w, s.sessions, func(id string, se *store.Session) bool {
		dead := se.ExpiresAt.Before(before) || se.EndsAt.Before(before) ||
			!se.RevokedAt.IsZero() && se.RevokedAt.Before(before)
		if dead {
			s.dropSession(id)
		}
		return dead
	})
	sweepMap(&w, s.tokens, func(_ string, t *store.OneTimeToken) bool {
		dead := t.ExpiresAt.Before(before)
		if dead {
			s.dropToken(t)
		}
		return dead
	})
	sweepMap(&w, s.attempts, func(key string, a store.Attempts) bool {
		dead := a.Expires.Before(before)
		if dead {
			delete(s.attempts, key)
		}
		return dead
	})
	sweepMap(&w, s.invites, func(_ string, i *store.Invite) bool {
		dead := i.ExpiresAt.Before(before)
		if dead {
			s.dropInvite(i)
		}
		return dead
	})
	return limit - w.left, w.err
}

// WipeSealed implements [store.Pruner].
func (s *Store) WipeSealed(ctx context.Context, before time.Time, limit int) (n int, err error) {
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := sweep{s: s, ctx: ctx, left: limit}
	sweepMap(&w, s.sessions, func(_ string, se *store.Session) bool {
		if len(se.Sealed) == 0 || !se.RotatedAt.Before(before) {
			return false
		}
		se.Sealed = nil
		return true
	})
	return limit - w.left, w.err
}

// sweep is the state of one walk over many rows.
type sweep struct {
	s    *Store
	ctx  context.Context
	seen int
	left int   // how many rows may still be treated
	err  error // of the context
}

// sweepMap hands f the rows of m, which f treats or not, until enough are
// treated. The caller holds the lock; sweepMap lets go of it now and then, and
// others may then change m: ranging over a map allows for that, and what it
// yields next is what the map holds next.
func sweepMap[V any](w *sweep, m map[string]V, f func(string, V) bool) {
	if w.left == 0 || w.err != nil {
		return
	}
	if w.err = w.ctx.Err(); w.err != nil {
		return
	}
	for key, row := range m {
		if f(key, row) {
			if w.left--; w.left == 0 {
				return
			}
		}
		if w.seen++; w.seen%step == 0 {
			w.s.mu.Unlock()
			w.s.mu.Lock()
			if w.err = w.ctx.Err(); w.err != nil {
				return
			}
		}
	}
}
