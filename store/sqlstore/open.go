package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Open opens a database with the right settings, whatever dsn leaves out, and
// returns the store over it. The driver must be linked in and registered under
// driverName. dsn is what [SQLiteDSN], [PostgresDSN] or [MySQLDSN] takes; for
// SQLite also ":memory:", a database that is gone with the store.
//
// The store has pools of its own, bounded by [Config.MaxConns], and one
// connection that writes besides if the database is SQLite. [Store.Close] closes
// them.
func Open(driverName, dsn string, c Config) (*Store, error) {
	if c.Dialect == "" {
		c.Dialect = dialectOf(driverName)
	}
	full, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Reader != nil {
		return nil, errors.New("sqlstore: Config.Reader is set, but Open makes its own pools: leave it nil, or use New")
	}
	var p pools
	switch c.Dialect {
	case SQLite:
		err = p.openSQLite(driverName, dsn, full.MaxConns)
	case Postgres:
		err = p.openServer(driverName, dsn, full.MaxConns, PostgresDSN)
	case MySQL:
		err = p.openServer(driverName, dsn, full.MaxConns, MySQLDSN)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	c.Reader = p.reader
	s, err := New(p.db, c)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	s.h.owned = p
	return s, nil
}

// dialectOf returns what the usual drivers speak, by the names they register.
func dialectOf(driverName string) Dialect {
	switch driverName {
	case "sqlite", "sqlite3":
		return SQLite
	case "pgx", "pgx/v5", "postgres":
		return Postgres
	case "mysql", "mariadb":
		return MySQL
	}
	return ""
}

// pools are the pools of one store.
type pools struct {
	db     *sql.DB
	reader *sql.DB // nil: db reads
	all    []*sql.DB
}

// open opens one more pool, of at most conns connections.
func (p *pools) open(driverName, dsn string, conns int) (*sql.DB, error) {
	db, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open %s: %w", driverName, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	p.all = append(p.all, db)
	return db, nil
}

func (p *pools) close() error {
	var errs []error
	for _, db := range p.all {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// openSQLite opens a pool that writes, of one connection, and a pool that reads.
func (p *pools) openSQLite(driverName, dsn string, conns int) (err error) {
	if inMemory(dsn) {
		return p.openMemory(driverName)
	}
	dsn = SQLiteDSN(dsn)
	if p.db, err = p.open(driverName, dsn, 1); err != nil {
		return err
	}
	// The first connection makes the file and turns the log on, which excludes
	// everybody for a moment, other processes that do the same included.
	if err := settle(p.db); err != nil {
		return fmt.Errorf("sqlstore: open %s: %w", driverName, err)
	}
	p.reader, err = p.open(driverName, dsn, min(conns, max(4, 2*runtime.GOMAXPROCS(0))))
	return err
}

// openMemory opens a database under a name nobody else has, so that stores do not
// meet. One connection reads and writes, since locks between connections to a
// database in memory know no patience; a second one does nothing but keep the
// database while the first is replaced.
func (p *pools) openMemory(driverName string) (err error) {
	dsn := "file:aegis-" + rand.Text() + "?mode=memory&cache=shared&_pragma=foreign_keys(1)&_foreign_keys=1&_txlock=immediate"
	anchor, err := p.open(driverName, dsn, 1)
	if err != nil {
		return err
	}
	if err := anchor.Ping(); err != nil {
		return fmt.Errorf("sqlstore: open %s: %w", driverName, err)
	}
	p.db, err = p.open(driverName, dsn, 1)
	return err
}

// openServer opens the one pool of a server.
func (p *pools) openServer(driverName, dsn string, conns int, complete func(string) (string, error)) (err error) {
	if dsn, err = complete(dsn); err != nil {
		return err
	}
	if p.db, err = p.open(driverName, dsn, conns); err != nil {
		return err
	}
	p.db.SetConnMaxLifetime(30 * time.Minute)
	p.db.SetConnMaxIdleTime(5 * time.Minute)
	return nil
}

// settle connects, trying again while others hold the file.
func settle(db *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	for try := 0; ; try++ {
		err := db.PingContext(ctx)
		if err == nil || SQLite.fault(err) != againFault || !pause(ctx, min(try, 5)) {
			return err
		}
	}
}
