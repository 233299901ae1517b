package sqlstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/aegis-auth/aegis/store"
)

// rotatedColumns are those a rotation leaves as they are, and the generation: all
// that whoever makes the exchange does not know of the row yet.
const rotatedColumns = "user_id, method, generation, epoch, authenticated_at, created_at, ends_at"

// rotateText is the one conditional UPDATE that decides a rotation. Where it can
// return the row it is the whole of a rotation that succeeds. MySQL reads the row
// first: the statement then also holds to what was read of the columns that
// rotation leaves alone, so that the answer is the row as it became.
func rotateText(d Dialect) string {
	text := "UPDATE {sessions} SET prev_hash = hash, hash = ?, sealed = ?, generation = generation + 1, " +
		"rotated_at = ?, expires_at = ?, user_agent = ?, ip = ? " +
		"WHERE id = ? AND hash = ? AND revoked_at = 0 AND expires_at > ? AND ends_at > ?"
	if d.returning() {
		return text + " RETURNING " + rotatedColumns
	}
	// Columns are set from left to right: prev_hash gets what hash was.
	return text + " AND epoch = ? AND authenticated_at = ?"
}

func rotateArgs(r store.Rotation, more ...any) []any {
	now := micros(r.Now)
	return append([]any{notNull(r.New), orNull(r.Sealed), now, micros(r.ExpiresAt), r.UserAgent, r.IP,
		r.SessionID, notNull(r.Old), now, now}, more...)
}

// Rotate implements [store.SessionStore]. A rotation that succeeds is one
// statement in PostgreSQL and SQLite, and two in MySQL, or one if this process also
// made the rotation before it; one that is beaten reads the row once more. In
// SQLite rotations that wait for the writer are committed together, and so are in
// PostgreSQL those beyond a dozen at once.
func (t *SessionTable) Rotate(ctx context.Context, r store.Rotation) (s *store.Session, swapped bool, err error) {
	err = t.h.run(ctx, "rotate session", func(ctx context.Context) (err error) {
		s, swapped, err = t.convoy.rotate(ctx, r)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return s, swapped, nil
}

// rotateAlone is a rotation by itself.
func (t *SessionTable) rotateAlone(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	release, err := t.h.takeTurn(ctx)
	if err != nil {
		return nil, false, err
	}
	defer release()
	if t.h.d.returning() {
		return t.exchange(ctx, t.h.onWriter(), r)
	}
	return t.readAndExchange(ctx, t.h.onWriter(), r)
}

// exchange is a rotation in one statement, or two if it is beaten.
func (t *SessionTable) exchange(ctx context.Context, c conn, r store.Rotation) (*store.Session, bool, error) {
	s, err := one(ctx, c, t.rotate, scanRotated, rotateArgs(r)...)
	if err == nil {
		return exchanged(s, r), true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, false, err
	}
	s, err = one(ctx, c, t.byID, scanSession, r.SessionID)
	return s, false, err
}

func scanRotated(r row) (*store.Session, error) {
	s := new(store.Session)
	return s, r.Scan(rotatedDest(s)...)
}

// rotatedDest is where the rotatedColumns of a row go.
func rotatedDest(s *store.Session) []any {
	return []any{&s.UserID, &s.Method, &s.Generation, &s.Epoch, timeCol{&s.AuthTime}, timeCol{&s.CreatedAt}, timeCol{&s.EndsAt}}
}

// readAndExchange is a rotation where an UPDATE returns nothing. It ends when the
// exchange is made, or when the row that was read rules it out; another round is
// needed only if the row changed in between. A row that this process rotated last
// is known, and not read.
func (t *SessionTable) readAndExchange(ctx context.Context, c conn, r store.Rotation) (*store.Session, bool, error) {
	if s := t.known.take(r.SessionID, r.Old); s != nil && s.Live(r.Now) {
		if s, swapped, err := t.exchangeFrom(ctx, c, s, r); err != nil || swapped {
			return s, swapped, err
		}
	}
	for {
		s, err := one(ctx, c, t.byID, scanSession, r.SessionID)
		if err != nil || !bytes.Equal(s.Hash, r.Old) || !s.Live(r.Now) {
			return s, false, err
		}
		if s, swapped, err := t.exchangeFrom(ctx, c, s, r); err != nil || swapped {
			return s, swapped, err
		}
	}
}

// exchangeFrom makes the exchange r if the row still is s.
func (t *SessionTable) exchangeFrom(ctx context.Context, c conn, s *store.Session, r store.Rotation) (*store.Session, bool, error) {
	n, err := c.exec(ctx, t.rotate, rotateArgs(r, s.Epoch, micros(s.AuthTime))...)
	if err != nil || n == 0 {
		return nil, false, err
	}
	s.Generation++
	s = exchanged(s, r)
	t.known.put(s)
	return s, true, nil
}

// exchanged completes s, the row before or after the exchange r, to the row after
// it.
func exchanged(s *store.Session, r store.Rotation) *store.Session {
	s.ID = r.SessionID
	s.PrevHash, s.Hash, s.Sealed = bytes.Clone(r.Old), bytes.Clone(r.New), bytes.Clone(r.Sealed)
	s.RotatedAt, s.ExpiresAt = r.Now, r.ExpiresAt
	s.UserAgent, s.IP = r.UserAgent, r.IP
	return s
}
