package org_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/store"
)

type obj = map[string]any

// world is a service with one organization and everybody who could look at it.
type world struct {
	*authtest.Env
	orgs   *org.Service
	mux    *http.ServeMux
	acme   *store.Org
	people map[string]*store.User // by who they are to acme
	invite *store.Invite          // to the one who is invited
	token  string
}

// actors are all relations that somebody can have to an organization.
var actors = []string{"anonymous", "outsider", "invited", "member", "admin", "owner", "global admin"}

func newWorld(tb testing.TB, change ...func(*auth.Config)) *world {
	tb.Helper()
	w := &world{Env: authtest.New(tb, change...), people: make(map[string]*store.User)}
	var err error
	if w.orgs, err = org.New(w.Service, org.Config{}); err != nil {
		tb.Fatal(err)
	}
	w.mux = w.orgs.Mux()
	for _, name := range actors[1:] {
		role := "user"
		if name == "global admin" {
			role = "admin"
		}
		w.people[name] = w.User(tb, role)
	}
	ctx := tb.Context()
	owner := w.people["owner"].ID
	if w.acme, err = w.orgs.Create(ctx, owner, "Acme", "acme", ""); err != nil {
		tb.Fatal(err)
	}
	for name, role := range map[string]store.OrgRole{"admin": store.OrgAdmin, "member": store.OrgMember} {
		if _, err := w.orgs.Add(ctx, owner, w.acme.ID, w.people[name].ID, role); err != nil {
			tb.Fatal(err)
		}
	}
	if w.invite, err = w.orgs.Invite(ctx, owner, w.acme.ID, w.people["invited"].Email, store.OrgMember); err != nil {
		tb.Fatal(err)
	}
	w.token = w.tokenTo(tb, w.people["invited"].Email)
	return w
}

// tokenTo returns the token of the last invitation to an address.
func (w *world) tokenTo(tb testing.TB, email string) string {
	tb.Helper()
	return authtest.Token(tb, w.Mail(tb, email))
}

// call sends a request as somebody.
func (w *world) call(tb testing.TB, who, method, path string, body any) *httptest.ResponseRecorder {
	tb.Helper()
	r := authtest.JSON(tb, method, path, body)
	if who != "anonymous" {
		w.As(r, w.people[who])
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

// TestMatrix calls every route of organizations as everybody, and compares with
// the declared table: one row for each route, one column for each actor in the
// order of actors.
func TestMatrix(t *testing.T) {
	t.Parallel()
	type cell = [7]int
	table := map[string]struct {
		body func(w *world) any
		want cell
	}{
		"orgs.create":           {func(*world) any { return obj{"name": "New", "slug": "new"} }, cell{401, 201, 201, 201, 201, 201, 201}},
		"orgs.list":             {nil, cell{401, 200, 200, 200, 200, 200, 200}},
		"orgs.all":              {nil, cell{401, 403, 403, 403, 403, 403, 200}},
		"orgs.memberships":      {nil, cell{401, 403, 403, 403, 403, 403, 200}},
		"orgs.restore":          {nil, cell{401, 403, 403, 403, 403, 403, 404}}, // it is not deleted
		"orgs.get":              {nil, cell{401, 404, 404, 200, 200, 200, 404}},
		"orgs.update":           {func(*world) any { return obj{"name": "Acme Inc."} }, cell{401, 404, 404, 403, 200, 200, 404}},
		"orgs.delete":           {nil, cell{401, 404, 404, 403, 403, 204, 204}},
		"orgs.transfer":         {func(w *world) any { return obj{"user_id": w.people["member"].ID} }, cell{401, 404, 404, 403, 403, 200, 404}},
		"orgs.leave":            {nil, cell{401, 404, 404, 204, 204, 409, 404}},
		"orgs.members":          {nil, cell{401, 404, 404, 200, 200, 200, 404}},
		"orgs.members.add":      {func(w *world) any { return obj{"user_id": w.people["outsider"].ID, "role": "member"} }, cell{401, 404, 404, 403, 201, 201, 404}},
		"orgs.members.add_all":  {func(w *world) any { return obj{"user_ids": []string{w.people["outsider"].ID}, "role": "admin"} }, cell{401, 404, 404, 403, 200, 200, 404}},
		"orgs.members.set_role": {func(*world) any { return obj{"role": "admin"} }, cell{401, 404, 404, 403, 200, 200, 404}},
		"orgs.members.remove":   {nil, cell{401, 404, 404, 403, 204, 204, 404}},
		"orgs.invites":          {nil, cell{401, 404, 404, 403, 200, 200, 404}},
		"orgs.invites.create":   {func(*world) any { return obj{"email": "new@example.com", "role": "member"} }, cell{401, 404, 404, 403, 201, 201, 404}},
		"orgs.invites.revoke":   {nil, cell{401, 404, 404, 403, 204, 204, 404}},
		"orgs.invites.resend":   {nil, cell{401, 404, 404, 403, 200, 200, 404}},
		"orgs.invites.mine":     {nil, cell{401, 200, 200, 200, 200, 200, 200}},
		"orgs.invites.accept":   {nil, cell{401, 404, 200, 404, 404, 404, 404}},
		"orgs.invites.decline":  {nil, cell{401, 404, 200, 404, 404, 404, 404}},
		"orgs.invites.accept_token": {func(w *world) any { return obj{"token": w.token} },
			cell{401, 403, 200, 403, 403, 403, 403}},
	}
	routes := newWorld(t).orgs.Routes()
	if len(routes) != len(table) {
		t.Errorf("%d routes and %d rows in the table", len(routes), len(table))
	}
	for _, route := range routes {
		row, ok := table[route.Name]
		if !ok {
			t.Errorf("route %s is not in the table", route.Name)
			continue
		}
		t.Run(route.Name, func(t *testing.T) {
			t.Parallel()
			for i, who := range actors {
				w := newWorld(t)
				body := any(obj{})
				if row.body != nil {
					body = row.body(w)
				}
				path := strings.NewReplacer("{org}", w.acme.ID, "{id}", w.invite.ID, "{user}", w.people["member"].ID).Replace(route.Path())
				if got := w.call(t, who, route.Method(), path, body); got.Code != row.want[i] {
					t.Errorf("%s as %s = %d, want %d\n%s", route.Pattern, who, got.Code, row.want[i], got.Body)
				}
			}
		})
	}
}

// TestForeignAndUnknownLookAlike compares whole answers for an organization that
// exists elsewhere, one that was deleted, and one that never was.
func TestForeignAndUnknownLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign, err := w.orgs.Create(t.Context(), w.people["outsider"].ID, "Foreign", "foreign", "")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := w.orgs.Create(t.Context(), w.people["owner"].ID, "Gone", "gone", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.orgs.Delete(t.Context(), w.people["owner"].ID, gone.ID, false, false); err != nil {
		t.Fatal(err)
	}
	for _, route := range w.orgs.Routes() {
		if !strings.Contains(route.Path(), "{org}") || route.Access == "role:admin" {
			continue
		}
		var first string
		for _, id := range []string{store.NewID(w.Now()), foreign.ID, gone.ID, "nonsense", "..%2f"} {
			path := strings.NewReplacer("{org}", id, "{id}", w.invite.ID, "{user}", w.people["member"].ID).Replace(route.Path())
			rec := w.call(t, "owner", route.Method(), path, obj{"role": "member"})
			body := strings.ReplaceAll(rec.Body.String(), rec.Header().Get("X-Request-Id"), "ID")
			if rec.Code != 404 {
				t.Errorf("%s of %s = %d, want 404", route.Pattern, id, rec.Code)
			}
			if first == "" {
				first = body
			} else if body != first {
				t.Errorf("%s of %s is answered otherwise than an unknown one:\n%s\n%s", route.Pattern, id, body, first)
			}
		}
	}
}

func TestInviteIsOneStepForWhoRegistersByIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.orgs.Invite(t.Context(), w.people["owner"].ID, w.acme.ID, "New@Example.com", store.OrgAdmin); err != nil {
		t.Fatal(err)
	}
	raw := w.tokenTo(t, "new@example.com")
	// Somebody else's address does not do.
	rec := w.call(t, "anonymous", "POST", "/auth/register", obj{"email": "thief@example.com", "password": authtest.Password, "invite_token": raw})
	if rec.Code != 422 {
		t.Errorf("register another address with the invitation = %d %s, want 422", rec.Code, rec.Body)
	}
	rec = w.call(t, "anonymous", "POST", "/auth/register", obj{"email": "new@example.com", "password": authtest.Password, "invite_token": raw})
	if rec.Code != 201 {
		t.Fatalf("register with the invitation = %d %s, want 201", rec.Code, rec.Body)
	}
	var u struct {
		ID       string `json:"id"`
		Verified bool   `json:"is_verified"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &u); err != nil || !u.Verified {
		t.Errorf("user = %s, want a proved address", rec.Body)
	}
	if role, err := w.orgs.OrgRole(t.Context(), w.acme.ID, u.ID); err != nil || role != store.OrgAdmin {
		t.Errorf("role = %s, %v, want admin", role, err)
	}
	if rec := w.call(t, "anonymous", "POST", "/auth/register", obj{"email": "x@example.com", "password": authtest.Password, "invite_token": raw}); rec.Code != 400 {
		t.Errorf("the invitation once more = %d, want 400", rec.Code)
	}
}

// TestRegisteringAnInvitedAddressIsNotEnough: nobody joins without having proved
// the mailbox.
func TestRegisteringAnInvitedAddressIsNotEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.orgs.Invite(t.Context(), w.people["owner"].ID, w.acme.ID, "victim@example.com", store.OrgAdmin); err != nil {
		t.Fatal(err)
	}
	raw := w.tokenTo(t, "victim@example.com")
	u, err := w.Register(t.Context(), auth.Registrant{Email: "victim@example.com", Password: authtest.Password})
	if err != nil {
		t.Fatal(err)
	}
	w.people["thief"] = u
	if rec := w.call(t, "thief", "GET", "/auth/invites", nil); !strings.Contains(rec.Body.String(), `"items":[]`) {
		t.Errorf("an unproved address is shown %s", rec.Body)
	}
	if rec := w.call(t, "thief", "POST", "/auth/accept-invite", obj{"token": raw}); rec.Code != 403 {
		t.Errorf("accept with an unproved address = %d, want 403", rec.Code)
	}
	if _, err := w.orgs.OrgRole(t.Context(), w.acme.ID, u.ID); err == nil {
		t.Error("the thief is a member")
	}
}

func TestInviteDiesWithWhatItRestsOn(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(w *world) error{
		"the inviter was demoted": func(w *world) error {
			owner := w.people["owner"].ID
			return w.orgs.Transfer(t.Context(), owner, w.acme.ID, w.people["member"].ID)
		},
		"the organization is deleted": func(w *world) error {
			return w.orgs.Delete(t.Context(), w.people["owner"].ID, w.acme.ID, false, false)
		},
		"it was withdrawn": func(w *world) error {
			list, err := w.orgs.Invites(t.Context(), w.people["owner"].ID, w.acme.ID, store.Cursor{}, 10)
			for _, i := range list {
				if i.ID != w.invite.ID {
					err = w.orgs.RevokeInvite(t.Context(), w.people["owner"].ID, w.acme.ID, i.ID)
				}
			}
			return err
		},
		"it ran out": func(w *world) error {
			w.Advance(org.DefaultInviteTTL)
			return nil
		},
	} {
		w := newWorld(t)
		u := w.User(t, "user")
		if _, err := w.orgs.Invite(t.Context(), w.people["owner"].ID, w.acme.ID, u.Email, store.OrgOwner); err != nil {
			t.Fatal(err)
		}
		raw := w.tokenTo(t, u.Email)
		if err := kill(w); err != nil {
			t.Fatal(err)
		}
		w.people["guest"] = u
		if rec := w.call(t, "guest", "POST", "/auth/accept-invite", obj{"token": raw}); rec.Code != 400 {
			t.Errorf("accept although %s = %d %s, want 400", name, rec.Code, rec.Body)
		}
	}
}

func TestInvitesNeverShowTheirToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/orgs/" + w.acme.ID + "/invites", "/auth/invites"} {
		for _, who := range []string{"owner", "invited"} {
			if body := w.call(t, who, "GET", path, nil).Body.String(); strings.Contains(body, w.token) || strings.Contains(body, "hash") {
				t.Errorf("GET %s as %s shows a token: %s", path, who, body)
			}
		}
	}
	rec := w.call(t, "owner", "POST", "/orgs/"+w.acme.ID+"/invites/"+w.invite.ID+"/resend", nil)
	if rec.Code != 200 {
		t.Fatalf("resend = %d %s", rec.Code, rec.Body)
	}
	if again := w.tokenTo(t, w.people["invited"].Email); again == w.token {
		t.Error("a resent invitation has the same token")
	}
	if rec := w.call(t, "invited", "POST", "/auth/accept-invite", obj{"token": w.token}); rec.Code != 400 {
		t.Errorf("the token before the resend = %d, want 400", rec.Code)
	}
}

// TestKnownAndUnknownAddressesAreInvitedAlike: the shape of the answer tells
// nothing of accounts.
func TestKnownAndUnknownAddressesAreInvitedAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shape := func(email string) string {
		rec := w.call(t, "owner", "POST", "/orgs/"+w.acme.ID+"/invites", obj{"email": email, "role": "member"})
		var m obj
		if err := json.Unmarshal(rec.Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"id", "email", "created_at", "expires_at"} {
			delete(m, name)
		}
		return fmt.Sprint(rec.Code, m)
	}
	if known, unknown := shape(w.people["outsider"].Email), shape("nobody@example.com"); known != unknown {
		t.Errorf("known: %s, unknown: %s", known, unknown)
	}
}

func TestRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	owner := w.people["owner"].ID

	// 50 answers to one invitation: one joins.
	var joined atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := w.orgs.Accept(ctx, w.people["invited"], w.token); err == nil {
				joined.Add(1)
			}
		})
	}
	wg.Wait()
	if joined.Load() != 1 {
		t.Errorf("one invitation was accepted %d times", joined.Load())
	}

	// 50 organizations with one slug: one is made.
	var made atomic.Int64
	for range 50 {
		wg.Go(func() {
			if _, err := w.orgs.Create(ctx, owner, "Same", "same", ""); err == nil {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("one slug was given %d times", made.Load())
	}

	// Two owners leave at once, again and again: one stays.
	for round := range 50 {
		o, err := w.orgs.Create(ctx, owner, "Pair", fmt.Sprintf("pair-%d", round), "")
		if err != nil {
			t.Fatal(err)
		}
		second := w.people["member"].ID
		if _, err := w.orgs.Add(ctx, owner, o.ID, second, store.OrgOwner); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{owner, second} {
			wg.Go(func() { w.orgs.Leave(ctx, id, o.ID) })
		}
		wg.Wait()
		members, err := w.Store.ListMembers(ctx, o.ID, store.Cursor{}, 10)
		if err != nil || len(members) != 1 || members[0].Role != store.OrgOwner {
			t.Fatalf("round %d: %d members left, %v", round, len(members), err)
		}
	}

	// Two transfers at once: one owner.
	for _, id := range []string{w.people["member"].ID, w.people["admin"].ID} {
		wg.Go(func() { w.orgs.Transfer(ctx, owner, w.acme.ID, id) })
	}
	wg.Wait()
	owners := 0
	members, err := w.Store.ListMembers(ctx, w.acme.ID, store.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Role == store.OrgOwner {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d owners after two transfers, want 1", owners)
	}
}

func TestDeletingTheOwnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if rec := w.call(t, "owner", "DELETE", "/auth/me", obj{"password": authtest.Password}); rec.Code != 409 || !strings.Contains(rec.Body.String(), "last_owner") {
		t.Errorf("the only owner deletes their account = %d %s, want 409 last_owner", rec.Code, rec.Body)
	}
	if rec := w.call(t, "member", "DELETE", "/auth/me", obj{"password": authtest.Password}); rec.Code != 204 {
		t.Errorf("a member deletes their account = %d %s, want 204", rec.Code, rec.Body)
	}
	if _, err := w.Store.Membership(t.Context(), w.acme.ID, w.people["member"].ID); err == nil {
		t.Error("a deleted member is a member still")
	}
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for slug, want := range map[string]bool{
		"a": true, "acme": true, "a-b-c": true, "0": true, long: true,
		"": false, "-a": false, "a-": false, "A": false, "a b": false, "acme\n": false, "a_b": false, "é": false, long + "a": false,
	} {
		if got := org.ValidSlug(slug); got != want {
			t.Errorf("ValidSlug(%q) = %v, want %v", slug, got, want)
		}
	}
}

func TestMembersPageByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for range 25 {
		ids = append(ids, w.User(t, "user").ID)
	}
	w.Advance(time.Minute)
	if _, err := w.orgs.AddAll(t.Context(), w.people["owner"].ID, w.acme.ID, ids, store.OrgMember); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	next := ""
	for range 10 {
		rec := w.call(t, "member", "GET", "/orgs/"+w.acme.ID+"/members?limit=10&after="+url.QueryEscape(next), nil)
		var page struct {
			Items []struct {
				ID    string `json:"user_id"`
				Email string `json:"email"`
			}
			Next *string
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil || rec.Code != 200 {
			t.Fatalf("page = %d %s", rec.Code, rec.Body)
		}
		for _, m := range page.Items {
			if seen[m.ID] || m.Email == "" {
				t.Errorf("member %v twice or without address", m)
			}
			seen[m.ID] = true
		}
		if page.Next == nil {
			break
		}
		next = *page.Next
	}
	if len(seen) != 28 {
		t.Errorf("%d members in all pages, want 28", len(seen))
	}
	if rec := w.call(t, "member", "GET", "/orgs/"+w.acme.ID+"/members?after=forged", nil); rec.Code != 422 {
		t.Errorf("a forged cursor = %d, want 422", rec.Code)
	}
}
