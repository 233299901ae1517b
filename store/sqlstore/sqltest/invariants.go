package sqltest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// invariants are statements that find rows which must not be there, whatever
// happened before. {p} is the prefix of the tables.
var invariants = []struct{ rule, query string }{
	{"two sessions share a live secret", "SELECT min(id) FROM {p}sessions GROUP BY hash HAVING count(*) > 1"},
	{"a session's live secret is spent", "SELECT id FROM {p}sessions WHERE prev_hash = hash"},
	{"a session that was never rotated has a spent secret, or the other way round",
		"SELECT id FROM {p}sessions WHERE (generation = 0) <> (prev_hash IS NULL)"},
	{"a sealed secret that no spent one opens", "SELECT id FROM {p}sessions WHERE sealed IS NOT NULL AND prev_hash IS NULL"},
	{"a session of nobody", "SELECT s.id FROM {p}sessions s LEFT JOIN {p}users u ON u.id = s.user_id WHERE u.id IS NULL"},
	{"a session is newer than its user", "SELECT s.id FROM {p}sessions s JOIN {p}users u ON u.id = s.user_id WHERE s.epoch > u.epoch"},
	{"a live session of somebody who may not sign in", "SELECT s.id FROM {p}sessions s JOIN {p}users u ON u.id = s.user_id " +
		"WHERE s.revoked_at = 0 AND s.epoch = u.epoch AND (u.disabled OR u.deleted_at <> 0)"},
	{"a session lives past its end", "SELECT id FROM {p}sessions WHERE expires_at > ends_at"},
	{"a one-time token of nobody", "SELECT t.user_id FROM {p}onetime t LEFT JOIN {p}users u ON u.id = t.user_id WHERE u.id IS NULL"},
	{"two users have one address", "SELECT min(id) FROM {p}users WHERE deleted_at = 0 GROUP BY email HAVING count(*) > 1"},
	{"an address is not canonical", "SELECT id FROM {p}users WHERE email <> lower(email)"},
	{"somebody who signed in has no way to do so", "SELECT u.id FROM {p}users u LEFT JOIN {p}identities i ON i.user_id = u.id " +
		"WHERE u.deleted_at = 0 AND u.last_login_at <> 0 AND u.password_hash = '' AND i.user_id IS NULL"},
	{"an identity of nobody", "SELECT i.user_id FROM {p}identities i LEFT JOIN {p}users u ON u.id = i.user_id WHERE u.id IS NULL"},
	{"an organization has no owner", "SELECT o.id FROM {p}orgs o WHERE o.deleted_at = 0 AND NOT EXISTS " +
		"(SELECT 1 FROM {p}members m WHERE m.org_id = o.id AND m.role = 'owner')"},
	{"nobody can administer any more", "SELECT min(id) FROM {p}users WHERE role = 'admin' " +
		"HAVING count(*) > 0 AND sum(CASE WHEN disabled OR deleted_at <> 0 THEN 0 ELSE 1 END) = 0"},
	{"two claims of one role", "SELECT role FROM {p}claims GROUP BY role HAVING count(*) > 1"},
	{"an audit entry without a head that knows of it", "SELECT a.id FROM {p}audit a LEFT JOIN {p}audit_heads h ON h.chain = a.chain " +
		"WHERE h.seq IS NULL OR h.seq < a.seq"},
}

// Violations looks for rows that must not be there whatever happened before, in
// the tables that have the prefix, and says which rules they break.
func Violations(ctx context.Context, db *sql.DB, prefix string) (broken []string, err error) {
	for _, v := range invariants {
		ids, err := firstColumn(ctx, db, strings.ReplaceAll(v.query, "{p}", prefix))
		if err != nil {
			return broken, fmt.Errorf("%s: %w", v.rule, err)
		}
		if len(ids) > 0 {
			broken = append(broken, fmt.Sprintf("%s: %v", v.rule, ids))
		}
	}
	return broken, nil
}

func firstColumn(ctx context.Context, db *sql.DB, query string) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text sql.NullString
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text.String)
	}
	return list, rows.Err()
}
