package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
)

func TestFirstOf(t *testing.T) {
	t.Parallel()
	none := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		return nil, fmt.Errorf("api key: %w", middleware.ErrNoCredentials)
	})
	bad := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) { return nil, middleware.ErrInvalidToken })
	ann := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		return &middleware.Principal{UserID: "ann"}, nil
	})
	bob := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
		return &middleware.Principal{UserID: "bob"}, nil
	})
	for _, tt := range []struct {
		name string
		of   []middleware.Authenticator
		user string
		err  error
	}{
		{"none to ask", nil, "", middleware.ErrNoCredentials},
		{"nobody finds anything", []middleware.Authenticator{none, none}, "", middleware.ErrNoCredentials},
		{"the first that finds something", []middleware.Authenticator{none, ann, bob}, "ann", nil},
		{"refused credentials end the search", []middleware.Authenticator{none, bad, ann}, "", middleware.ErrInvalidToken},
		{"nested", []middleware.Authenticator{middleware.FirstOf(none), middleware.FirstOf(none, bob)}, "bob", nil},
	} {
		a := middleware.FirstOf(tt.of...)
		p, err := a.Authenticate(request())
		if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || (p != nil) != (tt.user != "") || p != nil && p.UserID != tt.user {
			t.Errorf("%s: Authenticate = %+v, %v; want %q, %v", tt.name, p, err, tt.user, tt.err)
		}
	}
	as := []middleware.Authenticator{ann}
	first := middleware.FirstOf(as...)
	as[0] = bob
	if p, _ := first.Authenticate(request()); p.UserID != "ann" {
		t.Errorf("FirstOf follows its argument after the fact: %q", p.UserID)
	}
}

// An answer without a user is a mistake of the authenticator, and closes.
func TestGuardRefusesPrincipalsWithoutUser(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*middleware.Principal{"nil": nil, "zero": {}, "admin without a name": {Role: "admin"}} {
		f := middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) { return p, nil })
		for _, from := range []middleware.Authenticator{f, middleware.FirstOf(f)} {
			g := &middleware.Guard{Authenticator: from, Roles: roles, WriteError: problem.Writer{Logger: discard}.Write, OrgRoles: members{}}
			for wrapName, w := range allWraps(g) {
				if a := serve(w, request()); a.Code != 500 || a.reached {
					t.Errorf("%s with the principal %s: status %d, reached %v; want 500", wrapName, name, a.Code, a.reached)
				}
			}
		}
	}
}
