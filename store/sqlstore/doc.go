// Package sqlstore keeps what authentication remembers in a SQL database, through
// database/sql: SQLite, PostgreSQL, MySQL and MariaDB. It imports no driver; link
// one in and open the store with the driver's name:
//
//	import _ "modernc.org/sqlite"
//
//	s, err := sqlstore.Open("sqlite", "app.db", sqlstore.Config{})
//	…
//	defer s.Close()
//	err = s.Migrate(ctx)
//
//	import _ "github.com/jackc/pgx/v5/stdlib"
//
//	s, err := sqlstore.Open("pgx", "postgres://app:secret@db:5432/app?sslmode=verify-full", sqlstore.Config{})
//
//	import _ "github.com/go-sql-driver/mysql"
//
//	s, err := sqlstore.Open("mysql", "mysql://app:secret@db:3306/app?tls=true", sqlstore.Config{})
//
// # Settings
//
// [Open] gives every connection the settings the store needs, and leaves alone
// what the data source name sets. Callers who open the database themselves take
// the name from [SQLiteDSN], [PostgresDSN] or [MySQLDSN] and hand the pool to
// [New], which asks the database and refuses what would fail under load or lose
// data, with the remedy in the error.
//
//   - SQLite: write-ahead log, busy_timeout of 5 s, synchronous=FULL, transactions
//     that write from their start, one connection that writes and several that
//     read. With the defaults of SQLite concurrent refreshes fail.
//   - PostgreSQL: 10 s at most for a statement and for a transaction that was left
//     alone, 5 s to connect. READ COMMITTED is all the store asks for.
//   - MySQL, MariaDB: strict sql_mode, utf8mb4, found rows counted, 5 s at most to
//     connect, read and write. Decisions do not rest on found rows being counted:
//     an UPDATE that decides something always changes its row.
//
// Each method is bounded by [Config.QueryTimeout] as well as by its context. What
// the database undid because of others (serialization failures, deadlocks, a busy
// file) is repeated up to five times with pauses. A commit whose answer was lost is
// not: the caller gets an error, and the outcome is unknown.
//
// # Rotations
//
// In SQLite, rotations that arrive while the writer is busy are judged one by one in
// a single transaction and answered when it is on the disk. In MySQL, which returns
// nothing from an UPDATE, the rows this process rotated last (at most 4096, without
// their sealed secrets) are remembered, so that they need not be read first; the
// UPDATE verifies all of it.
//
// # Tables
//
// A [Store] is seven tables, each of which can be used alone: [UserTable],
// [SessionTable], [OneTimeTable], [IdentityTable], [AttemptTable], [AuditTable],
// [OrgTable]. An application with a users table of its own embeds the others
// beside it, and calls their ForgetUser when it deletes a user.
//
// Times are kept as microseconds since 1970 in 64 bits, keys are compared byte for
// byte, and booleans, texts and blobs have the engine's own types, so that the
// tables are easy to read with other tools. There are no foreign keys: users may
// live elsewhere.
//
// # Schema
//
// [Store.Migrate] applies the numbered files of [Migrations], and may be called by
// any number of processes at once. Those who use a migration tool already can give
// it the files instead: they begin with goose's annotation, which is a comment to
// the others.
package sqlstore
