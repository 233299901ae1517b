package flows_test

import (
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// stampede sends n refreshes with the same cookie at once.
func (c *client) stampede(n int) []*answer {
	c.w.tb.Helper()
	answers := make([]*answer, n)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	for i := range answers {
		ready.Add(1)
		r := c.request("POST", "/refresh", nil)
		done.Go(func() {
			ready.Done()
			<-start
			answers[i] = c.w.serve(r)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return answers
}

// usable checks that all answers have the one successor and a good access token,
// and keeps the last of them, as a browser does.
func (c *client) usable(tb testing.TB, answers []*answer) {
	tb.Helper()
	next := answers[0].cookie(refreshCookie)
	for i, a := range answers {
		if a.Code != 200 || next == "" || a.cookie(refreshCookie) != next {
			tb.Fatalf("answer %d: %v with cookies %v, want 200 and the one successor", i, a, a.cookies)
		}
		if _, err := c.w.Verifier().Verify(tb.Context(), a.cookie(sessionCookie)); err != nil {
			tb.Fatalf("answer %d: access token: %v", i, err)
		}
	}
	if next == c.jar[refreshCookie] {
		tb.Fatal("the refresh token is not rotated")
	}
	c.keep(answers[len(answers)-1])
	c.get("/me").want(tb, 200)
}

// TestStampede sends 64 refreshes with one cookie at once, again and again, within
// the limits that are on by default. All get usable answers with one and the same
// successor, and nobody is signed out.
func TestStampede(t *testing.T) {
	t.Parallel()
	rounds := number(t, "AEGIS_ROUNDS", 10)
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, func(c *auth.Config) { c.Limits = auth.Limits{} })
		c := w.register()
		bystander := c.other()
		begin := time.Now()
		for range rounds {
			c.usable(t, c.stampede(64))
			w.checkHanded(t)
			w.clock.advance(time.Minute)
		}
		t.Logf("%d refreshes in %.1f s", rounds*64, time.Since(begin).Seconds())
		rows, err := w.Sessions(t.Context(), c.id)
		if err != nil || len(rows) != 2 {
			t.Fatalf("sessions = %v, %v, want two", rows, err)
		}
		for _, row := range rows {
			want := int64(rounds)
			if row.IP == bystander.ip {
				want = 0
			}
			if row.Generation != want {
				t.Errorf("a session was rotated %d times, want %d", row.Generation, want)
			}
		}
		bystander.refresh().want(t, 200)
		if n := w.journal.count(auth.RefreshReused); n != 0 {
			t.Errorf("%d refreshes were taken for theft", n)
		}
	})
}

// TestLoserGoesOn: whoever lost the race refreshes later like anyone.
func TestLoserGoesOn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		first := w.register()
		second := first.clone()
		first.refresh().want(t, 200)
		w.clock.advance(9 * time.Second)
		second.refresh().want(t, 200)
		if first.jar[refreshCookie] != second.jar[refreshCookie] {
			t.Fatal("two tabs hold different refresh tokens")
		}
		w.clock.advance(5 * time.Minute)
		second.refresh().want(t, 200)
	})
}

// TestReplayAfterTheGrace: a spent token ends its session, and nothing else.
func TestReplayAfterTheGrace(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		owner := w.register()
		elsewhere := owner.other()
		thief := owner.clone()
		owner.refresh().want(t, 200)
		w.clock.advance(10*time.Second + time.Microsecond)
		if a := thief.refresh(); a.Code != 401 || a.problem() != "session_reused" || !a.clears() {
			t.Fatalf("replay: %v, cookies %v, want 401 session_reused and cookies cleared", a, a.cookies)
		}
		if a := owner.get("/me"); a.Code != 401 {
			t.Errorf("the access token after a replay: %v, want 401", a)
		}
		if a := owner.refresh(); a.Code != 401 || a.problem() != "session_expired" || !a.clears() {
			t.Errorf("the live token after a replay: %v, want 401 session_expired and cookies cleared", a)
		}
		elsewhere.get("/me").want(t, 200)
		elsewhere.refresh().want(t, 200)
		if n := w.journal.count(auth.RefreshReused); n != 1 {
			t.Errorf("%d events tell of the reuse, want 1", n)
		}
		if n := w.mailed(owner.email, auth.MailSessionReused); n != 1 {
			t.Errorf("%d mails tell of the reuse, want 1", n)
		}
	})
}

// TestRefreshGrant: programs refresh at the token endpoint by the same rule.
func TestRefreshGrant(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st)
		email := w.register().email
		program := w.browser()
		program.browser = false
		send := func(raw string) *answer {
			program.jar = map[string]string{}
			return program.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {raw}})
		}
		t0 := program.signIn(email, password).want(t, 200).json(t)["refresh_token"].(string)
		t1 := send(t0).want(t, 200).json(t)["refresh_token"].(string)
		if again := send(t0).want(t, 200).json(t)["refresh_token"]; again != t1 {
			t.Error("a spent token inside the grace gets another successor than the first time")
		}
		t2 := send(t1).want(t, 200).json(t)["refresh_token"].(string)
		if a := send(t0); a.Code != 409 {
			t.Errorf("an older token while a rotation is fresh: %v, want 409", a)
		}
		w.clock.advance(time.Minute)
		if a := send(t1); a.Code != 400 || a.json(t)["error"] != "invalid_grant" {
			t.Errorf("replay: %v, want 400 invalid_grant", a)
		}
		if a := send(t2); a.Code != 400 {
			t.Errorf("the live token after a replay: %v, want 400", a)
		}
	})
}
