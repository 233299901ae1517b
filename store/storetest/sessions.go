package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func sessionCases() []testCase {
	return slices.Concat(createSessionCases(), rotateCases(), renewCases(), listSessionCases(), revokeCases(), principalCases())
}

func createSessionCases() []testCase {
	return []testCase{
		{proves: "CreateSession keeps every field", run: func(t *probe) {
			s := t.session(t.user(), func(s *store.Session) {
				s.Generation, s.Epoch = 41, 1<<40
				s.PrevHash, s.Sealed = t.hash(), t.hash()
				s.AuthTime, s.RotatedAt = start.Add(-time.Hour), start.Add(time.Second)
				s.RevokedAt = start.Add(time.Minute)
			})
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "CreateSession keeps fields that are zero", run: func(t *probe) {
			s := &store.Session{ID: store.NewID(start), UserID: t.user().ID, Hash: t.hash()}
			t.must(t.CreateSession(t.ctx, s), "CreateSession")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "CreateSession returns ErrConflict for an ID that is taken, and changes nothing", run: func(t *probe) {
			old := t.session(t.user())
			s := t.draftSession(t.user(), func(s *store.Session) { s.ID = old.ID })
			t.refused(t.CreateSession(t.ctx, s), store.ErrConflict, "CreateSession(second with the ID)")
			t.same(t.readSession(old.ID), old, "SessionByID")
			list, err := t.ListSessions(t.ctx, s.UserID)
			t.must(err, "ListSessions")
			t.same(list, []*store.Session{}, "ListSessions(of the refused)")
		}},
		{proves: "SessionByID returns sessions that are revoked or past their limits", run: func(t *probe) {
			u := t.user()
			for _, edit := range []func(*store.Session){
				func(s *store.Session) { s.RevokedAt = start },
				func(s *store.Session) { s.ExpiresAt = start.AddDate(-20, 0, 0) },
				func(s *store.Session) { s.EndsAt = start.AddDate(-20, 0, 0) },
			} {
				s := t.session(u, edit)
				t.same(t.readSession(s.ID), s, "SessionByID")
			}
		}},
		{proves: "SessionByID returns ErrNotFound for an ID that is not there", run: func(t *probe) {
			t.session(t.user())
			for _, id := range []string{"", "none", store.NewID(start)} {
				s, err := t.SessionByID(t.ctx, id)
				t.refused(err, store.ErrNotFound, "SessionByID(%q)", id)
				if s != nil {
					t.Errorf("SessionByID(%q) gave a session, want nil with ErrNotFound", id)
				}
			}
		}},
	}
}

func renewCases() []testCase {
	return []testCase{
		{proves: "RenewSession sets Epoch and AuthTime and nothing else", run: func(t *probe) {
			s := t.session(t.user())
			s.Epoch, s.AuthTime = 9, start.Add(time.Hour)
			t.must(t.RenewSession(t.ctx, s.ID, s.Epoch, s.AuthTime), "RenewSession")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RenewSession renews a session past its limits: only callers judge the time", run: func(t *probe) {
			s := t.session(t.user(), func(s *store.Session) { s.ExpiresAt, s.EndsAt = start.AddDate(-20, 0, 0), start.AddDate(-20, 0, 0) })
			s.Epoch, s.AuthTime = 9, start
			t.must(t.RenewSession(t.ctx, s.ID, s.Epoch, s.AuthTime), "RenewSession")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RenewSession leaves AuthTime alone if it is given none", run: func(t *probe) {
			s := t.session(t.user())
			s.Epoch = 9
			t.must(t.RenewSession(t.ctx, s.ID, s.Epoch, time.Time{}), "RenewSession")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RenewSession returns ErrNotFound for a session that is not there or revoked, and changes nothing", run: func(t *probe) {
			t.refused(t.RenewSession(t.ctx, "none", 9, start), store.ErrNotFound, "RenewSession(none)")
			s := t.session(t.user(), func(s *store.Session) { s.RevokedAt = start })
			t.refused(t.RenewSession(t.ctx, s.ID, 9, start.Add(time.Hour)), store.ErrNotFound, "RenewSession(revoked)")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RenewSession changes no other session", run: func(t *probe) {
			u := t.user()
			s, other := t.session(u), t.session(u)
			t.must(t.RenewSession(t.ctx, s.ID, 9, start.Add(time.Hour)), "RenewSession")
			t.same(t.readSession(other.ID), other, "SessionByID(the other)")
		}},
	}
}

func listSessionCases() []testCase {
	return []testCase{
		{proves: "ListSessions lists by CreatedAt, newest first, equal times by ID, highest first", run: func(t *probe) {
			u := t.user()
			t.session(t.user())
			var want []*store.Session
			for i, id := range []string{"b", "B", "a", "ä", "b ", "_", "%"} {
				want = append(want, t.session(u, func(s *store.Session) {
					s.ID = t.tag + id
					s.CreatedAt = start.Add(time.Duration(i%3) * time.Microsecond)
				}))
			}
			sortBy(want, descending, func(s *store.Session) store.Cursor { return store.Cursor{At: s.CreatedAt, ID: s.ID} })
			got, err := t.ListSessions(t.ctx, u.ID)
			t.must(err, "ListSessions")
			t.same(got, want, "ListSessions")
		}},
		{proves: "ListSessions leaves out sessions that are revoked, not those past their limits", run: func(t *probe) {
			u := t.user()
			past := t.session(u, func(s *store.Session) {
				s.CreatedAt = start.AddDate(-20, 0, 0)
				s.ExpiresAt, s.EndsAt = s.CreatedAt, s.CreatedAt
			})
			t.session(u, func(s *store.Session) { s.RevokedAt = start })
			gone := t.session(u)
			t.must(t.RevokeSession(t.ctx, gone.ID, start), "RevokeSession")
			got, err := t.ListSessions(t.ctx, u.ID)
			t.must(err, "ListSessions")
			t.same(got, []*store.Session{past}, "ListSessions")
		}},
		{proves: "ListSessions lists nothing for a user without sessions", run: func(t *probe) {
			for _, id := range []string{t.user().ID, "nobody", ""} {
				got, err := t.ListSessions(t.ctx, id)
				t.must(err, "ListSessions(%q)", id)
				t.same(got, []*store.Session{}, "ListSessions(%q)", id)
			}
		}},
		{proves: "ListSessions lists the 200 newest sessions and no more", run: func(t *probe) {
			u := t.user()
			for i := range 203 {
				t.session(u, func(s *store.Session) { s.CreatedAt = start.Add(time.Duration(i) * time.Second) })
			}
			got, err := t.ListSessions(t.ctx, u.ID)
			t.must(err, "ListSessions")
			if len(got) != 200 {
				t.Fatalf("ListSessions gave %d of 203 sessions, want 200", len(got))
			}
			if last := got[199].CreatedAt; !last.Equal(start.Add(3 * time.Second)) {
				t.Errorf("ListSessions ended with a session of %v, want the 200th newest", last)
			}
		}},
	}
}

func revokeCases() []testCase {
	return []testCase{
		{proves: "RevokeSession sets RevokedAt and nothing else", run: func(t *probe) {
			s := t.session(t.user())
			s.RevokedAt = start.Add(time.Hour)
			t.must(t.RevokeSession(t.ctx, s.ID, s.RevokedAt), "RevokeSession")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RevokeSession keeps the time of the first revocation", run: func(t *probe) {
			s := t.session(t.user())
			for _, now := range []time.Time{start, start.Add(time.Hour), start.Add(-time.Hour)} {
				t.must(t.RevokeSession(t.ctx, s.ID, now), "RevokeSession")
			}
			s.RevokedAt = start
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RevokeSession revokes a session that is past its limits", run: func(t *probe) {
			s := t.session(t.user(), func(s *store.Session) { s.ExpiresAt = start.Add(-time.Hour) })
			s.RevokedAt = start
			t.must(t.RevokeSession(t.ctx, s.ID, start), "RevokeSession")
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
		{proves: "RevokeSession of a session that is not there is no error", run: func(t *probe) {
			t.must(t.RevokeSession(t.ctx, "none", start), "RevokeSession")
			t.must(t.RevokeSession(t.ctx, "", start), "RevokeSession(empty ID)")
		}},
		{proves: "RevokeSession revokes no other session", run: func(t *probe) {
			u := t.user()
			s, other := t.session(u), t.session(u)
			t.must(t.RevokeSession(t.ctx, s.ID, start), "RevokeSession")
			t.same(t.readSession(other.ID), other, "SessionByID(the other)")
		}},
		{proves: "RevokeSessions revokes all sessions of the user but one, and returns how many", run: func(t *probe) {
			u, other := t.user(), t.user()
			keep, theirs := t.session(u), t.session(other)
			old := t.session(u, func(s *store.Session) { s.RevokedAt = start.Add(-time.Hour) })
			past := t.session(u, func(s *store.Session) { s.ExpiresAt = start.Add(-time.Hour) })
			mine := []*store.Session{past, t.session(u), t.session(u)}
			n, err := t.RevokeSessions(t.ctx, u.ID, keep.ID, start)
			t.must(err, "RevokeSessions")
			if n != len(mine) {
				t.Errorf("RevokeSessions = %d, want %d", n, len(mine))
			}
			for _, s := range mine {
				s.RevokedAt = start
			}
			for _, s := range append(mine, keep, theirs, old) {
				t.same(t.readSession(s.ID), s, "SessionByID")
			}
		}},
		{proves: "RevokeSessions revokes all sessions of the user if it spares none", run: func(t *probe) {
			u := t.user()
			for range 3 {
				t.session(u)
			}
			for _, except := range []string{"", t.session(t.user()).ID} {
				t.session(u)
				if _, err := t.RevokeSessions(t.ctx, u.ID, except, start); err != nil {
					t.Errorf("RevokeSessions(but %q) = %v, want no error", except, err)
				}
				left, err := t.ListSessions(t.ctx, u.ID)
				t.must(err, "ListSessions")
				t.same(left, []*store.Session{}, "ListSessions")
			}
		}},
		{proves: "RevokeSessions returns 0 if there is nothing to revoke", run: func(t *probe) {
			u := t.user()
			keep := t.session(u)
			for _, id := range []string{u.ID, "nobody", ""} {
				n, err := t.RevokeSessions(t.ctx, id, keep.ID, start)
				t.must(err, "RevokeSessions(%q)", id)
				if n != 0 {
					t.Errorf("RevokeSessions(%q) = %d, want 0", id, n)
				}
			}
			t.same(t.readSession(keep.ID), keep, "SessionByID")
		}},
	}
}

func principalCases() []testCase {
	return []testCase{
		{proves: "UserWithSession returns the session and its user", needs: principal, run: func(t *probe) {
			u := t.user()
			s := t.session(u, func(s *store.Session) { s.PrevHash, s.Sealed = t.hash(), t.hash() })
			t.session(u)
			gotUser, gotSession, err := t.principals.UserWithSession(t.ctx, s.ID)
			t.must(err, "UserWithSession")
			t.same(gotUser, u, "UserWithSession")
			t.same(gotSession, s, "UserWithSession")
		}},
		{proves: "UserWithSession returns users who are deleted and sessions that are dead", needs: principal, run: func(t *probe) {
			u := t.user(func(u *store.User) { u.DeletedAt, u.Disabled = start, true })
			s := t.session(u, func(s *store.Session) { s.RevokedAt, s.ExpiresAt = start, start })
			gotUser, gotSession, err := t.principals.UserWithSession(t.ctx, s.ID)
			t.must(err, "UserWithSession")
			t.same(gotUser, u, "UserWithSession")
			t.same(gotSession, s, "UserWithSession")
		}},
		{proves: "UserWithSession returns ErrNotFound if the session is missing or the user is gone", needs: principal, run: func(t *probe) {
			s := t.session(t.user())
			t.must(t.DeleteUser(t.ctx, s.UserID), "DeleteUser")
			for _, id := range []string{"", "none", s.ID} {
				u, s, err := t.principals.UserWithSession(t.ctx, id)
				t.refused(err, store.ErrNotFound, "UserWithSession(%q)", id)
				if u != nil || s != nil {
					t.Errorf("UserWithSession(%q) gave rows with ErrNotFound", id)
				}
			}
		}},
	}
}
