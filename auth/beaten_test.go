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

// outrun lets something happen right before a rotation, once.
type outrun struct {
	*memstore.Store
	before func()
	seen   []store.Rotation
}

func (s *outrun) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	s.seen = append(s.seen, r)
	return s.Store.Rotate(ctx, r)
}

// TestBeatenRotation: who read the live token and is beaten to the exchange gets
// what the winner got, and not what it made itself.
func TestBeatenRotation(t *testing.T) {
	t.Parallel()
	st := &outrun{Store: memstore.New()}
	e := newEnv(t, func(c *auth.Config) { c.Store = st })
	raw := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	var winner string
	st.before = func() { winner = refreshCookieOf(t, e.refreshWith(t, raw)) }
	beaten := refreshCookieOf(t, e.refreshWith(t, raw))
	if winner == "" || beaten != winner {
		t.Fatalf("who was beaten got %q, want %q as the winner", beaten, winner)
	}
	if a := e.refreshWith(t, beaten); a.StatusCode != 200 {
		t.Errorf("refresh with what both got = %d %s, want 200", a.StatusCode, a.body)
	}
}

// TestRotationsStayWithinTheSession: the idle limit that a rotation asks for never
// passes the end of the session.
func TestRotationsStayWithinTheSession(t *testing.T) {
	t.Parallel()
	st := &outrun{Store: memstore.New()}
	e := newEnv(t, func(c *auth.Config) { c.Store = st })
	raw := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	ends := e.clock.Now().Add(30 * 24 * time.Hour)
	for range 2 {
		e.clock.Advance(13 * 24 * time.Hour)
		raw = refreshCookieOf(t, e.refreshWith(t, raw))
	}
	if len(st.seen) != 2 {
		t.Fatalf("%d rotations were asked for, want 2", len(st.seen))
	}
	last := st.seen[1]
	if !last.ExpiresAt.Equal(ends) {
		t.Errorf("on day 26 the idle limit becomes %v, want the end of the session, %v", last.ExpiresAt, ends)
	}
}

// TestStartSessionIsForActiveUsers: whatever proved who somebody is, who may not
// sign in gets no session.
func TestStartSessionIsForActiveUsers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.client(t).register(alice, aliceWords)
	u, err := e.Config().Store.UserByEmail(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*store.User){
		"disabled": func(u *store.User) { u.Disabled = true },
		"deleted":  func(u *store.User) { u.DeletedAt = e.clock.Now() },
	} {
		out := *u
		change(&out)
		if g, err := e.StartSession(t.Context(), &out, "elsewhere", auth.Device{}); !errors.Is(err, auth.ErrInvalidCredentials) {
			t.Errorf("StartSession(%s user) = %v, %v, want %v", name, g, err, auth.ErrInvalidCredentials)
		}
	}
}
