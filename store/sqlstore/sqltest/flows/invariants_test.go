package flows_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// checkInvariants checks what holds after whatever happened to a database, that it
// knows every refresh token that was handed out, and that its audit trail verifies.
func checkInvariants(tb testing.TB, w *world, db *sql.DB, prefix string) {
	tb.Helper()
	checkRows(tb, db, prefix)
	w.checkAllHanded(tb)
	if _, err := w.VerifyAudit(tb.Context()); err != nil {
		tb.Errorf("the audit trail: %v", err)
	}
}

// checkRows is checkInvariants without the audit trail.
func checkRows(tb testing.TB, db *sql.DB, prefix string) {
	tb.Helper()
	broken, err := sqltest.Violations(tb.Context(), db, prefix)
	if err != nil {
		tb.Fatal(err)
	}
	for _, text := range broken {
		tb.Error(text)
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
