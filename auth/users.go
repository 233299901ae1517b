package auth

import (
	"context"
	"errors"

	"github.com/aegis-auth/aegis/store"
)

// maxTries bounds how often a change is tried again when others changed the
// same row meanwhile.
const maxTries = 10

// User returns a user who is not deleted, or ErrNotFound.
func (s *Service) User(ctx context.Context, id string) (*store.User, error) {
	u, err := s.anyUser(ctx, id)
	if err == nil && !u.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	return u, err
}

// anyUser returns a user, deleted or not.
func (s *Service) anyUser(ctx context.Context, id string) (*store.User, error) {
	u, err := s.cfg.Store.UserByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, unavailable("read user", err)
	}
	return u, nil
}

// userByEmail returns the user with a canonical address, or nil.
func (s *Service) userByEmail(ctx context.Context, email string) (*store.User, error) {
	u, err := s.cfg.Store.UserByEmail(ctx, email)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable("read user", err)
	}
	return u, nil
}

// UpdateUser changes a user who is not deleted. change is applied to the user as
// stored, again if somebody else changed them meanwhile; what it returns is
// returned. It must not change ID and Version, and for roles, activity and
// deletion there are methods of their own, which guard the last administrator.
func (s *Service) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	u, err := s.modify(ctx, id, s.cfg.Store.UpdateUser, func(u *store.User) error {
		if !u.DeletedAt.IsZero() {
			return ErrNotFound
		}
		return change(u)
	})
	if err != nil {
		return nil, err
	}
	s.forgetUser(id)
	s.Emit(ctx, Event{Kind: UserUpdated, ActorID: actorOf(ctx), UserID: id})
	return u, nil
}

// modify is the one loop that changes a user: read, change, write if nobody
// wrote meanwhile.
func (s *Service) modify(ctx context.Context, id string, write func(context.Context, *store.User) error,
	change func(*store.User) error) (*store.User, error) {
	for range maxTries {
		u, err := s.anyUser(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := change(u); err != nil {
			return nil, err
		}
		u.UpdatedAt = s.now()
		switch err := write(ctx, u); {
		case err == nil:
			return u, nil
		case errors.Is(err, store.ErrStale):
			continue
		case errors.Is(err, store.ErrConflict):
			return nil, ErrEmailTaken
		case errors.Is(err, store.ErrLastInRole):
			return nil, ErrLastAdmin
		default:
			return nil, unavailable("update user", err)
		}
	}
	return nil, ErrUnavailable.WithRetryAfter(retryAfterTrouble)
}
