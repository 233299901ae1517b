package main

import (
	"os"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// The server of a soak is the same program once more; in a test that is the test
// binary, and so under the race detector if the test is.
func TestMain(m *testing.M) {
	if runServer() {
		return
	}
	os.Exit(sqltest.Main(m))
}

// TestSoak is three virtual days, as fast as they go.
func TestSoak(t *testing.T) {
	for _, engine := range []string{"sqlite", "memory"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			res, err := soak(t, options{
				engine: engine, virtual: 3 * 24 * time.Hour, rate: 2000. / (3 * 24 * 3600), samples: 48,
				prune: time.Hour, say: t.Logf,
			})
			if err != nil {
				t.Fatal(err)
			}
			// Memory says nothing after so few requests, and is left to the long form.
			for _, f := range append(res.behaved(), res.bounded()...) {
				if !f.ok {
					t.Error(f)
				}
			}
			if second, last := res.grown(func(s sample) float64 { return float64(s.Goroutines) }); second != last {
				t.Errorf("%v goroutines at rest in the second quarter and %v in the last, want as many", second, last)
			}
			res.print(t.Logf, append(res.behaved(), res.flat()...))
		})
	}
}
