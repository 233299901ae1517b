package outages_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// TestAnswersEndAnywhere ends the answers of the database to a refresh after so and
// so many bytes, from the first to the last: between, the rotation is made and
// nobody hears of it. Whoever asks again within the grace gets the one successor.
func TestAnswersEndAnywhere(t *testing.T) {
	t.Parallel()
	for _, e := range sqltest.Engines() {
		if e.Dialect == sqlstore.SQLite {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.DSN(t)
			host, at := throughProxy(t, e.Dialect, dsn)
			n := newNetwork(t, host)
			s := open(t, address{e.Driver, at(n.proxy.Listen), sqlstore.Config{Dialect: e.Dialect, Prefix: sqltest.Prefix(), MaxConns: 1}})
			c := &cutter{s, n, openPool(t, e.Driver, dsn), s.browser()}
			if !c.b.register() {
				return
			}
			coarse, fine, reach := 97, 7, 200
			if span(t, "AEGIS_OUTAGES") > 0 {
				coarse, fine, reach = 97, 1, 2000
			}
			tried, made, all := 0, 0, 1
			for denied := true; denied && !t.Failed(); all += coarse {
				denied, _ = c.cut(all)
				tried++
			}
			// The answer to what makes a rotation stand is the last one, and short.
			for bytes := all; bytes > max(all-reach, 0) && !t.Failed(); bytes -= fine {
				if denied, rotated := c.cut(bytes); denied && rotated {
					made++
				}
				tried++
			}
			if made == 0 {
				t.Errorf("none of %d rotations was made and answered 503", tried)
			}
			t.Logf("%d refreshes, whose answers ended after 1 to %d bytes; %d were answered 503 and made", tried, all, made)
			s.inOrder()
		})
	}
}

// cutter cuts the answers of a database to one browser's refreshes.
type cutter struct {
	s      *site
	n      *network
	direct *sql.DB
	b      *browser
}

// cut sends a refresh for which the database may answer so many bytes. It reports
// whether it was denied, and whether the rotation was made.
func (c *cutter) cut(bytes int) (denied, rotated bool) {
	t := c.s.tb
	t.Helper()
	if !c.b.persist("POST", "/refresh", nil).ok() { // on a connection that is ready
		return false, false
	}
	if err := c.s.Flush(t.Context()); err != nil { // nothing else is asked for meanwhile
		t.Fatal(err)
	}
	id, before := tokenParts(c.b.cookie(refreshCookie))
	c.n.spoil("limit_data", "downstream", obj{"bytes": bytes})
	a, err := c.b.send("POST", "/refresh", nil)
	c.n.mend()
	switch {
	case err != nil:
		t.Fatal(err)
	case a.status == 200:
		c.b.keep(a)
		return false, true
	case a.status != 503 || len(a.cookies) != 0:
		t.Fatalf("%v with cookies %v, want 200, or 503 and no cookies", a, a.cookies)
	}
	var now int64
	if err := c.direct.QueryRow(fmt.Sprintf("SELECT generation FROM %ssessions WHERE id = '%s'", c.s.prefix, id)).Scan(&now); err != nil {
		t.Fatal(err)
	}
	tab := c.b.clone()
	if !c.b.persist("POST", "/refresh", nil).ok() || !tab.persist("POST", "/refresh", nil).ok() || !tab.persist("GET", "/me", nil).ok() {
		return true, false
	}
	if c.b.cookie(refreshCookie) != tab.cookie(refreshCookie) {
		t.Errorf("after %d bytes: two tabs that ask again get two successors", bytes)
	}
	if _, after := tokenParts(tab.cookie(refreshCookie)); after != before+1 {
		t.Errorf("after %d bytes: the session is at generation %d, want %d", bytes, after, before+1)
	}
	return true, now > before
}
