package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

// AppendAudit implements [store.AuditStore].
func (s *Store) AppendAudit(ctx context.Context, entries ...*store.AuditEntry) error {
	return s.read(ctx, func() error { // not write: what ctx carries is another's
		if err := s.vacant(entries...); err != nil {
			return err
		}
		for _, e := range entries {
			s.append(e)
		}
		for _, e := range entries {
			e.MarkWritten()
		}
		return nil
	})
}

// vacant returns ErrConflict if the place of one of the entries is taken, be it
// by another of them.
func (s *Store) vacant(entries ...*store.AuditEntry) error {
	type link struct {
		chain string
		seq   int64
	}
	ids := make(map[string]bool, len(entries))
	links := make(map[link]bool, len(entries))
	for _, e := range entries {
		at := link{e.Chain, e.Seq}
		if _, taken := find(s.chains[e.Chain], e.Seq); taken || links[at] || s.ids[e.ID] || ids[e.ID] {
			return store.ErrConflict
		}
		ids[e.ID], links[at] = true, true
	}
	return nil
}

// append keeps e, whose place is vacant. Entries mostly come in the order they
// are kept in, so that little has to move.
func (s *Store) append(e *store.AuditEntry) {
	row := cloneEntry(e)
	row.MarkWritten()
	s.ids[row.ID] = true
	i, _ := slices.BinarySearchFunc(s.trail, row, compareEntries)
	s.trail = slices.Insert(s.trail, i, row)
	i, _ = find(s.chains[row.Chain], row.Seq)
	s.chains[row.Chain] = slices.Insert(s.chains[row.Chain], i, row)
}

// find returns where in a chain the entry with that Seq is, or would be.
func find(chain []*store.AuditEntry, seq int64) (int, bool) {
	return slices.BinarySearchFunc(chain, seq, func(e *store.AuditEntry, seq int64) int {
		return cmp.Compare(e.Seq, seq)
	})
}

func compareEntries(a, b *store.AuditEntry) int { return entryPlace(a).compare(entryPlace(b)) }

func entryPlace(e *store.AuditEntry) place { return place{e.Time, e.ID} }

// ListAudit implements [store.AuditStore].
func (s *Store) ListAudit(ctx context.Context, q store.AuditQuery) (list []*store.AuditEntry, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.AuditEntry
		for _, e := range s.trail {
			if (q.UserID == "" || e.UserID == q.UserID) && (q.Kind == "" || e.Kind == q.Kind) &&
				!e.Time.Before(q.Since) {
				rows = append(rows, e)
			}
		}
		list = cloneAll(page(rows, entryPlace, descending, q.After, q.Limit), cloneEntry)
		return nil
	})
	return list, err
}

// AuditHeads implements [store.AuditStore].
func (s *Store) AuditHeads(ctx context.Context) (heads []store.AuditHead, err error) {
	err = s.read(ctx, func() error {
		for name, chain := range s.chains {
			last := chain[len(chain)-1]
			heads = append(heads, store.AuditHead{Chain: name, Seq: last.Seq, MAC: bytes.Clone(last.MAC)})
		}
		slices.SortFunc(heads, func(a, b store.AuditHead) int { return cmp.Compare(a.Chain, b.Chain) })
		return nil
	})
	return heads, err
}

// AuditChain implements [store.AuditStore].
func (s *Store) AuditChain(ctx context.Context, name string, after int64, limit int) (list []*store.AuditEntry, err error) {
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	err = s.read(ctx, func() error {
		chain := s.chains[name]
		i, there := find(chain, after)
		if there {
			i++
		}
		chain = chain[i:]
		list = cloneAll(chain[:min(limit, len(chain))], cloneEntry)
		return nil
	})
	return list, err
}
