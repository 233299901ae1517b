package faultdriver_test

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// TestKilledProcess runs itself in a process of its own, which is killed at its
// second insert: before it is carried out, or after.
func TestKilledProcess(t *testing.T) {
	if file := os.Getenv("FAULTDRIVER_FILE"); file != "" {
		var f faultdriver.Faults
		db, err := f.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		f.Nth(2, faultdriver.Exec, faultdriver.Fault{Kill: true, Late: os.Getenv("FAULTDRIVER_LATE") != ""})
		for range 3 {
			insert(db)
		}
		return
	}
	for late, want := range map[string]int{"": 1, "yes": 2} {
		file := filepath.Join(t.TempDir(), "test.db")
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("CREATE TABLE t (x INTEGER)"); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		cmd.Env = append(os.Environ(), "FAULTDRIVER_FILE="+file, "FAULTDRIVER_LATE="+late)
		if out, err := cmd.CombinedOutput(); err == nil || len(out) != 0 {
			t.Errorf("the process ended with %v and said %q, want it killed in silence", err, out)
		}
		if n := rows(t, db); n != want {
			t.Errorf("%d rows after a process was killed at its second insert (late %q), want %d", n, late, want)
		}
	}
}
