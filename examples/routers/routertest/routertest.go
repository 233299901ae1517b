// Package routertest checks that a router passes everything on that accounts
// need, for the tests of the examples.
package routertest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
)

// Run makes a handler over a new service and calls its routes.
func Run(t *testing.T, handler func(*auth.Service) (http.Handler, error)) {
	t.Helper()
	env := authtest.New(t)
	h, err := handler(env.Service)
	if err != nil {
		t.Fatal(err)
	}
	call := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	want := func(status int, r *http.Request) string {
		t.Helper()
		w := call(r)
		if w.Code != status {
			t.Errorf("%s %s = %d %s, want %d", r.Method, r.URL.Path, w.Code, w.Body, status)
		}
		return w.Body.String()
	}
	get := func(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

	// The routes of the library, with what their handlers set themselves.
	w := call(authtest.JSON(t, "POST", "/auth/register", map[string]string{"email": "a@example.com", "password": authtest.Password}))
	if w.Code != 201 || len(w.Result().Cookies()) < 2 {
		t.Errorf("register = %d with %d cookies, want 201 with both", w.Code, len(w.Result().Cookies()))
	}
	if body := want(404, get("/auth/nowhere")); !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("an unknown route answers %s, want a problem document", body)
	}
	want(405, get("/auth/register"))

	// Routes of the application.
	user, admin := env.User(t, auth.RoleUser), env.User(t, auth.RoleAdmin)
	want(401, get("/hello"))
	if body := want(200, env.As(get("/hello"), user)); body != "hello "+user.Email+"\n" {
		t.Errorf("/hello says %q", body)
	}
	want(403, env.As(get("/admin"), user))
	want(200, env.As(get("/admin"), admin))

	// Organizations, whose wrap reads the path.
	w = call(env.As(authtest.JSON(t, "POST", "/orgs", map[string]string{"name": "Acme", "slug": "acme"}), user))
	id, _, ok := strings.Cut(strings.TrimPrefix(w.Body.String(), `{"id":"`), `"`)
	if w.Code != 201 || !ok {
		t.Fatalf("POST /orgs = %d %s", w.Code, w.Body)
	}
	want(200, env.As(get("/orgs/"+id), user))
	want(200, env.As(get("/reports/"+id), user))
	want(404, env.As(get("/reports/"+id), admin))
	want(404, env.As(get("/reports/elsewhere"), user))
}
