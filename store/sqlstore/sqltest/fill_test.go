package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// crowd is a database of many users and five times as many sessions. What a row
// holds follows from its number, counted from 1, and the databases' own arithmetic
// makes it: IDs of the form store.NewID gives, in the order of time, and a user's
// sessions far apart, as they are when people sign in now and then.
type crowd struct {
	sessions, users int64
}

// Sessions are begun in the two weeks before epoch, and run out in the two weeks
// after; users registered within the year before.
const (
	fortnight = int64(14 * 24 * time.Hour / time.Microsecond)
	year      = int64(365 * 24 * time.Hour / time.Microsecond)
	scatter   = 7919 // a prime, so that sessions in turn belong to users far apart
)

func newCrowd(sessions int64) crowd { return crowd{sessions, max(sessions/5, 1)} }

func (c crowd) sessionAt(n int64) int64 {
	return epoch.UnixMicro() - fortnight + n*(fortnight/c.sessions)
}
func (c crowd) userAt(k int64) int64 { return epoch.UnixMicro() - year + k*(year/c.users) }
func (c crowd) sessionID(n int64) string {
	return numberedID(c.sessionAt(n), n)
}
func (c crowd) userID(k int64) string { return numberedID(c.userAt(k), k) }

// email returns the address of user k.
func (crowd) email(k int64) string { return fmt.Sprintf("user-%d@example.com", k) }

// numberedID is an ID with digits in place of random bits.
func numberedID(at, n int64) string {
	ms := at / 1000
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", ms>>16, ms&0xffff, n*2654435761%4096, 0x8000+n*40503%16384, n*1099511628211%(1<<48))
}

// idText is numberedID in SQL.
func idText(d sqlstore.Dialect, at, n string) string {
	hex := func(value string, digits int) string {
		if d == sqlstore.Postgres {
			return fmt.Sprintf("lpad(to_hex(%s), %d, '0')", value, digits)
		}
		return fmt.Sprintf("printf('%%0%dx', %s)", digits, value)
	}
	return hex("("+at+") / 1000 / 65536", 8) + " || '-' || " + hex("("+at+") / 1000 % 65536", 4) + " || '-7' || " +
		hex(n+" * 2654435761 % 4096", 3) + " || '-' || " + hex("32768 + "+n+" * 40503 % 16384", 4) + " || '-' || " +
		hex(n+" * 1099511628211 % 281474976710656", 12)
}

// batch is how many rows one statement inserts: many, since each commit writes
// all pages of the indexes whose keys come in no order.
const batch = 1_000_000

// fill inserts the crowd, in the order of time, with all indexes in place, so that
// these are as full as they get in use.
func (c crowd) fill(b *testing.B, e *sqltest.Engine, db *sql.DB) {
	b.Helper()
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	run := func(text string) {
		b.Helper()
		if _, err := conn.ExecContext(b.Context(), text); err != nil {
			b.Fatalf("%s: %v", text, err)
		}
	}
	series := "(SELECT generate_series(CAST({from} AS bigint), {to}) AS n) AS k"
	bytes := func(seed string) string { return "sha256(int8send(" + seed + "))" }
	before := []string{"SET statement_timeout = 0", "SET synchronous_commit = off"}
	after := []string{"VACUUM ANALYZE", "RESET statement_timeout", "RESET synchronous_commit"}
	if e.Dialect == sqlstore.SQLite {
		series = "(WITH RECURSIVE k (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM k WHERE n < {to}) SELECT n FROM k)"
		bytes = func(string) string { return "randomblob(32)" }
		before = []string{"PRAGMA synchronous = OFF", "PRAGMA cache_size = -2000000"}
		after = []string{"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA cache_size = -2000", "PRAGMA synchronous = FULL"}
	}
	for _, text := range before {
		run(text)
	}
	at := fmt.Sprintf("%d + n * %d", c.userAt(0), year/c.users)
	users := "INSERT INTO auth_users (id, email, email_verified, name, password_hash, role, disabled, epoch, " +
		"last_login_at, created_at, updated_at, deleted_at, metadata, version) " +
		"SELECT " + idText(e.Dialect, at, "n") + ", 'user-' || n || '@example.com', TRUE, 'Some Name', " +
		"'$2a$12$012345678901234567890u0123456789012345678901234567890', 'user', FALSE, 0, " +
		at + ", " + at + ", " + at + ", 0, '{}', 1 FROM " + series
	at = fmt.Sprintf("%d + n * %d", c.sessionAt(0), fortnight/c.sessions)
	user := fmt.Sprintf("(1 + n * %d %% %d)", scatter, c.users)
	userAt := fmt.Sprintf("%d + %s * %d", c.userAt(0), user, year/c.users)
	// Each was refreshed, and what was sealed is wiped.
	sessions := "INSERT INTO auth_sessions (id, user_id, method, generation, hash, prev_hash, epoch, user_agent, ip, " +
		"authenticated_at, created_at, rotated_at, expires_at, ends_at, revoked_at) " +
		"SELECT " + idText(e.Dialect, at, "n") + ", " + idText(e.Dialect, userAt, user) + ", 'password', 1, " + bytes("n") + ", " + bytes("-n") +
		", 0, '" + userAgent + "', '192.0.2.17', " + at + ", " + at + ", " + at +
		fmt.Sprintf(", %s + %d, %s + %d, 0 FROM ", at, fortnight, at, 2*fortnight) + series
	for _, kind := range []struct {
		text string
		rows int64
	}{{users, c.users}, {sessions, c.sessions}} {
		for from := int64(1); from <= kind.rows; from += batch {
			to := min(from+batch-1, kind.rows)
			run(strings.NewReplacer("{from}", fmt.Sprint(from), "{to}", fmt.Sprint(to)).Replace(kind.text))
		}
	}
	for _, text := range after {
		run(text)
	}
}

// bytesOf returns how much of the disk a database takes, without what was not
// written to it yet.
func bytesOf(b *testing.B, e *sqltest.Engine, db *sql.DB) (n int64) {
	b.Helper()
	ask := "SELECT pg_database_size(current_database())"
	if e.Dialect == sqlstore.SQLite {
		ask = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
	}
	if err := db.QueryRowContext(context.Background(), ask).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}
