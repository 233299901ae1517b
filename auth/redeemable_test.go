package auth

import (
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// TestRedeemable is the truth table of one-time tokens: which still count when the
// account has changed since they were issued.
func TestRedeemable(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*store.User){
		"nothing":  func(*store.User) {},
		"address":  func(u *store.User) { u.Email = "new@example.com" },
		"epoch":    func(u *store.User) { u.Epoch++ },
		"disabled": func(u *store.User) { u.Disabled = true },
		"deleted":  func(u *store.User) { u.DeletedAt = time.Unix(1, 0) },
	}
	for _, tt := range []struct {
		purpose store.Purpose
		sent    string   // the address it was issued for
		good    []string // after which changes it still counts
	}{
		{store.PurposeVerifyEmail, "old@example.com", []string{"nothing", "epoch"}},
		{store.PurposeResetPassword, "old@example.com", []string{"nothing"}},
		{store.PurposeChangeEmail, "other@example.com", []string{"nothing", "address"}},
		{"unheard-of", "old@example.com", nil},
	} {
		want := make(map[string]bool)
		for _, name := range tt.good {
			want[name] = true
		}
		for name, change := range changes {
			u := &store.User{ID: "u", Email: "old@example.com", Epoch: 3}
			change(u)
			token := &store.OneTimeToken{Purpose: tt.purpose, UserID: "u", Email: tt.sent, Epoch: 3}
			if got := redeemable(token, u); got != want[name] {
				t.Errorf("redeemable(%s, after a change of %s) = %v, want %v", tt.purpose, name, got, want[name])
			}
		}
	}
}
