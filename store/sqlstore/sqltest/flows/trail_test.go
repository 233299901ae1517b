package flows_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

// exec runs statements in which {p} is the prefix of the tables.
func (d *database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, text := range statements {
		if _, err := d.DB().Exec(strings.ReplaceAll(text, "{p}", d.prefix)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// TestTamperedTrail changes the audit trail in SQL, in each way somebody who has
// the database but not the secret could hope to get away with.
func TestTamperedTrail(t *testing.T) {
	t.Parallel()
	const entry = " WHERE seq = 3"
	tampers := []struct {
		name       string
		statements []string
	}{
		{"who did it", []string{"UPDATE {p}audit SET actor_id = 'somebody else'" + entry}},
		{"whom it was done to", []string{"UPDATE {p}audit SET user_id = 'somebody else'" + entry}},
		{"what it was", []string{"UPDATE {p}audit SET kind = 'auth.logout'" + entry}},
		{"when", []string{"UPDATE {p}audit SET at = at + 1" + entry}},
		{"from where", []string{"UPDATE {p}audit SET ip = '192.0.2.1'" + entry}},
		{"with what", []string{"UPDATE {p}audit SET user_agent = 'nothing'" + entry}},
		{"which session", []string{"UPDATE {p}audit SET session_id = 'another'" + entry}},
		{"which request", []string{"UPDATE {p}audit SET request_id = 'another'" + entry}},
		{"which organization", []string{"UPDATE {p}audit SET org_id = 'another'" + entry}},
		{"the details", []string{`UPDATE {p}audit SET attrs = '{"role":"user"}'` + entry}},
		{"its name", []string{"UPDATE {p}audit SET id = 'another'" + entry}},
		{"no mac", []string{"UPDATE {p}audit SET mac = NULL" + entry}},
		{"one is gone", []string{"DELETE FROM {p}audit" + entry}},
		{"the first is gone", []string{"DELETE FROM {p}audit WHERE seq = 1"}},
		{"the last is gone", []string{"DELETE FROM {p}audit WHERE seq = 5"}},
		{"all are gone", []string{"DELETE FROM {p}audit"}},
		{"two have changed places", []string{"UPDATE {p}audit SET seq = 1000 WHERE seq = 2",
			"UPDATE {p}audit SET seq = 2 WHERE seq = 3", "UPDATE {p}audit SET seq = 3 WHERE seq = 1000"}},
		{"one is gone and the others moved up", []string{"DELETE FROM {p}audit WHERE seq = 4", "UPDATE {p}audit SET seq = 4 WHERE seq = 5",
			"UPDATE {p}audit_heads SET seq = 4"}},
		{"another chain", []string{"UPDATE {p}audit SET chain = 'another' WHERE seq = 5"}},
		{"the head says less", []string{"UPDATE {p}audit_heads SET seq = seq - 1"}},
		{"the head says more", []string{"UPDATE {p}audit_heads SET seq = seq + 1"}},
	}
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		w := newWorld(t, d)
		var people []*store.User
		for i := range 5 {
			u, err := w.NewAccount(t.Context(), auth.Registrant{Email: fmt.Sprintf("user%d@example.com", i), Password: password}, "")
			w.must(err)
			people = append(people, u)
		}
		w.flush()
		if n, err := w.VerifyAudit(t.Context()); err != nil || n != len(people) {
			t.Fatalf("VerifyAudit = %d, %v, want %d entries that verify", n, err, len(people))
		}
		d.exec(t, "CREATE TABLE {p}kept AS SELECT * FROM {p}audit", "CREATE TABLE {p}kept_heads AS SELECT * FROM {p}audit_heads")
		defer d.exec(t, "DROP TABLE {p}kept", "DROP TABLE {p}kept_heads")
		for _, tt := range tampers {
			d.exec(t, tt.statements...)
			if n, err := w.VerifyAudit(t.Context()); !errors.Is(err, auth.ErrAuditBroken) {
				t.Errorf("%s: VerifyAudit = %d, %v, want %v", tt.name, n, err, auth.ErrAuditBroken)
			}
			d.exec(t, "DELETE FROM {p}audit", "INSERT INTO {p}audit SELECT * FROM {p}kept",
				"DELETE FROM {p}audit_heads", "INSERT INTO {p}audit_heads SELECT * FROM {p}kept_heads")
		}
		if _, err := w.VerifyAudit(t.Context()); err != nil {
			t.Errorf("put back as it was: %v", err)
		}
	})
}

// TestMaintenanceBesideRefreshes prunes and wipes on two nodes while people
// refresh. Nobody is signed out, and in the end nothing is sealed any more.
func TestMaintenanceBesideRefreshes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		w := newWorld(t, d)
		second := newWorld(t, d, func(c *auth.Config) { c.Now = w.clock.now })
		var gone []*client // who never comes back
		for range 5 {
			gone = append(gone, w.register())
		}
		people := make([]*client, 6) // who come every day
		for i := range people {
			people[i] = w.register()
		}
		w.flush()
		over := make(chan struct{})
		var upkeep sync.WaitGroup
		for _, node := range []*world{w, second} {
			upkeep.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					if _, err := node.Prune(t.Context()); err != nil {
						t.Errorf("Prune: %v", err)
						return
					}
				}
			})
		}
		var answers [6][]*answer
		for range 25 {
			// Everybody refreshes, from two tabs at once, and then a day goes by.
			w.clock.advance(24 * time.Hour)
			w.atOnce(len(people), func(i int) *answer {
				answers[i] = people[i].stampede(2)
				return answers[i][0]
			})
			for i, c := range people {
				c.usable(t, answers[i])
			}
		}
		close(over)
		upkeep.Wait()
		for _, c := range people {
			c.clone().get("/me").want(t, 200)
		}
		if n := w.journal.count(auth.RefreshReused) + w.journal.count(auth.RefreshConflicted); n != 0 {
			t.Errorf("%d refreshes were taken for something else", n)
		}

		sealed := func() (n int) {
			row := d.DB().QueryRow("SELECT count(*) FROM " + d.prefix + "sessions WHERE sealed IS NOT NULL")
			w.must(row.Scan(&n))
			return n
		}
		people[0].refresh().want(t, 200)
		if sealed() == 0 {
			t.Error("no successor is sealed after a refresh")
		}
		w.clock.advance(10*time.Second + 50*time.Millisecond + time.Microsecond)
		if _, err := w.Prune(t.Context()); err != nil || sealed() != 0 {
			t.Errorf("after the grace and Prune %d successors are sealed (%v), want none", sealed(), err)
		}
		people[0].refresh().want(t, 200)

		rows := func() (n int) {
			w.must(d.DB().QueryRow("SELECT count(*) FROM " + d.prefix + "sessions").Scan(&n))
			return n
		}
		if n := rows(); n != len(people) {
			t.Errorf("after 25 days there are %d sessions, want those of the %d who came", n, len(people))
		}
		w.clock.advance(7 * 24 * time.Hour) // a session ends after 30 days, and may be asked about for one more
		if n, err := w.Prune(t.Context()); err != nil || n < len(people) || rows() != 0 {
			t.Errorf("Prune a week later = %d, %v, and leaves %d sessions, want none", n, err, rows())
		}
		for _, c := range append(gone, people...) {
			c.refresh().want(t, 401)
		}
	})
}
