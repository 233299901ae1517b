package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func tokenMutants() []mutant {
	return []mutant{
		{"TakeOneTime does not remove", func(m *memstore.Store) store.Store { return doesNotRemove{m} },
			[]string{
				"TakeOneTime gives a token once",
				"of 50 callers taking one one-time token exactly one gets it",
			}},
		{"TakeOneTime reads first and removes then", func(m *memstore.Store) store.Store { return readsThenRemoves{m} },
			[]string{"of 50 callers taking one one-time token exactly one gets it"}},
		{"TakeOneTime pays no heed to the purpose", func(m *memstore.Store) store.Store { return anyPurpose{m} },
			[]string{"TakeOneTime never finds a token under another purpose, and leaves it there"}},
		{"TakeOneTime removes a token it was asked for by another purpose", func(m *memstore.Store) store.Store { return burnsOthers{m} },
			[]string{"TakeOneTime never finds a token under another purpose, and leaves it there"}},
		{"a one-time token is good at the very moment of ExpiresAt", func(m *memstore.Store) store.Store { return tokenAMomentLonger{m} },
			[]string{"a one-time token is expired from the very moment of ExpiresAt on"}},
		{"an expired token stays", func(m *memstore.Store) store.Store { return &keepsExpired{Store: m} },
			[]string{
				"TakeOneTime gives ErrExpired to the caller who removes a token past its time",
				"of 50 callers taking one expired token exactly one gets ErrExpired",
			}},
		{"an expired token is not found", func(m *memstore.Store) store.Store { return expiredIsNotFound{m} },
			[]string{"TakeOneTime gives ErrExpired to the caller who removes a token past its time"}},
		{"PutOneTime leaves the earlier token", func(m *memstore.Store) store.Store { return &leavesEarlier{Store: m} },
			[]string{
				"PutOneTime removes the earlier token of the same user and purpose",
				"of 50 tokens put at once for one user and purpose exactly one is left",
			}},
		{"PutOneTime removes all of the user's tokens", func(m *memstore.Store) store.Store { return clearsAll{m} },
			[]string{"PutOneTime leaves tokens of other purposes and other users alone"}},
		{"PutOneTime reports no conflict", func(m *memstore.Store) store.Store { return putsAnyway{m} },
			[]string{
				"PutOneTime returns ErrConflict for the hash of another user's token, and changes nothing",
				"of 20 tokens put at once with one hash exactly one is",
			}},
		{"DropOneTime without purposes drops none", func(m *memstore.Store) store.Store { return dropsNone{m} },
			[]string{"DropOneTime removes all of the user's tokens if it names no purpose"}},
		{"DropOneTime drops all purposes", func(m *memstore.Store) store.Store { return dropsAll{m} },
			[]string{"DropOneTime removes the user's tokens of the purposes it names"}},
	}
}

type doesNotRemove struct{ *memstore.Store }

func (s doesNotRemove) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	t, err := s.Store.TakeOneTime(ctx, p, hash, now)
	if err == nil {
		err = s.Store.PutOneTime(ctx, t)
	}
	return t, err
}

type readsThenRemoves struct{ *memstore.Store }

func (s readsThenRemoves) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	t, err := doesNotRemove(s).TakeOneTime(ctx, p, hash, now)
	if err != nil {
		return nil, err
	}
	window()
	_, err = s.Store.TakeOneTime(ctx, p, hash, now)
	if errors.Is(err, store.ErrNotFound) { // a DELETE whose rows affected nobody looks at
		err = nil
	}
	return t, err
}

type anyPurpose struct{ *memstore.Store }

func (s anyPurpose) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	for _, q := range purposes {
		if t, err := s.Store.TakeOneTime(ctx, q, hash, now); !errors.Is(err, store.ErrNotFound) {
			return t, err
		}
	}
	return nil, store.ErrNotFound
}

type burnsOthers struct{ *memstore.Store }

func (s burnsOthers) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	t, err := anyPurpose(s).TakeOneTime(ctx, p, hash, now)
	if err == nil && t.Purpose != p {
		return nil, store.ErrNotFound
	}
	return t, err
}

type tokenAMomentLonger struct{ *memstore.Store }

func (s tokenAMomentLonger) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	return s.Store.TakeOneTime(ctx, p, hash, now.Add(-time.Microsecond))
}

// keepsExpired remembers tokens, to put one that ran out back.
type keepsExpired struct {
	*memstore.Store
	all sync.Map
}

func (s *keepsExpired) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	c := *t
	s.all.Store(string(t.Hash), &c)
	return s.Store.PutOneTime(ctx, t)
}

func (s *keepsExpired) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	t, err := s.Store.TakeOneTime(ctx, p, hash, now)
	if errors.Is(err, store.ErrExpired) {
		old, _ := s.all.Load(string(hash))
		return nil, errors.Join(err, s.Store.PutOneTime(ctx, old.(*store.OneTimeToken)))
	}
	return t, err
}

type expiredIsNotFound struct{ *memstore.Store }

func (s expiredIsNotFound) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	t, err := s.Store.TakeOneTime(ctx, p, hash, now)
	if errors.Is(err, store.ErrExpired) {
		err = store.ErrNotFound
	}
	return t, err
}

// leavesEarlier keeps every token there ever was.
type leavesEarlier struct {
	*memstore.Store
	mu  sync.Mutex
	all []*store.OneTimeToken
}

func (s *leavesEarlier) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, t)
	return nil
}

func (s *leavesEarlier) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(t *store.OneTimeToken) bool { return t.Purpose == p && string(t.Hash) == string(hash) })
	if i < 0 {
		return nil, store.ErrNotFound
	}
	t := s.all[i]
	s.all = slices.Delete(s.all, i, i+1)
	return t, nil
}

type clearsAll struct{ *memstore.Store }

func (s clearsAll) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	return errors.Join(s.Store.DropOneTime(ctx, t.UserID), s.Store.PutOneTime(ctx, t))
}

type putsAnyway struct{ *memstore.Store }

func (s putsAnyway) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	err := s.Store.PutOneTime(ctx, t)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

type dropsNone struct{ *memstore.Store }

func (s dropsNone) DropOneTime(ctx context.Context, userID string, ps ...store.Purpose) error {
	if len(ps) == 0 {
		return nil
	}
	return s.Store.DropOneTime(ctx, userID, ps...)
}

type dropsAll struct{ *memstore.Store }

func (s dropsAll) DropOneTime(ctx context.Context, userID string, _ ...store.Purpose) error {
	return s.Store.DropOneTime(ctx, userID)
}
