package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// Config says how tables are kept. The zero value of each field but Dialect is
// its default.
type Config struct {
	// Dialect is what the database speaks. Default: what the name of the driver
	// says, in Open ("sqlite", "sqlite3", "pgx", "postgres", "mysql"). New and the
	// constructors of single tables require it.
	Dialect Dialect

	// Prefix begins the name of every table and index: lower-case letters, digits
	// and underscores, at most 24. Default "auth_".
	Prefix string

	// UserCreated runs inside the transaction that inserts a user, so that the
	// user's own rows elsewhere come to be with them or not at all: an error
	// undoes the transaction, and is returned as it is. It gets a copy of the
	// user, must use tx alone, and may run again if the transaction is repeated.
	// Default: nothing.
	UserCreated func(ctx context.Context, tx *sql.Tx, u *store.User) error

	// QueryTimeout bounds each method, its repetitions included, so that a
	// database that does not answer is an error and not a hanging request.
	// Migrate is not bounded. Negative for no bound. Default 5 s.
	QueryTimeout time.Duration

	// Reader is a second pool for what only reads. SQLite has one writer at a
	// time, and readers that it need not wait for. Default: the pool that writes.
	Reader *sql.DB

	// MaxConns bounds the connections Open keeps to a server, or, for SQLite, the
	// connections that read. Default 20.
	MaxConns int

	// Audit makes a table that is used alone write the audit entry its context
	// carries (store.WithAudit) into the audit table, in the same transaction as
	// its change. A Store always does.
	Audit bool
}

const (
	defaultPrefix  = "auth_"
	defaultTimeout = 5 * time.Second
	defaultConns   = 20
)

var prefixForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,23}$`)

// withDefaults returns c with its defaults, or all that is wrong with it.
func (c Config) withDefaults() (Config, error) {
	c.Prefix = cmp.Or(c.Prefix, defaultPrefix)
	c.QueryTimeout = cmp.Or(c.QueryTimeout, defaultTimeout)
	c.MaxConns = cmp.Or(c.MaxConns, defaultConns)
	var errs []error
	if !c.Dialect.known() {
		errs = append(errs, fmt.Errorf("sqlstore: Config.Dialect is %q: set it to sqlstore.SQLite, sqlstore.Postgres or sqlstore.MySQL", c.Dialect))
	}
	if !prefixForm.MatchString(c.Prefix) {
		errs = append(errs, fmt.Errorf("sqlstore: Config.Prefix is %q: use a lower-case letter, then at most 23 lower-case letters, digits and underscores", c.Prefix))
	}
	if c.MaxConns < 0 {
		errs = append(errs, fmt.Errorf("sqlstore: Config.MaxConns is %d: set it to 1 or more, or leave it 0 for %d", c.MaxConns, defaultConns))
	}
	return c, errors.Join(errs...)
}
