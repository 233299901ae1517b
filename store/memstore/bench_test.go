package memstore_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// BenchmarkRotate shows that an exchange does not cost more with more sessions, but
// for the work of the garbage collector.
func BenchmarkRotate(b *testing.B) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, n := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprint(n, " sessions"), func(b *testing.B) {
			s := filled(b, n, now)
			old, next := make([]byte, 32), make([]byte, 32)
			b.ReportAllocs()
			var i uint64
			for b.Loop() {
				i++
				binary.BigEndian.PutUint64(next, i)
				_, swapped, err := s.Rotate(b.Context(), store.Rotation{SessionID: "0", Old: old, New: next, Now: now, ExpiresAt: now.Add(time.Hour)})
				if err != nil || !swapped {
					b.Fatalf("Rotate swapped = %v, %v, want true, no error", swapped, err)
				}
				copy(old, next)
			}
		})
	}
}

// BenchmarkUserWithSession does so for the read behind a live check.
func BenchmarkUserWithSession(b *testing.B) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, n := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprint(n, " sessions"), func(b *testing.B) {
			s := filled(b, n, now)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.UserWithSession(b.Context(), "0"); err != nil {
					b.Fatalf("UserWithSession = %v, want no error", err)
				}
			}
		})
	}
}

// filled returns a store with n users, each with one session.
func filled(b *testing.B, n int, now time.Time) *memstore.Store {
	b.Helper()
	s := memstore.New()
	for i := range n {
		id := fmt.Sprint(i)
		if err := s.CreateUser(b.Context(), &store.User{ID: id, Email: id}); err != nil {
			b.Fatal(err)
		}
		err := s.CreateSession(b.Context(), &store.Session{ID: id, UserID: id, Hash: make([]byte, 32), ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(time.Hour)})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}
