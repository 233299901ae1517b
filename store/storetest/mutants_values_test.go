package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func pruneMutants() []mutant {
	return []mutant{
		{"Prune removes what died at the very moment", func(m *memstore.Store) store.Store { return prunesTheMoment{m} },
			[]string{"Prune removes sessions that ran out or were revoked before the moment, and no others"}},
		{"Prune knows no limit", func(m *memstore.Store) store.Store { return prunesAll{m} },
			[]string{"Prune removes at most limit rows, and fewer only when nothing is left"}},
		{"Prune stops early", func(m *memstore.Store) store.Store { return prunesHalf{m} },
			[]string{"Prune removes at most limit rows, and fewer only when nothing is left"}},
		{"Prune looks first and removes then", func(m *memstore.Store) store.Store { return &prunesInTwoSteps{Store: m} },
			[]string{"Prune never removes a session that Rotate keeps alive"}},
		{"WipeSealed wipes every session", func(m *memstore.Store) store.Store { return wipesAll{m} },
			[]string{
				"WipeSealed empties Sealed of sessions last rotated before the moment, nothing else, and no others",
				"WipeSealed never empties what a Rotate beside it sealed",
			}},
		{"Migrate empties the store", func(m *memstore.Store) store.Store { return &startsOver{m} },
			[]string{"Migrate of a schema that is up to date changes nothing"}},
	}
}

func listMutants() []mutant {
	return []mutant{
		{"a prefix is a pattern", func(m *memstore.Store) store.Store { return wildcards{m} },
			[]string{"ListUsers selects by the beginning of the address, byte for byte and without wildcards"}},
		{"a page begins with its cursor", func(m *memstore.Store) store.Store { return repeatsRow{m} },
			[]string{"ListUsers gives every row once, whatever the length of its pages"}},
		{"equal times are in no order", func(m *memstore.Store) store.Store { return tiesReversed{m} },
			[]string{"ListUsers lists newest first, equal times by ID, highest first"}},
		{"identifiers are ordered whatever their case", func(m *memstore.Store) store.Store { return foldsOrder{m} },
			[]string{"ListUsers lists newest first, equal times by ID, highest first"}},
		{"a page needs the row of its cursor", func(m *memstore.Store) store.Store { return needsRow{m} },
			[]string{"ListUsers begins behind its cursor, even if that row is not there"}},
		{"no limit means no rows", func(m *memstore.Store) store.Store { return zeroIsZero{m} },
			[]string{"ListUsers takes a limit of zero or less for 50"}},
		{"UsersByIDs gives a user for every time they are named", func(m *memstore.Store) store.Store { return repeatsUsers{m} },
			[]string{"UsersByIDs gives each user once, deleted or not, and leaves out who is not there"}},
	}
}

// changesUser is a store in which users come out otherwise than they went in.
type changesUser struct {
	*memstore.Store
	f func(u *store.User)
}

func (s changesUser) UserByID(ctx context.Context, id string) (*store.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	if err == nil {
		s.f(u)
	}
	return u, err
}

func valueMutants() []mutant {
	reads := func(f func(u *store.User)) func(m *memstore.Store) store.Store {
		return func(m *memstore.Store) store.Store { return changesUser{m, f} }
	}
	const (
		timesCase = "times of users and sessions come back equal and in UTC, the zero time included"
		textsCase = "strings come back as they were, whatever is in them"
		jsonCase  = "Metadata in the form json.Marshal writes comes back byte for byte"
	)
	return []mutant{
		{"times are cut to milliseconds", reads(func(u *store.User) { u.CreatedAt = u.CreatedAt.Truncate(time.Millisecond) }), []string{timesCase}},
		{"times are cut to seconds", reads(func(u *store.User) { u.UpdatedAt = u.UpdatedAt.Truncate(time.Second) }), []string{timesCase}},
		{"times come back in another zone", reads(func(u *store.User) { u.CreatedAt = u.CreatedAt.In(time.FixedZone("", 3600)) }), []string{timesCase}},
		{"the zero time comes back as 1970", reads(func(u *store.User) {
			if u.DeletedAt.IsZero() {
				u.DeletedAt = time.Unix(0, 0).UTC()
			}
		}), []string{"CreateUser keeps fields that are zero", timesCase}},
		{"1970 comes back as the zero time", reads(func(u *store.User) {
			if u.CreatedAt.UnixMicro() == 0 {
				u.CreatedAt = time.Time{}
			}
		}), []string{timesCase}},
		{"times are kept in nanoseconds since 1970", reads(func(u *store.User) {
			u.CreatedAt = time.Unix(0, u.CreatedAt.UnixNano()).UTC()
		}), []string{timesCase}},
		{"strings are trimmed", reads(func(u *store.User) { u.Name = strings.TrimSpace(u.Name) }), []string{textsCase}},
		{"strings are cut at 255 bytes", reads(func(u *store.User) { u.Name = u.Name[:min(255, len(u.Name))] }),
			[]string{textsCase, "a string that is too long is refused or kept whole, never cut"}},
		{"strings are cut at 65,535 bytes", reads(func(u *store.User) { u.Name = u.Name[:min(65535, len(u.Name))] }),
			[]string{"a string that is too long is refused or kept whole, never cut"}},
		{"three bytes hold a character", reads(func(u *store.User) {
			u.Name = strings.Map(func(r rune) rune {
				if r > 0xffff {
					return '?'
				}
				return r
			}, u.Name)
		}), []string{textsCase}},
		{"line ends are changed", reads(func(u *store.User) { u.Name = strings.ReplaceAll(u.Name, "\r\n", "\n") }), []string{textsCase}},
		{"numbers are kept as floats", reads(func(u *store.User) { u.Epoch = int64(float64(u.Epoch)) }),
			[]string{"whole numbers come back as they were, however large"}},
		{"Metadata is decoded and encoded again", reads(func(u *store.User) {
			for k, raw := range u.Metadata {
				var v any
				_ = json.Unmarshal(raw, &v)
				u.Metadata[k], _ = json.Marshal(v)
			}
		}), []string{jsonCase, "Metadata in any other form comes back as the same JSON value"}},
		{"keys of Metadata are lower-cased", reads(func(u *store.User) {
			lower := make(map[string]json.RawMessage)
			for k, raw := range u.Metadata {
				lower[strings.ToLower(k)] = raw
			}
			u.Metadata = lower
		}), []string{"keys of Metadata are told apart byte for byte"}},
		{"hashes are cut at 32 bytes", func(m *memstore.Store) store.Store { return &cutsHash{Store: m} },
			[]string{"hashes may be 64 bytes long, Sealed 1,024, and Metadata takes 32 KiB", "hashes are told apart byte for byte"}},
		{"keys are cut at 254 bytes", func(m *memstore.Store) store.Store { return cutsKey{m} },
			[]string{"strings that name a user, a session or a token may be 255 bytes long"}},
	}
}

type cutsHash struct{ *memstore.Store }

func (s *cutsHash) PutOneTime(ctx context.Context, t *store.OneTimeToken) error {
	c := *t
	c.Hash = c.Hash[:min(32, len(c.Hash))]
	return s.Store.PutOneTime(ctx, &c)
}

func (s *cutsHash) TakeOneTime(ctx context.Context, p store.Purpose, hash []byte, now time.Time) (*store.OneTimeToken, error) {
	return s.Store.TakeOneTime(ctx, p, hash[:min(32, len(hash))], now)
}

type cutsKey struct{ *memstore.Store }

func (s cutsKey) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	list, err := s.Store.ListUsers(ctx, store.UserQuery{EmailPrefix: email[:min(254, len(email))]})
	if err != nil || len(list) == 0 {
		return nil, errors.Join(err, store.ErrNotFound)
	}
	return list[0], nil
}

type prunesTheMoment struct{ *memstore.Store }

func (s prunesTheMoment) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.Store.Prune(ctx, before.Add(time.Microsecond), limit)
}

type prunesAll struct{ *memstore.Store }

func (s prunesAll) Prune(ctx context.Context, before time.Time, _ int) (int, error) {
	return s.Store.Prune(ctx, before, 1<<30)
}

type prunesHalf struct{ *memstore.Store }

func (s prunesHalf) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.Store.Prune(ctx, before, max(1, limit/2))
}

// prunesInTwoSteps collects the dead and removes them by their IDs, without
// looking at them again.
type prunesInTwoSteps struct {
	*memstore.Store
	all, gone sync.Map
}

func (s *prunesInTwoSteps) CreateSession(ctx context.Context, se *store.Session) error {
	s.all.Store(se.ID, true)
	return s.Store.CreateSession(ctx, se)
}

func (s *prunesInTwoSteps) SessionByID(ctx context.Context, id string) (*store.Session, error) {
	if _, gone := s.gone.Load(id); gone {
		return nil, store.ErrNotFound
	}
	return s.Store.SessionByID(ctx, id)
}

func (s *prunesInTwoSteps) Prune(ctx context.Context, before time.Time, _ int) (n int, err error) {
	var dead []string
	s.all.Range(func(id, _ any) bool {
		if se, err := s.SessionByID(ctx, id.(string)); err == nil && se.ExpiresAt.Before(before) {
			dead = append(dead, se.ID)
		}
		return true
	})
	window()
	for _, id := range dead {
		s.gone.Store(id, true)
	}
	return len(dead), nil
}

func (s *prunesInTwoSteps) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	for range 2 { // so that some come into the window
		time.Sleep(time.Microsecond)
	}
	if _, gone := s.gone.Load(r.SessionID); gone {
		return nil, false, store.ErrNotFound
	}
	return s.Store.Rotate(ctx, r)
}

type wipesAll struct{ *memstore.Store }

func (s wipesAll) WipeSealed(ctx context.Context, _ time.Time, limit int) (int, error) {
	window()
	return s.Store.WipeSealed(ctx, start.AddDate(100, 0, 0), limit)
}

type startsOver struct{ *memstore.Store }

func (s *startsOver) Migrate(ctx context.Context) error {
	s.Store = memstore.New()
	return ctx.Err()
}

type wildcards struct{ *memstore.Store }

func (s wildcards) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	q.EmailPrefix, _, _ = strings.Cut(q.EmailPrefix, "%")
	return s.Store.ListUsers(ctx, q)
}

type repeatsRow struct{ *memstore.Store }

func (s repeatsRow) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	if !q.After.IsZero() {
		q.After.ID += "\x01"
	}
	return s.Store.ListUsers(ctx, q)
}

type tiesReversed struct{ *memstore.Store }

func (s tiesReversed) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	list, err := s.Store.ListUsers(ctx, q)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b *store.User) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list, err
}

type foldsOrder struct{ *memstore.Store }

func (s foldsOrder) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	list, err := s.Store.ListUsers(ctx, q)
	slices.SortStableFunc(list, func(a, b *store.User) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(strings.ToLower(b.ID), strings.ToLower(a.ID))
	})
	return list, err
}

type needsRow struct{ *memstore.Store }

func (s needsRow) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	if _, err := s.Store.UserByID(ctx, q.After.ID); err != nil {
		q.After = store.Cursor{}
	}
	return s.Store.ListUsers(ctx, q)
}

type zeroIsZero struct{ *memstore.Store }

func (s zeroIsZero) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	if q.Limit <= 0 {
		return nil, ctx.Err()
	}
	return s.Store.ListUsers(ctx, q)
}

type repeatsUsers struct{ *memstore.Store }

func (s repeatsUsers) UsersByIDs(ctx context.Context, ids []string) (list []*store.User, err error) {
	for _, id := range ids {
		one, err := s.Store.UsersByIDs(ctx, []string{id})
		if err != nil {
			return nil, err
		}
		list = append(list, one...)
	}
	return list, nil
}
