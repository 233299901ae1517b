package oauthtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

const callbackURL = "https://app.example.com/auth/oauth/oidc/callback"

// visit goes to the provider and back, as an application and a browser would.
func visit(t *testing.T, srv *oauthtest.Server, p oauth.Provider) (*oauth.Identity, error) {
	t.Helper()
	flow := oauth.NewFlow(p.Name(), callbackURL, time.Now())
	address, err := p.AuthCodeURL(t.Context(), flow)
	if err != nil {
		return nil, err
	}
	q := srv.Visit(t, address).Query()
	if !flow.Matches(q.Get("state")) {
		t.Fatal("the provider returned another state")
	}
	return p.Identify(t.Context(), flow, oauth.Callback{Code: q.Get("code"), Issuer: q.Get("iss")})
}

// A test of one's own sign-in: say who signs in, go there and back.
func TestExampleSignIn(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{
		User: oauthtest.User{Email: "grace@example.com", Name: "Grace Hopper"},
	})
	id, err := visit(t, srv, srv.GitHub())
	if err != nil || id.Email != "grace@example.com" || id.Name != "Grace Hopper" {
		t.Errorf("identity = %+v, error %v, want Grace's", id, err)
	}
	if faults := srv.Faults(); len(faults) > 0 {
		t.Errorf("faults = %v, want none", faults)
	}
}

// A test of what happens when the provider is not what it seems.
func TestExampleHostileProvider(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	srv.Play(oauthtest.WrongNonce)
	if _, err := visit(t, srv, srv.OIDC()); !errors.Is(err, oauth.ErrRejected) {
		t.Errorf("error = %v, want ErrRejected", err)
	}
}
