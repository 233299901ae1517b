package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

// IdentityTable keeps links between users and accounts elsewhere. It has the
// methods of [store.IdentityStore] but CreateUserWithIdentity, which concerns two
// tables: [Store] has that, and [IdentityTable.AddIdentityTx] is what callers need
// who keep users in a table of their own. It is safe for concurrent use.
type IdentityTable struct {
	h *handle

	insert, bySubject, list, lock, remove, forget *stmt
}

// NewIdentityTable returns the table alone. The error names what is wrong with db
// or c, as that of [New] does.
func NewIdentityTable(db *sql.DB, c Config) (*IdentityTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newIdentityTable(h), nil
}

const identityColumns = "user_id, provider, subject, username, email, avatar_url, created_at"

func newIdentityTable(h *handle) *IdentityTable {
	return &IdentityTable{
		h: h,
		insert: h.stmt("INSERT INTO {identities} (" + identityColumns + ") VALUES (" +
			marks(countOf(identityColumns)) + ")" + h.d.orNothing()),
		bySubject: h.stmt("SELECT " + identityColumns + " FROM {identities} WHERE provider = ? AND subject = ?"),
		list:      h.stmt("SELECT " + identityColumns + " FROM {identities} WHERE user_id = ? ORDER BY provider"),
		lock:      h.stmt("SELECT provider FROM {identities} WHERE user_id = ? ORDER BY provider" + h.d.lock()),
		remove:    h.stmt("DELETE FROM {identities} WHERE user_id = ? AND provider = ?"),
		forget:    h.stmt("DELETE FROM {identities} WHERE user_id = ?"),
	}
}

func scanIdentity(r row) (*store.Identity, error) {
	id := new(store.Identity)
	return id, r.Scan(&id.UserID, &id.Provider, &id.Subject, &id.Username, &id.Email, &id.AvatarURL, timeCol{&id.CreatedAt})
}

// IdentityBySubject implements [store.IdentityStore].
func (t *IdentityTable) IdentityBySubject(ctx context.Context, provider, subject string) (id *store.Identity, err error) {
	err = t.h.read(ctx, "identity by subject", func(ctx context.Context, c conn) (err error) {
		id, err = one(ctx, c, t.bySubject, scanIdentity, provider, subject)
		return err
	})
	if err != nil {
		return nil, err
	}
	return id, nil
}

// ListIdentities implements [store.IdentityStore].
func (t *IdentityTable) ListIdentities(ctx context.Context, userID string) (list []*store.Identity, err error) {
	err = t.h.read(ctx, "list identities", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, t.list, scanIdentity, userID)
		return err
	})
	return list, err
}

// AddIdentity implements [store.IdentityStore].
func (t *IdentityTable) AddIdentity(ctx context.Context, id *store.Identity) error {
	return t.h.write(ctx, "add identity", func(ctx context.Context, c conn) error {
		return t.add(ctx, c, id)
	})
}

// AddIdentityTx is [IdentityTable.AddIdentity] inside a transaction of the
// caller's, which has to be one of the same database. It writes no audit entry,
// and repeats nothing: an error other than store.ErrConflict ends the transaction.
func (t *IdentityTable) AddIdentityTx(ctx context.Context, tx *sql.Tx, id *store.Identity) error {
	return t.add(ctx, conn{h: t.h, db: t.h.db, tx: tx, in: new(txState)}, id)
}

func (t *IdentityTable) add(ctx context.Context, c conn, id *store.Identity) error {
	return c.insert(ctx, t.insert, id.UserID, id.Provider, id.Subject, id.Username, id.Email, id.AvatarURL,
		micros(id.CreatedAt))
}

// RemoveIdentity implements [store.IdentityStore]. If one has to be left, the
// user's identities are locked before they are counted, so that two removals at
// once cannot each rely on what the other takes.
func (t *IdentityTable) RemoveIdentity(ctx context.Context, userID, provider string, keepOne bool) error {
	run := t.h.write
	if keepOne {
		run = t.h.inTx
	}
	return run(ctx, "remove identity", func(ctx context.Context, c conn) error {
		if keepOne {
			held, err := all(ctx, c, t.lock, scanString, userID)
			switch {
			case err != nil:
				return err
			case !slices.Contains(held, provider):
				return store.ErrNotFound
			case len(held) == 1:
				return store.ErrLastCredential
			}
		}
		n, err := c.exec(ctx, t.remove, userID, provider)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// ForgetUser removes the user's identities, for callers who keep users in a table
// of their own. [Store.DeleteUser] does it for the others.
func (t *IdentityTable) ForgetUser(ctx context.Context, userID string) error {
	return t.h.write(ctx, "forget identities", func(ctx context.Context, c conn) error {
		_, err := c.exec(ctx, t.forget, userID)
		return err
	})
}

// CreateUserWithIdentity implements [store.IdentityStore]. [Config.UserCreated]
// runs in the same transaction, before the identity is added.
func (s *Store) CreateUserWithIdentity(ctx context.Context, u *store.User, id *store.Identity) error {
	user, link := fresh(u), *id
	link.UserID = user.ID
	err := s.h.inTx(ctx, "create user with identity", func(ctx context.Context, c conn) error {
		if err := s.UserTable.create(ctx, c, user); err != nil {
			return err
		}
		return s.IdentityTable.add(ctx, c, &link)
	})
	if err == nil {
		u.ID, u.Version, id.UserID = user.ID, user.Version, user.ID
	}
	return err
}
