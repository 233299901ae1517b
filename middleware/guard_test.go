package middleware_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

type wrap = func(http.Handler) http.Handler

// All wraps that admit ann, for tests of what they have in common.
func allWraps(g *middleware.Guard) map[string]wrap {
	return map[string]wrap{
		"RequireUser":       g.RequireUser,
		"OptionalUser":      g.OptionalUser,
		"RequireVerified":   g.RequireVerified,
		"RequireRole":       g.RequireRole("admin"),
		"RequirePermission": g.RequirePermission("users:ban"),
		"RequireFresh":      g.RequireFresh(10 * time.Minute),
		"RequireOrgRole": func(next http.Handler) http.Handler {
			h := g.RequireOrgRole(store.OrgMember, "org")(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.SetPathValue("org", "o-1")
				h.ServeHTTP(w, r)
			})
		},
	}
}

func guardOf(a middleware.Authenticator) *middleware.Guard {
	return &middleware.Guard{Authenticator: a, Roles: roles, Now: clock, OrgRoles: members{"u-ann": store.OrgOwner}}
}

// Every pair of wraps, in both orders, admits who passes both, authenticates
// once, and rejects who fails either.
func TestStackedWrapsAuthenticateOnce(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(allWraps(guardOf(everybody()))))
	for _, outer := range names {
		for _, inner := range names {
			for visitor, wantReached := range map[string]bool{"ann": true, "bob": false, "": false} {
				a := everybody()
				wraps := allWraps(guardOf(a))
				r := request()
				if visitor != "" {
					r = requestFor("GET", "/", visitor)
				}
				got := serve(func(next http.Handler) http.Handler { return wraps[outer](wraps[inner](next)) }, r)
				admitsAnybody := func(name string) bool {
					return name == "OptionalUser" || name == "RequireUser" && visitor != ""
				}
				want := wantReached || admitsAnybody(outer) && admitsAnybody(inner)
				if got.reached != want {
					t.Errorf("%s(%s) admits %q = %v, want %v", outer, inner, visitor, got.reached, want)
				}
				if visitor != "" && a.asked != 1 {
					t.Errorf("%s(%s) authenticated %q %d times, want once", outer, inner, visitor, a.asked)
				}
			}
		}
	}
}

// What another guard found out does not count, unless it asked the same
// authenticator.
func TestGuardsTrustOnlyTheirOwnAuthenticator(t *testing.T) {
	t.Parallel()
	lenient := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		return &middleware.Principal{UserID: "u-anybody", Role: "admin"}, nil
	})
	strict := everybody()
	outer, inner := guardOf(lenient), guardOf(strict)

	stack := func(next http.Handler) http.Handler { return outer.RequireUser(inner.RequireUser(next)) }
	if a := serve(stack, request()); a.Code != 401 {
		t.Errorf("a request without credentials got %d past the inner guard, want 401", a.Code)
	}
	if a := serve(stack, requestFor("GET", "/", "bob")); a.principal == nil || a.principal.UserID != "u-bob" {
		t.Errorf("the handler saw %+v, want the inner guard's u-bob", a.principal)
	}
	optional := func(next http.Handler) http.Handler { return outer.RequireUser(inner.OptionalUser(next)) }
	if a := serve(optional, request()); !a.reached || a.principal != nil {
		t.Errorf("behind the inner OptionalUser the handler saw %+v, want nobody", a.principal)
	}
	// A function cannot be compared, so it is asked again, by every guard.
	calls := 0
	f := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		calls++
		return &middleware.Principal{UserID: "u"}, nil
	})
	g, h := guardOf(f), guardOf(f)
	if a := serve(func(next http.Handler) http.Handler { return g.RequireUser(h.RequireUser(next)) }, request()); !a.reached || calls != 2 {
		t.Errorf("two guards with one function asked it %d times, reached %v; want 2, true", calls, a.reached)
	}

	// A copy of a guard with another LoginURL, say, does not ask again.
	strict.asked = 0
	page := *inner
	page.LoginURL = "/login"
	if a := serve(func(next http.Handler) http.Handler { return inner.RequireUser(page.RequireRole("admin")(next)) },
		requestFor("GET", "/", "ann")); !a.reached || strict.asked != 1 {
		t.Errorf("a guard and its copy asked %d times, reached %v; want 1, true", strict.asked, a.reached)
	}
}

// A second guard brings its own rules even where it need not authenticate.
func TestGuardsApplyTheirOwnRules(t *testing.T) {
	t.Parallel()
	a := everybody()
	trusting := &middleware.Guard{Authenticator: a, CrossOrigin: new(http.CrossOriginProtection), Roles: roles}
	if err := trusting.CrossOrigin.AddTrustedOrigin("https://friend.example"); err != nil {
		t.Fatal(err)
	}
	other := &middleware.Guard{Authenticator: a, Roles: map[string][]string{"admin": {"books:read"}, "moderator": {"books:write"}}}
	stack := func(next http.Handler) http.Handler { return trusting.RequireUser(other.RequireUser(next)) }

	r := request("Cookie: sid=ann", "Origin: https://friend.example", "Sec-Fetch-Site: cross-site")
	r.Method = "POST"
	if got := serve(stack, r); got.code() != "cross_origin" {
		t.Errorf("the inner guard answered %d %s, want 403 cross_origin", got.Code, got.code())
	}
	got := serve(stack, request("Cookie: sid=ann"))
	if got.principal == nil || got.principal.Can("users:ban") || !got.principal.Can("books:read") {
		t.Errorf("permissions = %v, want those of the inner guard's roles", got.principal)
	}
	if a.asked != 2 {
		t.Errorf("authenticated %d times for two requests, want 2", a.asked)
	}
}

// One request's context must not vouch for another request.
func TestGuardsAuthenticateEveryRequestAnew(t *testing.T) {
	t.Parallel()
	g := guardOf(everybody())
	var inner *answer
	batch := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r2, err := http.NewRequestWithContext(r.Context(), "GET", "/private", nil)
		if err != nil {
			t.Fatal(err)
		}
		inner = serve(g.RequireUser, r2)
	})
	g.RequireUser(batch).ServeHTTP(httptest.NewRecorder(), requestFor("GET", "/batch", "ann"))
	if inner == nil || inner.Code != 401 {
		t.Errorf("a dispatched request without credentials got %+v, want 401", inner)
	}

	if a := serve(g.RequireUser, request().WithContext(middleware.WithPrincipal(t.Context(), &middleware.Principal{UserID: "u-ann"}))); a.Code != 401 {
		t.Errorf("a guard believed WithPrincipal: %d, want 401", a.Code)
	}
	// Requests that lost their headers altogether.
	lost := func(next http.Handler) http.Handler {
		return g.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r2 := *r
			r2.Header = nil
			g.RequireUser(next).ServeHTTP(w, &r2)
		}))
	}
	if a := serve(lost, requestFor("GET", "/", "ann")); a.reached {
		t.Error("a request without headers was admitted on the word of one with")
	}
	// Requests without headers cannot be told apart.
	calls := 0
	each := guardOf(middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		calls++
		return &middleware.Principal{UserID: "u"}, nil
	}))
	if a := serve(func(next http.Handler) http.Handler { return each.RequireUser(each.RequireUser(next)) },
		&http.Request{Method: "GET", URL: &url.URL{Path: "/"}}); !a.reached || calls != 2 {
		t.Errorf("without headers: reached %v, asked %d times; want true, 2", a.reached, calls)
	}
	// What keeps the headers is the same request.
	a := everybody()
	g = guardOf(a)
	passes := func(next http.Handler) http.Handler {
		return g.RequireUser(http.StripPrefix("/x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			type key struct{}
			g.RequireRole("admin")(next).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
		})))
	}
	if got := serve(passes, requestFor("GET", "/x/y", "ann")); !got.reached || a.asked != 1 {
		t.Errorf("through StripPrefix and WithContext: reached %v, asked %d times; want true, 1", got.reached, a.asked)
	}
}

func TestOptionalUser(t *testing.T) {
	t.Parallel()
	down := everybody()
	down.fails = problem.ErrUnavailable.With(errors.New("connection refused"))
	broken := everybody()
	broken.fails = errors.New("nil map")
	apiKeys := middleware.AuthenticatorFunc(func(r *http.Request) (*middleware.Principal, error) {
		if r.Header.Get("X-Api-Key") == "" {
			return nil, middleware.ErrNoCredentials
		}
		return nil, middleware.ErrInvalidToken
	})
	tests := []struct {
		name   string
		from   middleware.Authenticator
		fields []string
		status int
		user   string
	}{
		{"nothing", everybody(), nil, 200, ""},
		{"a good cookie", everybody(), []string{"Cookie: sid=bob"}, 200, "u-bob"},
		{"a good bearer token", everybody(), []string{"Authorization: Bearer bob"}, 200, "u-bob"},
		{"a cookie that ran out", everybody(), []string{"Cookie: sid=old"}, 200, ""},
		{"a malformed cookie", everybody(), []string{"Cookie: sid=%ff"}, 200, ""},
		{"a bearer token that ran out", everybody(), []string{"Authorization: Bearer old"}, 401, ""},
		{"a malformed bearer token", everybody(), []string{"Authorization: Bearer %ff"}, 401, ""},
		{"a bad bearer token and a good cookie", everybody(), []string{"Authorization: Bearer old", "Cookie: sid=bob"}, 401, ""},
		{"a bad bearer token and a bad cookie", everybody(), []string{"Authorization: Bearer old", "Cookie: sid=old"}, 401, ""},
		{"two cookies", everybody(), []string{"Cookie: sid=bob; sid=ann"}, 401, ""},
		{"another scheme", everybody(), []string{"Authorization: Basic abc"}, 200, ""},
		{"a bad API key", apiKeys, []string{"X-Api-Key: junk"}, 401, ""},
		{"no API key", apiKeys, nil, 200, ""},
		{"the store is down", down, []string{"Cookie: sid=bob"}, 503, ""},
		{"the authenticator is broken", broken, []string{"Cookie: sid=bob"}, 500, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := &middleware.Guard{Authenticator: tt.from, WriteError: problem.Writer{Logger: discard}.Write}
			a := serve(g.OptionalUser, request(tt.fields...))
			if a.Code != tt.status || a.reached != (tt.status == 200) {
				t.Errorf("status %d, reached %v; want %d", a.Code, a.reached, tt.status)
			}
			if (a.principal != nil) != (tt.user != "") || tt.user != "" && a.principal.UserID != tt.user {
				t.Errorf("the handler saw %+v, want %q", a.principal, tt.user)
			}
			if vary := a.Header().Values("Vary"); !slices.Contains(vary, "Authorization, Cookie") {
				t.Errorf("Vary = %q, want Authorization, Cookie", vary)
			}
			if cc, want := a.Header().Get("Cache-Control"), map[bool]string{true: "no-cache, private"}[tt.user != ""]; a.reached && cc != want {
				t.Errorf("Cache-Control = %q, want %q", cc, want)
			}
		})
	}
}

// A handler may write to its principal without changing anybody else's.
func TestHandlersOwnTheirPrincipal(t *testing.T) {
	t.Parallel()
	shared := &middleware.Principal{UserID: "u", Role: "user"}
	g := &middleware.Guard{Authenticator: middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) { return shared, nil })}
	h := g.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, _ := middleware.PrincipalFrom(r.Context())
		p.Role = "admin"
	}))
	h.ServeHTTP(httptest.NewRecorder(), request())
	if shared.Role != "user" {
		t.Errorf("a handler made everybody %q", shared.Role)
	}
}

func TestResponsesToPeopleStayPrivate(t *testing.T) {
	t.Parallel()
	g := guardOf(everybody())
	for name, tt := range map[string]struct {
		set  string
		want []string
	}{
		"silent handler":     {"", []string{"no-cache, private"}},
		"one with a say":     {"max-age=60", []string{"max-age=60"}},
		"one that says more": {"+immutable", []string{"no-cache, private", "immutable"}},
	} {
		for range 2 { // the second must not see what the first appended
			w := httptest.NewRecorder()
			g.RequireUser(g.RequireVerified(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if more, ok := strings.CutPrefix(tt.set, "+"); ok {
					w.Header().Add("Cache-Control", more)
				} else if tt.set != "" {
					w.Header().Set("Cache-Control", tt.set)
				}
			}))).ServeHTTP(w, requestFor("GET", "/", "ann"))
			if got := w.Header().Values("Cache-Control"); !slices.Equal(got, tt.want) {
				t.Errorf("%s: Cache-Control = %q, want %q", name, got, tt.want)
			}
		}
	}
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "private, max-age=5")
			g.RequireUser(next).ServeHTTP(w, r)
		})
	}
	if a := serve(outer, requestFor("GET", "/", "ann")); a.Header().Get("Cache-Control") != "private, max-age=5" {
		t.Errorf("Cache-Control = %q, want what was set before the guard", a.Header().Get("Cache-Control"))
	}
	if a := serve(outer, request()); a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control = %q on a rejection, want no-store", a.Header().Get("Cache-Control"))
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	var got error
	g := guardOf(everybody())
	g.WriteError = func(w http.ResponseWriter, r *http.Request, err error) {
		got = err
		w.WriteHeader(http.StatusTeapot)
	}
	a := serve(g.RequireRole("admin"), requestFor("GET", "/", "bob"))
	if a.Code != http.StatusTeapot || !errors.Is(got, middleware.ErrInsufficientRole) {
		t.Errorf("answer %d for %v, want the own writer's 418 for ErrInsufficientRole", a.Code, got)
	}
	if a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Vary") != "Authorization, Cookie" {
		t.Errorf("headers = %v, want no-store and Vary set before the writer runs", a.Header())
	}
}

// Whatever a request carries, it gets one of the answers there are, and none
// that admits it.
func FuzzGuard(f *testing.F) {
	f.Add("GET", "/books?page=1", "Bearer %ff", "sid=a; sid=b", "text/html", "cross-site")
	f.Add("POST", "//evil.example", "", "sid=bob", "*/*", "same-origin")
	f.Add("GET", "/login", "Basic YTpi", "sid=old", "text/html;q=\x00", "")
	f.Add("HEAD", "/\\evil", "bearer\tx", "", ",,text/html", "none")
	g := guardOf(everybody())
	g.LoginURL = "/login"
	wraps := allWraps(g)
	f.Fuzz(func(t *testing.T, method, target, authorization, cookie, accept, site string) {
		r := &http.Request{Method: method, RequestURI: target, URL: &url.URL{Path: target}, Host: "app.example", Header: http.Header{
			"Authorization": {authorization}, "Cookie": {cookie}, "Accept": {accept}, "Sec-Fetch-Site": {site},
		}}
		for name, wrap := range wraps {
			if name == "OptionalUser" {
				continue
			}
			a := serve(wrap, r)
			raw, _, err := middleware.Credential(r, "sid")
			known := err == nil && everybody().known[raw].UserID != ""
			switch {
			case a.reached && !known:
				t.Fatalf("%s admitted Authorization %q, Cookie %q", name, authorization, cookie)
			case a.Code == http.StatusSeeOther:
				to, err := url.Parse(a.Header().Get("Location"))
				if err != nil || to.Host != "" || to.Scheme != "" || to.Path != "/login" {
					t.Fatalf("%s redirected %q to %q", name, target, a.Header().Get("Location"))
				}
				if next := to.Query().Get("next"); next != "" && !middleware.LocalPath(next) {
					t.Fatalf("%s passed %q on as next", name, next)
				}
			case a.Code >= 500:
				t.Fatalf("%s answered %d to Authorization %q, Cookie %q", name, a.Code, authorization, cookie)
			}
		}
	})
}
