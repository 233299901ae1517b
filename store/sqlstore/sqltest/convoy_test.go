package sqltest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// A traffic has a rotation hang in the database in every lane there is, so that
// those that follow wait for it, and travel together when one goes on.
type traffic struct {
	*world
	e     *sqltest.Engine
	f     *faultdriver.Faults
	name  string // prefix of its tables
	wg    sync.WaitGroup
	spare []*store.Session // in SQLite the hanging one has the only connection that writes
	calls int64
	ended atomic.Int64
}

// lanes is how many rotations go alone: as many as there are connections for.
func lanes(e *sqltest.Engine) int {
	if e.Dialect == sqlstore.Postgres {
		return 3
	}
	return 1
}

func newTraffic(t *testing.T, e *sqltest.Engine) *traffic {
	t.Helper()
	j := &traffic{e: e, f: new(faultdriver.Faults), name: sqltest.Prefix()}
	j.world = newWorld(t, e.OpenFaulty(t, j.f, sqlstore.Config{MaxConns: lanes(e), Prefix: j.name}))
	for range 20 + lanes(e) {
		j.spare = append(j.spare, j.newSession())
	}
	j.f.From(1, faultdriver.Query, faultdriver.Fault{Stall: true})
	for range lanes(e) {
		j.start(t.Context(), next(j.session()), func(_ *store.Session, swapped bool, err error) {
			if !swapped || err != nil {
				t.Errorf("rotation alone = %v, %v, want it to win", swapped, err)
			}
		})
	}
	for j.f.Stalled() < lanes(e) {
		time.Sleep(time.Millisecond)
	}
	return j
}

// session returns a session that no other call returned.
func (j *traffic) session() *store.Session {
	s := j.spare[0]
	j.spare = j.spare[1:]
	return s
}

// start starts a rotation, and returns when it waits.
func (j *traffic) start(ctx context.Context, r store.Rotation, then func(*store.Session, bool, error)) {
	j.t.Helper()
	j.calls++
	j.wg.Go(func() {
		defer j.ended.Add(1)
		then(j.Rotate(ctx, r))
	})
	// There is no other way to see from outside that a goroutine waits.
	buf := make([]byte, 1<<20)
	for int64(strings.Count(string(buf[:runtime.Stack(buf, true)]), "(*convoy).rotate(")) < j.calls-j.ended.Load() {
		time.Sleep(time.Millisecond)
	}
}

// release lets the first rotation go on, with what comes after it disturbed by
// fault, and returns when all have ended.
func (j *traffic) release(fault func(faultdriver.Call) *faultdriver.Fault) {
	j.f.Handle(fault)
	j.f.Reset()
	j.f.Release()
	j.wg.Wait()
	j.f.Clear()
}

func convoys(t *testing.T, f func(t *testing.T, j *traffic)) {
	// Not in parallel: start counts the goroutines of the whole process.
	for _, name := range []string{"sqlite", "sqlite-memory", "postgres"} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, name)
			e.Require(t)
			f(t, newTraffic(t, e))
		})
	}
}

func TestWaitingRotationsAreOneTransaction(t *testing.T) {
	convoys(t, func(t *testing.T, j *traffic) {
		const n = 10
		one := j.session()
		var mu sync.Mutex
		var winner string
		seen := make(map[string]int)
		for i := range n {
			own := j.session()
			j.start(t.Context(), next(own), func(s *store.Session, swapped bool, err error) {
				if err != nil || !swapped || s.Generation != 1 || string(s.PrevHash) != string(own.Hash) {
					t.Errorf("rotation of an own session = %+v, %v, %v, want it to win", s, swapped, err)
				}
			})
			// All of these want the same session.
			r := next(one)
			r.New = fmt.Appendf(nil, "new-%d", i)
			j.start(t.Context(), r, func(s *store.Session, swapped bool, err error) {
				if err != nil {
					t.Errorf("rotation %d of one session = %v, want an answer", i, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				seen[string(s.Hash)]++
				if swapped {
					winner += string(s.Hash)
				}
			})
		}
		j.start(t.Context(), store.Rotation{SessionID: "nobody's", Now: epoch}, func(_ *store.Session, _ bool, err error) {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("rotation of no session = %v, want ErrNotFound", err)
			}
		})
		j.release(nil)
		if winner == "" || seen[winner] != n {
			t.Errorf("winners %q and rows seen %v, want one winner that all see", winner, seen)
		}
		if begun, ended := j.f.Count(faultdriver.Begin), j.f.Count(faultdriver.Commit); begun != 1 || ended != 1 {
			t.Errorf("%d transactions begun and %d committed, want one for all", begun, ended)
		}
		// One more for each that is beaten, or has no session.
		want := 2*n + 1 + n
		if j.e.Dialect == sqlstore.Postgres {
			want = 1 + n
		}
		if got := len(slices.DeleteFunc(j.f.Calls(faultdriver.Statements), isolation)); got != want {
			t.Errorf("%d statements, want %d", got, want)
		}
	})
}

func TestWaitingRotationsUseTheIndex(t *testing.T) {
	e := engine(t, "postgres")
	e.Require(t)
	j := newTraffic(t, e)
	for range 9 {
		j.start(t.Context(), next(j.session()), func(*store.Session, bool, error) {})
	}
	j.release(nil)
	calls := slices.DeleteFunc(j.f.Calls(faultdriver.Statements), isolation)
	if len(calls) != 1 || !strings.Contains(calls[0].Text, "VALUES") {
		t.Fatalf("calls = %v, want one statement for all", calls)
	}
	j.f.Clear()
	fill(t, j.world, j.name, e)
	if plan, bad := badPlan(t, j.DB(), e, calls[0].Text); plan == "" || bad != "" {
		t.Errorf("%q in\n%s\nof %s", bad, plan, calls[0].Text)
	}
}

func TestRotationThatFailsFailsAlone(t *testing.T) {
	convoys(t, func(t *testing.T, j *traffic) {
		disk := errors.New("disk on fire")
		var failed, won int
		var mu sync.Mutex
		for range 5 {
			j.start(t.Context(), next(j.session()), func(_ *store.Session, swapped bool, err error) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, disk):
					failed++
				case err == nil && swapped:
					won++
				default:
					t.Errorf("rotation = %v, %v, want it to win, or the error of the disk", swapped, err)
				}
			})
		}
		// One fails with the others, and again when each goes alone.
		together := 3
		if j.e.Dialect == sqlstore.Postgres {
			together = 1
		}
		seen := 0
		j.release(func(c faultdriver.Call) *faultdriver.Fault {
			if c.Op != faultdriver.Query {
				return nil
			}
			if seen++; seen == together || seen == together+3 {
				return &faultdriver.Fault{Err: disk}
			}
			return nil
		})
		if failed != 1 || won != 4 {
			t.Errorf("%d failed and %d won, want 1 and 4", failed, won)
		}
	})
}

func TestLostCommitIsNoAnswer(t *testing.T) {
	for _, late := range []bool{false, true} {
		convoys(t, func(t *testing.T, j *traffic) {
			var sessions []*store.Session
			for range 3 {
				s := j.session()
				sessions = append(sessions, s)
				j.start(t.Context(), next(s), func(_ *store.Session, swapped bool, err error) {
					if !errors.Is(err, io.ErrUnexpectedEOF) || swapped {
						t.Errorf("rotation = %v, %v, want the error of the commit", swapped, err)
					}
				})
			}
			j.release(func(c faultdriver.Call) *faultdriver.Fault {
				if c.Op == faultdriver.Commit {
					return &faultdriver.Fault{Err: io.ErrUnexpectedEOF, Late: late}
				}
				return nil
			})
			for _, s := range sessions {
				now, err := j.SessionByID(t.Context(), s.ID)
				if err != nil || (now.Generation == 1) != late {
					t.Errorf("session = %+v, %v, want it rotated: %v", now, err, late)
				}
			}
		})
	}
}

func TestUndoneCommitIsMadeAgain(t *testing.T) {
	convoys(t, func(t *testing.T, j *traffic) {
		for range 3 {
			j.start(t.Context(), next(j.session()), func(_ *store.Session, swapped bool, err error) {
				if err != nil || !swapped {
					t.Errorf("rotation = %v, %v, want it to win", swapped, err)
				}
			})
		}
		undone := false
		j.release(func(c faultdriver.Call) *faultdriver.Fault {
			if c.Op == faultdriver.Commit && !undone {
				undone = true
				return &faultdriver.Fault{Err: transient(j.e.Dialect)}
			}
			return nil
		})
		if !undone {
			t.Error("there was no commit to undo")
		}
	})
}

func TestRotationThatGivesUpIsNotMade(t *testing.T) {
	convoys(t, func(t *testing.T, j *traffic) {
		ctx, cancel := context.WithCancel(t.Context())
		gone := j.session()
		ended := make(chan struct{})
		j.start(ctx, next(gone), func(_ *store.Session, _ bool, err error) {
			defer close(ended)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("rotation = %v, want context.Canceled", err)
			}
		})
		for range 2 {
			j.start(t.Context(), next(j.session()), func(_ *store.Session, swapped bool, err error) {
				if err != nil || !swapped {
					t.Errorf("rotation = %v, %v, want it to win", swapped, err)
				}
			})
		}
		cancel()
		<-ended // it does not wait for the one that hangs
		j.release(nil)
		if s, err := j.SessionByID(t.Context(), gone.ID); err != nil || s.Generation != 0 {
			t.Errorf("session = %+v, %v, want it untouched", s, err)
		}
	})
}
