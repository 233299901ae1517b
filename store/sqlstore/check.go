package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// checkTimeout bounds the questions New asks.
const checkTimeout = 5 * time.Second

// check asks the database for the settings on which the promises of package store
// rest, and returns all that is wrong. writers says that a transaction locks what
// it reads by itself, or from its start.
func (h *handle) check() (writers bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	writers = true
	switch h.d {
	case SQLite:
		err = errors.Join(checkSQLite(ctx, h.db), checkSQLiteReader(ctx, h.db, h.reader))
		if err == nil {
			writers, err = beginsAsWriter(ctx, h.db)
		}
	case Postgres:
		err = checkPostgres(ctx, h.db)
	case MySQL:
		err = checkMySQL(ctx, h.db)
	}
	if err != nil {
		return false, fmt.Errorf("sqlstore: %w", err)
	}
	return writers, nil
}

const sqliteRemedy = "open it with sqlstore.Open, or with the data source name that sqlstore.SQLiteDSN gives"

// checkSQLite looks at two connections if the pool may have two: a pragma that was
// executed once, and not put into the data source name, holds for one of them
// only.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	n := 2
	if db.Stats().MaxOpenConnections == 1 {
		n = 1
	}
	for range n {
		c, err := db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("open SQLite: %w", err)
		}
		defer c.Close() // all of them are held until the end, so that they differ
		if err := checkSQLiteConn(ctx, c, n); err != nil {
			return err
		}
	}
	return nil
}

func checkSQLiteConn(ctx context.Context, c *sql.Conn, conns int) error {
	var version, journal, file string
	var timeout, synchronous int
	for _, q := range []struct {
		text string
		dest any
	}{
		{"SELECT sqlite_version()", &version},
		{"PRAGMA journal_mode", &journal},
		{"PRAGMA busy_timeout", &timeout},
		{"PRAGMA synchronous", &synchronous},
		{"SELECT coalesce((SELECT file FROM pragma_database_list WHERE name = 'main'), '')", &file},
	} {
		if err := c.QueryRowContext(ctx, q.text).Scan(q.dest); err != nil {
			return fmt.Errorf("%s: %w", q.text, err)
		}
	}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": "+sqliteRemedy, args...))
	}
	if !atLeast(version, 3, 37) {
		errs = append(errs, fmt.Errorf("SQLite is version %s: use a driver with 3.37 or later", version))
	}
	if file == "" {
		if conns > 1 {
			errs = append(errs, errors.New("SQLite keeps this database in memory, where each connection has its own: "+
				"call db.SetMaxOpenConns(1), or "+sqliteRemedy))
		}
		return errors.Join(errs...)
	}
	if !strings.EqualFold(journal, "wal") {
		wrong("SQLite's journal_mode is %q and must be WAL, or readers and the writer lock each other out", journal)
	}
	if timeout < 1000 {
		wrong("SQLite's busy_timeout is %d ms and must be 1000 or more on every connection, or concurrent writes fail", timeout)
	}
	if synchronous < 1 {
		wrong("SQLite's synchronous is OFF and must be FULL (or NORMAL, if a power failure may undo the last seconds)")
	}
	return errors.Join(errs...)
}

// checkSQLiteReader looks for a second pool that sees another database.
func checkSQLiteReader(ctx context.Context, db, reader *sql.DB) error {
	if reader == db {
		return nil
	}
	const q = "SELECT coalesce((SELECT file FROM pragma_database_list WHERE name = 'main'), '')"
	var a, b string
	if err := errors.Join(db.QueryRowContext(ctx, q).Scan(&a), reader.QueryRowContext(ctx, q).Scan(&b)); err != nil {
		return err
	}
	if a != b || a == "" {
		return fmt.Errorf("Config.Reader reads %q, but the store writes %q: open both on one file", b, a)
	}
	return nil
}

// beginsAsWriter reports whether BEGIN makes a transaction the one writer, as
// _txlock=immediate does. SQLite has no setting to ask for; but it refuses to move
// pages out of the log while the transaction that asks for it is the writer. A
// database in memory has no log, and one connection.
func beginsAsWriter(ctx context.Context, db *sql.DB) (bool, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	var busy, inLog, moved int
	err = tx.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &inLog, &moved)
	switch {
	case err == nil:
		return inLog < 0, nil
	case SQLite.fault(err) == againFault:
		return true, nil
	}
	return false, err
}

func checkPostgres(ctx context.Context, db *sql.DB) error {
	var encoding, number string
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_encoding'), current_setting('server_version_num')").
		Scan(&encoding, &number); err != nil {
		return fmt.Errorf("ask PostgreSQL for its settings: %w", err)
	}
	var errs []error
	if encoding != "UTF8" {
		errs = append(errs, fmt.Errorf("the database's encoding is %s: create it with ENCODING 'UTF8'", encoding))
	}
	if len(number) < 6 || number < "120000" {
		errs = append(errs, fmt.Errorf("PostgreSQL is version %s: use 12 or later", number))
	}
	return errors.Join(errs...)
}

func checkMySQL(ctx context.Context, db *sql.DB) error {
	var version, mode, charset string
	var autocommit bool
	if err := db.QueryRowContext(ctx, "SELECT VERSION(), @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.autocommit").
		Scan(&version, &mode, &charset, &autocommit); err != nil {
		return fmt.Errorf("ask MySQL for its settings: %w", err)
	}
	const remedy = ": open it with sqlstore.Open, or with the data source name that sqlstore.MySQLDSN gives"
	var errs []error
	number, isMaria := strings.CutPrefix(version, "5.5.5-")
	switch isMaria = isMaria || strings.Contains(version, "MariaDB"); {
	case isMaria && !atLeast(number, 10, 5):
		errs = append(errs, fmt.Errorf("MariaDB is version %s: use 10.5 or later", version))
	case !isMaria && !atLeast(number, 8, 0):
		errs = append(errs, fmt.Errorf("MySQL is version %s: use 8.0 or later", version))
	}
	if !strings.Contains(mode, "STRICT_TRANS_TABLES") && !strings.Contains(mode, "STRICT_ALL_TABLES") {
		errs = append(errs, errors.New("sql_mode is not strict, so that MySQL would cut values short and say nothing"+remedy))
	}
	if strings.Contains(mode, "PAD_CHAR_TO_FULL_LENGTH") || strings.Contains(mode, "ANSI_QUOTES") && strings.Contains(mode, "PIPES_AS_CONCAT") {
		errs = append(errs, fmt.Errorf("sql_mode is %s, in which statements mean other things%s", mode, remedy))
	}
	if charset != "utf8mb4" {
		errs = append(errs, fmt.Errorf("the connection's character set is %s and must be utf8mb4, or names lose characters%s", charset, remedy))
	}
	if !autocommit {
		errs = append(errs, errors.New("autocommit is off, so that single statements would be lost"+remedy))
	}
	return errors.Join(errs...)
}

// atLeast compares the first two numbers of a version.
func atLeast(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
