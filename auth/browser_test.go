package auth_test

import (
	"fmt"
	"net/http"
	"testing"
)

// TestWhoIsShownRefreshTokens: programs, also those on the fetch of Node, which
// sends one header of the family that browsers send; and nothing that a page in a
// browser can send.
func TestWhoIsShownRefreshTokens(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for i, tt := range []struct {
		name   string
		header http.Header
		shown  bool
	}{
		{"a program", nil, true},
		{"Node", http.Header{"Sec-Fetch-Mode": {"cors"}, "Accept-Language": {"*"}, "User-Agent": {"node"}}, true},
		{"a page", http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Dest": {"empty"}}, false},
		{"a form", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"none"}, "Sec-Fetch-User": {"?1"}}, false},
		{"a page over plain http, which has no metadata", http.Header{"Origin": {"http://localhost:8000"}}, false},
		{"a page with the referrer withheld", http.Header{"Origin": {"null"}}, false},
		{"a worker", http.Header{"Sec-Fetch-Dest": {"empty"}}, false},
		{"whoever has our cookies", http.Header{"Cookie": {"aegis_device=x"}}, false},
	} {
		email := fmt.Sprintf("u%d@example.com", i)
		program := e.client(t)
		program.register(email, aliceWords)
		raw := program.signIn(email, aliceWords).json(t)["refresh_token"]
		c := e.client(t)
		c.header = tt.header
		a := c.form("/auth/token", "username", email, "password", aliceWords)
		if _, shown := a.json(t)["refresh_token"]; a.StatusCode == 200 && shown != tt.shown {
			t.Errorf("%s is shown a refresh token: %v, want %v", tt.name, shown, tt.shown)
		}
		if a = c.form("/auth/token", "grant_type", "refresh_token", "refresh_token", raw.(string)); (a.StatusCode == 200) != tt.shown {
			t.Errorf("%s refreshes with the grant = %d %s, allowed: want %v", tt.name, a.StatusCode, a.body, tt.shown)
		}
	}
}
