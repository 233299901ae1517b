package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func orgRaceCases() []testCase {
	cases := slices.Concat(ownerRaceCases(), inviteRaceCases())
	for i := range cases {
		cases[i].needs |= orgs
	}
	return cases
}

func ownerRaceCases() []testCase {
	return []testCase{
		{proves: "of 50 organizations created at once with one slug exactly one is", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				slug := t.name("slug")
				all := make([]*store.Org, 50)
				for i := range all {
					all[i] = t.draftOrg(func(o *store.Org) { o.Slug = slug })
				}
				errs := race(t, len(all), func(i int) error {
					return t.orgs.CreateOrg(t.ctx, all[i], place(all[i], u, store.OrgOwner, start))
				})
				t.oneWinner(errs, store.ErrConflict, "CreateOrg(one slug)")
				for i, o := range all {
					if errs[i] != nil {
						t.noOrg(o.ID, u)
						continue
					}
					t.same(t.readOrg(o.ID), o, "OrgByID")
				}
			}
		}},
		{proves: "of restoring an organization and creating another with the slug exactly one succeeds", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				gone := t.org(u, func(o *store.Org) { o.DeletedAt = start })
				errs := race(t, 2, func(i int) error {
					if i == 0 {
						up := *gone
						up.DeletedAt = time.Time{}
						return t.orgs.UpdateOrg(t.ctx, &up)
					}
					o := t.draftOrg(func(o *store.Org) { o.Slug = gone.Slug })
					return t.orgs.CreateOrg(t.ctx, o, place(o, u, store.OrgOwner, start))
				})
				t.oneWinner(errs, store.ErrConflict, "UpdateOrg(restore) beside CreateOrg")
			}
		}},
		{proves: "of 20 updates of an organization from one Version exactly one is written", run: func(t *probe) {
			for range rounds() {
				o := t.org(t.user())
				errs := race(t, 20, func(i int) error {
					up := *o
					up.Name = t.name("name")
					return t.orgs.UpdateOrg(t.ctx, &up)
				})
				t.oneWinner(errs, store.ErrStale, "UpdateOrg(one Version)")
			}
		}},
		{proves: "of owners who all leave at once one stays", run: func(t *probe) {
			owners := []*store.User{t.user(), t.user(), t.user(), t.user(), t.user()}
			for round := range rounds() {
				some := owners[:2+round%4]
				o := t.org(some[0])
				for _, u := range some[1:] {
					t.join(o, u, store.OrgOwner, start)
				}
				errs := race(t, len(some), func(i int) error { return t.tryLeave(o.ID, some[i].ID) })
				won, lost := t.tally(errs, store.ErrLastOwner, "UpdateMembers(leave)")
				if won != len(some)-1 || lost != 1 {
					t.Errorf("%d of %d owners left, want all but one", won, len(some))
				}
				if n := t.owners(o.ID); n != 1 {
					t.Errorf("%d owners are left, want 1", n)
				}
			}
		}},
		{proves: "of two owners who demote each other at once one stays an owner", run: func(t *probe) {
			owners := []*store.User{t.user(), t.user()}
			for range rounds() {
				o := t.org(owners[0])
				t.join(o, owners[1], store.OrgOwner, start)
				errs := race(t, 2, func(i int) error {
					me, other := owners[i].ID, owners[1-i].ID
					return t.orgs.UpdateMembers(t.ctx, o.ID, []string{me, other}, func(_ *store.Org, m map[string]*store.Member) error {
						if m[me].Role != store.OrgOwner {
							return errVeto
						}
						m[other].Role = store.OrgMember
						return nil
					})
				})
				t.oneWinner(errs, errVeto, "UpdateMembers(demote the other)")
				if n := t.owners(o.ID); n != 1 {
					t.Errorf("%d owners are left, want 1", n)
				}
			}
		}},
		{proves: "of two transfers of an organization at once exactly one is made", run: func(t *probe) {
			owner, heirs := t.user(), []*store.User{t.user(), t.user()}
			for range rounds() {
				o := t.org(owner)
				for _, u := range heirs {
					t.join(o, u, store.OrgMember, start)
				}
				errs := race(t, 2, func(i int) error {
					heir := heirs[i].ID
					return t.orgs.UpdateMembers(t.ctx, o.ID, []string{owner.ID, heir}, func(_ *store.Org, m map[string]*store.Member) error {
						if m[owner.ID].Role != store.OrgOwner {
							return errVeto
						}
						m[owner.ID].Role, m[heir].Role = store.OrgAdmin, store.OrgOwner
						return nil
					})
				})
				t.oneWinner(errs, errVeto, "UpdateMembers(transfer)")
				if n := t.owners(o.ID); n != 1 {
					t.Errorf("%d owners after two transfers, want 1", n)
				}
			}
		}},
		{proves: "no two changes of one organization's members start from the same members and both hold", run: func(t *probe) {
			const callers, times = 10, 4
			u := t.user()
			o := t.org(u)
			for _, err := range race(t, callers, func(int) error {
				for range times {
					err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
						m[u.ID].JoinedAt = m[u.ID].JoinedAt.Add(time.Microsecond)
						return nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			}) {
				t.must(err, "UpdateMembers")
			}
			want := place(o, u, store.OrgOwner, start.Add(callers*times*time.Microsecond))
			t.same(t.members(o.ID), []*store.Member{want}, "ListMembers")
		}},
		{proves: "no organization is left without an owner when one owner leaves while the other is deleted", run: func(t *probe) {
			for range rounds() {
				a, b := t.user(), t.user()
				o := t.org(a)
				t.join(o, b, store.OrgOwner, start)
				errs := race(t, 2, func(i int) error {
					if i == 0 {
						return t.DeleteUser(t.ctx, a.ID)
					}
					return t.tryLeave(o.ID, b.ID)
				})
				t.must(errs[0], "DeleteUser")
				// Who comes first decides: b cannot leave once a is gone, and if
				// b has left, the organization goes with a.
				if errs[1] == nil {
					t.noOrg(o.ID, a, b)
					continue
				}
				if errors.Is(errs[1], store.ErrNotFound) {
					t.noOrg(o.ID, a, b)
					t.Errorf("the organization was removed although b had not left it")
					continue
				}
				t.refused(errs[1], store.ErrLastOwner, "UpdateMembers(leave)")
				t.same(t.members(o.ID), []*store.Member{place(o, b, store.OrgOwner, start)}, "ListMembers")
			}
		}},
		{proves: "an organization whose owners are all deleted at once is removed", run: func(t *probe) {
			for range rounds() {
				owners := []*store.User{t.user(), t.user(), t.user()}
				o := t.org(owners[0])
				for _, u := range owners[1:] {
					t.join(o, u, store.OrgOwner, start)
				}
				for _, err := range race(t, len(owners), func(i int) error { return t.DeleteUser(t.ctx, owners[i].ID) }) {
					t.must(err, "DeleteUser")
				}
				t.noOrg(o.ID, owners...)
			}
		}},
		{proves: "an organization deleted while members join keeps none of them", run: func(t *probe) {
			owner := t.user()
			joining := []*store.User{t.user(), t.user(), t.user(), t.user()}
			for range rounds() {
				o := t.org(owner)
				for _, err := range race(t, len(joining)+1, func(i int) error {
					if i == len(joining) {
						return t.orgs.DeleteOrg(t.ctx, o.ID)
					}
					u := joining[i]
					err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
						m[u.ID] = place(o, u, store.OrgMember, start)
						return nil
					})
					if errors.Is(err, store.ErrNotFound) {
						return nil
					}
					return err
				}) {
					t.must(err, "DeleteOrg beside UpdateMembers(join)")
				}
				t.noOrg(o.ID, joining...)
			}
		}},
	}
}

func inviteRaceCases() []testCase {
	cases := []testCase{
		{proves: "of 50 invites to one address created at once exactly one is", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			for range rounds() {
				email := t.email()
				errs := race(t, 50, func(int) error {
					return t.invites.CreateInvite(t.ctx, t.draftInvite(o, u, func(i *store.Invite) { i.Email = email }))
				})
				t.oneWinner(errs, store.ErrConflict, "CreateInvite(one address)")
				if n := len(t.invitesTo(email)); n != 1 {
					t.Errorf("%d pending invites to the address, want 1", n)
				}
			}
		}},
		{proves: "of 20 invites that replace an expired one at once exactly one is created", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			for range rounds() {
				old := t.invite(o, u, func(i *store.Invite) { i.ExpiresAt = start })
				errs := race(t, 20, func(int) error {
					return t.invites.CreateInvite(t.ctx, t.draftInvite(o, u, func(i *store.Invite) { i.Email = old.Email }))
				})
				t.oneWinner(errs, store.ErrConflict, "CreateInvite(in place of an expired one)")
				t.noInvite(old)
				if n := len(t.invitesTo(old.Email)); n != 1 {
					t.Errorf("%d pending invites to the address, want 1", n)
				}
			}
		}},
		{proves: "one invite accepted 50 times at once by one user makes one membership", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			for range rounds() {
				u, i := t.user(), t.invite(o, owner)
				before := len(t.members(o.ID))
				won := 0
				for _, err := range race(t, 50, func(int) error { return t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone) }) {
					// The invite is no longer pending, and the user is a member.
					if err == nil {
						won++
					} else if !errors.Is(err, store.ErrConflict) {
						t.refused(err, store.ErrNotFound, "AcceptInvite")
					}
				}
				if n := len(t.members(o.ID)); won != 1 || n != before+1 {
					t.Errorf("AcceptInvite succeeded %d times and made %d members, want 1 and 1", won, n-before)
				}
				t.leave(o.ID, u.ID)
			}
		}},
		{proves: "one invite accepted at once by 50 users makes one membership", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			users := make([]*store.User, 50)
			for i := range users {
				users[i] = t.user()
			}
			for range rounds() {
				i := t.invite(o, owner)
				errs := race(t, len(users), func(n int) error { return t.invites.AcceptInvite(t.ctx, i.ID, users[n].ID, start, anyone) })
				t.oneWinner(errs, store.ErrNotFound, "AcceptInvite(by 50 users)")
				members := t.members(o.ID)
				if len(members) != 2 {
					t.Fatalf("%d members, want the owner and one more", len(members))
				}
				for n, u := range users {
					if errs[n] == nil {
						t.leave(o.ID, u.ID)
					}
				}
			}
		}},
		{proves: "of accepting and revoking an invite at once exactly one succeeds", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			for range rounds() {
				i := t.invite(o, owner)
				errs := race(t, 2, func(n int) error {
					if n == 0 {
						return t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone)
					}
					return t.invites.CloseInvite(t.ctx, i.ID, store.InviteRevoked)
				})
				t.oneWinner(errs, store.ErrNotFound, "AcceptInvite beside CloseInvite")
				i.Status = store.InviteRevoked
				if errs[0] == nil {
					i.Status = store.InviteAccepted
					t.leave(o.ID, u.ID)
				}
				t.unanswered(i, u, "after both")
			}
		}},
		{proves: "an organization deleted while its invites are accepted keeps no member", run: func(t *probe) {
			owner := t.user()
			users := []*store.User{t.user(), t.user(), t.user()}
			for range rounds() {
				o := t.org(owner)
				ids := make([]string, len(users))
				for n := range users {
					ids[n] = t.invite(o, owner).ID
				}
				for _, err := range race(t, len(users)+1, func(n int) error {
					if n == len(users) {
						return t.orgs.DeleteOrg(t.ctx, o.ID)
					}
					err := t.invites.AcceptInvite(t.ctx, ids[n], users[n].ID, start, anyone)
					if errors.Is(err, store.ErrNotFound) {
						return nil
					}
					return err
				}) {
					t.must(err, "DeleteOrg beside AcceptInvite")
				}
				t.noOrg(o.ID, users...)
				for _, id := range ids {
					_, err := t.invites.InviteByID(t.ctx, id)
					t.refused(err, store.ErrNotFound, "InviteByID")
				}
			}
		}},
	}
	for i := range cases {
		cases[i].needs |= invites
	}
	return cases
}
