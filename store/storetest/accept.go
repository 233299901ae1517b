package storetest

import (
	"time"

	"github.com/aegis-auth/aegis/store"
)

// unanswered notes a mistake unless the invite is as it was and u is no member.
func (t *probe) unanswered(i *store.Invite, u *store.User, what string) {
	t.Helper()
	t.same(t.readInvite(i.ID), i, "InviteByID(%s)", what)
	_, err := t.orgs.Membership(t.ctx, i.OrgID, u.ID)
	t.refused(err, store.ErrNotFound, "Membership(%s)", what)
}

func acceptCases() []testCase {
	return []testCase{
		{proves: "AcceptInvite moves the invite to accepted and makes the user a member", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			for _, role := range []store.OrgRole{store.OrgMember, store.OrgAdmin, store.OrgOwner} {
				i := t.invite(o, owner, func(i *store.Invite) { i.Role = role })
				now := i.ExpiresAt.Add(-time.Microsecond)
				t.must(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, now, anyone), "AcceptInvite(%s)", role)
				i.Status = store.InviteAccepted
				t.same(t.readInvite(i.ID), i, "InviteByID")
				ms, err := t.orgs.Membership(t.ctx, o.ID, u.ID)
				t.must(err, "Membership")
				t.same(ms, &store.Membership{Org: o, Member: place(o, u, role, now)}, "Membership")
				t.same(t.invitesTo(i.Email), []*store.Invite{}, "ListInvitesTo")
				u = t.user()
			}
		}},
		{proves: "AcceptInvite never reads the clock: an invite is open in any year its caller says it is", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			for _, year := range []int{1999, 2222} {
				now := time.Date(year, 1, 2, 3, 4, 5, 6000, time.UTC)
				i := t.invite(o, owner, func(i *store.Invite) { i.CreatedAt, i.ExpiresAt = now, now.Add(time.Second) })
				t.must(t.invites.AcceptInvite(t.ctx, i.ID, t.user().ID, now, anyone), "AcceptInvite(in %d)", year)
			}
		}},
		{proves: "AcceptInvite hands check the invite, the organization and the inviter's place in it", run: func(t *probe) {
			owner, admin := t.user(), t.user()
			o := t.org(owner)
			t.join(o, admin, store.OrgAdmin, start.Add(time.Hour))
			i := t.invite(o, admin)
			called := false
			err := t.invites.AcceptInvite(t.ctx, i.ID, t.user().ID, start, func(gi *store.Invite, gotOrg *store.Org, inviter *store.Member) error {
				called = true
				t.same(gi, i, "AcceptInvite(the invite)")
				t.same(gotOrg, o, "AcceptInvite(the organization)")
				t.same(inviter, place(o, admin, store.OrgAdmin, start.Add(time.Hour)), "AcceptInvite(the inviter)")
				return nil
			})
			t.must(err, "AcceptInvite")
			if !called {
				t.Errorf("AcceptInvite did not call check")
			}
		}},
		{proves: "AcceptInvite hands check no inviter if they have left, or were deleted", run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			for _, gone := range []func(u *store.User){
				func(u *store.User) { t.leave(o.ID, u.ID) },
				func(u *store.User) { t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser") },
			} {
				admin := t.user()
				t.join(o, admin, store.OrgAdmin, start)
				i := t.invite(o, admin)
				gone(admin)
				err := t.invites.AcceptInvite(t.ctx, i.ID, t.user().ID, start, func(_ *store.Invite, _ *store.Org, inviter *store.Member) error {
					if inviter != nil {
						t.Errorf("check was handed the inviter %+v, want nil", inviter)
					}
					return nil
				})
				t.must(err, "AcceptInvite")
			}
		}},
		{proves: "AcceptInvite returns the error of check as it is, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			i := t.invite(t.org(owner), owner)
			err := t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, func(*store.Invite, *store.Org, *store.Member) error { return errVeto })
			if err != errVeto {
				t.Errorf("AcceptInvite = %v, want the very error of check", err)
			}
			t.unanswered(i, u, "refused by check")
			t.must(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone), "AcceptInvite(afterwards)")
		}},
		{proves: "AcceptInvite returns ErrExpired from the very moment of ExpiresAt on, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			i := t.invite(t.org(owner), owner)
			for _, late := range []time.Duration{0, time.Microsecond, 1000 * time.Hour} {
				err := t.invites.AcceptInvite(t.ctx, i.ID, u.ID, i.ExpiresAt.Add(late), anyone)
				t.refused(err, store.ErrExpired, "AcceptInvite(%v after ExpiresAt)", late)
				t.unanswered(i, u, "expired")
			}
		}},
		{proves: "AcceptInvite returns ErrNotFound for an invite that is not there or not pending, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.refused(t.invites.AcceptInvite(t.ctx, "none", u.ID, start, anyone), store.ErrNotFound, "AcceptInvite(none)")
			for _, status := range []store.InviteStatus{store.InviteDeclined, store.InviteRevoked} {
				i := t.invite(o, owner)
				t.must(t.invites.CloseInvite(t.ctx, i.ID, status), "CloseInvite")
				i.Status = status
				t.refused(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone), store.ErrNotFound, "AcceptInvite(%s)", status)
				t.unanswered(i, u, string(status))
			}
			i := t.invite(o, owner)
			t.must(t.invites.AcceptInvite(t.ctx, i.ID, t.user().ID, start, anyone), "AcceptInvite")
			i.Status = store.InviteAccepted
			t.refused(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone), store.ErrNotFound, "AcceptInvite(accepted)")
			t.unanswered(i, u, "accepted by another")
		}},
		{proves: "AcceptInvite returns ErrNotFound if the organization is deleted, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			i := t.invite(o, owner)
			o.DeletedAt = start
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg(soft delete)")
			t.refused(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone), store.ErrNotFound, "AcceptInvite(deleted organization)")
			t.unanswered(i, u, "deleted organization")
			o.DeletedAt = time.Time{}
			t.must(t.orgs.UpdateOrg(t.ctx, o), "UpdateOrg(restore)")
			t.must(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, anyone), "AcceptInvite(restored organization)")
		}},
		{proves: "AcceptInvite returns ErrConflict if the user is a member already, and changes nothing", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			t.join(o, u, store.OrgMember, start)
			i := t.invite(o, owner, func(i *store.Invite) { i.Role = store.OrgOwner })
			t.refused(t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start.Add(time.Hour), anyone), store.ErrConflict, "AcceptInvite(a member)")
			t.same(t.readInvite(i.ID), i, "InviteByID")
			ms, err := t.orgs.Membership(t.ctx, o.ID, u.ID)
			t.must(err, "Membership")
			t.same(ms.Member, place(o, u, store.OrgMember, start), "Membership")
		}},
		{proves: "AcceptInvite goes by what is stored, not by what check makes of its copies", run: func(t *probe) {
			owner, u := t.user(), t.user()
			o := t.org(owner)
			i := t.invite(o, owner, func(i *store.Invite) { i.Role = store.OrgMember })
			err := t.invites.AcceptInvite(t.ctx, i.ID, u.ID, start, func(gi *store.Invite, gotOrg *store.Org, inviter *store.Member) error {
				gi.Role, gi.Status, gi.Email = store.OrgOwner, store.InviteRevoked, "x"
				gotOrg.Name, inviter.Role = "x", store.OrgMember
				return nil
			})
			t.must(err, "AcceptInvite")
			i.Status = store.InviteAccepted
			t.same(t.readInvite(i.ID), i, "InviteByID")
			t.same(t.readOrg(o.ID), o, "OrgByID")
			for who, role := range map[*store.User]store.OrgRole{owner: store.OrgOwner, u: store.OrgMember} {
				ms, err := t.orgs.Membership(t.ctx, o.ID, who.ID)
				t.must(err, "Membership")
				t.same(ms.Member, place(o, who, role, start), "Membership")
			}
		}},
		{proves: "DeleteUser leaves invites that the user sent to the organization that stays", run: func(t *probe) {
			owner, admin := t.user(), t.user()
			o := t.org(owner)
			t.join(o, admin, store.OrgAdmin, start)
			i := t.invite(o, admin)
			t.must(t.DeleteUser(t.ctx, admin.ID), "DeleteUser")
			t.same(t.readInvite(i.ID), i, "InviteByID")
		}},
	}
}
