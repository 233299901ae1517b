package storetest

import (
	"slices"

	"github.com/aegis-auth/aegis/store"
)

func userListCases() []testCase {
	cases := []testCase{
		{proves: "ListUsers gives every field", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.Disabled = true })
			got, err := t.lister.ListUsers(t.ctx, store.UserQuery{EmailPrefix: u.Email})
			t.must(err, "ListUsers")
			t.same(got, []*store.User{u}, "ListUsers")
		}},
		{proves: "ListUsers selects by status", run: func(t *probe) {
			prefix := t.name("status")
			create := func(disabled, deleted bool) string {
				return t.user(func(u *store.User) {
					u.Email, u.Disabled = t.name(prefix), disabled
					if deleted {
						u.DeletedAt = start
					}
				}).ID
			}
			active, disabled, deleted, both := create(false, false), create(true, false), create(false, true), create(true, true)
			for status, want := range map[store.UserStatus][]string{
				store.StatusNotDeleted: {active, disabled},
				store.StatusActive:     {active},
				store.StatusDisabled:   {disabled},
				store.StatusDeleted:    {deleted, both},
				store.StatusAny:        {active, disabled, deleted, both},
			} {
				t.lists(store.UserQuery{EmailPrefix: prefix, Status: status}, want)
			}
		}},
		{proves: "ListUsers selects by role, byte for byte", run: func(t *probe) {
			ids := map[string]string{}
			for _, role := range t.variants("editor") {
				ids[role] = t.user(func(u *store.User) { u.Role = role }).ID
			}
			for role, id := range ids {
				t.lists(store.UserQuery{Role: role}, []string{id})
			}
		}},
		{proves: "ListUsers selects by the beginning of the address, byte for byte and without wildcards", run: func(t *probe) {
			base := t.tag
			ids := map[string]string{}
			for _, email := range []string{
				"%", "_", "\\", "*", "?", "a", "A", "ab", "a%b", "a_b", "a\\b", "à", "a\u0300", "'", "\"", " ", "a ", "\U0010FFFF", "\U0010FFFFz",
			} {
				ids[base+email] = t.user(func(u *store.User) { u.Email = base + email }).ID
			}
			for prefix := range ids {
				var want []string
				for email, id := range ids {
					if len(email) >= len(prefix) && email[:len(prefix)] == prefix {
						want = append(want, id)
					}
				}
				t.lists(store.UserQuery{EmailPrefix: prefix}, want)
			}
			t.lists(store.UserQuery{EmailPrefix: base + "none"}, nil)
			t.lists(store.UserQuery{EmailPrefix: "X" + base}, nil)
		}},
		{proves: "ListUsers combines what it selects by", run: func(t *probe) {
			prefix := t.name("both")
			in := t.user(func(u *store.User) { u.Email, u.Role, u.Disabled = prefix+"1", "r1", true })
			t.user(func(u *store.User) { u.Email, u.Role, u.Disabled = prefix+"2", "r2", true })
			t.user(func(u *store.User) { u.Email, u.Role = prefix+"3", "r1" })
			t.user(func(u *store.User) { u.Email, u.Role, u.Disabled = "not"+prefix, "r1", true })
			q := store.UserQuery{EmailPrefix: prefix, Role: "r1", Status: store.StatusDisabled}
			t.lists(q, []string{in.ID})
			q.After = store.Cursor{At: in.CreatedAt, ID: in.ID}
			t.lists(q, nil)
		}},
		{proves: "ListUsers without a selection lists everybody who is not deleted", alone: true, run: func(t *probe) {
			want := []string{t.user().ID, t.user(func(u *store.User) { u.Disabled, u.Role = true, "" }).ID}
			t.user(func(u *store.User) { u.DeletedAt = start })
			t.lists(store.UserQuery{}, want)
		}},
		{proves: "UsersByIDs gives each user once, deleted or not, and leaves out who is not there", run: func(t *probe) {
			a, b := t.user(), t.user(func(u *store.User) { u.DeletedAt = start })
			t.user()
			got, err := t.lister.UsersByIDs(t.ctx, []string{a.ID, "nobody", b.ID, a.ID, "", b.ID})
			t.must(err, "UsersByIDs")
			want := []*store.User{a, b}
			key := func(u *store.User) store.Cursor { return store.Cursor{ID: u.ID} }
			sortBy(got, ascending, key)
			sortBy(want, ascending, key)
			t.same(got, want, "UsersByIDs")
		}},
		{proves: "UsersByIDs takes no IDs and a thousand", run: func(t *probe) {
			for _, ids := range [][]string{nil, {}, {"nobody"}} {
				got, err := t.lister.UsersByIDs(t.ctx, ids)
				t.must(err, "UsersByIDs(%v)", ids)
				t.same(got, []*store.User{}, "UsersByIDs(%v)", ids)
			}
			u := t.user()
			ids := make([]string, 1000)
			for i := range ids {
				ids[i] = store.NewID(start)
			}
			ids = append(ids, u.ID)
			got, err := t.lister.UsersByIDs(t.ctx, ids)
			t.must(err, "UsersByIDs(1001 IDs)")
			t.same(got, []*store.User{u}, "UsersByIDs(1001 IDs)")
		}},
		{proves: "UsersByIDs gives every user it is asked for, however many", run: func(t *probe) {
			var ids []string
			for range 120 {
				ids = append(ids, t.user().ID)
			}
			got, err := t.lister.UsersByIDs(t.ctx, ids)
			t.must(err, "UsersByIDs")
			if len(got) != len(ids) {
				t.Errorf("UsersByIDs gave %d users, want %d", len(got), len(ids))
			}
		}},
	}
	for i := range cases {
		cases[i].needs |= lister
	}
	return cases
}

// lists notes a mistake unless q selects exactly the users with these IDs.
func (t *probe) lists(q store.UserQuery, want []string) {
	t.Helper()
	rows, err := t.lister.ListUsers(t.ctx, q)
	t.must(err, "ListUsers(%+v)", q)
	got := []string{}
	for _, u := range rows {
		got = append(got, u.ID)
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	t.same(got, want, "ListUsers(%+v)", q)
}
