package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"regexp"
	"strings"
	"time"
)

//go:embed migrations
var migrationFiles embed.FS

// ErrNewerSchema is returned by [Store.Migrate] and [Store.Plan] when the schema
// has migrations that this program does not know: a newer one has run.
var ErrNewerSchema = errors.New("sqlstore: the schema is newer than this program")

// Migrations returns the migrations of the dialect: numbered .sql files, forward
// only, that psql, goose or atlas can run instead of [Store.Migrate]. They make
// tables whose names begin with auth_; for another prefix, replace every auth_ in
// them. It returns nil for an unknown dialect.
func Migrations(d Dialect) fs.FS {
	if !d.known() {
		return nil
	}
	sub, err := fs.Sub(migrationFiles, "migrations/"+string(d))
	if err != nil {
		panic(err) // the path is valid
	}
	return sub
}

// Migration is one step of the schema.
type Migration struct {
	Version int64  // its number, from 1
	Name    string // of its file: "0001_users.sql"
	SQL     string // with the prefix in place
}

// migrations returns the steps in order.
func (h *handle) migrations() ([]Migration, error) {
	files := Migrations(h.d)
	names, err := fs.Glob(files, "*.sql") // in lexical order
	if err != nil {
		return nil, err
	}
	var list []Migration
	for i, name := range names {
		m := Migration{Name: name}
		if _, err := fmt.Sscanf(name, "%04d_", &m.Version); err != nil || m.Version != int64(i+1) {
			return nil, fmt.Errorf("sqlstore: migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		m.SQL = prefixToken.ReplaceAllLiteralString(string(text), h.prefix)
		list = append(list, m)
	}
	return list, nil
}

// prefixToken is what stands for the prefix in the files.
var prefixToken = regexp.MustCompile(`\bauth_`)

// statements splits a file. The files hold no semicolon but the one that ends a
// statement, at the end of its line.
func (m Migration) statements() []string {
	var list []string
	for _, s := range strings.Split(m.SQL, ";\n") {
		var code []string
		for _, line := range strings.Split(s, "\n") {
			if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "--") {
				code = append(code, line)
			}
		}
		if len(code) > 0 {
			list = append(list, strings.Join(code, "\n"))
		}
	}
	return list
}

// Migrate implements [store.Migrator]. Steps are transactions where the engine can
// undo a change of schema; in MySQL, which cannot, each statement may be repeated,
// so that a run that was cut off is taken up by the next. Migrate waits for another
// that is under way, as long as ctx allows.
func (s *Store) Migrate(ctx context.Context) error { return s.h.migrate(ctx) }

// Plan returns what Migrate would do, and changes nothing.
func (s *Store) Plan(ctx context.Context) ([]Migration, error) { return s.h.plan(ctx) }

// Migrate is [Store.Migrate] for callers who use single tables: it makes all of
// them, and those that are not used stay empty.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	h, err := newHandle(db, c)
	if err != nil {
		return err
	}
	return h.migrate(ctx)
}

func (h *handle) plan(ctx context.Context) ([]Migration, error) {
	c, err := h.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("plan migrations: %w", err)
	}
	defer c.Close()
	var n int64
	if err := c.QueryRowContext(ctx, h.sql(h.d.hasTable()), h.prefix+"migrations").Scan(&n); err != nil {
		return nil, fmt.Errorf("plan migrations: %w", err)
	}
	if n == 0 {
		return h.migrations()
	}
	list, err := h.missing(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("plan migrations: %w", err)
	}
	return list, nil
}

func (h *handle) sql(q string) string { return h.d.render(q, h.prefix) }

// missing returns the steps that the version table does not have.
func (h *handle) missing(ctx context.Context, c *sql.Conn) ([]Migration, error) {
	all, err := h.migrations()
	if err != nil {
		return nil, err
	}
	var version int64
	if err := c.QueryRowContext(ctx, h.sql("SELECT coalesce(max(version), 0) FROM {migrations}")).Scan(&version); err != nil {
		return nil, err
	}
	if version > int64(len(all)) {
		return nil, fmt.Errorf("%w: it is at %d, this program knows %d; run the newer program", ErrNewerSchema, version, len(all))
	}
	return all[version:], nil
}

// migrate applies what is missing, alone among all processes.
func (h *handle) migrate(ctx context.Context) error {
	c, err := h.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer c.Close()
	switch h.d {
	case MySQL:
		err = h.migrateLocked(ctx, c)
	default:
		err = h.migrateInTx(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrateInTx applies all steps in one transaction, which is the lock in SQLite
// and holds one in PostgreSQL.
func (h *handle) migrateInTx(ctx context.Context, c *sql.Conn) (err error) {
	for try := 0; ; try++ {
		_, err = c.ExecContext(ctx, h.d.beginAlone())
		if err == nil || h.d.fault(err) != againFault || !pause(ctx, min(try, 6)) {
			break
		}
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// The context may be what ended it, and the connection goes back to
			// the pool.
			c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if h.d == Postgres {
		// No limit of the pool's data source name is meant for this.
		if _, err := c.ExecContext(ctx, "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)"); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", h.lockNumber("")); err != nil {
			return err
		}
	}
	if err := h.apply(ctx, c); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}

// migrateLocked applies the steps one by one under a lock of the server's that
// ends with the connection at the latest.
func (h *handle) migrateLocked(ctx context.Context, c *sql.Conn) error {
	var database string
	if err := c.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return err
	}
	name := fmt.Sprintf("aegis-migrate-%x", uint64(h.lockNumber(database)))
	for got := (sql.NullInt64{}); got.Int64 != 1; {
		// Short waits, so that no limit of the connection's cuts one off.
		if err := c.QueryRowContext(ctx, "SELECT GET_LOCK(?, 2)", name).Scan(&got); err != nil {
			return err
		}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		c.ExecContext(ctx, "DO RELEASE_LOCK(?)", name)
	}()
	return h.apply(ctx, c)
}

// lockNumber is the same for all who migrate the same tables.
func (h *handle) lockNumber(database string) int64 {
	f := fnv.New64a()
	fmt.Fprintf(f, "aegis/sqlstore/migrate\x00%s\x00%s", database, h.prefix)
	return int64(f.Sum64())
}

// apply runs the missing steps on c, which holds the lock.
func (h *handle) apply(ctx context.Context, c *sql.Conn) error {
	if _, err := c.ExecContext(ctx, h.sql(h.d.versionTable())); err != nil {
		return err
	}
	steps, err := h.missing(ctx, c)
	if err != nil {
		return err
	}
	for _, m := range steps {
		for _, s := range m.statements() {
			if _, err := c.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", m.Name, err)
			}
		}
		if _, err := c.ExecContext(ctx, h.sql("INSERT INTO {migrations} (version, name) VALUES (?, ?)"), m.Version, m.Name); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return nil
}
