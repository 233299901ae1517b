package memstore

import (
	"context"
	"strings"

	"github.com/aegis-auth/aegis/store"
)

// CreateUser implements [store.UserStore].
func (s *Store) CreateUser(ctx context.Context, u *store.User) error {
	return s.write(ctx, func() error { return s.createUser(u) })
}

func (s *Store) createUser(u *store.User) error {
	if err := s.userFits(u); err != nil {
		return err
	}
	if u.ID == "" {
		u.ID = store.NewID(u.CreatedAt)
	}
	u.Version = s.nextVersion()
	s.putUser(cloneUser(u))
	return nil
}

// userFits returns ErrConflict if u cannot be added.
func (s *Store) userFits(u *store.User) error {
	if u.DeletedAt.IsZero() && s.byEmail[u.Email] != nil {
		return store.ErrConflict
	}
	if u.ID != "" && s.users[u.ID] != nil {
		return store.ErrConflict
	}
	return nil
}

// putUser keeps u, in place of the row with its ID if there is one.
func (s *Store) putUser(u *store.User) {
	if old := s.users[u.ID]; old != nil && old.DeletedAt.IsZero() {
		delete(s.byEmail, old.Email)
	}
	s.users[u.ID] = u
	if u.DeletedAt.IsZero() {
		s.byEmail[u.Email] = u
	}
}

// UserByID implements [store.UserStore].
func (s *Store) UserByID(ctx context.Context, id string) (*store.User, error) {
	return s.user(ctx, func() *store.User { return s.users[id] })
}

// UserByEmail implements [store.UserStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return s.user(ctx, func() *store.User { return s.byEmail[email] })
}

func (s *Store) user(ctx context.Context, find func() *store.User) (u *store.User, err error) {
	err = s.read(ctx, func() error {
		found := find()
		if found == nil {
			return store.ErrNotFound
		}
		u = cloneUser(found)
		return nil
	})
	return u, err
}

// UpdateUser implements [store.UserStore].
func (s *Store) UpdateUser(ctx context.Context, u *store.User) error {
	return s.write(ctx, func() error { return s.updateUser(u) })
}

func (s *Store) updateUser(u *store.User) error {
	old := s.users[u.ID]
	if old == nil || old.Version != u.Version {
		return store.ErrStale
	}
	if other := s.byEmail[u.Email]; u.DeletedAt.IsZero() && other != nil && other.ID != u.ID {
		return store.ErrConflict
	}
	u.Version = s.nextVersion()
	row := cloneUser(u)
	row.CreatedAt = old.CreatedAt
	s.putUser(row)
	return nil
}

// DeleteUser implements [store.UserStore].
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.write(ctx, func() error {
		for sid := range s.userSessions[id] {
			s.dropSession(sid)
		}
		for _, t := range s.userTokens[id] {
			s.dropToken(t)
		}
		for _, i := range s.userIdentities[id] {
			s.dropIdentity(i)
		}
		for orgID := range s.memberOf[id] {
			s.dropMember(orgID, id)
			if !s.hasOwner(orgID) {
				s.dropOrg(orgID)
			}
		}
		if u := s.users[id]; u != nil {
			if u.DeletedAt.IsZero() {
				delete(s.byEmail, u.Email)
			}
			delete(s.users, id)
		}
		return nil
	})
}

// UserWithSession implements [store.PrincipalStore].
func (s *Store) UserWithSession(ctx context.Context, sessionID string) (u *store.User, se *store.Session, err error) {
	err = s.read(ctx, func() error {
		found := s.sessions[sessionID]
		if found == nil {
			return store.ErrNotFound
		}
		owner := s.users[found.UserID]
		if owner == nil {
			return store.ErrNotFound
		}
		u, se = cloneUser(owner), cloneSession(found)
		return nil
	})
	return u, se, err
}

// ListUsers implements [store.UserLister].
func (s *Store) ListUsers(ctx context.Context, q store.UserQuery) (list []*store.User, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.User
		for _, u := range s.users {
			if selects(q, u) {
				rows = append(rows, u)
			}
		}
		at := func(u *store.User) place { return place{u.CreatedAt, u.ID} }
		list = cloneAll(page(rows, at, descending, q.After, q.Limit), cloneUser)
		return nil
	})
	return list, err
}

// selects reports whether q asks for u, pages aside.
func selects(q store.UserQuery, u *store.User) bool {
	if q.Role != "" && u.Role != q.Role || !strings.HasPrefix(u.Email, q.EmailPrefix) {
		return false
	}
	deleted := !u.DeletedAt.IsZero()
	switch q.Status {
	case store.StatusNotDeleted:
		return !deleted
	case store.StatusActive:
		return u.Active()
	case store.StatusDisabled:
		return u.Disabled && !deleted
	case store.StatusDeleted:
		return deleted
	case store.StatusAny:
		return true
	}
	return false
}

// UsersByIDs implements [store.UserLister].
func (s *Store) UsersByIDs(ctx context.Context, ids []string) (list []*store.User, err error) {
	err = s.read(ctx, func() error {
		seen := make(map[string]bool, len(ids))
		for _, id := range ids {
			if u := s.users[id]; u != nil && !seen[id] {
				seen[id] = true
				list = append(list, cloneUser(u))
			}
		}
		return nil
	})
	return list, err
}
