package sqltest_test

import (
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
// place of 1000 and 10000: "10000,100000,1000000,5000000".
const growthVariable = "AEGIS_BENCH_SESSIONS"

// BenchmarkGrowth measures what requests and housekeeping wait for with more and
// more sessions, five to a user. Time must not grow with them.
func BenchmarkGrowth(b *testing.B) {
	sizes := "1000,10000"
	if s := os.Getenv(growthVariable); s != "" {
		sizes = s
	}
	for _, e := range sqltest.Engines() {
		if e.Name != "sqlite" && e.Name != "postgres" {
			continue
		}
		for _, size := range strings.Split(sizes, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(size))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/sessions=%d", e.Name, n), func(b *testing.B) { grow(b, e, n) })
		}
	}
}

func grow(b *testing.B, e *sqltest.Engine, n int) {
	e.Require(b)
	s, err := sqlstore.Open(e.Driver, e.OwnDatabase(b), sqlstore.Config{QueryTimeout: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	populate(b, s, e, n)
	ctx := b.Context()
	any := func() int { return 1 + rand.IntN(n) }
	operations := []struct {
		name string
		do   func() error
	}{
		{"Rotate", func() error {
			id := fmt.Sprintf("s%d", any())
			now, err := s.SessionByID(ctx, id)
			if err != nil {
				return err
			}
			r := next(now)
			r.ExpiresAt = now.ExpiresAt.Add(time.Microsecond)
			return rotates(s.Rotate(ctx, r))(true)
		}},
		{"UserWithSession", func() error {
			_, _, err := s.UserWithSession(ctx, fmt.Sprintf("s%d", any()))
			return err
		}},
		{"ListSessions", func() error { return second(s.ListSessions(ctx, fmt.Sprintf("u%d", (any()+4)/5))) }},
		{"UserByEmail", func() error { return second(s.UserByEmail(ctx, fmt.Sprintf("user-%d@example.com", (any()+4)/5))) }},
		{"ListUsers", func() error { return second(s.ListUsers(ctx, store.UserQuery{})) }},
		{"ListUsersFarBack", func() error {
			return second(s.ListUsers(ctx, store.UserQuery{After: store.Cursor{At: epoch.Add(time.Duration(n/10) * time.Microsecond), ID: "u"}}))
		}},
		{"WipeSealed", func() error { return second(s.WipeSealed(ctx, epoch.Add(time.Hour), 10)) }},
		{"PruneNothing", func() error { return second(s.Prune(ctx, epoch, 10)) }},
	}
	for _, o := range operations {
		b.Run(o.name, func(b *testing.B) {
			for b.Loop() {
				if err := o.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// populate inserts n sessions that run out over the two weeks after epoch, and
// their users.
func populate(b *testing.B, s *sqlstore.Store, e *sqltest.Engine, n int) {
	b.Helper()
	hash := "CAST('h' || n AS BLOB)"
	if e.Dialect == sqlstore.Postgres {
		hash = "CAST('h' || n AS bytea)"
	}
	numbers := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < %d) ", n)
	}
	c, err := s.DB().Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if e.Dialect == sqlstore.Postgres { // the pool's limit is meant for requests
		if _, err := c.ExecContext(b.Context(), "SET statement_timeout = 0"); err != nil {
			b.Fatal(err)
		}
		defer c.ExecContext(b.Context(), "RESET statement_timeout")
	}
	at := epoch.UnixMicro()
	step := int64(14*24*time.Hour/time.Microsecond) / int64(n)
	for _, q := range []string{
		numbers(n/5) + fmt.Sprintf("INSERT INTO auth_users (id, email, email_verified, name, password_hash, role, disabled, epoch, "+
			"last_login_at, created_at, updated_at, deleted_at, metadata, version) "+
			"SELECT 'u' || n, 'user-' || n || '@example.com', TRUE, 'Name', '$2a$12$012345678901234567890u0123456789012345678901234567890', "+
			"'user', FALSE, 0, 0, %d + n, %d, 0, '{}', 1 FROM k", at, at),
		numbers(n) + fmt.Sprintf("INSERT INTO auth_sessions (id, user_id, method, generation, hash, epoch, user_agent, ip, "+
			"authenticated_at, created_at, rotated_at, expires_at, ends_at, revoked_at) "+
			"SELECT 's' || n, 'u' || ((n + 4) / 5), 'password', 0, %s, 0, "+
			"'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '192.0.2.17', %d, %d + n, %d, "+
			"%d + CAST(n AS BIGINT) * %d, %d, 0 FROM k", hash, at, at, at, at+3600e6, step, at+3e13),
	} {
		if _, err := c.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := c.ExecContext(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
}
