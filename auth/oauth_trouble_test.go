package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// brittle is a store of which every method that a sign-in with a provider uses
// can fail, before or after it has done its work.
type brittle struct {
	*failing
	after bool
}

// brittleMethods are those methods, but for the reads that nothing depends on.
var brittleMethods = []string{"IdentityBySubject", "ListIdentities", "AddIdentity", "RemoveIdentity", "CreateUserWithIdentity", "UserByID",
	"UserByEmail", "UpdateUser", "UserWithSession", "CreateSession", "ListSessions", "RevokeSession", "RevokeSessions", "DropOneTime"}

// try runs one method and fails before or after it if it is to fail.
func try[T any](b *brittle, method string, run func() (T, error)) (T, error) {
	broken := b.check(method)
	var none T
	if broken != nil && !b.after {
		return none, broken
	}
	v, err := run()
	if broken != nil {
		return none, broken
	}
	return v, err
}

func do(b *brittle, method string, run func() error) error {
	_, err := try(b, method, func() (struct{}, error) { return struct{}{}, run() })
	return err
}

func (b *brittle) IdentityBySubject(ctx context.Context, provider, subject string) (*store.Identity, error) {
	return try(b, "IdentityBySubject", func() (*store.Identity, error) { return b.Store.IdentityBySubject(ctx, provider, subject) })
}

func (b *brittle) ListIdentities(ctx context.Context, userID string) ([]*store.Identity, error) {
	return try(b, "ListIdentities", func() ([]*store.Identity, error) { return b.Store.ListIdentities(ctx, userID) })
}

func (b *brittle) AddIdentity(ctx context.Context, id *store.Identity) error {
	return do(b, "AddIdentity", func() error { return b.Store.AddIdentity(ctx, id) })
}

func (b *brittle) RemoveIdentity(ctx context.Context, userID, provider string, keepOne bool) error {
	return do(b, "RemoveIdentity", func() error { return b.Store.RemoveIdentity(ctx, userID, provider, keepOne) })
}

func (b *brittle) CreateUserWithIdentity(ctx context.Context, u *store.User, id *store.Identity) error {
	return do(b, "CreateUserWithIdentity", func() error { return b.Store.CreateUserWithIdentity(ctx, u, id) })
}

func (b *brittle) UserByID(ctx context.Context, id string) (*store.User, error) {
	return try(b, "UserByID", func() (*store.User, error) { return b.Store.UserByID(ctx, id) })
}

func (b *brittle) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	return try(b, "UserByEmail", func() (*store.User, error) { return b.Store.UserByEmail(ctx, email) })
}

func (b *brittle) UpdateUser(ctx context.Context, u *store.User) error {
	return do(b, "UpdateUser", func() error { return b.Store.UpdateUser(ctx, u) })
}

func (b *brittle) CreateSession(ctx context.Context, row *store.Session) error {
	return do(b, "CreateSession", func() error { return b.Store.CreateSession(ctx, row) })
}

func (b *brittle) ListSessions(ctx context.Context, userID string) ([]*store.Session, error) {
	return try(b, "ListSessions", func() ([]*store.Session, error) { return b.Store.ListSessions(ctx, userID) })
}

func (b *brittle) RevokeSessions(ctx context.Context, userID, except string, now time.Time) (int, error) {
	return try(b, "RevokeSessions", func() (int, error) { return b.Store.RevokeSessions(ctx, userID, except, now) })
}

func (b *brittle) DropOneTime(ctx context.Context, userID string, purposes ...store.Purpose) error {
	return do(b, "DropOneTime", func() error { return b.Store.DropOneTime(ctx, userID, purposes...) })
}

// TestOAuthStoreTrouble lets each method of the store fail at each way to come
// back, before and after its work. No trouble leaves half an account, lets the
// attacker stay in one, or is taken for a sign-in; and once it is over, the next
// try ends well.
func TestOAuthStoreTrouble(t *testing.T) {
	t.Parallel()
	ways := map[string]struct {
		prepare func(e *env, s *brittle, b *client) (attacker *client)
		link    bool
		linked  string // at the end
	}{
		"a new account": {func(*env, *brittle, *client) *client { return nil }, false, "git"},
		"a known identity": {func(e *env, s *brittle, b *client) *client {
			b.finish(returning(b.tb, b.begin("git", ""), "ada"))
			b.want(b.post("/auth/logout", nil), 200)
			return nil
		}, false, "git"},
		"a proved account": {func(e *env, s *brittle, b *client) *client { member(b.tb, s.Store, ada, true); return nil }, false, "git"},
		"an unproved account": {func(e *env, s *brittle, b *client) *client {
			attacker := e.browser(b.tb)
			attacker.register(ada, "attacker's words")
			attacker.finish(returning(b.tb, attacker.beginLink("google"), "mallory"))
			return attacker
		}, false, "git"},
		"a link": {func(e *env, s *brittle, b *client) *client {
			member(b.tb, s.Store, ada, true)
			b.finish(returning(b.tb, b.begin("google", ""), "ada"))
			return nil
		}, true, "git google"},
	}
	for name, way := range ways {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after the work %v", name, after), func(t *testing.T) {
				t.Parallel()
				failures := 0
				for _, method := range brittleMethods {
					s := &brittle{failing: newFailing(), after: after}
					e := newEnv(t, with(somebody("git"), somebody("google")), func(c *auth.Config) { c.Store = s })
					b := e.browser(t)
					attacker := way.prepare(e, s, b)
					begin := func() *url.URL {
						if way.link {
							return returning(t, b.beginLink("git"), "ada")
						}
						return returning(t, b.begin("git", ""), "ada")
					}
					back := begin()
					s.fail(method, true)
					a := b.finish(back)
					s.fail(method, false)
					if a.Header.Get("Location") == "http://localhost:8000/login?oauth_error=failed" || way.link && refusal(a, "expired") == "" {
						failures++
						if wrong := refusal(a, "failed", "expired"); wrong != "" {
							t.Errorf("%s: %s", method, wrong)
						}
						if e.browserHolds(b, "aegis_session") && !way.link {
							t.Errorf("%s: the failure signs in", method)
						}
					} else if a.StatusCode != 303 {
						t.Errorf("%s: callback = %d %s", method, a.StatusCode, a.body)
					}
					wholeAccounts(t, s, method, name)

					if a = b.finish(begin()); a.StatusCode != 303 || refusal(a, "failed", "expired", "link_required", "disabled") == "" {
						t.Errorf("%s: the next try ends at %s", method, a.Header.Get("Location"))
					}
					if me := b.me(); me["email"] != ada || b.linked() != way.linked || me["is_verified"] != true {
						t.Errorf("%s: after the next try me = %v, linked %q; want %s, linked %s", method, me, b.linked(), ada, way.linked)
					}
					if attacker != nil {
						if a := attacker.get("/auth/me"); a.StatusCode != 401 {
							t.Errorf("%s: the attacker's session = %d, want 401", method, a.StatusCode)
						}
						if a := e.client(t).form("/auth/token", "username", ada, "password", "attacker's words"); a.StatusCode != 401 {
							t.Errorf("%s: the attacker's password = %d, want 401", method, a.StatusCode)
						}
					}
				}
				if failures < 2 {
					t.Errorf("%d methods made the callback fail: the test proves nothing", failures)
				}
			})
		}
	}
}

func (e *env) browserHolds(b *client, name string) bool {
	for _, c := range b.http.Jar.Cookies(mustURL(b.tb, e.server.URL+"/auth/")) {
		if c.Name == name {
			return true
		}
	}
	return false
}

// wholeAccounts wants one account for the address at most, a way in for whoever
// came by a provider alone, and nothing of an attacker's in an account that counts
// as proved.
func wholeAccounts(t *testing.T, s *brittle, method, way string) {
	t.Helper()
	users, err := s.ListUsers(t.Context(), store.UserQuery{Limit: 10})
	if err != nil || len(users) > 1 {
		t.Errorf("%s: users %v, %v; want one at most", method, users, err)
	}
	for _, u := range users {
		ids, err := s.Store.ListIdentities(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if (way == "a new account" || way == "a known identity") && len(ids) == 0 {
			t.Errorf("%s: the account has no way in", method)
		}
		foreign := slices.ContainsFunc(ids, func(id *store.Identity) bool { return id.Subject == "mallory" })
		if u.EmailVerified && (foreign || way == "an unproved account" && u.PasswordHash != "") {
			t.Errorf("%s: the account counts as proved, and the attacker's identity is in it: %v, or their password: %v", method, foreign, u.PasswordHash != "")
		}
	}
}

// TestOAuthHooks: a hook that says no stops everything before anything is
// written.
func TestOAuthHooks(t *testing.T) {
	t.Parallel()
	no := errors.New("the hook says no")
	for name, set := range map[string]func(h *auth.Hooks){
		"BeforeRegister": func(h *auth.Hooks) { h.BeforeRegister = func(context.Context, *store.User) error { return no } },
		"BeforeLink": func(h *auth.Hooks) {
			h.BeforeLink = func(context.Context, *store.User, *oauth.Identity) error { return no }
		},
		"BeforeSignIn": func(h *auth.Hooks) { h.BeforeSignIn = func(context.Context, *store.User) error { return no } },
	} {
		s := newFailing()
		e := newEnv(t, with(somebody("stub")), func(c *auth.Config) { c.Store = s; set(&c.Hooks) })
		if name != "BeforeRegister" {
			member(t, s.Store, ada, true)
		}
		b := e.browser(t)
		refused(t, b.finish(returning(t, b.begin("stub", ""), "ada")), "failed")
		b.want(b.get("/auth/me"), 401)
		_, err := s.IdentityBySubject(t.Context(), "stub", "ada")
		users, _ := s.ListUsers(t.Context(), store.UserQuery{Limit: 10})
		if linked := err == nil; linked != (name == "BeforeSignIn") || (len(users) == 0) != (name == "BeforeRegister") {
			t.Errorf("%s says no: linked %v, users %v", name, linked, users)
		}
	}

	// And what they are told is who it is about.
	var registered, linked string
	e := newEnv(t, with(somebody("stub")), func(c *auth.Config) {
		c.Hooks.BeforeRegister = func(_ context.Context, u *store.User) error { registered = u.Email; return nil }
		c.Hooks.BeforeLink = func(_ context.Context, u *store.User, id *oauth.Identity) error {
			linked = u.Email + " " + id.Subject
			return nil
		}
	})
	b := e.browser(t)
	welcome(t, b.finish(returning(t, b.begin("stub", ""), "ada")), "/app")
	b = e.browser(t)
	b.register(alice, aliceWords)
	b.finish(returning(t, b.beginLink("stub"), "liddell"))
	if registered != alice || linked != alice+" liddell" {
		t.Errorf("the hooks were told of %q and %q", registered, linked)
	}
}

// together brings many browsers back at the same time.
func together(t *testing.T, browsers []*client, backs []*url.URL) []*answer {
	t.Helper()
	answers := make([]*answer, len(browsers))
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range browsers {
		wg.Go(func() {
			<-start
			answers[i] = browsers[i].finish(backs[i])
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// gathering is a store that lets the first callers who look for an identity go on
// when all of them have come, so that all decide by what was there before.
type gathering struct {
	*failing
	all    sync.WaitGroup
	coming atomic.Int64
}

func (g *gathering) IdentityBySubject(ctx context.Context, provider, subject string) (*store.Identity, error) {
	id, err := g.Store.IdentityBySubject(ctx, provider, subject)
	if g.coming.Add(-1) >= 0 {
		g.all.Done()
		g.all.Wait()
	}
	return id, err
}

// gather makes the next n callers wait for each other.
func (g *gathering) gather(n int) {
	g.all.Add(n)
	g.coming.Store(int64(n))
}

// TestOAuthFiftyCallbacks: of one person at once make one user, whatever was
// there before.
func TestOAuthFiftyCallbacks(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(e *env, s *gathering){
		"nothing there":       func(*env, *gathering) {},
		"a proved account":    func(e *env, s *gathering) { member(t, s.Store, ada, true) },
		"an unproved account": func(e *env, s *gathering) { e.client(t).register(ada, aliceWords) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &gathering{failing: newFailing()}
			e := newEnv(t, with(somebody("stub")), func(c *auth.Config) { c.Store = s })
			prepare(e, s)
			browsers, backs := make([]*client, 50), make([]*url.URL, 50)
			for i := range browsers {
				browsers[i] = e.browser(t)
				backs[i] = returning(t, browsers[i].begin("stub", ""), "ada")
			}
			s.gather(len(browsers))
			for _, a := range together(t, browsers, backs) {
				welcome(t, a, "/app")
			}
			users, err := s.ListUsers(t.Context(), store.UserQuery{Limit: 10})
			if err != nil || len(users) != 1 || !users[0].EmailVerified || users[0].PasswordHash != "" {
				t.Fatalf("fifty callbacks at once make %v, %v; want one user", users, err)
			}
			if ids, err := s.ListIdentities(t.Context(), users[0].ID); err != nil || len(ids) != 1 {
				t.Errorf("identities = %v, %v; want one", ids, err)
			}
			in := 0
			for _, b := range browsers {
				a := b.get("/auth/me")
				switch {
				case a.StatusCode == 200 && a.json(t)["id"] == users[0].ID:
					in++
				case a.StatusCode != 401 || name != "an unproved account":
					t.Fatalf("somebody who came back is %d %s, want the one user", a.StatusCode, a.body)
				}
			}
			// Who is quicker than the end of an unproved owner's sessions is taken for one.
			if in == 0 {
				t.Error("nobody is signed in")
			}
		})
	}
}

// TestOAuthLinkRace: of twenty people who link the same account elsewhere at
// once, one gets it (OA-13).
func TestOAuthLinkRace(t *testing.T) {
	t.Parallel()
	s := &gathering{failing: newFailing()}
	e := newEnv(t, with(somebody("stub")), func(c *auth.Config) { c.Store = s })
	browsers, backs := make([]*client, 20), make([]*url.URL, 20)
	for i := range browsers {
		browsers[i] = e.browser(t)
		browsers[i].register(fmt.Sprintf("u%d@example.com", i), aliceWords)
		backs[i] = returning(t, browsers[i].beginLink("stub"), "ada")
	}
	s.gather(len(browsers))
	got := 0
	for i, a := range together(t, browsers, backs) {
		if has := browsers[i].linked() == "stub"; has {
			got++
			if a.Header.Get("Location") != "/account" {
				t.Errorf("the winner ends at %s", a.Header.Get("Location"))
			}
		} else {
			refused(t, a, "failed")
		}
	}
	if got != 1 {
		t.Errorf("%d people linked the same account, want 1", got)
	}
}
