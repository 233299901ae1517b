package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aegis-auth/aegis/store"
)

// rotateAllText is [rotateText] for n rotations in PostgreSQL. A row that several
// of them would exchange is exchanged once.
func rotateAllText(n int) string {
	const set = " SET prev_hash = v.old, hash = v.new, sealed = v.secret, generation = s.generation + 1, " +
		"rotated_at = v.now, expires_at = v.expires, user_agent = v.agent, ip = v.address"
	const where = " WHERE s.id = v.id AND s.hash = v.old AND s.revoked_at = 0 AND s.expires_at > v.now AND s.ends_at > v.now"
	return "UPDATE {sessions} AS s" + set +
		" FROM (VALUES (?::text, ?::bytea, ?::bytea, ?::bytea, ?::bigint, ?::bigint, ?::text, ?::text)" +
		strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?)", n-1) +
		") AS v (id, old, new, secret, now, expires, agent, address)" + where +
		" RETURNING s.id, s.hash, " + columns("s", rotatedColumns)
}

// exchangeEach is [SessionTable.exchange] for many, in turn.
func (t *SessionTable) exchangeEach(ctx context.Context, c conn, list []*rotation) error {
	for _, w := range list {
		w.s, w.swapped, w.err = t.exchange(ctx, c, w.r)
		if w.err != nil && !errors.Is(w.err, store.ErrNotFound) {
			return w.err
		}
	}
	return nil
}

// rotateAllArgs are the values of [rotateAllText] for list.
func rotateAllArgs(list []*rotation) []any {
	args := make([]any, 0, 8*len(list))
	for _, w := range list {
		r := w.r
		args = append(args, r.SessionID, notNull(r.Old), notNull(r.New), orNull(r.Sealed),
			micros(r.Now), micros(r.ExpiresAt), r.UserAgent, r.IP)
	}
	return args
}

// exchangeAll is exchangeEach in one statement, and one more for each that is
// beaten.
func (t *SessionTable) exchangeAll(ctx context.Context, c conn, list []*rotation) error {
	// All who lock several rows lock them in the same order.
	slices.SortStableFunc(list, func(a, b *rotation) int { return strings.Compare(a.r.SessionID, b.r.SessionID) })
	group := filledUp(list)
	rows, err := all(ctx, c, t.h.madeStmt(rotateAllText(len(group))), scanRotatedOne, rotateAllArgs(group)...)
	if err != nil {
		return err
	}
	won := make(map[string]*store.Session, len(rows))
	for _, s := range rows {
		won[s.ID] = s
	}
	for _, w := range list {
		s := won[w.r.SessionID]
		if w.swapped = s != nil && bytes.Equal(s.Hash, w.r.New); w.swapped {
			delete(won, s.ID)
			w.s, w.err = exchanged(s, w.r), nil
			continue
		}
		w.s, w.err = one(ctx, c, t.byID, scanSession, w.r.SessionID)
		if w.err != nil && !errors.Is(w.err, store.ErrNotFound) {
			return w.err
		}
	}
	return nil
}

// scanRotatedOne is [scanRotated] for one of many.
func scanRotatedOne(r row) (*store.Session, error) {
	s := new(store.Session)
	return s, r.Scan(append([]any{&s.ID, &s.Hash}, rotatedDest(s)...)...)
}
