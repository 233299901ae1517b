package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func memberCases() []testCase {
	cases := slices.Concat(membershipCases(), updateMemberCases())
	for i := range cases {
		cases[i].needs |= orgs
	}
	return cases
}

func membershipCases() []testCase {
	return []testCase{
		{proves: "Membership returns the organization, deleted or not, and the user's place in it", run: func(t *probe) {
			owner, u := t.user(), t.user()
			for _, deleted := range []time.Time{{}, start} {
				o := t.org(owner, func(o *store.Org) { o.DeletedAt = deleted })
				t.join(o, u, store.OrgAdmin, start.Add(time.Hour))
				got, err := t.orgs.Membership(t.ctx, o.ID, u.ID)
				t.must(err, "Membership")
				t.same(got, &store.Membership{Org: o, Member: place(o, u, store.OrgAdmin, start.Add(time.Hour))}, "Membership")
			}
		}},
		{proves: "Membership returns ErrNotFound if the organization or the user's place in it is missing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o, other := t.org(owner), t.org(owner)
			t.join(other, u, store.OrgMember, start)
			for _, c := range [][2]string{{o.ID, u.ID}, {"none", owner.ID}, {o.ID, "nobody"}, {owner.ID, o.ID}, {"", ""}} {
				got, err := t.orgs.Membership(t.ctx, c[0], c[1])
				t.refused(err, store.ErrNotFound, "Membership(%q, %q)", c[0], c[1])
				if got != nil {
					t.Errorf("Membership(%q, %q) gave a membership, want nil with ErrNotFound", c[0], c[1])
				}
			}
		}},
		{proves: "ListMemberships gives the user's organizations that are not deleted, with the user's place in each", run: func(t *probe) {
			owner, u := t.user(), t.user()
			first, second := t.org(owner), t.org(owner)
			gone := t.org(owner, func(o *store.Org) { o.DeletedAt = start })
			t.org(owner)
			for i, o := range []*store.Org{first, second, gone} {
				t.join(o, u, store.OrgAdmin, start.Add(time.Duration(i)*time.Second))
			}
			got, err := t.orgs.ListMemberships(t.ctx, u.ID, store.Cursor{}, 0)
			t.must(err, "ListMemberships")
			t.same(got, []*store.Membership{
				{Org: second, Member: place(second, u, store.OrgAdmin, start.Add(time.Second))},
				{Org: first, Member: place(first, u, store.OrgAdmin, start)},
			}, "ListMemberships")
			for _, id := range []string{t.user().ID, "nobody"} {
				got, err := t.orgs.ListMemberships(t.ctx, id, store.Cursor{}, 0)
				t.must(err, "ListMemberships")
				t.same(got, []*store.Membership{}, "ListMemberships(of nobody's)")
			}
		}},
		{proves: "ListMembers gives every field, and nobody of another organization", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o, other := t.org(owner), t.org(owner)
			t.join(o, u, store.OrgMember, start.Add(time.Second))
			t.join(other, t.user(), store.OrgMember, start)
			t.same(t.members(o.ID), []*store.Member{
				place(o, owner, store.OrgOwner, start), place(o, u, store.OrgMember, start.Add(time.Second)),
			}, "ListMembers")
		}},
		{proves: "members stay when they, or their organization, are soft-deleted", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.join(o, u, store.OrgMember, start.Add(time.Second))
			want := t.members(o.ID)
			u.DeletedAt, o.DeletedAt = start, start
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser(soft delete)")
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg(soft delete)")
			t.same(t.members(o.ID), want, "ListMembers")
		}},
	}
}

// A change is the function that UpdateMembers is handed.
type change = func(o *store.Org, members map[string]*store.Member) error

func updateMemberCases() []testCase {
	return []testCase{
		{proves: "UpdateMembers hands over the organization and the named users who are members", run: func(t *probe) {
			owner, u, named := t.user(), t.user(), t.user()
			o := t.org(owner, func(o *store.Org) { o.DeletedAt = start })
			t.join(o, u, store.OrgAdmin, start)
			t.join(o, named, store.OrgMember, start.Add(time.Hour))
			called := false
			ids := []string{named.ID, t.user().ID, "nobody", named.ID, owner.ID}
			err := t.orgs.UpdateMembers(t.ctx, o.ID, ids, func(got *store.Org, m map[string]*store.Member) error {
				called = true
				t.same(got, o, "UpdateMembers(the organization)")
				t.same(m, map[string]*store.Member{
					named.ID: place(o, named, store.OrgMember, start.Add(time.Hour)),
					owner.ID: place(o, owner, store.OrgOwner, start),
				}, "UpdateMembers(the members)")
				return nil
			})
			t.must(err, "UpdateMembers")
			if !called {
				t.Errorf("UpdateMembers did not call change")
			}
			if n := len(t.members(o.ID)); n != 3 {
				t.Errorf("%d members after a change of nothing, want 3", n)
			}
		}},
		{proves: "UpdateMembers adds, changes and removes members in one step", run: func(t *probe) {
			owner, promoted, removed, added := t.user(), t.user(), t.user(), t.user()
			o := t.org(owner)
			t.join(o, promoted, store.OrgMember, start.Add(time.Second))
			t.join(o, removed, store.OrgMember, start.Add(2*time.Second))
			ids := []string{promoted.ID, removed.ID, added.ID}
			err := t.orgs.UpdateMembers(t.ctx, o.ID, ids, func(_ *store.Org, m map[string]*store.Member) error {
				m[promoted.ID].Role = store.OrgAdmin
				delete(m, removed.ID)
				m[added.ID] = place(o, added, store.OrgMember, start.Add(3*time.Second))
				return nil
			})
			t.must(err, "UpdateMembers")
			t.same(t.members(o.ID), []*store.Member{
				place(o, owner, store.OrgOwner, start),
				place(o, promoted, store.OrgAdmin, start.Add(time.Second)),
				place(o, added, store.OrgMember, start.Add(3*time.Second)),
			}, "ListMembers")
			t.same(t.readOrg(o.ID), o, "OrgByID")
		}},
		{proves: "UpdateMembers can replace a member's whole entry", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.join(o, u, store.OrgMember, start)
			want := place(o, u, store.OrgAdmin, start.AddDate(-1, 0, 0))
			t.join(o, u, want.Role, want.JoinedAt)
			t.same(t.members(o.ID)[0], want, "ListMembers")
		}},
		{proves: "UpdateMembers returns the error of change as it is, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			want := t.members(o.ID)
			err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{owner.ID, u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
				m[u.ID] = place(o, u, store.OrgOwner, start)
				delete(m, owner.ID)
				return errVeto
			})
			if err != errVeto {
				t.Errorf("UpdateMembers = %v, want the very error of change", err)
			}
			t.same(t.members(o.ID), want, "ListMembers")
		}},
		{proves: "UpdateMembers returns ErrLastOwner if no owner would remain, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.join(o, u, store.OrgAdmin, start)
			want := t.members(o.ID)
			for what, f := range map[string]change{
				"removed": func(_ *store.Org, m map[string]*store.Member) error { delete(m, owner.ID); return nil },
				"demoted": func(_ *store.Org, m map[string]*store.Member) error {
					m[owner.ID].Role = store.OrgAdmin
					m[u.ID].Role = store.OrgMember
					return nil
				},
				"everybody removed": func(_ *store.Org, m map[string]*store.Member) error { clear(m); return nil },
			} {
				err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{owner.ID, u.ID}, f)
				t.refused(err, store.ErrLastOwner, "UpdateMembers(%s)", what)
				t.same(t.members(o.ID), want, "ListMembers(%s)", what)
			}
		}},
		{proves: "UpdateMembers counts owners who are not named in the change", run: func(t *probe) {
			first, second := t.user(), t.user()
			o := t.org(first)
			t.join(o, second, store.OrgOwner, start)
			t.org(t.user()) // somebody else's owner does not count
			t.leave(o.ID, first.ID)
			t.refused(t.tryLeave(o.ID, second.ID), store.ErrLastOwner, "UpdateMembers(the last owner leaves)")
			t.same(t.members(o.ID), []*store.Member{place(o, second, store.OrgOwner, start)}, "ListMembers")
		}},
		{proves: "UpdateMembers can hand an organization over from its only owner to another", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.join(o, u, store.OrgMember, start)
			err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{owner.ID, u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
				m[owner.ID].Role, m[u.ID].Role = store.OrgAdmin, store.OrgOwner
				return nil
			})
			t.must(err, "UpdateMembers(transfer)")
			for who, role := range map[*store.User]store.OrgRole{owner: store.OrgAdmin, u: store.OrgOwner} {
				ms, err := t.orgs.Membership(t.ctx, o.ID, who.ID)
				t.must(err, "Membership")
				t.same(ms.Member, place(o, who, role, start), "Membership")
			}
		}},
		{proves: "UpdateMembers returns ErrNotFound if there is no such organization, and calls nothing", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			t.must(t.orgs.DeleteOrg(t.ctx, o.ID), "DeleteOrg")
			for _, id := range []string{"", "none", o.ID} {
				err := t.orgs.UpdateMembers(t.ctx, id, []string{owner.ID}, func(*store.Org, map[string]*store.Member) error {
					t.Errorf("UpdateMembers(%q) called change", id)
					return nil
				})
				t.refused(err, store.ErrNotFound, "UpdateMembers(%q)", id)
			}
		}},
		{proves: "UpdateMembers takes no names, and five hundred", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			for _, ids := range [][]string{nil, {}} {
				err := t.orgs.UpdateMembers(t.ctx, o.ID, ids, func(_ *store.Org, m map[string]*store.Member) error {
					t.same(m, map[string]*store.Member{}, "UpdateMembers(no names)")
					return nil
				})
				t.must(err, "UpdateMembers(no names)")
			}
			ids := []string{owner.ID}
			for i := range 499 {
				ids = append(ids, fmt.Sprintf("%s-nobody-%d", t.tag, i))
			}
			err := t.orgs.UpdateMembers(t.ctx, o.ID, ids, func(_ *store.Org, m map[string]*store.Member) error {
				t.same(m, map[string]*store.Member{owner.ID: place(o, owner, store.OrgOwner, start)}, "UpdateMembers(500 names)")
				return nil
			})
			t.must(err, "UpdateMembers(500 names)")
		}},
		{proves: "UpdateMembers adds many members at once", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			var ids []string
			for range 120 {
				ids = append(ids, t.user().ID)
			}
			err := t.orgs.UpdateMembers(t.ctx, o.ID, ids, func(_ *store.Org, m map[string]*store.Member) error {
				for _, id := range ids {
					m[id] = &store.Member{OrgID: o.ID, UserID: id, Role: store.OrgMember, JoinedAt: start}
				}
				return nil
			})
			t.must(err, "UpdateMembers")
			if n := len(t.members(o.ID)); n != 121 {
				t.Errorf("ListMembers gave %d members, want 121", n)
			}
		}},
	}
}
