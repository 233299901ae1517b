package auth_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

const otherWords = "purple monkey dishwasher"

// user returns the account with that address.
func (e *env) user(tb testing.TB, email string) *store.User {
	tb.Helper()
	u, err := e.Config().Store.UserByEmail(tb.Context(), email)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// TestPasswordIsChangedByWhoKnowsIt: a session alone does not set a password.
func TestPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t)
	b.register(alice, aliceWords)
	for _, tt := range []struct {
		name   string
		body   obj
		status int
		code   string
	}{
		{"no current password", obj{"new_password": otherWords}, 422, "validation_failed"},
		{"an empty one", obj{"current_password": "", "new_password": otherWords}, 401, "invalid_credentials"},
		{"another one", obj{"current_password": otherWords, "new_password": otherWords}, 401, "invalid_credentials"},
	} {
		if a := b.post("/auth/password", tt.body); a.StatusCode != tt.status || a.code(t) != tt.code {
			t.Errorf("change with %s = %d %s, want %d %s", tt.name, a.StatusCode, a.body, tt.status, tt.code)
		}
	}
	e.client(t).signIn(alice, aliceWords)
	b.want(b.post("/auth/password", obj{"current_password": aliceWords, "new_password": otherWords}), 200)
	e.client(t).signIn(alice, otherWords)
}

// TestPasswordChangeIsOvertaken: a password that was proved and is another one by
// the time of the write is not written over, nor is that of an account which was
// shut meanwhile.
func TestPasswordChangeIsOvertaken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		meanwhile func(ctx context.Context, e *env, u *store.User) error
	}{
		{"the password is reset", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.ResetPassword(ctx, e.link(t, u, store.PurposeResetPassword, u.Email), "a third set of words")
			return err
		}},
		{"the account is deactivated", func(ctx context.Context, e *env, u *store.User) error {
			_, err := e.SetDisabled(ctx, u.ID, true)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var meanwhile func() error // happens once the account was read
			e := newEnv(t, func(c *auth.Config) {
				c.Passwords.Check = func(context.Context, string, *store.User) error {
					if f := meanwhile; f != nil {
						meanwhile = nil
						return f()
					}
					return nil
				}
			})
			e.client(t).register(alice, aliceWords)
			u := e.user(t, alice)
			meanwhile = func() error {
				if err := tt.meanwhile(t.Context(), e, u); err != nil {
					t.Error(err)
				}
				return nil
			}
			_, err := e.ChangePassword(t.Context(), u.ID, aliceWords, otherWords, "")
			if !errors.Is(err, auth.ErrWrongPassword) {
				t.Errorf("ChangePassword(overtaken) = %v, want %v", err, auth.ErrWrongPassword)
			}
			if _, err := e.SetDisabled(t.Context(), u.ID, false); err != nil {
				t.Fatal(err)
			}
			if a := e.client(t).form("/auth/token", "username", alice, "password", otherWords); a.StatusCode == 200 {
				t.Error("the overtaken password signs in")
			}
		})
	}
}

// TestOnlyTheUsersSessionIsKept: who follows a link in a browser that is signed in
// as somebody else, or by a session that is over, does not become its user.
func TestOnlyTheUsersSessionIsKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		purpose store.Purpose
		path    string
		email   string // what the token is issued for
	}{
		{store.PurposeVerifyEmail, "/auth/verify-email", alice},
		{store.PurposeChangeEmail, "/auth/email-change/confirm", "alice@example.org"},
	} {
		t.Run(string(tt.purpose), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.client(t).register(alice, aliceWords)
			mallory := e.browser(t)
			mallory.register("mallory@example.com", aliceWords)
			raw := e.link(t, e.user(t, alice), tt.purpose, tt.email)
			a := mallory.want(mallory.post(tt.path, obj{"token": raw}), 200)
			if a.cookie("aegis_session") != nil || a.cookie("aegis_refresh") != nil {
				t.Errorf("the link sets the cookies %v in a stranger's browser, want none", a.Cookies())
			}
			if a := mallory.get("/auth/me"); a.StatusCode != 200 || a.json(t)["email"] != "mallory@example.com" {
				t.Errorf("the stranger's session after the link = %d %s, want the stranger's", a.StatusCode, a.body)
			}
		})
	}
	t.Run("a session of an epoch that is over", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t, func(c *auth.Config) { c.Store = untidy{memstore.New()} })
		before := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
		sessions, err := e.Config().Store.ListSessions(t.Context(), e.user(t, alice).ID)
		if err != nil || len(sessions) != 1 {
			t.Fatalf("ListSessions = %v, %v, want one", sessions, err)
		}
		if _, err := e.ChangePassword(t.Context(), e.user(t, alice).ID, aliceWords, otherWords, ""); err != nil {
			t.Fatal(err)
		}
		raw := e.link(t, e.user(t, alice), store.PurposeVerifyEmail, alice)
		if _, err := e.VerifyEmail(t.Context(), raw, sessions[0].ID); err != nil {
			t.Fatal(err)
		}
		if a := e.refreshWith(t, before); a.StatusCode != 401 {
			t.Errorf("the session that the new password ended = %d %s, want 401", a.StatusCode, a.body)
		}
	})
}

// attemptsFail is a store of attempts that does not answer while down.
type attemptsFail struct {
	store.AttemptStore
	down bool
}

func (s *attemptsFail) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	if s.down {
		return store.Attempts{}, errors.New("disk full")
	}
	return s.AttemptStore.UpdateAttempts(ctx, key, change)
}

// TestUncountedGuessesAreNoGuesses: where an attempt cannot be counted, no password
// is looked at, or guessing would be free for as long as the trouble lasts.
func TestUncountedGuessesAreNoGuesses(t *testing.T) {
	t.Parallel()
	attempts := &attemptsFail{AttemptStore: memstore.New()}
	e := newEnv(t, func(c *auth.Config) { c.Attempts = attempts; c.Limits = auth.Limits{} })
	e.client(t).register(alice, aliceWords)
	u := e.user(t, alice)
	attempts.down = true
	for _, password := range []string{aliceWords, otherWords} {
		if _, err := e.ChangePassword(t.Context(), u.ID, password, "a third set of words", ""); !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("ChangePassword(uncounted) = %v, want %v", err, auth.ErrUnavailable)
		}
	}
}

// overtaken lets something happen once, after a link was taken and its account read.
type overtaken struct {
	*memstore.Store
	meanwhile func()
}

func (s *overtaken) SessionByID(ctx context.Context, id string) (*store.Session, error) {
	if f := s.meanwhile; f != nil {
		s.meanwhile = nil
		f()
	}
	return s.Store.SessionByID(ctx, id)
}

// TestLinksAreOvertaken: a link that is void by the time of the write changes
// nothing, although it was good when it was looked at.
func TestLinksAreOvertaken(t *testing.T) {
	t.Parallel()
	const newEmail = "alice@example.org"
	for _, tt := range []struct {
		purpose store.Purpose
		email   string // what the link is issued for
		follow  func(ctx context.Context, e *env, raw string) error
	}{
		{store.PurposeVerifyEmail, alice, func(ctx context.Context, e *env, raw string) error {
			_, err := e.VerifyEmail(ctx, raw, "a session")
			return err
		}},
		{store.PurposeChangeEmail, newEmail, func(ctx context.Context, e *env, raw string) error {
			_, err := e.ConfirmEmailChange(ctx, raw, "a session")
			return err
		}},
		{store.PurposeResetPassword, alice, func(ctx context.Context, e *env, raw string) error {
			_, err := e.ResetPassword(ctx, raw, otherWords)
			return err
		}},
	} {
		t.Run(string(tt.purpose), func(t *testing.T) {
			t.Parallel()
			st := &overtaken{Store: memstore.New()}
			e := newEnv(t, func(c *auth.Config) {
				c.Store = st
				c.Passwords.Check = func(_ context.Context, _ string, u *store.User) error {
					if f := st.meanwhile; f != nil && u != nil && u.ID != "" { // a reset has read the account
						st.meanwhile = nil
						f()
					}
					return nil
				}
			})
			e.client(t).register(alice, aliceWords)
			u := e.user(t, alice)
			raw := e.link(t, u, tt.purpose, tt.email)
			happened := false
			st.meanwhile = func() {
				happened = true
				if _, err := e.SetDisabled(t.Context(), u.ID, true); err != nil {
					t.Error(err)
				}
			}
			if err := tt.follow(t.Context(), e, raw); !errors.Is(err, auth.ErrInvalidToken) || !happened {
				t.Errorf("a link of an account that is shut meanwhile (%v) = %v, want %v", happened, err, auth.ErrInvalidToken)
			}
			after := e.user(t, alice)
			if after.EmailVerified || after.Email != alice || after.PasswordHash != u.PasswordHash {
				t.Errorf("the void link changed the account: verified %v, address %s", after.EmailVerified, after.Email)
			}
		})
	}
}
