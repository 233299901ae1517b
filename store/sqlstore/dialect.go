package sqlstore

import (
	"database/sql"
	"errors"
	"math"
	"strconv"
	"strings"
)

// Dialect is the SQL a database speaks. Everything in which the engines differ
// is decided in this file; the statements elsewhere are written once, with ? for
// a value and {users} for a table.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"   // 3.37 or later
	Postgres Dialect = "postgres" // 12 or later
	MySQL    Dialect = "mysql"    // MySQL 8.0 or later, MariaDB 10.5 or later
)

func (d Dialect) known() bool { return d == SQLite || d == Postgres || d == MySQL }

// render puts a portable statement into the words of the dialect: {name} becomes
// the name with the prefix, and ? the dialect's placeholder. No statement of this
// package has either character in a literal.
func (d Dialect) render(q, prefix string) string {
	var b strings.Builder
	b.Grow(len(q) + 64)
	n := 0
	for i := 0; i < len(q); i++ {
		switch c := q[i]; {
		case c == '{':
			b.WriteString(prefix)
		case c == '}':
		case c == '?' && d == Postgres:
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// reusesStmts reports whether it pays to keep prepared statements. Drivers for
// PostgreSQL keep their own, and poolers in between may not allow for ours.
func (d Dialect) reusesStmts() bool { return d != Postgres }

// returning reports whether a changing statement can return rows. MariaDB has it
// for some statements, MySQL for none.
func (d Dialect) returning() bool { return d != MySQL }

// lanes is how many rotations are under way before others wait to travel together,
// on a pool of at most conns connections, or without limit if it is 0. SQLite has
// one writer. In PostgreSQL it is about as many as wait for the same answer of the
// disk anyway; what comes beyond costs less in one statement. In MySQL a statement
// that changes many rows, each by values of its own, costs more than it saves.
func (d Dialect) lanes(conns int) int {
	switch {
	case d == SQLite:
		return 1
	case d == MySQL:
		return math.MaxInt
	case conns > 0:
		return min(conns, 12)
	}
	return 12
}

// orNothing ends an INSERT so that a taken key inserts nothing instead of
// failing, which in PostgreSQL would also end the transaction. MySQL has no such
// form that does not hide other faults: there the error says that a key is taken.
func (d Dialect) orNothing() string {
	if d == MySQL {
		return ""
	}
	return " ON CONFLICT DO NOTHING"
}

// orTouch ends an INSERT so that a row with a taken key is locked, and left as it
// is.
func (d Dialect) orTouch(key, column string) string {
	if d == MySQL {
		return " ON DUPLICATE KEY UPDATE " + column + " = " + column + " + 1"
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + column + " = excluded." + column
}

// lock ends a SELECT whose rows stay as they are until the transaction ends. In
// SQLite there is one writer, and a transaction of ours is it from its start.
func (d Dialect) lock() string {
	if d == SQLite {
		return ""
	}
	return " FOR UPDATE"
}

// lockOf is lock for one table of a join, named by its alias. In MySQL all tables
// of the join are locked: MariaDB has no OF.
func (d Dialect) lockOf(alias string) string {
	switch d {
	case Postgres:
		return " FOR UPDATE OF " + alias
	case MySQL:
		return " FOR UPDATE"
	}
	return ""
}

// txOptions asks for READ COMMITTED, whatever the server's default: every
// decision locks the rows it rests on, and then reads them as they are.
func (d Dialect) txOptions() *sql.TxOptions {
	if d == SQLite { // one writer: it has no levels
		return nil
	}
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

// fromNothing stands between the values and the WHERE of a SELECT without a table.
func (d Dialect) fromNothing() string {
	if d == MySQL {
		return "FROM DUAL "
	}
	return ""
}

// live compares a key that is unique among rows not deleted. MySQL has no partial
// indexes, so that a generated column holds the key of those rows alone.
func (d Dialect) live(column string) string {
	if d == MySQL {
		return "live_" + column + " = ?"
	}
	return column + " = ? AND deleted_at = 0"
}

// beyond selects the rows behind a cursor in a list ordered by at and id, both
// descending ("<") or ascending (">"). Its values are at, at, id: the first of
// them bounds the range of the index, since MySQL reads no range from a
// comparison of rows.
func beyond(at, id, op string) string {
	return "(" + at + " " + op + "= ? AND (" + at + " " + op + " ? OR " + id + " " + op + " ?))"
}

// batch selects, by key, at most n rows that meet cond: the WHERE clause of a
// bounded DELETE or UPDATE. Its values are those of cond, n, and those of cond
// again, because a row may have changed since it was selected.
func (d Dialect) batch(table, key, cond string) string {
	sub := "SELECT " + key + " FROM " + table + " WHERE " + cond + " LIMIT ?"
	switch d {
	case Postgres: // evaluated once, whatever the planner thinks of the join
		return key + " = ANY (ARRAY(" + sub + ")) AND " + cond
	case MySQL: // which does not select from the table it changes, but for a copy
		return key + " IN (SELECT " + key + " FROM (" + sub + ") AS batch) AND " + cond
	}
	return key + " IN (" + sub + ") AND " + cond
}

// unwiped selects the sessions that have a sealed secret, through the index made
// for it.
func (d Dialect) unwiped() string {
	switch d {
	case Postgres:
		return "unwiped"
	case MySQL:
		return "unwiped = 1"
	}
	return "sealed IS NOT NULL"
}

// orReplaceToken ends the INSERT of a one-time token so that it takes the place of
// the one with the same user and purpose. In MySQL the clause also meets a row
// with the same hash; that row belongs to somebody else, and is not replaced: NULL
// makes the statement fail.
func (d Dialect) orReplaceToken() string {
	const rest = "email = %(email), epoch = %(epoch), created_at = %(created_at), expires_at = %(expires_at)"
	if d == MySQL {
		return " ON DUPLICATE KEY UPDATE hash = IF(user_id = VALUES(user_id) AND purpose = VALUES(purpose), VALUES(hash), NULL), " +
			strings.NewReplacer("%(", "VALUES(").Replace(rest)
	}
	return " ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash, " +
		strings.NewReplacer("%(", "excluded.", ")", "").Replace(rest)
}

// hashTaken reports whether a one-time token was not written because its hash
// belongs to another.
func (d Dialect) hashTaken(err error) bool {
	return d.fault(err) == takenFault || d == MySQL && mysqlNumber(err) == 1048 // ER_BAD_NULL_ERROR
}

// versionTable is the table of the migrations that were applied.
func (d Dialect) versionTable() string {
	key, text := "BIGINT", "VARCHAR(255)"
	if d == SQLite {
		key, text = "INTEGER", "TEXT"
	}
	return "CREATE TABLE IF NOT EXISTS {migrations} (version " + key + " NOT NULL PRIMARY KEY, name " + text + " NOT NULL)"
}

// hasTable counts the tables with a name.
func (d Dialect) hasTable() string {
	switch d {
	case Postgres:
		return "SELECT count(*) FROM (SELECT to_regclass(?) AS oid) t WHERE oid IS NOT NULL"
	case MySQL:
		return "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	}
	return "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
}

// beginAlone begins the transaction of a migration: in SQLite as the only writer,
// in PostgreSQL so that it sees what others did before it got the lock.
func (d Dialect) beginAlone() string {
	if d == SQLite {
		return "BEGIN IMMEDIATE"
	}
	return "BEGIN ISOLATION LEVEL READ COMMITTED"
}

// orRaise ends the INSERT of a chain's head so that it replaces a lower one. Two
// entries of a chain may be committed in either order.
func (d Dialect) orRaise(table string) string {
	if d == MySQL { // seq last: the others compare with what it was
		return " ON DUPLICATE KEY UPDATE mac = IF(VALUES(seq) > seq, VALUES(mac), mac), seq = GREATEST(seq, VALUES(seq))"
	}
	return " ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, mac = excluded.mac WHERE " + table + ".seq < excluded.seq"
}

// fault is what an error of the database means to this package.
type fault int

const (
	otherFault fault = iota
	takenFault       // a unique key is taken; the statement changed nothing
	againFault       // the transaction was undone, and may succeed when run again
)

// fault tells what err means, without knowing the driver's types: by SQLSTATE for
// PostgreSQL (pgx and lib/pq have the method), by result code for SQLite
// (modernc has it; others say the words of SQLite itself), and by the number
// with which the MySQL driver begins its text.
func (d Dialect) fault(err error) fault {
	switch d {
	case Postgres:
		return postgresFault(err)
	case MySQL:
		return mysqlFault(err)
	}
	return sqliteFault(err)
}

func postgresFault(err error) fault {
	e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return otherFault
	}
	switch e.SQLState() {
	case "23505": // unique_violation
		return takenFault
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return againFault
	}
	return otherFault
}

func mysqlFault(err error) fault {
	switch mysqlNumber(err) {
	case 1062, 1586: // ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME
		return takenFault
	case 1213, 1205, 1020, 1615: // deadlock, lock wait, changed since last read, to be prepared again
		return againFault
	}
	return otherFault
}

// mysqlNumber returns the number of a server's error, or 0. The driver's type has
// it in a field only, and begins its text with it: "Error 1062 (23000): …".
func mysqlNumber(err error) int {
	for ; err != nil; err = errors.Unwrap(err) {
		rest, ok := strings.CutPrefix(err.Error(), "Error ")
		if !ok {
			continue
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end <= 0 {
			continue
		}
		if n, err := strconv.Atoi(rest[:end]); err == nil {
			return n
		}
	}
	return 0
}

func sqliteFault(err error) fault {
	e, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	if ok {
		switch code := e.Code(); {
		case code == 2067 || code == 1555 || code == 2579: // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY, _ROWID
			return takenFault
		case code&0xff == 5 || code&0xff == 6: // SQLITE_BUSY, SQLITE_LOCKED
			return againFault
		}
		return otherFault
	}
	if err == nil {
		return otherFault
	}
	switch text := err.Error(); {
	case strings.Contains(text, "UNIQUE constraint failed"):
		return takenFault
	case strings.Contains(text, "database is locked"), strings.Contains(text, "database table is locked"):
		return againFault
	}
	return otherFault
}

// set returns n placeholders for IN, in a form that is looked up and not compared
// one by one for each row of an organization: a plan that PostgreSQL makes once
// for all values, before it has counted the table, does that with a plain list.
func (d Dialect) set(n int) string {
	if d == Postgres {
		return "VALUES (?)" + strings.Repeat(", (?)", n-1)
	}
	return marks(n)
}
