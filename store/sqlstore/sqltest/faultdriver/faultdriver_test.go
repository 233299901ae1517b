package faultdriver_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

var errDisk = errors.New("disk on fire")

// open returns a database with one empty table, t.
func open(t *testing.T, f *faultdriver.Faults) *sql.DB {
	t.Helper()
	db, err := f.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec("CREATE TABLE t (x INTEGER)"); err != nil {
		t.Fatal(err)
	}
	f.Reset()
	return db
}

func rows(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(db *sql.DB) error {
	_, err := db.Exec("INSERT INTO t VALUES (?)", 1)
	return err
}

func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	s, err := db.Prepare("INSERT INTO t VALUES (?)")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(tx.Stmt(s).Exec(1)), second(tx.Exec("INSERT INTO t VALUES (2)")), tx.Commit(), second(s.Exec(3)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := rows(t, db); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	var got []string
	for _, c := range f.Calls(faultdriver.Trips) {
		text := c.String()
		if c.Tx {
			text += " (tx)"
		}
		got = append(got, text)
	}
	want := []string{
		"begin", "exec INSERT INTO t VALUES (?) (tx)", "exec INSERT INTO t VALUES (2) (tx)", "commit (tx)",
		"exec INSERT INTO t VALUES (?)", "query SELECT count(*) FROM t",
	}
	if !slices.Equal(got, want) {
		t.Errorf("calls = %q, want %q", got, want)
	}
	if n := f.Count(faultdriver.Statements); n != 4 {
		t.Errorf("Count(Statements) = %d, want 4", n)
	}
	if f.Reset(); f.Count(faultdriver.Any) != 0 {
		t.Error("Reset left calls")
	}
}

func second[T any](_ T, err error) error { return err }

func TestNthCallFailsAndNoOther(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	f.Nth(2, faultdriver.Exec, faultdriver.Fault{Err: errDisk})
	for i, want := range []error{nil, errDisk, nil} {
		if err := insert(db); !errors.Is(err, want) {
			t.Errorf("insert %d = %v, want %v", i+1, err, want)
		}
	}
	if n := rows(t, db); n != 2 {
		t.Errorf("%d rows, want 2: a failed call must not be carried out", n)
	}
}

func TestAllCallsFailUntilClear(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	f.From(2, faultdriver.Exec, faultdriver.Fault{})
	for i, want := range []error{nil, faultdriver.ErrFault, faultdriver.ErrFault} {
		if err := insert(db); !errors.Is(err, want) {
			t.Errorf("insert %d = %v, want %v", i+1, err, want)
		}
	}
	f.Clear()
	if err := insert(db); err != nil {
		t.Errorf("insert after Clear = %v, want none", err)
	}
}

func TestLateFaultLosesOnlyTheAnswer(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	f.Nth(1, faultdriver.Statements, faultdriver.Fault{Err: errDisk, Late: true})
	if err := insert(db); !errors.Is(err, errDisk) {
		t.Errorf("insert = %v, want %v", err, errDisk)
	}
	f.Nth(1, faultdriver.Commit, faultdriver.Fault{Err: errDisk, Late: true})
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("INSERT INTO t VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); !errors.Is(err, errDisk) {
		t.Errorf("Commit = %v, want %v", err, errDisk)
	}
	if n := rows(t, db); n != 2 {
		t.Errorf("%d rows, want 2: both were written", n)
	}
}

func TestFailedCommitIsUndone(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	f.Nth(1, faultdriver.Commit, faultdriver.Fault{Err: errDisk})
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("INSERT INTO t VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); !errors.Is(err, errDisk) {
		t.Errorf("Commit = %v, want %v", err, errDisk)
	}
	if n := rows(t, db); n != 0 {
		t.Errorf("%d rows, want 0", n)
	}
}

func TestDroppedConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	db.SetMaxOpenConns(1)
	f.Nth(1, faultdriver.Exec, faultdriver.Fault{Err: errDisk, Drop: true})
	if err := insert(db); !errors.Is(err, errDisk) {
		t.Errorf("insert = %v, want %v", err, errDisk)
	}
	if err := insert(db); err != nil {
		t.Errorf("insert on a new connection = %v, want none", err)
	}
	if n := f.Count(faultdriver.Connect); n != 1 {
		t.Errorf("%d connections made after the first, want 1", n)
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	db.SetMaxIdleConns(0) // so that each call connects
	f.From(1, faultdriver.Connect, faultdriver.Fault{Err: errDisk})
	if err := insert(db); !errors.Is(err, errDisk) {
		t.Errorf("insert = %v, want %v", err, errDisk)
	}
}

func TestStalledCallEndsWithItsContextOrRelease(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	f.From(1, faultdriver.Exec, faultdriver.Fault{Stall: true})

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { failed <- second(db.ExecContext(ctx, "INSERT INTO t VALUES (1)")) }()
	waitFor(t, &f, 1)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("stalled insert = %v, want %v", err, context.Canceled)
	}

	passed := make(chan error)
	go func() { passed <- insert(db) }()
	waitFor(t, &f, 1)
	f.Release()
	if err := <-passed; err != nil {
		t.Errorf("released insert = %v, want none", err)
	}
	f.Clear()
	if n := rows(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// waitFor returns when n calls hang.
func waitFor(t *testing.T, f *faultdriver.Faults, n int) {
	t.Helper()
	for f.Stalled() != n {
		if t.Context().Err() != nil {
			t.Fatal("the call never stalled")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestRegisteredDriverIsWrapped(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	f.Register("faulty-"+t.Name(), "sqlite")
	db, err := sql.Open("faulty-"+t.Name(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f.Nth(1, faultdriver.Ping, faultdriver.Fault{Err: errDisk})
	if err := db.Ping(); !errors.Is(err, errDisk) {
		t.Errorf("Ping = %v, want %v", err, errDisk)
	}
}

func TestBadConnectionIsTriedAgainByDatabaseSQL(t *testing.T) {
	t.Parallel()
	var f faultdriver.Faults
	db := open(t, &f)
	f.Nth(1, faultdriver.Exec, faultdriver.Fault{Err: driver.ErrBadConn, Drop: true})
	if err := insert(db); err != nil {
		t.Errorf("insert = %v, want none", err)
	}
	if n := rows(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}
