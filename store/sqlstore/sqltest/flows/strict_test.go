package flows_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// strict asks for refreshes without grace, by the real clock: that is the one by
// which the winner of a race holds its answer.
func strict(c *auth.Config) { c.RefreshGrace, c.Now = -1, time.Now }

// TestStrictReplay: without a grace, a replay after the answer ends the session at
// once.
func TestStrictReplay(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, strict)
		owner := w.register()
		thief := owner.clone()
		owner.refresh().want(t, 200)
		if a := thief.refresh(); a.Code != 401 || a.problem() != "session_reused" || !a.clears() {
			t.Fatalf("replay: %v, cookies %v, want 401 session_reused and cookies cleared", a, a.cookies)
		}
		if a := owner.refresh(); a.Code != 401 {
			t.Errorf("the live token after a replay: %v, want 401", a)
		}
		if a := owner.get("/me"); a.Code != 401 {
			t.Errorf("the access token after a replay: %v, want 401", a)
		}
	})
}

// arrivals notes when requests are so far that the service knows of them: it asks
// who they are right after.
type arrivals struct {
	store.PrincipalStore
	mu   sync.Mutex
	list []time.Time
}

func (a *arrivals) UserWithSession(ctx context.Context, id string) (*store.User, *store.Session, error) {
	now := time.Now()
	a.mu.Lock()
	a.list = append(a.list, now)
	a.mu.Unlock()
	return a.PrincipalStore.UserWithSession(ctx, id)
}

// gap returns the longest time without an arrival since begin, and forgets them.
func (a *arrivals) gap(begin time.Time) (longest time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.SortFunc(a.list, time.Time.Compare)
	for _, at := range a.list {
		longest = max(longest, at.Sub(begin))
		begin = at
	}
	a.list = nil
	return longest
}

// TestStrictStampede: what arrives before the winner is answered gets the one
// successor. The winner waits until nobody has come for 50 ms; where the machine
// does not let requests arrive as fast as that there was no stampede, and the
// round is repeated.
func TestStrictStampede(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		come := &arrivals{PrincipalStore: st.(store.PrincipalStore)}
		w := newWorld(t, st, strict, func(c *auth.Config) { c.Principals = come })
		stampedes := 0
		for try := 0; stampedes < 5 && try < 50; try++ {
			c := w.register()
			for range 3 { // each round with the cookie that the one before brought
				come.gap(time.Time{})
				begin := time.Now()
				answers := c.stampede(64)
				if gap := come.gap(begin); gap > 40*time.Millisecond {
					t.Logf("not counted: %v passed without an arrival", gap)
					break
				}
				stampedes++
				c.usable(t, answers)
			}
		}
		if stampedes < 5 {
			t.Skipf("NOT RUN: only %d stampedes in 50 tries: this machine is too busy", stampedes)
		}
		if n := w.journal.count(auth.RefreshReused); n != 0 && stampedes > 0 && !t.Failed() {
			t.Logf("%d rounds that were no stampede ended with a replay", n)
		}
	})
}
