package flows_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// tries is how many are sent at once where one may win.
const tries = 50

// elsewhere is a provider that needs no network: whoever brings a code is the one
// it names.
type elsewhere struct {
	name  string
	calls atomic.Int64
}

func (p *elsewhere) Name() string { return p.name }

func (p *elsewhere) AuthCodeURL(_ context.Context, f *oauth.Flow) (string, error) {
	return "https://provider.example/authorize?" + url.Values{"state": {f.State}}.Encode(), nil
}

func (p *elsewhere) Identify(_ context.Context, _ *oauth.Flow, cb oauth.Callback) (*oauth.Identity, error) {
	p.calls.Add(1)
	return &oauth.Identity{Subject: cb.Code, Email: cb.Code + "@example.com", EmailVerified: true, EmailAuthoritative: true}, nil
}

// callback is where a provider sends a browser back to, with a code.
func callback(tb testing.TB, target, name, code string) string {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil || u.Query().Get("state") == "" {
		tb.Fatalf("the way to a provider is %q, %v, want a state in it", target, err)
	}
	return "/oauth/" + name + "/callback?" + url.Values{"code": {code}, "state": {u.Query().Get("state")}}.Encode()
}

// arena is a stage with organizations and two providers.
type arena struct {
	*stage
	orgs     *org.Service
	one, two *elsewhere
}

func newArena(t *testing.T, st store.Store) *arena {
	t.Helper()
	a := &arena{one: &elsewhere{name: "one"}, two: &elsewhere{name: "two"}}
	w := newWorld(t, st, func(c *auth.Config) { c.Providers = []oauth.Provider{a.one, a.two} })
	a.stage = &stage{w, w.admin()}
	var err error
	a.orgs, err = org.New(w.Service, org.Config{})
	w.must(err)
	routes := append(w.Routes(), a.orgs.Routes()...)
	w.handler = auth.NewMux(w.Service, routes, w.Path())
	return a
}

// TestOneWinner: of 50 who try at once what only one may do, one does it.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	rounds := number(t, "AEGIS_RACES", 3)
	races := []struct {
		name string
		run  func(a *arena, t *testing.T, round int)
	}{
		{"one invitation is accepted", (*arena).invitation},
		{"one answer of a provider signs in", (*arena).callbacks},
		{"one of the last two ways in goes", (*arena).unlink},
		{"one of the last two owners leaves", (*arena).owners},
		{"one of the last two administrators goes", (*arena).admins},
	}
	eachStore(t, func(t *testing.T, st store.Store) {
		a := newArena(t, st)
		for _, race := range races {
			t.Run(race.name, func(t *testing.T) {
				a.tb = t
				for round := range rounds {
					race.run(a, t, round)
					a.clock.advance(time.Second)
					a.boss.refresh().want(t, 200)
				}
			})
		}
		a.tb = t
		a.flush()
		a.checkAllHanded(t)
		if _, err := a.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// newOrg makes an organization that a client owns.
func (a *arena) newOrg(owner *client) string {
	a.tb.Helper()
	o, err := a.orgs.Create(a.tb.Context(), owner.id, "An Organization", fmt.Sprintf("org-%d", a.people.Load()), "")
	a.must(err)
	return o.ID
}

func (a *arena) members(id string) []*store.Member {
	a.tb.Helper()
	list, err := a.config.Store.(store.OrgStore).ListMembers(a.tb.Context(), id, store.Cursor{}, 10)
	a.must(err)
	return list
}

func (a *arena) invitation(t *testing.T, _ int) {
	owner, guest := a.register(), a.register()
	guest.post("/verify-email", obj{"token": a.token(guest.email, auth.MailVerify)}).want(t, 200)
	id := a.newOrg(owner)
	_, err := a.orgs.Invite(t.Context(), owner.id, id, guest.email, store.OrgMember)
	a.must(err)
	raw := a.token(guest.email, auth.MailInvite)
	only(t, a.atOnce(tries, func(int) *answer { return guest.clone().post("/accept-invite", obj{"token": raw}) }), 200, 400, 404, 409)
	if list := a.members(id); len(list) != 2 {
		t.Errorf("%d members, want 2", len(list))
	}
}

func (a *arena) callbacks(t *testing.T, round int) {
	b := a.browser()
	back := callback(t, b.get("/oauth/one/start").want(t, 302).Header().Get("Location"), "one", fmt.Sprintf("newcomer%d", round))
	before := a.one.calls.Load()
	signedIn := 0
	for _, got := range a.atOnce(tries, func(int) *answer { return b.clone().get(back) }) {
		if got.want(t, 303).cookie(refreshCookie) != "" {
			signedIn++
		}
	}
	if asked := a.one.calls.Load() - before; signedIn != 1 || asked != 1 {
		t.Fatalf("%d signed in with one answer, and the provider was asked %d times; want once", signedIn, asked)
	}
}

func (a *arena) unlink(t *testing.T, round int) {
	b := a.browser()
	code := fmt.Sprintf("somebody%d", round)
	b.get(callback(t, b.get("/oauth/one/start").want(t, 302).Header().Get("Location"), "one", code)).want(t, 303)
	b.get(callback(t, b.post("/oauth/two/link", nil).want(t, 200).json(t)["url"].(string), "two", code)).want(t, 303)
	linked := func() int { return len(b.get("/oauth/connections").want(t, 200).json(t)["items"].([]any)) }
	if n := linked(); n != 2 {
		t.Fatalf("%d accounts are linked, want 2", n)
	}
	only(t, a.atOnce(tries, func(i int) *answer {
		return b.clone().do("DELETE", "/oauth/connections/"+[]string{"one", "two"}[i%2], nil)
	}), 204, 404, 409)
	if n := linked(); n != 1 {
		t.Fatalf("%d accounts are linked, want 1", n)
	}
}

func (a *arena) owners(t *testing.T, _ int) {
	owners := []*client{a.register(), a.register()}
	id := a.newOrg(owners[0])
	_, err := a.orgs.Add(t.Context(), owners[0].id, id, owners[1].id, store.OrgOwner)
	a.must(err)
	left := make([]atomic.Int64, 2)
	a.atOnce(tries, func(i int) *answer {
		if a.orgs.Leave(t.Context(), owners[i%2].id, id) == nil {
			left[i%2].Add(1)
		}
		return &answer{ResponseRecorder: httptest.NewRecorder()}
	})
	if left[0].Load()+left[1].Load() != 1 {
		t.Fatalf("the owners left %d and %d times, want once together", left[0].Load(), left[1].Load())
	}
	if list := a.members(id); len(list) != 1 || list[0].Role != store.OrgOwner {
		t.Fatalf("%d members are left, want an owner", len(list))
	}
}

func (a *arena) admins(t *testing.T, round int) {
	two := a.admin()
	pair := []*client{a.boss, two}
	acts := []func(by, of *client) *answer{
		func(by, of *client) *answer {
			return by.do("PATCH", "/users/"+of.id+"/role", obj{"role": auth.RoleUser})
		},
		func(by, of *client) *answer { return by.do("PATCH", "/users/"+of.id+"/deactivate", nil) },
		func(by, of *client) *answer { return by.do("DELETE", "/users/"+of.id, nil) },
		func(by, _ *client) *answer { return by.do("DELETE", "/me", obj{"password": password}) },
	}
	for _, got := range a.atOnce(tries, func(i int) *answer {
		return acts[(round+i/2)%len(acts)](pair[i%2].clone(), pair[1-i%2])
	}) {
		if got.Code >= 500 {
			t.Errorf("%v", got)
		}
	}
	var left []*client
	for _, c := range pair {
		if u := c.user(); u.Active() && u.Role == auth.RoleAdmin {
			left = append(left, c)
		}
	}
	if len(left) != 1 {
		t.Fatalf("%d administrators are left, want 1", len(left))
	}
	a.boss = left[0]
}
