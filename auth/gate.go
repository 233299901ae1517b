package auth

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

const (
	// waitersPerSlot bounds the queue: at the default cost it is what a slot
	// works off in nine seconds.
	waitersPerSlot = 32
	// gateWait is how long a request waits for its turn. Later answers would
	// reach clients that have given up.
	gateWait = 3 * time.Second
)

// gate bounds how many password hashes are computed at once, so that a flood of
// sign-ins cannot take the processor from all other requests. Waiters are served
// in the order of their arrival, and are bounded in number and in time. A gate
// is safe for concurrent use.
type gate struct {
	maxQueue int
	wait     time.Duration

	mu    sync.Mutex
	free  int
	queue list.List // of chan struct{}; closed, with mu held, to hand over a slot
}

// defaultSlots leaves one processor to everything that is not a password.
func defaultSlots() int {
	return max(1, runtime.GOMAXPROCS(0)-1)
}

// newGate returns a gate with the given number of slots; zero or less means
// defaultSlots.
func newGate(slots int) *gate {
	if slots <= 0 {
		slots = defaultSlots()
	}
	return &gate{maxQueue: waitersPerSlot * slots, wait: gateWait, free: slots}
}

// do runs fn while it holds a slot, and frees the slot when fn returns or
// panics. It returns ErrBusy if no slot came free in time, and an error that
// wraps the context's if ctx ended first; in both cases fn did not run.
func (g *gate) do(ctx context.Context, fn func()) error {
	if err := g.acquire(ctx); err != nil {
		return err
	}
	defer g.release()
	fn()
	return nil
}

func (g *gate) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	g.mu.Lock()
	if g.free > 0 { // then nobody waits: release hands slots to waiters first
		g.free--
		g.mu.Unlock()
		return nil
	}
	if g.queue.Len() >= g.maxQueue {
		g.mu.Unlock()
		return ErrBusy
	}
	turn := make(chan struct{})
	place := g.queue.PushBack(turn)
	g.mu.Unlock()

	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = fmt.Errorf("wait to hash a password: %w", ctx.Err())
	case <-timer.C:
		err = ErrBusy
	}
	return g.giveUp(place, turn, err)
}

// giveUp ends a wait for the reason why. It returns nil if the slot arrived in the
// same moment and is used after all: a patient request may as well. Nobody reads
// the answer of one whose context ended, so that passes it on.
func (g *gate) giveUp(place *list.Element, turn chan struct{}, why error) error {
	if g.leave(place, turn) {
		return why
	}
	if why == error(ErrBusy) {
		return nil
	}
	g.release()
	return why
}

// leave takes a waiter out of the queue. It returns false if the waiter was
// given a slot already.
func (g *gate) leave(place *list.Element, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn:
		return false
	default:
		g.queue.Remove(place)
		return true
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := g.queue.Front()
	if next == nil {
		g.free++
		return
	}
	g.queue.Remove(next)
	close(next.Value.(chan struct{}))
}
