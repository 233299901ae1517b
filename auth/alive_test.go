package auth

import (
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/store"
)

// TestAlive is the truth table of live checks: every one of its conditions alone
// makes a token dead.
func TestAlive(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		change func(u *store.User, row *store.Session, c *token.Claims)
		want   bool
	}{
		{"alive", func(*store.User, *store.Session, *token.Claims) {}, true},
		{"disabled", func(u *store.User, _ *store.Session, _ *token.Claims) { u.Disabled = true }, false},
		{"deleted", func(u *store.User, _ *store.Session, _ *token.Claims) { u.DeletedAt = now }, false},
		{"revoked", func(_ *store.User, row *store.Session, _ *token.Claims) { row.RevokedAt = now }, false},
		{"idle for too long", func(_ *store.User, row *store.Session, _ *token.Claims) { row.ExpiresAt = now }, false},
		{"over", func(_ *store.User, row *store.Session, _ *token.Claims) { row.EndsAt = now }, false},
		{"session of another user", func(_ *store.User, row *store.Session, _ *token.Claims) { row.UserID = "v" }, false},
		{"token of another user", func(_ *store.User, _ *store.Session, c *token.Claims) { c.Subject = "v" }, false},
		{"token of another session", func(_ *store.User, _ *store.Session, c *token.Claims) { c.SessionID = "t" }, false},
		{"user in another epoch", func(u *store.User, _ *store.Session, _ *token.Claims) { u.Epoch++ }, false},
		{"session in another epoch", func(_ *store.User, row *store.Session, _ *token.Claims) { row.Epoch-- }, false},
		{"token of another epoch", func(_ *store.User, _ *store.Session, c *token.Claims) { c.Epoch-- }, false},
		{"session and token of an epoch that is over", func(u *store.User, _ *store.Session, _ *token.Claims) { u.Epoch = 9 }, false},
	} {
		u := &store.User{ID: "u", Epoch: 3}
		row := &store.Session{ID: "s", UserID: "u", Epoch: 3, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour)}
		c := &token.Claims{Subject: "u", SessionID: "s", Epoch: 3}
		tt.change(u, row, c)
		if got := alive(u, row, c, now); got != tt.want {
			t.Errorf("%s: alive = %v, want %v", tt.name, got, tt.want)
		}
		if alive(nil, row, c, now) || alive(u, nil, c, now) {
			t.Errorf("%s: alive without a user or a session = true, want false", tt.name)
		}
	}
}
