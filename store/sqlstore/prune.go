package sqlstore

import (
	"context"
	"time"

	"github.com/aegis-auth/aegis/store"
)

var _ store.Pruner = (*Store)(nil)

// Prune implements [store.Pruner].
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return PruneAll(ctx, before, limit, s.SessionTable, s.OneTimeTable, s.AttemptTable, s.OrgTable)
}

// PruneAll prunes one table after the other, at most limit rows together, for
// callers who put a store together from single tables:
//
//	func (a *accounts) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
//		return sqlstore.PruneAll(ctx, before, limit, a.SessionTable, a.OneTimeTable)
//	}
func PruneAll(ctx context.Context, before time.Time, limit int, tables ...interface {
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}) (int, error) {
	limit = pageLimit(limit)
	n := 0
	for _, t := range tables {
		if n == limit {
			break
		}
		removed, err := t.Prune(ctx, before, limit-n)
		n += removed
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Prune removes at most limit sessions that were revoked or ran out before before.
func (t *SessionTable) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	at := micros(before)
	return t.h.changeBatch(ctx, "prune sessions", t.prune, limit, at/hour, at, at, at)
}

// WipeSealed implements [store.Pruner].
func (t *SessionTable) WipeSealed(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.h.changeBatch(ctx, "wipe sealed secrets", t.wipe, limit, micros(before))
}

// Prune removes at most limit tokens that ran out before before.
func (t *OneTimeTable) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.h.changeBatch(ctx, "prune one-time tokens", t.prune, limit, micros(before))
}

// Prune removes at most limit states that ran out before before.
func (t *AttemptTable) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.h.changeBatch(ctx, "prune attempts", t.prune, limit, micros(before))
}

// Prune removes at most limit invites, answered or not, that ran out before
// before.
func (t *OrgTable) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.h.changeBatch(ctx, "prune invites", t.pruneInvites, limit, micros(before))
}

// hour is the unit of the column dead_hour.
const hour = int64(time.Hour / time.Microsecond)

// changeBatch runs one bounded statement made with Dialect.batch, whose condition
// has these values.
func (h *handle) changeBatch(ctx context.Context, op string, s *stmt, limit int, cond ...any) (n int, err error) {
	args := append(append(cond, pageLimit(limit)), cond...)
	err = h.writeAlone(ctx, op, func(ctx context.Context, c conn) error {
		changed, err := c.exec(ctx, s, args...)
		n = int(changed)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
