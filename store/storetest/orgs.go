package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func orgCases() []testCase {
	cases := slices.Concat(createOrgCases(), updateOrgCases(), deleteOrgCases())
	for i := range cases {
		cases[i].needs |= orgs
	}
	return cases
}

// noOrg notes a mistake if the organization or any of its members is there.
func (t *probe) noOrg(id string, users ...*store.User) {
	t.Helper()
	o, err := t.orgs.OrgByID(t.ctx, id)
	t.refused(err, store.ErrNotFound, "OrgByID")
	if o != nil {
		t.Errorf("OrgByID gave an organization, want nil with ErrNotFound")
	}
	t.same(t.members(id), []*store.Member{}, "ListMembers(no such organization)")
	for _, u := range users {
		_, err := t.orgs.Membership(t.ctx, id, u.ID)
		t.refused(err, store.ErrNotFound, "Membership")
	}
}

func createOrgCases() []testCase {
	return []testCase{
		{proves: "CreateOrg keeps every field of the organization and its owner", run: func(t *probe) {
			u := t.user()
			o := t.draftOrg(func(o *store.Org) { o.DeletedAt, o.Version = start.Add(time.Hour), 77 })
			owner := place(o, u, store.OrgOwner, start.Add(time.Minute))
			t.must(t.orgs.CreateOrg(t.ctx, o, owner), "CreateOrg")
			t.same(t.readOrg(o.ID), o, "OrgByID") // with the Version that was set
			t.same(t.members(o.ID), []*store.Member{owner}, "ListMembers")
		}},
		{proves: "CreateOrg keeps fields that are zero", run: func(t *probe) {
			u := t.user()
			o := &store.Org{ID: store.NewID(start), Slug: t.name("org")}
			owner := &store.Member{OrgID: o.ID, UserID: u.ID, Role: store.OrgOwner}
			t.must(t.orgs.CreateOrg(t.ctx, o, owner), "CreateOrg")
			t.same(t.readOrg(o.ID), o, "OrgByID")
			t.same(t.members(o.ID), []*store.Member{owner}, "ListMembers")
		}},
		{proves: "CreateOrg returns ErrConflict for a slug or an ID that is taken, and writes neither row", run: func(t *probe) {
			old := t.org(t.user())
			for _, edit := range []func(o *store.Org){
				func(o *store.Org) { o.Slug = old.Slug },
				func(o *store.Org) { o.ID = old.ID },
			} {
				u, o := t.user(), t.draftOrg(edit)
				want := *o
				t.refused(t.orgs.CreateOrg(t.ctx, o, place(o, u, store.OrgOwner, start)), store.ErrConflict, "CreateOrg")
				t.same(o, &want, "CreateOrg(refused)")
				ms, err := t.orgs.ListMemberships(t.ctx, u.ID, store.Cursor{}, 0)
				t.must(err, "ListMemberships")
				t.same(ms, []*store.Membership{}, "ListMemberships(of the refused)")
				_, err = t.orgs.Membership(t.ctx, o.ID, u.ID)
				t.refused(err, store.ErrNotFound, "Membership(of the refused)")
			}
			t.same(t.readOrg(old.ID), old, "OrgByID(the first)")
		}},
		{proves: "slugs are told apart byte for byte", run: func(t *probe) {
			u := t.user()
			var all []*store.Org
			for _, slug := range t.variants("acme") {
				all = append(all, t.org(u, func(o *store.Org) { o.Slug = slug }))
			}
			for _, o := range all {
				t.same(t.readOrg(o.ID), o, "OrgByID")
				again := t.draftOrg(func(d *store.Org) { d.Slug = o.Slug })
				err := t.orgs.CreateOrg(t.ctx, again, place(again, u, store.OrgOwner, start))
				t.refused(err, store.ErrConflict, "CreateOrg(%q again)", o.Slug)
			}
		}},
		{proves: "the slug of a deleted organization is free", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			o.DeletedAt = start
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg(soft delete)")
			second := t.org(u, func(p *store.Org) { p.Slug = o.Slug })
			t.org(u, func(p *store.Org) { p.Slug, p.DeletedAt = o.Slug, start })
			t.same(t.readOrg(o.ID), o, "OrgByID(the deleted)")
			o.DeletedAt = time.Time{}
			want := *o
			t.refused(t.orgs.UpdateOrg(t.ctx, o), store.ErrConflict, "UpdateOrg(restore)")
			t.same(o, &want, "UpdateOrg(refused)")
			t.same(t.readOrg(second.ID), second, "OrgByID(the second)")
			second.Slug = t.name("org")
			t.must(t.orgs.UpdateOrg(t.ctx, second), "UpdateOrg(another slug)")
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg(restore, the slug is free again)")
		}},
		{proves: "OrgByID returns organizations that are deleted, and ErrNotFound for those that never were", run: func(t *probe) {
			o := t.org(t.user(), func(o *store.Org) { o.DeletedAt = start })
			t.same(t.readOrg(o.ID), o, "OrgByID(deleted)")
			t.noOrg("")
			t.noOrg("none")
			t.noOrg(o.Slug)
		}},
	}
}

func updateOrgCases() []testCase {
	return []testCase{
		{proves: "UpdateOrg writes every field but ID and CreatedAt", run: func(t *probe) {
			o := t.org(t.user())
			up := &store.Org{
				ID: o.ID, Name: "other", Slug: t.name("other"), Description: "other",
				CreatedAt: start.AddDate(1, 0, 0), UpdatedAt: start.AddDate(2, 0, 0),
				DeletedAt: start.AddDate(3, 0, 0), Version: o.Version,
			}
			t.must(t.orgs.UpdateOrg(t.ctx, up), "UpdateOrg")
			want := *up
			want.CreatedAt = o.CreatedAt
			t.same(t.readOrg(o.ID), &want, "OrgByID")
		}},
		{proves: "UpdateOrg can empty every field", run: func(t *probe) {
			o := t.org(t.user())
			up := &store.Org{ID: o.ID, Slug: t.name("other"), Version: o.Version}
			t.must(t.orgs.UpdateOrg(t.ctx, up), "UpdateOrg")
			want := *up
			want.CreatedAt = o.CreatedAt
			t.same(t.readOrg(o.ID), &want, "OrgByID")
		}},
		{proves: "UpdateOrg gives the organization a new Version on every write, and none twice", run: func(t *probe) {
			o := t.org(t.user())
			seen := map[int64]bool{o.Version: true}
			for range 10 {
				t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg")
				if seen[o.Version] || t.readOrg(o.ID).Version != o.Version {
					t.Fatalf("UpdateOrg set Version %d, want a new one, and the one that is stored", o.Version)
				}
				seen[o.Version] = true
			}
		}},
		{proves: "UpdateOrg returns ErrStale for a Version that is not the stored one, and changes nothing", run: func(t *probe) {
			o := t.org(t.user())
			old := *o
			o.Name = "second"
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg")
			for _, version := range []int64{old.Version, o.Version + 1, 0, -1} {
				up := old
				up.Version, up.Name = version, "third"
				want := up
				t.refused(t.orgs.UpdateOrg(t.ctx, &up), store.ErrStale, "UpdateOrg(Version %d, stored is %d)", version, o.Version)
				t.same(&up, &want, "UpdateOrg(refused)")
			}
			t.same(t.readOrg(o.ID), o, "OrgByID")
		}},
		{proves: "UpdateOrg returns ErrStale for an organization that is gone", run: func(t *probe) {
			o := t.org(t.user())
			t.must(t.orgs.DeleteOrg(t.ctx, o.ID), "DeleteOrg")
			for _, gone := range []*store.Org{o, t.draftOrg()} {
				t.refused(t.orgs.UpdateOrg(t.ctx, gone), store.ErrStale, "UpdateOrg(not there)")
				t.noOrg(gone.ID)
			}
		}},
		{proves: "UpdateOrg returns ErrConflict for a slug that another organization has, and changes nothing", run: func(t *probe) {
			u := t.user()
			o, other := t.org(u), t.org(u)
			up := *o
			up.Slug, up.Name = other.Slug, "changed"
			want := up
			t.refused(t.orgs.UpdateOrg(t.ctx, &up), store.ErrConflict, "UpdateOrg(slug of another)")
			t.same(&up, &want, "UpdateOrg(refused)")
			t.same(t.readOrg(o.ID), o, "OrgByID")
			t.same(t.readOrg(other.ID), other, "OrgByID(the other)")
			up.DeletedAt = start // a deleted one may have it
			t.must(t.orgs.UpdateOrg(t.ctx, &up), "UpdateOrg(slug of another, deleted)")
		}},
		{proves: "UpdateOrg moves the organization to a new slug and frees the old one", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			old := o.Slug
			o.Slug = t.name("moved")
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg")
			t.org(u, func(p *store.Org) { p.Slug = old })
			t.same(t.readOrg(o.ID), o, "OrgByID")
		}},
		{proves: "ListOrgs leaves deleted organizations out unless it is asked for them", alone: true, run: func(t *probe) {
			u := t.user()
			live := t.org(u, func(o *store.Org) { o.CreatedAt = start.Add(time.Second) })
			gone := t.org(u, func(o *store.Org) { o.DeletedAt = start })
			for _, c := range []struct {
				all  bool
				want []*store.Org
			}{{false, []*store.Org{live}}, {true, []*store.Org{live, gone}}} {
				got, err := t.orgs.ListOrgs(t.ctx, store.OrgQuery{IncludeDeleted: c.all})
				t.must(err, "ListOrgs")
				t.same(got, c.want, "ListOrgs(IncludeDeleted %v)", c.all)
			}
		}},
	}
}

func deleteOrgCases() []testCase {
	return []testCase{
		{proves: "DeleteOrg removes the organization and its members, no other, and frees the slug", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o, other := t.org(owner), t.org(owner)
			t.join(o, u, store.OrgMember, start)
			t.join(other, u, store.OrgAdmin, start)
			t.must(t.orgs.DeleteOrg(t.ctx, o.ID), "DeleteOrg")
			t.noOrg(o.ID, owner, u)
			for _, who := range []*store.User{owner, u} {
				ms, err := t.orgs.ListMemberships(t.ctx, who.ID, store.Cursor{}, 0)
				t.must(err, "ListMemberships")
				if len(ms) != 1 || ms[0].Org.ID != other.ID {
					t.Errorf("ListMemberships gave %d organizations, want the other one only", len(ms))
				}
			}
			t.org(u, func(p *store.Org) { p.Slug = o.Slug })
			t.readUser(u.ID) // people stay
		}},
		{proves: "DeleteOrg of an organization that is not there is no error", run: func(t *probe) {
			o := t.org(t.user())
			for range 2 {
				t.must(t.orgs.DeleteOrg(t.ctx, o.ID), "DeleteOrg")
			}
			t.must(t.orgs.DeleteOrg(t.ctx, "none"), "DeleteOrg(never there)")
		}},
		{proves: "DeleteOrg removes a soft-deleted organization and nothing else with its slug", run: func(t *probe) {
			u := t.user()
			gone := t.org(u, func(o *store.Org) { o.DeletedAt = start })
			live := t.org(u, func(o *store.Org) { o.Slug = gone.Slug })
			t.must(t.orgs.DeleteOrg(t.ctx, gone.ID), "DeleteOrg")
			t.same(t.readOrg(live.ID), live, "OrgByID")
			again := t.draftOrg(func(o *store.Org) { o.Slug = live.Slug })
			err := t.orgs.CreateOrg(t.ctx, again, place(again, u, store.OrgOwner, start))
			t.refused(err, store.ErrConflict, "CreateOrg(slug of the live one)")
		}},
		{proves: "DeleteOrg removes the organization's invites and nobody else's", needs: invites, run: func(t *probe) {
			u := t.user()
			o, other := t.org(u), t.org(u)
			mine, theirs := t.invite(o, u), t.invite(other, u)
			closed := t.invite(o, u)
			t.must(t.invites.CloseInvite(t.ctx, closed.ID, store.InviteRevoked), "CloseInvite")
			t.must(t.orgs.DeleteOrg(t.ctx, o.ID), "DeleteOrg")
			t.noInvite(mine)
			t.noInvite(closed)
			t.same(t.readInvite(theirs.ID), theirs, "InviteByID(the other's)")
		}},
		{proves: "DeleteUser removes the user's memberships", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.join(o, u, store.OrgAdmin, start)
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			t.same(t.members(o.ID), []*store.Member{place(o, owner, store.OrgOwner, start)}, "ListMembers")
			t.same(t.readOrg(o.ID), o, "OrgByID")
		}},
		{proves: "DeleteUser removes the organizations it leaves without an owner, with all that belongs to them", needs: invites, run: func(t *probe) {
			u, other := t.user(), t.user()
			sole, shared := t.org(u), t.org(u)
			deleted := t.org(u, func(o *store.Org) { o.DeletedAt = start })
			t.join(sole, other, store.OrgAdmin, start)
			t.join(shared, other, store.OrgOwner, start)
			gone, kept := t.invite(sole, other), t.invite(shared, u)
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			t.noOrg(sole.ID, u, other)
			t.noOrg(deleted.ID, u)
			t.noInvite(gone)
			t.same(t.readOrg(shared.ID), shared, "OrgByID(has another owner)")
			t.same(t.members(shared.ID), []*store.Member{place(shared, other, store.OrgOwner, start)}, "ListMembers(has another owner)")
			t.same(t.readInvite(kept.ID), kept, "InviteByID(of the organization that stays)")
			t.org(other, func(o *store.Org) { o.Slug = sole.Slug })
		}},
	}
}
