// Package flows_test proves whole flows of package auth, from the request to the
// row, over every store there is: memory, SQLite in a file, PostgreSQL, and MySQL
// or MariaDB. Requests go to the real handlers without a socket in between, so
// that requests sent at once arrive at once.
//
// The tests take a minute at most. These variables lengthen them:
//
//	AEGIS_ROUNDS=1000    rounds of each stampede of refreshes; default 10
//	AEGIS_RACES=200      rounds of the races of which one may win; default 3
//	AEGIS_KILLS=50       how often the server is killed under load; default 3
//	AEGIS_CRASH=all      every kind of fault, and a process killed at every call, on every database
//	AEGIS_CORPUS=all     every text of the corpus in every field; or how many requests a store
package flows_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(nodeVariable); settings != "" {
		if err := runNode(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := sqltest.Main(m)
	removeServer()
	os.Exit(code)
}

// number returns the number in an environment variable.
func number(tb testing.TB, variable string, fallback int) int {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		tb.Fatalf("%s is %q, want a number of at least 1", variable, text)
	}
	return n
}

// newMemory returns an empty store in memory.
func newMemory() store.Store { return memstore.New() }

// eachStore runs f as a subtest over every store.
func eachStore(t *testing.T, f func(t *testing.T, st store.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		f(t, newMemory())
	})
	eachEngine(t, func(t *testing.T, e *sqltest.Engine) {
		var c sqlstore.Config
		if e.Dialect == sqlstore.SQLite {
			c.QueryTimeout = time.Minute // hundreds of requests at once wait their turn, however slow the disk is
		}
		f(t, e.Open(t, c))
	})
}

// eachEngine runs f as a subtest for every database.
func eachEngine(t *testing.T, f func(t *testing.T, e *sqltest.Engine)) {
	t.Helper()
	for _, e := range sqltest.Engines() {
		if e.Name == "sqlite-memory" {
			continue // what it has of its own is proved beside the stores
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			e.Require(t)
			f(t, e)
		})
	}
}

// eachDatabase runs f as a subtest for every database, opened through a driver
// that counts and disturbs.
func eachDatabase(t *testing.T, c sqlstore.Config, f func(t *testing.T, d *database)) {
	t.Helper()
	eachEngine(t, func(t *testing.T, e *sqltest.Engine) { f(t, openDatabase(t, e, c)) })
}

// database is a store in SQL, the tables of which can be looked at and changed
// behind its back.
type database struct {
	*sqlstore.Store
	engine *sqltest.Engine
	prefix string
	faults faultdriver.Faults
}

func openDatabase(tb testing.TB, e *sqltest.Engine, c sqlstore.Config) *database {
	tb.Helper()
	c.Prefix = sqltest.Prefix()
	d := &database{engine: e, prefix: c.Prefix}
	d.Store = e.OpenFaulty(tb, &d.faults, c)
	return d
}
