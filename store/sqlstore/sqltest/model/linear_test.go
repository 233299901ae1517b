// Package model_test holds the service against a model: the rules of sessions,
// refresh tokens and one-time tokens for one caller at a time, in a page of code.
// Whatever several clients are told at once has to be what the model could have
// told them one after the other.
//
// It also plays thefts and honest clients in virtual time, and counts. These
// variables lengthen the tests:
//
//	AEGIS_HISTORIES=2000   histories on each store; default 30
//	AEGIS_THEFTS=10000     simulated thefts; default 500
//	AEGIS_HOURS=1000000    session-hours of honest clients; default 20000
package model_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

func TestMain(m *testing.M) { os.Exit(sqltest.Main(m)) }

// number returns the number in an environment variable.
func number(tb testing.TB, variable string, fallback int) int {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		tb.Fatalf("%s is %q, want a number of at least 1", variable, text)
	}
	return n
}

// over makes a service over a store that fails where an operation says so.
func over(tb testing.TB, st store.Store, change ...func(*auth.Config)) *world {
	tb.Helper()
	f := newFlaky(st)
	return newWorld(tb, f, append(change, func(c *auth.Config) { c.Pruner, _ = st.(store.Pruner) })...)
}

// eachStore runs f as a subtest over every store.
func eachStore(t *testing.T, f func(t *testing.T, st store.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { f(t, memstore.New()) })
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		if e.Name != "sqlite-memory" { // one file tells as much
			// Pools of their own, of two connections, so that rotations of four
			// clients also wait and travel together.
			f(t, e.Open(t, sqlstore.Config{MaxConns: 2, QueryTimeout: time.Minute}))
		}
	})
}

// TestLinearizable makes random histories on every store, half of them with faults
// and clients that hang up.
func TestLinearizable(t *testing.T) {
	histories := number(t, "AEGIS_HISTORIES", 30)
	eachStore(t, func(t *testing.T, st store.Store) {
		w := over(t, st)
		ops, lost := 0, 0
		for i := range histories {
			rate := 0.0
			if i%2 == 1 {
				rate = 0.05
			}
			start := w.clock.seconds.Load()
			h := newHistory(t, w, rate)
			h.run(t, 4, 4, 3)
			result, text := h.check(start)
			if result != porcupine.Ok {
				t.Fatalf("history %d (faults %v) is %s:\n%s", i, rate, result, text)
			}
			ops += h.done
			for _, s := range h.steps {
				if s.Output.(answer).text == unknown {
					lost++
				}
			}
		}
		t.Logf("%d histories, %d operations, %d steps of unknown outcome: all linearizable", histories, ops, lost)
	})
}

// hunt makes histories on st until one is not linearizable, and returns how many
// it took, or 0.
func hunt(t *testing.T, st store.Store, most int) int {
	t.Helper()
	w := over(t, st)
	for i := range most {
		start := w.clock.seconds.Load()
		h := newHistory(t, w, 0)
		h.run(t, 4, 4, 3)
		if result, _ := h.check(start); result == porcupine.Illegal {
			return i + 1
		}
	}
	return 0
}

// TestModelBites shows that the checker finds out stores that break one rule each.
func TestModelBites(t *testing.T) {
	for _, broken := range brokenStores {
		t.Run(broken.name, func(t *testing.T) {
			n := hunt(t, broken.make(memstore.New()), 400)
			if n == 0 {
				t.Fatal("400 histories are linearizable, want one that is not")
			}
			t.Logf("found in history %d", n)
		})
	}
}

// TestSequential makes histories of one client alone, which shrink to the few
// operations that matter when one is not what the model says.
func TestSequential(t *testing.T) {
	w := over(t, memstore.New())
	rapid.Check(t, func(rt *rapid.T) {
		start := w.clock.seconds.Load()
		h := newHistory(t, w, 0)
		h.dice = func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		for range rapid.IntRange(1, 6).Draw(rt, "bursts") {
			for range rapid.IntRange(1, 5).Draw(rt, "operations") {
				h.act(t, t.Context(), 1)
			}
			h.wait(pauses[h.dice(len(pauses))])
		}
		if result, text := h.check(start); result != porcupine.Ok {
			rt.Fatalf("the history is %s:\n%s", result, text)
		}
	})
}
