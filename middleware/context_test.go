package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

func TestPrincipalInContext(t *testing.T) {
	t.Parallel()
	if p, ok := middleware.PrincipalFrom(t.Context()); ok || p != nil {
		t.Errorf("PrincipalFrom(empty) = %v, %v; want nothing", p, ok)
	}
	if u := middleware.UserFrom(t.Context()); u != nil {
		t.Errorf("UserFrom(empty) = %v, want nil", u)
	}
	want := &middleware.Principal{UserID: "u", User: &store.User{ID: "u"}}
	ctx := middleware.WithPrincipal(t.Context(), want)
	if p, ok := middleware.PrincipalFrom(ctx); !ok || p != want {
		t.Errorf("PrincipalFrom = %v, %v; want what was put in", p, ok)
	}
	if u := middleware.UserFrom(ctx); u != want.User {
		t.Errorf("UserFrom = %v, want what was put in", u)
	}
	if p, ok := middleware.PrincipalFrom(middleware.WithPrincipal(ctx, nil)); ok || p != nil {
		t.Errorf("PrincipalFrom = %v, %v; want it hidden by nil", p, ok)
	}
}

// The context that carries the principal is a context like others.
func TestGuardKeepsTheContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	r := requestFor("GET", "/", "ann").WithContext(ctx)
	g := guardOf(everybody())
	g.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		child, stop := context.WithCancel(r.Context())
		defer stop()
		if v := child.Value(key{}); v != "kept" {
			t.Errorf("Value = %v, want what an outer middleware put in", v)
		}
		cancel()
		<-child.Done()
		if child.Err() == nil || r.Context().Err() == nil {
			t.Error("cancelling the request did not reach the handler's context")
		}
		if s := fmt.Sprint(r.Context(), child); strings.Contains(s, "ann") {
			t.Errorf("the printed context names the user: %s", s)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestPrincipalVerdicts(t *testing.T) {
	t.Parallel()
	var nobody *middleware.Principal
	none := &middleware.Principal{UserID: "u"}
	admin := &middleware.Principal{UserID: "u", Role: "admin", Permissions: []string{"users:read", "users:ban"}}
	for _, tt := range []struct {
		name      string
		got, want bool
	}{
		{"nobody has a role", nobody.HasRole("admin"), false},
		{"nobody has the empty role", nobody.HasRole(""), false},
		{"nobody can", nobody.Can("users:read"), false},
		{"no role is none of these", none.HasRole("admin"), false},
		{"no role is not the empty role", none.HasRole(""), false},
		{"no permission", none.Can("users:read"), false},
		{"a role", admin.HasRole("admin"), true},
		{"one of several", admin.HasRole("user", "admin"), true},
		{"another role", admin.HasRole("user"), false},
		{"case counts", admin.HasRole("Admin"), false},
		{"none asked for", admin.HasRole(), false},
		{"a permission", admin.Can("users:ban"), true},
		{"another permission", admin.Can("users:delete"), false},
		{"no patterns", admin.Can("users:*"), false},
		{"a part of one", admin.Can("users"), false},
		{"the empty permission", admin.Can(""), false},
		{"the empty permission, held", (&middleware.Principal{Permissions: []string{""}}).Can(""), false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}
