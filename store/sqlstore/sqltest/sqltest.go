// Package sqltest opens stores of package sqlstore for tests, on every engine there
// is: SQLite in a file and in memory, PostgreSQL, and MySQL or MariaDB. It is a
// module of its own, because it links drivers.
//
//	func TestMain(m *testing.M) { os.Exit(sqltest.Main(m)) }
//
//	func TestThing(t *testing.T) {
//		sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
//			s := e.Open(t, sqlstore.Config{})
//			…
//		})
//	}
//
// Servers are looked for at the addresses in AEGIS_TEST_POSTGRES and
// AEGIS_TEST_MYSQL, and on this machine if those are not set. A test on an engine
// that is not there is skipped and says so; with AEGIS_TEST_REQUIRE_SERVERS=1 it
// fails.
package sqltest

import (
	"cmp"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// The environment variables that say where the servers are, and that they have to
// be there.
const (
	PostgresVariable = "AEGIS_TEST_POSTGRES"        // default postgres://postgres@127.0.0.1:5432/postgres
	MySQLVariable    = "AEGIS_TEST_MYSQL"           // default root@tcp(127.0.0.1:3306)/
	RequireVariable  = "AEGIS_TEST_REQUIRE_SERVERS" // "1": a server that is absent is a failure
)

// Engine is one kind of database to test on. Its methods are safe for concurrent
// use.
type Engine struct {
	Name    string // "sqlite", "sqlite-memory", "postgres", "mysql"
	Dialect sqlstore.Dialect
	Driver  string // name of its database/sql driver

	server *server // nil for SQLite
}

// Engines returns all engines, present or not.
func Engines() []*Engine { return engines }

var engines = []*Engine{
	{Name: "sqlite", Dialect: sqlstore.SQLite, Driver: "sqlite"},
	{Name: "sqlite-memory", Dialect: sqlstore.SQLite, Driver: "sqlite"},
	{Name: "postgres", Dialect: sqlstore.Postgres, Driver: "pgx", server: &server{
		driver: "pgx",
		admin:  cmp.Or(os.Getenv(PostgresVariable), "postgres://postgres@127.0.0.1:5432/postgres"),
		within: func(admin, database string) (string, error) {
			u, err := url.Parse(admin)
			if err != nil {
				return "", err
			}
			u.Path = "/" + database
			return u.String(), nil
		},
		tune: "ALTER DATABASE %s SET synchronous_commit = off", // of connections opened later
		drop: "DROP DATABASE %s WITH (FORCE)",
	}},
	{Name: "mysql", Dialect: sqlstore.MySQL, Driver: "mysql", server: &server{
		driver: "mysql",
		admin:  cmp.Or(os.Getenv(MySQLVariable), "root@tcp(127.0.0.1:3306)/"),
		within: func(admin, database string) (string, error) {
			name, query, _ := strings.Cut(admin, "?")
			dsn, err := sqlstore.MySQLDSN(name[:strings.LastIndexByte(name, '/')+1] + database + "?" + query)
			return dsn, err
		},
		drop: "DROP DATABASE %s",
	}},
}

// Each runs f as a subtest for every engine.
func Each(t *testing.T, f func(t *testing.T, e *Engine)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.Name, func(t *testing.T) {
			e.Require(t)
			f(t, e)
		})
	}
}

// Require ends the test if the engine is not there.
func (e *Engine) Require(tb testing.TB) {
	tb.Helper()
	if e.server == nil {
		return
	}
	if err := e.server.start(); err != nil {
		text := fmt.Sprintf("NOT RUN: no %s server answers at %s: %v", e.Name, redacted(e.server.admin), err)
		if os.Getenv(RequireVariable) == "1" {
			tb.Fatal(text)
		}
		tb.Skip(text)
	}
}

// redacted is an address without its password.
func redacted(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && u.Host != "" {
		return u.Redacted()
	}
	_, host, found := strings.Cut(dsn, "@")
	if !found {
		return dsn
	}
	return "…@" + host
}

// DSN returns the address of an empty database for the test, without the settings
// that sqlstore adds. On a server it is the one database of this process, in which
// tests are told apart by their prefix; of SQLite it is a new file. It is
// ":memory:" for the engine in memory.
func (e *Engine) DSN(tb testing.TB) string {
	tb.Helper()
	e.Require(tb)
	switch {
	case e.server != nil:
		return e.server.dsn
	case e.Name == "sqlite-memory":
		return ":memory:"
	}
	return filepath.Join(tb.TempDir(), "test.db")
}

// OwnDatabase is DSN with a database that no other test uses, for what cannot be
// told apart by its prefix, and for benchmarks: unlike the database tests share, it
// waits for the disk. It is dropped when the test ends.
func (e *Engine) OwnDatabase(tb testing.TB) string {
	tb.Helper()
	e.Require(tb)
	if e.server == nil {
		return e.DSN(tb)
	}
	name := databaseName()
	dsn, err := e.server.newDatabase(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.server.dropDatabase(name); err != nil {
			tb.Error(err)
		}
	})
	return dsn
}

// DB returns the pool that tests on a server share. It panics for SQLite.
func (e *Engine) DB(tb testing.TB) *sql.DB {
	tb.Helper()
	e.Require(tb)
	return e.server.db
}

// Prefix returns a prefix nobody else uses. On a server the tables that have it are
// dropped when the process ends, with the database.
func Prefix() string { return "t" + strings.ToLower(rand.Text()[:10]) + "_" }

// Open returns an empty store with its schema in place. c.Dialect and c.Prefix are
// set by Open. It is closed, or emptied and used again, when the test ends.
func (e *Engine) Open(tb testing.TB, c sqlstore.Config) *sqlstore.Store {
	tb.Helper()
	e.Require(tb)
	c.Dialect = e.Dialect
	if e.server != nil && c.UserCreated == nil && c.QueryTimeout == 0 {
		return e.server.pooled(tb, c)
	}
	s, err := e.open(tb, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

func (e *Engine) open(tb testing.TB, c sqlstore.Config) (*sqlstore.Store, error) {
	if e.server == nil {
		return sqlstore.Open(e.Driver, e.DSN(tb), c)
	}
	c.Prefix = Prefix()
	return sqlstore.New(e.server.db, c)
}

// Main runs the tests and removes the databases they made.
func Main(m *testing.M) int {
	code := m.Run()
	for _, e := range engines {
		if e.server != nil {
			e.server.stop()
		}
	}
	return code
}

// server is a database server, and the database this process has on it.
type server struct {
	driver string
	admin  string // where databases are created
	drop   string // statement that drops one
	tune   string // statement that spares a database the wait for the disk
	within func(admin, database string) (string, error)

	once     sync.Once
	err      error
	database string
	dsn      string  // of the database
	db       *sql.DB // the pool all stores share

	mu   sync.Mutex
	idle []*emptied
}

// emptied is a store that is not in use.
type emptied struct {
	store  *sqlstore.Store
	prefix string
}

// maxConns bounds what one test process takes of a server's connections.
const maxConns = 16

// start creates the database, once.
func (s *server) start() error {
	s.once.Do(func() { s.err = s.create() })
	return s.err
}

func (s *server) create() (err error) {
	name := databaseName()
	if s.dsn, err = s.newDatabase(name); err != nil {
		return err
	}
	s.database = name
	if s.tune != "" {
		if err := s.exec(fmt.Sprintf(s.tune, name)); err != nil {
			return err
		}
	}
	if s.db, err = sql.Open(s.driver, s.dsn); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(maxConns)
	s.db.SetMaxIdleConns(maxConns)
	return s.db.Ping()
}

func (s *server) stop() {
	if s.database == "" {
		return
	}
	if s.db != nil {
		s.db.Close()
	}
	if err := s.dropDatabase(s.database); err != nil {
		fmt.Fprintf(os.Stderr, "sqltest: %v\n", err)
	}
}

// databaseName returns a name nobody else uses.
func databaseName() string { return "aegis_test_" + strings.ToLower(rand.Text()[:12]) }

// newDatabase creates a database and returns its address.
func (s *server) newDatabase(name string) (dsn string, err error) {
	if err := s.exec("CREATE DATABASE " + name); err != nil {
		return "", err
	}
	return s.within(s.admin, name)
}

func (s *server) dropDatabase(name string) error {
	if err := s.exec(fmt.Sprintf(s.drop, name)); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// exec runs a statement outside any of our databases.
func (s *server) exec(text string) error {
	admin, err := sql.Open(s.driver, s.admin)
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.Exec(text)
	return err
}

// pooled returns a store whose tables exist already, if there is one: creating
// them takes longer than most tests.
func (s *server) pooled(tb testing.TB, c sqlstore.Config) *sqlstore.Store {
	tb.Helper()
	s.mu.Lock()
	var e *emptied
	if n := len(s.idle); n > 0 {
		e, s.idle = s.idle[n-1], s.idle[:n-1]
	}
	s.mu.Unlock()
	if e == nil {
		c.Prefix = Prefix()
		st, err := sqlstore.New(s.db, c)
		if err == nil {
			err = st.Migrate(tb.Context())
		}
		if err != nil {
			tb.Fatal(err)
		}
		e = &emptied{st, c.Prefix}
	}
	tb.Cleanup(func() {
		for _, table := range Tables {
			if _, err := s.db.Exec("DELETE FROM " + e.prefix + table); err != nil {
				tb.Errorf("empty %s: %v", table, err)
				return
			}
		}
		s.mu.Lock()
		s.idle = append(s.idle, e)
		s.mu.Unlock()
	})
	return e.store
}

// Tables are the names of the tables, without their prefix and without the one
// that counts migrations.
var Tables = []string{
	"users", "claims", "role_guards", "sessions", "onetime", "identities", "attempts",
	"audit", "audit_heads", "orgs", "members", "invites",
}

// OpenFaulty is Open through a driver whose calls f counts and disturbs. It is a
// store of its own, with its own connections, and tables that are ready. c.Dialect is
// set by OpenFaulty, and so is c.Prefix on a server if it is empty.
func (e *Engine) OpenFaulty(tb testing.TB, f *faultdriver.Faults, c sqlstore.Config) *sqlstore.Store {
	tb.Helper()
	dsn := e.DSN(tb)
	name := "faulty-" + strings.ToLower(rand.Text())
	f.Register(name, e.Driver)
	c.Dialect = e.Dialect
	if e.server != nil {
		c.Prefix = cmp.Or(c.Prefix, Prefix())
		c.MaxConns = cmp.Or(c.MaxConns, 4)
	}
	s, err := sqlstore.Open(name, dsn, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		f.Clear()
		f.Release()
		s.Close()
	})
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	f.Reset()
	return s
}
