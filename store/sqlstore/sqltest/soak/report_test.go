package main

import (
	"testing"
	"time"
)

// steady is a result that is all well: 40 samples of a server that stays as it is.
func steady() *result {
	res := &result{requests: 1000, refreshes: 100, lost: 3, endings: 10, thefts: 2, found: 2}
	for i := range 40 {
		res.samples = append(res.samples, sample{virtual: time.Duration(i) * time.Hour, figures: figures{
			Goroutines: 5, Heap: 10 * mib, Resident: 50 * mib, Files: 20, Rows: map[string]int{"users": 300, "sessions": 900, "audit": i * 1000}}})
	}
	res.last = res.samples[39].figures
	res.last.Events = map[string]int{"auth.refresh_reused": 2}
	res.checked.Entries = 1000
	return res
}

// TestVerdict spoils a run that is all well in each way that should be noticed.
func TestVerdict(t *testing.T) {
	t.Parallel()
	last := func(res *result, change func(*figures)) {
		for i := range 10 {
			change(&res.samples[30+i].figures)
		}
	}
	tests := []struct {
		name  string
		spoil func(*result)
		wrong int // findings that are not ok
	}{
		{"nothing", func(*result) {}, 0},
		{"a figure that jumps once", func(res *result) { res.samples[35].Heap *= 2 }, 0},
		{"growth within the tolerance", func(res *result) { last(res, func(f *figures) { f.Heap += f.Heap / 25 }) }, 0},
		{"growth while warming up", func(res *result) { res.samples[3].Heap, res.samples[4].Resident = mib, mib }, 0},
		{"a goroutine that stays", func(res *result) { last(res, func(f *figures) { f.Goroutines++ }) }, 1},
		{"files that stay open", func(res *result) { last(res, func(f *figures) { f.Files += 2 }) }, 1},
		{"a heap that grows", func(res *result) { last(res, func(f *figures) { f.Heap += mib }) }, 1},
		{"memory that grows", func(res *result) { last(res, func(f *figures) { f.Resident += 4 * mib }) }, 1},
		{"memory that shrinks was not warm yet", func(res *result) { last(res, func(f *figures) { f.Resident -= 4 * mib }) }, 1},
		{"memory of a store in memory", func(res *result) { res.memory = true; last(res, func(f *figures) { f.Heap *= 2 }) }, 0},
		{"a system that does not tell", func(res *result) {
			for i := range res.samples {
				res.samples[i].Resident, res.samples[i].Files = 0, 0
			}
		}, 0},
		{"rows that pile up", func(res *result) {
			last(res, func(f *figures) { f.Rows = map[string]int{"users": 300, "sessions": 1200, "audit": 100} })
			res.last.Rows = res.samples[39].Rows
		}, 1},
		{"too few samples", func(res *result) { res.samples = res.samples[:5] }, 1},
		{"an honest client was signed out", func(res *result) { res.signOuts = 1 }, 1},
		{"no answer was lost", func(res *result) { res.lost = 0 }, 1},
		{"an unexpected answer", func(res *result) { res.unexpected = 1 }, 1},
		{"a session that outlived its end", func(res *result) { res.outlived = 1 }, 1},
		{"a theft that was not found", func(res *result) { res.found = 1 }, 1},
		{"an event of a theft that was none", func(res *result) { res.last.Events["auth.refresh_reused"] = 3 }, 1},
		{"a warning", func(res *result) { res.last.Warnings = 1 }, 1},
		{"a broken invariant", func(res *result) { res.checked.Broken = []string{"two users have one address"} }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := steady()
			tt.spoil(res)
			wrong := 0
			for _, f := range append(res.behaved(), res.flat()...) {
				if !f.ok {
					wrong++
					t.Log(f)
				}
			}
			if wrong != tt.wrong {
				t.Errorf("%d findings are not ok, want %d", wrong, tt.wrong)
			}
		})
	}
}
