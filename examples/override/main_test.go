package main

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth/authtest"
)

func TestOverrides(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	h := handler(env.Service, "sesame")
	body := map[string]string{"email": "a@example.com", "password": "correct horse battery"}

	r := authtest.JSON(t, "POST", "/auth/register", body)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("register without the code = %d, want 403", w.Code)
	}
	r = authtest.JSON(t, "POST", "/auth/register", body)
	r.Header.Set("X-Invite-Code", "sesame")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 201 {
		t.Errorf("register with the code = %d %s, want 201", w.Code, w.Body)
	}

	r = env.As(httptest.NewRequest("DELETE", "/auth/me", nil), env.User(t, "user"))
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 404 {
		t.Errorf("the removed route = %d, want 404", w.Code)
	}

	form := url.Values{"email": {"b@example.com"}, "password": {"correct horse battery"}}
	r = httptest.NewRequest("POST", "/join", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 303 || len(w.Result().Cookies()) < 2 {
		t.Errorf("the own form = %d with %v, want 303 with both cookies", w.Code, w.Result().Cookies())
	}
}
