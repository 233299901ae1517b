package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// maxRetries is how often a step is repeated that the database undid.
const maxRetries = 5

// verbatim is an error of a caller's function, to be returned as it is. fromDB says
// that it may come from the database, and be one to repeat the transaction for.
type verbatim struct {
	error
	fromDB bool
}

// settled is an outcome that is an error for the caller but stands: the
// transaction is committed, without an audit entry.
type settled struct{ error }

// read runs fn where reads go.
func (h *handle) read(ctx context.Context, op string, fn func(context.Context, conn) error) error {
	return h.run(ctx, op, func(ctx context.Context) error { return fn(ctx, h.onReader()) })
}

// write runs fn, which changes something with one statement: alone, or together
// with the audit entry that ctx carries in a transaction.
func (h *handle) write(ctx context.Context, op string, fn func(context.Context, conn) error) error {
	if h.entry(ctx) != nil {
		return h.inTx(ctx, op, fn)
	}
	return h.writeAlone(ctx, op, fn)
}

// writeAlone is write without the entry, for rotations and housekeeping.
func (h *handle) writeAlone(ctx context.Context, op string, fn func(context.Context, conn) error) error {
	return h.run(ctx, op, func(ctx context.Context) error {
		release, err := h.takeTurn(ctx)
		if err != nil {
			return err
		}
		defer release()
		return fn(ctx, h.onWriter())
	})
}

// inTx runs fn in a transaction, and the audit entry that ctx carries with it.
// fn may run several times; the last run decides.
func (h *handle) inTx(ctx context.Context, op string, fn func(context.Context, conn) error) error {
	return h.inTxWith(ctx, op, h.entry(ctx), fn)
}

func (h *handle) inTxWith(ctx context.Context, op string, e *store.AuditEntry, fn func(context.Context, conn) error) error {
	err := h.run(ctx, op, func(ctx context.Context) error { return h.tx(ctx, e, fn) })
	if err == nil && e != nil {
		e.MarkWritten()
	}
	return err
}

// entry returns the audit entry that ctx carries, if it is to be written.
func (h *handle) entry(ctx context.Context) *store.AuditEntry {
	if !h.audit {
		return nil
	}
	return store.AuditFrom(ctx)
}

// tx is one transaction.
func (h *handle) tx(ctx context.Context, e *store.AuditEntry, fn func(context.Context, conn) error) error {
	release, err := h.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer release()
	var in txState
	fresh, err := h.attempt(ctx, e, fn, &in)
	if fresh {
		// The next transaction finds them prepared. A fault here is no fault of
		// this one, and shows when the statement is next used.
		for _, s := range in.unprepared {
			s.prepare(ctx, h.db)
		}
	}
	return err
}

// attempt begins, runs and ends a transaction. It reports whether the connection
// came back to the pool in order.
func (h *handle) attempt(ctx context.Context, e *store.AuditEntry, fn func(context.Context, conn) error, in *txState) (bool, error) {
	tx, err := h.db.BeginTx(ctx, h.d.txOptions())
	if err != nil {
		return false, err
	}
	c := conn{h: h, db: h.db, tx: tx, in: in}
	err = h.steps(ctx, c, e, fn)
	stands, ok := errors.AsType[settled](err)
	if err != nil && !ok {
		return tx.Rollback() == nil, err
	}
	if err := tx.Commit(); err != nil {
		return false, err
	}
	if ok {
		return true, stands
	}
	return true, nil
}

// steps is what happens inside the transaction.
func (h *handle) steps(ctx context.Context, c conn, e *store.AuditEntry, fn func(context.Context, conn) error) error {
	if h.lockFirst != nil {
		if _, err := c.exec(ctx, h.lockFirst); err != nil {
			return err
		}
	}
	if err := fn(ctx, c); err != nil {
		return err
	}
	if e == nil {
		return nil
	}
	return c.appendAudit(ctx, e)
}

// takeTurn waits until this goroutine may write, and returns what lets the next
// one in.
func (h *handle) takeTurn(ctx context.Context) (release func(), err error) {
	if h.turn == nil {
		return func() {}, nil
	}
	select {
	case h.turn <- struct{}{}:
		return func() { <-h.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run bounds fn in time, repeats it while the database says that it was undone,
// and makes its error one of package store. An outcome that is not known, a lost
// connection or a commit without an answer, is never repeated.
func (h *handle) run(parent context.Context, op string, fn func(context.Context) error) error {
	ctx, cancel := h.bound(parent)
	defer cancel()
	for try := 0; ; try++ {
		err := fn(ctx)
		if err == nil {
			return nil
		}
		if try < maxRetries && h.repeatable(err) && pause(ctx, try) {
			continue
		}
		return h.explain(parent, ctx, op, err)
	}
}

// bound limits ctx to what a method may take.
func (h *handle) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if h.timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, h.timeout)
}

func (h *handle) repeatable(err error) bool {
	if v, ok := errors.AsType[verbatim](err); ok {
		return v.fromDB && h.d.fault(v.error) == againFault
	}
	return h.d.fault(err) == againFault
}

// pause waits a random time that grows with the number of tries, so that those
// who collided do not collide again. It reports whether ctx still holds.
func pause(ctx context.Context, try int) bool {
	t := time.NewTimer(rand.N(time.Millisecond << (try + 1)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// explain says what was attempted, and names the context's error where a driver
// has words of its own for it.
func (h *handle) explain(parent, ctx context.Context, op string, err error) error {
	if v, ok := errors.AsType[verbatim](err); ok {
		return v.error
	}
	if s, ok := errors.AsType[settled](err); ok {
		err = s.error
	}
	if sentinel(err) {
		return fmt.Errorf("%s: %w", op, err)
	}
	switch {
	case parent.Err() != nil:
		if !errors.Is(err, parent.Err()) {
			err = fmt.Errorf("%w (%v)", parent.Err(), err)
		}
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %v: %w (%v)", h.timeout, context.DeadlineExceeded, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

var sentinels = []error{
	store.ErrNotFound, store.ErrConflict, store.ErrStale, store.ErrExpired,
	store.ErrLastCredential, store.ErrLastOwner, store.ErrLastInRole,
}

func sentinel(err error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}
