package sqltest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

func TestSQLiteSettingsHoldOnEveryConnection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "with space & ü.db", "100%.db", "what?.db", "a#b.db"} {
		path := filepath.Join(t.TempDir(), name)
		db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(path))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for range 3 {
			c, err := db.Conn(t.Context()) // held, so that the next is another
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for pragma, want := range map[string]string{
				"journal_mode": "wal", "busy_timeout": "5000", "synchronous": "2", "foreign_keys": "1",
			} {
				var got string
				if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s: PRAGMA %s = %q, %v, want %q", name, pragma, got, err, want)
				}
			}
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the database is not where it should be: %v", err)
		}
	}
}

func TestSQLiteDSNKeepsWhatIsSet(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"app.db": "file:app.db?_pragma=busy_timeout(5000)&_busy_timeout=5000&_pragma=journal_mode(WAL)&_journal_mode=WAL" +
			"&_pragma=synchronous(FULL)&_synchronous=FULL&_pragma=foreign_keys(1)&_foreign_keys=1&_txlock=immediate",
		"file:app.db?_pragma=synchronous(NORMAL)&_txlock=exclusive": "file:app.db?_pragma=synchronous(NORMAL)&_txlock=exclusive" +
			"&_pragma=busy_timeout(5000)&_busy_timeout=5000&_pragma=journal_mode(WAL)&_journal_mode=WAL&_pragma=foreign_keys(1)&_foreign_keys=1",
	} {
		got := sqlstore.SQLiteDSN(in)
		if got != want {
			t.Errorf("SQLiteDSN(%q) =\n%s, want\n%s", in, got, want)
		}
		if again := sqlstore.SQLiteDSN(got); again != got {
			t.Errorf("SQLiteDSN(SQLiteDSN(%q)) =\n%s, want the same again", in, again)
		}
	}
}

func TestServerAddresses(t *testing.T) {
	t.Parallel()
	const (
		pgRest    = "connect_timeout=5&idle_in_transaction_session_timeout=10000"
		mysqlRest = "autocommit=1&charset=utf8mb4&clientFoundRows=true&readTimeout=5s" +
			"&sql_mode=%27STRICT_ALL_TABLES%2CERROR_FOR_DIVISION_BY_ZERO%2CNO_ENGINE_SUBSTITUTION%27&timeout=5s"
	)
	for _, c := range []struct {
		name     string
		complete func(string) (string, error)
		in, want string
	}{
		{"a URL", sqlstore.PostgresDSN, "postgres://u:p@h:5432/d", "postgres://u:p@h:5432/d?" + pgRest + "&statement_timeout=10000"},
		{"a set limit", sqlstore.PostgresDSN, "postgres://h/d?statement_timeout=1", "postgres://h/d?" + pgRest + "&statement_timeout=1"},
		{"limits left out", sqlstore.PostgresDSN, "postgres://h/d?statement_timeout=&idle_in_transaction_session_timeout=", "postgres://h/d?connect_timeout=5"},
		{"words", sqlstore.PostgresDSN, "host=h dbname=d connect_timeout=2",
			"host=h dbname=d connect_timeout=2 statement_timeout=10000 idle_in_transaction_session_timeout=10000"},
		{"another scheme", sqlstore.PostgresDSN, "mysql://h/d", ""},
		{"no URL", sqlstore.PostgresDSN, "postgres://h:x/d", ""},

		{"the driver's form", sqlstore.MySQLDSN, "u:p@tcp(h:3306)/d", "u:p@tcp(h:3306)/d?" + mysqlRest + "&writeTimeout=5s"},
		{"a slash in the password", sqlstore.MySQLDSN, "u:p/w@tcp(h:3306)/d", "u:p/w@tcp(h:3306)/d?" + mysqlRest + "&writeTimeout=5s"},
		{"a URL", sqlstore.MySQLDSN, "mysql://u:p%40w@h/d", "u:p@w@tcp(h:3306)/d?" + mysqlRest + "&writeTimeout=5s"},
		{"a URL with IPv6", sqlstore.MySQLDSN, "mariadb://u@[::1]:3307/d", "u@tcp([::1]:3307)/d?" + mysqlRest + "&writeTimeout=5s"},
		{"a set limit", sqlstore.MySQLDSN, "u@tcp(h)/d?writeTimeout=1s", "u@tcp(h)/d?" + mysqlRest + "&writeTimeout=1s"},
		{"no database", sqlstore.MySQLDSN, "u@tcp(h)/", ""},
		{"no database in a URL", sqlstore.MySQLDSN, "mysql://u@h", ""},
		{"another scheme", sqlstore.MySQLDSN, "postgres://h/d", ""},
		{"nothing", sqlstore.MySQLDSN, "", ""},
	} {
		got, err := c.complete(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q gave\n%s, %v, want\n%s", c.name, c.in, got, err, c.want)
		}
		if err == nil && c.name != "limits left out" {
			if again, err := c.complete(got); again != got || err != nil {
				t.Errorf("%s: a second time gave\n%s, %v, want the same again", c.name, again, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "p@") {
			t.Errorf("%s: the error repeats the password: %v", c.name, err)
		}
	}
}

// TestWrongSettingsAreRefused has New look at databases that were opened without
// the helpers.
func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, dsn string
		conns     int
		mentions  string // empty: it is accepted
	}{
		{"the driver's defaults", "file:%s", 0, "journal_mode"},
		{"no busy_timeout", "file:%s?_pragma=journal_mode(WAL)", 0, "busy_timeout"},
		{"commits that do not last", "file:%s?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)", 0, "synchronous"},
		{"memory for each connection", ":memory:", 0, "SetMaxOpenConns(1)"},
		{"memory for one connection", ":memory:", 1, ""},
		{"transactions that begin as readers", "file:%s?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)", 0, ""},
	} {
		dsn := c.dsn
		if strings.Contains(dsn, "%s") {
			dsn = fmt.Sprintf(dsn, filepath.Join(t.TempDir(), "test.db"))
		}
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(c.conns)
		_, err = sqlstore.New(db, sqlstore.Config{Dialect: sqlstore.SQLite})
		switch {
		case c.mentions == "" && err != nil:
			t.Errorf("%s: New = %v, want no error", c.name, err)
		case c.mentions != "" && (err == nil || !strings.Contains(err.Error(), c.mentions)):
			t.Errorf("%s: New = %v, want an error that mentions %s", c.name, err, c.mentions)
		}
	}
}

// TestPragmaOnOneConnectionIsNotEnough: executing a pragma sets it for whichever
// connection of the pool ran it.
func TestPragmaOnOneConnectionIsNotEnough(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{"PRAGMA journal_mode=WAL", "PRAGMA busy_timeout=5000"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	_, err = sqlstore.New(db, sqlstore.Config{Dialect: sqlstore.SQLite})
	if err == nil || !strings.Contains(err.Error(), "on every connection") {
		t.Errorf("New = %v, want an error that asks for busy_timeout on every connection", err)
	}
}

func TestReaderOfAnotherFileIsRefused(t *testing.T) {
	t.Parallel()
	open := func() *sql.DB {
		db, err := sql.Open("sqlite", sqlstore.SQLiteDSN(filepath.Join(t.TempDir(), "test.db")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	_, err := sqlstore.New(open(), sqlstore.Config{Dialect: sqlstore.SQLite, Reader: open()})
	if err == nil || !strings.Contains(err.Error(), "Config.Reader") {
		t.Errorf("New = %v, want an error about Config.Reader", err)
	}
}

func TestMySQLSettingsAreAsked(t *testing.T) {
	t.Parallel()
	e := engine(t, "mysql")
	good := e.DSN(t)
	bare, _, _ := strings.Cut(good, "?")
	for _, c := range []struct{ name, dsn, mentions string }{
		{"MySQLDSN", good, ""},
		{"values cut short", bare + "?charset=utf8mb4&sql_mode=%27%27", "not strict"},
		{"names in latin1", bare + "?charset=latin1", "utf8mb4"},
		{"no autocommit", good + "&autocommit=0", "autocommit"},
	} {
		db, err := sql.Open(e.Driver, c.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = sqlstore.New(db, sqlstore.Config{Dialect: e.Dialect})
		switch {
		case c.mentions == "" && err != nil:
			t.Errorf("%s: New = %v, want no error", c.name, err)
		case c.mentions != "" && (err == nil || !strings.Contains(err.Error(), c.mentions) || !strings.Contains(err.Error(), "MySQLDSN")):
			t.Errorf("%s: New = %v, want an error that mentions %s and MySQLDSN", c.name, err, c.mentions)
		}
	}
}

// TestMySQLWithoutFoundRows keeps the contracts although rows are counted only if
// they change.
func TestMySQLWithoutFoundRows(t *testing.T) {
	t.Parallel()
	e := engine(t, "mysql")
	db, err := sql.Open(e.Driver, strings.Replace(e.DSN(t), "clientFoundRows=true", "clientFoundRows=false", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := sqlstore.New(db, sqlstore.Config{Dialect: e.Dialect, Prefix: sqltest.Prefix()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	se, i := w.newSession(), w.newInvite()
	key := w.name("key")
	for range 2 { // the second time nothing changes
		for what, err := range map[string]error{
			"UpdateUser":   s.UpdateUser(t.Context(), w.user),
			"RenewSession": s.RenewSession(t.Context(), se.ID, 7, epoch),
			"RenewInvite":  s.RenewInvite(t.Context(), i.OrgID, i.ID, i.Hash, i.ExpiresAt),
			"UpdateAttempts": second(s.UpdateAttempts(t.Context(), key, func(store.Attempts) store.Attempts {
				return store.Attempts{Count: 1, Expires: epoch}
			})),
		} {
			if err != nil {
				t.Errorf("%s = %v, want no error", what, err)
			}
		}
	}
	if err := s.RenewSession(t.Context(), "none", 7, epoch); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RenewSession(none) = %v, want ErrNotFound", err)
	}
	if err := s.RenewInvite(t.Context(), i.OrgID, "none", []byte("hash"), epoch); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RenewInvite(none) = %v, want ErrNotFound", err)
	}
}

func engine(t *testing.T, name string) *sqltest.Engine {
	t.Helper()
	for _, e := range sqltest.Engines() {
		if e.Name == name {
			e.Require(t)
			return e
		}
	}
	t.Fatalf("no engine %q", name)
	return nil
}

func TestConfigIsCheckedAsAWhole(t *testing.T) {
	t.Parallel()
	_, err := sqlstore.Open("nosuchdriver", "x", sqlstore.Config{Prefix: "Robert'); DROP TABLE students; --", MaxConns: -1})
	for _, field := range []string{"Dialect", "Prefix", "MaxConns"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("Open = %v, want an error that names Config.%s", err, field)
		}
	}
	if _, err := sqlstore.New(nil, sqlstore.Config{Dialect: sqlstore.SQLite}); err == nil {
		t.Error("New(nil) = nil, want an error")
	}
	if _, err := sqlstore.Open("sqlite", "x.db", sqlstore.Config{Reader: new(sql.DB)}); err == nil || !strings.Contains(err.Error(), "Reader") {
		t.Errorf("Open with a Reader = %v, want an error that names it", err)
	}
	if _, err := sqlstore.Open("nosuchdriver", "x.db", sqlstore.Config{Dialect: sqlstore.SQLite}); err == nil {
		t.Error("Open with an unknown driver = nil, want an error")
	}
	if _, err := sqlstore.Open("sqlite", filepath.Join(t.TempDir(), "no", "such", "directory.db"), sqlstore.Config{}); err == nil {
		t.Error("Open of a file that cannot be made = nil, want an error")
	}
}

// TestMemoryDatabasesAreApart: two stores in memory do not meet, and one keeps its
// rows when its connection is replaced.
func TestMemoryDatabasesAreApart(t *testing.T) {
	t.Parallel()
	e := engine(t, "sqlite-memory")
	one, two := newWorld(t, e.Open(t, sqlstore.Config{})), e.Open(t, sqlstore.Config{})
	if _, err := two.UserByID(t.Context(), one.user.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("UserByID in another store = %v, want ErrNotFound", err)
	}
	one.DB().SetMaxIdleConns(0) // closes the connection
	if _, err := one.UserByID(t.Context(), one.user.ID); err != nil {
		t.Errorf("UserByID on a new connection = %v, want the user", err)
	}
}
