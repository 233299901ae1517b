package sqltest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// The variables by which TestMain's process is told to migrate and do no more.
const (
	childEngine = "AEGIS_TEST_CHILD_ENGINE"
	childDSN    = "AEGIS_TEST_CHILD_DSN"
	childPrefix = "AEGIS_TEST_CHILD_PREFIX"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childEngine); name != "" {
		os.Exit(migrateChild(name))
	}
	os.Exit(sqltest.Main(m))
}

// migrateChild opens and migrates a database as a server does when it starts.
func migrateChild(name string) int {
	for _, e := range sqltest.Engines() {
		if e.Name != name {
			continue
		}
		s, err := sqlstore.Open(e.Driver, os.Getenv(childDSN), sqlstore.Config{Prefix: os.Getenv(childPrefix), MaxConns: 2})
		if err == nil {
			defer s.Close()
			err = s.Migrate(context.Background())
		}
		if err == nil {
			_, err = s.UserByID(context.Background(), "nobody")
		}
		if !errors.Is(err, store.ErrNotFound) {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	return 2
}

// onDisk is Each without the database in memory, which no two processes share.
func onDisk(t *testing.T, f func(t *testing.T, e *sqltest.Engine)) {
	t.Helper()
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		if e.Name != "sqlite-memory" {
			f(t, e)
		}
	})
}

// applied returns the versions in the version table.
func applied(t *testing.T, s *sqlstore.Store, prefix string) (versions []int64) {
	t.Helper()
	rows, err := s.DB().Query("SELECT version FROM " + prefix + "migrations ORDER BY version")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		versions = append(versions, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return versions
}

// steps returns how many migrations there are.
func steps(t *testing.T, d sqlstore.Dialect) int {
	t.Helper()
	names, err := fs.Glob(sqlstore.Migrations(d), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("Migrations(%s) = %v, %v", d, names, err)
	}
	return len(names)
}

func TestEightProcessesMigrateAtOnce(t *testing.T) {
	onDisk(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		dsn, prefix := e.DSN(t), sqltest.Prefix()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), childEngine+"="+e.Name, childDSN+"="+dsn, childPrefix+"="+prefix)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, bytes.TrimSpace(out))
				}
			})
		}
		wg.Wait()
		s, err := sqlstore.Open(e.Driver, dsn, sqlstore.Config{Prefix: prefix, MaxConns: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got := applied(t, s, prefix); len(got) != steps(t, e.Dialect) {
			t.Errorf("versions %v, want 1 to %d, each once", got, steps(t, e.Dialect))
		}
	})
}

// open opens a store whose schema may be missing.
func open(t *testing.T, e *sqltest.Engine, dsn, prefix string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(e.Driver, dsn, sqlstore.Config{Prefix: prefix, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPlanSaysWhatMigrateDoes(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		prefix := sqltest.Prefix()
		s := open(t, e, e.DSN(t), prefix)
		plan, err := s.Plan(t.Context())
		if err != nil || len(plan) != steps(t, e.Dialect) {
			t.Fatalf("Plan(empty database) = %d migrations, %v, want %d", len(plan), err, steps(t, e.Dialect))
		}
		for i, m := range plan {
			if m.Version != int64(i+1) || !strings.Contains(m.SQL, prefix) || strings.Contains(m.SQL, "auth_") {
				t.Errorf("Plan()[%d] = %+v, want version %d with the prefix %s", i, m, i+1, prefix)
			}
		}
		if again, err := s.Plan(t.Context()); err != nil || len(again) != len(plan) {
			t.Errorf("Plan(second time) = %d migrations, %v, want %d: Plan must change nothing", len(again), err, len(plan))
		}
		for range 2 {
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate = %v", err)
			}
		}
		if plan, err := s.Plan(t.Context()); err != nil || len(plan) != 0 {
			t.Errorf("Plan(after Migrate) = %d migrations, %v, want none", len(plan), err)
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		prefix := sqltest.Prefix()
		s := open(t, e, e.DSN(t), prefix)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB().Exec("INSERT INTO " + prefix + "migrations (version, name) VALUES (1000, 'from the future')"); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); !errors.Is(err, sqlstore.ErrNewerSchema) {
			t.Errorf("Migrate = %v, want ErrNewerSchema", err)
		}
		if _, err := s.Plan(t.Context()); !errors.Is(err, sqlstore.ErrNewerSchema) {
			t.Errorf("Plan = %v, want ErrNewerSchema", err)
		}
	})
}

// TestInterruptedMigrationIsTakenUp loses the connection at each statement of a
// migration in turn, as a crash does, and migrates again.
func TestInterruptedMigrationIsTakenUp(t *testing.T) {
	onDisk(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		dsn := e.DSN(t)
		var f faultdriver.Faults
		f.Register("faulty-migrate-"+e.Name, e.Driver)
		lost := errors.New("connection lost")
		for n := 1; ; n += 3 {
			prefix := sqltest.Prefix()
			s, err := sqlstore.Open("faulty-migrate-"+e.Name, dsn, sqlstore.Config{Dialect: e.Dialect, Prefix: prefix, MaxConns: 2})
			if err != nil {
				t.Fatal(err)
			}
			f.Nth(n, faultdriver.Exec, faultdriver.Fault{Err: lost, Drop: true, Late: n%2 == 0})
			f.Reset()
			err = s.Migrate(t.Context())
			tripped := f.Count(faultdriver.Exec) >= n
			f.Clear()
			if tripped && err == nil && n < 20 {
				t.Errorf("Migrate with the connection lost at statement %d = nil, want an error", n)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Errorf("Migrate after it was cut off at statement %d: %v", n, err)
			}
			if got := applied(t, s, prefix); len(got) != steps(t, e.Dialect) {
				t.Errorf("cut off at statement %d: versions %v, want 1 to %d", n, got, steps(t, e.Dialect))
			}
			if _, err := s.UserByID(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("UserByID = %v, want ErrNotFound", err)
			}
			s.Close()
			if !tripped {
				if n < 10 {
					t.Errorf("a migration has %d statements, which is not all of them", n)
				}
				return
			}
		}
	})
}

// TestCancelledMigrationEnds waits for a lock that somebody else keeps.
func TestCancelledMigrationEnds(t *testing.T) {
	onDisk(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		s := open(t, e, e.DSN(t), sqltest.Prefix())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Migrate(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Migrate(cancelled) = %v, want context.Canceled", err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("Migrate afterwards = %v", err)
		}
	})
}

// TestPlainFilesMakeTheSchema runs the files as psql, the mysql client or goose do,
// in a database of their own, and uses the store over it. Migrate then finds
// everything in place.
func TestPlainFilesMakeTheSchema(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		dsn := e.OwnDatabase(t)
		s := open(t, e, dsn, "")
		files := sqlstore.Migrations(e.Dialect)
		names, err := fs.Glob(files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(text), "-- +goose Up\n") {
				t.Errorf("%s does not begin with goose's annotation", name)
			}
			for _, statement := range gooseStatements(string(text)) {
				if _, err := s.DB().Exec(statement); err != nil {
					t.Fatalf("%s: %v in\n%s", name, err, statement)
				}
			}
		}
		newWorld(t, s)
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("Migrate over the files' schema = %v", err)
		}
		if _, err := s.UserByEmail(t.Context(), "user-1@example.com"); err != nil {
			t.Errorf("UserByEmail after Migrate = %v, want the user who was there", err)
		}
	})
}

// gooseStatements splits a file as goose does: a statement ends with the line that
// ends with a semicolon, comments aside.
func gooseStatements(text string) (list []string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "--")
		if b.Len() == 0 && strings.TrimSpace(code) == "" {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(code), ";") {
			list = append(list, b.String())
			b.Reset()
		}
	}
	return list
}

// TestPrefixTokenIsOnlyAPrefix holds the rule by which another prefix is put into
// the files.
func TestPrefixTokenIsOnlyAPrefix(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^auth_(` + strings.Join(sqltest.Tables, "|") + `)(_[a-z]+)?$`)
	for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.Postgres, sqlstore.MySQL} {
		files := sqlstore.Migrations(d)
		all, err := fs.Glob(files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range regexp.MustCompile(`[A-Za-z_]*auth_[A-Za-z_]*`).FindAllString(string(text), -1) {
				if !allowed.MatchString(word) && word != "auth_" {
					t.Errorf("%s/%s: %q is no name of a table or an index", d, name, word)
				}
			}
		}
	}
	if sqlstore.Migrations("oracle") != nil {
		t.Error("Migrations(oracle) is not nil")
	}
}

// TestSchemasAgree compares the columns of the three dialects.
func TestSchemasAgree(t *testing.T) {
	t.Parallel()
	column := regexp.MustCompile(`(?m)^\t([a-z_]+) `)
	generated := map[string]bool{"live_email": true, "live_slug": true, "unwiped": true}
	columns := func(d sqlstore.Dialect) (list []string) {
		files := sqlstore.Migrations(d)
		names, err := fs.Glob(files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range column.FindAllStringSubmatch(string(text), -1) {
				if !generated[m[1]] {
					list = append(list, name+" "+m[1])
				}
			}
		}
		return list
	}
	want := strings.Join(columns(sqlstore.SQLite), "\n")
	if strings.Count(want, "\n") < 60 {
		t.Fatalf("found %d columns, which is not all of them", strings.Count(want, "\n")+1)
	}
	for _, d := range []sqlstore.Dialect{sqlstore.Postgres, sqlstore.MySQL} {
		if got := strings.Join(columns(d), "\n"); got != want {
			t.Errorf("columns of %s:\n%s\nwant those of sqlite:\n%s", d, got, want)
		}
	}
}

// TestMigrateForSingleTables makes the schema without a Store.
func TestMigrateForSingleTables(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(t.TempDir()+"/test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := sqlstore.Config{Dialect: sqlstore.SQLite}
	if err := sqlstore.Migrate(t.Context(), db, c); err != nil {
		t.Fatal(err)
	}
	sessions, err := sqlstore.NewSessionTable(db, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.SessionByID(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("SessionByID = %v, want ErrNotFound", err)
	}
}
