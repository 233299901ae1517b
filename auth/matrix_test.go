package auth_test

import (
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// matrixActors are everybody who may send a request: nobody, a user, the user the
// request is about, a moderator, an administrator, and somebody who was an
// administrator until a moment ago.
var matrixActors = []string{"anonymous", "user", "self", "moderator", "admin", "demoted"}

// matrix says what each route answers to each actor, in the order of
// matrixActors.
var matrix = map[string][6]int{
	"register":               {201, 201, 201, 201, 201, 201},
	"token":                  {200, 200, 200, 200, 200, 200},
	"refresh":                {401, 401, 401, 401, 401, 401}, // bearer tokens bring no refresh cookie
	"logout":                 {401, 200, 200, 200, 200, 200},
	"revoke":                 {200, 200, 200, 200, 200, 200},
	"me":                     {401, 200, 200, 200, 200, 200},
	"me.update":              {401, 200, 200, 200, 200, 200},
	"me.delete":              {401, 204, 204, 204, 409, 204}, // the last administrator stays
	"password.change":        {401, 200, 200, 200, 200, 200},
	"password.request_reset": {202, 202, 202, 202, 202, 202},
	"password.reset":         {400, 400, 400, 400, 400, 400}, // no token
	"email.verify":           {400, 400, 400, 400, 400, 400},
	"email.resend":           {401, 200, 200, 200, 200, 200},
	"email.request_change":   {401, 202, 202, 202, 202, 202},
	"email.change":           {400, 400, 400, 400, 400, 400},
	"sessions":               {401, 200, 200, 200, 200, 200},
	"sessions.revoke":        {401, 404, 404, 404, 404, 404}, // somebody else's
	"sessions.revoke_others": {401, 200, 200, 200, 200, 200},
	"reauthenticate":         {401, 200, 200, 200, 200, 200},
	"config":                 {200, 200, 200, 200, 200, 200},
	"jwks":                   {200, 200, 200, 200, 200, 200},
	"metadata":               {200, 200, 200, 200, 200, 200},
	"openapi":                {200, 200, 200, 200, 200, 200},
	"oauth.start":            {503, 503, 503, 503, 503, 503}, // not configured
	"oauth.callback":         {503, 503, 503, 503, 503, 503},
	"oauth.link":             {401, 503, 503, 503, 503, 503},
	"oauth.connections":      {401, 200, 200, 200, 200, 200},
	"oauth.disconnect":       {401, 404, 404, 404, 404, 404},
	"users":                  {401, 403, 403, 200, 200, 403},
	"users.create":           {401, 403, 403, 403, 201, 403},
	"users.get":              {401, 403, 200, 403, 200, 403},
	"users.update":           {401, 403, 200, 403, 200, 403},
	"users.set_role":         {401, 403, 403, 403, 200, 403},
	"users.deactivate":       {401, 403, 403, 403, 200, 403},
	"users.activate":         {401, 403, 403, 403, 200, 403},
	"users.delete":           {401, 403, 403, 403, 204, 403},
	"users.restore":          {401, 403, 403, 403, 404, 403}, // not deleted
	"users.revoke_sessions":  {401, 403, 403, 403, 204, 403},
	"users.unlock":           {401, 403, 403, 403, 204, 403},
	"audit":                  {401, 403, 403, 403, 200, 403},
}

var matrixBodies = map[string]obj{
	"register":               {"email": "new@example.com", "password": aliceWords},
	"me.update":              {"full_name": "New Name"},
	"users.update":           {"full_name": "New Name"},
	"password.change":        {"current_password": aliceWords, "new_password": "quite another one"},
	"password.request_reset": {"email": alice},
	"password.reset":         {"token": "x", "new_password": "quite another one"},
	"email.request_change":   {"email": "other@example.com"},
	"reauthenticate":         {"password": aliceWords},
	"me.delete":              {"password": aliceWords},
	"users.create":           {"email": "made@example.com", "role": "user"},
	"users.set_role":         {"role": "moderator"},
	"token":                  {"username": "target@example.com", "password": aliceWords},
	"revoke":                 {"token": "x"},
}

// TestMatrix calls every route as everybody and compares with the table.
func TestMatrix(t *testing.T) {
	t.Parallel()
	routes := newEnv(t, withEverything).Routes()
	if len(routes) != len(matrix) {
		t.Errorf("%d routes and %d rows in the table", len(routes), len(matrix))
	}
	for _, route := range routes {
		want, ok := matrix[route.Name]
		if !ok {
			t.Errorf("route %s is not in the table", route.Name)
			continue
		}
		t.Run(route.Name, func(t *testing.T) {
			t.Parallel()
			for i, actor := range matrixActors {
				c, target := matrixWorld(t, actor)
				body := matrixBodies[route.Name]
				if body == nil {
					body = obj{}
				}
				path := strings.NewReplacer("{id}", target, "{provider}", "github").Replace(route.Path())
				if route.Name == "sessions.revoke" {
					sessions, err := c.e.Sessions(t.Context(), target)
					if err != nil || len(sessions) == 0 {
						t.Fatalf("sessions of the target = %v, %v", sessions, err)
					}
					path = "/auth/sessions/" + sessions[0].ID
					if actor == "self" {
						path = "/auth/sessions/" + store.NewID(c.e.clock.Now())
					}
				}
				if a := c.send(route.Method(), path, body); a.StatusCode != want[i] {
					t.Errorf("%s as %s = %d, want %d\n%s", route.Pattern, actor, a.StatusCode, want[i], a.body)
				}
			}
		})
	}
}

// withEverything configures all that brings routes.
func withEverything(c *auth.Config) {
	c.Roles = auth.DefaultRoles()
	c.Providers = []oauth.Provider{oauth.GitHub("", "")}
}

// matrixWorld makes a user, the target, and a client signed in as actor.
func matrixWorld(t *testing.T, actor string) (c *client, target string) {
	t.Helper()
	e := newEnv(t, withEverything)
	c = e.client(t)
	make := func(email, role string) string {
		u, err := e.NewAccount(t.Context(), auth.Registrant{Email: email, Password: aliceWords}, role)
		if err != nil {
			t.Fatal(err)
		}
		return u.ID
	}
	target = make("target@example.com", "user")
	grant := c.signIn("target@example.com", aliceWords).json(t)
	switch actor {
	case "self":
		make("boss@example.com", "admin")
		c.bearer = grant["access_token"].(string)
	case "user", "moderator", "admin":
		make("actor@example.com", actor)
	case "demoted":
		make("boss@example.com", "admin")
		make("actor@example.com", "admin")
	}
	if actor != "anonymous" && actor != "self" {
		grant := c.signIn("actor@example.com", aliceWords).json(t)
		c.bearer = grant["access_token"].(string)
	}
	if actor == "demoted" {
		u, err := e.Config().Store.UserByEmail(t.Context(), "actor@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.SetRole(t.Context(), u.ID, "user"); err != nil {
			t.Fatal(err)
		}
	}
	return c, target
}

// TestNobodyChangesTheirOwnRole: not even one administrator of two.
func TestNobodyChangesTheirOwnRole(t *testing.T) {
	t.Parallel()
	c, target := matrixWorld(t, "admin")
	if _, err := c.e.SetRole(t.Context(), target, "admin"); err != nil {
		t.Fatal(err)
	}
	me := c.get("/auth/me").json(t)["id"].(string)
	a := c.send("PATCH", "/auth/users/"+me+"/role", obj{"role": "user"})
	if a.StatusCode != 403 || a.code(t) != "own_role" {
		t.Errorf("change of one's own role = %d %s, want 403 own_role", a.StatusCode, a.body)
	}
	c.want(c.send("PATCH", "/auth/users/"+target+"/role", obj{"role": "user"}), 200)
}

// TestNoAdministrationWithoutRoles: without roles the routes are not there.
func TestNoAdministrationWithoutRoles(t *testing.T) {
	t.Parallel()
	with := newEnv(t, func(c *auth.Config) { c.Roles = auth.DefaultRoles() })
	without := newEnv(t)
	c := without.client(t)
	c.register(alice, aliceWords)
	c.bearer = c.signIn(alice, aliceWords).json(t)["access_token"].(string)
	for _, r := range with.Routes() {
		if !strings.HasPrefix(r.Name, "users") && r.Name != "audit" {
			continue
		}
		for _, bearer := range []string{"", c.bearer} {
			c := without.client(t)
			c.bearer = bearer
			path := strings.ReplaceAll(r.Path(), "{id}", "x")
			if a := c.send(r.Method(), path, obj{}); a.StatusCode != 404 {
				t.Errorf("%s without roles = %d, want 404", r.Pattern, a.StatusCode)
			}
		}
	}
}

// TestPrivilegedNamesInBodiesAreIgnored writes every privileged name wherever
// something can be written.
func TestPrivilegedNamesInBodiesAreIgnored(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Roles = auth.DefaultRoles() })
	evil := obj{"role": "admin", "is_active": false, "is_verified": true, "id": "x", "org_id": "x", "created_at": "2001-01-01T00:00:00Z",
		"permissions": []string{"users:write"}, "password_hash": "x", "epoch": 7, "version": 7, "metadata": nil}
	body := obj{"email": alice, "password": aliceWords, "full_name": "Alice"}
	for k, v := range evil {
		body[k] = v
	}
	c := e.client(t)
	u := c.want(c.post("/auth/register", body), 201).json(t)
	if u["role"] != "user" || u["is_active"] != true || u["is_verified"] != false || u["id"] == "x" {
		t.Errorf("register with privileged names = %v", u)
	}
	c.bearer = c.signIn(alice, aliceWords).json(t)["access_token"].(string)
	evil["full_name"] = "Alice L."
	for _, path := range []string{"/auth/me", "/auth/users/" + u["id"].(string)} {
		got := c.want(c.send("PATCH", path, evil), 200).json(t)
		if got["role"] != "user" || got["is_active"] != true || got["is_verified"] != false || got["id"] != u["id"] || got["full_name"] != "Alice L." {
			t.Errorf("PATCH %s with privileged names = %v", path, got)
		}
	}
}
