package auth_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// untidy cannot end sessions one by one: only the epoch that all of them carry is
// left to do it.
type untidy struct{ *memstore.Store }

func (untidy) RevokeSessions(context.Context, string, string, time.Time) (int, error) {
	return 0, errors.New("disk full")
}

// link issues a one-time token for u.
func (e *env) link(tb testing.TB, u *store.User, p store.Purpose, email string) (raw string) {
	tb.Helper()
	raw, hash := auth.NewOneTimeSecret(string(p))
	now := e.clock.Now()
	err := e.Config().Store.PutOneTime(tb.Context(), &store.OneTimeToken{Hash: hash, Purpose: p, UserID: u.ID,
		Email: email, Epoch: u.Epoch, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// TestEndedSessionsStayEnded: what ends the sessions of an account ends them by the
// write of the account itself. They do not live on where the store fails to tidy
// them up, and do not come back when somebody is let in again.
func TestEndedSessionsStayEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(ctx context.Context, e *env, u *store.User) error
	}{
		{"the password is changed", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.ChangePassword(ctx, u.ID, aliceWords, otherWords, "")
			return err
		}},
		{"the password is reset", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.ResetPassword(ctx, e.link(t, u, store.PurposeResetPassword, u.Email), otherWords)
			return err
		}},
		{"the address is verified", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.VerifyEmail(ctx, e.link(t, u, store.PurposeVerifyEmail, u.Email), "")
			return err
		}},
		{"the address is changed", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.ConfirmEmailChange(ctx, e.link(t, u, store.PurposeChangeEmail, "alice@example.org"), "")
			return err
		}},
		{"the account is deactivated, and activated", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.SetDisabled(ctx, u.ID, true)
			_, err2 := e.SetDisabled(ctx, u.ID, false)
			return errors.Join(err, err2)
		}},
		{"the account is deleted, and restored", func(ctx context.Context, e *env, u *store.User) error {
			err := e.DeleteUser(ctx, u.ID, false)
			_, err2 := e.RestoreUser(ctx, u.ID)
			return errors.Join(err, err2)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, func(c *auth.Config) { c.Store = untidy{memstore.New()} })
			before := e.client(t).register(alice, aliceWords)
			u := e.user(t, alice)
			if err := tt.end(t.Context(), e, u); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			c := e.client(t)
			c.bearer = before.cookie("aegis_session").Value
			if a := c.get("/auth/me"); a.StatusCode != 401 {
				t.Errorf("access token from before = %d %s, want 401", a.StatusCode, a.body)
			}
			if a := e.refreshWith(t, refreshCookieOf(t, before)); a.StatusCode != 401 {
				t.Errorf("refresh token from before = %d %s, want 401", a.StatusCode, a.body)
			}
		})
	}
}
