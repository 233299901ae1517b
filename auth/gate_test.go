package auth

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
)

// idle fails unless every slot of g is free and nobody waits.
func idle(tb testing.TB, g *gate, slots int) {
	tb.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free != slots || g.queue.Len() != 0 {
		tb.Errorf("gate has %d free slots and %d waiting, want %d and 0", g.free, g.queue.Len(), slots)
	}
}

func TestGateDefaults(t *testing.T) {
	t.Parallel()
	want := max(1, runtime.GOMAXPROCS(0)-1)
	for _, slots := range []int{0, -1} {
		idle(t, newGate(slots), want)
	}
	g := newGate(3)
	idle(t, g, 3)
	if g.maxQueue != 96 || g.wait != 3*time.Second {
		t.Errorf("newGate(3) queues %d for %v, want 96 for 3s", g.maxQueue, g.wait)
	}
}

func TestErrBusyIsA503(t *testing.T) {
	t.Parallel()
	e := problem.From(ErrBusy)
	if e.Status != 503 || e.RetryAfter != time.Second {
		t.Errorf("ErrBusy = status %d, retry after %v, want 503 and 1s", e.Status, e.RetryAfter)
	}
}

func TestGateBoundsWhatRunsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slots, calls = 3, 30
		g := newGate(slots)
		var running, peak, ran atomic.Int64
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				err := g.do(t.Context(), func() {
					n := running.Add(1)
					for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
					}
					time.Sleep(100 * time.Millisecond)
					running.Add(-1)
					ran.Add(1)
				})
				if err != nil {
					t.Errorf("do: %v, want nil", err)
				}
			})
		}
		wg.Wait()
		if peak.Load() != slots || ran.Load() != calls {
			t.Errorf("at most %d ran at once, %d in all; want %d and %d", peak.Load(), ran.Load(), slots, calls)
		}
		idle(t, g, slots)
	})
}

func TestGateServesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		var order []int
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := g.do(t.Context(), func() {
					time.Sleep(100 * time.Millisecond)
					order = append(order, i) // one slot: no two at once
				}); err != nil {
					t.Errorf("do(%d): %v", i, err)
				}
			})
			synctest.Wait() // i is in its place before i+1 comes
		}
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("served in order %v, want 0 to 19", order)
			}
		}
	})
}

func TestGateRefusesWhenTheQueueIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		hold := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 + g.maxQueue {
			wg.Go(func() {
				if err := g.do(t.Context(), func() { <-hold }); err != nil {
					t.Errorf("do within the queue's bound: %v", err)
				}
			})
		}
		synctest.Wait()
		before := time.Now()
		if err := g.do(t.Context(), func() { t.Error("ran beyond the queue's bound") }); !errors.Is(err, ErrBusy) {
			t.Errorf("do with a full queue = %v, want %v", err, ErrBusy)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("refusal took %v, want none", waited)
		}
		close(hold)
		wg.Wait()
		idle(t, g, 2)
	})
}

func TestGateGivesUpAfterThreeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		hold := make(chan struct{})
		go func() { _ = g.do(context.Background(), func() { <-hold }) }()
		synctest.Wait()
		before := time.Now()
		err := g.do(t.Context(), func() { t.Error("ran without a slot") })
		if waited := time.Since(before); !errors.Is(err, ErrBusy) || waited != 3*time.Second {
			t.Errorf("do = %v after %v, want %v after 3s", err, waited, ErrBusy)
		}
		close(hold)
		synctest.Wait()
		idle(t, g, 1)
	})
}

func TestGateLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		hold := make(chan struct{})
		go func() { _ = g.do(context.Background(), func() { <-hold }) }()
		synctest.Wait()

		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				err := g.do(ctx, func() { t.Error("ran after its context had ended") })
				if !errors.Is(err, context.Canceled) || problem.From(err).Status != 503 {
					t.Errorf("do = %v, want one that wraps %v and answers 503", err, context.Canceled)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		g.mu.Lock()
		if n := g.queue.Len(); n != 0 {
			t.Errorf("%d wait after all contexts ended, want 0", n)
		}
		g.mu.Unlock()

		ran := false
		wg.Go(func() {
			if err := g.do(t.Context(), func() { ran = true }); err != nil {
				t.Errorf("do after others left: %v", err)
			}
		})
		close(hold)
		wg.Wait()
		if !ran {
			t.Error("the next one in the queue did not run")
		}
		idle(t, g, 1)
	})
}

func TestGateDoesNothingForAnEndedContext(t *testing.T) {
	t.Parallel()
	g := newGate(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.do(ctx, func() { t.Error("ran") }); !errors.Is(err, context.Canceled) {
		t.Errorf("do(ended context) = %v, want %v", err, context.Canceled)
	}
	idle(t, g, 1)
}

// A slot that is handed over in the very moment in which its receiver gives up
// is not lost.
func TestGateKeepsASlotHandedToALeaver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		why  error
		want error
		free int // slots right after
	}{
		{"a patient one uses it", ErrBusy, nil, 0},
		{"one whose context ended passes it on", context.Canceled, context.Canceled, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(1)
			if err := g.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
			turn := make(chan struct{})
			place := g.queue.PushBack(turn)
			g.release() // to the one in the queue
			if err := g.giveUp(place, turn, tt.why); !errors.Is(err, tt.want) {
				t.Errorf("giveUp(%v) = %v, want %v", tt.why, err, tt.want)
			}
			idle(t, g, tt.free)
		})
	}
}

func TestGateFreesTheSlotOnPanic(t *testing.T) {
	t.Parallel()
	g := newGate(1)
	for range 3 {
		func() {
			defer func() {
				if got := recover(); got != "hasher" {
					t.Errorf("recovered %v, want the panic to pass through", got)
				}
			}()
			_ = g.do(t.Context(), func() { panic("hasher") })
		}()
	}
	idle(t, g, 1)
}

// Many come and go, with contexts that end at all times; in the end the counter
// is where it began.
func TestGateCounterReturns(t *testing.T) {
	t.Parallel()
	g := newGate(4)
	g.maxQueue, g.wait = 8, time.Millisecond
	var inside, peak atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 50 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration((i+j)%7)*100*time.Microsecond)
				_ = g.do(ctx, func() {
					n := inside.Add(1)
					for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
					}
					runtime.Gosched()
					inside.Add(-1)
				})
				cancel()
			}
		})
	}
	wg.Wait()
	if peak.Load() > 4 {
		t.Errorf("%d ran at once, want at most 4", peak.Load())
	}
	idle(t, g, 4)
}
