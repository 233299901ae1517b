package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// variants returns strings that are easily taken for s: by collations that fold
// case or accents, that pad with blanks, or that normalize, by patterns, and by
// code that trims or cuts. Each is different for every case.
func (t *probe) variants(s string) []string {
	s = t.tag + s
	return []string{
		s, strings.ToUpper(s), strings.ToUpper(s[:1]) + s[1:], s[:len(s)-1] + strings.ToUpper(s[len(s)-1:]),
		s + " ", " " + s, s + "\t", s + "\n", s + ".", s + "\u00a0", s + "\u200b", "\ufeff" + s,
		s + "à", s + "a\u0300", s + "a", s + "À", s + "ß", s + "ss", s + "ı", s + "i", s + "I", s + "İ",
		s + "ﬀ", s + "ff", s + "ａ", s + "%", s + "_", s + "\\", s + "*", s + "'", s + "''", s + "\"",
		s + "\U0001F511", s + "\U0001F512", s + "\uFFFD", s + "0", s + "00", s + "1e0", s + "1",
	}
}

// texts are strings that are easily damaged on the way to a table and back.
var texts = []string{
	"", " ", "  padded  ", "tab\tnewline\nreturn\r\nend", "\x01\x02\x1f\x7f", "'", `"`, "''; DROP TABLE users; --",
	`back\slash \n \u0041 \\`, "%s %d %_%", "{}", "[]", "null", "NULL", "\\N", "0", "true", "<script>&amp;</script>",
	"ÀÉÎÕÜ àéîõü", "a\u0300e\u0301", "ﬀ ß ſ ı İ K", "日本語 한국어 العربية עברית", "\u202eright to left\u202c",
	"\U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466 \U0001F511", "\U0010FFFF", "\uFFFD", "\uFEFFbom", "\u2028\u2029\u0085",
	strings.Repeat("x", 4096), strings.Repeat("\U0001F511", 1024),
}

// times are instants that are easily damaged likewise.
var times = []time.Time{
	{},
	time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
	time.Date(1582, 10, 14, 23, 59, 59, 999999000, time.UTC),
	time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
	time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC),
	time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC), // within Europe's lost hour
	time.Date(2026, 10, 25, 2, 30, 0, 654321000, time.UTC),
	time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),           // past 32 bits
	time.Date(2262, 4, 11, 23, 47, 16, 854776000, time.UTC), // past 64 bits of nanoseconds
	time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
}

func valueCases() []testCase {
	return slices.Concat(textCases(), timeCases(), byteCases(), sizeCases(), metadataCases())
}

func textCases() []testCase {
	return []testCase{
		{proves: "addresses are told apart byte for byte", run: func(t *probe) {
			var all []*store.User
			for _, email := range t.variants("a@x") {
				all = append(all, t.user(func(u *store.User) { u.Email = email }))
			}
			for _, u := range all {
				got, err := t.UserByEmail(t.ctx, u.Email)
				t.must(err, "UserByEmail(%q)", u.Email)
				t.same(got, u, "UserByEmail(%q)", u.Email)
				again := t.draftUser(func(v *store.User) { v.Email = u.Email })
				t.refused(t.CreateUser(t.ctx, again), store.ErrConflict, "CreateUser(%q again)", u.Email)
			}
		}},
		{proves: "an address that was never stored is not found by one that is like it", run: func(t *probe) {
			variants := t.variants("b@x")
			t.user(func(u *store.User) { u.Email = variants[0] })
			for _, email := range variants[1:] {
				_, err := t.UserByEmail(t.ctx, email)
				t.refused(err, store.ErrNotFound, "UserByEmail(%q, stored is %q)", email, variants[0])
			}
		}},
		{proves: "identifiers of users and sessions are told apart byte for byte", run: func(t *probe) {
			var all []*store.Session
			for _, id := range t.variants("id") {
				u := t.user(func(u *store.User) { u.ID = id })
				all = append(all, t.session(u, func(s *store.Session) { s.ID = id }))
			}
			for _, s := range all {
				t.same(t.readSession(s.ID), s, "SessionByID(%q)", s.ID)
				if got := t.readUser(s.ID).ID; got != s.ID {
					t.Errorf("UserByID(%q) gave the user %q", s.ID, got)
				}
				list, err := t.ListSessions(t.ctx, s.UserID)
				t.must(err, "ListSessions")
				t.same(list, []*store.Session{s}, "ListSessions(%q)", s.UserID)
			}
			n, err := t.RevokeSessions(t.ctx, all[0].UserID, all[1].ID, start)
			t.must(err, "RevokeSessions")
			if n != 1 {
				t.Errorf("RevokeSessions(%q) = %d, want 1", all[0].UserID, n)
			}
			t.must(t.DeleteUser(t.ctx, all[0].UserID), "DeleteUser")
			for _, s := range all[1:] {
				t.same(t.readSession(s.ID), s, "SessionByID(%q)", s.ID)
			}
		}},
		{proves: "identifiers of organizations, members and invites are told apart byte for byte", needs: orgs | invites, run: func(t *probe) {
			var all []*store.Invite
			for _, id := range t.variants("id") {
				u := t.user(func(u *store.User) { u.ID = id })
				o := t.org(u, func(o *store.Org) { o.ID = id })
				all = append(all, t.invite(o, u, func(i *store.Invite) { i.ID = id }))
			}
			for _, i := range all {
				if got := t.readOrg(i.ID).ID; got != i.ID {
					t.Errorf("OrgByID(%q) gave the organization %q", i.ID, got)
				}
				t.same(t.readInvite(i.ID), i, "InviteByID(%q)", i.ID)
				if m := t.members(i.ID); len(m) != 1 || m[0].UserID != i.ID {
					t.Errorf("ListMembers(%q) gave %d members, want the one of that name", i.ID, len(m))
				}
				list, err := t.orgs.ListMemberships(t.ctx, i.ID, store.Cursor{}, 0)
				t.must(err, "ListMemberships")
				if len(list) != 1 || list[0].Org.ID != i.ID {
					t.Errorf("ListMemberships(%q) gave %d organizations, want the one of that name", i.ID, len(list))
				}
			}
			t.must(t.orgs.DeleteOrg(t.ctx, all[0].ID), "DeleteOrg")
			for _, i := range all[1:] {
				t.same(t.readInvite(i.ID), i, "InviteByID(%q)", i.ID)
			}
		}},
		{proves: "providers and subjects are told apart byte for byte", needs: identities, run: func(t *probe) {
			u := t.user()
			var all []*store.Identity
			for _, s := range t.variants("github") {
				id := t.draftIdentity(u, s)
				all = append(all, id)
				id = t.draftIdentity(t.user(), "github")
				id.Subject = s
				all = append(all, id)
			}
			for _, id := range all {
				t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity(%q, %q)", id.Provider, id.Subject)
			}
			for _, id := range all {
				got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
				t.must(err, "IdentityBySubject")
				t.same(got, id, "IdentityBySubject(%q, %q)", id.Provider, id.Subject)
			}
		}},
		{proves: "strings come back as they were, whatever is in them", run: func(t *probe) {
			for _, s := range texts {
				u := t.user(func(u *store.User) { u.Name, u.PasswordHash = s, s })
				t.same(t.readUser(u.ID), u, "UserByID(%q)", clip(s))
				se := t.session(u, func(v *store.Session) { v.Method, v.UserAgent, v.IP = s, s, s })
				t.same(t.readSession(se.ID), se, "SessionByID(%q)", clip(s))
				r := t.rotation(se, func(r *store.Rotation) { r.UserAgent, r.IP = s+"2", s })
				if len(s) > 4000 {
					r.UserAgent = s
				}
				t.same(t.wins(r, "strange strings"), rotated(se, r), "Rotate(%q)", clip(s))
				tok := t.draftToken(u, store.PurposeChangeEmail)
				tok.Email = s
				t.must(t.PutOneTime(t.ctx, tok), "PutOneTime(%q)", clip(s))
				t.takes(tok, clip(s))
			}
		}},
		{proves: "strings of identities come back as they were, whatever is in them", needs: identities, run: func(t *probe) {
			for _, s := range texts {
				id := t.draftIdentity(t.user(), "github")
				id.Username, id.Email, id.AvatarURL = s, s, s
				t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity")
				t.same(t.linked(id.UserID), []*store.Identity{id}, "ListIdentities(%q)", clip(s))
			}
		}},
		{proves: "strings of organizations come back as they were, whatever is in them", needs: orgs, run: func(t *probe) {
			u := t.user()
			for _, s := range texts {
				o := t.org(u, func(o *store.Org) { o.Name, o.Description = s, s })
				t.same(t.readOrg(o.ID), o, "OrgByID(%q)", clip(s))
			}
		}},
		{proves: "strings of audit entries come back as they were, whatever is in them", needs: audit, run: func(t *probe) {
			for _, s := range texts {
				e := t.draftEntry(func(e *store.AuditEntry) {
					e.IP, e.UserAgent, e.RequestID = s, s, s
					e.Attrs = map[string]string{"key": s, clip(s): "value", "": ""}
				})
				t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit(%q)", clip(s))
				t.same(t.chain(e.Chain), []*store.AuditEntry{e}, "AuditChain(%q)", clip(s))
			}
		}},
		{proves: "whole numbers come back as they were, however large", run: func(t *probe) {
			for _, n := range []int64{0, 1, -1, math.MaxInt32 + 1, 1<<53 + 1, math.MaxInt64, math.MinInt64} {
				u := t.user(func(u *store.User) { u.Epoch = n })
				t.same(t.readUser(u.ID), u, "UserByID(Epoch %d)", n)
				s := t.session(u, func(s *store.Session) { s.Generation = n })
				t.same(t.readSession(s.ID), s, "SessionByID(Generation %d)", n)
				tok := t.token(u, store.PurposeVerifyEmail)
				t.takes(tok, fmt.Sprint("Epoch ", n))
			}
		}},
	}
}

// clip shortens a string for a message, or to fit a key.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") // whole characters only
	}
	return s
}

func timeCases() []testCase {
	return []testCase{
		{proves: "times of users and sessions come back equal and in UTC, the zero time included", run: func(t *probe) {
			for i, at := range times {
				next := times[(i+1)%len(times)]
				u := t.user(func(u *store.User) {
					u.CreatedAt, u.UpdatedAt, u.LastLoginAt, u.DeletedAt = at, next, at, next
				})
				t.same(t.readUser(u.ID), u, "UserByID")
				s := t.session(u, func(s *store.Session) {
					s.AuthTime, s.CreatedAt, s.RotatedAt, s.RevokedAt = at, next, at, next
					s.ExpiresAt, s.EndsAt = at, next
				})
				t.same(t.readSession(s.ID), s, "SessionByID")
			}
		}},
		{proves: "times that a step sets come back equal and in UTC", run: func(t *probe) {
			for _, at := range times[1 : len(times)-1] {
				s := t.session(t.user(), func(s *store.Session) { s.ExpiresAt, s.EndsAt = times[len(times)-1], times[len(times)-1] })
				r := t.rotation(s, func(r *store.Rotation) { r.Now, r.ExpiresAt = at, at.Add(time.Microsecond) })
				want := rotated(s, r)
				t.same(t.wins(r, at.String()), want, "Rotate")
				t.must(t.RenewSession(t.ctx, s.ID, 1, at), "RenewSession")
				t.must(t.RevokeSession(t.ctx, s.ID, at), "RevokeSession")
				want.Epoch, want.AuthTime, want.RevokedAt = 1, at, at
				t.same(t.readSession(s.ID), want, "SessionByID")
			}
		}},
		{proves: "times of one-time tokens come back equal and in UTC, the zero time included", run: func(t *probe) {
			for i, at := range times {
				tok := t.draftToken(t.user(), store.PurposeVerifyEmail)
				tok.CreatedAt, tok.ExpiresAt = at, times[max(i, 1)]
				t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
				got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, tok.ExpiresAt.Add(-time.Microsecond))
				t.must(err, "TakeOneTime")
				t.same(got, tok, "TakeOneTime")
			}
		}},
		{proves: "times of attempts come back equal and in UTC, the zero time included", needs: attempts, run: func(t *probe) {
			for i, at := range times {
				a := store.Attempts{Count: 1, Since: at, Until: times[(i+1)%len(times)], Expires: at}
				key := t.name("key")
				t.setAttempts(key, a)
				t.same(t.readAttempts(key), a, "UpdateAttempts")
			}
		}},
		{proves: "times of audit entries and identities come back equal and in UTC, the zero time included", needs: audit | identities, run: func(t *probe) {
			for _, at := range times {
				e := t.draftEntry(func(e *store.AuditEntry) { e.Time = at })
				t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
				t.same(t.chain(e.Chain), []*store.AuditEntry{e}, "AuditChain")
				id := t.draftIdentity(t.user(), "github")
				id.CreatedAt = at
				t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity")
				t.same(t.linked(id.UserID), []*store.Identity{id}, "ListIdentities")
			}
		}},
		{proves: "times of organizations, members and invites come back equal and in UTC, the zero time included", needs: orgs | invites, run: func(t *probe) {
			u := t.user()
			for i, at := range times {
				next := times[(i+1)%len(times)]
				o := t.draftOrg(func(o *store.Org) { o.CreatedAt, o.UpdatedAt, o.DeletedAt = at, next, at })
				t.must(t.orgs.CreateOrg(t.ctx, o, place(o, u, store.OrgOwner, next)), "CreateOrg")
				t.same(t.readOrg(o.ID), o, "OrgByID")
				t.same(t.members(o.ID), []*store.Member{place(o, u, store.OrgOwner, next)}, "ListMembers")
				v := t.invite(t.org(u), u, func(v *store.Invite) { v.CreatedAt, v.ExpiresAt = at, next })
				t.same(t.readInvite(v.ID), v, "InviteByID")
			}
		}},
	}
}
