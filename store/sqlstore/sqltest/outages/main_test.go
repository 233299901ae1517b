// Package outages_test takes the database away from a service that people use: the
// network between them fails, the server is killed and started again, the disk is
// full, or the clocks of two nodes differ. Nothing is simulated but the people:
// requests go over sockets to the real handlers, and what fails is a real
// connection, a real process and a real file system.
//
// People are promised the same in every outage. While it lasts they are answered
// as always, or with 503; nobody is signed out who asks again within the grace;
// and when it is over, everything goes on without a restart. The package is a
// module of its own, because the proxy that spoils connections needs others.
//
// The tests take a minute at most. These variables lengthen and repeat them:
//
//	AEGIS_OUTAGES=10m    how long connections are spoiled; default: each way once
//	AEGIS_ROUNDS=1000    how often people come to two nodes; default 6
//	AEGIS_RESTARTS=50    how often each server is ended in each way; default 1
//	AEGIS_SEED=7         the schedule of a run that failed, which prints it
package outages_test

import (
	"io"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rs/zerolog"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

func TestMain(m *testing.M) {
	// The driver and the proxy have much to say about connections that break.
	if err := mysql.SetLogger(log.New(io.Discard, "", 0)); err != nil {
		log.Fatal(err)
	}
	zerolog.SetGlobalLevel(zerolog.Disabled)
	os.Exit(sqltest.Main(m))
}

// number returns the number in an environment variable.
func number(tb testing.TB, variable string, fallback uint64) uint64 {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("%s is %q, want a number", variable, text)
	}
	return n
}

// span returns the duration in an environment variable, or 0.
func span(tb testing.TB, variable string) time.Duration {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		tb.Fatalf("%s is %q, want a duration", variable, text)
	}
	return d
}

// schedule returns what decides on the order of a test, and prints how to have the
// same again.
func schedule(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := number(tb, "AEGIS_SEED", rand.Uint64()>>1)
	tb.Logf("AEGIS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// eventually waits until a condition holds, and reports whether it came to that.
func eventually(patience time.Duration, holds func() bool) bool {
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return holds()
		}
	}
	return true
}

// goroutines returns the stacks of those goroutines that a service, a store or a
// driver has left, and not of those that belong to the proxy or to the pools the
// engines keep.
func goroutines() (list []string) {
	buf := make([]byte, 8<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "toxiproxy") || strings.Contains(stack, "testing.") {
			continue
		}
		for _, ours := range []string{"aegis/auth.", "aegis/store/", "database/sql.", "pgx/v5", "go-sql-driver", "net/http.(*conn)"} {
			if strings.Contains(stack, ours) {
				list = append(list, stack)
				break
			}
		}
	}
	return list
}

// watchLeaks is called before a test makes anything, and only in tests that run
// alone. What it returns is called when
// all is closed, and fails the test if more goroutines are left than there were.
func watchLeaks(tb testing.TB) (check func()) {
	before := len(goroutines())
	return func() {
		tb.Helper()
		if !eventually(10*time.Second, func() bool { return len(goroutines()) <= before }) {
			tb.Errorf("%d goroutines are left, and there were %d before:\n%s", len(goroutines()), before, strings.Join(goroutines(), "\n\n"))
		}
	}
}
