package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"math/bits"
	"slices"
	"strings"

	"github.com/aegis-auth/aegis/store"
)

// rotateGroups are the statements of [rotateAllText], for 1, 2, 4 … maxConvoy
// rotations: there are few of them, so that each is prepared once.
type rotateGroups [8]*stmt

func (h *handle) rotateGroups() (g rotateGroups) {
	for i := range g {
		g[i] = h.stmt(rotateAllText(1 << i))
	}
	return g
}

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

// forAll returns the statement for the rotations of list and its values, the last
// rotation repeated to fill up.
func (t *SessionTable) forAll(list []*rotation) (*stmt, []any) {
	i := bits.Len(uint(len(list) - 1))
	args := make([]any, 0, 8<<i)
	for n := range 1 << i {
		r := list[min(n, len(list)-1)].r
		args = append(args, r.SessionID, notNull(r.Old), notNull(r.New), orNull(r.Sealed),
			micros(r.Now), micros(r.ExpiresAt), r.UserAgent, r.IP)
	}
	return t.groups[i], args
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

// exchangeAll is exchangeEach in one statement, and one more for each that is
// beaten.
func (t *SessionTable) exchangeAll(ctx context.Context, c conn, list []*rotation) error {
	// All who lock several rows lock them in the same order.
	slices.SortStableFunc(list, func(a, b *rotation) int { return strings.Compare(a.r.SessionID, b.r.SessionID) })
	group, args := t.forAll(list)
	rows, err := all(ctx, c, group, scanRotatedOne, args...)
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
