package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/aegis-auth/aegis/store"
)

// AttemptTable shares rate limits and lockouts. It implements
// [store.AttemptStore] and is safe for concurrent use. Its keys belong to nobody
// it knows, so that there is no user to forget: they run out.
type AttemptTable struct {
	h *handle

	get, lock, insert, swap, remove, prune *stmt
}

var _ store.AttemptStore = (*AttemptTable)(nil)

// NewAttemptTable returns the table alone. The error names what is wrong with db
// or c, as that of [New] does.
func NewAttemptTable(db *sql.DB, c Config) (*AttemptTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newAttemptTable(h), nil
}

func newAttemptTable(h *handle) *AttemptTable {
	const state = "attempts = ? AND since_at = ? AND until_at = ? AND expires_at = ?"
	get := "SELECT attempts, since_at, until_at, expires_at FROM {attempts} WHERE bucket = ?"
	return &AttemptTable{
		h:    h,
		get:  h.stmt(get),
		lock: h.stmt(get + h.d.lock()),
		insert: h.stmt("INSERT INTO {attempts} (bucket, attempts, since_at, until_at, expires_at) VALUES (?, ?, ?, ?, ?)" +
			h.d.orNothing()),
		swap: h.stmt("UPDATE {attempts} SET attempts = ?, since_at = ?, until_at = ?, expires_at = ? WHERE bucket = ? AND " +
			state),
		remove: h.stmt("DELETE FROM {attempts} WHERE bucket = ? AND " + state),
		prune:  h.stmt("DELETE FROM {attempts} WHERE " + h.d.batch("{attempts}", "bucket", "expires_at < ?")),
	}
}

func scanAttempts(r row) (a store.Attempts, err error) {
	err = r.Scan(&a.Count, timeCol{&a.Since}, timeCol{&a.Until}, timeCol{&a.Expires})
	return a, err
}

// maxSwaps is how often a change that was overtaken is tried again without a lock.
const maxSwaps = 3

// errOvertaken says that the state was changed since it was read.
var errOvertaken = errors.New("attempts were changed since they were read")

// UpdateAttempts implements [store.AttemptStore]: it reads the state and replaces
// it if it still is what was read, two statements without a transaction. Where many
// want the same key at once it locks the key instead, so that all get their turn.
func (t *AttemptTable) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (now store.Attempts, err error) {
	if t.h.entry(ctx) == nil {
		for range maxSwaps {
			err = t.h.write(ctx, "update attempts", func(ctx context.Context, c conn) (err error) {
				now, err = t.update(ctx, c, t.get, key, change)
				return err
			})
			if !errors.Is(err, errOvertaken) {
				return t.result(now, err)
			}
		}
	}
	// A key without state has no row to lock: whoever inserts it first makes the
	// others start again.
	for range maxSwaps {
		err = t.h.inTx(ctx, "update attempts", func(ctx context.Context, c conn) (err error) {
			now, err = t.update(ctx, c, t.lock, key, change)
			return err
		})
		if !errors.Is(err, errOvertaken) {
			break
		}
	}
	return t.result(now, err)
}

func (t *AttemptTable) result(now store.Attempts, err error) (store.Attempts, error) {
	if err != nil {
		return store.Attempts{}, err
	}
	return now, nil
}

// update is one try. It compares the whole state: change is a function of nothing
// else.
func (t *AttemptTable) update(ctx context.Context, c conn, get *stmt, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	old, err := one(ctx, c, get, scanAttempts, key)
	found := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return old, err
	}
	now := change(old)
	from, to := attemptArgs(old), attemptArgs(now)
	var n int64
	switch {
	case attemptsEqual(from, to):
		return now, nil // nothing to write: MySQL would count no row
	case !found:
		err = c.insert(ctx, t.insert, append([]any{key}, to...)...)
		if errors.Is(err, store.ErrConflict) {
			return now, errOvertaken
		}
		return now, err
	case now == store.Attempts{}:
		n, err = c.exec(ctx, t.remove, append([]any{key}, from...)...)
	default:
		n, err = c.exec(ctx, t.swap, append(append(to, key), from...)...)
	}
	if err == nil && n == 0 {
		err = errOvertaken
	}
	return now, err
}

func attemptArgs(a store.Attempts) []any {
	return []any{a.Count, micros(a.Since), micros(a.Until), micros(a.Expires)}
}

func attemptsEqual(a, b []any) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
