package model_test

import (
	"context"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// brokenStores are stores that break one rule each.
var brokenStores = []struct {
	name string
	make func(*memstore.Store) store.Store
}{
	{"Rotate does not compare Old", func(m *memstore.Store) store.Store { return rotatesAnything{m} }},
	{"Rotate rotates what is revoked", func(m *memstore.Store) store.Store { return &rotatesRevoked{Store: m} }},
	{"a revocation is lost", func(m *memstore.Store) store.Store { return losesRevoke{m} }},
	{"every revocation but one's own is lost", func(m *memstore.Store) store.Store { return losesRevokeAll{m} }},
	{"UpdateUser overwrites what others wrote", func(m *memstore.Store) store.Store { return overwrites{m} }},
	{"a user and a session are read late", func(m *memstore.Store) store.Store { return &readsLate{Store: m} }},
	{"every one-time token is found again", func(m *memstore.Store) store.Store { return &keepsTokens{Store: m} }},
}

type rotatesAnything struct{ *memstore.Store }

func (s rotatesAnything) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	row, err := s.SessionByID(ctx, r.SessionID)
	if err != nil {
		return nil, false, err
	}
	r.Old = row.Hash
	return s.Store.Rotate(ctx, r)
}

// rotatesRevoked forgets, as it rotates, that somebody revoked the session since it
// was read.
type rotatesRevoked struct {
	*memstore.Store
	mu      sync.Mutex
	revoked map[string]time.Time
}

func (s *rotatesRevoked) RevokeSession(ctx context.Context, id string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revoked == nil {
		s.revoked = make(map[string]time.Time)
	}
	s.revoked[id] = now
	return nil
}

func (s *rotatesRevoked) UserWithSession(ctx context.Context, id string) (*store.User, *store.Session, error) {
	u, row, err := s.Store.UserWithSession(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && row.RevokedAt.IsZero() {
		row.RevokedAt = s.revoked[id]
	}
	return u, row, err
}

func (s *rotatesRevoked) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	row, swapped, err := s.Store.Rotate(ctx, r)
	if swapped {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.revoked, r.SessionID)
	}
	return row, swapped, err
}

type losesRevoke struct{ *memstore.Store }

func (losesRevoke) RevokeSession(context.Context, string, time.Time) error { return nil }

type losesRevokeAll struct{ *memstore.Store }

func (losesRevokeAll) RevokeSessions(context.Context, string, string, time.Time) (int, error) {
	return 0, nil
}

type overwrites struct{ *memstore.Store }

func (s overwrites) UpdateUser(ctx context.Context, u *store.User) error {
	now, err := s.UserByID(ctx, u.ID)
	if err != nil {
		return err
	}
	u.Version = now.Version
	return s.Store.UpdateUser(ctx, u)
}

// readsLate answers every second look with what the one before saw.
type readsLate struct {
	*memstore.Store
	mu   sync.Mutex
	seen map[string]principal
}

type principal struct {
	u   *store.User
	row *store.Session
}

func (s *readsLate) UserWithSession(ctx context.Context, id string) (*store.User, *store.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, found := s.seen[id]; found {
		delete(s.seen, id)
		return p.u, p.row, nil
	}
	u, row, err := s.Store.UserWithSession(ctx, id)
	if err == nil {
		if s.seen == nil {
			s.seen = make(map[string]principal)
		}
		s.seen[id] = principal{u, row}
	}
	return u, row, err
}

// keepsTokens never forgets a token, and gives it the epoch of the day: what a
// service without epochs would rely on.
type keepsTokens struct {
	*memstore.Store
	mu   sync.Mutex
	kept map[string]store.OneTimeToken
}

func (s *keepsTokens) PutOneTime(_ context.Context, t *store.OneTimeToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = make(map[string]store.OneTimeToken)
	}
	s.kept[string(t.Hash)] = *t
	return nil
}

func (s *keepsTokens) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, found := s.kept[string(hash)]
	if !found || t.Purpose != p {
		return nil, store.ErrNotFound
	}
	u, err := s.UserByID(ctx, t.UserID)
	if err != nil {
		return nil, err
	}
	t.Epoch = u.Epoch
	return &t, nil
}
