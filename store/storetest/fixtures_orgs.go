package storetest

import (
	"errors"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// draftOrg returns an organization with every field set.
func (t *probe) draftOrg(edit ...func(*store.Org)) *store.Org {
	o := &store.Org{
		ID:          store.NewID(start),
		Name:        "Żółw & Söhne",
		Slug:        t.name("org"),
		Description: "what it is for",
		CreatedAt:   start,
		UpdatedAt:   start.Add(time.Second),
	}
	for _, f := range edit {
		f(o)
	}
	return o
}

// org writes an organization whose only member is owner.
func (t *probe) org(owner *store.User, edit ...func(*store.Org)) *store.Org {
	t.Helper()
	o := t.draftOrg(edit...)
	t.must(t.orgs.CreateOrg(t.ctx, o, place(o, owner, store.OrgOwner, start)), "CreateOrg")
	return o
}

// orgSince writes an organization that owner joined at that time.
func (t *probe) orgSince(owner *store.User, joined time.Time) *store.Org {
	t.Helper()
	o := t.draftOrg()
	t.must(t.orgs.CreateOrg(t.ctx, o, place(o, owner, store.OrgOwner, joined)), "CreateOrg")
	return o
}

// place returns u's place in o.
func place(o *store.Org, u *store.User, role store.OrgRole, joined time.Time) *store.Member {
	return &store.Member{OrgID: o.ID, UserID: u.ID, Role: role, JoinedAt: joined}
}

// join makes u a member of o.
func (t *probe) join(o *store.Org, u *store.User, role store.OrgRole, joined time.Time) {
	t.Helper()
	err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
		m[u.ID] = place(o, u, role, joined)
		return nil
	})
	t.must(err, "UpdateMembers(join)")
}

// leave takes the user out of the organization.
func (t *probe) leave(orgID, userID string) {
	t.Helper()
	t.must(t.tryLeave(orgID, userID), "UpdateMembers(leave)")
}

func (t *probe) tryLeave(orgID, userID string) error {
	return t.orgs.UpdateMembers(t.ctx, orgID, []string{userID}, func(_ *store.Org, m map[string]*store.Member) error {
		delete(m, userID)
		return nil
	})
}

// members returns the members of the organization, who are at most 200.
func (t *probe) members(orgID string) []*store.Member {
	t.Helper()
	list, err := t.orgs.ListMembers(t.ctx, orgID, store.Cursor{}, 200)
	t.must(err, "ListMembers")
	return list
}

// owners returns how many owners the organization has.
func (t *probe) owners(orgID string) int {
	t.Helper()
	n := 0
	for _, m := range t.members(orgID) {
		if m.Role == store.OrgOwner {
			n++
		}
	}
	return n
}

// readOrg returns the organization as the store has it.
func (t *probe) readOrg(id string) *store.Org {
	t.Helper()
	o, err := t.orgs.OrgByID(t.ctx, id)
	t.must(err, "OrgByID")
	return o
}

// draftInvite returns a pending invite to a new address, good for a week.
func (t *probe) draftInvite(o *store.Org, inviter *store.User, edit ...func(*store.Invite)) *store.Invite {
	i := &store.Invite{
		ID:        store.NewID(start),
		OrgID:     o.ID,
		Email:     t.email(),
		Role:      store.OrgAdmin,
		Hash:      t.hash(),
		InvitedBy: inviter.ID,
		Status:    store.InvitePending,
		CreatedAt: start,
		ExpiresAt: start.AddDate(0, 0, 7),
	}
	for _, f := range edit {
		f(i)
	}
	return i
}

// invite writes a pending invite.
func (t *probe) invite(o *store.Org, inviter *store.User, edit ...func(*store.Invite)) *store.Invite {
	t.Helper()
	i := t.draftInvite(o, inviter, edit...)
	t.must(t.invites.CreateInvite(t.ctx, i), "CreateInvite")
	return i
}

// readInvite returns the invite as the store has it.
func (t *probe) readInvite(id string) *store.Invite {
	t.Helper()
	i, err := t.invites.InviteByID(t.ctx, id)
	t.must(err, "InviteByID")
	return i
}

// anyone is a check of AcceptInvite that refuses nobody.
func anyone(*store.Invite, *store.Org, *store.Member) error { return nil }

// errVeto is what a case's own function returns to stop a step.
var errVeto = errors.New("storetest: stopped by the caller")
