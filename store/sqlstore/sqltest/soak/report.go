package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sample is the server at one moment, when nobody asks anything of it.
type sample struct {
	figures
	real, virtual time.Duration // since the start
	requests      int64
}

const mib = 1 << 20

// look takes a sample, and plans the next.
func (r *run) look(every time.Duration) {
	r.transport.CloseIdleConnections()
	answer, err := r.server.do(command{Do: "figures"})
	if err != nil {
		r.giveUp(err)
		return
	}
	s := sample{*answer.Figures, time.Since(r.started), r.line.now().Sub(r.start), r.requests.Load()}
	if len(r.taken) == 0 {
		r.say("%8s %8s %9s %7s %6s %8s %8s %5s %6s %8s %8s %7s %7s", "real", "virtual", "requests", "a sec.", "gorout",
			"heap MiB", "RSS MiB", "files", "users", "sessions", "attempts", "onetime", "audit")
	}
	rate := float64(s.requests) / s.real.Seconds()
	if n := len(r.taken); n > 0 {
		last := r.taken[n-1]
		rate = float64(s.requests-last.requests) / (s.real - last.real).Seconds()
	}
	r.taken = append(r.taken, s)
	r.say("%8s %8s %9d %7.0f %6d %8.2f %8.1f %5d %6d %8d %8d %7d %7d", s.real.Round(time.Second), hours(s.virtual), s.requests, rate,
		s.Goroutines, float64(s.Heap)/mib, float64(s.Resident)/mib, s.Files,
		s.Rows["users"], s.Rows["sessions"], s.Rows["attempts"], s.Rows["onetime"], s.Rows["audit"])
	if n := len(r.taken); r.profile != "" && (n == r.samples/4+1 || n == r.samples*3/4 || n == r.samples) {
		name := filepath.Join(r.profile, fmt.Sprintf("heap-%02d.pprof", n))
		if _, err := r.server.do(command{Do: "profile", File: name}); err != nil {
			r.giveUp(err)
		}
	}
	if !r.over.Load() && len(r.taken) < r.samples {
		r.line.alone(every, func() { r.look(every) })
	}
}

func hours(d time.Duration) string { return fmt.Sprintf("%.1f h", d.Hours()) }

// result is what came of a soak.
type result struct {
	samples []sample
	last    figures
	checked checked
	notes   []string
	virtual time.Duration
	memory  bool // the store was in memory

	requests, refreshes, lost      int64
	shared, conflicts              int64
	endings, overdue, external     int64
	thefts, found                  int64
	signOuts, outlived, unexpected int64
}

// finish asks for the last figures, and for what must hold at the end.
func (r *run) finish() (*result, error) {
	r.mu.Lock()
	err, notes := r.fatal, r.notes
	r.mu.Unlock()
	res := &result{samples: r.taken, notes: notes, virtual: r.line.now().Sub(r.start), memory: r.engine == "memory",
		requests: r.requests.Load(), refreshes: r.refreshes.Load(), lost: r.lost.Load(), shared: r.shared.Load(), conflicts: r.conflicts.Load(),
		endings: r.endings.Load(), overdue: r.overdue.Load(), external: r.external.Load(),
		thefts: r.thefts.Load(), found: r.found.Load(),
		signOuts: r.signOuts.Load(), outlived: r.outlived.Load(), unexpected: r.unexpected.Load()}
	if err != nil {
		return res, err
	}
	r.transport.CloseIdleConnections()
	answer, err := r.server.do(command{Do: "figures"})
	if err != nil {
		return res, err
	}
	res.last = *answer.Figures
	if answer, err = r.server.do(command{Do: "check"}); err != nil {
		return res, err
	}
	res.checked = *answer.Checked
	return res, nil
}

// finding is one line of the verdict.
type finding struct {
	ok   bool
	text string
}

func (f finding) String() string {
	if f.ok {
		return "ok      " + f.text
	}
	return "NOT OK  " + f.text
}

// behaved is the verdict on what was answered.
func (res *result) behaved() []finding {
	reused, warnings := int64(res.last.Events["auth.refresh_reused"]), res.last.Warnings
	list := []finding{
		{res.signOuts == 0 && res.refreshes > 0 && res.lost > 0,
			fmt.Sprintf("%d of %d refreshes signed an honest client out; %d answers were lost, %d were the same for several tabs, %d conflicts",
				res.signOuts, res.refreshes, res.lost, res.shared, res.conflicts)},
		{res.unexpected == 0, fmt.Sprintf("%d of %d answers were other than expected", res.unexpected, res.requests)},
		{res.outlived == 0 && res.endings > 0, fmt.Sprintf("%d of %d sessions outlived what ended them", res.outlived, res.endings)},
		{res.thefts > 0 && res.found == res.thefts && reused == res.thefts,
			fmt.Sprintf("%d of %d thefts were found; %d events tell of one", res.found, res.thefts, reused)},
		{warnings == 0, fmt.Sprintf("%d warnings in the log of the server", warnings)},
		{len(res.checked.Broken) == 0 && res.checked.Entries > 0,
			fmt.Sprintf("%d invariants are broken; %d entries of the audit trail verify", len(res.checked.Broken), res.checked.Entries)},
	}
	return list
}

// The figures that must be flat: the median of the last quarter of the samples is
// within a twentieth of that of the second. The first quarter is for warming up.
const tolerance = 0.05

// grown compares the last quarter of the samples with the second.
func (res *result) grown(of func(sample) float64) (second, last float64) {
	n := len(res.samples)
	return median(res.samples[n/4:n/2], of), median(res.samples[n-n/4:], of)
}

func median(list []sample, of func(sample) float64) float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// flat is the verdict on what may not grow.
func (res *result) flat() []finding {
	if len(res.samples) < 8 {
		return []finding{{false, fmt.Sprintf("%d samples are too few to say anything", len(res.samples))}}
	}
	var list []finding
	for _, f := range []struct {
		name string
		unit float64
		of   func(sample) float64
	}{
		{"goroutines", 1, func(s sample) float64 { return float64(s.Goroutines) }},
		{"open files", 1, func(s sample) float64 { return float64(s.Files) }},
		{"heap in use, MiB", mib, func(s sample) float64 { return float64(s.Heap) }},
		{"resident memory, MiB", mib, func(s sample) float64 { return float64(s.Resident) }},
	} {
		second, last := res.grown(f.of)
		if second == 0 {
			continue // this system does not tell
		}
		change := last/second - 1
		text := fmt.Sprintf("%s: %.2f in the second quarter, %.2f in the last, %+.1f %%", f.name, second/f.unit, last/f.unit, change*100)
		if res.memory && f.unit == mib {
			list = append(list, finding{true, text + "; not judged: the store is in memory, and an audit trail grows"})
			continue
		}
		list = append(list, finding{change <= tolerance && change >= -tolerance, text})
	}
	return append(list, res.bounded()...)
}

// bounded is the verdict on rows: those of what dies may not pile up.
func (res *result) bounded() (list []finding) {
	tables := slices.Sorted(maps.Keys(res.last.Rows))
	var grew []string
	for _, table := range tables {
		most := func(part []sample) (n int) {
			for _, s := range part {
				n = max(n, s.Rows[table])
			}
			return n
		}
		n := len(res.samples)
		second, last := most(res.samples[n/4:n/2]), most(res.samples[n-n/4:])
		if strings.HasPrefix(table, "audit") { // grows by design: nothing shortens the trail
			continue
		}
		if last > second+second/4+20 {
			grew = append(grew, fmt.Sprintf("%s from %d to %d", table, second, last))
		}
	}
	if len(tables) > 0 {
		list = append(list, finding{len(grew) == 0, fmt.Sprintf("rows of tables other than the audit trail that grew by more than a quarter: %v", grew)})
	}
	return list
}

// print writes the verdict and returns whether all is well.
func (res *result) print(say func(string, ...any), findings []finding) (ok bool) {
	ok = true
	say("")
	say("%d requests in %s of virtual time, %d sign-ins with the provider, %d sessions ran out and ended.",
		res.requests, hours(res.virtual), res.external, res.overdue)
	if res.last.Peak > 0 {
		say("The server had %.0f MiB of memory at most.", float64(res.last.Peak)/mib)
	}
	for _, f := range findings {
		say("%v", f)
		ok = ok && f.ok
	}
	for _, text := range slices.Concat(res.notes, res.checked.Broken, res.last.Lines) {
		if !ok {
			say("  %s", text)
		}
	}
	return ok
}
