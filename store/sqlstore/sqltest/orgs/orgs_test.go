// Package orgs_test proves organizations over every database: that nothing dangles
// after people and organizations are deleted, that races have one winner, and that
// a page of members costs the same however many there are.
package orgs_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

func TestMain(m *testing.M) { os.Exit(sqltest.Main(m)) }

// world is a service with organizations over one database of its own.
type world struct {
	*authtest.Env
	orgs *org.Service
	st   *sqlstore.Store
}

const prefix = "dangle_"

func newWorld(tb testing.TB, e *sqltest.Engine) *world {
	tb.Helper()
	st, err := sqlstore.Open(e.Driver, e.OwnDatabase(tb), sqlstore.Config{Prefix: prefix})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { st.Close() })
	if err := st.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	w := &world{Env: authtest.New(tb, func(c *auth.Config) { c.Store = st }), st: st}
	if w.orgs, err = org.New(w.Service, org.Config{}); err != nil {
		tb.Fatal(err)
	}
	return w
}

// dangling returns how many rows of each kind point to what is not there.
func (w *world) dangling(t *testing.T) {
	t.Helper()
	for name, query := range map[string]string{
		"members of nothing":             "SELECT count(*) FROM {p}members m LEFT JOIN {p}orgs o ON o.id = m.org_id WHERE o.id IS NULL",
		"members who are nobody":         "SELECT count(*) FROM {p}members m LEFT JOIN {p}users u ON u.id = m.user_id WHERE u.id IS NULL",
		"invites to nothing":             "SELECT count(*) FROM {p}invites i LEFT JOIN {p}orgs o ON o.id = i.org_id WHERE o.id IS NULL",
		"organizations without an owner": "SELECT count(*) FROM {p}orgs o WHERE NOT EXISTS (SELECT 1 FROM {p}members m WHERE m.org_id = o.id AND m.role = 'owner')",
		"sessions of nobody":             "SELECT count(*) FROM {p}sessions s LEFT JOIN {p}users u ON u.id = s.user_id WHERE u.id IS NULL",
		"one-time tokens of nobody":      "SELECT count(*) FROM {p}onetime s LEFT JOIN {p}users u ON u.id = s.user_id WHERE u.id IS NULL",
		"identities of nobody":           "SELECT count(*) FROM {p}identities s LEFT JOIN {p}users u ON u.id = s.user_id WHERE u.id IS NULL",
	} {
		var n int
		text := strings.ReplaceAll(query, "{p}", prefix)
		if err := w.st.DB().QueryRowContext(t.Context(), text).Scan(&n); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if n != 0 {
			t.Errorf("%d %s", n, name)
		}
	}
}

func TestNothingDangles(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		w := newWorld(t, e)
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		alone, shared, other := w.User(t, "user"), w.User(t, "user"), w.User(t, "user")
		w.User(t, "admin")
		mine, err := w.orgs.Create(ctx, alone.ID, "Mine", "mine", "")
		must(err)
		ours, err := w.orgs.Create(ctx, alone.ID, "Ours", "ours", "")
		must(err)
		_, err = w.orgs.Add(ctx, alone.ID, ours.ID, shared.ID, store.OrgOwner)
		must(err)
		_, err = w.orgs.Add(ctx, alone.ID, mine.ID, other.ID, store.OrgMember)
		must(err)
		for _, o := range []*store.Org{mine, ours} {
			_, err = w.orgs.Invite(ctx, alone.ID, o.ID, "guest@example.com", store.OrgMember)
			must(err)
		}
		w.Grant(t, alone)
		must(w.RequestPasswordReset(ctx, alone.Email))
		must(w.Flush(ctx))
		must(w.st.AddIdentity(ctx, &store.Identity{UserID: alone.ID, Provider: "github", Subject: "1", CreatedAt: w.Now()}))
		w.dangling(t)

		// Hard deletion takes what nobody else owns along, and no more.
		must(w.DeleteUser(ctx, alone.ID, true))
		w.dangling(t)
		if _, err := w.st.OrgByID(ctx, mine.ID); err == nil {
			t.Error("an organization outlives its only owner")
		}
		if _, err := w.st.OrgByID(ctx, ours.ID); err != nil {
			t.Errorf("an organization with another owner is gone: %v", err)
		}
		// A user who deletes their own account leaves first.
		must(w.DeleteOwnAccount(ctx, other.ID, authtest.Password))
		w.dangling(t)
		if err := w.DeleteOwnAccount(ctx, shared.ID, authtest.Password); err == nil {
			t.Error("the last owner can delete their account")
		}
		must(w.orgs.Delete(ctx, shared.ID, ours.ID, false, true))
		w.dangling(t)
		must(w.DeleteOwnAccount(ctx, shared.ID, authtest.Password))
		w.dangling(t)
	})
}

func TestRacesHaveOneWinner(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		w := newWorld(t, e)
		ctx := t.Context()
		owner, second, third := w.User(t, "user"), w.User(t, "user"), w.User(t, "user")
		at50 := func(f func(i int) error) int64 {
			var won atomic.Int64
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					if f(i) == nil {
						won.Add(1)
					}
				})
			}
			wg.Wait()
			return won.Load()
		}
		if n := at50(func(int) error { _, err := w.orgs.Create(ctx, owner.ID, "Same", "same", ""); return err }); n != 1 {
			t.Errorf("one slug was given %d times", n)
		}
		o, err := w.orgs.Create(ctx, owner.ID, "Acme", "acme", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.orgs.Invite(ctx, owner.ID, o.ID, second.Email, store.OrgOwner); err != nil {
			t.Fatal(err)
		}
		raw := authtest.Token(t, w.Mail(t, second.Email))
		if n := at50(func(int) error { _, err := w.orgs.Accept(ctx, second, raw); return err }); n != 1 {
			t.Errorf("one invitation was accepted %d times", n)
		}
		if _, err := w.orgs.Add(ctx, owner.ID, o.ID, third.ID, store.OrgMember); err != nil {
			t.Fatal(err)
		}
		if n := at50(func(i int) error {
			return w.orgs.Transfer(ctx, owner.ID, o.ID, []string{second.ID, third.ID}[i%2])
		}); n != 1 {
			t.Errorf("%d of 50 transfers by one owner succeeded, want 1", n)
		}
		at50(func(i int) error { return w.orgs.Leave(ctx, []string{owner.ID, second.ID, third.ID}[i%3], o.ID) })
		w.dangling(t)
	})
}

// BenchmarkFirstPageOfMembers reads the first page of an organization with 10
// members and of one with 100,000.
func BenchmarkFirstPageOfMembers(b *testing.B) {
	for _, e := range sqltest.Engines() {
		if e.Name == "sqlite-memory" {
			continue
		}
		for _, size := range []int{10, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", e.Name, size), func(b *testing.B) {
				if size > 1000 && testing.Short() {
					b.Skip("100,000 rows take a while to write: leave out -short")
				}
				w := newWorld(b, e)
				owner := w.User(b, "user")
				o, err := w.orgs.Create(b.Context(), owner.ID, "Big", "big", "")
				if err != nil {
					b.Fatal(err)
				}
				fill(b, w, o.ID, size)
				b.ResetTimer()
				for b.Loop() {
					members, err := w.orgs.Members(b.Context(), owner.ID, o.ID, store.Cursor{}, 10)
					if err != nil || len(members) < 10 {
						b.Fatalf("%d members, %v", len(members), err)
					}
				}
			})
		}
	}
}

// fill adds members in bulk, past the service.
func fill(b *testing.B, w *world, orgID string, size int) {
	b.Helper()
	now := w.Now()
	for from := 0; from < size; from += 500 {
		ids := make([]string, 0, 500)
		for i := from; i < min(from+500, size); i++ {
			ids = append(ids, fmt.Sprintf("member-%07d", i))
		}
		err := w.st.UpdateMembers(context.Background(), orgID, ids, func(_ *store.Org, members map[string]*store.Member) error {
			for i, id := range ids {
				members[id] = &store.Member{OrgID: orgID, UserID: id, Role: store.OrgMember, JoinedAt: now.Add(time.Duration(from+i) * time.Millisecond)}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
