package memstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// fill gives s some of everything, all of it belonging to the user.
func fill(t *testing.T, s *Store, u *store.User) {
	t.Helper()
	ctx := t.Context()
	org := &store.Org{ID: store.NewID(now), Slug: u.Email}
	steps := []error{
		s.CreateUser(ctx, u),
		s.CreateSession(ctx, &store.Session{ID: store.NewID(now), UserID: u.ID, Hash: []byte(u.Email), ExpiresAt: now, EndsAt: now}),
		s.PutOneTime(ctx, &store.OneTimeToken{Hash: []byte(u.Email), UserID: u.ID, Purpose: store.PurposeVerifyEmail, ExpiresAt: now}),
		s.PutOneTime(ctx, &store.OneTimeToken{Hash: []byte(u.Email + "2"), UserID: u.ID, Purpose: store.PurposeChangeEmail, ExpiresAt: now}),
		s.AddIdentity(ctx, &store.Identity{UserID: u.ID, Provider: "github", Subject: u.Email}),
		s.AddIdentity(ctx, &store.Identity{UserID: u.ID, Provider: "google", Subject: u.Email}),
		s.CreateOrg(ctx, org, &store.Member{UserID: u.ID, Role: store.OrgOwner}),
		s.CreateInvite(ctx, &store.Invite{ID: store.NewID(now), OrgID: org.ID, Email: u.Email, Hash: []byte(u.Email), Status: store.InvitePending, ExpiresAt: now}),
		s.CreateInvite(ctx, &store.Invite{ID: store.NewID(now), OrgID: org.ID, Email: u.Email + "2", Hash: []byte(u.Email + "2"), Status: store.InvitePending, ExpiresAt: now}),
	}
	for i, err := range steps {
		if err != nil {
			t.Fatalf("step %d = %v, want no error", i, err)
		}
	}
}

// sizes returns how many entries each map and slice of s has, but for those that
// are kept for good.
func sizes(s *Store) map[string]int {
	n := make(map[string]int)
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Map, reflect.Slice:
			n[v.Type().Field(i).Name] = f.Len()
		}
	}
	return n
}

func TestNothingIsLeftInAnyIndex(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := New()
	var users []*store.User
	for i := range 3 {
		u := &store.User{Email: fmt.Sprint("user-", i)}
		fill(t, s, u)
		users = append(users, u)
	}
	filled := sizes(s)
	for name, n := range filled {
		if n == 0 && !slices.Contains([]string{"claimed", "attempts", "trail", "ids", "chains"}, name) {
			t.Errorf("%s is empty, so that this test says nothing about it", name)
		}
	}
	for _, u := range users {
		if err := s.DeleteUser(ctx, u.ID); err != nil {
			t.Fatalf("DeleteUser = %v, want no error", err)
		}
	}
	for name, n := range sizes(s) {
		if n != 0 {
			t.Errorf("%s has %d entries after all users are deleted, want 0", name, n)
		}
	}

	for _, u := range users {
		u.ID = ""
		fill(t, s, u)
	}
	if n, err := s.Prune(ctx, now.Add(time.Hour), 1000); n != 3*5 || err != nil {
		t.Errorf("Prune = %d, %v, want 15, no error", n, err)
	}
	for _, name := range []string{"sessions", "userSessions", "tokens", "userTokens", "invites", "byHash", "orgInvites", "pending"} {
		if n := sizes(s)[name]; n != 0 {
			t.Errorf("%s has %d entries after everything in it was pruned, want 0", name, n)
		}
	}
}

func TestIndexesAgreeAfterUpdates(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := New()
	u := &store.User{Email: "a"}
	fill(t, s, u)
	for i := range 4 { // move the address, delete and restore in turn
		u.Email = fmt.Sprint("a", i)
		u.DeletedAt = time.Time{}
		if i%2 == 0 {
			u.DeletedAt = now
		}
		if err := s.UpdateUser(ctx, u); err != nil {
			t.Fatalf("UpdateUser = %v, want no error", err)
		}
		if got, want := len(s.byEmail), i%2; got != want {
			t.Errorf("byEmail has %d entries after update %d, want %d", got, i, want)
		}
	}
	for email, row := range s.byEmail {
		if s.users[row.ID] != row || row.Email != email {
			t.Errorf("byEmail[%q] is not the row of users", email)
		}
	}
}

func TestAFunctionThatPanicsLeavesTheStoreUsable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := New()
	u := &store.User{Email: "a"}
	fill(t, s, u)
	var org, invite string
	for id := range s.orgs {
		org = id
	}
	for id := range s.invites {
		invite = id
	}
	for what, call := range map[string]func(){
		"UpdateAttempts": func() {
			_, _ = s.UpdateAttempts(ctx, "key", func(store.Attempts) store.Attempts { panic("in change") })
		},
		"UpdateMembers": func() {
			_ = s.UpdateMembers(ctx, org, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
				clear(m)
				panic("in change")
			})
		},
		"AcceptInvite": func() {
			_ = s.AcceptInvite(ctx, invite, "somebody", now.Add(-time.Hour), func(*store.Invite, *store.Org, *store.Member) error { panic("in check") })
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s swallowed the panic of its caller", what)
				}
			}()
			call()
		}()
	}
	if list, err := s.ListMembers(ctx, org, store.Cursor{}, 0); len(list) != 1 || err != nil {
		t.Errorf("ListMembers = %d members, %v, want 1, no error", len(list), err)
	}
	if i, err := s.InviteByID(ctx, invite); err != nil || i.Status != store.InvitePending {
		t.Errorf("InviteByID = %v, %v, want it pending", i, err)
	}
}

func TestUpdateMembersRefusesNamesThatWereNotAskedFor(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := New()
	u := &store.User{Email: "a"}
	fill(t, s, u)
	for org := range s.orgs {
		err := s.UpdateMembers(ctx, org, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
			m["intruder"] = &store.Member{Role: store.OrgOwner}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "intruder") {
			t.Errorf("UpdateMembers = %v, want an error that names the intruder", err)
		}
		if len(s.members[org]) != 1 {
			t.Errorf("%d members, want 1", len(s.members[org]))
		}
	}
}

// TestPruneLetsOthersIn prunes more rows than one step holds while others write,
// and finds every dead row nevertheless.
func TestPruneLetsOthersIn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := New()
	const dead, live = 5 * step, 3 * step
	for i := range dead + live {
		se := &store.Session{ID: fmt.Sprint(i), UserID: fmt.Sprint(i % 7), Hash: []byte("h"), ExpiresAt: now.Add(-time.Hour), EndsAt: now.Add(time.Hour)}
		if i >= dead {
			se.ExpiresAt = now.Add(time.Hour)
		}
		if err := s.CreateSession(ctx, se); err != nil {
			t.Fatalf("CreateSession = %v, want no error", err)
		}
	}
	var wg sync.WaitGroup
	total := make([]int, 3)
	for i := range total {
		wg.Go(func() {
			n, err := s.Prune(ctx, now, dead)
			if err != nil {
				t.Errorf("Prune = %v, want no error", err)
			}
			total[i] = n
		})
	}
	wg.Go(func() {
		for i := range 2000 {
			id := fmt.Sprint("new-", i)
			if err := s.CreateSession(ctx, &store.Session{ID: id, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(time.Hour)}); err != nil {
				t.Errorf("CreateSession = %v, want no error", err)
			}
			if _, _, err := s.Rotate(ctx, store.Rotation{SessionID: fmt.Sprint(dead + i), Old: []byte("h"), New: []byte("i"), Now: now, ExpiresAt: now.Add(time.Hour)}); err != nil {
				t.Errorf("Rotate = %v, want no error", err)
			}
		}
	})
	wg.Wait()
	if sum := total[0] + total[1] + total[2]; sum != dead {
		t.Errorf("Prune removed %d rows in all, want %d", sum, dead)
	}
	if got, want := len(s.sessions), live+2000; got != want {
		t.Errorf("%d sessions are left, want %d", got, want)
	}
}

func TestPruneAndWipeSealedTakeALimitOfZeroForTheDefault(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := New()
	for i := range 2 * store.DefaultLimit {
		_ = s.CreateSession(ctx, &store.Session{ID: fmt.Sprint(i), Sealed: []byte("x")})
	}
	for _, limit := range []int{0, -1} {
		if n, err := s.WipeSealed(ctx, now, limit); n != store.DefaultLimit || err != nil {
			t.Errorf("WipeSealed(limit %d) = %d, %v, want %d, no error", limit, n, err, store.DefaultLimit)
		}
	}
	for _, limit := range []int{0, -1} {
		if n, err := s.Prune(ctx, now, limit); n != store.DefaultLimit || err != nil {
			t.Errorf("Prune(limit %d) = %d, %v, want %d, no error", limit, n, err, store.DefaultLimit)
		}
	}
}

// turning is a context that ends between the first time it is asked and the
// second.
type turning struct {
	context.Context
	asked int
}

func (c *turning) Err() error {
	if c.asked++; c.asked == 1 {
		return nil
	}
	return context.Canceled
}

func TestAContextMayEndWhileItsCallerWaits(t *testing.T) {
	t.Parallel()
	s := New()
	u := &store.User{Email: "a"}
	for what, call := range map[string]func(ctx context.Context) error{
		"CreateUser": func(ctx context.Context) error { return s.CreateUser(ctx, u) },
		"UserByEmail": func(ctx context.Context) error {
			_, err := s.UserByEmail(ctx, "a")
			return err
		},
	} {
		if err := call(&turning{Context: t.Context()}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", what, err, context.Canceled)
		}
	}
	if len(s.users) != 0 {
		t.Errorf("CreateUser created a user for a caller who is gone")
	}
}

func TestPruneStopsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	s := New()
	for i := range 2 * step {
		_ = s.CreateSession(t.Context(), &store.Session{ID: fmt.Sprint(i)})
	}
	n, err := s.Prune(&turning{Context: t.Context()}, now, 2*step)
	if n != step || !errors.Is(err, context.Canceled) {
		t.Errorf("Prune = %d, %v, want %d and %v", n, err, step, context.Canceled)
	}
}

func TestUserWithSessionOfAUserWhoWasNeverThere(t *testing.T) {
	t.Parallel()
	s := New()
	_ = s.CreateSession(t.Context(), &store.Session{ID: "s", UserID: "nobody"})
	if u, se, err := s.UserWithSession(t.Context(), "s"); u != nil || se != nil || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("UserWithSession = %v, %v, %v, want %v", u, se, err, store.ErrNotFound)
	}
}

func TestListUsersOfAStatusThatIsNone(t *testing.T) {
	t.Parallel()
	s := New()
	fill(t, s, &store.User{Email: "a"})
	if list, err := s.ListUsers(t.Context(), store.UserQuery{Status: "Active"}); len(list) != 0 || err != nil {
		t.Errorf("ListUsers = %d users, %v, want none, no error", len(list), err)
	}
}
