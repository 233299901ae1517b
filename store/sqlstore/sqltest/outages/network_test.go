package outages_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// network is what lies between a service and its database, and can be spoiled.
type network struct {
	tb    testing.TB
	proxy *toxiproxy.Proxy
}

func newNetwork(tb testing.TB, upstream string) *network {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	n := &network{tb, toxiproxy.NewProxy(server, "database", "127.0.0.1:0", upstream)}
	n.mend()
	tb.Cleanup(n.proxy.Stop)
	return n
}

// spoil makes the network bad in one way.
func (n *network) spoil(kind, stream string, attributes obj) {
	n.tb.Helper()
	if kind == "down" {
		n.proxy.Stop()
		return
	}
	text, err := json.Marshal(obj{"type": kind, "stream": stream, "attributes": attributes})
	if err == nil {
		_, err = n.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	}
	if err != nil {
		n.tb.Fatalf("spoil the network: %v", err)
	}
}

// mend makes it good again. Connections that were cut stay cut.
func (n *network) mend() {
	n.tb.Helper()
	n.proxy.Toxics.ResetToxics(context.Background())
	if err := n.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		n.tb.Fatalf("mend the network: %v", err)
	}
}

// throughProxy returns the host of a database's address, and the address of the
// same database at another host.
func throughProxy(tb testing.TB, dialect sqlstore.Dialect, dsn string) (host string, at func(host string) string) {
	tb.Helper()
	if dialect == sqlstore.MySQL {
		before, rest, found := strings.Cut(dsn, "tcp(")
		host, after, closed := strings.Cut(rest, ")")
		if !found || !closed {
			tb.Skipf("NOT RUN: the database at %s is not reached by TCP", rest)
		}
		return host, func(h string) string { return before + "tcp(" + h + ")" + after }
	}
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	host = u.Host
	if u.Port() == "" {
		host += ":5432"
	}
	return host, func(h string) string {
		v := *u
		v.Host = h
		return v.String()
	}
}

// affliction is one way in which a network is bad.
type affliction struct {
	name, kind string
	attributes func(*rand.Rand) obj
	denies     bool // whoever asks while it lasts is denied at some point
}

func attributes(o obj) func(*rand.Rand) obj { return func(*rand.Rand) obj { return o } }

// afflictions are all ways. Numbers are bytes, milliseconds, and kilobytes a second.
var afflictions = []affliction{
	{"nothing listens", "down", attributes(nil), true},
	{"connections are reset", "reset_peer", func(r *rand.Rand) obj { return obj{"timeout": r.IntN(30)} }, true},
	{"nothing arrives", "timeout", attributes(obj{"timeout": 0}), true},
	{"connections hang and are closed", "timeout", func(r *rand.Rand) obj { return obj{"timeout": 20 + r.IntN(300)} }, true},
	{"what is sent ends in the middle", "limit_data", func(r *rand.Rand) obj { return obj{"bytes": 1 + r.IntN(2500)} }, true},
	{"everything is late", "latency", func(r *rand.Rand) obj { return obj{"latency": 20 + r.IntN(150), "jitter": 20 + r.IntN(100)} }, false},
	{"the line is thin", "bandwidth", func(r *rand.Rand) obj { return obj{"rate": 1 + r.IntN(8)} }, false},
	{"everything comes in pieces", "slicer", func(r *rand.Rand) obj {
		return obj{"average_size": 10 + r.IntN(40), "size_variation": 5, "delay": 100 + r.IntN(2000)}
	}, false},
}

// TestNetwork spoils the connections between service and database, in each way and
// in both directions, again and again.
func TestNetwork(t *testing.T) {
	for _, e := range sqltest.Engines() {
		if e.Dialect == sqlstore.SQLite {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			dsn := e.OwnDatabase(t)
			check := watchLeaks(t)
			host, at := throughProxy(t, e.Dialect, dsn)
			n := newNetwork(t, host)
			s := open(t, address{e.Driver, at(n.proxy.Listen), sqlstore.Config{Dialect: e.Dialect, MaxConns: 6}})
			direct := openPool(t, e.Driver, dsn)
			r := schedule(t)
			c := gather(s, direct, 3, 1)
			c.goOn()
			outages := 0
			for end := time.Now().Add(span(t, "AEGIS_OUTAGES")); outages == 0 || time.Now().Before(end) && !t.Failed(); {
				for _, i := range r.Perm(len(afflictions)) {
					if t.Failed() {
						break
					}
					a, stream := afflictions[i], []string{"downstream", "upstream"}[r.IntN(2)]
					before := s.denied.Load()
					n.spoil(a.kind, stream, a.attributes(r))
					if a.denies {
						c.denied()
					}
					time.Sleep(time.Duration(50+r.IntN(300)) * time.Millisecond)
					n.mend()
					outages++
					c.goOn()
					t.Logf("%s, %s: %d requests denied", a.name, stream, s.denied.Load()-before)
				}
			}
			c.goHome()
			t.Logf("%d outages", outages)
			s.close()
			n.proxy.Stop()
			unconnected(t, e.Dialect, direct)
			direct.Close()
			check()
		})
	}
}

func openPool(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(2)
	return db
}

// unconnected checks that nobody is connected to the database of a pool but the
// pool itself.
func unconnected(tb testing.TB, dialect sqlstore.Dialect, db *sql.DB) {
	tb.Helper()
	q := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	if dialect == sqlstore.MySQL {
		q = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
	}
	db.SetMaxIdleConns(0)
	db.SetMaxOpenConns(1)
	var others int
	var err error
	if !eventually(15*time.Second, func() bool {
		err = db.QueryRow(q).Scan(&others)
		return err == nil && others == 0
	}) {
		tb.Errorf("%d connections to the database are left, %v, want none", others, err)
	}
}
