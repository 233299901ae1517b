package sqlstore

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// SQLiteDSN returns the data source name of a database file with the settings the
// store needs on every connection: write-ahead log, 5 s of patience for a lock,
// transactions that are the writer from their start, foreign keys, and a commit
// that is on the disk when it returns (synchronous=FULL: an answered request
// survives a power failure as well as a killed process).
//
// path is a path, or a data source name that begins with "file:"; what the latter
// sets is left as it is. The result names each setting in both spellings there
// are: modernc.org/sqlite and ncruces/go-sqlite3 read _pragma, mattn/go-sqlite3
// reads _busy_timeout and the like. All read _txlock.
func SQLiteDSN(path string) string {
	name, query, _ := strings.Cut(path, "?")
	if !strings.HasPrefix(path, "file:") {
		name, query = "file:"+escapePath(filepath.ToSlash(path)), ""
	}
	given := strings.ToLower(query)
	add := func(key, value string) {
		if query != "" {
			query += "&"
		}
		query += key + "=" + value
	}
	for _, p := range []struct{ pragma, value string }{
		{"busy_timeout", "5000"},
		{"journal_mode", "WAL"},
		{"synchronous", "FULL"},
		{"foreign_keys", "1"},
	} {
		if strings.Contains(given, p.pragma) {
			continue
		}
		add("_pragma", p.pragma+"("+p.value+")")
		add("_"+p.pragma, p.value)
	}
	if !strings.Contains(given, "_txlock") {
		add("_txlock", "immediate")
	}
	return name + "?" + query
}

// escapePath protects what has a meaning in SQLite's file: names.
func escapePath(path string) string {
	if len(path) > 1 && path[1] == ':' { // C:/…
		path = "/" + path
	}
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// inMemory reports whether a SQLite data source name is of no file.
func inMemory(dsn string) bool {
	name, query, _ := strings.Cut(dsn, "?")
	return dsn == "" || dsn == ":memory:" || name == "file:" || name == "file::memory:" || strings.Contains(query, "mode=memory")
}

// PostgresDSN returns the data source name with what it does not set itself: 5 s
// to connect, and two limits in the server for what a lost client leaves behind,
// 10 s for a statement and 10 s for a transaction without one. dsn is a URL,
// postgres://user:password@host:5432/database, or of the form host=… user=…; pgx
// and lib/pq read both.
//
// A pooler that refuses settings in the start-up message (PgBouncer: see its
// ignore_startup_parameters) needs a URL with statement_timeout= and
// idle_in_transaction_session_timeout=, empty: they are then left out.
func PostgresDSN(dsn string) (string, error) {
	settings := []struct{ key, value string }{
		{"connect_timeout", "5"},
		{"statement_timeout", "10000"},
		{"idle_in_transaction_session_timeout", "10000"},
	}
	if !strings.Contains(dsn, "://") {
		for _, p := range settings {
			if !strings.Contains(dsn, p.key) {
				dsn += " " + p.key + "=" + p.value
			}
		}
		return strings.TrimSpace(dsn), nil
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("sqlstore: the address of a PostgreSQL database is postgres://user:password@host:5432/database")
	}
	q := u.Query()
	for _, p := range settings {
		switch {
		case !q.Has(p.key):
			q.Set(p.key, p.value)
		case q.Get(p.key) == "":
			q.Del(p.key)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// MySQLDSN returns the data source name for go-sql-driver/mysql with what it does
// not set itself: strict sql_mode, utf8mb4, rows counted that are found and not
// only those that changed, automatic commits, and 5 s to connect, to read and to
// write. dsn is of the driver's form, user:password@tcp(host:3306)/database, or a
// URL, mysql://user:password@host:3306/database.
//
// readTimeout bounds every answer, that of a migration too. Set it higher before
// you raise Config.QueryTimeout above 5 s.
func MySQLDSN(dsn string) (string, error) {
	if strings.Contains(dsn, "://") {
		var err error
		if dsn, err = mysqlFromURL(dsn); err != nil {
			return "", err
		}
	}
	slash := strings.LastIndexByte(strings.SplitN(dsn, "?", 2)[0], '/')
	if slash < 0 || slash == len(dsn)-1 {
		return "", errMySQLAddress
	}
	name, query, _ := strings.Cut(dsn, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("sqlstore: the parameters of the MySQL address are not of the form key=value&key=value")
	}
	for _, p := range []struct{ key, value string }{
		{"autocommit", "1"},
		{"charset", "utf8mb4"},
		{"clientFoundRows", "true"},
		{"readTimeout", "5s"},
		{"sql_mode", "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"},
		{"timeout", "5s"},
		{"writeTimeout", "5s"},
	} {
		if !q.Has(p.key) {
			q.Set(p.key, p.value)
		}
	}
	return name + "?" + q.Encode(), nil
}

var errMySQLAddress = errors.New("sqlstore: the address of a MySQL database is user:password@tcp(host:3306)/database or mysql://user:password@host:3306/database")

// mysqlFromURL translates a URL into the driver's form.
func mysqlFromURL(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Host == "" {
		return "", errMySQLAddress
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "3306"
	}
	var b strings.Builder
	if u.User != nil {
		b.WriteString(u.User.Username())
		if p, ok := u.User.Password(); ok {
			b.WriteString(":" + p)
		}
		b.WriteByte('@')
	}
	b.WriteString("tcp(" + net.JoinHostPort(host, port) + ")/" + strings.TrimPrefix(u.EscapedPath(), "/"))
	if u.RawQuery != "" {
		b.WriteString("?" + u.RawQuery)
	}
	return b.String(), nil
}
