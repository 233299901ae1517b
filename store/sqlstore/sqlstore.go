package sqlstore

import (
	"context"
	"database/sql"

	"github.com/aegis-auth/aegis/store"
)

// Store is all tables together, over one database. It implements every interface
// of package store, is safe for concurrent use, and needs no other process to
// know of it: several may share a database. Embed single tables instead to mix
// them with your own.
type Store struct {
	*UserTable
	*SessionTable
	*OneTimeTable
	*IdentityTable
	*AttemptTable
	*AuditTable
	*OrgTable

	h *handle

	withSession *stmt
}

var (
	_ store.Store          = (*Store)(nil)
	_ store.PrincipalStore = (*Store)(nil)
	_ store.UserLister     = (*Store)(nil)
	_ store.RoleStore      = (*Store)(nil)
	_ store.IdentityStore  = (*Store)(nil)
	_ store.AttemptStore   = (*Store)(nil)
	_ store.AuditStore     = (*Store)(nil)
	_ store.OrgStore       = (*Store)(nil)
	_ store.InviteStore    = (*Store)(nil)
	_ store.Migrator       = (*Store)(nil)
)

// New returns a store over db, which stays the caller's to close. It asks the
// database for the settings the store relies on, and returns an error that says
// how to put right what is not right. It does not need the schema: [Store.Migrate]
// makes that.
func New(db *sql.DB, c Config) (*Store, error) {
	c.Audit = true
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newStore(h), nil
}

func newStore(h *handle) *Store {
	return &Store{
		UserTable:     newUserTable(h),
		SessionTable:  newSessionTable(h),
		OneTimeTable:  newOneTimeTable(h),
		IdentityTable: newIdentityTable(h),
		AttemptTable:  newAttemptTable(h),
		AuditTable:    newAuditTable(h),
		OrgTable:      newOrgTable(h),
		h:             h,
		withSession: h.stmt("SELECT " + columns("u", userColumns) + ", " + columns("s", sessionColumns) +
			" FROM {sessions} s JOIN {users} u ON u.id = s.user_id WHERE s.id = ?"),
	}
}

// DB returns the pool that writes, for the caller's own tables in the same
// database. With SQLite from [Open] it is one connection: end what you begin.
func (s *Store) DB() *sql.DB { return s.h.db }

// Close closes the pools that [Open] opened. It does nothing to a pool that was
// handed to [New].
func (s *Store) Close() error { return s.h.owned.close() }

// UserWithSession implements [store.PrincipalStore].
func (s *Store) UserWithSession(ctx context.Context, sessionID string) (*store.User, *store.Session, error) {
	var u *store.User
	var se *store.Session
	err := s.h.read(ctx, "user with session", func(ctx context.Context, c conn) error {
		_, err := one(ctx, c, s.withSession, func(r row) (struct{}, error) {
			u, se = new(store.User), new(store.Session)
			return struct{}{}, r.Scan(append(userDest(u), sessionDest(se)...)...)
		}, sessionID)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return u, se, nil
}

// DeleteUser implements [store.UserStore]: the user and all that this store keeps
// of them, in one transaction. Audit entries stay, since a chain with holes proves
// nothing.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.h.inTx(ctx, "delete user", func(ctx context.Context, c conn) error {
		// Organizations first: whoever locks them and more does so in this order.
		if err := s.OrgTable.forget(ctx, c, id); err != nil {
			return err
		}
		for _, q := range []*stmt{
			s.SessionTable.forget, s.OneTimeTable.forget, s.IdentityTable.forget, s.UserTable.delete,
		} {
			if _, err := c.exec(ctx, q, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetUser is [Store.DeleteUser].
func (s *Store) ForgetUser(ctx context.Context, userID string) error {
	return s.DeleteUser(ctx, userID)
}
