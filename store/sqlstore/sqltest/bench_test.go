package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// BenchmarkRotate compares rotations with what the engine can do at best: a bare
// UPDATE of one row by its key, prepared, on the same pool. The two take turns. It
// reports rotations and bare updates per second, and the former in percent of the
// latter.
func BenchmarkRotate(b *testing.B) {
	eachBenchmarked(b, func(b *testing.B, e *sqltest.Engine, s *sqlstore.Store) {
		for _, n := range []int{1, 16, 64} {
			ours := &contestant{name: "Rotate", clients: rotations(b, s, n)}
			raw := &contestant{name: "UPDATE", clients: rawUpdates(b, s.DB(), e, n)}
			b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
				takeTurns(b, []*contestant{raw, ours}, func(int) bool { return len(ours.samples) >= b.N })
				b.ReportMetric(ours.perSecond(), "rotations/s")
				b.ReportMetric(raw.perSecond(), "raw/s")
				b.ReportMetric(100*ours.perSecond()/raw.perSecond(), "%-of-raw")
			})
		}
	})
}

// eachBenchmarked runs f with an empty store on every engine that has a disk to
// wait for.
func eachBenchmarked(b *testing.B, f func(*testing.B, *sqltest.Engine, *sqlstore.Store)) {
	for _, e := range sqltest.Engines() {
		if e.Name == "sqlite-memory" {
			continue
		}
		b.Run(e.Name, func(b *testing.B) { f(b, e, openBenchmarked(b, e, sqlstore.Config{})) })
	}
}

// openBenchmarked returns an empty store in a database of its own.
func openBenchmarked(b *testing.B, e *sqltest.Engine, c sqlstore.Config) *sqlstore.Store {
	b.Helper()
	e.Require(b)
	s, err := sqlstore.Open(e.Driver, e.OwnDatabase(b), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s
}

// rotations gives each client a session, which it rotates on and on.
func rotations(b *testing.B, s *sqlstore.Store, clients int) []client {
	list := make([]client, clients)
	for i := range list {
		now := &store.Session{
			ID: store.NewID(epoch), UserID: store.NewID(epoch), Method: "password", Hash: make([]byte, 32),
			UserAgent: userAgent, IP: "192.0.2.17",
			AuthTime: epoch, CreatedAt: epoch, RotatedAt: epoch, ExpiresAt: epoch.Add(time.Hour), EndsAt: epoch.Add(time.Hour),
		}
		if err := s.CreateSession(b.Context(), now); err != nil {
			b.Fatal(err)
		}
		n := 0
		list[i] = func(ctx context.Context) error {
			n++
			r := store.Rotation{
				SessionID: now.ID, Old: now.Hash, New: fmt.Appendf(nil, "%032d", n), Sealed: make([]byte, 60),
				Now: epoch.Add(time.Duration(n) * time.Microsecond), ExpiresAt: now.EndsAt, UserAgent: now.UserAgent, IP: now.IP,
			}
			got, swapped, err := s.Rotate(ctx, r)
			if err == nil && !swapped {
				err = fmt.Errorf("rotation %d was beaten", n)
			}
			if err == nil {
				now = got
			}
			return err
		}
	}
	return list
}

// userAgent is what a browser says of itself.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// rawUpdates gives each client a row, which it counts up.
func rawUpdates(b *testing.B, db *sql.DB, e *sqltest.Engine, clients int) []client {
	mark := "?"
	if e.Dialect == sqlstore.Postgres {
		mark = "$1"
	}
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS raw_row (id VARCHAR(36) PRIMARY KEY, n BIGINT NOT NULL)"); err != nil {
		b.Fatal(err)
	}
	update, err := db.Prepare("UPDATE raw_row SET n = n + 1 WHERE id = " + mark)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { update.Close() })
	list := make([]client, clients)
	for i := range list {
		id := store.NewID(epoch)
		if _, err := db.Exec(fmt.Sprintf("INSERT INTO raw_row VALUES ('%s', 0)", id)); err != nil {
			b.Fatal(err)
		}
		list[i] = func(ctx context.Context) error {
			res, err := update.ExecContext(ctx, id)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return fmt.Errorf("%d rows updated, %v", n, err)
			}
			return nil
		}
	}
	return list
}
