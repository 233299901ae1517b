package sqltest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// snapshot is all rows of all tables.
func snapshot(t *testing.T, s *sqlstore.Store, prefix string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, table := range sqltest.Tables {
		rows, err := s.DB().Query("SELECT * FROM " + prefix + table)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			var text string
			for i, v := range values {
				text += fmt.Sprintf("%s=%v ", names[i], *v.(*any))
			}
			all[table] = append(all[table], text)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[table])
	}
	return all
}

func same(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal) }

// TestFaultsLeaveNothingHalfDone makes each call to the database fail in turn, in
// each method that changes something: the method then says so, nothing is changed,
// and the same call goes through when the fault is over.
func TestFaultsLeaveNothingHalfDone(t *testing.T) {
	faults := []struct {
		name  string
		fault faultdriver.Fault
	}{
		{"refused", faultdriver.Fault{Err: errors.New("refused")}},
		{"connection lost", faultdriver.Fault{Err: io.ErrUnexpectedEOF, Drop: true}},
	}
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		for _, k := range faults {
			t.Run(k.name, func(t *testing.T) {
				var f faultdriver.Faults
				prefix := sqltest.Prefix()
				w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{Prefix: prefix}))
				for _, m := range methodCosts {
					if !m.changes {
						continue
					}
					for _, audited := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s, audited %v", m.name, audited), func(t *testing.T) {
							w.t = t
							failEach(t, w, &f, prefix, m.do(w), k.fault, audited)
						})
					}
				}
			})
		}
	})
}

func failEach(t *testing.T, w *world, f *faultdriver.Faults, prefix string, call func(context.Context) error, fault faultdriver.Fault, audited bool) {
	ctx := t.Context()
	var entry *store.AuditEntry
	if audited {
		entry = w.entry()
		ctx = store.WithAudit(ctx, entry)
	}
	for n := 1; n < 30; n++ {
		before := snapshot(t, w.Store, prefix)
		f.Nth(n, faultdriver.Trips, fault)
		f.Reset()
		err := call(ctx)
		tripped := f.Count(faultdriver.Trips) >= n
		f.Clear()
		if !tripped {
			if err != nil {
				t.Fatalf("with no fault left: %v", err)
			}
			if audited && !entry.Written() {
				t.Error("done, but the audit entry is not written")
			}
			if n == 1 {
				t.Error("the method asks nothing of the database")
			}
			return
		}
		if !errors.Is(err, fault.Err) {
			t.Fatalf("call %d failed: got %v, want an error that wraps %v", n, err, fault.Err)
		}
		if audited && entry.Written() {
			t.Fatalf("call %d failed, but the audit entry counts as written", n)
		}
		if after := snapshot(t, w.Store, prefix); !same(before, after) {
			t.Fatalf("call %d failed and left\n%v\nwhere there was\n%v", n, after, before)
		}
	}
	t.Fatal("the method asks more of the database than anybody could want")
}

// TestLostAnswersAreNotRepeated loses the answer of each call that makes a change
// stand: the method says that it does not know, and does not try again, since the
// change may have been made.
func TestLostAnswersAreNotRepeated(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		var f faultdriver.Faults
		w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{}))
		for _, m := range methodCosts {
			if !m.changes {
				continue
			}
			t.Run(m.name, func(t *testing.T) {
				w.t = t
				call := m.do(w)
				entry := w.entry()
				f.Nth(1, faultdriver.Commit, faultdriver.Fault{Err: io.ErrUnexpectedEOF, Late: true})
				f.Reset()
				err := call(store.WithAudit(t.Context(), entry))
				f.Clear()
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("got %v, want an error that wraps %v", err, io.ErrUnexpectedEOF)
				}
				if n := f.Count(faultdriver.Begin); n != 1 {
					t.Errorf("%d transactions, want 1", n)
				}
				if entry.Written() {
					t.Error("the audit entry counts as written, which is not known")
				}
				for _, s := range []error{store.ErrNotFound, store.ErrConflict, store.ErrStale, store.ErrExpired} {
					if errors.Is(err, s) {
						t.Errorf("got %v, a sentinel that says nothing changed", err)
					}
				}
				// That the entry is there shows that the change was made.
				chain, err := w.AuditChain(t.Context(), entry.Chain, entry.Seq-1, 1)
				if err != nil || len(chain) != 1 {
					t.Errorf("AuditChain = %v, %v, want the entry", chain, err)
				}
			})
		}
	})
}

// transient returns the error with which the database says that it undid a
// transaction because of others, in the form the driver gives it.
func transient(d sqlstore.Dialect) error {
	switch d {
	case sqlstore.Postgres:
		return sqlState("40P01")
	case sqlstore.MySQL:
		return fmt.Errorf("wrapped: %w", errors.New("Error 1213 (40001): Deadlock found when trying to get lock"))
	}
	return resultCode(5)
}

type sqlState string

func (s sqlState) Error() string    { return "ERROR: (SQLSTATE " + string(s) + ")" }
func (s sqlState) SQLState() string { return string(s) }

type resultCode int

func (c resultCode) Error() string { return fmt.Sprintf("sqlite: code %d", int(c)) }
func (c resultCode) Code() int     { return int(c) }

// TestUndoneStepsAreRepeated makes the database undo each step of each method
// twice: the caller does not notice, and the change is made once.
func TestUndoneStepsAreRepeated(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		var f faultdriver.Faults
		w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{}))
		for _, m := range methodCosts {
			if m.name == "Prune" {
				continue // four steps
			}
			t.Run(m.name, func(t *testing.T) {
				w.t = t
				call := m.do(w)
				ctx := t.Context()
				entry := w.entry()
				if m.changes {
					ctx = store.WithAudit(ctx, entry)
				}
				// The first call, and then the last one before the end.
				failures := 0
				f.Handle(func(c faultdriver.Call) *faultdriver.Fault {
					if failures == 0 && c.Op&faultdriver.Statements != 0 && !isolation(c) || failures == 1 && c.Op == faultdriver.Commit {
						failures++
						return &faultdriver.Fault{Err: transient(e.Dialect)}
					}
					return nil
				})
				err := call(ctx)
				f.Clear()
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				if want := 1; m.changes {
					want = 2
					if failures != want {
						t.Errorf("%d faults, want %d", failures, want)
					}
				}
				if m.changes && !entry.Written() {
					t.Error("the audit entry is not written")
				}
			})
		}
	})
}

// TestRepetitionsEnd has the database undo everything for ever.
func TestRepetitionsEnd(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		var f faultdriver.Faults
		w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{}))
		u := w.draftUser()
		f.From(1, faultdriver.Exec, faultdriver.Fault{Err: transient(e.Dialect)})
		f.Reset()
		err := w.CreateUser(t.Context(), u)
		if want := transient(e.Dialect); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("CreateUser = %v, want an error like %v", err, want)
		}
		if n := f.Count(faultdriver.Exec); n != 6 {
			t.Errorf("tried %d times, want 6", n)
		}
	})
}
