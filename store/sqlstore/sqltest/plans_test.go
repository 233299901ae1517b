package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// TestEveryStatementHasItsIndex asks each engine how it would carry out what the
// methods ask of it. None may read a whole table, and no list may be sorted: time
// then does not grow with the number of rows.
func TestEveryStatementHasItsIndex(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		if e.Name == "sqlite-memory" {
			return // plans as sqlite
		}
		t.Parallel()
		var f faultdriver.Faults
		prefix := sqltest.Prefix()
		w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{Prefix: prefix, MaxConns: 1}))
		fill(t, w, prefix, e)
		seen := make(map[string]bool)
		for _, m := range append(methodCosts, lists...) {
			t.Run(m.name, func(t *testing.T) {
				w.t = t
				call := m.do(w)
				f.Reset()
				if err := call(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, c := range f.Calls(faultdriver.Statements) {
					if seen[c.Text] || isolation(c) {
						continue
					}
					seen[c.Text] = true
					if plan, bad := badPlan(t, w.DB(), e, c.Text); bad != "" {
						t.Errorf("%s in\n%s\nof %s", bad, plan, c.Text)
					}
				}
			})
		}
	})
}

// lists are calls whose statements differ from those of methodCosts.
var lists = func() (calls []struct {
	name    string
	do      func(w *world) func(ctx context.Context) error
	want    cost
	mysql   cost
	changes bool
}) {
	after := store.Cursor{At: epoch, ID: "user-7"}
	for name, call := range map[string]func(ctx context.Context, w *world) error{
		"users behind a cursor": func(ctx context.Context, w *world) error {
			return second(w.ListUsers(ctx, store.UserQuery{After: after, Status: store.StatusAny}))
		},
		"users of a role": func(ctx context.Context, w *world) error {
			return second(w.ListUsers(ctx, store.UserQuery{Role: "admin"}))
		},
		"users of a role behind a cursor": func(ctx context.Context, w *world) error {
			return second(w.ListUsers(ctx, store.UserQuery{Role: "admin", Status: store.StatusActive, After: after}))
		},
		"users of an address": func(ctx context.Context, w *world) error {
			return second(w.ListUsers(ctx, store.UserQuery{EmailPrefix: "user-77", Status: store.StatusNotDeleted}))
		},
		"users disabled": func(ctx context.Context, w *world) error {
			return second(w.ListUsers(ctx, store.UserQuery{Status: store.StatusDisabled}))
		},
		"users deleted": func(ctx context.Context, w *world) error {
			return second(w.ListUsers(ctx, store.UserQuery{Status: store.StatusDeleted, After: after}))
		},
		"organizations behind a cursor": func(ctx context.Context, w *world) error {
			return second(w.ListOrgs(ctx, store.OrgQuery{After: after, IncludeDeleted: true}))
		},
		"memberships behind a cursor": func(ctx context.Context, w *world) error {
			return second(w.ListMemberships(ctx, w.user.ID, after, 10))
		},
		"members behind a cursor": func(ctx context.Context, w *world) error {
			return second(w.ListMembers(ctx, w.org.ID, after, 10))
		},
		"invites behind a cursor": func(ctx context.Context, w *world) error {
			return second(w.ListInvites(ctx, w.org.ID, after, 10))
		},
		"audit of a user": func(ctx context.Context, w *world) error {
			return second(w.ListAudit(ctx, store.AuditQuery{UserID: "user-7", Since: epoch, After: after}))
		},
		"audit of a kind": func(ctx context.Context, w *world) error {
			return second(w.ListAudit(ctx, store.AuditQuery{Kind: "kind", Since: epoch.Add(-time.Hour)}))
		},
	} {
		calls = append(calls, struct {
			name    string
			do      func(w *world) func(ctx context.Context) error
			want    cost
			mysql   cost
			changes bool
		}{name: name, do: func(w *world) func(context.Context) error {
			return func(ctx context.Context) error { return call(ctx, w) }
		}})
	}
	return calls
}()

// fill makes the tables large enough that an engine does not prefer to read them
// whole.
func fill(t *testing.T, w *world, prefix string, e *sqltest.Engine) {
	t.Helper()
	const rows = 3000
	tables := map[string]string{
		"users": "(id, email, email_verified, name, password_hash, role, disabled, epoch, last_login_at, created_at, updated_at, deleted_at, metadata, version) " +
			"SELECT 'f' || n, 'user-' || n, FALSE, '', '', 'role-' || n, n % 50 = 0, 0, 0, n, n, CASE WHEN n % 51 = 0 THEN n ELSE 0 END, '{}', 1",
		"sessions": "(id, user_id, method, generation, hash, sealed, epoch, user_agent, ip, authenticated_at, created_at, rotated_at, expires_at, ends_at, revoked_at) " +
			"SELECT 'f' || n, 'user-' || n % 300, '', 0, X, CASE WHEN n % 50 = 0 THEN X END, 0, '', '', n, n, n, BIG + n, BIG + n, 0",
		"onetime": "(user_id, purpose, hash, email, epoch, created_at, expires_at) SELECT 'f' || n, 'p', X, '', 0, n, BIG + n",
		"identities": "(provider, subject, user_id, username, email, avatar_url, created_at) " +
			"SELECT 'p', 'f' || n, 'f' || n, '', '', '', n",
		"attempts": "(bucket, attempts, since_at, until_at, expires_at) SELECT 'f' || n, 1, 0, 0, BIG + n",
		"audit": "(id, chain, seq, at, kind, actor_id, user_id, org_id, session_id, ip, user_agent, request_id, attrs) " +
			"SELECT 'f' || n, 'chain-' || n % 10, 1000000 + n, n, 'kind-' || n % 100, '', 'user-' || n % 300, '', '', '', '', '', '{}'",
		"orgs":    "(id, name, slug, description, created_at, updated_at, deleted_at, version) SELECT 'f' || n, '', 'f' || n, '', n, n, 0, 1",
		"members": "(org_id, user_id, role, joined_at) SELECT 'f' || n % 300, 'f' || n, 'owner', n",
		"invites": "(id, org_id, email, role, hash, invited_by, status, created_at, expires_at) " +
			"SELECT 'f' || n, 'f' || n % 300, 'e' || n % 300, '', X, '', 'pending', n, BIG + n",
	}
	numbers := fmt.Sprintf("WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < %d) ", rows)
	hash := map[sqlstore.Dialect]string{
		sqlstore.SQLite: "CAST('h' || n AS BLOB)", sqlstore.Postgres: "CAST('h' || n AS bytea)", sqlstore.MySQL: "CONCAT('h', n)",
	}[e.Dialect]
	for table, text := range tables {
		columns, values, _ := strings.Cut(text, " SELECT ")
		values = regexp.MustCompile(`\bX\b`).ReplaceAllString(values, hash)
		values = strings.ReplaceAll(values, "BIG", fmt.Sprint(epoch.AddDate(1, 0, 0).UnixMicro()))
		if e.Dialect == sqlstore.MySQL {
			values = regexp.MustCompile(`('[^']*') \|\| (n( % \d+)?)`).ReplaceAllString(values, "CONCAT($1, $2)")
		}
		q := numbers + "INSERT INTO " + prefix + table + " " + columns + " SELECT " + values + " FROM k"
		if e.Dialect == sqlstore.MySQL {
			q = "INSERT INTO " + prefix + table + " " + columns + " " + numbers + "SELECT " + values + " FROM k"
			if _, err := w.DB().Exec("SET SESSION max_recursive_iterations = 1000000"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.DB().Exec(q); err != nil {
			t.Fatalf("%v in %s", err, q)
		}
		analyze := map[sqlstore.Dialect]string{
			sqlstore.SQLite: "ANALYZE ", sqlstore.Postgres: "ANALYZE ", sqlstore.MySQL: "ANALYZE TABLE ",
		}[e.Dialect]
		if _, err := w.DB().Exec(analyze + prefix + table); err != nil {
			t.Fatal(err)
		}
	}
}

// badPlan returns the engine's plan, and what is wrong with it.
func badPlan(t *testing.T, db *sql.DB, e *sqltest.Engine, text string) (plan, bad string) {
	t.Helper()
	if strings.HasPrefix(text, "INSERT") && !strings.Contains(text, "SELECT") || harmless.MatchString(text) {
		return "", ""
	}
	var wrong *regexp.Regexp
	switch e.Dialect {
	case sqlstore.SQLite:
		plan = explain(t, db, "EXPLAIN QUERY PLAN "+text)
		wrong = regexp.MustCompile(`SCAN \w+ *\n|TEMP B-TREE`) // the scan of an index ends with the page
	case sqlstore.Postgres:
		plan = explainPostgres(t, db, text)
		wrong = regexp.MustCompile(`Seq Scan|Sort`)
	case sqlstore.MySQL:
		text = strings.ReplaceAll(text, "LIMIT ?", "LIMIT 10")
		plan = explain(t, db, "EXPLAIN "+strings.ReplaceAll(text, "?", "'1'"))
		wrong = regexp.MustCompile(`table=t\w+ type=ALL|rows=\d{3,} .*filesort`) // it knows the values, and may find few rows
	}
	return plan, wrong.FindString(plan)
}

// harmless are statements over tables that are small, that look at one row, or that
// sort what one user has, or one search found.
var harmless = regexp.MustCompile(`audit_heads|WHERE NOT EXISTS \(SELECT 1|identities WHERE user_id = .* ORDER BY provider|email >= |IN \(VALUES`)

// explain returns the rows of a plan as text.
func explain(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := db.Query(text, args...)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if s := v.(*sql.NullString); s.Valid {
				fmt.Fprintf(&b, "%s=%s ", names[i], s.String)
			}
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// explainPostgres asks for the plan that serves all values of a prepared
// statement: it is the one that a long-lived connection ends up with.
func explainPostgres(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", strings.Count(text, "$")), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	for _, q := range []string{"SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off", "PREPARE asked AS " + text} {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%v in %s", err, q)
		}
	}
	defer db.Exec("DEALLOCATE asked")
	return explain(t, db, "EXPLAIN EXECUTE asked"+nulls)
}
