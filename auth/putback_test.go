package auth_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// failsToUpdate cannot write users for a while.
type failsToUpdate struct {
	*memstore.Store
	failing bool
}

func (s *failsToUpdate) UpdateUser(ctx context.Context, u *store.User) error {
	if s.failing {
		return errors.New("disk full")
	}
	return s.Store.UpdateUser(ctx, u)
}

// TestTroubleLeavesTheLinkGood: a reset that fails through no fault of its holder
// does not use the link up.
func TestTroubleLeavesTheLinkGood(t *testing.T) {
	t.Parallel()
	st := &failsToUpdate{Store: memstore.New()}
	e := newEnv(t, func(c *auth.Config) { c.Store = st })
	e.client(t).register(alice, aliceWords)
	u, err := st.UserByEmail(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	raw := e.link(t, u, store.PurposeResetPassword, u.Email)
	st.failing = true
	if _, err := e.ResetPassword(t.Context(), raw, "purple monkey dishwasher"); !errors.Is(err, auth.ErrUnavailable) {
		t.Fatalf("ResetPassword(store in trouble) = %v, want %v", err, auth.ErrUnavailable)
	}
	st.failing = false
	if _, err := e.ResetPassword(t.Context(), raw, "purple monkey dishwasher"); err != nil {
		t.Errorf("ResetPassword(same link, trouble over) = %v, want nil", err)
	}
	if _, err := e.ResetPassword(t.Context(), raw, "purple monkey dishwasher"); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("ResetPassword(link used) = %v, want %v", err, auth.ErrInvalidToken)
	}
}
