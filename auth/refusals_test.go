package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// TestRefusalsDoNotFillTheTrail: strangers can be refused as often as they like.
// The log has every time, the audit trail a few a minute.
func TestRefusalsDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	const stranger = "a stranger at the door"
	for kind, send := range map[auth.EventKind]func(c *client) *answer{
		auth.CrossOriginRefused: func(c *client) *answer {
			c.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "User-Agent": {stranger}}
			return c.post("/auth/logout", nil)
		},
		auth.AccessDenied: func(c *client) *answer {
			c.header = http.Header{"User-Agent": {stranger}}
			return c.post("/auth/register", obj{"email": alice, "password": aliceWords})
		},
		auth.CookieAmbiguous: func(c *client) *answer {
			c.header = http.Header{"Cookie": {"aegis_session=a; aegis_session=b"}, "User-Agent": {stranger}}
			return c.get("/auth/me")
		},
		auth.RateLimited: func(c *client) *answer {
			c.header = http.Header{"User-Agent": {stranger}}
			return c.post("/auth/verify-email", obj{"token": "x"})
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, func(c *auth.Config) {
				c.Registration = auth.RegistrationClosed
				c.Limits = auth.Limits{Confirm: []auth.Rate{{Limit: 1, Per: time.Hour}}}
			})
			c := e.client(t)
			entries := func() int {
				if err := e.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				list, err := e.AuditTrail(t.Context(), store.AuditQuery{Kind: string(kind)})
				if err != nil {
					t.Fatal(err)
				}
				return len(list)
			}
			if kind == auth.RateLimited {
				send(c) // the one that is allowed
			}
			for range 50 {
				if a := send(c); a.StatusCode < 400 {
					t.Fatalf("answered %d, want a refusal", a.StatusCode)
				}
			}
			if n := strings.Count(e.log.String(), stranger); n < 50 {
				t.Errorf("the log tells of %d refusals, want all 50", n)
			}
			if n := entries(); n != 10 {
				t.Errorf("the audit trail has %d refusals of one minute, want 10", n)
			}
			e.clock.Advance(time.Minute)
			send(c)
			if n := entries(); n != 11 {
				t.Errorf("the audit trail has %d refusals a minute later, want 11", n)
			}
		})
	}
}

// TestLongPathsAreNotNoted: a token in a path, where it does not belong, is not
// repeated in the log.
func TestLongPathsAreNotNoted(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Roles = auth.DefaultRoles() })
	c := e.client(t)
	raw := refreshCookieOf(t, c.register(alice, aliceWords))
	c.bearer = c.signIn(alice, aliceWords).json(t)["access_token"].(string)
	id := store.NewID(e.clock.Now())
	for _, last := range []string{raw, id} {
		c.want(c.get("/auth/users/"+last), 403)
	}
	log := e.log.String()
	if strings.Contains(log, raw[:40]) || !strings.Contains(log, `"path":"/auth/users/…"`) || !strings.Contains(log, id) {
		t.Errorf("want the ID in the log, and not the token:\n%s", log)
	}
}
