package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// OneTimeTable keeps one-time tokens. It implements [store.OneTimeStore] and is
// safe for concurrent use.
type OneTimeTable struct {
	h *handle

	put, find, take, forget, prune *stmt
}

var _ store.OneTimeStore = (*OneTimeTable)(nil)

// NewOneTimeTable returns the table alone. The error names what is wrong with db
// or c, as that of [New] does.
func NewOneTimeTable(db *sql.DB, c Config) (*OneTimeTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newOneTimeTable(h), nil
}

const oneTimeColumns = "user_id, purpose, hash, email, epoch, created_at, expires_at"

func newOneTimeTable(h *handle) *OneTimeTable {
	t := &OneTimeTable{
		h: h,
		put: h.stmt("INSERT INTO {onetime} (" + oneTimeColumns + ") VALUES (" + marks(countOf(oneTimeColumns)) + ")" +
			h.d.orReplaceToken()),
		find:   h.stmt("SELECT " + oneTimeColumns + " FROM {onetime} WHERE hash = ? AND purpose = ?"),
		take:   h.stmt("DELETE FROM {onetime} WHERE hash = ? AND purpose = ? AND user_id = ?"),
		forget: h.stmt("DELETE FROM {onetime} WHERE user_id = ?"),
		prune:  h.stmt("DELETE FROM {onetime} WHERE " + h.d.batch("{onetime}", "hash", "expires_at < ?")),
	}
	if h.d.returning() {
		t.take = h.stmt("DELETE FROM {onetime} WHERE hash = ? AND purpose = ? RETURNING " + oneTimeColumns)
	}
	return t
}

func scanOneTime(r row) (*store.OneTimeToken, error) {
	t := new(store.OneTimeToken)
	return t, r.Scan(&t.UserID, &t.Purpose, &t.Hash, &t.Email, &t.Epoch, timeCol{&t.CreatedAt}, timeCol{&t.ExpiresAt})
}

// PutOneTime implements [store.OneTimeStore]. It returns store.ErrConflict if the
// hash is that of another user's token, or of one for another purpose.
func (t *OneTimeTable) PutOneTime(ctx context.Context, tok *store.OneTimeToken) error {
	return t.h.write(ctx, "put one-time token", func(ctx context.Context, c conn) error {
		_, err := c.exec(ctx, t.put, tok.UserID, string(tok.Purpose), notNull(tok.Hash), tok.Email, tok.Epoch,
			micros(tok.CreatedAt), micros(tok.ExpiresAt))
		if err != nil && t.h.d.hashTaken(err) {
			return store.ErrConflict
		}
		return err
	})
}

// TakeOneTime implements [store.OneTimeStore].
func (t *OneTimeTable) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (tok *store.OneTimeToken, err error) {
	take := t.remove
	if !t.h.d.returning() {
		take = t.readAndRemove
	}
	err = t.h.write(ctx, "take one-time token", func(ctx context.Context, c conn) (err error) {
		tok, err = take(ctx, c, p, hash)
		if err == nil && !tok.ExpiresAt.After(now) {
			return settled{store.ErrExpired}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return tok, nil
}

func (t *OneTimeTable) remove(ctx context.Context, c conn, p store.Purpose, hash []byte) (*store.OneTimeToken, error) {
	return one(ctx, c, t.take, scanOneTime, notNull(hash), string(p))
}

// readAndRemove is remove where a DELETE returns nothing. A token never changes,
// so that whoever removes it has read what it is.
func (t *OneTimeTable) readAndRemove(ctx context.Context, c conn, p store.Purpose, hash []byte) (*store.OneTimeToken, error) {
	tok, err := one(ctx, c, t.find, scanOneTime, notNull(hash), string(p))
	if err != nil {
		return nil, err
	}
	n, err := c.exec(ctx, t.take, notNull(hash), string(p), tok.UserID)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, store.ErrNotFound
	}
	return tok, nil
}

// DropOneTime implements [store.OneTimeStore].
func (t *OneTimeTable) DropOneTime(ctx context.Context, userID string, purposes ...store.Purpose) error {
	if len(purposes) == 0 {
		return t.ForgetUser(ctx, userID)
	}
	names := make([]string, len(purposes))
	for i, p := range purposes {
		names[i] = string(p)
	}
	run := t.h.write
	if len(names) > maxGroup {
		run = t.h.inTx
	}
	return run(ctx, "drop one-time tokens", func(ctx context.Context, c conn) error {
		return inGroups(names, func(group []any) error {
			s := t.h.madeStmt("DELETE FROM {onetime} WHERE user_id = ? AND purpose IN (" + marks(len(group)) + ")")
			_, err := c.exec(ctx, s, append([]any{userID}, group...)...)
			return err
		})
	})
}

// ForgetUser removes the user's one-time tokens, for callers who keep users in a
// table of their own. [Store.DeleteUser] does it for the others.
func (t *OneTimeTable) ForgetUser(ctx context.Context, userID string) error {
	return t.h.write(ctx, "forget one-time tokens", func(ctx context.Context, c conn) error {
		_, err := c.exec(ctx, t.forget, userID)
		return err
	})
}
