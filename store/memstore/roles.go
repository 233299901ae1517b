package memstore

import (
	"context"

	"github.com/aegis-auth/aegis/store"
)

// CreateUserClaiming implements [store.RoleStore].
func (s *Store) CreateUserClaiming(ctx context.Context, u *store.User, role string) error {
	return s.write(ctx, func() error {
		if len(s.users) > 0 || s.claimed[role] {
			return s.createUser(u)
		}
		before := u.Role
		u.Role = role
		if err := s.createUser(u); err != nil {
			u.Role = before
			return err
		}
		s.claimed[role] = true
		return nil
	})
}

// UpdateUserKeeping implements [store.RoleStore].
func (s *Store) UpdateUserKeeping(ctx context.Context, u *store.User, role string) error {
	return s.write(ctx, func() error {
		old := s.users[u.ID]
		if old == nil || old.Version != u.Version {
			return store.ErrStale
		}
		if holds(old, role) && !holds(u, role) && !s.anotherHolds(u.ID, role) {
			return store.ErrLastInRole
		}
		return s.updateUser(u)
	})
}

// holds reports whether u is active with the role.
func holds(u *store.User, role string) bool { return u.Active() && u.Role == role }

func (s *Store) anotherHolds(id, role string) bool {
	for _, u := range s.users {
		if u.ID != id && holds(u, role) {
			return true
		}
	}
	return false
}
