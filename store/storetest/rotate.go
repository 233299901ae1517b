package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// loses notes a mistake unless r makes no exchange and gives the session want,
// which is also what the store holds afterwards.
func (t *probe) loses(r store.Rotation, want *store.Session, what string) {
	t.Helper()
	got, swapped, err := t.Rotate(t.ctx, r)
	t.must(err, "Rotate(%s)", what)
	if swapped {
		t.Errorf("Rotate(%s) swapped = true, want false", what)
	}
	t.same(got, want, "Rotate(%s)", what)
	t.same(t.readSession(r.SessionID), want, "SessionByID(after Rotate(%s))", what)
}

// wins notes a mistake unless r makes the exchange, and returns the session.
func (t *probe) wins(r store.Rotation, what string) *store.Session {
	t.Helper()
	got, swapped, err := t.Rotate(t.ctx, r)
	t.must(err, "Rotate(%s)", what)
	if !swapped {
		t.Errorf("Rotate(%s) swapped = false, want true", what)
	}
	return got
}

func rotateCases() []testCase {
	return []testCase{
		{proves: "Rotate exchanges the secret and changes what it says, nothing else", run: func(t *probe) {
			s := t.session(t.user(), func(s *store.Session) { s.Generation = 6 })
			r := t.rotation(s)
			want := rotated(s, r)
			t.same(t.wins(r, "the live hash"), want, "Rotate")
			t.same(t.readSession(s.ID), want, "SessionByID")
		}},
		{proves: "Rotate can empty Sealed, UserAgent and IP", run: func(t *probe) {
			s := t.session(t.user(), func(s *store.Session) { s.Sealed = t.hash() })
			r := t.rotation(s, func(r *store.Rotation) { r.Sealed, r.UserAgent, r.IP = nil, "", "" })
			want := rotated(s, r)
			t.same(t.wins(r, "no Sealed"), want, "Rotate")
			t.same(t.readSession(s.ID), want, "SessionByID")
		}},
		{proves: "Rotate moves a session many times, one generation each", run: func(t *probe) {
			s := t.session(t.user())
			for range 10 {
				r := t.rotation(s)
				want := rotated(s, r)
				s = t.wins(r, "the live hash")
				t.same(s, want, "Rotate")
			}
			if s.Generation != 10 {
				t.Errorf("Generation = %d after 10 rotations, want 10", s.Generation)
			}
		}},
		{proves: "Rotate makes no exchange for a secret that is spent", run: func(t *probe) {
			s := t.session(t.user())
			first := t.rotation(s)
			s = t.wins(first, "first time")
			t.loses(first, s, "second time")
			s2 := t.wins(t.rotation(s), "the next secret")
			t.loses(t.rotation(s, func(r *store.Rotation) { r.Old = s.Hash }), s2, "PrevHash")
			t.loses(first, s2, "the one before PrevHash")
		}},
		{proves: "Rotate makes no exchange for a hash that is not the live one", run: func(t *probe) {
			s := t.session(t.user())
			for _, old := range [][]byte{
				nil, {}, t.hash(), s.Hash[:31], append(slices.Clone(s.Hash), 0), make([]byte, 32),
			} {
				t.loses(t.rotation(s, func(r *store.Rotation) { r.Old = old }), s, "another hash")
			}
			t.wins(t.rotation(s), "the live hash")
		}},
		{proves: "Rotate makes no exchange for the live hash of another session", run: func(t *probe) {
			u := t.user()
			s, other := t.session(u), t.session(u)
			t.loses(t.rotation(s, func(r *store.Rotation) { r.Old = other.Hash }), s, "the other's hash")
			t.same(t.readSession(other.ID), other, "SessionByID(the other)")
		}},
		{proves: "Rotate moves no other session, not even one with the same hash", run: func(t *probe) {
			u := t.user()
			s := t.session(u)
			other := t.session(u, func(o *store.Session) { o.Hash = s.Hash })
			t.wins(t.rotation(s), "the live hash")
			t.same(t.readSession(other.ID), other, "SessionByID(the other)")
		}},
		{proves: "Rotate makes no exchange in a session that is revoked", run: func(t *probe) {
			s := t.session(t.user())
			t.must(t.RevokeSession(t.ctx, s.ID, start.AddDate(1, 0, 0)), "RevokeSession")
			s.RevokedAt = start.AddDate(1, 0, 0) // even though that is after r.Now
			t.loses(t.rotation(s), s, "revoked")
		}},
		{proves: "Rotate makes no exchange from the very moment of ExpiresAt on", run: func(t *probe) {
			s := t.session(t.user())
			for _, late := range []time.Duration{0, time.Microsecond, 1000 * time.Hour} {
				r := t.rotation(s, func(r *store.Rotation) { r.Now = s.ExpiresAt.Add(late) })
				t.loses(r, s, late.String()+" after ExpiresAt")
			}
			r := t.rotation(s, func(r *store.Rotation) { r.Now = s.ExpiresAt.Add(-time.Microsecond) })
			t.same(t.wins(r, "1 µs before ExpiresAt"), rotated(s, r), "Rotate")
		}},
		{proves: "Rotate makes no exchange from the very moment of EndsAt on", run: func(t *probe) {
			s := t.session(t.user(), func(s *store.Session) { s.ExpiresAt = s.EndsAt.AddDate(1, 0, 0) })
			for _, late := range []time.Duration{0, time.Microsecond, 1000 * time.Hour} {
				r := t.rotation(s, func(r *store.Rotation) { r.Now = s.EndsAt.Add(late) })
				t.loses(r, s, late.String()+" after EndsAt")
			}
			r := t.rotation(s, func(r *store.Rotation) { r.Now = s.EndsAt.Add(-time.Microsecond) })
			t.same(t.wins(r, "1 µs before EndsAt"), rotated(s, r), "Rotate")
		}},
		{proves: "Rotate can bring ExpiresAt forward as well as back", run: func(t *probe) {
			s := t.session(t.user())
			for _, d := range []time.Duration{time.Minute, 24 * time.Hour, time.Microsecond} {
				r := t.rotation(s, func(r *store.Rotation) { r.Now = start; r.ExpiresAt = start.Add(d) })
				want := rotated(s, r)
				s = t.wins(r, "the live hash")
				t.same(s, want, "Rotate")
			}
		}},
		{proves: "Rotate returns ErrNotFound for a session that is not there", run: func(t *probe) {
			s := t.draftSession(t.user())
			for _, id := range []string{"", "none", s.ID} {
				_, swapped, err := t.Rotate(t.ctx, t.rotation(s, func(r *store.Rotation) { r.SessionID = id }))
				t.refused(err, store.ErrNotFound, "Rotate(%q)", id)
				if swapped {
					t.Errorf("Rotate(%q) swapped = true, want false", id)
				}
			}
		}},
		{proves: "stores never read the clock: a session lives in any year its caller says it is", run: func(t *probe) {
			for _, year := range []int{1999, 2222} {
				begin := time.Date(year, 1, 2, 3, 4, 5, 6000, time.UTC)
				s := t.session(t.user(), func(s *store.Session) {
					s.AuthTime, s.CreatedAt, s.RotatedAt = begin, begin, begin
					s.ExpiresAt, s.EndsAt = begin.Add(24*time.Hour), begin.Add(48*time.Hour)
				})
				r := t.rotation(s)
				t.same(t.wins(r, begin.String()), rotated(s, r), "Rotate(in %d)", year)
			}
		}},
	}
}
