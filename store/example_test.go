package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// Metadata of a user is read and written through typed fields.
func ExampleField() {
	plan := store.NewField[string]("plan")
	seats := store.NewField[int]("seats")

	u := &store.User{Email: "ada@example.com"}
	if err := errors.Join(plan.Set(u, "team"), seats.Set(u, 12)); err != nil {
		fmt.Println(err)
		return
	}
	p, _ := plan.Get(u)
	n, _ := seats.Get(u)
	fmt.Println(p, n)

	_, err := store.NewField[int]("plan").Get(u) // what is stored is no int
	fmt.Println(err != nil)
	// Output:
	// team 12
	// true
}

// Identifiers begin with the time they were made at, so that they sort by it.
func ExampleNewID() {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	a, b := store.NewID(monday), store.NewID(monday.Add(time.Hour))
	fmt.Println(len(a), a < b)

	_, ok := store.ParseID(a)
	fmt.Println(ok)
	// Output:
	// 36 true
	// true
}

// A change of a row that somebody else has changed since is refused. Read it
// again, make the change again, and try again.
func ExampleUserStore() {
	ctx := context.Background()
	var users store.UserStore = memstore.New()
	u := &store.User{Email: "ada@example.com", Name: "Ada"}
	if err := users.CreateUser(ctx, u); err != nil {
		fmt.Println(err)
		return
	}
	mine, _ := users.UserByID(ctx, u.ID)
	theirs, _ := users.UserByID(ctx, u.ID)

	theirs.Name = "Ada King"
	fmt.Println("theirs:", users.UpdateUser(ctx, theirs))

	mine.EmailVerified = true
	fmt.Println("mine:", users.UpdateUser(ctx, mine))

	mine, _ = users.UserByID(ctx, u.ID)
	mine.EmailVerified = true
	fmt.Println("mine again:", users.UpdateUser(ctx, mine), mine.Name)
	// Output:
	// theirs: <nil>
	// mine: store: changed since it was read
	// mine again: <nil> Ada King
}

// Lists page by key: the next page begins behind the last row of this one.
func ExampleCursor() {
	ctx := context.Background()
	s := memstore.New()
	for i, name := range []string{"ada", "bob", "cleo", "dan", "eve"} {
		_ = s.CreateUser(ctx, &store.User{
			Email:     name + "@example.com",
			CreatedAt: time.Date(2026, 3, 1+i, 0, 0, 0, 0, time.UTC),
		})
	}
	var after store.Cursor
	for {
		page, err := s.ListUsers(ctx, store.UserQuery{After: after, Limit: 2})
		if err != nil || len(page) == 0 {
			return
		}
		for _, u := range page {
			fmt.Println(u.Email)
		}
		fmt.Println("-")
		last := page[len(page)-1]
		after = store.Cursor{At: last.CreatedAt, ID: last.ID}
	}
	// Output:
	// eve@example.com
	// dan@example.com
	// -
	// cleo@example.com
	// bob@example.com
	// -
	// ada@example.com
	// -
}

// An audit entry that a context carries is written together with the change, or
// not at all.
func ExampleWithAudit() {
	ctx := context.Background()
	s := memstore.New()
	u := &store.User{Email: "ada@example.com", Role: "user"}
	_ = s.CreateUser(ctx, u)

	entry := &store.AuditEntry{ID: store.NewID(time.Now()), Chain: "web-1", Seq: 1, Kind: "auth.role_changed", UserID: u.ID}
	stale := *u
	stale.Version--
	err := s.UpdateUser(store.WithAudit(ctx, entry), &stale)
	fmt.Println(err, entry.Written())

	u.Role = "admin"
	err = s.UpdateUser(store.WithAudit(ctx, entry), u)
	fmt.Println(err, entry.Written())
	// Output:
	// store: changed since it was read false
	// <nil> true
}

// UpdateMembers decides about several members in one step, here to hand an
// organization over.
func ExampleOrgStore() {
	ctx := context.Background()
	var orgs store.OrgStore = memstore.New()
	acme := &store.Org{ID: "acme", Name: "Acme", Slug: "acme"}
	_ = orgs.CreateOrg(ctx, acme, &store.Member{OrgID: "acme", UserID: "ada", Role: store.OrgOwner})

	transfer := func(from, to string) error {
		return orgs.UpdateMembers(ctx, "acme", []string{from, to}, func(_ *store.Org, m map[string]*store.Member) error {
			if m[from] == nil || m[from].Role != store.OrgOwner {
				return errors.New("only an owner can hand the organization over")
			}
			m[from].Role = store.OrgAdmin
			m[to] = &store.Member{OrgID: "acme", UserID: to, Role: store.OrgOwner}
			return nil
		})
	}
	fmt.Println(transfer("ada", "bob"))
	fmt.Println(transfer("ada", "cleo"))
	// Output:
	// <nil>
	// only an owner can hand the organization over
}

// A secret is exchanged once. Whoever comes second is not told of an error, but
// that it made no exchange, and what the session is like now.
func ExampleSessionStore() {
	ctx := context.Background()
	var sessions store.SessionStore = memstore.New()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_ = sessions.CreateSession(ctx, &store.Session{
		ID: "s1", UserID: "ada", Hash: []byte("first"),
		CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(24 * time.Hour),
	})
	for _, next := range []string{"second", "third"} {
		s, swapped, err := sessions.Rotate(ctx, store.Rotation{
			SessionID: "s1", Old: []byte("first"), New: []byte(next),
			Now: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour),
		})
		fmt.Println(swapped, err, string(s.Hash), s.Generation)
	}
	// Output:
	// true <nil> second 1
	// false <nil> second 1
}

func ExampleOrgRole_AtLeast() {
	for _, r := range []store.OrgRole{store.OrgOwner, store.OrgMember, "superuser"} {
		fmt.Println(r, r.AtLeast(store.OrgAdmin))
	}
	// Output:
	// owner true
	// member false
	// superuser false
}
