package auth

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// TestCursor: a cursor is read by the list it was made for, as it was made, and
// by services that have its secret, if only as an old one.
func TestCursor(t *testing.T) {
	t.Parallel()
	service := func(secrets ...string) *Service {
		s := new(Service)
		for _, secret := range secrets {
			s.cursors = append(s.cursors, deriveKey([]byte(secret), labelCursor))
		}
		return s
	}
	s := service("a secret")
	want := store.Cursor{At: time.UnixMicro(1772366400123456).UTC(), ID: "019ca945-0a00-7e8d-86ba-d81696219208"}
	text := s.SealCursor("users", want)
	for name, reader := range map[string]*Service{"the service": s, "one with a new secret": service("new", "a secret")} {
		if got, ok := reader.openCursor("users", text); !ok || got != want {
			t.Errorf("openCursor(%s) = %v, %v, want %v, true", name, got, ok, want)
		}
	}
	for name, purpose := range map[string]string{"another list": "audit", "no list": "", "a longer name": "users\x00"} {
		if _, ok := s.openCursor(purpose, text); ok {
			t.Errorf("openCursor(%s) = true, want false", name)
		}
	}
	if _, ok := service("another").openCursor("users", text); ok {
		t.Error("openCursor(another secret) = true, want false")
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		changed := append([]byte(nil), data...)
		changed[i] ^= 1
		if _, ok := s.openCursor("users", base64.RawURLEncoding.EncodeToString(changed)); ok {
			t.Errorf("openCursor(byte %d changed) = true, want false", i)
		}
		if _, ok := s.openCursor("users", base64.RawURLEncoding.EncodeToString(data[:i])); ok {
			t.Errorf("openCursor(cut to %d bytes) = true, want false", i)
		}
	}
}
