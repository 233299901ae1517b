package flows_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/store"
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

// checkInvariants checks what holds after whatever happened to a database, and that
// its audit trail verifies.
func checkInvariants(tb testing.TB, w *world, db *sql.DB, prefix string) {
	tb.Helper()
	checkRows(tb, db, prefix)
	if _, err := w.VerifyAudit(tb.Context()); err != nil {
		tb.Errorf("the audit trail: %v", err)
	}
}

// checkRows is checkInvariants without the audit trail.
func checkRows(tb testing.TB, db *sql.DB, prefix string) {
	tb.Helper()
	for _, v := range invariants {
		rows, err := db.Query(strings.ReplaceAll(v.query, "{p}", prefix))
		if err != nil {
			tb.Fatalf("%s: %v", v.rule, err)
		}
		var ids []string
		for rows.Next() {
			var id sql.NullString
			if err := rows.Scan(&id); err != nil {
				tb.Fatalf("%s: %v", v.rule, err)
			}
			ids = append(ids, id.String)
		}
		if err := rows.Err(); err != nil {
			tb.Fatalf("%s: %v", v.rule, err)
		}
		if len(ids) > 0 {
			tb.Errorf("%s: %v", v.rule, ids)
		}
	}
}

// parts are what a refresh token is made of, as documented: the ID of the session,
// the generation, and the secret, of which the store has the hash.
type parts struct {
	session    string
	generation int64
	hash       string
}

func takeApart(tb testing.TB, raw string) parts {
	tb.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(raw, "art1_"))
	if err != nil || len(data) != 16+4+32+16 {
		tb.Fatalf("a refresh token of another form: %v", err)
	}
	hash := sha256.Sum256(append([]byte("aegis:refresh:v1:"), data[20:52]...))
	return parts{store.FormatID([16]byte(data[:16])), int64(binary.BigEndian.Uint32(data[16:20])), string(hash[:])}
}
