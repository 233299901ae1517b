package flows_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// faultKinds are the ways in which a database fails.
var faultKinds = []struct {
	name  string
	fault faultdriver.Fault
}{
	{"refused", faultdriver.Fault{Err: errors.New("disk on fire")}},
	{"connection lost before", faultdriver.Fault{Err: io.ErrUnexpectedEOF, Drop: true}},
	{"connection lost after", faultdriver.Fault{Err: io.ErrUnexpectedEOF, Drop: true, Late: true}},
	{"answer lost", faultdriver.Fault{Err: io.ErrUnexpectedEOF, Late: true}},
	{"no answer", faultdriver.Fault{Stall: true}},
}

// everything is all that is asked of a database, from connecting to it on.
const everything = faultdriver.Connect | faultdriver.Prepare | faultdriver.Trips

// trouble checks the answer of a service whose database failed.
func trouble(t *testing.T, a *answer) {
	t.Helper()
	if a.Code != 503 || a.Header().Get("Retry-After") == "" || len(a.cookies) != 0 {
		t.Errorf("%v, Retry-After %q, cookies %v; want 503 with Retry-After and cookies untouched",
			a, a.Header().Get("Retry-After"), a.cookies)
	}
}

// honest checks that a browser, after its database was in trouble, is still signed
// in, and that nobody was taken for a thief.
func honest(t *testing.T, c *client) {
	t.Helper()
	if _, row, err := c.w.config.Store.(*database).UserWithSession(t.Context(), c.session(t)); err != nil || !row.RevokedAt.IsZero() {
		t.Fatalf("the session after the trouble = %+v, %v, want it alive", row, err)
	}
	for range 2 {
		c.refresh().want(t, 200)
		c.get("/me").want(t, 200)
	}
	if n := c.w.journal.count(auth.RefreshReused) + c.w.journal.count(auth.RefreshConflicted); n != 0 {
		t.Fatalf("%d refreshes of an honest client were taken for something else", n)
	}
}

// session returns the ID of the one session of the person.
func (c *client) session(t *testing.T) string {
	t.Helper()
	rows, err := c.w.Sessions(t.Context(), c.id)
	if err != nil || len(rows) != 1 {
		t.Fatalf("sessions of %s = %v, %v, want one", c.email, rows, err)
	}
	return rows[0].ID
}

// TestRefreshWithABrokenDatabase makes every call fail that a refresh makes, in
// every way. The answer is 503, nothing is revoked, no cookie is touched, and the
// same cookie goes through when the trouble is over.
func TestRefreshWithABrokenDatabase(t *testing.T) {
	t.Parallel()
	c := sqlstore.Config{QueryTimeout: 800 * time.Millisecond} // long for a disk that is busy, short for calls that hang
	eachDatabase(t, c, func(t *testing.T, d *database) {
		w := newWorld(t, d)
		b := w.register()
		b.refresh().want(t, 200) // what is prepared once is prepared
		w.flush()
		for _, k := range faultKinds {
			t.Run(k.name, func(t *testing.T) {
				for n := 1; ; n++ {
					d.faults.Nth(n, everything, k.fault)
					d.faults.Reset()
					a := b.refresh()
					tripped := d.faults.Count(everything) >= n
					d.faults.Clear()
					if !tripped {
						if a.Code != 200 {
							t.Errorf("with no fault left: %v", a)
						}
						if n < 3 {
							t.Errorf("a refresh makes %d calls, want at least two", n-1)
						}
						return
					}
					if a.Code != 200 { // what ends in 200 was tried again by database/sql
						trouble(t, a)
					}
					honest(t, b)
					w.clock.advance(time.Minute)
				}
			})
			t.Run(k.name+" for a while", func(t *testing.T) {
				d.faults.From(1, everything, k.fault)
				for range 2 {
					trouble(t, b.refresh())
				}
				d.faults.Clear()
				honest(t, b)
				w.clock.advance(time.Minute)
			})
		}
	})
}

// TestReplayWithABrokenDatabase: while a replay cannot be acted upon it is
// answered 503, and when it can it ends the session.
func TestReplayWithABrokenDatabase(t *testing.T) {
	t.Parallel()
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		w := newWorld(t, d)
		b := w.register()
		thief := b.clone()
		b.refresh().want(t, 200)
		w.flush()
		w.clock.advance(time.Minute)
		for n := 1; ; n++ {
			d.faults.Nth(n, faultdriver.Trips, faultKinds[0].fault)
			d.faults.Reset()
			a := thief.clone().refresh()
			tripped := d.faults.Count(faultdriver.Trips) >= n
			d.faults.Clear()
			if !tripped || a.Code == 401 {
				if n < 3 {
					t.Errorf("the replay succeeds with call %d failing", n)
				}
				a.want(t, 401)
				break
			}
			trouble(t, a)
		}
		if a := b.refresh(); a.Code != 401 {
			t.Errorf("the live token after a replay: %v, want 401", a)
		}
		if n := w.journal.count(auth.RefreshReused); n != 1 {
			t.Errorf("%d events tell of the reuse, want 1", n)
		}
	})
}

// TestJunkAsksNothing: junk, and secrets invented for a session that exists, are
// refused without a query, and end nothing.
func TestJunkAsksNothing(t *testing.T) {
	t.Parallel()
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		w := newWorld(t, d)
		b := w.register()
		raw := b.jar[refreshCookie]
		w.flush() // the audit trail is written beside the request
		d.faults.Reset()
		for name, junk := range map[string]string{
			"a word":               "x",
			"the prefix":           "art1_",
			"an invented secret":   raw[:40] + strings.Repeat("A", len(raw)-40),
			"an invented tag":      raw[:len(raw)-20] + strings.Repeat("A", 20),
			"one bit of another":   flip(raw, 60),
			"another generation":   flip(raw, 30),
			"another session":      flip(raw, 10),
			"too short":            raw[:len(raw)-1],
			"too long":             raw + "A",
			"much too long":        strings.Repeat("a", 3000),
			"an access token":      b.jar[sessionCookie],
			"another spelling":     strings.ToUpper(raw[:5]) + raw[5:],
			"under another secret": foreign(t),
		} {
			j := b.clone()
			j.jar[refreshCookie] = junk
			if a := j.refresh(); a.Code != 401 || a.problem() != "session_expired" {
				t.Errorf("%s: %v, want 401 session_expired", name, a)
			}
		}
		if calls := d.faults.Calls(faultdriver.Any); len(calls) != 0 {
			t.Errorf("junk was answered with %v, want no query", calls)
		}
		honest(t, b)
	})
}

// flip changes one character of a token.
func flip(raw string, at int) string {
	c := byte('A')
	if raw[at] == c {
		c = 'B'
	}
	return raw[:at] + string(c) + raw[at+1:]
}

// foreign returns a genuine refresh token of a service with another secret.
func foreign(t *testing.T) string {
	t.Helper()
	w := newWorld(t, newMemory(), func(c *auth.Config) { c.Secret = []byte("0b5d8e1f7c3a92640b5d8e1f7c3a9264ff") })
	return w.register().jar[refreshCookie]
}

// TestRefreshCosts counts the statements of a refresh through the handler: the
// read of user and session, and one UPDATE that returns the row; MySQL cannot
// return it and reads it first.
func TestRefreshCosts(t *testing.T) {
	t.Parallel()
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		w := newWorld(t, d, func(c *auth.Config) { c.Limits = auth.Limits{} })
		b := w.register()
		w.flush()
		for _, when := range []string{"first", "next", "again"} {
			w.clock.advance(time.Minute)
			d.faults.Reset()
			b.refresh().want(t, 200)
			want := []string{"SELECT", "UPDATE"}
			if d.engine.Dialect == sqlstore.MySQL && when == "first" {
				want = []string{"SELECT", "SELECT", "UPDATE"} // the row is not known yet
			}
			var got []string
			calls := d.faults.Calls(faultdriver.Trips)
			for _, c := range calls {
				word, _, _ := strings.Cut(c.Text, " ")
				got = append(got, word)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: a refresh asks %v, want %v", when, calls, want)
			}
			if join := calls[0].Text; !strings.Contains(join, "JOIN") {
				t.Errorf("%s: user and session are read by %q, want one join", when, join)
			}
		}
		d.faults.Reset()
		b.get("/me").want(t, 200)
		if n := d.faults.Count(faultdriver.Statements); n != 1 {
			t.Errorf("GET /me asks %d statements, want 1", n)
		}
	})
}
