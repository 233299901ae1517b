package memstore

import (
	"bytes"
	"context"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// maxSessions bounds ListSessions.
const maxSessions = 200

// CreateSession implements [store.SessionStore].
func (s *Store) CreateSession(ctx context.Context, se *store.Session) error {
	return s.write(ctx, func() error {
		if s.sessions[se.ID] != nil {
			return store.ErrConflict
		}
		s.sessions[se.ID] = cloneSession(se)
		s.userSessions.add(se.UserID, se.ID)
		return nil
	})
}

// SessionByID implements [store.SessionStore].
func (s *Store) SessionByID(ctx context.Context, id string) (se *store.Session, err error) {
	err = s.read(ctx, func() error {
		found := s.sessions[id]
		if found == nil {
			return store.ErrNotFound
		}
		se = cloneSession(found)
		return nil
	})
	return se, err
}

// Rotate implements [store.SessionStore].
func (s *Store) Rotate(ctx context.Context, r store.Rotation) (se *store.Session, swapped bool, err error) {
	err = s.read(ctx, func() error {
		row := s.sessions[r.SessionID]
		if row == nil {
			return store.ErrNotFound
		}
		if bytes.Equal(row.Hash, r.Old) && row.Live(r.Now) {
			swapped = true
			row.PrevHash = row.Hash
			row.Hash = bytes.Clone(r.New)
			row.Sealed = bytes.Clone(r.Sealed)
			row.Generation++
			row.RotatedAt = r.Now
			row.ExpiresAt = r.ExpiresAt
			row.UserAgent = r.UserAgent
			row.IP = r.IP
		}
		se = cloneSession(row)
		return nil
	})
	return se, swapped, err
}

// RenewSession implements [store.SessionStore].
func (s *Store) RenewSession(ctx context.Context, id string, epoch int64, authTime time.Time) error {
	return s.write(ctx, func() error {
		row := s.sessions[id]
		if row == nil || !row.RevokedAt.IsZero() {
			return store.ErrNotFound
		}
		row.Epoch = epoch
		if !authTime.IsZero() {
			row.AuthTime = authTime
		}
		return nil
	})
}

// ListSessions implements [store.SessionStore].
func (s *Store) ListSessions(ctx context.Context, userID string) (list []*store.Session, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.Session
		for id := range s.userSessions[userID] {
			if row := s.sessions[id]; row.RevokedAt.IsZero() {
				rows = append(rows, row)
			}
		}
		at := func(se *store.Session) place { return place{se.CreatedAt, se.ID} }
		list = cloneAll(page(rows, at, descending, store.Cursor{}, maxSessions), cloneSession)
		return nil
	})
	return list, err
}

// RevokeSession implements [store.SessionStore].
func (s *Store) RevokeSession(ctx context.Context, id string, now time.Time) error {
	return s.write(ctx, func() error {
		if row := s.sessions[id]; row != nil && row.RevokedAt.IsZero() {
			row.RevokedAt = now
		}
		return nil
	})
}

// RevokeSessions implements [store.SessionStore].
func (s *Store) RevokeSessions(ctx context.Context, userID, exceptID string, now time.Time) (n int, err error) {
	err = s.write(ctx, func() error {
		for id := range s.userSessions[userID] {
			if row := s.sessions[id]; id != exceptID && row.RevokedAt.IsZero() {
				row.RevokedAt = now
				n++
			}
		}
		return nil
	})
	return n, err
}

func (s *Store) dropSession(id string) {
	if row := s.sessions[id]; row != nil {
		delete(s.sessions, id)
		s.userSessions.remove(row.UserID, id)
	}
}
