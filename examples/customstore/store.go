package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

// accounts is a store.Store: five methods over our own table, and two tables that
// come with the library. The compiler names any method that is missing, and the
// test runs the conformance suite.
type accounts struct {
	*sqlstore.SessionTable
	*sqlstore.OneTimeTable
	db *sql.DB
}

var _ store.Store = (*accounts)(nil)

const schema = `CREATE TABLE IF NOT EXISTS people (
	id TEXT PRIMARY KEY, email TEXT NOT NULL, verified BOOLEAN NOT NULL, full_name TEXT NOT NULL,
	pw_hash TEXT NOT NULL, role TEXT NOT NULL, disabled BOOLEAN NOT NULL, epoch INTEGER NOT NULL, last_login INTEGER,
	created INTEGER, updated INTEGER, deleted INTEGER, metadata TEXT NOT NULL, version INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS people_email ON people (email) WHERE deleted IS NULL`

// open opens the database with the settings that sqlstore wants, and makes both
// our table and its own.
func open(ctx context.Context, path string) (*accounts, error) {
	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c := sqlstore.Config{Dialect: sqlstore.SQLite}
	if err := sqlstore.Migrate(ctx, db, c); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	sessions, err := sqlstore.NewSessionTable(db, c)
	if err != nil {
		return nil, err
	}
	tokens, err := sqlstore.NewOneTimeTable(db, c)
	return &accounts{sessions, tokens, db}, err
}

const columns = `id, email, verified, full_name, pw_hash, role, disabled, epoch, last_login, created, updated, deleted, metadata, version`

func (a *accounts) UserByID(ctx context.Context, id string) (*store.User, error) {
	return a.person(ctx, `SELECT `+columns+` FROM people WHERE id = ?`, id)
}

func (a *accounts) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return a.person(ctx, `SELECT `+columns+` FROM people WHERE email = ? AND deleted IS NULL`, email)
}

func (a *accounts) person(ctx context.Context, query string, arg any) (*store.User, error) {
	var u store.User
	var last, created, updated, deleted sql.NullInt64
	var metadata string
	err := a.db.QueryRowContext(ctx, query, arg).Scan(&u.ID, &u.Email, &u.EmailVerified, &u.Name, &u.PasswordHash, &u.Role,
		&u.Disabled, &u.Epoch, &last, &created, &updated, &deleted, &metadata, &u.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	u.LastLoginAt, u.CreatedAt, u.UpdatedAt, u.DeletedAt = when(last), when(created), when(updated), when(deleted)
	return &u, json.Unmarshal([]byte(metadata), &u.Metadata)
}

func (a *accounts) CreateUser(ctx context.Context, u *store.User) error {
	id := u.ID
	if id == "" {
		id = store.NewID(u.CreatedAt)
	}
	metadata, err := json.Marshal(u.Metadata)
	if err != nil {
		return err
	}
	res, err := a.db.ExecContext(ctx, `INSERT INTO people (`+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT DO NOTHING`, id, u.Email, u.EmailVerified, u.Name, u.PasswordHash, u.Role, u.Disabled,
		u.Epoch, micros(u.LastLoginAt), micros(u.CreatedAt), micros(u.UpdatedAt), micros(u.DeletedAt), string(metadata))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, store.ErrConflict)
	}
	u.ID, u.Version = id, 1
	return nil
}

func (a *accounts) UpdateUser(ctx context.Context, u *store.User) error {
	metadata, err := json.Marshal(u.Metadata)
	if err != nil {
		return err
	}
	// OR IGNORE skips the row if the address is taken; the look-up below tells
	// that from a version that moved on.
	res, err := a.db.ExecContext(ctx, `UPDATE OR IGNORE people SET email = ?, verified = ?, full_name = ?, pw_hash = ?, role = ?, disabled = ?,
		epoch = ?, last_login = ?, updated = ?, deleted = ?, metadata = ?, version = version + 1 WHERE id = ? AND version = ?`,
		u.Email, u.EmailVerified, u.Name, u.PasswordHash, u.Role, u.Disabled, u.Epoch, micros(u.LastLoginAt), micros(u.UpdatedAt),
		micros(u.DeletedAt), string(metadata), u.ID, u.Version)
	if err != nil {
		return err
	}
	switch n, err := res.RowsAffected(); {
	case err != nil:
		return err
	case n == 1:
		u.Version++
		return nil
	}
	other, err := a.UserByEmail(ctx, u.Email)
	if err == nil && other.ID != u.ID && u.DeletedAt.IsZero() {
		current, err := a.UserByID(ctx, u.ID)
		if err == nil && current.Version == u.Version {
			return store.ErrConflict
		}
	}
	return store.ErrStale
}

func (a *accounts) DeleteUser(ctx context.Context, id string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM people WHERE id = ?`, id)
	return errors.Join(err, a.SessionTable.ForgetUser(ctx, id), a.OneTimeTable.ForgetUser(ctx, id))
}

// micros and when keep moments as whole microseconds, and no moment as NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func when(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return time.UnixMicro(us.Int64).UTC()
}
