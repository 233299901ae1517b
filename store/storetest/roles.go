package storetest

import (
	"time"

	"github.com/aegis-auth/aegis/store"
)

func roleCases() []testCase {
	cases := append(claimCases(), keepCases()...)
	for i := range cases {
		cases[i].needs |= roles
	}
	return cases
}

// claim creates a user by CreateUserClaiming and notes a mistake unless they get
// the role, or keep their own if granted is false.
func (t *probe) claim(role string, granted bool, what string) *store.User {
	t.Helper()
	u := t.draftUser(func(u *store.User) { u.ID, u.Role = "", "plain" })
	t.must(t.roles.CreateUserClaiming(t.ctx, u, role), "CreateUserClaiming(%s)", what)
	want := "plain"
	if granted {
		want = role
	}
	if u.Role != want {
		t.Errorf("CreateUserClaiming(%s) set Role %q, want %q", what, u.Role, want)
	}
	t.same(t.readUser(u.ID), u, "UserByID(%s)", what)
	return u
}

func claimCases() []testCase {
	return []testCase{
		{proves: "CreateUserClaiming gives the role to the first user and to nobody after", alone: true, run: func(t *probe) {
			t.claim("admin", true, "the first user")
			t.claim("admin", false, "the second user")
			t.claim("admin", false, "the third user")
			t.claim("other", false, "another role, with users there")
		}},
		{proves: "CreateUserClaiming gives a role for good, even if the user who got it is deleted", alone: true, run: func(t *probe) {
			u := t.claim("admin", true, "the first user")
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			again := t.claim("admin", false, "nobody there, but the role was given")
			t.must(t.DeleteUser(t.ctx, again.ID), "DeleteUser")
			t.claim("owner", true, "nobody there, and a role that was not given")
		}},
		{proves: "CreateUserClaiming gives no role while any user exists, deleted or not", alone: true, run: func(t *probe) {
			u := t.user(func(u *store.User) { u.DeletedAt = start })
			second := t.claim("admin", false, "a soft-deleted user exists")
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			third := t.claim("admin", false, "one user exists")
			t.must(t.DeleteUser(t.ctx, second.ID), "DeleteUser")
			t.must(t.DeleteUser(t.ctx, third.ID), "DeleteUser")
			t.claim("admin", true, "no user exists, and none was given the role")
		}},
		{proves: "CreateUserClaiming refuses what CreateUser refuses, and leaves the user as it was", run: func(t *probe) {
			old := t.user()
			u := t.draftUser(func(u *store.User) { u.ID, u.Email, u.Role = "", old.Email, "plain" })
			want := *u
			t.refused(t.roles.CreateUserClaiming(t.ctx, u, "admin"), store.ErrConflict, "CreateUserClaiming(address in use)")
			t.same(u, &want, "CreateUserClaiming(refused)")
		}},
		{proves: "CreateUserClaiming that is undone does not use the role up", needs: audit, alone: true, run: func(t *probe) {
			e := t.draftEntry()
			t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
			u := t.draftUser(func(u *store.User) { u.Role = "plain" })
			want := *u
			taken := t.draftEntry(func(d *store.AuditEntry) { d.Chain, d.Seq = e.Chain, e.Seq })
			err := t.roles.CreateUserClaiming(store.WithAudit(t.ctx, taken), u, "admin")
			t.refused(err, store.ErrConflict, "CreateUserClaiming(its audit entry's place is taken)")
			t.same(u, &want, "CreateUserClaiming(refused)")
			t.claim("admin", true, "after one that was undone")
		}},
	}
}

// noLonger are the ways in which an active user of role stops being one.
var noLonger = []struct {
	how  string
	edit func(u *store.User)
}{
	{"demoted", func(u *store.User) { u.Role = "plain" }},
	{"no role", func(u *store.User) { u.Role = "" }},
	{"disabled", func(u *store.User) { u.Disabled = true }},
	{"deleted", func(u *store.User) { u.DeletedAt = start }},
}

func keepCases() []testCase {
	return []testCase{
		{proves: "UpdateUserKeeping returns ErrLastInRole for the last active user with the role, and changes nothing", run: func(t *probe) {
			u := t.user()
			t.user(func(v *store.User) { v.Role, v.Disabled = u.Role, true })
			t.user(func(v *store.User) { v.Role, v.DeletedAt = u.Role, start })
			t.user(func(v *store.User) { v.Role = u.Role + " " })
			t.user(func(v *store.User) { v.Role = "X" + u.Role })
			for _, way := range noLonger {
				up := *u
				way.edit(&up)
				want := up
				err := t.roles.UpdateUserKeeping(t.ctx, &up, u.Role)
				t.refused(err, store.ErrLastInRole, "UpdateUserKeeping(%s)", way.how)
				t.same(&up, &want, "UpdateUserKeeping(%s, refused)", way.how)
				t.same(t.readUser(u.ID), u, "UserByID(after %s)", way.how)
			}
		}},
		{proves: "UpdateUserKeeping lets go of a user as long as another active one has the role", run: func(t *probe) {
			t.user() // who stays
			for _, way := range noLonger {
				u := t.user()
				way.edit(u)
				t.must(t.roles.UpdateUserKeeping(t.ctx, u, t.tag), "UpdateUserKeeping(%s)", way.how)
				t.same(t.readUser(u.ID), u, "UserByID(%s)", way.how)
			}
		}},
		{proves: "UpdateUserKeeping writes every other change of the last user with the role", run: func(t *probe) {
			u := t.user()
			u.Name, u.Email, u.PasswordHash, u.Epoch = "changed", t.email(), "changed", 12
			t.must(t.roles.UpdateUserKeeping(t.ctx, u, u.Role), "UpdateUserKeeping")
			t.same(t.readUser(u.ID), u, "UserByID")
		}},
		{proves: "UpdateUserKeeping is UpdateUser for users who have not the role or are not active", run: func(t *probe) {
			role := t.name("role")
			for _, u := range []*store.User{
				t.user(),
				t.user(func(u *store.User) { u.Role, u.Disabled = role, true }),
				t.user(func(u *store.User) { u.Role, u.DeletedAt = role, start }),
			} {
				u.Role, u.Name = "plain", "changed"
				t.must(t.roles.UpdateUserKeeping(t.ctx, u, role), "UpdateUserKeeping")
				t.same(t.readUser(u.ID), u, "UserByID")
			}
		}},
		{proves: "UpdateUserKeeping can make somebody the first active user with the role", run: func(t *probe) {
			role := t.name("role")
			for _, u := range []*store.User{
				t.user(),
				t.user(func(u *store.User) { u.Role, u.Disabled = role, true }),
				t.user(func(u *store.User) { u.Role, u.DeletedAt = role, start }),
			} {
				u.Role, u.Disabled, u.DeletedAt = role, false, time.Time{}
				t.must(t.roles.UpdateUserKeeping(t.ctx, u, role), "UpdateUserKeeping")
				t.same(t.readUser(u.ID), u, "UserByID")
			}
		}},
		{proves: "UpdateUserKeeping returns ErrStale and ErrConflict as UpdateUser does", run: func(t *probe) {
			u, other := t.user(), t.user()
			stale := *u
			u.Name = "changed"
			t.must(t.roles.UpdateUserKeeping(t.ctx, u, u.Role), "UpdateUserKeeping")
			want := stale
			t.refused(t.roles.UpdateUserKeeping(t.ctx, &stale, u.Role), store.ErrStale, "UpdateUserKeeping(old Version)")
			t.same(&stale, &want, "UpdateUserKeeping(refused)")
			up := *u
			up.Email = other.Email
			t.refused(t.roles.UpdateUserKeeping(t.ctx, &up, u.Role), store.ErrConflict, "UpdateUserKeeping(address in use)")
			t.same(t.readUser(u.ID), u, "UserByID")
			gone := t.draftUser()
			t.refused(t.roles.UpdateUserKeeping(t.ctx, gone, "none"), store.ErrStale, "UpdateUserKeeping(nobody)")
		}},
	}
}
