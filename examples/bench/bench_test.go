package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/examples/bench/turns"
)

// allPeers returns the peers of every contest, by the name of the contest.
func allPeers(tb testing.TB) map[string][]peer {
	tb.Helper()
	all := map[string][]peer{}
	signers, err := newSigners()
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range signers {
		if all[s.name], err = tokenPeers(s); err != nil {
			tb.Fatal(err)
		}
	}
	peers, end, err := memoryPeers()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(end)
	all["memory"] = peers
	for _, e := range engines {
		if db := openOrSkip(tb, e); db != nil {
			peers, _, end, err := databasePeers(db)
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(end)
			all[e.name] = peers
		}
	}
	return all
}

// openOrSkip returns nil if there is no server of that kind here, which is a
// failure where all have to be there.
func openOrSkip(tb testing.TB, e engine) *database {
	tb.Helper()
	db, err := e.open()
	if err != nil {
		if e.name == "SQLite" || os.Getenv("AEGIS_TEST_REQUIRE_SERVERS") == "1" {
			tb.Fatal(err)
		}
		tb.Logf("NOT RUN: no %s server answers: %v", e.name, err)
		return nil
	}
	tb.Cleanup(func() {
		if err := db.drop(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// TestAllAccept shows that requests that pass are compared, and that each of the
// contestants refuses what it should.
func TestAllAccept(t *testing.T) {
	for contest, peers := range allPeers(t) {
		for _, p := range peers {
			t.Run(contest+"/"+p.name, func(t *testing.T) {
				passed := 0
				h := p.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
				send := func(prepare func(*http.Request)) (status int) {
					passed = 0
					r := httptest.NewRequest("GET", "/", nil)
					prepare(r)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					return w.Code
				}
				for i := range many {
					if status := send(p.good[i]); status != http.StatusOK || passed != 1 {
						t.Fatalf("good credential %d = %d, passed on %d times", i, status, passed)
					}
					if status := send(p.bad[i]); status < 400 || status >= 500 || passed != 0 {
						t.Fatalf("forged credential %d = %d, passed on %d times", i, status, passed)
					}
				}
				if status := send(bareRequest[0]); status < 400 || status >= 500 || passed != 0 {
					t.Errorf("no credential = %d, passed on %d times", status, passed)
				}
			})
		}
	}
}

// TestRawCheckHolds shows that what tokens are compared with is a real check.
func TestRawCheckHolds(t *testing.T) {
	signers, err := newSigners()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range signers {
		if err := s.bare()(); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		s.tokens = forged(s.tokens)
		if err := s.bare()(); err == nil {
			t.Errorf("%s: a forged signature holds", s.name)
		}
	}
}

func TestTablesAreWrittenBetweenTheirComments(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "doc.md")
	text := "a\n<!-- measured: x -->\n<!-- end -->\nb\n<!-- measured: y -->\nold\n<!-- end -->\nc\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rewrite(file, "y", "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	want := strings.Replace(text, "old\n", "\nnew\n\n", 1)
	if err != nil || string(got) != want {
		t.Errorf("file = %q, %v; want %q", got, err, want)
	}
	if err := rewrite(file, "z", ""); err == nil {
		t.Error("a table without a place was written")
	}
}

// BenchmarkRoute is one request through each middleware, one processor after the
// other with -cpu 1, side by side with -cpu 2. For ratios use the tables.
func BenchmarkRoute(b *testing.B) {
	for contest, peers := range allPeers(b) {
		for _, p := range peers {
			b.Run(contest+"/"+strings.ReplaceAll(p.name, " ", "-"), func(b *testing.B) { benchmark(b, p.contestant()) })
		}
	}
	signers, err := newSigners()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range signers {
		b.Run(s.name+"/bare-signature-check", func(b *testing.B) { benchmark(b, turns.Contestant{Worker: s.bare}) })
	}
}

func benchmark(b *testing.B, c turns.Contestant) {
	b.Helper()
	if err := c.Worker()(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		op := c.Worker()
		for pb.Next() {
			if err := op(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkTables shows that the tables can still be made; what they say after
// one short round is worth nothing. Programs are not built here.
func BenchmarkTables(b *testing.B) {
	for _, s := range sections {
		if s.name == "footprint" {
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			if s.name == "live" && openOrSkip(b, engines[1]) == nil {
				b.Skip("NOT RUN: the table needs PostgreSQL")
			}
			for b.Loop() {
				var w bytes.Buffer
				if err := s.make(options{rounds: 1, slice: time.Microsecond, procs: []int{1, 2}, cost: 5}, &w); err != nil {
					b.Fatal(err)
				}
				if !strings.Contains(w.String(), "|--:|") {
					b.Fatalf("no table: %s", w.String())
				}
			}
		})
	}
}
