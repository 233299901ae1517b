package memstore

import (
	"bytes"
	"context"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// maxInvitesTo bounds ListInvitesTo.
const maxInvitesTo = 200

// CreateInvite implements [store.InviteStore].
func (s *Store) CreateInvite(ctx context.Context, i *store.Invite) error {
	return s.write(ctx, func() error {
		if s.orgs[i.OrgID] == nil {
			return store.ErrNotFound
		}
		if s.invites[i.ID] != nil || s.byHash[string(i.Hash)] != nil {
			return store.ErrConflict
		}
		old := s.pending[i.Email][i.OrgID]
		if old != nil && old.Open(i.CreatedAt) {
			return store.ErrConflict
		}
		if old != nil {
			s.dropInvite(old)
		}
		row := cloneInvite(i)
		row.Status = store.InvitePending
		s.invites[row.ID] = row
		s.byHash[string(row.Hash)] = row
		s.orgInvites.add(row.OrgID, row.ID)
		if s.pending[row.Email] == nil {
			s.pending[row.Email] = make(map[string]*store.Invite)
		}
		s.pending[row.Email][row.OrgID] = row
		return nil
	})
}

// InviteByID implements [store.InviteStore].
func (s *Store) InviteByID(ctx context.Context, id string) (*store.Invite, error) {
	return s.invite(ctx, func() *store.Invite { return s.invites[id] })
}

// InviteByHash implements [store.InviteStore].
func (s *Store) InviteByHash(ctx context.Context, hash []byte) (*store.Invite, error) {
	return s.invite(ctx, func() *store.Invite { return s.byHash[string(hash)] })
}

func (s *Store) invite(ctx context.Context, find func() *store.Invite) (i *store.Invite, err error) {
	err = s.read(ctx, func() error {
		found := find()
		if found == nil {
			return store.ErrNotFound
		}
		i = cloneInvite(found)
		return nil
	})
	return i, err
}

func invitePlace(i *store.Invite) place { return place{i.CreatedAt, i.ID} }

// ListInvites implements [store.InviteStore].
func (s *Store) ListInvites(ctx context.Context, orgID string, after store.Cursor, limit int) (list []*store.Invite, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.Invite
		for id := range s.orgInvites[orgID] {
			rows = append(rows, s.invites[id])
		}
		list = cloneAll(page(rows, invitePlace, descending, after, limit), cloneInvite)
		return nil
	})
	return list, err
}

// ListInvitesTo implements [store.InviteStore].
func (s *Store) ListInvitesTo(ctx context.Context, email string) (list []*store.Invite, err error) {
	err = s.read(ctx, func() error {
		var rows []*store.Invite
		for _, i := range s.pending[email] {
			rows = append(rows, i)
		}
		list = cloneAll(page(rows, invitePlace, descending, store.Cursor{}, maxInvitesTo), cloneInvite)
		return nil
	})
	return list, err
}

// RenewInvite implements [store.InviteStore].
func (s *Store) RenewInvite(ctx context.Context, orgID, id string, hash []byte, expiresAt time.Time) error {
	return s.write(ctx, func() error {
		i := s.invites[id]
		if i == nil || i.OrgID != orgID || i.Status != store.InvitePending {
			return store.ErrNotFound
		}
		if same := s.byHash[string(hash)]; same != nil && same != i {
			return store.ErrConflict
		}
		delete(s.byHash, string(i.Hash))
		i.Hash, i.ExpiresAt = bytes.Clone(hash), expiresAt
		s.byHash[string(i.Hash)] = i
		return nil
	})
}

// CloseInvite implements [store.InviteStore].
func (s *Store) CloseInvite(ctx context.Context, id string, status store.InviteStatus) error {
	return s.write(ctx, func() error {
		i := s.invites[id]
		if i == nil || i.Status != store.InvitePending {
			return store.ErrNotFound
		}
		s.settle(i, status)
		return nil
	})
}

// AcceptInvite implements [store.InviteStore].
func (s *Store) AcceptInvite(ctx context.Context, id, userID string, now time.Time,
	check func(i *store.Invite, o *store.Org, inviter *store.Member) error) error {
	return s.write(ctx, func() error {
		i := s.invites[id]
		if i == nil || i.Status != store.InvitePending {
			return store.ErrNotFound
		}
		o := s.orgs[i.OrgID]
		if o == nil || !o.DeletedAt.IsZero() {
			return store.ErrNotFound
		}
		if !i.Open(now) {
			return store.ErrExpired
		}
		if s.members[o.ID][userID] != nil {
			return store.ErrConflict
		}
		var inviter *store.Member
		if m := s.members[o.ID][i.InvitedBy]; m != nil {
			inviter = cloneMember(m)
		}
		if err := check(cloneInvite(i), cloneOrg(o), inviter); err != nil {
			return err
		}
		s.settle(i, store.InviteAccepted)
		s.putMember(o.ID, userID, &store.Member{Role: i.Role, JoinedAt: now})
		return nil
	})
}

// settle gives a pending invite the status it ends with.
func (s *Store) settle(i *store.Invite, status store.InviteStatus) {
	s.unpend(i)
	i.Status = status
}

// unpend takes i out of the pending invites if it is among them.
func (s *Store) unpend(i *store.Invite) {
	if s.pending[i.Email][i.OrgID] != i {
		return
	}
	delete(s.pending[i.Email], i.OrgID)
	if len(s.pending[i.Email]) == 0 {
		delete(s.pending, i.Email)
	}
}

func (s *Store) dropInvite(i *store.Invite) {
	s.unpend(i)
	delete(s.invites, i.ID)
	delete(s.byHash, string(i.Hash))
	s.orgInvites.remove(i.OrgID, i.ID)
}
