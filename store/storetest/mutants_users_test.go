package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func userMutants() []mutant {
	return []mutant{
		{"addresses are found whatever their case", func(m *memstore.Store) store.Store { return foldsCase{m} },
			[]string{"an address that was never stored is not found by one that is like it"}},
		{"addresses are trimmed when they are looked up", func(m *memstore.Store) store.Store { return trimsAddress{m} },
			[]string{"an address that was never stored is not found by one that is like it", "addresses are told apart byte for byte"}},
		{"addresses are lower-cased when they are stored", func(m *memstore.Store) store.Store { return lowersAddress{m} },
			[]string{"addresses are told apart byte for byte"}},
		{"CreateUser reports no conflict", func(m *memstore.Store) store.Store { return hidesConflict{m} },
			[]string{
				"CreateUser returns ErrConflict for an address that is in use, and leaves the user as it was",
				"CreateUser returns ErrConflict for an ID that is in use",
				"of 50 users created at once with one address exactly one is",
			}},
		{"CreateUser reports a conflict by an error of its own", func(m *memstore.Store) store.Store { return ownError{m} },
			[]string{"CreateUser returns ErrConflict for an address that is in use, and leaves the user as it was"}},
		{"CreateUser sets the ID of a user whom it refuses", func(m *memstore.Store) store.Store { return eagerID{m} },
			[]string{
				"CreateUser returns ErrConflict for an address that is in use, and leaves the user as it was",
				"CreateUser changes nothing if the place of its audit entry is taken",
			}},
		{"CreateUser replaces a user with the same ID", func(m *memstore.Store) store.Store { return upserts{m} },
			[]string{"CreateUser returns ErrConflict for an ID that is in use", "of 20 users created at once with one ID exactly one is"}},
		{"CreateUser looks for the address before it writes, not while", func(m *memstore.Store) store.Store { return looksFirst{m} },
			[]string{"of 50 users created at once with one address exactly one is"}},
		{"the address of a soft-deleted user stays taken", func(m *memstore.Store) store.Store { return deletedBlocks{m} },
			[]string{"the address of a soft-deleted user is free", "many soft-deleted users may have had one address"}},
		{"UserByEmail finds soft-deleted users", func(m *memstore.Store) store.Store { return findsDeleted{m} },
			[]string{"UserByEmail returns ErrNotFound for an unknown address and for that of a soft-deleted user"}},
		{"UserByID finds no soft-deleted users", func(m *memstore.Store) store.Store { return hidesDeleted{m} },
			[]string{"UserByID returns soft-deleted and disabled users"}},
		{"UserByID gives nil and no error for nobody", func(m *memstore.Store) store.Store { return nilNil{m} },
			[]string{"UserByID returns ErrNotFound for an ID that is not there"}},
		{"UpdateUser ignores the Version", func(m *memstore.Store) store.Store { return ignoresVersion{m} },
			[]string{
				"UpdateUser returns ErrStale for a Version that is not the stored one, and changes nothing",
				"of 50 updates from one Version exactly one is written",
				"no update is lost among callers who try again after ErrStale",
			}},
		{"UpdateUser compares the Version before it writes, not while", func(m *memstore.Store) store.Store { return comparesFirst{m} },
			[]string{"of 50 updates from one Version exactly one is written", "no update is lost among callers who try again after ErrStale"}},
		{"UpdateUser raises the Version of a user whom it refuses", func(m *memstore.Store) store.Store { return eagerVersion{m} },
			[]string{"UpdateUser returns ErrStale for a Version that is not the stored one, and changes nothing"}},
		{"UpdateUser does not tell the new Version", func(m *memstore.Store) store.Store { return keepsVersion{m} },
			[]string{"UpdateUser gives the user a new Version on every write, and none twice"}},
		{"UpdateUser creates a user who is gone", func(m *memstore.Store) store.Store { return revives{m} },
			[]string{"UpdateUser returns ErrStale for a user who is gone"}},
		{"UpdateUser does not write an empty name", func(m *memstore.Store) store.Store { return skipsEmpty{m} },
			[]string{"UpdateUser can empty every field"}},
		{"UpdateUser merges Metadata", func(m *memstore.Store) store.Store { return mergesMetadata{m} },
			[]string{"UpdateUser replaces Metadata as a whole"}},
		{"DeleteUser of nobody is an error", func(m *memstore.Store) store.Store { return deletesStrictly{m} },
			[]string{"DeleteUser of a user who is not there is no error"}},
		{"DeleteUser leaves the sessions", func(m *memstore.Store) store.Store { return leavesSessions{m} },
			[]string{"DeleteUser removes the user's sessions and one-time tokens, and nobody else's"}},
		{"DeleteUser only marks the user", func(m *memstore.Store) store.Store { return softDeletes{m} },
			[]string{"DeleteUser removes the user and frees the address"}},
		{"a user read twice is one and the same", func(m *memstore.Store) store.Store { return &sharesOut{Store: m} },
			[]string{"what UserByID gives belongs to the caller"}},
		{"a user who was handed over is kept as it is", func(m *memstore.Store) store.Store { return &sharesIn{Store: m} },
			[]string{"CreateUser keeps nothing that it was handed"}},
		{"users share the map of their metadata", func(m *memstore.Store) store.Store { return &sharesMap{Store: m} },
			[]string{"what UserByID gives belongs to the caller"}},
		{"sessions read share their hashes", func(m *memstore.Store) store.Store { return &sharesSlice{Store: m} },
			[]string{"what SessionByID gives belongs to the caller"}},
		{"the hash of a session that was handed over is kept", func(m *memstore.Store) store.Store { return &keepsSlice{Store: m} },
			[]string{"CreateSession keeps nothing that it was handed"}},
		{"UserByID pays no heed to its context", func(m *memstore.Store) store.Store { return deaf{m} },
			[]string{"UserByID under a context that has ended returns its error", "CreateUser under a context that has ended returns its error and changes nothing"}},
		{"the error of a context is not passed on", func(m *memstore.Store) store.Store { return blunt{m} },
			[]string{"UpdateUser under a context that has ended returns its error and changes nothing"}},
	}
}

type foldsCase struct{ *memstore.Store }

func (s foldsCase) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	u, err := s.Store.UserByEmail(ctx, email)
	if err != nil {
		return s.Store.UserByEmail(ctx, strings.ToLower(email))
	}
	return u, nil
}

type trimsAddress struct{ *memstore.Store }

func (s trimsAddress) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return s.Store.UserByEmail(ctx, strings.TrimSpace(email))
}

type lowersAddress struct{ *memstore.Store }

func (s lowersAddress) CreateUser(ctx context.Context, u *store.User) error {
	u.Email = strings.ToLower(u.Email)
	return s.Store.CreateUser(ctx, u)
}

type hidesConflict struct{ *memstore.Store }

func (s hidesConflict) CreateUser(ctx context.Context, u *store.User) error {
	err := s.Store.CreateUser(ctx, u)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

type ownError struct{ *memstore.Store }

func (s ownError) CreateUser(ctx context.Context, u *store.User) error {
	err := s.Store.CreateUser(ctx, u)
	if errors.Is(err, store.ErrConflict) {
		return errors.New("UNIQUE constraint failed: users.email")
	}
	return err
}

type eagerID struct{ *memstore.Store }

func (s eagerID) CreateUser(ctx context.Context, u *store.User) error {
	if u.ID == "" {
		u.ID = store.NewID(u.CreatedAt)
	}
	return s.Store.CreateUser(ctx, u)
}

type upserts struct{ *memstore.Store }

func (s upserts) CreateUser(ctx context.Context, u *store.User) error {
	if old, err := s.Store.UserByID(ctx, u.ID); err == nil {
		u.Version = old.Version
		return s.Store.UpdateUser(ctx, u)
	}
	return s.Store.CreateUser(ctx, u)
}

type looksFirst struct{ *memstore.Store }

func (s looksFirst) CreateUser(ctx context.Context, u *store.User) error {
	if _, err := s.Store.UserByEmail(ctx, u.Email); err == nil {
		return store.ErrConflict
	}
	window()
	err := s.Store.CreateUser(ctx, u)
	if errors.Is(err, store.ErrConflict) { // a table without a unique index has none
		return nil
	}
	return err
}

type deletedBlocks struct{ *memstore.Store }

func (s deletedBlocks) CreateUser(ctx context.Context, u *store.User) error {
	gone, err := s.Store.ListUsers(ctx, store.UserQuery{EmailPrefix: u.Email, Status: store.StatusDeleted})
	if err != nil || len(gone) > 0 {
		return errors.Join(err, store.ErrConflict)
	}
	return s.Store.CreateUser(ctx, u)
}

type findsDeleted struct{ *memstore.Store }

func (s findsDeleted) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	all, err := s.Store.ListUsers(ctx, store.UserQuery{EmailPrefix: email, Status: store.StatusAny})
	if err != nil || len(all) == 0 {
		return nil, errors.Join(err, store.ErrNotFound)
	}
	return all[0], nil
}

type hidesDeleted struct{ *memstore.Store }

func (s hidesDeleted) UserByID(ctx context.Context, id string) (*store.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	if err == nil && !u.DeletedAt.IsZero() {
		return nil, store.ErrNotFound
	}
	return u, err
}

type nilNil struct{ *memstore.Store }

func (s nilNil) UserByID(ctx context.Context, id string) (*store.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return u, err
}

type ignoresVersion struct{ *memstore.Store }

func (s ignoresVersion) UpdateUser(ctx context.Context, u *store.User) error {
	window()
	old, err := s.Store.UserByID(ctx, u.ID)
	if err != nil {
		return store.ErrStale
	}
	u.Version = old.Version
	return s.Store.UpdateUser(ctx, u)
}

type comparesFirst struct{ *memstore.Store }

func (s comparesFirst) UpdateUser(ctx context.Context, u *store.User) error {
	old, err := s.Store.UserByID(ctx, u.ID)
	if err != nil || old.Version != u.Version {
		return store.ErrStale
	}
	window()
	for {
		if old, err = s.Store.UserByID(ctx, u.ID); err != nil {
			return err
		}
		u.Version = old.Version
		if err := s.Store.UpdateUser(ctx, u); !errors.Is(err, store.ErrStale) {
			return err
		}
	}
}

type eagerVersion struct{ *memstore.Store }

func (s eagerVersion) UpdateUser(ctx context.Context, u *store.User) error {
	err := s.Store.UpdateUser(ctx, u)
	if err != nil {
		u.Version++
	}
	return err
}

type keepsVersion struct{ *memstore.Store }

func (s keepsVersion) UpdateUser(ctx context.Context, u *store.User) error {
	up := *u
	return s.Store.UpdateUser(ctx, &up)
}

type revives struct{ *memstore.Store }

func (s revives) UpdateUser(ctx context.Context, u *store.User) error {
	if _, err := s.Store.UserByID(ctx, u.ID); errors.Is(err, store.ErrNotFound) {
		return s.Store.CreateUser(ctx, u)
	}
	return s.Store.UpdateUser(ctx, u)
}

type skipsEmpty struct{ *memstore.Store }

func (s skipsEmpty) UpdateUser(ctx context.Context, u *store.User) error {
	if old, err := s.Store.UserByID(ctx, u.ID); err == nil && u.Name == "" {
		u.Name = old.Name
		defer func() { u.Name = "" }()
	}
	return s.Store.UpdateUser(ctx, u)
}

type mergesMetadata struct{ *memstore.Store }

func (s mergesMetadata) UpdateUser(ctx context.Context, u *store.User) error {
	up := *u
	if old, err := s.Store.UserByID(ctx, u.ID); err == nil && old.Metadata != nil {
		up.Metadata = old.Metadata
		maps.Copy(up.Metadata, u.Metadata)
	}
	err := s.Store.UpdateUser(ctx, &up)
	u.Version = up.Version
	return err
}

type deletesStrictly struct{ *memstore.Store }

func (s deletesStrictly) DeleteUser(ctx context.Context, id string) error {
	if _, err := s.Store.UserByID(ctx, id); err != nil {
		return err
	}
	return s.Store.DeleteUser(ctx, id)
}

type leavesSessions struct{ *memstore.Store }

func (s leavesSessions) DeleteUser(ctx context.Context, id string) error {
	left, err := s.Store.ListSessions(ctx, id)
	if err != nil {
		return err
	}
	err = s.Store.DeleteUser(ctx, id)
	for _, se := range left {
		err = errors.Join(err, s.Store.CreateSession(ctx, se))
	}
	return err
}

type softDeletes struct{ *memstore.Store }

func (s softDeletes) DeleteUser(ctx context.Context, id string) error {
	u, err := s.Store.UserByID(ctx, id)
	if err != nil {
		return nil
	}
	u.DeletedAt = time.Unix(1, 0).UTC()
	return s.Store.UpdateUser(ctx, u)
}

// sharesOut hands the same row to everybody who reads it.
type sharesOut struct {
	*memstore.Store
	cache sync.Map
}

func (s *sharesOut) UserByID(ctx context.Context, id string) (*store.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	if err != nil {
		return nil, err
	}
	first, _ := s.cache.LoadOrStore(id, u)
	return first.(*store.User), nil
}

// sharesIn keeps the row that it was handed.
type sharesIn struct {
	*memstore.Store
	kept sync.Map
}

func (s *sharesIn) CreateUser(ctx context.Context, u *store.User) error {
	err := s.Store.CreateUser(ctx, u)
	s.kept.Store(u.ID, u)
	return err
}

func (s *sharesIn) UserByID(ctx context.Context, id string) (*store.User, error) {
	if u, ok := s.kept.Load(id); ok {
		c := *u.(*store.User)
		return &c, nil
	}
	return s.Store.UserByID(ctx, id)
}

// sharesMap hands out rows of their own with one map.
type sharesMap struct {
	*memstore.Store
	maps sync.Map
}

func (s *sharesMap) UserByID(ctx context.Context, id string) (*store.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	if err == nil {
		first, _ := s.maps.LoadOrStore(id, u.Metadata)
		u.Metadata = first.(map[string]json.RawMessage)
	}
	return u, err
}

// sharesSlice hands out rows of their own with one hash.
type sharesSlice struct {
	*memstore.Store
	hashes sync.Map
}

func (s *sharesSlice) SessionByID(ctx context.Context, id string) (*store.Session, error) {
	se, err := s.Store.SessionByID(ctx, id)
	if err == nil {
		first, _ := s.hashes.LoadOrStore(id, se.Hash)
		se.Hash = first.([]byte)
	}
	return se, err
}

// keepsSlice keeps the hash it was handed.
type keepsSlice struct {
	*memstore.Store
	hashes sync.Map
}

func (s *keepsSlice) CreateSession(ctx context.Context, se *store.Session) error {
	s.hashes.Store(se.ID, se.Hash)
	return s.Store.CreateSession(ctx, se)
}

func (s *keepsSlice) SessionByID(ctx context.Context, id string) (*store.Session, error) {
	se, err := s.Store.SessionByID(ctx, id)
	if hash, ok := s.hashes.Load(id); ok && err == nil {
		se.Hash = bytes.Clone(hash.([]byte))
	}
	return se, err
}

type deaf struct{ *memstore.Store }

func (s deaf) UserByID(ctx context.Context, id string) (*store.User, error) {
	return s.Store.UserByID(context.WithoutCancel(ctx), id)
}

func (s deaf) CreateUser(ctx context.Context, u *store.User) error {
	return s.Store.CreateUser(context.WithoutCancel(ctx), u)
}

type blunt struct{ *memstore.Store }

func (s blunt) UpdateUser(ctx context.Context, u *store.User) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return s.Store.UpdateUser(ctx, u)
}
