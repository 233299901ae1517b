package memstore

import (
	"context"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// PutOneTime implements [store.OneTimeStore].
func (s *Store) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	return s.write(ctx, func() error {
		if same := s.tokens[string(t.Hash)]; same != nil && (same.UserID != t.UserID || same.Purpose != t.Purpose) {
			return store.ErrConflict
		}
		if old := s.userTokens[t.UserID][t.Purpose]; old != nil {
			s.dropToken(old)
		}
		row := cloneToken(t)
		s.tokens[string(row.Hash)] = row
		if s.userTokens[row.UserID] == nil {
			s.userTokens[row.UserID] = make(map[store.Purpose]*store.OneTimeToken)
		}
		s.userTokens[row.UserID][row.Purpose] = row
		return nil
	})
}

// TakeOneTime implements [store.OneTimeStore].
func (s *Store) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (t *store.OneTimeToken, err error) {
	err = s.write(ctx, func() error {
		row := s.tokens[string(hash)]
		if row == nil || row.Purpose != p {
			return store.ErrNotFound
		}
		s.dropToken(row)
		if !row.ExpiresAt.After(now) {
			return store.ErrExpired
		}
		t = row // no longer ours
		return nil
	})
	return t, err
}

// DropOneTime implements [store.OneTimeStore].
func (s *Store) DropOneTime(ctx context.Context, userID string, purposes ...store.Purpose) error {
	return s.write(ctx, func() error {
		if len(purposes) == 0 {
			for _, t := range s.userTokens[userID] {
				s.dropToken(t)
			}
			return nil
		}
		for _, p := range purposes {
			if t := s.userTokens[userID][p]; t != nil {
				s.dropToken(t)
			}
		}
		return nil
	})
}

func (s *Store) dropToken(t *store.OneTimeToken) {
	delete(s.tokens, string(t.Hash))
	delete(s.userTokens[t.UserID], t.Purpose)
	if len(s.userTokens[t.UserID]) == 0 {
		delete(s.userTokens, t.UserID)
	}
}
