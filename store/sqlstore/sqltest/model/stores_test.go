package model_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/aegis-auth/aegis/store"
)

var errInjected = errors.New("model: injected fault")

// trouble is what may go wrong in one operation: it travels in the context.
type trouble struct {
	rate float64 // of calls to the store that fail
	hit  atomic.Bool
}

type troubleKey struct{}

func withTrouble(ctx context.Context, t *trouble) context.Context {
	return context.WithValue(ctx, troubleKey{}, t)
}

// flaky is a store whose calls take turns in odd ways and fail as the operation
// they belong to says: before they are carried out, or after, so that only the
// answer is lost.
type flaky struct {
	store.Store
	principals store.PrincipalStore
}

func newFlaky(st store.Store) *flaky {
	p, _ := st.(store.PrincipalStore)
	return &flaky{st, p}
}

func (f *flaky) call(ctx context.Context, do func() error) error {
	switch rand.IntN(4) {
	case 0:
		runtime.Gosched()
	case 1:
		time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
	}
	t, _ := ctx.Value(troubleKey{}).(*trouble)
	if t == nil || rand.Float64() >= t.rate {
		return do()
	}
	t.hit.Store(true)
	if rand.IntN(2) == 0 {
		_ = do() // its answer is lost
	}
	return errInjected
}

func flakily[T any](f *flaky, ctx context.Context, do func() (T, error)) (v T, err error) {
	err = f.call(ctx, func() (err error) {
		v, err = do()
		return err
	})
	if err == errInjected {
		var zero T
		return zero, err
	}
	return v, err
}

func (f *flaky) UserByID(ctx context.Context, id string) (*store.User, error) {
	return flakily(f, ctx, func() (*store.User, error) { return f.Store.UserByID(ctx, id) })
}

func (f *flaky) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return flakily(f, ctx, func() (*store.User, error) { return f.Store.UserByEmail(ctx, email) })
}

func (f *flaky) UpdateUser(ctx context.Context, u *store.User) error {
	return f.call(ctx, func() error { return f.Store.UpdateUser(ctx, u) })
}

func (f *flaky) CreateSession(ctx context.Context, s *store.Session) error {
	return f.call(ctx, func() error { return f.Store.CreateSession(ctx, s) })
}

func (f *flaky) SessionByID(ctx context.Context, id string) (*store.Session, error) {
	return flakily(f, ctx, func() (*store.Session, error) { return f.Store.SessionByID(ctx, id) })
}

func (f *flaky) ListSessions(ctx context.Context, userID string) ([]*store.Session, error) {
	return flakily(f, ctx, func() ([]*store.Session, error) { return f.Store.ListSessions(ctx, userID) })
}

func (f *flaky) RevokeSession(ctx context.Context, id string, now time.Time) error {
	return f.call(ctx, func() error { return f.Store.RevokeSession(ctx, id, now) })
}

func (f *flaky) RevokeSessions(ctx context.Context, userID, exceptID string, now time.Time) (int, error) {
	return flakily(f, ctx, func() (int, error) { return f.Store.RevokeSessions(ctx, userID, exceptID, now) })
}

func (f *flaky) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	return f.call(ctx, func() error { return f.Store.PutOneTime(ctx, t) })
}

func (f *flaky) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	return flakily(f, ctx, func() (*store.OneTimeToken, error) { return f.Store.TakeOneTime(ctx, p, hash, now) })
}

func (f *flaky) DropOneTime(ctx context.Context, userID string, purposes ...store.Purpose) error {
	return f.call(ctx, func() error { return f.Store.DropOneTime(ctx, userID, purposes...) })
}

func (f *flaky) UserWithSession(ctx context.Context, id string) (u *store.User, s *store.Session, err error) {
	err = f.call(ctx, func() (err error) {
		u, s, err = f.principals.UserWithSession(ctx, id)
		return err
	})
	if err == errInjected {
		return nil, nil, err
	}
	return u, s, err
}

type rotated struct {
	s       *store.Session
	swapped bool
}

func (f *flaky) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	got, err := flakily(f, ctx, func() (rotated, error) {
		s, swapped, err := f.Store.Rotate(ctx, r)
		return rotated{s, swapped}, err
	})
	return got.s, got.swapped, err
}
