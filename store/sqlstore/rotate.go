package sqlstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/aegis-auth/aegis/store"
)

// rotateText is the one conditional UPDATE that decides a rotation. Where it can
// return the row it is the whole of a rotation that succeeds. MySQL reads the row
// first: the statement then also holds to what was read of the columns that
// rotation leaves alone, so that the answer is the row as it became.
func rotateText(d Dialect) string {
	text := "UPDATE {sessions} SET prev_hash = ?, hash = ?, sealed = ?, generation = generation + 1, " +
		"rotated_at = ?, expires_at = ?, user_agent = ?, ip = ? " +
		"WHERE id = ? AND hash = ? AND revoked_at = 0 AND expires_at > ? AND ends_at > ?"
	if d.returning() {
		return text + " RETURNING " + sessionColumns
	}
	return text + " AND epoch = ? AND authenticated_at = ?"
}

func rotateArgs(r store.Rotation, more ...any) []any {
	now := micros(r.Now)
	return append([]any{r.Old, notNull(r.New), orNull(r.Sealed), now, micros(r.ExpiresAt), r.UserAgent, r.IP,
		r.SessionID, notNull(r.Old), now, now}, more...)
}

// Rotate implements [store.SessionStore]. A rotation that succeeds is one
// statement in PostgreSQL and SQLite, and two in MySQL; one that is beaten reads
// the row once more.
func (t *SessionTable) Rotate(ctx context.Context, r store.Rotation) (s *store.Session, swapped bool, err error) {
	exchange := t.exchange
	if !t.h.d.returning() {
		exchange = t.readAndExchange
	}
	err = t.h.writeAlone(ctx, "rotate session", func(ctx context.Context, c conn) (err error) {
		s, swapped, err = exchange(ctx, c, r)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return s, swapped, nil
}

// exchange is a rotation in one statement, or two if it is beaten.
func (t *SessionTable) exchange(ctx context.Context, c conn, r store.Rotation) (*store.Session, bool, error) {
	s, err := one(ctx, c, t.rotate, scanSession, rotateArgs(r)...)
	if err == nil {
		return s, true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, false, err
	}
	s, err = one(ctx, c, t.byID, scanSession, r.SessionID)
	return s, false, err
}

// readAndExchange is a rotation where an UPDATE returns nothing. It ends when the
// exchange is made, or when the row that was read rules it out; another round is
// needed only if the row changed in between.
func (t *SessionTable) readAndExchange(ctx context.Context, c conn, r store.Rotation) (*store.Session, bool, error) {
	for {
		s, err := one(ctx, c, t.byID, scanSession, r.SessionID)
		if err != nil || !bytes.Equal(s.Hash, r.Old) || !s.Live(r.Now) {
			return s, false, err
		}
		n, err := c.exec(ctx, t.rotate, rotateArgs(r, s.Epoch, micros(s.AuthTime))...)
		if err != nil {
			return nil, false, err
		}
		if n > 0 {
			return rotated(s, r), true, nil
		}
	}
}

// rotated is s after the exchange r.
func rotated(s *store.Session, r store.Rotation) *store.Session {
	s.PrevHash, s.Hash, s.Sealed = bytes.Clone(r.Old), bytes.Clone(r.New), bytes.Clone(r.Sealed)
	s.Generation++
	s.RotatedAt, s.ExpiresAt = r.Now, r.ExpiresAt
	s.UserAgent, s.IP = r.UserAgent, r.IP
	return s
}
