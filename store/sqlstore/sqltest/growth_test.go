package sqltest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// growthVariable holds the numbers of sessions BenchmarkGrowth measures with, in
// place of 10000 and 100000: "10000,100000,1000000,5000000".
const growthVariable = "AEGIS_BENCH_SESSIONS"

// BenchmarkGrowth measures what requests and housekeeping wait for with more and
// more sessions, five to a user. Time must not grow with them. The databases of
// all sizes take turns; b.N is how many each has, of a tenth of a second. Run with
// -benchtime 20x, it prints tables of medians.
func BenchmarkGrowth(b *testing.B) {
	sizes := "10000,100000"
	if s := os.Getenv(growthVariable); s != "" {
		sizes = s
	}
	var report strings.Builder
	for _, e := range sqltest.Engines() {
		if e.Name != "sqlite" && e.Name != "postgres" {
			continue
		}
		b.Run(e.Name, func(b *testing.B) {
			e.Require(b)
			var list []*grown
			for _, size := range strings.Split(sizes, ",") {
				n, err := strconv.ParseInt(strings.TrimSpace(size), 10, 64)
				if err != nil || n < 5 {
					b.Fatalf("%s is %q, want numbers from 5 up with commas between", growthVariable, sizes)
				}
				list = append(list, grow(b, e, n))
			}
			report.WriteString(measureGrowth(b, e, list))
		})
	}
	fmt.Fprint(os.Stdout, report.String())
}

// grown is a database of some size.
type grown struct {
	crowd
	s     *sqlstore.Store
	bytes int64 // that each session takes, with its share of a user, and indexes

	pruned int64 // sessions removed
}

func grow(b *testing.B, e *sqltest.Engine, n int64) *grown {
	b.Helper()
	g := &grown{crowd: newCrowd(n), s: openBenchmarked(b, e, sqlstore.Config{QueryTimeout: -1})}
	empty := bytesOf(b, e, g.s.DB())
	began := time.Now()
	g.fill(b, e, g.s.DB())
	g.bytes = (bytesOf(b, e, g.s.DB()) - empty) / n
	b.Logf("%d sessions: filled in %v, %d bytes per session", n, time.Since(began).Round(time.Second), g.bytes)
	return g
}

// session returns the ID of any session, and user the number of any user.
func (g *grown) session() string { return g.sessionID(1 + rand.Int64N(g.sessions)) }
func (g *grown) user() int64     { return 1 + rand.Int64N(g.users) }

// growthOperations are what is measured. What is pruned is gone, so that comes last.
var growthOperations = []struct {
	name string
	do   func(context.Context, *grown) error
}{
	{"refresh: read user and session, rotate", func(ctx context.Context, g *grown) error {
		_, now, err := g.s.UserWithSession(ctx, g.session())
		if err != nil {
			return err
		}
		at := now.RotatedAt.Add(15 * time.Minute) // the life of an access token
		return rotates(g.s.Rotate(ctx, store.Rotation{
			SessionID: now.ID, Old: now.Hash, New: fmt.Appendf(nil, "%032d", now.Generation), Sealed: make([]byte, 60),
			Now: at, ExpiresAt: now.ExpiresAt.Add(15 * time.Minute), UserAgent: now.UserAgent, IP: now.IP,
		}))(true)
	}},
	{"live check: user and session", func(ctx context.Context, g *grown) error {
		_, _, err := g.s.UserWithSession(ctx, g.session())
		return err
	}},
	{"sessions of a user", func(ctx context.Context, g *grown) error {
		return second(g.s.ListSessions(ctx, g.userID(g.user())))
	}},
	{"user by e-mail", func(ctx context.Context, g *grown) error {
		return second(g.s.UserByEmail(ctx, g.email(g.user())))
	}},
	{"user by ID", func(ctx context.Context, g *grown) error {
		return second(g.s.UserByID(ctx, g.userID(g.user())))
	}},
	{"list of users, first page", func(ctx context.Context, g *grown) error { return g.page(ctx, 1) }},
	{"list of users, hundredth page", func(ctx context.Context, g *grown) error { return g.page(ctx, 100) }},
	{pruneOperation, func(ctx context.Context, g *grown) error {
		before := time.UnixMicro(g.sessionAt(min(g.pruned+100*pruneBatch, g.sessions)) + fortnight).UTC()
		n, err := g.s.Prune(ctx, before, pruneBatch)
		g.pruned += int64(n)
		if err == nil && n != pruneBatch {
			err = fmt.Errorf("Prune removed %d, want %d", n, pruneBatch)
		}
		return err
	}},
}

// pageSize is so small that the smallest database has a hundred pages.
const pageSize = 20

// page reads a page of users by its cursor.
func (g *grown) page(ctx context.Context, page int64) error {
	q := store.UserQuery{Limit: pageSize}
	if page > 1 {
		last := g.users - (page-1)*pageSize + 1 // of the page before: they are listed newest first
		q.After = store.Cursor{At: time.UnixMicro(g.userAt(last)).UTC(), ID: g.userID(last)}
	}
	list, err := g.s.ListUsers(ctx, q)
	if want := g.userID(g.users - (page-1)*pageSize); err == nil && (len(list) != pageSize || list[0].ID != want) {
		err = fmt.Errorf("page %d has %d users, and does not begin with user %s", page, len(list), want)
	}
	return err
}

const (
	pruneOperation = "prune of a batch of 10 sessions"
	pruneBatch     = 10
)

// measureGrowth returns a table of the medians of all operations in each of the
// databases of one engine.
func measureGrowth(b *testing.B, e *sqltest.Engine, list []*grown) string {
	var table strings.Builder
	fmt.Fprintf(&table, "\n| %s, median in µs |", title(b, list[0].s.DB(), e))
	for _, g := range list {
		fmt.Fprintf(&table, " %d sessions |", g.sessions)
	}
	fmt.Fprintf(&table, " last / first |\n|---|%s--:|\n", strings.Repeat("--:|", len(list)))
	for _, o := range growthOperations {
		var contestants []*contestant
		for _, g := range list {
			do := func(ctx context.Context) error { return o.do(ctx, g) }
			contestants = append(contestants, &contestant{name: fmt.Sprint(g.sessions), clients: []client{do}})
		}
		first, last := contestants[0], contestants[len(list)-1]
		b.Run(o.name, func(b *testing.B) {
			enough := rounds(b)
			takeTurns(b, contestants, func(n int) bool {
				// The smallest keeps half of its sessions.
				return enough(n) || o.name == pruneOperation && list[0].pruned > list[0].sessions/2
			})
			b.ReportMetric(float64(last.quantile(0.5).Nanoseconds()), "ns-median")
			b.ReportMetric(growthOf(first, last), "%-of-smallest")
		})
		fmt.Fprintf(&table, "| %s |", o.name)
		for _, c := range contestants {
			fmt.Fprintf(&table, " %.0f |", float64(c.quantile(0.5).Nanoseconds())/1000)
		}
		fmt.Fprintf(&table, " %.0f %% |\n", growthOf(first, last))
	}
	table.WriteString("| bytes per session |")
	for _, g := range list {
		fmt.Fprintf(&table, " %d |", g.bytes)
	}
	fmt.Fprintf(&table, " %.0f %% |\n", 100*float64(list[len(list)-1].bytes)/float64(list[0].bytes))
	return table.String()
}

// growthOf returns the median of last in percent of that of first.
func growthOf(first, last *contestant) float64 {
	return 100 * last.quantile(0.5).Seconds() / max(first.quantile(0.5).Seconds(), 1e-9)
}
