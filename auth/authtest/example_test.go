package authtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/middleware"
)

// hello is the route under test.
func hello(w http.ResponseWriter, r *http.Request) {
	p, _ := middleware.PrincipalFrom(r.Context())
	fmt.Fprint(w, "hello ", p.Email)
}

func TestProtectedRoute(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	route := env.Guard().RequireRole("admin")(http.HandlerFunc(hello))
	for _, tt := range []struct {
		role string
		want int
	}{{"admin", 200}, {"user", 403}} {
		w := httptest.NewRecorder()
		route.ServeHTTP(w, env.As(httptest.NewRequest("GET", "/hello", nil), env.User(t, tt.role)))
		if w.Code != tt.want {
			t.Errorf("as %s = %d, want %d", tt.role, w.Code, tt.want)
		}
	}
	w := httptest.NewRecorder()
	route.ServeHTTP(w, httptest.NewRequest("GET", "/hello", nil))
	if w.Code != 401 {
		t.Errorf("anonymous = %d, want 401", w.Code)
	}
}

func TestClockAndMail(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	u := env.User(t, "user")
	server := env.Serve(t, nil)
	client := env.Client(t, server, u)
	get := func() int {
		res, err := client.Get(server.URL + "/auth/me")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := get(); got != 200 {
		t.Errorf("me = %d, want 200", got)
	}
	env.Advance(16 * time.Minute)
	if got := get(); got != 401 {
		t.Errorf("me with an access token of 16 minutes = %d, want 401", got)
	}
	if err := env.RequestPasswordReset(t.Context(), u.Email); err != nil {
		t.Fatal(err)
	}
	m := env.Mail(t, u.Email)
	if m.Kind != auth.MailReset {
		t.Fatalf("mail = %s, want a reset", m.Kind)
	}
	if _, err := env.ResetPassword(t.Context(), authtest.Token(t, m), "another good password"); err != nil {
		t.Errorf("ResetPassword with the mailed token = %v, want nil", err)
	}
}
