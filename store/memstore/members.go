package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

// ListMemberships implements [store.OrgStore].
func (s *Store) ListMemberships(ctx context.Context, userID string, after store.Cursor, limit int) (list []*store.Membership, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.Member
		for orgID := range s.memberOf[userID] {
			if s.orgs[orgID].DeletedAt.IsZero() {
				rows = append(rows, s.members[orgID][userID])
			}
		}
		at := func(m *store.Member) place { return place{m.JoinedAt, m.OrgID} }
		for _, m := range page(rows, at, descending, after, limit) {
			list = append(list, s.membership(m))
		}
		return nil
	})
	return list, err
}

func (s *Store) membership(m *store.Member) *store.Membership {
	return &store.Membership{Org: cloneOrg(s.orgs[m.OrgID]), Member: cloneMember(m)}
}

// Membership implements [store.OrgStore].
func (s *Store) Membership(ctx context.Context, orgID, userID string) (ms *store.Membership, err error) {
	err = s.read(ctx, func() error {
		m := s.members[orgID][userID]
		if m == nil {
			return store.ErrNotFound
		}
		ms = s.membership(m)
		return nil
	})
	return ms, err
}

// ListMembers implements [store.OrgStore].
func (s *Store) ListMembers(ctx context.Context, orgID string, after store.Cursor, limit int) (list []*store.Member, err error) {
	err = s.read(ctx, func() error {
		rows := make([]*store.Member, 0, len(s.members[orgID]))
		for _, m := range s.members[orgID] {
			rows = append(rows, m)
		}
		at := func(m *store.Member) place { return place{m.JoinedAt, m.UserID} }
		list = cloneAll(page(rows, at, ascending, after, limit), cloneMember)
		return nil
	})
	return list, err
}

// UpdateMembers implements [store.OrgStore]. An entry that change adds for a user
// who is not among userIDs is an error, and nothing is written.
func (s *Store) UpdateMembers(ctx context.Context, orgID string, userIDs []string,
	change func(o *store.Org, members map[string]*store.Member) error) error {
	return s.write(ctx, func() error {
		o := s.orgs[orgID]
		if o == nil {
			return store.ErrNotFound
		}
		named := make(map[string]*store.Member, len(userIDs))
		for _, id := range userIDs {
			if m := s.members[orgID][id]; m != nil {
				named[id] = cloneMember(m)
			}
		}
		if err := change(cloneOrg(o), named); err != nil {
			return err
		}
		for id := range named {
			if !slices.Contains(userIDs, id) {
				return fmt.Errorf("memstore: change of members names %q, which was not asked for", id)
			}
		}
		if !s.keepsOwner(orgID, userIDs, named) {
			return store.ErrLastOwner
		}
		for _, id := range userIDs {
			if m := named[id]; m != nil {
				s.putMember(orgID, id, m)
			} else {
				s.dropMember(orgID, id)
			}
		}
		return nil
	})
}

// keepsOwner reports whether the organization has an owner once the members
// among userIDs are those in named.
func (s *Store) keepsOwner(orgID string, userIDs []string, named map[string]*store.Member) bool {
	for _, m := range named {
		if m != nil && m.Role == store.OrgOwner {
			return true
		}
	}
	for id, m := range s.members[orgID] {
		if m.Role == store.OrgOwner && !slices.Contains(userIDs, id) {
			return true
		}
	}
	return false
}

func (s *Store) hasOwner(orgID string) bool { return s.keepsOwner(orgID, nil, nil) }

// putMember keeps a copy of m as the user's place in the organization.
func (s *Store) putMember(orgID, userID string, m *store.Member) {
	row := cloneMember(m)
	row.OrgID, row.UserID = orgID, userID
	if s.members[orgID] == nil {
		s.members[orgID] = make(map[string]*store.Member)
	}
	s.members[orgID][userID] = row
	s.memberOf.add(userID, orgID)
}

func (s *Store) dropMember(orgID, userID string) {
	delete(s.members[orgID], userID)
	if len(s.members[orgID]) == 0 {
		delete(s.members, orgID)
	}
	s.memberOf.remove(userID, orgID)
}
