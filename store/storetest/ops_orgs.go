package storetest

import (
	"context"

	"github.com/aegis-auth/aegis/store"
)

// orgOps are the methods of OrgStore and InviteStore that change something.
func orgOps() []op {
	ops := []op{
		{name: "CreateOrg", setUp: func(t *probe) call {
			u := t.user()
			o, again := t.draftOrg(), t.org(u)
			return call{
				do:   func(ctx context.Context) error { return t.orgs.CreateOrg(ctx, o, place(o, u, store.OrgOwner, start)) },
				done: func() bool { _, err := t.orgs.OrgByID(t.ctx, o.ID); return !t.is(err, store.ErrNotFound) },
				refuse: func(ctx context.Context) error {
					return t.orgs.CreateOrg(ctx, again, place(again, u, store.OrgOwner, start))
				},
				with: store.ErrConflict,
			}
		}},
		{name: "UpdateOrg", setUp: func(t *probe) call {
			o := t.org(t.user())
			stale := *o
			stale.Version++
			o.Name = "changed"
			return call{
				do:     func(ctx context.Context) error { return t.orgs.UpdateOrg(ctx, o) },
				args:   []any{o},
				done:   func() bool { return t.readOrg(o.ID).Name == "changed" },
				refuse: func(ctx context.Context) error { return t.orgs.UpdateOrg(ctx, &stale) },
				with:   store.ErrStale,
			}
		}},
		{name: "DeleteOrg", total: true, setUp: func(t *probe) call {
			o := t.org(t.user())
			return call{
				do:   func(ctx context.Context) error { return t.orgs.DeleteOrg(ctx, o.ID) },
				done: func() bool { _, err := t.orgs.OrgByID(t.ctx, o.ID); return t.is(err, store.ErrNotFound) },
			}
		}},
		{name: "UpdateMembers", setUp: func(t *probe) call {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			return call{
				do: func(ctx context.Context) error {
					return t.orgs.UpdateMembers(ctx, o.ID, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
						m[u.ID] = place(o, u, store.OrgMember, start)
						return nil
					})
				},
				done: func() bool { return len(t.members(o.ID)) == 2 },
				refuse: func(ctx context.Context) error {
					return t.orgs.UpdateMembers(ctx, o.ID, []string{owner.ID}, func(_ *store.Org, m map[string]*store.Member) error {
						clear(m)
						return nil
					})
				},
				with: store.ErrLastOwner,
			}
		}},
		{name: "CreateInvite", needs: invites, setUp: func(t *probe) call {
			u := t.user()
			o := t.org(u)
			i, old := t.draftInvite(o, u), t.invite(o, u)
			again := t.draftInvite(o, u, func(i *store.Invite) { i.Email = old.Email })
			return call{
				do:     func(ctx context.Context) error { return t.invites.CreateInvite(ctx, i) },
				done:   func() bool { return len(t.invitesTo(i.Email)) == 1 },
				refuse: func(ctx context.Context) error { return t.invites.CreateInvite(ctx, again) },
				with:   store.ErrConflict,
			}
		}},
		{name: "RenewInvite", needs: invites, setUp: func(t *probe) call {
			u := t.user()
			i := t.invite(t.org(u), u)
			hash, until := t.hash(), i.ExpiresAt.AddDate(0, 1, 0)
			return call{
				do:     func(ctx context.Context) error { return t.invites.RenewInvite(ctx, i.OrgID, i.ID, hash, until) },
				done:   func() bool { return t.readInvite(i.ID).ExpiresAt.Equal(until) },
				refuse: func(ctx context.Context) error { return t.invites.RenewInvite(ctx, i.OrgID, "none", t.hash(), until) },
				with:   store.ErrNotFound,
			}
		}},
		{name: "CloseInvite", needs: invites, setUp: func(t *probe) call {
			u := t.user()
			i := t.invite(t.org(u), u)
			return call{
				do:     func(ctx context.Context) error { return t.invites.CloseInvite(ctx, i.ID, store.InviteDeclined) },
				done:   func() bool { return t.readInvite(i.ID).Status == store.InviteDeclined },
				refuse: func(ctx context.Context) error { return t.invites.CloseInvite(ctx, "none", store.InviteDeclined) },
				with:   store.ErrNotFound,
			}
		}},
		{name: "AcceptInvite", needs: invites, setUp: func(t *probe) call {
			owner, u := t.user(), t.user()
			i := t.invite(t.org(owner), owner)
			return call{
				do: func(ctx context.Context) error { return t.invites.AcceptInvite(ctx, i.ID, u.ID, start, anyone) },
				done: func() bool {
					_, err := t.orgs.Membership(t.ctx, i.OrgID, u.ID)
					joined := !t.is(err, store.ErrNotFound)
					if accepted := t.readInvite(i.ID).Status == store.InviteAccepted; accepted != joined {
						t.Errorf("accepted = %v, a member = %v, want both or neither", accepted, joined)
					}
					return joined
				},
				refuse: func(ctx context.Context) error { return t.invites.AcceptInvite(ctx, i.ID, u.ID, i.ExpiresAt, anyone) },
				with:   store.ErrExpired,
			}
		}},
	}
	for i := range ops {
		ops[i].needs |= orgs
	}
	return ops
}
