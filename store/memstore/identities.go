package memstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

// subject names an account elsewhere.
type subject struct{ provider, subject string }

// IdentityBySubject implements [store.IdentityStore].
func (s *Store) IdentityBySubject(ctx context.Context, provider, sub string) (id *store.Identity, err error) {
	err = s.read(ctx, func() error {
		found := s.identities[subject{provider, sub}]
		if found == nil {
			return store.ErrNotFound
		}
		id = cloneIdentity(found)
		return nil
	})
	return id, err
}

// ListIdentities implements [store.IdentityStore].
func (s *Store) ListIdentities(ctx context.Context, userID string) (list []*store.Identity, err error) {
	err = s.read(ctx, func() error {
		for _, id := range s.userIdentities[userID] {
			list = append(list, cloneIdentity(id))
		}
		slices.SortFunc(list, func(a, b *store.Identity) int { return cmp.Compare(a.Provider, b.Provider) })
		return nil
	})
	return list, err
}

// AddIdentity implements [store.IdentityStore].
func (s *Store) AddIdentity(ctx context.Context, id *store.Identity) error {
	return s.write(ctx, func() error {
		if s.linked(id.UserID, id) {
			return store.ErrConflict
		}
		s.addIdentity(cloneIdentity(id))
		return nil
	})
}

// RemoveIdentity implements [store.IdentityStore].
func (s *Store) RemoveIdentity(ctx context.Context, userID, provider string, keepOne bool) error {
	return s.write(ctx, func() error {
		mine := s.userIdentities[userID]
		id := mine[provider]
		if id == nil {
			return store.ErrNotFound
		}
		if keepOne && len(mine) == 1 {
			return store.ErrLastCredential
		}
		s.dropIdentity(id)
		return nil
	})
}

// CreateUserWithIdentity implements [store.IdentityStore].
func (s *Store) CreateUserWithIdentity(ctx context.Context, u *store.User, id *store.Identity) error {
	return s.write(ctx, func() error {
		// A user who is yet to be created has no identity, so that only the
		// subject can be taken.
		if s.identities[subject{id.Provider, id.Subject}] != nil {
			return store.ErrConflict
		}
		if err := s.createUser(u); err != nil {
			return err
		}
		id.UserID = u.ID
		s.addIdentity(cloneIdentity(id))
		return nil
	})
}

// linked reports whether id cannot be linked to the user: its subject is linked
// to anyone, or the user has an identity of its provider.
func (s *Store) linked(userID string, id *store.Identity) bool {
	return s.identities[subject{id.Provider, id.Subject}] != nil ||
		s.userIdentities[userID][id.Provider] != nil
}

func (s *Store) addIdentity(id *store.Identity) {
	s.identities[subject{id.Provider, id.Subject}] = id
	if s.userIdentities[id.UserID] == nil {
		s.userIdentities[id.UserID] = make(map[string]*store.Identity)
	}
	s.userIdentities[id.UserID][id.Provider] = id
}

func (s *Store) dropIdentity(id *store.Identity) {
	delete(s.identities, subject{id.Provider, id.Subject})
	delete(s.userIdentities[id.UserID], id.Provider)
	if len(s.userIdentities[id.UserID]) == 0 {
		delete(s.userIdentities, id.UserID)
	}
}
