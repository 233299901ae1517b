package sqlstore

import (
	"context"
	"errors"
	"sync"

	"github.com/aegis-auth/aegis/store"
)

// maxConvoy bounds how many rotations are committed together, and so how long the
// first of them waits for the last.
const maxConvoy = 128

// convoy lets rotations travel together. What a rotation costs is nearly all the
// way to the database, and the wait for its disk at the commit. So whoever comes
// while as many commits as there are lanes are under way waits, and all who wait
// are then judged in one transaction, and answered when it is on the disk. A
// rotation that finds a lane free goes alone, in its caller's goroutine.
type convoy struct {
	t     *SessionTable
	lanes int // how many may move at once: one in SQLite, which has one writer

	mu      sync.Mutex
	moving  int         // each will see to those who wait
	waiting []*rotation // in the order in which they came
}

// rotation is one that waits.
type rotation struct {
	ctx context.Context
	r   store.Rotation

	done    chan struct{} // closed when the rest is set
	s       *store.Session
	swapped bool
	err     error
}

// rotate is [SessionTable.Rotate]. If ctx ends while the rotation is under way its
// outcome is unknown.
func (v *convoy) rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	v.mu.Lock()
	if v.moving < v.lanes {
		v.moving++
		v.mu.Unlock()
		defer v.moveOn()
		return v.t.rotateAlone(ctx, r)
	}
	w := &rotation{ctx: ctx, r: r, done: make(chan struct{})}
	v.waiting = append(v.waiting, w)
	v.mu.Unlock()
	select {
	case <-w.done:
		return w.s, w.swapped, w.err
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// moveOn sees to those who came meanwhile.
func (v *convoy) moveOn() {
	if next := v.take(); next != nil {
		go func() {
			for ; next != nil; next = v.take() {
				v.carry(next)
			}
		}()
	}
}

// take returns those who wait, or nil if there are none: then the lane is free.
// Who has given up is left behind; nothing was done for them.
func (v *convoy) take() []*rotation {
	v.mu.Lock()
	defer v.mu.Unlock()
	var next []*rotation
	for len(next) == 0 && len(v.waiting) > 0 {
		n := min(len(v.waiting), maxConvoy)
		for _, w := range v.waiting[:n] {
			if w.ctx.Err() == nil {
				next = append(next, w)
			}
		}
		clear(v.waiting[:n])
		v.waiting = v.waiting[n:]
	}
	if len(next) == 0 {
		v.waiting = nil
		v.moving--
	}
	return next
}

// carry answers all of next.
func (v *convoy) carry(next []*rotation) {
	err := errAlone
	if len(next) > 1 {
		err = v.together(next)
	}
	for _, w := range next {
		switch {
		case errors.Is(err, errAlone):
			w.s, w.swapped, w.err = v.t.rotateAlone(w.ctx, w.r)
		case err != nil:
			w.s, w.swapped, w.err = nil, false, err
		}
		close(w.done)
	}
}

// errAlone says that nothing was changed, and that each should go by itself.
var errAlone = errors.New("rotate one by one")

// together rotates all of next in one transaction. It is nobody's context that
// bounds it, since nobody's end is the end of the others. What fails before the
// commit is undone, and concerns only those it also happens to alone; a commit that
// fails leaves open what became of it.
func (v *convoy) together(next []*rotation) error {
	h := v.t.h
	ctx, cancel := h.bound(context.Background())
	defer cancel()
	judged := false
	err := h.tx(ctx, nil, func(ctx context.Context, c conn) (err error) {
		if h.d == Postgres {
			err = v.t.exchangeAll(ctx, c, next)
		} else {
			err = v.t.exchangeEach(ctx, c, next)
		}
		judged = err == nil
		return err
	})
	if err != nil && (!judged || h.d.fault(err) == againFault) {
		return errAlone
	}
	return err
}
