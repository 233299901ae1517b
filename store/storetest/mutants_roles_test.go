package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func identityMutants() []mutant {
	return []mutant{
		{"RemoveIdentity never keeps one", func(m *memstore.Store) store.Store { return keepsNone{m} },
			[]string{
				"RemoveIdentity returns ErrLastCredential for the only identity if it must keep one, and changes nothing",
				"of the last two identities removed at once one is kept",
			}},
		{"RemoveIdentity counts first and removes then", func(m *memstore.Store) store.Store { return countsIdentities{m} },
			[]string{"of the last two identities removed at once one is kept"}},
		{"RemoveIdentity of nothing is no error", func(m *memstore.Store) store.Store { return removesNothing{m} },
			[]string{"RemoveIdentity returns ErrNotFound if the user has none of that provider"}},
		{"CreateUserWithIdentity takes two steps", func(m *memstore.Store) store.Store { return createsInTwoSteps{m} },
			[]string{
				"CreateUserWithIdentity returns ErrConflict for a subject that is linked, and creates nobody",
				"of 50 users created at once with one account exactly one is",
			}},
		{"AddIdentity moves an account to the latest user", func(m *memstore.Store) store.Store { return movesAccount{m} },
			[]string{
				"AddIdentity returns ErrConflict for a subject that is linked to anyone, and changes nothing",
				"of 50 users who link one account at once exactly one does",
			}},
		{"provider and subject are glued together", func(m *memstore.Store) store.Store { return &glues{Store: m} },
			[]string{"provider and subject together name an account"}},
	}
}

func roleMutants() []mutant {
	return []mutant{
		{"CreateUserClaiming counts users", func(m *memstore.Store) store.Store { return countsUsers{m} },
			[]string{
				"CreateUserClaiming gives a role for good, even if the user who got it is deleted",
				"of 50 first users exactly one is given the role",
			}},
		{"CreateUserClaiming overlooks deleted users", func(m *memstore.Store) store.Store { return overlooksDeleted{m} },
			[]string{"CreateUserClaiming gives no role while any user exists, deleted or not"}},
		{"UpdateUserKeeping keeps nobody", func(m *memstore.Store) store.Store { return keepsNobody{m} },
			[]string{
				"UpdateUserKeeping returns ErrLastInRole for the last active user with the role, and changes nothing",
				"when all users with a role lose it at once one keeps it",
			}},
		{"UpdateUserKeeping counts first and writes then", func(m *memstore.Store) store.Store { return countsHolders{m} },
			[]string{"when all users with a role lose it at once one keeps it"}},
		{"UpdateUserKeeping counts users who are not active", func(m *memstore.Store) store.Store { return countsAnybody{m} },
			[]string{"UpdateUserKeeping returns ErrLastInRole for the last active user with the role, and changes nothing"}},
		{"UpdateUserKeeping watches the role only", func(m *memstore.Store) store.Store { return watchesRole{m} },
			[]string{"UpdateUserKeeping returns ErrLastInRole for the last active user with the role, and changes nothing"}},
	}
}

func attemptMutants() []mutant {
	return []mutant{
		{"UpdateAttempts reads first and writes then", func(m *memstore.Store) store.Store { return attemptsInTwoSteps{m} },
			[]string{
				"64 callers counting attempts of one key at once lose none",
				"of callers who reserve the last of a limit at once no more get it than there are",
			}},
		{"UpdateAttempts judges by the clock what has expired", func(m *memstore.Store) store.Store { return forgetsExpired{m} },
			[]string{"UpdateAttempts hands over a state that has expired: only callers judge the time"}},
		{"UpdateAttempts gives the state before", func(m *memstore.Store) store.Store { return givesOldState{m} },
			[]string{"UpdateAttempts keeps every field and returns the state now stored"}},
		{"UpdateAttempts keeps one counter for all keys", func(m *memstore.Store) store.Store { return oneCounter{m} },
			[]string{"UpdateAttempts changes no other key", "UpdateAttempts tells keys apart byte for byte"}},
	}
}

type keepsNone struct{ *memstore.Store }

func (s keepsNone) RemoveIdentity(ctx context.Context, userID, provider string, _ bool) error {
	return s.Store.RemoveIdentity(ctx, userID, provider, false)
}

type countsIdentities struct{ *memstore.Store }

func (s countsIdentities) RemoveIdentity(ctx context.Context, userID, provider string, keepOne bool) error {
	list, err := s.Store.ListIdentities(ctx, userID)
	if err != nil {
		return err
	}
	if keepOne && len(list) == 1 && list[0].Provider == provider {
		return store.ErrLastCredential
	}
	window()
	return s.Store.RemoveIdentity(ctx, userID, provider, false)
}

type removesNothing struct{ *memstore.Store }

func (s removesNothing) RemoveIdentity(ctx context.Context, userID, provider string, keepOne bool) error {
	err := s.Store.RemoveIdentity(ctx, userID, provider, keepOne)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

type createsInTwoSteps struct{ *memstore.Store }

func (s createsInTwoSteps) CreateUserWithIdentity(ctx context.Context, u *store.User, id *store.Identity) error {
	if err := s.Store.CreateUser(ctx, u); err != nil {
		return err
	}
	id.UserID = u.ID
	return s.Store.AddIdentity(ctx, id)
}

type movesAccount struct{ *memstore.Store }

func (s movesAccount) AddIdentity(ctx context.Context, id *store.Identity) error {
	if old, err := s.Store.IdentityBySubject(ctx, id.Provider, id.Subject); err == nil {
		if err := s.Store.RemoveIdentity(ctx, old.UserID, old.Provider, false); err != nil {
			return err
		}
	}
	return s.Store.AddIdentity(ctx, id)
}

// glues keeps one string for an account.
type glues struct {
	*memstore.Store
	taken sync.Map
}

func (s *glues) AddIdentity(ctx context.Context, id *store.Identity) error {
	if _, taken := s.taken.LoadOrStore(id.Provider+id.Subject, true); taken {
		return store.ErrConflict
	}
	return s.Store.AddIdentity(ctx, id)
}

type countsUsers struct{ *memstore.Store }

func (s countsUsers) CreateUserClaiming(ctx context.Context, u *store.User, role string) error {
	all, err := s.Store.ListUsers(ctx, store.UserQuery{Status: store.StatusAny, Limit: 1})
	if err != nil {
		return err
	}
	window()
	if len(all) == 0 {
		u.Role = role
	}
	return s.Store.CreateUser(ctx, u)
}

type overlooksDeleted struct{ *memstore.Store }

func (s overlooksDeleted) CreateUserClaiming(ctx context.Context, u *store.User, role string) error {
	all, err := s.Store.ListUsers(ctx, store.UserQuery{Limit: 1})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		u.Role = role
	}
	return s.Store.CreateUser(ctx, u)
}

type keepsNobody struct{ *memstore.Store }

func (s keepsNobody) UpdateUserKeeping(ctx context.Context, u *store.User, _ string) error {
	return s.Store.UpdateUser(ctx, u)
}

// keeping is UpdateUserKeeping with other ideas of who counts.
func keeping(ctx context.Context, s *memstore.Store, u *store.User, role string, status store.UserStatus, last func(others int) bool) error {
	all, err := s.ListUsers(ctx, store.UserQuery{Role: role, Status: status, Limit: 100})
	if err != nil {
		return err
	}
	others := 0
	for _, v := range all {
		if v.ID != u.ID {
			others++
		}
	}
	if last(others) {
		return store.ErrLastInRole
	}
	window()
	return s.UpdateUser(ctx, u)
}

type countsHolders struct{ *memstore.Store }

func (s countsHolders) UpdateUserKeeping(ctx context.Context, u *store.User, role string) error {
	return keeping(ctx, s.Store, u, role, store.StatusActive, func(others int) bool {
		return others == 0 && (u.Role != role || !u.Active())
	})
}

type countsAnybody struct{ *memstore.Store }

func (s countsAnybody) UpdateUserKeeping(ctx context.Context, u *store.User, role string) error {
	return keeping(ctx, s.Store, u, role, store.StatusAny, func(others int) bool {
		return others == 0 && (u.Role != role || !u.Active())
	})
}

type watchesRole struct{ *memstore.Store }

func (s watchesRole) UpdateUserKeeping(ctx context.Context, u *store.User, role string) error {
	return keeping(ctx, s.Store, u, role, store.StatusActive, func(others int) bool {
		return others == 0 && u.Role != role
	})
}

type attemptsInTwoSteps struct{ *memstore.Store }

func (s attemptsInTwoSteps) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	var next store.Attempts
	_, err := s.Store.UpdateAttempts(ctx, key, func(a store.Attempts) store.Attempts {
		next = change(a)
		return a
	})
	if err != nil {
		return store.Attempts{}, err
	}
	window()
	return s.Store.UpdateAttempts(ctx, key, func(store.Attempts) store.Attempts { return next })
}

type forgetsExpired struct{ *memstore.Store }

func (s forgetsExpired) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	return s.Store.UpdateAttempts(ctx, key, func(a store.Attempts) store.Attempts {
		if !a.Expires.IsZero() && a.Expires.Before(time.Now()) {
			a = store.Attempts{}
		}
		return change(a)
	})
}

type givesOldState struct{ *memstore.Store }

func (s givesOldState) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (old store.Attempts, err error) {
	_, err = s.Store.UpdateAttempts(ctx, key, func(a store.Attempts) store.Attempts {
		old = a
		return change(a)
	})
	return old, err
}

type oneCounter struct{ *memstore.Store }

func (s oneCounter) UpdateAttempts(ctx context.Context, _ string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	return s.Store.UpdateAttempts(ctx, "", change)
}
