package sqlstore_test

import (
	"fmt"
	"strings"

	"github.com/aegis-auth/aegis/store/sqlstore"
)

// A pool of one's own is opened with the settings that the store needs.
func ExampleSQLiteDSN() {
	dsn := sqlstore.SQLiteDSN("app.db")
	for _, setting := range []string{"_txlock=immediate", "busy_timeout", "journal_mode"} {
		fmt.Println(setting, strings.Contains(dsn, setting))
	}
	// Output:
	// _txlock=immediate true
	// busy_timeout true
	// journal_mode true
}
