package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/examples/bench/turns"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

const rawRead = "bare read of one row"

// liveTables compares routes that ask a database on every request.
func liveTables(o options, w io.Writer) error {
	for i, e := range engines {
		if i > 0 {
			fmt.Fprintln(w)
		}
		clock := "time on the wall"
		if e.within {
			clock = "time of the processor"
		}
		fmt.Fprintf(w, "%s, %s:\n\n", e.name, clock)
		if err := liveTable(o, e, w); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func liveTable(o options, e engine, w io.Writer) (err error) {
	db, err := e.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.drop()) }()
	peers, raw, end, err := databasePeers(db)
	if err != nil {
		return err
	}
	defer end()
	list := []turns.Contestant{{Name: rawRead, Worker: raw}}
	for _, p := range peers {
		list = append(list, p.contestant())
	}
	byProcs, err := onEach(o, 0, e.within, list)
	if err != nil {
		return err
	}
	comparison(w, o, byProcs, live)
	return nil
}

// databasePeers are the middlewares that read from db, and a worker that reads
// one row by its key and does nothing else.
func databasePeers(db *database) (list []peer, raw func() func() error, end func(), err error) {
	s, err := newService(db.store, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	cached, err := newService(db.store, func(c *auth.Config) { c.LiveCache = 5 * time.Second })
	if err != nil {
		return nil, nil, nil, err
	}
	tokens, err := s.signIn()
	if err != nil {
		return nil, nil, nil, err
	}
	good, bad := bearer(tokens)
	m := scs.New()
	m.Store = db.scs
	sessions, err := scsPeer("scs", m)
	if err != nil {
		return nil, nil, nil, err
	}
	ids, err := userIDs(db)
	if err != nil {
		return nil, nil, nil, err
	}
	withUser := sessions
	withUser.name = "scs, and a read of the user"
	withUser.wrap = func(next http.Handler) http.Handler {
		var turn atomic.Uint64
		return sessions.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := ids[turn.Add(1)%many]
			if _, err := db.store.UserByID(r.Context(), id); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		}))
	}
	return []peer{
		{live, s.Guard().RequireUser, good, bad},
		{liveCache, cached.Guard().RequireUser, good, bad},
		{"aegis, tokens alone", stateless(s.Service).RequireUser, good, bad},
		sessions, withUser,
	}, db.reads(ids), func() { s.end(); cached.end() }, nil
}

func userIDs(db *database) (ids []string, err error) {
	for i := range many {
		u, err := db.store.UserByEmail(context.Background(), email("user", i))
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.ID)
	}
	return ids, nil
}

// engine is a kind of database.
type engine struct {
	name   string
	within bool // in this process: the time of the processor is all there is
	open   func() (*database, error)
}

var engines = []engine{{"SQLite", true, openSQLite}, {"PostgreSQL", false, openPostgres}}

// database is an empty one with our schema in it, and a session store of scs on
// the same database and with as many connections.
type database struct {
	store *sqlstore.Store
	db    *sql.DB // for reading
	scs   scs.Store
	drop  func() error
}

func openSQLite() (*database, error) {
	dir, err := os.MkdirTemp("", "aegis-bench-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "bench.db")
	d, err := openStore("sqlite", path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// The store's own pool has one connection, for writing. This one reads.
	d.db, err = sql.Open("sqlite", sqlstore.SQLiteDSN(path))
	d.drop = func() error { return errors.Join(d.db.Close(), d.store.Close(), os.RemoveAll(dir)) }
	if err == nil {
		d.db.SetMaxIdleConns(4) // as many as the store has for reading
		d.db.SetMaxOpenConns(4)
		_, err = d.db.Exec("CREATE TABLE scs_sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)")
	}
	if err != nil {
		return nil, errors.Join(err, d.drop())
	}
	d.scs = sqlite3store.NewWithConfig(d.db, sqlite3store.Config{TableName: "scs_sessions"})
	return d, nil
}

func openPostgres() (*database, error) {
	admin := cmp.Or(os.Getenv("AEGIS_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/postgres")
	server, err := sql.Open("pgx", admin)
	if err != nil {
		return nil, err
	}
	name := "aegis_bench_" + strings.ToLower(rand.Text()[:12])
	if _, err := server.Exec("CREATE DATABASE " + name); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	drop := func() error {
		_, err := server.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		return errors.Join(err, server.Close())
	}
	at, err := url.Parse(admin)
	if err != nil {
		return nil, errors.Join(err, drop())
	}
	at.Path = "/" + name
	d, err := openStore("pgx", at.String())
	if err != nil {
		return nil, errors.Join(err, drop())
	}
	d.db = d.store.DB()
	d.drop = func() error { return errors.Join(d.store.Close(), drop()) }
	if _, err := d.db.Exec("CREATE TABLE scs_sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)"); err != nil {
		return nil, errors.Join(err, d.drop())
	}
	d.scs = postgresstore.NewWithConfig(d.db, postgresstore.Config{TableName: "scs_sessions"})
	return d, nil
}

func openStore(driver, dsn string) (*database, error) {
	st, err := sqlstore.Open(driver, dsn, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.Migrate(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &database{store: st}, nil
}

// reads is a worker that reads one column of a user by its key, prepared.
func (d *database) reads(ids []string) func() func() error {
	return func() func() error {
		read, err := d.db.Prepare("SELECT email FROM auth_users WHERE id = $1")
		i := 0
		return func() error {
			if err != nil {
				return err
			}
			var email string
			id := ids[i%len(ids)]
			i++
			return read.QueryRow(id).Scan(&email)
		}
	}
}
