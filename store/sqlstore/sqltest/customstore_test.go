package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

// accounts is a store of an application that has a table of people already. It
// takes sessions and one-time tokens from sqlstore, and would take more tables the
// same way.
type accounts struct {
	*sqlstore.SessionTable
	*sqlstore.OneTimeTable
	db *sql.DB
}

var (
	_ store.Store  = (*accounts)(nil)
	_ store.Pruner = (*accounts)(nil)
)

func (a *accounts) person(ctx context.Context, where string, arg any) (*store.User, error) {
	var u store.User
	err := a.db.QueryRowContext(ctx, "SELECT id, email, full_name, version FROM people WHERE "+where, arg).
		Scan(&u.ID, &u.Email, &u.Name, &u.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	return &u, err
}

func (a *accounts) UserByID(ctx context.Context, id string) (*store.User, error) {
	return a.person(ctx, "id = ?", id)
}

func (a *accounts) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return a.person(ctx, "email = ?", email)
}

func (a *accounts) CreateUser(ctx context.Context, u *store.User) error {
	res, err := a.db.ExecContext(ctx, "INSERT INTO people (email, full_name, version) VALUES (?, ?, 1) ON CONFLICT DO NOTHING", u.Email, u.Name)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, store.ErrConflict)
	}
	id, err := res.LastInsertId()
	u.ID, u.Version = fmt.Sprint(id), 1
	return err
}

func (a *accounts) UpdateUser(ctx context.Context, u *store.User) error {
	res, err := a.db.ExecContext(ctx, "UPDATE people SET email = ?, full_name = ?, version = version + 1 WHERE id = ? AND version = ?",
		u.Email, u.Name, u.ID, u.Version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, store.ErrStale)
	}
	u.Version++
	return nil
}

func (a *accounts) DeleteUser(ctx context.Context, id string) error {
	if err := errors.Join(a.SessionTable.ForgetUser(ctx, id), a.OneTimeTable.ForgetUser(ctx, id)); err != nil {
		return err
	}
	_, err := a.db.ExecContext(ctx, "DELETE FROM people WHERE id = ?", id)
	return err
}

func (a *accounts) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return sqlstore.PruneAll(ctx, before, limit, a.SessionTable, a.OneTimeTable)
}

// TestSingleTablesBesideOnesOwn puts such a store together.
func TestSingleTablesBesideOnesOwn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(filepath.Join(t.TempDir(), "app.db")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := sqlstore.Config{Dialect: sqlstore.SQLite}
	if err := sqlstore.Migrate(ctx, db, c); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, full_name TEXT, version INTEGER)"); err != nil {
		t.Fatal(err)
	}
	a := &accounts{db: db}
	a.SessionTable, err = sqlstore.NewSessionTable(db, c)
	if err != nil {
		t.Fatal(err)
	}
	a.OneTimeTable, err = sqlstore.NewOneTimeTable(db, c)
	if err != nil {
		t.Fatal(err)
	}

	u := &store.User{Email: "ada@example.com", Name: "Ada"}
	if err := a.CreateUser(ctx, u); err != nil {
		t.Fatal(err)
	}
	s := &store.Session{ID: "s", UserID: u.ID, Hash: []byte("h"), CreatedAt: epoch, RotatedAt: epoch, ExpiresAt: epoch.Add(time.Hour), EndsAt: epoch.Add(time.Hour)}
	late := &store.Session{ID: "late", UserID: u.ID, Hash: []byte("h2"), CreatedAt: epoch, RotatedAt: epoch, ExpiresAt: epoch, EndsAt: epoch}
	for _, s := range []*store.Session{s, late} {
		if err := a.CreateSession(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := a.Prune(ctx, epoch.Add(time.Minute), 10); n != 1 || err != nil {
		t.Errorf("Prune = %d, %v, want the session that ran out", n, err)
	}
	// An entry in the context is ignored: nobody asked these tables for a trail.
	e := &store.AuditEntry{ID: "e", Chain: "c", Seq: 1}
	if err := a.RevokeSession(store.WithAudit(ctx, e), s.ID, epoch); err != nil || e.Written() {
		t.Errorf("RevokeSession = %v with Written() = %v, want false", err, e.Written())
	}
	if err := a.DeleteUser(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SessionByID(ctx, s.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("SessionByID after DeleteUser = %v, want ErrNotFound", err)
	}

	// With Config.Audit they write it.
	c.Audit = true
	audited, err := sqlstore.NewSessionTable(db, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := audited.RevokeSession(store.WithAudit(ctx, e), "none", epoch); err != nil || !e.Written() {
		t.Errorf("RevokeSession = %v with Written() = %v, want true", err, e.Written())
	}
}
