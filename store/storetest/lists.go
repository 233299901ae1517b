package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// direction is the order of a list.
type direction int

const (
	ascending  direction = 1
	descending direction = -1
)

// compare orders places: by time, then by ID, byte by byte.
func (d direction) compare(a, b store.Cursor) int {
	return int(d) * cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}

// sortBy puts rows in the order of a list.
func sortBy[R any](rows []R, d direction, key func(R) store.Cursor) {
	slices.SortFunc(rows, func(a, b R) int { return d.compare(key(a), key(b)) })
}

// A listing is one list that pages by key, reduced to the places of its rows.
type listing struct {
	name  string
	needs capability
	alone bool
	order direction
	open  func(t *probe) list
}

// A list is a listing of one case.
type list struct {
	add  func(at store.Cursor)
	drop func(at store.Cursor) // nil if rows are never removed
	read func(after store.Cursor, limit int) ([]store.Cursor, error)
}

// places returns the places of rows, or the error that came instead of them.
func places[R any](rows []R, err error, key func(R) store.Cursor) ([]store.Cursor, error) {
	var at []store.Cursor
	for _, r := range rows {
		at = append(at, key(r))
	}
	return at, err
}

func listings() []listing {
	return []listing{
		{name: "ListUsers", needs: lister, order: descending, open: listOfUsers},
		{name: "ListAudit", needs: audit, order: descending, open: listOfEntries},
		{name: "ListOrgs", needs: orgs, alone: true, order: descending, open: listOfOrgs},
		{name: "ListMemberships", needs: orgs, order: descending, open: listOfMemberships},
		{name: "ListMembers", needs: orgs, order: ascending, open: listOfMembers},
		{name: "ListInvites", needs: orgs | invites, order: descending, open: listOfInvites},
	}
}

func listCases() []testCase {
	var cases []testCase
	for _, l := range listings() {
		way := "newest first, equal times by ID, highest first"
		if l.order == ascending {
			way = "oldest first, equal times by ID, lowest first"
		}
		for _, c := range []testCase{
			{proves: l.name + " lists " + way, run: l.ordered},
			{proves: l.name + " gives every row once, whatever the length of its pages", run: l.paged},
			{proves: l.name + " begins behind its cursor, even if that row is not there", run: l.behind},
			{proves: l.name + " takes a limit of zero or less for 50", run: l.limited},
		} {
			c.needs, c.alone = l.needs, l.alone
			cases = append(cases, c)
		}
	}
	return cases
}

// spread adds rows whose places are as hard to order as they can be, and returns
// the places in order.
func (l listing) spread(t *probe, li list) []store.Cursor {
	var at []store.Cursor
	for i, when := range []time.Time{
		start, start.Add(time.Microsecond), start.Add(-time.Microsecond), start.Add(time.Second),
		time.UnixMicro(0).UTC(), time.UnixMicro(-1).UTC(), time.UnixMicro(1).UTC(), {},
	} {
		at = append(at, store.Cursor{At: when, ID: fmt.Sprintf("%s/%d", t.tag, i)})
	}
	// U+FFFD is above U+1F511 where strings are ordered by UTF-16 units.
	for _, id := range []string{"b", "B", "a", "ä", "b ", "b.", "_", "%", "\uFFFD", "\U0001F511", "10", "9"} {
		at = append(at, store.Cursor{At: start, ID: t.tag + id})
	}
	for _, c := range at {
		li.add(c)
	}
	sortBy(at, l.order, func(c store.Cursor) store.Cursor { return c })
	return at
}

func (l listing) ordered(t *probe) {
	li := l.open(t)
	want := l.spread(t, li)
	got, err := li.read(store.Cursor{}, 100)
	t.must(err, "%s", l.name)
	t.same(got, want, "%s", l.name)
}

func (l listing) paged(t *probe) {
	li := l.open(t)
	want := l.spread(t, li)
	for _, limit := range []int{1, 2, 7, len(want), len(want) + 1} {
		var got []store.Cursor
		var after store.Cursor
		for len(got) <= len(want) { // or it would never end
			rows, err := li.read(after, limit)
			t.must(err, "%s(limit %d)", l.name, limit)
			if len(rows) > limit {
				t.Fatalf("%s(limit %d) gave %d rows", l.name, limit, len(rows))
			}
			got = append(got, rows...)
			if len(rows) < limit {
				break
			}
			after = rows[len(rows)-1]
		}
		t.same(got, want, "%s in pages of %d", l.name, limit)
	}
}

func (l listing) behind(t *probe) {
	li := l.open(t)
	rows := l.spread(t, li)
	check := func(after store.Cursor, what string) {
		t.Helper()
		var want []store.Cursor
		for _, c := range rows {
			if l.order.compare(c, after) > 0 {
				want = append(want, c)
			}
		}
		got, err := li.read(after, 100)
		t.must(err, "%s(after %s)", l.name, what)
		t.same(got, want, "%s(after %s)", l.name, what)
	}
	check(store.Cursor{At: start, ID: t.tag + "a~"}, "a place between two rows")
	check(store.Cursor{At: start.Add(time.Millisecond), ID: "nobody"}, "a time between two rows")
	check(store.Cursor{At: start.AddDate(100, 0, 0), ID: "x"}, "a place later than all rows")
	check(store.Cursor{At: time.UnixMicro(-2).UTC(), ID: "x"}, "a place between the zero time and the others")
	check(rows[len(rows)-1], "the last row")
	if li.drop != nil {
		middle := rows[len(rows)/2]
		li.drop(middle)
		check(middle, "a row that was removed")
	}
}

func (l listing) limited(t *probe) {
	li := l.open(t)
	const n = store.DefaultLimit + 3
	for i := range n {
		li.add(store.Cursor{At: start.Add(time.Duration(i) * time.Second), ID: fmt.Sprintf("%s/%02d", t.tag, i)})
	}
	for _, limit := range []int{0, -1, -50} {
		got, err := li.read(store.Cursor{}, limit)
		t.must(err, "%s(limit %d)", l.name, limit)
		if len(got) != store.DefaultLimit {
			t.Errorf("%s(limit %d) gave %d of %d rows, want %d", l.name, limit, len(got), n, store.DefaultLimit)
		}
	}
	got, err := li.read(store.Cursor{}, n)
	t.must(err, "%s(limit %d)", l.name, n)
	if len(got) != n {
		t.Errorf("%s(limit %d) gave %d rows, want all", l.name, n, len(got))
	}
}

func listOfUsers(t *probe) list {
	prefix := t.name("list")
	return list{
		add: func(at store.Cursor) {
			t.user(func(u *store.User) {
				u.ID, u.CreatedAt, u.Email = at.ID, at.At, t.name(prefix)
			})
		},
		drop: func(at store.Cursor) { t.must(t.DeleteUser(t.ctx, at.ID), "DeleteUser") },
		read: func(after store.Cursor, limit int) ([]store.Cursor, error) {
			rows, err := t.lister.ListUsers(t.ctx, store.UserQuery{EmailPrefix: prefix, After: after, Limit: limit})
			return places(rows, err, func(u *store.User) store.Cursor { return store.Cursor{At: u.CreatedAt, ID: u.ID} })
		},
	}
}

func listOfEntries(t *probe) list {
	kind := t.name("kind")
	return list{
		add: func(at store.Cursor) {
			e := t.draftEntry(func(e *store.AuditEntry) { e.ID, e.Time, e.Kind = at.ID, at.At, kind })
			t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
		},
		read: func(after store.Cursor, limit int) ([]store.Cursor, error) {
			rows, err := t.audit.ListAudit(t.ctx, store.AuditQuery{Kind: kind, After: after, Limit: limit})
			return places(rows, err, func(e *store.AuditEntry) store.Cursor { return store.Cursor{At: e.Time, ID: e.ID} })
		},
	}
}

func listOfOrgs(t *probe) list {
	u := t.user()
	return list{
		add: func(at store.Cursor) {
			t.org(u, func(o *store.Org) { o.ID, o.CreatedAt = at.ID, at.At })
		},
		drop: func(at store.Cursor) { t.must(t.orgs.DeleteOrg(t.ctx, at.ID), "DeleteOrg") },
		read: func(after store.Cursor, limit int) ([]store.Cursor, error) {
			rows, err := t.orgs.ListOrgs(t.ctx, store.OrgQuery{After: after, Limit: limit})
			return places(rows, err, func(o *store.Org) store.Cursor { return store.Cursor{At: o.CreatedAt, ID: o.ID} })
		},
	}
}

func listOfMemberships(t *probe) list {
	owner, u := t.user(), t.user()
	return list{
		add: func(at store.Cursor) {
			o := t.org(owner, func(o *store.Org) { o.ID = at.ID })
			t.join(o, u, store.OrgMember, at.At)
		},
		drop: func(at store.Cursor) { t.leave(at.ID, u.ID) },
		read: func(after store.Cursor, limit int) ([]store.Cursor, error) {
			rows, err := t.orgs.ListMemberships(t.ctx, u.ID, after, limit)
			return places(rows, err, func(m *store.Membership) store.Cursor {
				return store.Cursor{At: m.Member.JoinedAt, ID: m.Org.ID}
			})
		},
	}
}

// listOfMembers leaves the organization's owner, who joined first of all and has
// the lowest ID, out of the list.
func listOfMembers(t *probe) list {
	owner := t.user(func(u *store.User) { u.ID = t.tag })
	o := t.orgSince(owner, time.Time{})
	first := store.Cursor{At: time.Time{}, ID: owner.ID}
	return list{
		add: func(at store.Cursor) {
			t.join(o, t.user(func(u *store.User) { u.ID = at.ID }), store.OrgMember, at.At)
		},
		drop: func(at store.Cursor) { t.leave(o.ID, at.ID) },
		read: func(after store.Cursor, limit int) ([]store.Cursor, error) {
			if after.IsZero() {
				after = first
			}
			rows, err := t.orgs.ListMembers(t.ctx, o.ID, after, limit)
			return places(rows, err, func(m *store.Member) store.Cursor { return store.Cursor{At: m.JoinedAt, ID: m.UserID} })
		},
	}
}

func listOfInvites(t *probe) list {
	owner := t.user()
	o := t.org(owner)
	return list{
		add: func(at store.Cursor) {
			i := t.draftInvite(o, owner, func(i *store.Invite) { i.ID, i.CreatedAt = at.ID, at.At })
			t.must(t.invites.CreateInvite(t.ctx, i), "CreateInvite")
		},
		read: func(after store.Cursor, limit int) ([]store.Cursor, error) {
			rows, err := t.invites.ListInvites(t.ctx, o.ID, after, limit)
			return places(rows, err, func(i *store.Invite) store.Cursor { return store.Cursor{At: i.CreatedAt, ID: i.ID} })
		},
	}
}
