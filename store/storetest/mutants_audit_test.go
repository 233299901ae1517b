package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func auditMutants() []mutant {
	return []mutant{
		{"UpdateUser overlooks the audit entry", func(m *memstore.Store) store.Store { return overlooksEntry{m} },
			[]string{"UpdateUser writes the audit entry of its context in the same step"}},
		{"UpdateUser writes the audit entry after the change", func(m *memstore.Store) store.Store { return entryAfter{m} },
			[]string{"UpdateUser changes nothing if the place of its audit entry is taken"}},
		{"UpdateUser writes the audit entry before the change", func(m *memstore.Store) store.Store { return entryBefore{m} },
			[]string{
				"UpdateUser writes no audit entry if it is refused",
				"of 50 racing changes with an audit entry each the winner's is written and no other",
			}},
		{"an entry is marked though it was not written", func(m *memstore.Store) store.Store { return marksAnyway{m} },
			[]string{"UpdateUser writes no audit entry if it is refused"}},
		{"an entry is written by every change that carries it", func(m *memstore.Store) store.Store { return writesAgain{m} },
			[]string{"an audit entry is written once, by the first change its context is handed to"}},
		{"a change of nothing writes no entry", func(m *memstore.Store) store.Store { return onlyRealChanges{m} },
			[]string{"a change that finds nothing left to do writes its audit entry"}},
		{"Rotate writes the entry", func(m *memstore.Store) store.Store { return rotateWrites{m} },
			[]string{"Rotate writes no audit entry"}},
		{"AppendAudit writes one entry after the other", func(m *memstore.Store) store.Store { return oneByOne{m} },
			[]string{
				"AppendAudit returns ErrConflict for an ID that is taken, and writes none",
				"AppendAudit returns ErrConflict for a Chain and Seq that are taken, and writes none",
			}},
		{"AppendAudit marks nothing", func(m *memstore.Store) store.Store { return marksNothing{m} },
			[]string{"AppendAudit keeps every field and marks the entries as written"}},
		{"the head is the entry that came last", func(m *memstore.Store) store.Store { return &lastIsHead{Store: m} },
			[]string{"the head of a chain is its entry with the highest Seq, in whatever order they came"}},
		{"AuditChain includes after", func(m *memstore.Store) store.Store { return fromAfter{m} },
			[]string{"AuditChain lists by Seq what is above after, as long as the limit allows"}},
		{"ListAudit leaves Since itself out", func(m *memstore.Store) store.Store { return afterSince{m} },
			[]string{"ListAudit selects by UserID, Kind and Since, and by all of them together"}},
		{"DeleteUser hides the user's audit entries", func(m *memstore.Store) store.Store { return &forgetsTrail{Store: m} },
			[]string{"DeleteUser leaves the audit trail as it is"}},
	}
}

// bare returns ctx without its audit entry.
func bare(ctx context.Context) context.Context { return store.WithAudit(ctx, nil) }

type overlooksEntry struct{ *memstore.Store }

func (s overlooksEntry) UpdateUser(ctx context.Context, u *store.User) error {
	return s.Store.UpdateUser(bare(ctx), u)
}

type entryAfter struct{ *memstore.Store }

func (s entryAfter) UpdateUser(ctx context.Context, u *store.User) error {
	err := s.Store.UpdateUser(bare(ctx), u)
	if e := store.AuditFrom(ctx); err == nil && e != nil {
		err = s.AppendAudit(ctx, e)
	}
	return err
}

type entryBefore struct{ *memstore.Store }

func (s entryBefore) UpdateUser(ctx context.Context, u *store.User) error {
	if e := store.AuditFrom(ctx); e != nil {
		if err := s.AppendAudit(ctx, e); err != nil {
			return err
		}
	}
	return s.Store.UpdateUser(bare(ctx), u)
}

type marksAnyway struct{ *memstore.Store }

func (s marksAnyway) UpdateUser(ctx context.Context, u *store.User) error {
	e := store.AuditFrom(ctx)
	err := s.Store.UpdateUser(ctx, u)
	if e != nil {
		e.MarkWritten()
	}
	return err
}

type writesAgain struct{ *memstore.Store }

func (s writesAgain) UpdateUser(ctx context.Context, u *store.User) error {
	e := store.AuditFrom(ctx)
	if e == nil {
		return s.Store.UpdateUser(ctx, u)
	}
	c := *e // stays unmarked
	return s.Store.UpdateUser(store.WithAudit(ctx, &c), u)
}

type onlyRealChanges struct{ *memstore.Store }

func (s onlyRealChanges) RevokeSession(ctx context.Context, id string, now time.Time) error {
	if _, err := s.SessionByID(ctx, id); err != nil {
		ctx = bare(ctx)
	}
	return s.Store.RevokeSession(ctx, id, now)
}

type rotateWrites struct{ *memstore.Store }

func (s rotateWrites) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	if e := store.AuditFrom(ctx); e != nil {
		if err := s.AppendAudit(ctx, e); err != nil {
			return nil, false, err
		}
	}
	return s.Store.Rotate(ctx, r)
}

type oneByOne struct{ *memstore.Store }

func (s oneByOne) AppendAudit(ctx context.Context, entries ...*store.AuditEntry) error {
	for _, e := range entries {
		if err := s.Store.AppendAudit(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

type marksNothing struct{ *memstore.Store }

func (s marksNothing) AppendAudit(ctx context.Context, entries ...*store.AuditEntry) error {
	copies := make([]*store.AuditEntry, len(entries))
	for i, e := range entries {
		c := *e
		copies[i] = &c
	}
	return s.Store.AppendAudit(ctx, copies...)
}

// lastIsHead overwrites the head with whatever comes.
type lastIsHead struct {
	*memstore.Store
	mu    sync.Mutex
	heads map[string]store.AuditHead
}

func (s *lastIsHead) AppendAudit(ctx context.Context, entries ...*store.AuditEntry) error {
	if err := s.Store.AppendAudit(ctx, entries...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heads == nil {
		s.heads = make(map[string]store.AuditHead)
	}
	for _, e := range entries {
		s.heads[e.Chain] = headOf(e)
	}
	return nil
}

func (s *lastIsHead) AuditHeads(context.Context) ([]store.AuditHead, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var heads []store.AuditHead
	for _, h := range s.heads {
		heads = append(heads, h)
	}
	return heads, nil
}

type fromAfter struct{ *memstore.Store }

func (s fromAfter) AuditChain(ctx context.Context, chain string, after int64, limit int) ([]*store.AuditEntry, error) {
	return s.Store.AuditChain(ctx, chain, after-1, limit)
}

type afterSince struct{ *memstore.Store }

func (s afterSince) ListAudit(ctx context.Context, q store.AuditQuery) ([]*store.AuditEntry, error) {
	if !q.Since.IsZero() {
		q.Since = q.Since.Add(time.Microsecond)
	}
	return s.Store.ListAudit(ctx, q)
}

// forgetsTrail leaves out entries about users who were deleted.
type forgetsTrail struct {
	*memstore.Store
	gone sync.Map
}

func (s *forgetsTrail) DeleteUser(ctx context.Context, id string) error {
	s.gone.Store(id, true)
	return s.Store.DeleteUser(ctx, id)
}

func (s *forgetsTrail) AuditChain(ctx context.Context, chain string, after int64, limit int) ([]*store.AuditEntry, error) {
	list, err := s.Store.AuditChain(ctx, chain, after, limit)
	var left []*store.AuditEntry
	for _, e := range list {
		if _, gone := s.gone.Load(e.UserID); !gone {
			left = append(left, e)
		}
	}
	return left, err
}

// errDone stops a change of members that has seen what it wanted to.
var errDone = errors.New("done")
