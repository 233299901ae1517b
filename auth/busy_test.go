package auth

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// A sign-in whose password nobody looked at counts against nobody: neither the
// account nor the address is blocked when the service is no longer busy.
func TestBusySignInsCountAgainstNobody(t *testing.T) {
	t.Parallel()
	st := memstore.New()
	s, err := New(Config{
		Store: st, Secret: []byte("qU0vfJ1mZx7Lr3cT9bWn5sYd2hKe8gPa"), BaseURL: "http://localhost:8000/auth",
		Hasher: InsecureBcrypt(4), Now: func() time.Time { return limitStart },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	u := &store.User{Email: "test@example.com", EmailVerified: true, PasswordHash: hashOf(t, 4, "secure123")}
	if err := st.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	d := Device{IP: netip.MustParseAddr("192.0.2.1")}

	g := s.passwords.gate
	for g.free > 0 {
		if err := g.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	queue := g.maxQueue
	g.maxQueue = 0
	for range 150 {
		_, err := s.SignIn(t.Context(), u.Email, "secure123", d)
		if !errors.Is(err, ErrBusy) || problem.From(err).Status != 503 {
			t.Fatalf("SignIn while busy = %v, want %v", err, ErrBusy)
		}
	}
	g.maxQueue = queue
	g.release()
	if _, err := s.SignIn(t.Context(), u.Email, "secure123", d); err != nil {
		t.Errorf("SignIn afterwards = %v, want nil", err)
	}
}
