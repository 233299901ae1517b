package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// BenchmarkRotate compares rotations with what the engine can do at best: a bare
// UPDATE of one row by its key, prepared, on the same pool. The two take turns in
// short slices, so that whatever else the machine does falls on both. It reports
// rotations and bare updates per second, and the former in percent of the latter.
func BenchmarkRotate(b *testing.B) {
	for _, e := range sqltest.Engines() {
		if e.Name == "sqlite-memory" {
			continue // nothing to wait for
		}
		for _, clients := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/clients=%d", e.Name, clients), func(b *testing.B) {
				e.Require(b)
				s, err := sqlstore.Open(e.Driver, e.OwnDatabase(b), sqlstore.Config{})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { s.Close() })
				if err := s.Migrate(b.Context()); err != nil {
					b.Fatal(err)
				}
				compare(b, clients, rotations(b, s, clients), rawUpdates(b, s.DB(), e, clients))
			})
		}
	}
}

// A client does one operation; each goroutine has one of its own.
type client func(context.Context) error

// rotations gives each client a session, which it rotates on and on.
func rotations(b *testing.B, s *sqlstore.Store, clients int) []client {
	list := make([]client, clients)
	for i := range list {
		now := &store.Session{
			ID: store.NewID(epoch), UserID: store.NewID(epoch), Method: "password", Hash: make([]byte, 32),
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", IP: "192.0.2.17",
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

// rawUpdates gives each client a row, which it counts up.
func rawUpdates(b *testing.B, db *sql.DB, e *sqltest.Engine, clients int) []client {
	mark := "?"
	if e.Dialect == sqlstore.Postgres {
		mark = "$1"
	}
	if _, err := db.Exec("CREATE TABLE raw_row (id VARCHAR(36) PRIMARY KEY, n BIGINT NOT NULL)"); err != nil {
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

// compare runs b.N operations of each kind, in slices that take turns.
func compare(b *testing.B, clients int, ours, raw []client) {
	slice := max(50, 8*clients)
	for _, kind := range [][]client{ours, raw} { // connections, plans, pages
		run(b, kind, slice)
	}
	var oursTook, rawTook time.Duration
	done := 0
	for b.ResetTimer(); done < b.N; done += slice {
		rawTook += run(b, raw, slice)
		oursTook += run(b, ours, slice)
	}
	b.ReportMetric(float64(done)/oursTook.Seconds(), "rotations/s")
	b.ReportMetric(float64(done)/rawTook.Seconds(), "raw/s")
	b.ReportMetric(100*rawTook.Seconds()/oursTook.Seconds(), "%-of-raw")
	b.ReportMetric(0, "ns/op") // says nothing about either
}

// run has the clients do n operations together, and returns how long they took.
func run(b *testing.B, clients []client, n int) time.Duration {
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	began := time.Now()
	for _, do := range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
