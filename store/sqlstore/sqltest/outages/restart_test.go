//go:build linux

package outages_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore"
)

// TestRestarts ends the database server under load, in every way in which it can be
// ended, and starts it again. What was answered before is still true afterwards: had
// the server lost a rotation, the next one would sign the person out.
func TestRestarts(t *testing.T) {
	for _, kind := range serverKinds {
		t.Run(kind.name, func(t *testing.T) {
			srv := newServer(t, kind)
			srv.start()
			check := watchLeaks(t)
			s := open(t, address{kind.driver, srv.dsn(), sqlstore.Config{Dialect: kind.dialect, MaxConns: 6}})
			c := gather(s, nil, 4, 1)
			c.goOn()
			ends := 0
			for range number(t, "AEGIS_RESTARTS", 1) {
				for _, e := range kind.ends {
					if t.Failed() {
						break
					}
					before := s.denied.Load()
					srv.end(e.signal)
					c.denied()
					time.Sleep(rand.N(200 * time.Millisecond))
					srv.start()
					began := time.Now()
					c.goOn()
					ends++
					t.Logf("%s: %d requests denied, everybody is served again %.1f s after the start", e.name, s.denied.Load()-before, time.Since(began).Seconds())
				}
			}
			c.goHome()
			t.Logf("the server was ended %d times", ends)
			s.close()
			direct := openPool(t, kind.driver, srv.dsn())
			unconnected(t, kind.dialect, direct)
			direct.Close()
			check()
		})
	}
}
