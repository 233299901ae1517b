package model_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/memstore"
)

// party is somebody who holds a refresh token, rightly or not.
type party struct {
	token string
	every time.Duration // about how often it refreshes
	next  time.Time
}

// theft is one session that two parties use. It keeps its own account of what is
// live, apart from the service.
type theft struct {
	w        *world
	live     string // the newest token
	previous string // the one before
	rotated  time.Time
	shared   int // answers within the grace
	detected bool
	delay    time.Duration // from the first exchange that the other did not see
}

// use lets p refresh at its time, and reports whether the answer is the right one.
func (s *theft) use(t *testing.T, p *party) {
	t.Helper()
	now := p.next
	s.w.clock.seconds.Store(now.Unix())
	age := now.Sub(s.rotated)
	g, err := s.w.Refresh(t.Context(), p.token, auth.Device{UserAgent: "same browser"})
	switch {
	case p.token == s.live:
		if err != nil {
			t.Fatalf("Refresh(the live token) = %v, want a grant", err)
		}
		s.previous, s.live, s.rotated, p.token = s.live, g.RefreshToken, now, g.RefreshToken
	case age > grace*time.Second:
		if !errors.Is(err, auth.ErrSessionReused) {
			t.Fatalf("Refresh(token spent %v ago) = %v, %v, want the theft detected", age, g, err)
		}
		s.detected, s.delay = true, age
	case p.token == s.previous:
		if err != nil || g.RefreshToken != s.live {
			t.Fatalf("Refresh(token spent %v ago) = %v, %v, want the same successor", age, g, err)
		}
		s.shared++
		p.token = s.live
	default:
		if !errors.Is(err, auth.ErrRefreshConflict) {
			t.Fatalf("Refresh(older token, %v after a rotation) = %v, %v, want a conflict", age, g, err)
		}
		p.next = now.Add(around(5 * time.Second)) // it learned nothing, and tries again
		return
	}
	p.next = now.Add(around(p.every))
}

// around returns a random time of half to one and a half of d, in whole seconds.
func around(d time.Duration) time.Duration {
	return (d/2 + rand.N(d)).Truncate(time.Second) + time.Second
}

// steal plays one theft: an owner refreshes for a while, the token is copied at
// some moment, and the thief begins to use it some time after, while the owner goes
// on.
func steal(t *testing.T, w *world) *theft {
	t.Helper()
	ctx := t.Context()
	u := w.newUser(t)
	g, err := w.StartSession(ctx, u, "password", auth.Device{UserAgent: "same browser"})
	if err != nil {
		t.Fatal(err)
	}
	s := &theft{w: w, live: g.RefreshToken, rotated: w.clock.now()}
	rhythms := []time.Duration{30 * time.Second, 5 * time.Minute, 15 * time.Minute, 2 * time.Hour, 24 * time.Hour}
	owner := &party{token: s.live, every: rhythms[rand.IntN(len(rhythms))]}
	owner.next = w.clock.now().Add(around(owner.every))
	for range rand.IntN(8) {
		s.use(t, owner)
	}
	thief := &party{token: owner.token, every: rhythms[rand.IntN(len(rhythms))]}
	begins := around(max(owner.every, time.Minute))
	if rand.IntN(4) == 0 { // close to the owner, so that they meet within the grace
		begins = owner.next.Sub(w.clock.now()) + rand.N(20*time.Second)
	}
	thief.next = w.clock.now().Add(begins.Truncate(time.Second))
	for range 10_000 {
		who := owner
		if thief.next.Before(owner.next) {
			who = thief
		}
		if s.use(t, who); s.detected {
			break
		}
	}
	if !s.detected {
		t.Fatalf("10,000 refreshes of owner and thief, and nobody was found out: owner every %v, thief every %v", owner.every, thief.every)
	}
	for _, p := range []*party{owner, thief} {
		for _, token := range []string{p.token, s.live} {
			if _, err := w.Refresh(ctx, token, auth.Device{}); !errors.Is(err, auth.ErrSessionExpired) {
				t.Fatalf("Refresh(after the theft was detected) = %v, want %v", err, auth.ErrSessionExpired)
			}
		}
	}
	return s
}

// TestThefts copies refresh tokens at random moments. Whoever comes second, and
// not within the grace, ends the session for both.
func TestThefts(t *testing.T) {
	thefts := number(t, "AEGIS_THEFTS", 500)
	w := newWorld(t, memstore.New())
	var told atomic.Int64
	w.Subscribe(func(_ context.Context, e auth.Event) {
		if e.Kind == auth.RefreshReused {
			told.Add(1)
		}
	})
	shared, longest := 0, time.Duration(0)
	for range thefts {
		s := steal(t, w)
		shared += s.shared
		longest = max(longest, s.delay)
	}
	if told.Load() != int64(thefts) {
		t.Errorf("%d thefts made %d events of reuse, want one each", thefts, told.Load())
	}
	t.Logf("%d thefts: %d detected (100 %%), each at the first refresh of the second party outside the grace;"+
		" %d answers shared within it; longest from the rotation to the detection %v", thefts, told.Load(), shared, longest)
}
