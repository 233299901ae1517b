package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// SessionTable keeps sessions. It implements [store.SessionStore] and is safe for
// concurrent use.
type SessionTable struct {
	h      *handle
	convoy convoy
	known  known

	insert, byID, rotate, renew, exists, list, revoke, revokeAll, forget *stmt
	prune, wipe                                                          *stmt
}

var _ store.SessionStore = (*SessionTable)(nil)

// NewSessionTable returns the table alone. The error names what is wrong with db
// or c, as that of [New] does.
func NewSessionTable(db *sql.DB, c Config) (*SessionTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newSessionTable(h), nil
}

// maxSessions bounds ListSessions.
const maxSessions = 200

const sessionColumns = "id, user_id, method, generation, hash, prev_hash, sealed, epoch, user_agent, ip, " +
	"authenticated_at, created_at, rotated_at, expires_at, ends_at, revoked_at"

func newSessionTable(h *handle) *SessionTable {
	t := &SessionTable{
		h: h,
		insert: h.stmt("INSERT INTO {sessions} (" + sessionColumns + ") VALUES (" +
			marks(countOf(sessionColumns)) + ")" + h.d.orNothing()),
		byID: h.stmt("SELECT " + sessionColumns + " FROM {sessions} WHERE id = ?"),
		renew: h.stmt("UPDATE {sessions} SET epoch = ?, authenticated_at = coalesce(?, authenticated_at) " +
			"WHERE id = ? AND revoked_at = 0"),
		exists: h.stmt("SELECT 1 FROM {sessions} WHERE id = ? AND revoked_at = 0"),
		list: h.stmt("SELECT " + sessionColumns + " FROM {sessions} WHERE user_id = ? AND revoked_at = 0 " +
			"ORDER BY created_at DESC, id DESC LIMIT ?"),
		revoke:    h.stmt("UPDATE {sessions} SET revoked_at = ? WHERE id = ? AND revoked_at = 0"),
		revokeAll: h.stmt("UPDATE {sessions} SET revoked_at = ? WHERE user_id = ? AND revoked_at = 0 AND id <> ?"),
		forget:    h.stmt("DELETE FROM {sessions} WHERE user_id = ?"),
		prune: h.stmt("DELETE FROM {sessions} WHERE " + h.d.batch("{sessions}", "id",
			"dead_hour <= ? AND (expires_at < ? OR ends_at < ? OR revoked_at <> 0 AND revoked_at < ?)")),
		wipe: h.stmt("UPDATE {sessions} SET sealed = NULL WHERE " +
			h.d.batch("{sessions}", "id", h.d.unwiped()+" AND rotated_at < ?")),
	}
	t.rotate = h.stmt(rotateText(h.d))
	t.convoy.t, t.convoy.lanes = t, h.d.lanes(h.db.Stats().MaxOpenConnections)
	return t
}

func scanSession(r row) (*store.Session, error) {
	s := new(store.Session)
	return s, r.Scan(sessionDest(s)...)
}

// sessionDest is where the sessionColumns of a row go.
func sessionDest(s *store.Session) []any {
	return []any{
		&s.ID, &s.UserID, &s.Method, &s.Generation, &s.Hash, &s.PrevHash, &s.Sealed, &s.Epoch, &s.UserAgent, &s.IP,
		timeCol{&s.AuthTime}, timeCol{&s.CreatedAt}, timeCol{&s.RotatedAt}, timeCol{&s.ExpiresAt},
		timeCol{&s.EndsAt}, eventCol{&s.RevokedAt},
	}
}

// CreateSession implements [store.SessionStore].
func (t *SessionTable) CreateSession(ctx context.Context, s *store.Session) error {
	return t.h.write(ctx, "create session", func(ctx context.Context, c conn) error {
		return c.insert(ctx, t.insert, s.ID, s.UserID, s.Method, s.Generation, notNull(s.Hash), orNull(s.PrevHash),
			orNull(s.Sealed), s.Epoch, s.UserAgent, s.IP, micros(s.AuthTime), micros(s.CreatedAt),
			micros(s.RotatedAt), micros(s.ExpiresAt), micros(s.EndsAt), orNever(s.RevokedAt))
	})
}

// SessionByID implements [store.SessionStore].
func (t *SessionTable) SessionByID(ctx context.Context, id string) (s *store.Session, err error) {
	err = t.h.read(ctx, "session by ID", func(ctx context.Context, c conn) (err error) {
		s, err = one(ctx, c, t.byID, scanSession, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// RenewSession implements [store.SessionStore].
func (t *SessionTable) RenewSession(ctx context.Context, id string, epoch int64, authTime time.Time) error {
	var at any // NULL: as it is
	if !authTime.IsZero() {
		at = micros(authTime)
	}
	return t.h.write(ctx, "renew session", func(ctx context.Context, c conn) error {
		n, err := c.exec(ctx, t.renew, epoch, at, id)
		if err != nil || n > 0 {
			return err
		}
		return c.unchanged(ctx, t.exists, id)
	})
}

// unchanged tells why an UPDATE affected no row, which in MySQL may mean that the
// row has those values already: s finds it then.
func (c conn) unchanged(ctx context.Context, s *stmt, args ...any) error {
	if c.h.d != MySQL {
		return store.ErrNotFound
	}
	_, err := one(ctx, c, s, scanInt, args...)
	return err
}

// ListSessions implements [store.SessionStore].
func (t *SessionTable) ListSessions(ctx context.Context, userID string) (list []*store.Session, err error) {
	err = t.h.read(ctx, "list sessions", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, t.list, scanSession, userID, maxSessions)
		return err
	})
	return list, err
}

// errNoTime is a revocation that would not be one.
var errNoTime = errors.New("the time of revocation is zero, which means never")

// RevokeSession implements [store.SessionStore].
func (t *SessionTable) RevokeSession(ctx context.Context, id string, now time.Time) error {
	return t.h.write(ctx, "revoke session", func(ctx context.Context, c conn) error {
		if now.IsZero() {
			return errNoTime
		}
		_, err := c.exec(ctx, t.revoke, orNever(now), id)
		return err
	})
}

// RevokeSessions implements [store.SessionStore].
func (t *SessionTable) RevokeSessions(ctx context.Context, userID, exceptID string, now time.Time) (n int, err error) {
	err = t.h.write(ctx, "revoke sessions", func(ctx context.Context, c conn) error {
		if now.IsZero() {
			return errNoTime
		}
		changed, err := c.exec(ctx, t.revokeAll, orNever(now), userID, exceptID)
		n = int(changed)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// ForgetUser removes the user's sessions, for callers who keep users in a table of
// their own. [Store.DeleteUser] does it for the others.
func (t *SessionTable) ForgetUser(ctx context.Context, userID string) error {
	return t.h.write(ctx, "forget sessions", func(ctx context.Context, c conn) error {
		_, err := c.exec(ctx, t.forget, userID)
		return err
	})
}
