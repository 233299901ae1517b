package org

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// maxBulk bounds how many users are added at once.
const maxBulk = 500

// MemberUser is a member together with the account. It is declared in package
// auth, so that pages can be given this service without importing it.
type MemberUser = auth.MemberUser

// Members returns a page of an organization's members, oldest first, on behalf of
// a member of it.
//
// Errors: ErrNotFound, ErrUnavailable.
func (s *Service) Members(ctx context.Context, actorID, orgID string, after store.Cursor, limit int) ([]MemberUser, error) {
	if _, err := s.membership(ctx, orgID, actorID); err != nil {
		return nil, err
	}
	members, err := s.store.ListMembers(ctx, orgID, after, limit)
	if err != nil {
		return nil, fromStore("list members", err)
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.UserID
	}
	users, err := s.users.UsersByIDs(ctx, ids)
	if err != nil {
		return nil, fromStore("read members", err)
	}
	byID := make(map[string]*store.User, len(users))
	for _, u := range users {
		if u.DeletedAt.IsZero() {
			byID[u.ID] = u
		}
	}
	out := make([]MemberUser, len(members))
	for i, m := range members {
		out[i] = MemberUser{Member: m, User: byID[m.UserID]}
	}
	return out, nil
}

// change changes members as one privileged step on behalf of actorID. policy
// sees the roles as they are in that moment, the actor's included.
func (s *Service) change(ctx context.Context, e auth.Event, actorID string, userIDs []string,
	policy func(actor store.OrgRole, members map[string]*store.Member) error) error {
	ids := append([]string{actorID}, userIDs...)
	return s.auth.Privileged(ctx, e, func(ctx context.Context) error {
		err := s.store.UpdateMembers(ctx, e.OrgID, ids, func(o *store.Org, members map[string]*store.Member) error {
			actor := members[actorID]
			if actor == nil || !o.DeletedAt.IsZero() {
				return ErrNotFound
			}
			return policy(actor.Role, members)
		})
		return fromStore("change members", err)
	})
}

// SetRole gives a member another role.
//
// Errors: ErrNotFound, auth.ErrNotFound for who is no member, ErrRank,
// auth.ErrValidation, ErrLastOwner, ErrUnavailable.
func (s *Service) SetRole(ctx context.Context, actorID, orgID, userID string, role store.OrgRole) (m *store.Member, err error) {
	if role.Rank() == 0 {
		return nil, badRole()
	}
	e := event(ctx, MemberRoleUpdated, orgID, userID, slog.String("role", string(role)))
	err = s.change(ctx, e, actorID, []string{userID}, func(actor store.OrgRole, members map[string]*store.Member) error {
		target := members[userID]
		switch {
		case !actor.AtLeast(store.OrgAdmin):
			return ErrRank
		case target == nil:
			return auth.ErrNotFound
		case !mayChange(actor, target.Role, role):
			return ErrRank
		}
		target.Role = role
		members[userID], m = target, target
		return nil
	})
	return m, err
}

func badRole() error {
	return invalid("role", "unknown", "A role is owner, admin or member.")
}

// Add makes a user a member.
//
// Errors: ErrNotFound, auth.ErrNotFound for an unknown user, ErrRank, ErrMember,
// auth.ErrValidation, ErrUnavailable.
func (s *Service) Add(ctx context.Context, actorID, orgID, userID string, role store.OrgRole) (*store.Member, error) {
	added, err := s.add(ctx, MemberAdded, actorID, orgID, []string{userID}, role)
	if err != nil {
		return nil, err
	}
	if len(added) == 0 {
		return nil, ErrMember
	}
	return added[0], nil
}

// AddAll makes users members, all of them or, if one is unknown, none. Those who
// are members already are left alone. It returns those who were added.
//
// Errors: as Add, but for ErrMember.
func (s *Service) AddAll(ctx context.Context, actorID, orgID string, userIDs []string, role store.OrgRole) ([]*store.Member, error) {
	if len(userIDs) == 0 || len(userIDs) > maxBulk {
		return nil, invalid("user_ids", "out_of_range", "Name from 1 to 500 users.")
	}
	return s.add(ctx, MembersBulkAdded, actorID, orgID, userIDs, role)
}

func (s *Service) add(ctx context.Context, kind auth.EventKind, actorID, orgID string, userIDs []string, role store.OrgRole) ([]*store.Member, error) {
	if role.Rank() == 0 {
		return nil, badRole()
	}
	// Who may not add learns nothing of who exists.
	m, err := s.membership(ctx, orgID, actorID)
	if err != nil {
		return nil, err
	}
	if !mayChange(m.Member.Role, "", role) {
		return nil, ErrRank
	}
	users, err := s.users.UsersByIDs(ctx, userIDs)
	if err != nil {
		return nil, fromStore("read users", err)
	}
	active := make(map[string]bool, len(users))
	for _, u := range users {
		active[u.ID] = u.Active()
	}
	for _, id := range userIDs {
		if !active[id] {
			return nil, auth.ErrNotFound
		}
	}
	e := event(ctx, kind, orgID, "", slog.String("role", string(role)), slog.Int("users", len(userIDs)))
	if len(userIDs) == 1 {
		e.UserID = userIDs[0]
	}
	var added []*store.Member
	now := s.auth.Now()
	err = s.change(ctx, e, actorID, userIDs, func(actor store.OrgRole, members map[string]*store.Member) error {
		if !mayChange(actor, "", role) {
			return ErrRank
		}
		added = nil
		for _, id := range userIDs {
			if members[id] == nil {
				members[id] = &store.Member{OrgID: orgID, UserID: id, Role: role, JoinedAt: now}
				added = append(added, members[id])
			}
		}
		if len(added) == 0 && kind == MemberAdded {
			return ErrMember
		}
		return nil
	})
	return added, err
}

// Remove takes a member out.
//
// Errors: ErrNotFound, auth.ErrNotFound for who is no member, ErrRank,
// ErrLastOwner, ErrUnavailable.
func (s *Service) Remove(ctx context.Context, actorID, orgID, userID string) error {
	if actorID == userID {
		return s.Leave(ctx, actorID, orgID)
	}
	return s.change(ctx, event(ctx, MemberRemoved, orgID, userID), actorID, []string{userID},
		func(actor store.OrgRole, members map[string]*store.Member) error {
			target := members[userID]
			switch {
			case !actor.AtLeast(store.OrgAdmin):
				return ErrRank
			case target == nil:
				return auth.ErrNotFound
			case !mayChange(actor, target.Role, ""):
				return ErrRank
			}
			delete(members, userID)
			return nil
		})
}

// Leave ends a user's own membership.
//
// Errors: ErrNotFound, ErrLastOwner, ErrUnavailable.
func (s *Service) Leave(ctx context.Context, userID, orgID string) error {
	return s.change(ctx, event(ctx, MemberRemoved, orgID, userID, slog.Bool("left", true)), userID, nil,
		func(_ store.OrgRole, members map[string]*store.Member) error {
			delete(members, userID)
			return nil
		})
}

// Transfer makes a member the owner in place of the owner who asks for it, who
// becomes an admin, in one step.
//
// Errors: ErrNotFound, auth.ErrNotFound for who is no member, ErrRank,
// auth.ErrValidation, ErrUnavailable.
func (s *Service) Transfer(ctx context.Context, actorID, orgID, userID string) error {
	if actorID == userID {
		return invalid("user_id", "self", "This is your organization already.")
	}
	return s.change(ctx, event(ctx, OwnershipTransferred, orgID, userID), actorID, []string{userID},
		func(actor store.OrgRole, members map[string]*store.Member) error {
			switch {
			case actor != store.OrgOwner:
				return ErrRank
			case members[userID] == nil:
				return auth.ErrNotFound
			}
			members[userID].Role = store.OrgOwner
			members[actorID].Role = store.OrgAdmin
			return nil
		})
}

// leaveAll takes a user who deletes their account out of all organizations, or
// out of none if one would be left without an owner.
func (s *Service) leaveAll(ctx context.Context, u *store.User) error {
	var all []*store.Membership
	for after := (store.Cursor{}); ; {
		page, err := s.store.ListMemberships(ctx, u.ID, after, 200)
		if err != nil {
			return fromStore("list memberships", err)
		}
		all = append(all, page...)
		if len(page) < 200 {
			break
		}
		last := page[len(page)-1]
		after = store.Cursor{At: last.Member.JoinedAt, ID: last.Org.ID}
	}
	for _, m := range all {
		if m.Member.Role != store.OrgOwner {
			continue
		}
		alone, err := s.onlyOwner(ctx, m.Org.ID, u.ID)
		if err != nil {
			return err
		}
		if alone {
			return ErrLastOwner
		}
	}
	for _, m := range all {
		if err := s.Leave(ctx, u.ID, m.Org.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// onlyOwner reports whether nobody but the user owns the organization. Leaving
// decides again, atomically.
func (s *Service) onlyOwner(ctx context.Context, orgID, userID string) (bool, error) {
	for after := (store.Cursor{}); ; {
		page, err := s.store.ListMembers(ctx, orgID, after, 200)
		if err != nil {
			return false, fromStore("list members", err)
		}
		for _, m := range page {
			if m.Role == store.OrgOwner && m.UserID != userID {
				return false, nil
			}
		}
		if len(page) < 200 {
			return true, nil
		}
		last := page[len(page)-1]
		after = store.Cursor{At: last.JoinedAt, ID: last.UserID}
	}
}
