package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

var roles = map[string][]string{
	"admin":     {"users:read", "users:ban"},
	"moderator": {"users:read"},
	"user":      nil,
}

// One row per wrap and visitor: who gets in, and what the others are told.
func TestWraps(t *testing.T) {
	t.Parallel()
	wraps := []struct {
		name string
		wrap func(g *middleware.Guard) func(http.Handler) http.Handler
		// The code of the answer by bearer token; "" means admitted.
		want map[string]string
	}{
		{
			"RequireUser",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequireUser },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "", "bob": "", "key": ""},
		},
		{
			"OptionalUser",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.OptionalUser },
			map[string]string{"": "", "junk": "invalid_token", "ann": "", "mod": "", "bob": "", "key": ""},
		},
		{
			"RequireVerified",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequireVerified },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "", "bob": "email_not_verified", "key": "email_not_verified"},
		},
		{
			"RequireRole(admin)",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequireRole("admin") },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "insufficient_role", "bob": "insufficient_role", "key": "insufficient_role"},
		},
		{
			"RequireRole(admin, moderator)",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequireRole("admin", "moderator") },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "", "bob": "insufficient_role", "key": "insufficient_role"},
		},
		{
			// Roles are flat.
			"RequireRole(user)",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequireRole("user") },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "insufficient_role", "mod": "insufficient_role", "bob": "", "key": "insufficient_role"},
		},
		{
			"RequirePermission(users:read)",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequirePermission("users:read") },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "", "bob": "insufficient_permission", "key": "insufficient_permission"},
		},
		{
			"RequirePermission(users:read, users:ban)",
			func(g *middleware.Guard) func(http.Handler) http.Handler {
				return g.RequirePermission("users:read", "users:ban")
			},
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "insufficient_permission", "bob": "insufficient_permission", "key": "insufficient_permission"},
		},
		{
			"RequireFresh(5m)",
			func(g *middleware.Guard) func(http.Handler) http.Handler { return g.RequireFresh(5 * time.Minute) },
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "", "mod": "reauthentication_required", "bob": "reauthentication_required", "key": "reauthentication_required"},
		},
		{
			"RequireOrgRole(admin)",
			func(g *middleware.Guard) func(http.Handler) http.Handler {
				return func(next http.Handler) http.Handler {
					mux := http.NewServeMux()
					mux.Handle("GET /orgs/{org}", g.RequireOrgRole(store.OrgAdmin, "org")(next))
					return mux
				}
			},
			map[string]string{"": "unauthenticated", "junk": "invalid_token", "ann": "not_found", "mod": "insufficient_role", "bob": "", "key": ""},
		},
	}
	statuses := map[string]int{
		"unauthenticated": 401, "invalid_token": 401, "email_not_verified": 403, "insufficient_role": 403,
		"insufficient_permission": 403, "reauthentication_required": 403, "not_found": 404, "": 200,
	}
	challenges := map[string]string{
		"unauthenticated": "Bearer", "invalid_token": `Bearer error="invalid_token"`,
		"insufficient_role": `Bearer error="insufficient_scope"`, "insufficient_permission": `Bearer error="insufficient_scope"`,
		"reauthentication_required": `Bearer error="insufficient_user_authentication", max_age=300`,
	}
	for _, tt := range wraps {
		for visitor, want := range tt.want {
			t.Run(tt.name+" and "+visitor, func(t *testing.T) {
				t.Parallel()
				g := &middleware.Guard{Authenticator: everybody(), Roles: roles, Now: clock, OrgRoles: members{"u-bob": store.OrgOwner, "u-mod": store.OrgMember}}
				r := httptest.NewRequest("GET", "/orgs/o-1", nil)
				if visitor != "" {
					r.Header.Set("Authorization", "Bearer "+visitor)
				}
				a := serve(tt.wrap(g), r)
				if got := a.code(); got != want || a.Code != statuses[want] || a.reached != (want == "") {
					t.Fatalf("answer = %d %q, handler reached %v; want %d %q", a.Code, got, a.reached, statuses[want], want)
				}
				if got := a.Header().Get("WWW-Authenticate"); got != challenges[want] {
					t.Errorf("WWW-Authenticate = %q, want %q", got, challenges[want])
				}
				if want != "" && a.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("Cache-Control = %q on a rejection, want no-store", a.Header().Get("Cache-Control"))
				}
				if want == "" && (a.principal != nil) != (visitor != "") {
					t.Errorf("the handler saw principal %+v, want one: %v", a.principal, visitor != "")
				}
			})
		}
	}
}

// members is what one organization's members may do; there is no other.
type members map[string]store.OrgRole

func (m members) OrgRole(_ context.Context, org, user string) (store.OrgRole, error) {
	if org != "o-1" || m[user] == "" {
		return "", fmt.Errorf("membership: %w", store.ErrNotFound)
	}
	return m[user], nil
}

type orgRolesFunc func(ctx context.Context, org, user string) (store.OrgRole, error)

func (f orgRolesFunc) OrgRole(ctx context.Context, org, user string) (store.OrgRole, error) {
	return f(ctx, org, user)
}

func TestRequireOrgRoleRanks(t *testing.T) {
	t.Parallel()
	has := []store.OrgRole{"", "stranger", store.OrgMember, store.OrgAdmin, store.OrgOwner}
	wants := []store.OrgRole{store.OrgMember, store.OrgAdmin, store.OrgOwner}
	for _, role := range has {
		for _, min := range wants {
			want := http.StatusOK
			switch {
			case role.Rank() == 0:
				want = http.StatusNotFound
			case role.Rank() < min.Rank():
				want = http.StatusForbidden
			}
			asked := orgRolesFunc(func(context.Context, string, string) (store.OrgRole, error) { return role, nil })
			said := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
				return &middleware.Principal{UserID: "u", Orgs: map[string]store.OrgRole{"o-1": role}}, nil
			})
			for name, g := range map[string]*middleware.Guard{
				"OrgRoles":       {Authenticator: everybody(), OrgRoles: asked},
				"Principal.Orgs": {Authenticator: said},
			} {
				mux := http.NewServeMux()
				mux.Handle("/orgs/{org}", g.RequireOrgRole(min, "org")(ok))
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, requestFor("GET", "/orgs/o-1", "ann"))
				if w.Code != want {
					t.Errorf("by %s, RequireOrgRole(%s) answers %q with %d, want %d", name, min, role, w.Code, want)
				}
			}
		}
	}
}

var ok = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func requestFor(method, target, bearer string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("X-Request-Id", "1")
	return r
}

// A stranger must not learn which organizations exist.
func TestRequireOrgRoleAnswersStrangersAlike(t *testing.T) {
	t.Parallel()
	g := &middleware.Guard{Authenticator: everybody(), OrgRoles: members{"u-bob": store.OrgOwner}}
	mux := http.NewServeMux()
	mux.Handle("/orgs/{org}/books", g.RequireOrgRole(store.OrgMember, "org")(ok))
	var answers []string
	for _, org := range []string{"o-1", "o-2", "%00", "..%2F"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, requestFor("GET", "/orgs/"+org+"/books", "ann"))
		answers = append(answers, fmt.Sprint(w.Code, w.Header(), w.Body))
	}
	for i, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "404") {
			t.Errorf("answer %d = %s, want a 404 equal to %s", i, a, answers[0])
		}
	}
}

func TestRequireOrgRoleTrouble(t *testing.T) {
	t.Parallel()
	teapot := &problem.Error{Status: http.StatusTeapot, Code: "teapot"}
	tests := []struct {
		name            string
		pattern, target string
		fails           error
		status          int
	}{
		{"the store is down", "/orgs/{org}", "/orgs/o-1", errors.New("connection refused"), 503},
		{"it says what to show", "/orgs/{org}", "/orgs/o-1", fmt.Errorf("look up: %w", teapot), 418},
		{"the pattern has no such wildcard", "/orgs/{id}", "/orgs/o-1", nil, 500},
		{"an empty rest of the path", "/orgs/{org...}", "/orgs/", nil, 404},
	}
	for _, tt := range tests {
		g := &middleware.Guard{Authenticator: everybody(), OrgRoles: orgRolesFunc(func(context.Context, string, string) (store.OrgRole, error) {
			return store.OrgOwner, tt.fails
		})}
		mux := http.NewServeMux()
		mux.Handle(tt.pattern, g.RequireOrgRole(store.OrgMember, "org")(ok))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, requestFor("GET", tt.target, "ann"))
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, w.Code, tt.status)
		}
		if tt.status == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", tt.name)
		}
		if strings.Contains(w.Body.String(), "refused") {
			t.Errorf("%s: the cause was shown: %s", tt.name, w.Body)
		}
	}
	// Routers that set no pattern, as those that only set path values.
	g := &middleware.Guard{Authenticator: everybody()}
	if a := serve(g.RequireOrgRole(store.OrgMember, "org"), requestFor("GET", "/", "ann")); a.Code != 404 {
		t.Errorf("without a pattern: status %d, want 404", a.Code)
	}
}

func TestRequireFreshBounds(t *testing.T) {
	t.Parallel()
	const maxAge = 5 * time.Minute
	for _, tt := range []struct {
		name string
		at   time.Time
		want bool
	}{
		{"now", noon, true},
		{"just inside", noon.Add(-maxAge), true},
		{"just outside", noon.Add(-maxAge - 1), false},
		{"a clock a little ahead", noon.Add(30 * time.Second), true},
		{"a clock far ahead", noon.Add(31 * time.Second), false},
		{"never", time.Time{}, false},
		{"the beginning of time", time.Unix(0, 0), false},
		{"the end of time", time.Unix(1<<60, 0), false},
	} {
		g := &middleware.Guard{Now: clock, Authenticator: middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
			return &middleware.Principal{UserID: "u", AuthTime: tt.at}, nil
		})}
		if a := serve(g.RequireFresh(maxAge), request()); a.reached != tt.want {
			t.Errorf("RequireFresh(5m) admits %s = %v, want %v", tt.name, a.reached, tt.want)
		}
	}
	g := &middleware.Guard{Now: clock, Authenticator: everybody()}
	if a := serve(g.RequireFresh(math.MaxInt64), requestFor("GET", "/", "key")); a.reached {
		t.Error("RequireFresh admitted a credential that does not say when, because any age would do")
	}
	// Without Now it is the wall clock.
	g = &middleware.Guard{Authenticator: middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		return &middleware.Principal{UserID: "u", AuthTime: time.Now()}, nil
	})}
	if a := serve(g.RequireFresh(time.Minute), request()); !a.reached {
		t.Error("RequireFresh without a clock refused somebody who signed in just now")
	}
	if middleware.ErrReauthenticate.Challenge != `Bearer error="insufficient_user_authentication"` {
		t.Errorf("RequireFresh changed the sentinel's challenge to %q", middleware.ErrReauthenticate.Challenge)
	}
}

// Mistakes in the wiring are found when the routes are built.
func TestWrapsPanicOnMistakes(t *testing.T) {
	t.Parallel()
	g := &middleware.Guard{Authenticator: everybody(), Roles: roles}
	unknowing := &middleware.Guard{Authenticator: everybody()}
	none := &middleware.Guard{Authenticator: everybody(), Roles: map[string][]string{}}
	tests := []struct {
		name, want string
		f          func()
	}{
		{"no role", "at least one role", func() { g.RequireRole() }},
		{"an empty role", "a role is empty", func() { g.RequireRole("admin", "") }},
		{"a misspelt role", `unknown role "amdin"; known are ["admin" "moderator" "user"]`, func() { g.RequireRole("admin", "amdin") }},
		{"a role where there are none", `unknown role "admin"; known are []`, func() { none.RequireRole("admin") }},
		{"no permission", "at least one permission", func() { g.RequirePermission() }},
		{"an empty permission", "a permission is empty", func() { unknowing.RequirePermission("") }},
		{"a misspelt permission", `unknown permission "user:ban"; known are ["users:ban" "users:read"]`, func() { g.RequirePermission("user:ban") }},
		{"no rank", `unknown role ""`, func() { g.RequireOrgRole("", "org") }},
		{"no rank in an organization", `unknown role "moderator"`, func() { g.RequireOrgRole("moderator", "org") }},
		{"no wildcard", "name the wildcard", func() { g.RequireOrgRole(store.OrgAdmin, "") }},
		{"no age", "maxAge is 0s", func() { g.RequireFresh(0) }},
		{"a negative age", "maxAge is -1s", func() { g.RequireFresh(-time.Second) }},
		{"no authenticator", "without an Authenticator", func() { new(middleware.Guard).RequireUser(ok) }},
		{"no authenticator for an optional user", "without an Authenticator", func() { new(middleware.Guard).OptionalUser(ok) }},
		{"no guard", "without an Authenticator", func() { (*middleware.Guard)(nil).RequireRole("admin")(ok) }},
		{"no handler", "nil handler", func() { g.RequireUser(nil) }},
		{"nil among several", "nil Authenticator", func() { middleware.FirstOf(everybody(), nil) }},
		{"no verifier", "nil Verifier", func() { middleware.Tokens(nil) }},
	}
	for _, tt := range tests {
		mustPanic(t, tt.name, tt.want, tt.f)
	}
	unknowing.RequireRole("whatever")
	unknowing.RequirePermission("what:ever")
}

// The names are the caller's; changing them afterwards changes nothing.
func TestWrapsCopyTheirArguments(t *testing.T) {
	t.Parallel()
	g := &middleware.Guard{Authenticator: everybody(), Roles: roles}
	names := []string{"admin"}
	byRole := g.RequireRole(names...)
	names[0] = "user"
	if a := serve(byRole, requestFor("GET", "/", "bob")); a.Code != 403 {
		t.Errorf("RequireRole(admin) admits a user after its argument changed: %d", a.Code)
	}
	names[0] = "users:ban"
	byPermission := g.RequirePermission(names...)
	names[0] = "users:read"
	if a := serve(byPermission, requestFor("GET", "/", "mod")); a.Code != 403 {
		t.Errorf("RequirePermission(users:ban) admits a moderator after its argument changed: %d", a.Code)
	}
}

// What a handler can ask is what the guard asked.
func TestPermissionsOfARole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		visitor string
		roles   map[string][]string
		want    bool // may read users
		reports bool // may read reports
	}{
		{"mod", roles, true, false},
		{"mod", nil, false, false},
		{"bob", roles, false, false},
		{"key", roles, false, true}, // the credential says for itself
	} {
		g := &middleware.Guard{Authenticator: everybody(), Roles: tt.roles}
		a := serve(g.RequireUser, requestFor("GET", "/", tt.visitor))
		if got := a.principal.Can("users:read"); got != tt.want {
			t.Errorf("%s with roles %v: Can(users:read) = %v, want %v", tt.visitor, tt.roles, got, tt.want)
		}
		if got := a.principal.Can("reports:read"); got != tt.reports {
			t.Errorf("%s with roles %v: Can(reports:read) = %v, want %v", tt.visitor, tt.roles, got, tt.reports)
		}
	}
}
