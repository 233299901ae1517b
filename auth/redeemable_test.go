package auth

import (
	"bytes"
	"crypto/sha256"
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

// TestSecretsAreOfOneKind: a secret that is stored as a hash is nothing under the
// label of another kind or purpose.
func TestSecretsAreOfOneKind(t *testing.T) {
	t.Parallel()
	raw, hash := NewOneTimeSecret("reset_password")
	if got, ok := HashOneTimeSecret("reset_password", raw); !ok || !bytes.Equal(got, hash) {
		t.Errorf("HashOneTimeSecret(same purpose) = %x, %v, want %x, true", got, ok, hash)
	}
	for _, label := range []string{"verify_email", "change_email", "invite", ""} {
		if got, ok := HashOneTimeSecret(label, raw); !ok || bytes.Equal(got, hash) {
			t.Errorf("HashOneTimeSecret(%q) = %x, %v, want another hash and true", label, got, ok)
		}
	}
	secret := newRefreshSecret()
	refresh, oneTime := refreshToken{secret: secret}.hash(), hashSecret(hashOneTime+"reset_password:", secret[:])
	if plain := sha256.Sum256(secret[:]); bytes.Equal(refresh, oneTime) || bytes.Equal(refresh, plain[:]) {
		t.Error("a refresh token is stored like a one-time token or without a label")
	}
}
