package memstore

import (
	"context"

	"github.com/aegis-auth/aegis/store"
)

// CreateUserClaiming implements [store.RoleStore].
func (s *Store) CreateUserClaiming(ctx context.Context, u *store.User, role string) error {
	return s.write(ctx, func() error {
		if len(s.users) == 0 && !s.claimed[role] {
			// Where nobody is, nothing can be taken: createUser cannot fail.
			u.Role = role
			s.claimed[role] = true
		}
		return s.createUser(u)
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
