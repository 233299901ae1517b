package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// handle is a database as the tables of one Store use it.
type handle struct {
	db     *sql.DB // writes
	reader *sql.DB // reads; often the same
	owned  pools   // to be closed with the store
	d      Dialect
	prefix string

	timeout time.Duration // of one method; none if negative
	audit   bool          // entries in contexts are written
	created func(context.Context, *sql.Tx, *store.User) error

	// SQLite has one writer. turn, if not nil, is held by whoever writes, so that
	// goroutines wait in line instead of polling the file's lock; lockFirst makes
	// a transaction the writer before it reads anything.
	turn      chan struct{}
	lockFirst *stmt

	texts sync.Map // rendered text → *stmt, for statements made on the fly
}

// newHandle checks what can be checked of db and returns its handle.
func newHandle(db *sql.DB, c Config) (*handle, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("sqlstore: db is nil: open it with sqlstore.Open or sql.Open")
	}
	h := &handle{
		db: db, reader: db, d: c.Dialect, prefix: c.Prefix,
		timeout: c.QueryTimeout, audit: c.Audit, created: c.UserCreated,
	}
	if c.Reader != nil {
		h.reader = c.Reader
	}
	writers, err := h.check()
	if err != nil {
		return nil, err
	}
	if h.d == SQLite && !writers {
		h.lockFirst = h.stmt("UPDATE {role_guards} SET turns = turns WHERE role = '' AND turns < 0")
	}
	if h.d == SQLite && db.Stats().MaxOpenConnections != 1 {
		h.turn = make(chan struct{}, 1)
	}
	return h, nil
}

// stmt is one statement in the words of the dialect. Where that pays it is
// prepared, once for each pool, when it is first used.
type stmt struct {
	h    *handle
	text string
	kept [2]atomic.Pointer[sql.Stmt] // of handle.db, and of handle.reader
}

func (h *handle) stmt(q string) *stmt {
	return &stmt{h: h, text: h.d.render(q, h.prefix)}
}

// madeStmt is stmt for a statement that is put together from a call's arguments.
// There is a small number of them, so that they are kept for ever.
func (h *handle) madeStmt(q string) *stmt {
	if s, ok := h.texts.Load(q); ok {
		return s.(*stmt)
	}
	s, _ := h.texts.LoadOrStore(q, h.stmt(q))
	return s.(*stmt)
}

// prepare returns the kept statement of db, and makes it if there is none.
func (s *stmt) prepare(ctx context.Context, db *sql.DB) (*sql.Stmt, error) {
	kept := &s.kept[0]
	if db != s.h.db {
		kept = &s.kept[1]
	}
	if p := kept.Load(); p != nil {
		return p, nil
	}
	p, err := db.PrepareContext(ctx, s.text)
	if err != nil {
		return nil, err
	}
	if !kept.CompareAndSwap(nil, p) {
		p.Close() // another goroutine was first
	}
	return kept.Load(), nil
}

// conn runs statements: on a pool, or in a transaction.
type conn struct {
	h  *handle
	db *sql.DB
	tx *sql.Tx  // nil on a pool
	in *txState // nil on a pool
}

// txState is what is known of statements in one transaction.
type txState struct {
	bound      map[*stmt]*sql.Stmt // prepared, and bound to the transaction
	unprepared []*stmt             // run as text
}

func (h *handle) onWriter() conn { return conn{h: h, db: h.db} }
func (h *handle) onReader() conn { return conn{h: h, db: h.reader} }

// exec runs a statement without rows, and returns how many it changed.
func (c conn) exec(ctx context.Context, s *stmt, args ...any) (int64, error) {
	res, err := c.run(ctx, s, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c conn) run(ctx context.Context, s *stmt, args []any) (sql.Result, error) {
	p, err := c.prepared(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case p != nil:
		return p.ExecContext(ctx, args...)
	case c.tx != nil:
		return c.tx.ExecContext(ctx, s.text, args...)
	}
	return c.db.ExecContext(ctx, s.text, args...)
}

func (c conn) query(ctx context.Context, s *stmt, args []any) (*sql.Rows, error) {
	p, err := c.prepared(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case p != nil:
		return p.QueryContext(ctx, args...)
	case c.tx != nil:
		return c.tx.QueryContext(ctx, s.text, args...)
	}
	return c.db.QueryContext(ctx, s.text, args...)
}

// prepared returns s ready to run, or nil if its text is to be run. A transaction
// uses what is prepared but prepares nothing itself: it holds a connection, and
// preparing may need another.
func (c conn) prepared(ctx context.Context, s *stmt) (*sql.Stmt, error) {
	if !c.h.d.reusesStmts() {
		return nil, nil
	}
	if c.tx == nil {
		return s.prepare(ctx, c.db)
	}
	if p := c.in.bound[s]; p != nil {
		return p, nil
	}
	p := s.kept[0].Load()
	if p == nil {
		c.in.unprepared = append(c.in.unprepared, s)
		return nil, nil
	}
	if c.in.bound == nil {
		c.in.bound = make(map[*stmt]*sql.Stmt)
	}
	c.in.bound[s] = c.tx.StmtContext(ctx, p)
	return c.in.bound[s], nil
}

// row is what a scan function reads from.
type row interface{ Scan(dest ...any) error }

// each runs a statement and hands its rows to f, to the end: only then has a
// statement that changes something reported every fault.
func (c conn) each(ctx context.Context, s *stmt, args []any, f func(row) error) error {
	if c.tx == nil && !c.h.d.reusesStmts() {
		if can, err := c.directly(ctx, s, args, f); can {
			return err
		}
	}
	rows, err := c.query(ctx, s, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// one runs a statement that gives a row at most, and returns store.ErrNotFound if
// it gives none.
func one[T any](ctx context.Context, c conn, s *stmt, scan func(row) (T, error), args ...any) (v T, err error) {
	found := false
	err = c.each(ctx, s, args, func(r row) (err error) {
		found = true
		v, err = scan(r)
		return err
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return v, err
}

// all runs a statement and returns its rows.
func all[T any](ctx context.Context, c conn, s *stmt, scan func(row) (T, error), args ...any) (list []T, err error) {
	err = c.each(ctx, s, args, func(r row) error {
		v, err := scan(r)
		list = append(list, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// insert runs an INSERT that ends with Dialect.orNothing, and returns
// store.ErrConflict if a key is taken.
func (c conn) insert(ctx context.Context, s *stmt, args ...any) error {
	n, err := c.exec(ctx, s, args...)
	switch {
	case err == nil && n > 0:
		return nil
	case err == nil, c.h.d.fault(err) == takenFault:
		return store.ErrConflict
	}
	return err
}
