package flows_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// oneIn is how many calls to the database go well for one that fails, and how many
// clients stay for one that goes away.
const oneIn = 20

// TestStampedeWithFaults is TestStampede with every twentieth call to the database
// failing, in one way or another, and every twentieth client going away. Whoever
// got no answer asks again within the grace. All have the one successor in the end,
// the session was rotated once a round, and nobody is taken for a thief.
func TestStampedeWithFaults(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		st := &shaky{Store: memstore.New()}
		stampedeWithFaults(t, st, st.shake, &st.failed)
	})
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		var failed atomic.Int64
		stampedeWithFaults(t, d, func(on bool) {
			if !on {
				d.faults.Clear()
				d.faults.Reset()
				return
			}
			d.faults.Handle(func(c faultdriver.Call) *faultdriver.Fault {
				if c.Op&faultdriver.Trips == 0 || rand.N(oneIn) != 0 {
					return nil
				}
				failed.Add(1)
				return &faultKinds[rand.N(4)].fault
			})
		}, &failed)
	})
}

func stampedeWithFaults(t *testing.T, st store.Store, shake func(bool), failed *atomic.Int64) {
	t.Helper()
	const clients = 64
	rounds := number(t, "AEGIS_ROUNDS", 10)
	// One call that fails may be that of a whole batch of rotations, which are all
	// asked for again: more than the limit of a minute that stands still.
	w := newWorld(t, st)
	c := w.register()
	id := takeApart(t, c.jar[refreshCookie]).session
	var sent, gone, troubled atomic.Int64
	for round := range rounds {
		w.flush()
		shake(true)
		answers := make([]*answer, clients)
		var done sync.WaitGroup
		for i := range clients {
			done.Go(func() {
				for range 100 {
					ctx, cancel := context.WithCancel(t.Context())
					leaves := rand.N(oneIn) == 0
					if leaves {
						go cancel()
					}
					a := w.serve(c.request("POST", "/refresh", nil).WithContext(ctx))
					cancel()
					sent.Add(1)
					switch {
					case leaves:
						gone.Add(1)
					case a.Code == 200:
						answers[i] = a
						return
					case a.Code == 503 && len(a.cookies) == 0:
						troubled.Add(1)
					default:
						t.Errorf("%v with cookies %v, want 200, or 503 and cookies untouched", a, a.cookies)
						return
					}
				}
				t.Error("no answer in 100 tries")
			})
		}
		done.Wait()
		shake(false)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
		c.usable(t, answers)
		w.checkHanded(t)
		if row, err := st.SessionByID(t.Context(), id); err != nil || row.Generation != int64(round+1) {
			t.Fatalf("round %d: the session = %+v, %v, want it rotated %d times", round, row, err, round+1)
		}
		w.clock.advance(time.Minute)
	}
	if n := w.journal.count(auth.RefreshReused); n != 0 {
		t.Errorf("%d refreshes were taken for theft", n)
	}
	if failed.Load() == 0 {
		t.Error("nothing failed")
	}
	t.Logf("%d refreshes, %d calls to the store failed, %d clients went away, %d were answered 503", sent.Load(), failed.Load(), gone.Load(), troubled.Load())
}

// shaky is a store in memory the calls of which fail that a refresh makes, before
// they are carried out or after.
type shaky struct {
	*memstore.Store
	on     atomic.Bool
	failed atomic.Int64
}

func (s *shaky) shake(on bool) { s.on.Store(on) }

// fault returns errors for a call before and after it is carried out.
func (s *shaky) fault() (before, after error) {
	if !s.on.Load() || rand.N(oneIn) != 0 {
		return nil, nil
	}
	s.failed.Add(1)
	if rand.N(2) == 0 {
		return errors.New("disk on fire"), nil
	}
	return nil, io.ErrUnexpectedEOF
}

func (s *shaky) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	before, after := s.fault()
	if before != nil {
		return nil, false, before
	}
	row, swapped, err := s.Store.Rotate(ctx, r)
	if after != nil {
		return nil, false, after
	}
	return row, swapped, err
}

func (s *shaky) UserWithSession(ctx context.Context, id string) (*store.User, *store.Session, error) {
	if before, after := s.fault(); before != nil || after != nil {
		return nil, nil, errors.Join(before, after)
	}
	return s.Store.UserWithSession(ctx, id)
}
