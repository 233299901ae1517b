package main

import (
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
)

func TestOnePageAndItsAPI(t *testing.T) {
	t.Parallel()
	web, err := fs.Sub(source, "web")
	if err != nil {
		t.Fatal(err)
	}
	env := authtest.New(t)
	server := env.Serve(t, handler(env.Service, web))
	signedIn := env.Client(t, server, env.User(t, auth.RoleUser))
	for _, tt := range []struct {
		client *http.Client
		path   string
		status int
		says   string
	}{
		{http.DefaultClient, "/", 200, `src="/src/main.js"`},
		{http.DefaultClient, "/src/main.js", 200, `from "./auth.js"`},
		{http.DefaultClient, "/src/auth.js", 200, "export async function fetchAuth"},
		{http.DefaultClient, "/nothing", 404, ""},
		{http.DefaultClient, "/api/time", 401, "unauthenticated"},
		{signedIn, "/api/time", 200, `"email":"user1@example.com"`},
		{signedIn, "/auth/me", 200, `"email":"user1@example.com"`},
	} {
		response, err := tt.client.Get(server.URL + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != tt.status || !strings.Contains(string(body), tt.says) {
			t.Errorf("GET %s = %d, want %d and %q in\n%s", tt.path, response.StatusCode, tt.status, tt.says, body)
		}
	}
}
