package faultdriver

//lint:file-ignore SA1019 what drivers had before contexts is passed on as well

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"os"
	"sync/atomic"
)

type connector struct {
	f    *Faults
	real driver.Connector

	// skips says that the driver has statements with values prepared first: that
	// they were offered to it in one piece is no call then.
	skips atomic.Bool
}

func (c *connector) Driver() driver.Driver { return c.real.Driver() }

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	w := &conn{f: c.f, from: c}
	return result(ctx, w, Call{Op: Connect}, func() (driver.Conn, error) {
		real, err := c.real.Connect(ctx)
		if err != nil {
			return nil, err
		}
		w.real = real
		return w, nil
	})
}

func (c *connector) Close() error {
	if cl, ok := c.real.(io.Closer); ok {
		return cl.Close()
	}
	return nil
}

// conn is a connection whose calls may fail. Like any driver.Conn it is used by
// one goroutine at a time.
type conn struct {
	f    *Faults
	from *connector
	real driver.Conn
	tx   bool
	dead bool // was dropped

	stmts map[*stmt]struct{} // not closed yet
}

var (
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

// result carries out a call, or what its fault makes of it.
func result[T any](ctx context.Context, c *conn, call Call, do func() (T, error)) (v T, err error) {
	if c.dead {
		return v, driver.ErrBadConn
	}
	call.Tx = c.tx
	fault := c.f.enter(call)
	if fault == nil {
		return do()
	}
	if fault.Stall {
		if err := c.f.hang(ctx); err != nil {
			return v, err
		}
		return do()
	}
	if fault.Late {
		lost, err := do()
		if err != nil {
			return v, err // it would have failed anyway
		}
		switch lost := any(lost).(type) {
		case driver.Rows:
			lost.Close()
		case driver.Conn:
			lost.Close()
		case driver.Tx: // or what is asked next would be part of it
			lost.Rollback()
		}
	}
	if fault.Kill {
		kill()
	}
	if fault.Drop {
		c.drop()
	}
	if fault.Err == nil {
		return v, ErrFault
	}
	return v, fault.Err
}

// kill ends the process without a word to anybody.
func kill() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until it takes effect
}

// drop closes the real connection and all that would keep it open: SQLite has no
// server to end a transaction for it.
func (c *conn) drop() {
	c.dead = true
	for s := range c.stmts {
		s.real.Close()
	}
	if c.real != nil {
		c.real.Close()
	}
}

func (c *conn) Close() error {
	if c.dead {
		return nil
	}
	return c.real.Close()
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return result(ctx, c, Call{Op: Prepare, Text: query}, func() (driver.Stmt, error) {
		var s driver.Stmt
		var err error
		if p, ok := c.real.(driver.ConnPrepareContext); ok {
			s, err = p.PrepareContext(ctx, query)
		} else {
			s, err = c.real.Prepare(query)
		}
		if err != nil {
			return nil, err
		}
		w := &stmt{c, s, query}
		if c.stmts == nil {
			c.stmts = make(map[*stmt]struct{})
		}
		c.stmts[w] = struct{}{}
		return w, nil
	})
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return result(ctx, c, Call{Op: Begin}, func() (driver.Tx, error) {
		var t driver.Tx
		var err error
		if b, ok := c.real.(driver.ConnBeginTx); ok {
			t, err = b.BeginTx(ctx, opts)
		} else {
			t, err = c.real.Begin()
		}
		if err != nil {
			return nil, err
		}
		c.tx = true
		return &tx{c, t, ctx}, nil
	})
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.real.(driver.ExecerContext)
	if !ok || len(args) > 0 && c.from.skips.Load() {
		return nil, driver.ErrSkip
	}
	res, err := result(ctx, c, Call{Op: Exec, Text: query}, func() (driver.Result, error) {
		return e.ExecContext(ctx, query, args)
	})
	c.noteSkip(err)
	return res, err
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.real.(driver.QueryerContext)
	if !ok || len(args) > 0 && c.from.skips.Load() {
		return nil, driver.ErrSkip
	}
	rows, err := result(ctx, c, Call{Op: Query, Text: query}, func() (driver.Rows, error) {
		return q.QueryContext(ctx, query, args)
	})
	c.noteSkip(err)
	return rows, err
}

// noteSkip learns that a call was none. The first of a database is counted before
// that is known, and is taken back.
func (c *conn) noteSkip(err error) {
	if err == driver.ErrSkip {
		c.from.skips.Store(true)
		c.f.takeBack()
	}
}

func (c *conn) Ping(ctx context.Context) error {
	_, err := result(ctx, c, Call{Op: Ping}, func() (struct{}, error) {
		if p, ok := c.real.(driver.Pinger); ok {
			return struct{}{}, p.Ping(ctx)
		}
		return struct{}{}, nil
	})
	return err
}

func (c *conn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if r, ok := c.real.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	if c.dead {
		return false
	}
	if v, ok := c.real.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.real.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type tx struct {
	c    *conn
	real driver.Tx
	ctx  context.Context // of BeginTx, which holds for the whole transaction
}

func (t *tx) Commit() error { return t.end(Commit, t.real.Commit) }

func (t *tx) Rollback() error { return t.end(Rollback, t.real.Rollback) }

func (t *tx) end(op Op, do func() error) error {
	_, err := result(t.ctx, t.c, Call{Op: op}, func() (struct{}, error) { return struct{}{}, do() })
	if err != nil && !t.c.dead {
		// database/sql takes the transaction to be over. A commit that did not
		// happen must not stay open on a connection that is used again.
		if rollback := t.real.Rollback(); rollback != nil && errors.Is(rollback, driver.ErrBadConn) {
			t.c.drop()
		}
	}
	t.c.tx = false
	return err
}

type stmt struct {
	c     *conn
	real  driver.Stmt
	query string
}

var (
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
)

func (s *stmt) Close() error {
	if s.c.dead {
		return nil
	}
	delete(s.c.stmts, s)
	return s.real.Close()
}

func (s *stmt) NumInput() int { return s.real.NumInput() }

func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return result(ctx, s.c, Call{Op: Exec, Text: s.query}, func() (driver.Result, error) {
		if e, ok := s.real.(driver.StmtExecContext); ok {
			return e.ExecContext(ctx, args)
		}
		return s.real.Exec(values(args))
	})
}

func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return result(ctx, s.c, Call{Op: Query, Text: s.query}, func() (driver.Rows, error) {
		if q, ok := s.real.(driver.StmtQueryContext); ok {
			return q.QueryContext(ctx, args)
		}
		return s.real.Query(values(args))
	})
}

func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.real.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.c.CheckNamedValue(v)
}

func named(args []driver.Value) []driver.NamedValue {
	n := make([]driver.NamedValue, len(args))
	for i, v := range args {
		n[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return n
}

func values(args []driver.NamedValue) []driver.Value {
	v := make([]driver.Value, len(args))
	for i, n := range args {
		v[i] = n.Value
	}
	return v
}
