package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func pruneCases() []testCase {
	cases := append(deadCases(), wipeCases()...)
	for i := range cases {
		cases[i].needs |= pruner
		cases[i].alone = true // Prune looks at every row there is
	}
	return append(cases, migrateCases()...)
}

// prune removes all that died before that moment and notes a mistake unless that
// is n rows.
func (t *probe) prune(before time.Time, n int, what string) {
	t.Helper()
	got, err := t.pruner.Prune(t.ctx, before, 1000)
	t.must(err, "Prune(%s)", what)
	if got != n {
		t.Errorf("Prune(%s) = %d, want %d", what, got, n)
	}
}

// moments are around the one that Prune is called with.
var moments = []time.Duration{-24 * time.Hour, -time.Microsecond, 0, time.Microsecond, 24 * time.Hour}

func deadCases() []testCase {
	return []testCase{
		{proves: "Prune removes sessions that ran out or were revoked before the moment, and no others", run: func(t *probe) {
			u := t.user()
			var dead, live []*store.Session
			for _, d := range moments {
				at := start.Add(d)
				for _, edit := range []func(s *store.Session){
					func(s *store.Session) { s.ExpiresAt = at },
					func(s *store.Session) { s.EndsAt = at },
					func(s *store.Session) { s.RevokedAt = at },
				} {
					if s := t.session(u, edit); d < 0 {
						dead = append(dead, s)
					} else {
						live = append(live, s)
					}
				}
			}
			live = append(live, t.session(u))
			t.prune(start, len(dead), "sessions")
			for _, s := range dead {
				_, err := t.SessionByID(t.ctx, s.ID)
				t.refused(err, store.ErrNotFound, "SessionByID(dead)")
			}
			for _, s := range live {
				t.same(t.readSession(s.ID), s, "SessionByID(live)")
			}
			t.prune(start, 0, "again")
			t.readUser(u.ID)
		}},
		{proves: "Prune removes one-time tokens that ran out before the moment, and no others", run: func(t *probe) {
			var dead, live []*store.OneTimeToken
			for _, d := range moments {
				tok := t.draftToken(t.user(), store.PurposeVerifyEmail)
				tok.ExpiresAt = start.Add(d)
				t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
				if d < 0 {
					dead = append(dead, tok)
				} else {
					live = append(live, tok)
				}
			}
			t.prune(start, len(dead), "one-time tokens")
			past := start.AddDate(-1, 0, 0) // at which all of them were good
			for _, tok := range dead {
				_, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, past)
				t.refused(err, store.ErrNotFound, "TakeOneTime(dead)")
			}
			for _, tok := range live {
				got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, past)
				t.must(err, "TakeOneTime(live)")
				t.same(got, tok, "TakeOneTime(live)")
			}
		}},
		{proves: "Prune removes attempts that expired before the moment, and no others", needs: attempts, run: func(t *probe) {
			keys := map[string]store.Attempts{}
			dead := 0
			for _, d := range moments {
				key, a := t.name("key"), store.Attempts{Count: 3, Since: start.AddDate(-1, 0, 0), Expires: start.Add(d)}
				t.setAttempts(key, a)
				if d < 0 {
					a = store.Attempts{}
					dead++
				}
				keys[key] = a
			}
			removed := t.name("key") // there is no row left to count
			t.setAttempts(removed, store.Attempts{Count: 1, Expires: start.AddDate(-1, 0, 0)})
			t.setAttempts(removed, store.Attempts{})
			t.prune(start, dead, "attempts")
			for key, want := range keys {
				t.same(t.readAttempts(key), want, "UpdateAttempts(after Prune)")
			}
		}},
		{proves: "Prune removes invites that ran out before the moment, whatever their status, and no others", needs: orgs | invites, run: func(t *probe) {
			u := t.user()
			o := t.org(u)
			var dead, live []*store.Invite
			for _, status := range []store.InviteStatus{store.InvitePending, store.InviteDeclined, store.InviteAccepted} {
				for _, d := range moments {
					i := t.invite(o, u, func(i *store.Invite) { i.ExpiresAt = start.Add(d) })
					switch status {
					case store.InviteDeclined:
						t.must(t.invites.CloseInvite(t.ctx, i.ID, status), "CloseInvite")
					case store.InviteAccepted:
						t.must(t.invites.AcceptInvite(t.ctx, i.ID, t.user().ID, start.AddDate(-1, 0, 0), anyone), "AcceptInvite")
					}
					i.Status = status
					if d < 0 {
						dead = append(dead, i)
					} else {
						live = append(live, i)
					}
				}
			}
			members := t.members(o.ID)
			t.prune(start, len(dead), "invites")
			for _, i := range dead {
				t.noInvite(i)
				if i.Status == store.InvitePending {
					t.same(t.invitesTo(i.Email), []*store.Invite{}, "ListInvitesTo(dead)")
				}
			}
			for _, i := range live {
				t.same(t.readInvite(i.ID), i, "InviteByID(live)")
			}
			t.same(t.members(o.ID), members, "ListMembers") // who joined stays
		}},
		{proves: "Prune removes at most limit rows, and fewer only when nothing is left", run: func(t *probe) {
			u := t.user()
			for range 11 {
				t.session(u, func(s *store.Session) { s.ExpiresAt = start.Add(-time.Hour) })
			}
			kept := t.session(u)
			for range 3 {
				tok := t.draftToken(t.user(), store.PurposeVerifyEmail)
				tok.ExpiresAt = start.Add(-time.Hour)
				t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
			}
			var got []int
			for range 10 {
				n, err := t.pruner.Prune(t.ctx, start, 4)
				t.must(err, "Prune(limit 4)")
				got = append(got, n)
				if n < 4 {
					break
				}
			}
			if want := []int{4, 4, 4, 2}; !slices.Equal(got, want) {
				t.Errorf("Prune(limit 4) of 14 dead rows = %v, want %v", got, want)
			}
			t.prune(start, 0, "nothing is left")
			list, err := t.ListSessions(t.ctx, u.ID)
			t.must(err, "ListSessions")
			t.same(list, []*store.Session{kept}, "ListSessions")
		}},
		{proves: "Prune leaves users, identities, organizations, members and the audit trail alone", needs: identities | orgs | audit, run: func(t *probe) {
			u := t.user(func(u *store.User) { u.DeletedAt = start.AddDate(-5, 0, 0) })
			o := t.org(u, func(o *store.Org) { o.DeletedAt = start.AddDate(-5, 0, 0) })
			id, e := t.identity(u, "github"), t.entries(1)[0]
			members := t.members(o.ID)
			t.prune(start.AddDate(100, 0, 0), 0, "nothing that dies")
			t.same(t.readUser(u.ID), u, "UserByID")
			t.same(t.readOrg(o.ID), o, "OrgByID")
			t.same(t.members(o.ID), members, "ListMembers")
			t.same(t.linked(u.ID), []*store.Identity{id}, "ListIdentities")
			t.written(e, true, "Prune")
		}},
	}
}

func wipeCases() []testCase {
	sealed := func(t *probe, rotated time.Time) func(s *store.Session) {
		return func(s *store.Session) { s.Sealed, s.PrevHash, s.RotatedAt = t.hash(), t.hash(), rotated }
	}
	return []testCase{
		{proves: "WipeSealed empties Sealed of sessions last rotated before the moment, nothing else, and no others", run: func(t *probe) {
			u := t.user()
			var all []*store.Session
			wiped := 0
			for _, d := range moments {
				s := t.session(u, sealed(t, start.Add(d)))
				revoked := t.session(u, sealed(t, start.Add(d)), func(s *store.Session) { s.RevokedAt = start })
				if d < 0 {
					s.Sealed, revoked.Sealed = nil, nil
					wiped += 2
				}
				all = append(all, s, revoked)
			}
			n, err := t.pruner.WipeSealed(t.ctx, start, 1000)
			t.must(err, "WipeSealed")
			if n != wiped {
				t.Errorf("WipeSealed = %d, want %d", n, wiped)
			}
			for _, s := range all {
				t.same(t.readSession(s.ID), s, "SessionByID")
			}
		}},
		{proves: "WipeSealed counts only sessions that had something to empty", run: func(t *probe) {
			u := t.user()
			t.session(u, func(s *store.Session) { s.RotatedAt = start.Add(-time.Hour) })
			t.session(u, sealed(t, start.Add(-time.Hour)))
			for _, want := range []int{1, 0} {
				n, err := t.pruner.WipeSealed(t.ctx, start, 1000)
				t.must(err, "WipeSealed")
				if n != want {
					t.Errorf("WipeSealed = %d, want %d", n, want)
				}
			}
		}},
		{proves: "WipeSealed empties at most limit sessions, and fewer only when nothing is left", run: func(t *probe) {
			u := t.user()
			for range 9 {
				t.session(u, sealed(t, start.Add(-time.Hour)))
			}
			for _, want := range []int{4, 4, 1, 0} {
				n, err := t.pruner.WipeSealed(t.ctx, start, 4)
				t.must(err, "WipeSealed(limit 4)")
				if n != want {
					t.Errorf("WipeSealed(limit 4) = %d, want %d", n, want)
				}
			}
		}},
		{proves: "a session goes on rotating after WipeSealed", run: func(t *probe) {
			s := t.session(t.user(), sealed(t, start))
			_, err := t.pruner.WipeSealed(t.ctx, start.Add(time.Second), 1000)
			t.must(err, "WipeSealed")
			r := t.rotation(s)
			t.same(t.wins(r, "after WipeSealed"), rotated(s, r), "Rotate")
		}},
	}
}

func migrateCases() []testCase {
	return []testCase{
		{proves: "Migrate of a schema that is up to date changes nothing", needs: migrator, run: func(t *probe) {
			u := t.user()
			s := t.session(u)
			for range 2 {
				t.must(t.migrator.Migrate(t.ctx), "Migrate")
			}
			t.same(t.readUser(u.ID), u, "UserByID")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "Migrate may be called by many at once, beside other work", needs: migrator, run: func(t *probe) {
			u := t.user()
			for _, err := range race(t, 8, func(i int) error {
				if i%2 == 0 {
					return t.migrator.Migrate(t.ctx)
				}
				_, err := t.UserByID(t.ctx, u.ID)
				return err
			}) {
				t.must(err, "Migrate beside UserByID")
			}
			t.same(t.readUser(u.ID), u, "UserByID")
		}},
	}
}
