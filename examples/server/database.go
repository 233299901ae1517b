package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

// database is the store that DATABASE_URL names.
type database struct {
	store store.Store
	label string // without secrets
	sql   *sqlstore.Store
}

// openDatabase opens the database and, if told so, brings its schema up to date.
func openDatabase(ctx context.Context, address string, migrate bool) (*database, error) {
	kind, rest, _ := strings.Cut(address, ":")
	var driver string
	dsn := address
	switch kind {
	case "memory":
		return &database{store: memstore.New(), label: "memory: gone when the program ends"}, nil
	case "sqlite":
		driver, dsn = "sqlite", strings.TrimPrefix(rest, "//")
	case "postgres", "postgresql":
		driver = "pgx"
	case "mysql", "mariadb":
		driver, dsn = "mysql", "mysql:"+rest
	default:
		return nil, fmt.Errorf("none of sqlite:, postgres:, mysql:, memory: is %q", kind+":")
	}
	s, err := sqlstore.Open(driver, dsn, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	if migrate {
		if err := s.Migrate(ctx); err != nil {
			s.Close()
			return nil, fmt.Errorf("bring the schema up to date: %w", err)
		}
	}
	return &database{store: s, sql: s, label: label(address)}, nil
}

// label shows an address without its password.
func label(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		if strings.Contains(address, "@") {
			address = address[:strings.Index(address, ":")+1] + "…" + address[strings.LastIndex(address, "@"):]
		}
		return address
	}
	return u.Redacted()
}

func (d *database) ping(ctx context.Context) error {
	if d.sql == nil {
		return nil
	}
	return d.sql.Ping(ctx)
}

// plan names the migrations that are missing.
func (d *database) plan(ctx context.Context) ([]string, error) {
	if d.sql == nil {
		return nil, nil
	}
	missing, err := d.sql.Plan(ctx)
	names := make([]string, len(missing))
	for i, m := range missing {
		names[i] = m.Name
	}
	return names, err
}

func (d *database) close() {
	if d.sql != nil {
		d.sql.Close()
	}
}
