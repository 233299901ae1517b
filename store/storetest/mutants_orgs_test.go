package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func orgMutants() []mutant {
	return []mutant{
		{"the last owner is not guarded", func(m *memstore.Store) store.Store { return unguarded{m} },
			[]string{
				"UpdateMembers returns ErrLastOwner if no owner would remain, and changes nothing",
				"of owners who all leave at once one stays",
			}},
		{"UpdateMembers counts the named owners only", func(m *memstore.Store) store.Store { return countsNamed{m} },
			[]string{"UpdateMembers counts owners who are not named in the change"}},
		{"UpdateMembers reads first and writes then", func(m *memstore.Store) store.Store { return membersInTwoSteps{m} },
			[]string{
				"no two changes of one organization's members start from the same members and both hold",
				"of two transfers of an organization at once exactly one is made",
				"of two owners who demote each other at once one stays an owner",
			}},
		{"UpdateMembers wraps the error of change", func(m *memstore.Store) store.Store { return wrapsVeto{m} },
			[]string{"UpdateMembers returns the error of change as it is, and changes nothing"}},
		{"UpdateMembers adds and changes but does not remove", func(m *memstore.Store) store.Store { return neverRemoves{m} },
			[]string{"UpdateMembers adds, changes and removes members in one step"}},
		{"slugs are lower-cased", func(m *memstore.Store) store.Store { return lowersSlug{m} },
			[]string{"slugs are told apart byte for byte"}},
		{"the slug of a deleted organization stays taken", func(m *memstore.Store) store.Store { return slugStays{m} },
			[]string{"the slug of a deleted organization is free"}},
		{"UpdateOrg ignores the Version", func(m *memstore.Store) store.Store { return ignoresOrgVersion{m} },
			[]string{
				"UpdateOrg returns ErrStale for a Version that is not the stored one, and changes nothing",
				"of 20 updates of an organization from one Version exactly one is written",
			}},
		{"DeleteUser leaves organizations without an owner", func(m *memstore.Store) store.Store { return leavesOrphans{m} },
			[]string{
				"DeleteUser removes the organizations it leaves without an owner, with all that belongs to them",
				"an organization whose owners are all deleted at once is removed",
			}},
		{"DeleteUser removes every organization the user owns", func(m *memstore.Store) store.Store { return removesShared{m} },
			[]string{"DeleteUser removes the organizations it leaves without an owner, with all that belongs to them"}},
		{"ListMemberships gives deleted organizations", func(m *memstore.Store) store.Store { return givesDeletedOrgs{m} },
			[]string{"ListMemberships gives the user's organizations that are not deleted, with the user's place in each"}},
	}
}

func inviteMutants() []mutant {
	return []mutant{
		{"CreateInvite reports no conflict", func(m *memstore.Store) store.Store { return invitesTwice{m} },
			[]string{
				"CreateInvite returns ErrConflict while one to the same address in the organization is open",
				"of 50 invites to one address created at once exactly one is",
			}},
		{"AcceptInvite does not ask check", func(m *memstore.Store) store.Store { return asksNobody{m} },
			[]string{"AcceptInvite returns the error of check as it is, and changes nothing"}},
		{"AcceptInvite goes by the copies that check was handed", func(m *memstore.Store) store.Store { return trustsCheck{m} },
			[]string{"AcceptInvite goes by what is stored, not by what check makes of its copies"}},
		{"AcceptInvite overlooks the expiry", func(m *memstore.Store) store.Store { return acceptsLate{m} },
			[]string{"AcceptInvite returns ErrExpired from the very moment of ExpiresAt on, and changes nothing"}},
		{"AcceptInvite adds the member in a second step", func(m *memstore.Store) store.Store { return acceptsInTwoSteps{m} },
			[]string{
				"one invite accepted at once by 50 users makes one membership",
				"of accepting and revoking an invite at once exactly one succeeds",
			}},
		{"AcceptInvite changes the role of a member", func(m *memstore.Store) store.Store { return promotes{m} },
			[]string{"AcceptInvite returns ErrConflict if the user is a member already, and changes nothing"}},
		{"AcceptInvite joins a deleted organization", func(m *memstore.Store) store.Store { return joinsDeleted{m} },
			[]string{"AcceptInvite returns ErrNotFound if the organization is deleted, and changes nothing"}},
		{"RenewInvite pays no heed to the organization", func(m *memstore.Store) store.Store { return renewsForeign{m} },
			[]string{"RenewInvite returns ErrNotFound if the organization has no such pending invite, and changes nothing"}},
		{"CloseInvite of a closed invite is no error", func(m *memstore.Store) store.Store { return closesTwice{m} },
			[]string{"CloseInvite returns ErrNotFound for an invite that is not there or not pending, and changes nothing"}},
		{"ListInvitesTo hides invites that expired", func(m *memstore.Store) store.Store { return hidesExpired{m} },
			[]string{"ListInvitesTo gives the pending invites to the address, expired or not, newest first"}},
	}
}

type changeFunc = func(o *store.Org, members map[string]*store.Member) error

// ghost is an owner whom unguarded adds to every organization and shows nobody.
const ghost = "ghost"

type unguarded struct{ *memstore.Store }

func (s unguarded) UpdateMembers(ctx context.Context, orgID string, ids []string, change changeFunc) error {
	return s.Store.UpdateMembers(ctx, orgID, append([]string{ghost}, ids...), func(o *store.Org, m map[string]*store.Member) error {
		delete(m, ghost)
		err := change(o, m)
		m[ghost] = &store.Member{Role: store.OrgOwner}
		return err
	})
}

func (s unguarded) ListMembers(ctx context.Context, orgID string, after store.Cursor, limit int) ([]*store.Member, error) {
	list, err := s.Store.ListMembers(ctx, orgID, after, limit)
	var shown []*store.Member
	for _, m := range list {
		if m.UserID != ghost {
			shown = append(shown, m)
		}
	}
	return shown, err
}

type countsNamed struct{ *memstore.Store }

func (s countsNamed) UpdateMembers(ctx context.Context, orgID string, ids []string, change changeFunc) error {
	return s.Store.UpdateMembers(ctx, orgID, ids, func(o *store.Org, m map[string]*store.Member) error {
		owned := len(m) > 0
		if err := change(o, m); err != nil {
			return err
		}
		for _, member := range m {
			if member.Role == store.OrgOwner {
				return nil
			}
		}
		if owned {
			return store.ErrLastOwner
		}
		return nil
	})
}

type membersInTwoSteps struct{ *memstore.Store }

func (s membersInTwoSteps) UpdateMembers(ctx context.Context, orgID string, ids []string, change changeFunc) error {
	var next map[string]*store.Member
	err := s.Store.UpdateMembers(ctx, orgID, ids, func(o *store.Org, m map[string]*store.Member) error {
		if err := change(o, m); err != nil {
			return err
		}
		next = m
		return errDone
	})
	if !errors.Is(err, errDone) {
		return err
	}
	window()
	return s.Store.UpdateMembers(ctx, orgID, ids, func(_ *store.Org, m map[string]*store.Member) error {
		clear(m)
		for id, member := range next {
			m[id] = member
		}
		return nil
	})
}

type wrapsVeto struct{ *memstore.Store }

func (s wrapsVeto) UpdateMembers(ctx context.Context, orgID string, ids []string, change changeFunc) error {
	if err := s.Store.UpdateMembers(ctx, orgID, ids, change); err != nil {
		return fmt.Errorf("update members: %w", err)
	}
	return nil
}

type neverRemoves struct{ *memstore.Store }

func (s neverRemoves) UpdateMembers(ctx context.Context, orgID string, ids []string, change changeFunc) error {
	return s.Store.UpdateMembers(ctx, orgID, ids, func(o *store.Org, m map[string]*store.Member) error {
		before := make(map[string]*store.Member)
		for id, member := range m {
			before[id] = member
		}
		if err := change(o, m); err != nil {
			return err
		}
		for id, member := range before {
			if m[id] == nil {
				m[id] = member
			}
		}
		return nil
	})
}

type lowersSlug struct{ *memstore.Store }

func (s lowersSlug) CreateOrg(ctx context.Context, o *store.Org, owner *store.Member) error {
	o.Slug = strings.ToLower(o.Slug)
	return s.Store.CreateOrg(ctx, o, owner)
}

type slugStays struct{ *memstore.Store }

func (s slugStays) CreateOrg(ctx context.Context, o *store.Org, owner *store.Member) error {
	all, err := s.Store.ListOrgs(ctx, store.OrgQuery{IncludeDeleted: true, Limit: 1000})
	if err != nil {
		return err
	}
	for _, old := range all {
		if old.Slug == o.Slug {
			return store.ErrConflict
		}
	}
	return s.Store.CreateOrg(ctx, o, owner)
}

type ignoresOrgVersion struct{ *memstore.Store }

func (s ignoresOrgVersion) UpdateOrg(ctx context.Context, o *store.Org) error {
	for {
		old, err := s.Store.OrgByID(ctx, o.ID)
		if err != nil {
			return store.ErrStale
		}
		o.Version = old.Version
		if err := s.Store.UpdateOrg(ctx, o); !errors.Is(err, store.ErrStale) {
			return err
		}
	}
}

// ownedBy returns the organizations of which the user is an owner.
func ownedBy(ctx context.Context, m *memstore.Store, userID string) ([]*store.Membership, error) {
	list, err := m.ListMemberships(ctx, userID, store.Cursor{}, 100)
	var owned []*store.Membership
	for _, ms := range list {
		if ms.Member.Role == store.OrgOwner {
			owned = append(owned, ms)
		}
	}
	return owned, err
}

type leavesOrphans struct{ *memstore.Store }

func (s leavesOrphans) DeleteUser(ctx context.Context, id string) error {
	owned, err := ownedBy(ctx, s.Store, id)
	if err != nil {
		return err
	}
	if err := s.Store.DeleteUser(ctx, id); err != nil {
		return err
	}
	for _, ms := range owned { // what DeleteUser removed comes back, owned by nobody there is
		err := s.Store.CreateOrg(ctx, ms.Org, &store.Member{UserID: ghost, Role: store.OrgOwner})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}

type removesShared struct{ *memstore.Store }

func (s removesShared) DeleteUser(ctx context.Context, id string) error {
	owned, err := ownedBy(ctx, s.Store, id)
	for _, ms := range owned {
		err = errors.Join(err, s.Store.DeleteOrg(ctx, ms.Org.ID))
	}
	return errors.Join(err, s.Store.DeleteUser(ctx, id))
}

type givesDeletedOrgs struct{ *memstore.Store }

func (s givesDeletedOrgs) ListMemberships(ctx context.Context, userID string, after store.Cursor, limit int) ([]*store.Membership, error) {
	list, err := s.Store.ListMemberships(ctx, userID, after, limit)
	if err != nil {
		return nil, err
	}
	orgs, err := s.Store.ListOrgs(ctx, store.OrgQuery{IncludeDeleted: true, Limit: 1000})
	for _, o := range orgs {
		if o.DeletedAt.IsZero() {
			continue
		}
		if ms, err := s.Store.Membership(ctx, o.ID, userID); err == nil {
			list = append([]*store.Membership{ms}, list...)
		}
	}
	return list, err
}

type invitesTwice struct{ *memstore.Store }

func (s invitesTwice) CreateInvite(ctx context.Context, i *store.Invite) error {
	for {
		err := s.Store.CreateInvite(ctx, i)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		list, err := s.Store.ListInvitesTo(ctx, i.Email)
		if err != nil {
			return err
		}
		for _, old := range list {
			_ = s.Store.CloseInvite(ctx, old.ID, store.InviteRevoked)
		}
	}
}

type checkFunc = func(i *store.Invite, o *store.Org, inviter *store.Member) error

type asksNobody struct{ *memstore.Store }

func (s asksNobody) AcceptInvite(ctx context.Context, id, userID string, now time.Time, _ checkFunc) error {
	return s.Store.AcceptInvite(ctx, id, userID, now, anyone)
}

type trustsCheck struct{ *memstore.Store }

func (s trustsCheck) AcceptInvite(ctx context.Context, id, userID string, now time.Time, check checkFunc) error {
	var role store.OrgRole
	err := s.Store.AcceptInvite(ctx, id, userID, now, func(i *store.Invite, o *store.Org, inviter *store.Member) error {
		err := check(i, o, inviter)
		role = i.Role
		return err
	})
	if err != nil {
		return err
	}
	i, err := s.Store.InviteByID(ctx, id)
	if err != nil {
		return err
	}
	return setRole(ctx, s.Store, i.OrgID, userID, role, now)
}

// setRole makes the user a member with the role.
func setRole(ctx context.Context, m *memstore.Store, orgID, userID string, role store.OrgRole, joined time.Time) error {
	return m.UpdateMembers(ctx, orgID, []string{userID}, func(_ *store.Org, members map[string]*store.Member) error {
		members[userID] = &store.Member{OrgID: orgID, UserID: userID, Role: role, JoinedAt: joined}
		return nil
	})
}

type acceptsLate struct{ *memstore.Store }

func (s acceptsLate) AcceptInvite(ctx context.Context, id, userID string, now time.Time, check checkFunc) error {
	return s.Store.AcceptInvite(ctx, id, userID, time.Unix(1, 0).UTC(), check)
}

type acceptsInTwoSteps struct{ *memstore.Store }

func (s acceptsInTwoSteps) AcceptInvite(ctx context.Context, id, userID string, now time.Time, check checkFunc) error {
	i, err := s.Store.InviteByID(ctx, id)
	if err != nil || i.Status != store.InvitePending {
		return store.ErrNotFound
	}
	window()
	err = s.Store.AcceptInvite(ctx, id, userID, now, check)
	if errors.Is(err, store.ErrNotFound) {
		return setRole(ctx, s.Store, i.OrgID, userID, i.Role, now)
	}
	return err
}

// CloseInvite waits until AcceptInvite has read the invite, and no longer.
func (s acceptsInTwoSteps) CloseInvite(ctx context.Context, id string, status store.InviteStatus) error {
	time.Sleep(time.Microsecond)
	return s.Store.CloseInvite(ctx, id, status)
}

type promotes struct{ *memstore.Store }

func (s promotes) AcceptInvite(ctx context.Context, id, userID string, now time.Time, check checkFunc) error {
	err := s.Store.AcceptInvite(ctx, id, userID, now, check)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	i, err := s.Store.InviteByID(ctx, id)
	if err != nil {
		return err
	}
	return setRole(ctx, s.Store, i.OrgID, userID, i.Role, now)
}

type joinsDeleted struct{ *memstore.Store }

func (s joinsDeleted) AcceptInvite(ctx context.Context, id, userID string, now time.Time, check checkFunc) error {
	err := s.Store.AcceptInvite(ctx, id, userID, now, check)
	if i, readErr := s.Store.InviteByID(ctx, id); errors.Is(err, store.ErrNotFound) && readErr == nil {
		return setRole(ctx, s.Store, i.OrgID, userID, i.Role, now)
	}
	return err
}

type renewsForeign struct{ *memstore.Store }

func (s renewsForeign) RenewInvite(ctx context.Context, orgID, id string, hash []byte, expiresAt time.Time) error {
	if i, err := s.Store.InviteByID(ctx, id); err == nil {
		orgID = i.OrgID
	}
	return s.Store.RenewInvite(ctx, orgID, id, hash, expiresAt)
}

type closesTwice struct{ *memstore.Store }

func (s closesTwice) CloseInvite(ctx context.Context, id string, status store.InviteStatus) error {
	err := s.Store.CloseInvite(ctx, id, status)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

type hidesExpired struct{ *memstore.Store }

func (s hidesExpired) ListInvitesTo(ctx context.Context, email string) ([]*store.Invite, error) {
	list, err := s.Store.ListInvitesTo(ctx, email)
	var open []*store.Invite
	for _, i := range list {
		if i.Open(start) {
			open = append(open, i)
		}
	}
	return open, err
}
