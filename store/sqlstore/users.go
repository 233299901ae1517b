package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aegis-auth/aegis/store"
)

// UserTable keeps accounts. It implements [store.UserStore], [store.UserLister]
// and [store.RoleStore], and is safe for concurrent use.
type UserTable struct {
	h *handle

	insert, byID, byEmail, update, delete *stmt
	claim, guard, versionOf, another      *stmt
}

var (
	_ store.UserStore  = (*UserTable)(nil)
	_ store.UserLister = (*UserTable)(nil)
	_ store.RoleStore  = (*UserTable)(nil)
)

// NewUserTable returns the table alone. The error names what is wrong with db or
// c, as that of [New] does.
func NewUserTable(db *sql.DB, c Config) (*UserTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newUserTable(h), nil
}

const userColumns = "id, email, email_verified, name, password_hash, role, disabled, epoch, " +
	"last_login_at, created_at, updated_at, deleted_at, metadata, version"

func newUserTable(h *handle) *UserTable {
	return &UserTable{
		h: h,
		insert: h.stmt("INSERT INTO {users} (" + userColumns + ") VALUES (" + marks(countOf(userColumns)) + ")" +
			h.d.orNothing()),
		byID:    h.stmt("SELECT " + userColumns + " FROM {users} WHERE id = ?"),
		byEmail: h.stmt("SELECT " + userColumns + " FROM {users} WHERE " + h.d.live("email")),
		update: h.stmt("UPDATE {users} SET email = ?, email_verified = ?, name = ?, password_hash = ?, role = ?, " +
			"disabled = ?, epoch = ?, last_login_at = ?, updated_at = ?, deleted_at = ?, metadata = ?, " +
			"version = version + 1 WHERE id = ? AND version = ?"),
		delete: h.stmt("DELETE FROM {users} WHERE id = ?"),

		claim: h.stmt("INSERT INTO {claims} (role, user_id) SELECT ?, ? " + h.d.fromNothing() +
			"WHERE NOT EXISTS (SELECT 1 FROM {users})" + h.d.orNothing()),
		guard: h.stmt("INSERT INTO {role_guards} (role, turns) VALUES (?, 1)" + h.d.orTouch("role", "turns")),
		versionOf: h.stmt("SELECT role, disabled, deleted_at FROM {users} WHERE id = ? AND version = ?" +
			h.d.lock()),
		another: h.stmt("SELECT 1 FROM {users} WHERE role = ? AND NOT disabled AND deleted_at = 0 AND id <> ? LIMIT 1"),
	}
}

func scanUser(r row) (*store.User, error) {
	u := new(store.User)
	return u, r.Scan(userDest(u)...)
}

// userDest is where the userColumns of a row go.
func userDest(u *store.User) []any {
	return []any{
		&u.ID, &u.Email, &u.EmailVerified, &u.Name, &u.PasswordHash, &u.Role, &u.Disabled, &u.Epoch,
		eventCol{&u.LastLoginAt}, timeCol{&u.CreatedAt}, timeCol{&u.UpdatedAt}, eventCol{&u.DeletedAt},
		jsonCol[json.RawMessage]{&u.Metadata}, &u.Version,
	}
}

// CreateUser implements [store.UserStore]. [Config.UserCreated] runs in the same
// transaction.
func (t *UserTable) CreateUser(ctx context.Context, u *store.User) error {
	run := t.h.write
	if t.h.created != nil {
		run = t.h.inTx
	}
	row := fresh(u)
	err := run(ctx, "create user", func(ctx context.Context, c conn) error {
		return t.create(ctx, c, row)
	})
	if err == nil {
		u.ID, u.Version = row.ID, row.Version
	}
	return err
}

// fresh returns a copy of u with what the store gives a new user.
func fresh(u *store.User) *store.User {
	row := *u
	if row.ID == "" {
		row.ID = store.NewID(u.CreatedAt)
	}
	row.Version = 1
	return &row
}

// create inserts row and runs the hook.
func (t *UserTable) create(ctx context.Context, c conn, row *store.User) error {
	meta, err := metadataText(row.Metadata)
	if err != nil {
		return err
	}
	if err := c.insert(ctx, t.insert, row.ID, row.Email, row.EmailVerified, row.Name, row.PasswordHash, row.Role,
		row.Disabled, row.Epoch, orNever(row.LastLoginAt), micros(row.CreatedAt), micros(row.UpdatedAt),
		orNever(row.DeletedAt), meta, row.Version); err != nil {
		return err
	}
	if t.h.created == nil {
		return nil
	}
	if err := t.h.created(ctx, c.tx, cloneUser(row)); err != nil {
		return verbatim{error: err, fromDB: true}
	}
	return nil
}

// UserByID implements [store.UserStore].
func (t *UserTable) UserByID(ctx context.Context, id string) (*store.User, error) {
	return t.one(ctx, "user by ID", t.byID, id)
}

// UserByEmail implements [store.UserStore].
func (t *UserTable) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return t.one(ctx, "user by address", t.byEmail, email)
}

func (t *UserTable) one(ctx context.Context, op string, s *stmt, key string) (u *store.User, err error) {
	err = t.h.read(ctx, op, func(ctx context.Context, c conn) (err error) {
		u, err = one(ctx, c, s, scanUser, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// UpdateUser implements [store.UserStore].
func (t *UserTable) UpdateUser(ctx context.Context, u *store.User) error {
	err := t.h.write(ctx, "update user", func(ctx context.Context, c conn) error {
		return t.save(ctx, c, u)
	})
	if err == nil {
		u.Version++
	}
	return err
}

// save is the one UPDATE. The version always changes, so that MySQL counts the
// row as affected whether or not it was told to count rows that are found.
func (t *UserTable) save(ctx context.Context, c conn, u *store.User) error {
	meta, err := metadataText(u.Metadata)
	if err != nil {
		return err
	}
	n, err := c.exec(ctx, t.update, u.Email, u.EmailVerified, u.Name, u.PasswordHash, u.Role, u.Disabled, u.Epoch,
		orNever(u.LastLoginAt), micros(u.UpdatedAt), orNever(u.DeletedAt), meta, u.ID, u.Version)
	switch {
	case err != nil && t.h.d.fault(err) == takenFault:
		return store.ErrConflict
	case err != nil:
		return err
	case n == 0:
		return store.ErrStale
	}
	return nil
}

// DeleteUser implements [store.UserStore] for this table: it removes the user
// here, and nothing elsewhere. [Store.DeleteUser] removes all there is.
func (t *UserTable) DeleteUser(ctx context.Context, id string) error {
	return t.h.write(ctx, "delete user", func(ctx context.Context, c conn) error {
		_, err := c.exec(ctx, t.delete, id)
		return err
	})
}

// CreateUserClaiming implements [store.RoleStore]. The claim is a row whose key is
// the role: of those who insert it at once one does, and the others wait for the
// outcome.
func (t *UserTable) CreateUserClaiming(ctx context.Context, u *store.User, role string) error {
	var row *store.User
	err := t.h.inTx(ctx, "create user", func(ctx context.Context, c conn) error {
		row = fresh(u)
		n, err := c.exec(ctx, t.claim, role, row.ID)
		if err != nil && t.h.d.fault(err) != takenFault {
			return err
		}
		if err == nil && n > 0 {
			row.Role = role
		}
		return t.create(ctx, c, row)
	})
	if err == nil {
		u.ID, u.Version, u.Role = row.ID, row.Version, row.Role
	}
	return err
}

// UpdateUserKeeping implements [store.RoleStore]. Those who would take the role
// from somebody wait for each other at one row; everybody else does not.
func (t *UserTable) UpdateUserKeeping(ctx context.Context, u *store.User, role string) error {
	if u.Active() && u.Role == role {
		return t.UpdateUser(ctx, u)
	}
	err := t.h.inTx(ctx, "update user", func(ctx context.Context, c conn) error {
		if _, err := c.exec(ctx, t.guard, role); err != nil {
			return err
		}
		old, err := one(ctx, c, t.versionOf, scanStanding, u.ID, u.Version)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return store.ErrStale
		case err != nil:
			return err
		}
		if old.Active() && old.Role == role {
			_, err := one(ctx, c, t.another, scanInt, role, u.ID)
			switch {
			case errors.Is(err, store.ErrNotFound):
				return store.ErrLastInRole
			case err != nil:
				return err
			}
		}
		return t.save(ctx, c, u)
	})
	if err == nil {
		u.Version++
	}
	return err
}

// scanStanding reads what decides whether a user holds a role.
func scanStanding(r row) (u store.User, err error) {
	err = r.Scan(&u.Role, &u.Disabled, eventCol{&u.DeletedAt})
	return u, err
}

func scanInt(r row) (n int64, err error) {
	if err := r.Scan(&n); err != nil {
		return 0, fmt.Errorf("number: %w", err)
	}
	return n, nil
}

func scanString(r row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}
