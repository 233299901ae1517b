package openapitest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// otherRegistrations adds what /register answers where not everybody may.
func (w *world) otherRegistrations(t *testing.T) {
	for mode, status := range map[auth.Registration]int{auth.RegistrationPrivate: 202, auth.RegistrationClosed: 403} {
		other := newWorld(t, func(c *auth.Config) { c.Registration = mode })
		other.seen = w.seen
		other.anyone().want(t, status, "POST", "/auth/register", obj{"email": "a@example.com", "password": password})
	}
}

// limited calls every route that counts until it is refused.
func (w *world) limited(t *testing.T) {
	strict := newWorld(t, func(c *auth.Config) {
		one := []auth.Rate{{Limit: 1, Per: time.Hour}}
		c.Limits = auth.Limits{SignIn: one, Register: one, Refresh: one, MailFrom: one, MailTo: one, Confirm: one, OAuth: one, Invites: one}
		c.Providers = w.Config().Providers
	})
	strict.seen = w.seen
	owner := strict.User(t, "user")
	me := strict.as(t, owner)
	c := strict.anyone()
	for _, call := range []struct {
		client       client
		method, path string
		body         any
	}{
		{c, "POST", "/auth/token", url.Values{"username": {"a@example.com"}, "password": {password}}},
		{c, "POST", "/auth/register", obj{"email": "a@example.com", "password": password}},
		{c, "POST", "/auth/password-reset/request", obj{"email": owner.Email}},
		{c, "POST", "/auth/verify-email", obj{"token": "junk"}},
		{c, "POST", "/auth/revoke", obj{"token": "junk"}},
		{c, "GET", "/auth/oauth/oidc/start", nil},
		{c, "GET", "/auth/oauth/oidc/callback", nil},
		{me, "POST", "/auth/oauth/oidc/link", nil},
		{me, "POST", "/auth/email-change/request", obj{"email": "new@example.com"}},
		{client{world: strict, cookies: []*http.Cookie{{Name: "aegis_refresh", Value: strict.Grant(t, owner).RefreshToken}}}, "POST", "/auth/refresh", nil},
	} {
		var rec *httptest.ResponseRecorder
		for range 3 {
			rec = call.client.send(t, call.client.request(t, call.method, call.path, call.body))
		}
		if rec.Code != 429 {
			t.Errorf("%s %s, three times = %d, want 429", call.method, call.path, rec.Code)
		}
	}
	path := "/orgs/" + me.want(t, 201, "POST", "/orgs", obj{"name": "Acme", "slug": "acme"})["id"].(string) + "/invites"
	me.want(t, 201, "POST", path, obj{"email": "a@example.com", "role": "member"})
	me.want(t, 429, "POST", path, obj{"email": "b@example.com", "role": "member"})
}

// entitled returns somebody who may use a route, and its path with what there is.
func (w *world) entitled(t *testing.T, c client, u *store.User, route auth.Route) (client, string) {
	path := strings.ReplaceAll(route.Path(), "{provider}", "oidc")
	switch {
	case strings.HasPrefix(route.Access, "self"):
		path = strings.ReplaceAll(path, "{id}", u.ID)
	case strings.HasPrefix(route.Access, "role:"):
		c = w.as(t, w.User(t, "admin"))
	case strings.HasPrefix(route.Access, "org:"):
		o, err := w.orgs.Create(t.Context(), u.ID, "Acme", "acme-"+strings.ToLower(u.ID[30:]), "")
		if err != nil {
			t.Fatal(err)
		}
		path = strings.ReplaceAll(path, "{org}", o.ID)
	}
	return c, strings.NewReplacer("{id}", "nobody", "{user}", "nobody").Replace(path)
}

// bodies are bad ones, by the status they bring.
var bodies = map[int]string{
	400: "{",
	413: `{"x":"` + strings.Repeat("x", 64<<10) + `"}`,
	422: `{"email":1,"token":1,"username":1,"name":1,"full_name":1,"password":1,"new_password":1,"role":1,"user_id":1,"user_ids":1}`,
}

// fixed are the routes that have nothing to fail with.
var fixed = []string{"config", "jwks", "openapi", "metadata"}

// everywhere has each route refuse what no route accepts.
func (w *world) everywhere(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, route := range slices.Concat(w.Routes(), w.orgs.Routes()) {
		path := strings.NewReplacer("{id}", "nobody", "{org}", "nowhere", "{user}", "nobody", "{provider}", "oidc").Replace(route.Path())
		c, u := w.anyone(), w.User(t, "user")
		signedIn := route.Access != "public"
		if signedIn {
			c.want(t, 401, route.Method(), path, nil)
			c.with("Authorization", "Bearer junk").want(t, 401, route.Method(), path, nil)
			c = w.as(t, u)
			rec := c.send(t, c.request(t, route.Method(), path, nil).WithContext(stopped)) // as if the store did not answer
			if rec.Code != 503 {
				t.Errorf("%s without a store = %d, want 503", route.Pattern, rec.Code)
			}
		}
		if route.Name != "me.delete" { // which needs no body
			c.send(t, c.request(t, route.Method(), path, nil)) // whatever comes, it is documented
		}
		if route.Method() != http.MethodGet {
			cross := w.anyone().with("Sec-Fetch-Site", "cross-site")
			if signedIn {
				cross.cookies = []*http.Cookie{{Name: "aegis_session", Value: c.bearer}}
			}
			cross.want(t, 403, route.Method(), path, nil)
		}
		c, path = w.entitled(t, c, u, route)
		if route.Doc.Request == nil {
			if strings.Contains(path, "nobody") && strings.Contains(route.Access, "role:") {
				c.want(t, 404, route.Method(), path, nil)
			}
			continue
		}
		for status, body := range bodies {
			r := c.request(t, route.Method(), path, obj{})
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			if rec := c.send(t, r); rec.Code != status {
				t.Errorf("%s with %.20s… = %d, want %d", route.Pattern, body, rec.Code, status)
			}
		}
		r := c.request(t, route.Method(), path, obj{"x": "y"})
		r.Header.Set("Content-Type", "text/plain")
		if rec := c.send(t, r); rec.Code != 415 {
			t.Errorf("%s with text/plain = %d, want 415", route.Pattern, rec.Code)
		}
	}
}
