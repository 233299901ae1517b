package main

import (
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/auth/token"
)

func TestTokensOfTheFirstServiceOpenTheSecond(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := token.PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := token.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	first := httptest.NewUnstartedServer(nil)
	issuer := "http://" + first.Listener.Addr().String() + "/auth"
	env := authtest.New(t, func(c *auth.Config) { c.BaseURL, c.Keys, c.Now = issuer, ring, time.Now })
	first.Config.Handler = env.Mux()
	first.Start()
	defer first.Close()

	second := handler(issuer)
	for role, want := range map[string]int{"admin": 200, "user": 403, "": 401} {
		r := httptest.NewRequest(http.MethodGet, "/reports", nil)
		if role != "" {
			env.As(r, env.User(t, role))
		}
		w := httptest.NewRecorder()
		second.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("as %q = %d, want %d", role, w.Code, want)
		}
	}
}
