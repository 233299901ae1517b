package sqltest_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// strategy is a way to exchange a refresh token that is not ours. Its statements
// are prepared, on our pool, with our settings.
type strategy struct {
	name  string
	apart bool     // each statement is a transaction of its own
	steps []string // {name} is a value; see peer.value
}

// A token is a row; the one that is spent is marked, and another one inserted.
const (
	lookUpToken = "SELECT id, session_id, user_id, client_id, expires_at, used_at FROM peer_tokens WHERE hash = {hash} FOR UPDATE"
	markToken   = "UPDATE peer_tokens SET used_at = {now} WHERE hash = {hash} AND used_at = 0"
	insertToken = "INSERT INTO peer_tokens (id, session_id, user_id, client_id, hash, used_at, created_at, expires_at, user_agent, ip) " +
		"VALUES ({id}, {session}, {user}, {app}, {next}, 0, {now}, {expires}, {agent}, {ip})"
)

// strategies are what one finds elsewhere. The last has the statements that a
// server on top of an object mapper sends: each object is loaded, and saved, by
// itself.
var strategies = []*strategy{
	{name: "two commits: mark, insert", apart: true, steps: []string{markToken, insertToken}},
	{name: "transaction: look up, mark, insert", steps: []string{lookUpToken, markToken, insertToken}},
	{name: "transaction of 16 statements", steps: []string{
		"SELECT id, name, secret, scopes FROM peer_apps WHERE id = {app}",
		lookUpToken,
		"SELECT id, user_id, seen_at FROM peer_sessions WHERE id = {session}",
		"SELECT id, email, name, seen_at FROM peer_users WHERE id = {user}",
		"SELECT user_id, client_id, scopes FROM peer_grants WHERE user_id = {user} AND client_id = {app}",
		"SELECT user_id, role FROM peer_roles WHERE user_id = {user}",
		markToken,
		"DELETE FROM peer_access WHERE session_id = {session}",
		"DELETE FROM peer_tokens WHERE session_id = {session} AND used_at <> 0 AND used_at < {now}",
		"INSERT INTO peer_access (id, session_id, user_id, client_id, hash, created_at, expires_at) " +
			"VALUES ({id}, {session}, {user}, {app}, {next}, {now}, {expires})",
		insertToken,
		"SELECT id, session_id, user_id, client_id, expires_at, used_at FROM peer_tokens WHERE id = {id}",
		"UPDATE peer_sessions SET seen_at = {now} WHERE id = {session}",
		"UPDATE peer_users SET seen_at = {now} WHERE id = {user}",
		"SELECT id, user_id, seen_at FROM peer_sessions WHERE id = {session}",
		"INSERT INTO peer_log (id, user_id, at, what) VALUES ({id}, {user}, {now}, 'refresh')",
	}},
}

var peerTables = []string{
	"CREATE TABLE peer_tokens (id VARCHAR(36) PRIMARY KEY, session_id VARCHAR(36) NOT NULL, user_id VARCHAR(36) NOT NULL, " +
		"client_id VARCHAR(36) NOT NULL, hash VARCHAR(64) NOT NULL, used_at BIGINT NOT NULL, created_at BIGINT NOT NULL, " +
		"expires_at BIGINT NOT NULL, user_agent VARCHAR(200) NOT NULL, ip VARCHAR(45) NOT NULL)",
	"CREATE UNIQUE INDEX peer_tokens_hash ON peer_tokens (hash)",
	"CREATE INDEX peer_tokens_session ON peer_tokens (session_id)",
	"CREATE TABLE peer_access (id VARCHAR(36) PRIMARY KEY, session_id VARCHAR(36) NOT NULL, user_id VARCHAR(36) NOT NULL, " +
		"client_id VARCHAR(36) NOT NULL, hash VARCHAR(64) NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)",
	"CREATE INDEX peer_access_session ON peer_access (session_id)",
	"CREATE TABLE peer_apps (id VARCHAR(36) PRIMARY KEY, name VARCHAR(50) NOT NULL, secret VARCHAR(64) NOT NULL, scopes VARCHAR(50) NOT NULL)",
	"CREATE TABLE peer_users (id VARCHAR(36) PRIMARY KEY, email VARCHAR(100) NOT NULL, name VARCHAR(50) NOT NULL, seen_at BIGINT NOT NULL)",
	"CREATE TABLE peer_sessions (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL, seen_at BIGINT NOT NULL)",
	"CREATE TABLE peer_grants (user_id VARCHAR(36), client_id VARCHAR(36), scopes VARCHAR(50) NOT NULL, PRIMARY KEY (user_id, client_id))",
	"CREATE TABLE peer_roles (user_id VARCHAR(36) PRIMARY KEY, role VARCHAR(20) NOT NULL)",
	"CREATE TABLE peer_log (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL, at BIGINT NOT NULL, what VARCHAR(20) NOT NULL)",
}

// peerRows are what a client's user has before the first exchange.
var peerRows = []string{
	"INSERT INTO peer_apps VALUES ({app}, 'app', 'secret', 'all')",
	"INSERT INTO peer_users VALUES ({user}, {session}, 'Name', 0)",
	"INSERT INTO peer_sessions VALUES ({session}, {user}, 0)",
	"INSERT INTO peer_grants VALUES ({user}, {app}, 'all')",
	"INSERT INTO peer_roles VALUES ({user}, 'user')",
	insertToken,
}

// peer is one client of a strategy, and the token it holds.
type peer struct {
	user, session, app string
	hash, next, id     string
	now                int64
}

// turn makes the next token.
func (p *peer) turn() {
	var secret [32]byte
	rand.Read(secret[:])
	sum := sha256.Sum256(secret[:])
	p.hash, p.next = p.next, hex.EncodeToString(sum[:])
	now := time.Now()
	p.id, p.now = store.NewID(now), now.UnixMicro()
}

// value returns what stands in a statement under that name.
func (p *peer) value(name string) any {
	switch name {
	case "user":
		return p.user
	case "session":
		return p.session
	case "app":
		return p.app
	case "hash":
		return p.hash
	case "next":
		return p.next
	case "id":
		return p.id
	case "now":
		return p.now
	case "expires":
		return p.now + int64(14*24*time.Hour/time.Microsecond)
	case "agent":
		return userAgent
	case "ip":
		return "192.0.2.17"
	}
	panic("no value is called " + name)
}

// peerStep is one statement of a strategy, prepared.
type peerStep struct {
	stmt   *sql.Stmt
	values []string
	reads  bool
}

var valueName = regexp.MustCompile(`\{(\w+)\}`)

// prepare translates and prepares a statement.
func prepare(b *testing.B, db *sql.DB, e *sqltest.Engine, text string) peerStep {
	b.Helper()
	var s peerStep
	s.reads = text[:6] == "SELECT"
	text = valueName.ReplaceAllStringFunc(text, func(v string) string {
		s.values = append(s.values, v[1:len(v)-1])
		if e.Dialect == sqlstore.Postgres {
			return fmt.Sprintf("$%d", len(s.values))
		}
		return "?"
	})
	if e.Dialect == sqlstore.SQLite { // its transactions are the writer from their start
		text = regexp.MustCompile(" FOR UPDATE$").ReplaceAllString(text, "")
	}
	var err error
	if s.stmt, err = db.Prepare(text); err != nil {
		b.Fatalf("%s: %v", text, err)
	}
	b.Cleanup(func() { s.stmt.Close() })
	return s
}

// do runs a statement, in tx if that is not nil.
func (s *peerStep) do(ctx context.Context, tx *sql.Tx, p *peer) error {
	stmt := s.stmt
	if tx != nil {
		stmt = tx.StmtContext(ctx, stmt)
	}
	args := make([]any, len(s.values))
	for i, name := range s.values {
		args[i] = p.value(name)
	}
	if !s.reads {
		_, err := stmt.ExecContext(ctx, args...)
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(sql.RawBytes)
	}
	found := false
	for rows.Next() {
		found = true
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil || found {
		return err
	}
	return sql.ErrNoRows
}

// peers gives each client of a strategy a token, which it exchanges on and on.
func peers(b *testing.B, db *sql.DB, e *sqltest.Engine, s *strategy, clients int) []client {
	b.Helper()
	var steps, rows []peerStep
	for _, text := range s.steps {
		steps = append(steps, prepare(b, db, e, text))
	}
	for _, text := range peerRows {
		rows = append(rows, prepare(b, db, e, text))
	}
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted} // as ours
	if e.Dialect == sqlstore.SQLite {
		options = nil
	}
	list := make([]client, clients)
	for i := range list {
		p := &peer{user: store.NewID(epoch), session: store.NewID(epoch), app: store.NewID(epoch)}
		p.turn()
		for _, row := range rows {
			if err := row.do(b.Context(), nil, p); err != nil {
				b.Fatal(err)
			}
		}
		list[i] = func(ctx context.Context) error {
			p.turn()
			var tx *sql.Tx
			if !s.apart {
				var err error
				if tx, err = db.BeginTx(ctx, options); err != nil {
					return err
				}
				defer tx.Rollback()
			}
			for i := range steps {
				if err := steps[i].do(ctx, tx, p); err != nil {
					return fmt.Errorf("statement %d: %w", i+1, err)
				}
			}
			if tx == nil {
				return nil
			}
			return tx.Commit()
		}
	}
	return list
}
