package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func inviteCases() []testCase {
	cases := slices.Concat(createInviteCases(), boundInviteCases(), closeInviteCases(), acceptCases())
	for i := range cases {
		cases[i].needs |= orgs | invites
	}
	return cases
}

// noInvite notes a mistake if the invite is there.
func (t *probe) noInvite(i *store.Invite) {
	t.Helper()
	byID, err := t.invites.InviteByID(t.ctx, i.ID)
	t.refused(err, store.ErrNotFound, "InviteByID")
	byHash, err := t.invites.InviteByHash(t.ctx, i.Hash)
	t.refused(err, store.ErrNotFound, "InviteByHash")
	if byID != nil || byHash != nil {
		t.Errorf("InviteByID or InviteByHash gave an invite, want nil with ErrNotFound")
	}
}

// invitesTo returns the pending invites to the address.
func (t *probe) invitesTo(email string) []*store.Invite {
	t.Helper()
	list, err := t.invites.ListInvitesTo(t.ctx, email)
	t.must(err, "ListInvitesTo")
	return list
}

func createInviteCases() []testCase {
	return []testCase{
		{proves: "CreateInvite keeps every field", run: func(t *probe) {
			u := t.user()
			i := t.invite(t.org(u), u, func(i *store.Invite) { i.CreatedAt = start.Add(-time.Hour) })
			t.same(t.readInvite(i.ID), i, "InviteByID")
			got, err := t.invites.InviteByHash(t.ctx, i.Hash)
			t.must(err, "InviteByHash")
			t.same(got, i, "InviteByHash")
		}},
		{proves: "CreateInvite returns ErrConflict while one to the same address in the organization is open", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			first := t.invite(o, u)
			second := t.draftInvite(o, u, func(i *store.Invite) {
				i.Email, i.CreatedAt = first.Email, first.ExpiresAt.Add(-time.Microsecond)
			})
			t.refused(t.invites.CreateInvite(t.ctx, second), store.ErrConflict, "CreateInvite(the first is open)")
			t.noInvite(second)
			t.same(t.invitesTo(first.Email), []*store.Invite{first}, "ListInvitesTo")
		}},
		{proves: "CreateInvite removes a pending invite to the address that has expired", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			first := t.invite(o, u)
			for range 2 { // the very moment of ExpiresAt is past it
				second := t.invite(o, u, func(i *store.Invite) {
					i.Email, i.CreatedAt, i.ExpiresAt = first.Email, first.ExpiresAt, first.ExpiresAt.Add(time.Hour)
				})
				t.noInvite(first)
				t.same(t.invitesTo(first.Email), []*store.Invite{second}, "ListInvitesTo")
				first = second
			}
		}},
		{proves: "CreateInvite leaves invites to other addresses and of other organizations alone", run: func(t *probe) {
			u := t.user()
			o, other := t.org(u), t.org(u)
			expired := func(i *store.Invite) { i.ExpiresAt = i.CreatedAt }
			kept := []*store.Invite{t.invite(o, u, expired), t.invite(other, u, expired)}
			t.invite(o, u, func(i *store.Invite) { i.Email = kept[1].Email })
			for _, i := range kept {
				t.same(t.readInvite(i.ID), i, "InviteByID")
			}
		}},
		{proves: "CreateInvite is not kept from it by invites that were accepted, declined or revoked, and keeps them", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			email := t.email()
			for _, status := range []store.InviteStatus{store.InviteDeclined, store.InviteRevoked, store.InviteAccepted} {
				i := t.invite(o, u, func(i *store.Invite) { i.Email = email })
				if status == store.InviteAccepted {
					t.must(t.invites.AcceptInvite(t.ctx, i.ID, t.user().ID, start, anyone), "AcceptInvite")
				} else {
					t.must(t.invites.CloseInvite(t.ctx, i.ID, status), "CloseInvite")
				}
				i.Status = status
				next := t.invite(o, u, func(i *store.Invite) { i.Email = email })
				t.same(t.readInvite(i.ID), i, "InviteByID(%s)", status)
				t.must(t.invites.CloseInvite(t.ctx, next.ID, store.InviteRevoked), "CloseInvite")
			}
		}},
		{proves: "CreateInvite tells addresses apart byte for byte", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			var all []*store.Invite
			for _, email := range t.variants("a@example.com") {
				all = append(all, t.invite(o, u, func(i *store.Invite) { i.Email = email }))
			}
			for _, i := range all {
				t.same(t.invitesTo(i.Email), []*store.Invite{i}, "ListInvitesTo(%q)", i.Email)
			}
		}},
		{proves: "CreateInvite returns ErrConflict for a hash or an ID that is taken, and changes nothing", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			old := t.invite(o, u)
			for _, edit := range []func(i *store.Invite){
				func(i *store.Invite) { i.Hash = old.Hash },
				func(i *store.Invite) { i.ID = old.ID },
			} {
				expired := t.invite(o, u, func(i *store.Invite) { i.ExpiresAt = start })
				i := t.draftInvite(o, u, edit, func(i *store.Invite) { i.Email = expired.Email })
				t.refused(t.invites.CreateInvite(t.ctx, i), store.ErrConflict, "CreateInvite")
				t.same(t.invitesTo(i.Email), []*store.Invite{expired}, "ListInvitesTo")
			}
			t.same(t.readInvite(old.ID), old, "InviteByID")
		}},
		{proves: "CreateInvite returns ErrNotFound if there is no such organization", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			t.must(t.orgs.DeleteOrg(t.ctx, o.ID), "DeleteOrg")
			i := t.draftInvite(o, u)
			t.refused(t.invites.CreateInvite(t.ctx, i), store.ErrNotFound, "CreateInvite")
			t.noInvite(i)
			t.same(t.invitesTo(i.Email), []*store.Invite{}, "ListInvitesTo")
		}},
		{proves: "InviteByID and InviteByHash return invites that are closed or expired, and ErrNotFound for those that never were", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			closed := t.invite(o, u)
			t.must(t.invites.CloseInvite(t.ctx, closed.ID, store.InviteDeclined), "CloseInvite")
			closed.Status = store.InviteDeclined
			for _, i := range []*store.Invite{closed, t.invite(o, u, func(i *store.Invite) { i.ExpiresAt = start.AddDate(-9, 0, 0) })} {
				t.same(t.readInvite(i.ID), i, "InviteByID")
				got, err := t.invites.InviteByHash(t.ctx, i.Hash)
				t.must(err, "InviteByHash")
				t.same(got, i, "InviteByHash")
			}
			for _, id := range []string{"", "none"} {
				t.noInvite(&store.Invite{ID: id, Hash: []byte(id)})
			}
		}},
		{proves: "ListInvites gives every invite of the organization, whatever became of it", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			t.invite(t.org(u), u)
			pending := t.invite(o, u, func(i *store.Invite) { i.CreatedAt = start.Add(2 * time.Second) })
			expired := t.invite(o, u, func(i *store.Invite) { i.CreatedAt, i.ExpiresAt = start.Add(time.Second), start })
			revoked := t.invite(o, u)
			t.must(t.invites.CloseInvite(t.ctx, revoked.ID, store.InviteRevoked), "CloseInvite")
			revoked.Status = store.InviteRevoked
			got, err := t.invites.ListInvites(t.ctx, o.ID, store.Cursor{}, 0)
			t.must(err, "ListInvites")
			t.same(got, []*store.Invite{pending, expired, revoked}, "ListInvites")
			got, err = t.invites.ListInvites(t.ctx, "none", store.Cursor{}, 0)
			t.must(err, "ListInvites(none)")
			t.same(got, []*store.Invite{}, "ListInvites(no such organization)")
		}},
		{proves: "ListInvitesTo gives the pending invites to the address, expired or not, newest first", run: func(t *probe) {
			u := t.user()
			email := t.email()
			to := func(at time.Time, id string) *store.Invite {
				return t.invite(t.org(u), u, func(i *store.Invite) {
					i.Email, i.CreatedAt, i.ID = email, at, t.tag+id
				})
			}
			var want []*store.Invite
			for i, id := range []string{"a", "B", "b", "%", "é"} {
				want = append(want, to(start.Add(time.Duration(i%2)*time.Microsecond), id))
			}
			want = append(want, t.invite(t.org(u), u, func(i *store.Invite) {
				i.Email, i.CreatedAt, i.ExpiresAt = email, start.AddDate(-9, 0, 0), start.AddDate(-8, 0, 0)
			}))
			closed := to(start, "closed")
			t.must(t.invites.CloseInvite(t.ctx, closed.ID, store.InviteDeclined), "CloseInvite")
			t.must(t.invites.AcceptInvite(t.ctx, to(start, "taken").ID, t.user().ID, start, anyone), "AcceptInvite")
			sortBy(want, descending, func(i *store.Invite) store.Cursor { return store.Cursor{At: i.CreatedAt, ID: i.ID} })
			t.same(t.invitesTo(email), want, "ListInvitesTo")
			t.same(t.invitesTo(t.email()), []*store.Invite{}, "ListInvitesTo(nobody)")
		}},
	}
}

func boundInviteCases() []testCase {
	return []testCase{
		{proves: "ListInvitesTo gives the 200 newest invites and no more", run: func(t *probe) {
			u := t.user()
			email := t.email()
			for n := range 203 {
				t.invite(t.org(u), u, func(i *store.Invite) {
					i.Email, i.CreatedAt = email, start.Add(time.Duration(n)*time.Second)
				})
			}
			list := t.invitesTo(email)
			if len(list) != 200 {
				t.Fatalf("ListInvitesTo gave %d of 203 invites, want 200", len(list))
			}
			if last := list[199].CreatedAt; !last.Equal(start.Add(3 * time.Second)) {
				t.Errorf("ListInvitesTo ended with an invite of %v, want the 200th newest", last)
			}
		}},
	}
}

func closeInviteCases() []testCase {
	return []testCase{
		{proves: "RenewInvite gives an invite another token and expiry and changes nothing else", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			for _, expiry := range []time.Time{start.AddDate(0, 0, 7), start.AddDate(-1, 0, 0)} {
				i := t.invite(o, u, func(i *store.Invite) { i.ExpiresAt = expiry })
				old := *i
				i.Hash, i.ExpiresAt = t.hash(), start.AddDate(0, 1, 0)
				t.must(t.invites.RenewInvite(t.ctx, o.ID, i.ID, i.Hash, i.ExpiresAt), "RenewInvite")
				t.same(t.readInvite(i.ID), i, "InviteByID")
				_, err := t.invites.InviteByHash(t.ctx, old.Hash)
				t.refused(err, store.ErrNotFound, "InviteByHash(the old token)")
				got, err := t.invites.InviteByHash(t.ctx, i.Hash)
				t.must(err, "InviteByHash(the new token)")
				t.same(got, i, "InviteByHash(the new token)")
			}
		}},
		{proves: "RenewInvite returns ErrNotFound if the organization has no such pending invite, and changes nothing", run: func(t *probe) {
			u := t.user()
			o, other := t.org(u), t.org(u)
			i, closed := t.invite(o, u), t.invite(o, u)
			t.must(t.invites.CloseInvite(t.ctx, closed.ID, store.InviteRevoked), "CloseInvite")
			closed.Status = store.InviteRevoked
			for _, c := range [][2]string{{other.ID, i.ID}, {o.ID, "none"}, {o.ID, closed.ID}, {"", i.ID}} {
				err := t.invites.RenewInvite(t.ctx, c[0], c[1], t.hash(), start.AddDate(1, 0, 0))
				t.refused(err, store.ErrNotFound, "RenewInvite")
			}
			for _, i := range []*store.Invite{i, closed} {
				t.same(t.readInvite(i.ID), i, "InviteByID")
			}
		}},
		{proves: "RenewInvite returns ErrConflict for the hash of another invite, and changes nothing", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			i, other := t.invite(o, u), t.invite(o, u)
			err := t.invites.RenewInvite(t.ctx, o.ID, i.ID, other.Hash, start.AddDate(1, 0, 0))
			t.refused(err, store.ErrConflict, "RenewInvite(the other's hash)")
			for _, i := range []*store.Invite{i, other} {
				t.same(t.readInvite(i.ID), i, "InviteByID")
			}
		}},
		{proves: "CloseInvite moves a pending invite, expired or not, to declined or revoked and changes nothing else", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			for _, status := range []store.InviteStatus{store.InviteDeclined, store.InviteRevoked} {
				for _, expiry := range []time.Time{start.AddDate(0, 0, 7), start.AddDate(-1, 0, 0)} {
					i := t.invite(o, u, func(i *store.Invite) { i.ExpiresAt = expiry })
					t.must(t.invites.CloseInvite(t.ctx, i.ID, status), "CloseInvite(%s)", status)
					i.Status = status
					t.same(t.readInvite(i.ID), i, "InviteByID")
					t.same(t.invitesTo(i.Email), []*store.Invite{}, "ListInvitesTo")
				}
			}
		}},
		{proves: "CloseInvite returns ErrNotFound for an invite that is not there or not pending, and changes nothing", run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			t.refused(t.invites.CloseInvite(t.ctx, "none", store.InviteRevoked), store.ErrNotFound, "CloseInvite(none)")
			i := t.invite(o, u)
			t.must(t.invites.CloseInvite(t.ctx, i.ID, store.InviteDeclined), "CloseInvite")
			i.Status = store.InviteDeclined
			t.refused(t.invites.CloseInvite(t.ctx, i.ID, store.InviteRevoked), store.ErrNotFound, "CloseInvite(declined)")
			t.same(t.readInvite(i.ID), i, "InviteByID")
			accepted := t.invite(o, u)
			t.must(t.invites.AcceptInvite(t.ctx, accepted.ID, t.user().ID, start, anyone), "AcceptInvite")
			t.refused(t.invites.CloseInvite(t.ctx, accepted.ID, store.InviteRevoked), store.ErrNotFound, "CloseInvite(accepted)")
			accepted.Status = store.InviteAccepted
			t.same(t.readInvite(accepted.ID), accepted, "InviteByID")
		}},
	}
}
