package memstore

import (
	"context"

	"github.com/aegis-auth/aegis/store"
)

// CreateOrg implements [store.OrgStore].
func (s *Store) CreateOrg(ctx context.Context, o *store.Org, owner *store.Member) error {
	return s.write(ctx, func() error {
		if s.orgs[o.ID] != nil || o.DeletedAt.IsZero() && s.bySlug[o.Slug] != nil {
			return store.ErrConflict
		}
		o.Version = s.nextVersion()
		s.putOrg(cloneOrg(o))
		s.putMember(o.ID, owner.UserID, owner)
		return nil
	})
}

// putOrg keeps o, in place of the row with its ID if there is one.
func (s *Store) putOrg(o *store.Org) {
	if old := s.orgs[o.ID]; old != nil && old.DeletedAt.IsZero() {
		delete(s.bySlug, old.Slug)
	}
	s.orgs[o.ID] = o
	if o.DeletedAt.IsZero() {
		s.bySlug[o.Slug] = o
	}
}

// OrgByID implements [store.OrgStore].
func (s *Store) OrgByID(ctx context.Context, id string) (o *store.Org, err error) {
	err = s.read(ctx, func() error {
		found := s.orgs[id]
		if found == nil {
			return store.ErrNotFound
		}
		o = cloneOrg(found)
		return nil
	})
	return o, err
}

// UpdateOrg implements [store.OrgStore].
func (s *Store) UpdateOrg(ctx context.Context, o *store.Org) error {
	return s.write(ctx, func() error {
		old := s.orgs[o.ID]
		if old == nil || old.Version != o.Version {
			return store.ErrStale
		}
		if other := s.bySlug[o.Slug]; o.DeletedAt.IsZero() && other != nil && other.ID != o.ID {
			return store.ErrConflict
		}
		o.Version = s.nextVersion()
		row := cloneOrg(o)
		row.CreatedAt = old.CreatedAt
		s.putOrg(row)
		return nil
	})
}

// DeleteOrg implements [store.OrgStore].
func (s *Store) DeleteOrg(ctx context.Context, id string) error {
	return s.write(ctx, func() error {
		s.dropOrg(id)
		return nil
	})
}

func (s *Store) dropOrg(id string) {
	for userID := range s.members[id] {
		s.dropMember(id, userID)
	}
	for inviteID := range s.orgInvites[id] {
		s.dropInvite(s.invites[inviteID])
	}
	if o := s.orgs[id]; o != nil {
		if o.DeletedAt.IsZero() {
			delete(s.bySlug, o.Slug)
		}
		delete(s.orgs, id)
	}
}

// ListOrgs implements [store.OrgStore].
func (s *Store) ListOrgs(ctx context.Context, q store.OrgQuery) (list []*store.Org, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.Org
		for _, o := range s.orgs {
			if q.IncludeDeleted || o.DeletedAt.IsZero() {
				rows = append(rows, o)
			}
		}
		at := func(o *store.Org) place { return place{o.CreatedAt, o.ID} }
		list = cloneAll(page(rows, at, descending, q.After, q.Limit), cloneOrg)
		return nil
	})
	return list, err
}
