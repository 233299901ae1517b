// Package turns compares how long things take on a machine that is not calm. The
// contestants take turns in short slices, so that whatever else the machine does
// falls on all of them, and what is quoted is the median of many rounds, and of
// ratios within a round.
package turns

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Contestant is one of the things that are compared.
type Contestant struct {
	Name string
	// Worker returns an operation for one goroutine, which calls it again and
	// again. Different goroutines have different ones.
	Worker func() func() error
}

// Settings says how to compare.
type Settings struct {
	Rounds  int           // how often each has its turn
	Slice   time.Duration // about how long a turn is; at least one operation
	Procs   int           // GOMAXPROCS meanwhile
	Workers int           // goroutines; 0: as many as Procs
	// CPU counts the time that processors were at work for this program, of all
	// goroutines together, instead of the time on the wall. It leaves out what
	// other programs took meanwhile, and also what was spent waiting.
	CPU bool
}

// Result is what was measured of one contestant.
type Result struct {
	Name   string
	Rounds []float64 // nanoseconds an operation, of each round
	Allocs float64   // allocations an operation
	Bytes  float64   // bytes an operation
}

// Run lets the contestants take turns. Their results are in the same order. It
// changes GOMAXPROCS, so only one may run at a time.
func Run(s Settings, list []Contestant) ([]Result, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.Procs))
	crews := make([]*crew, len(list))
	results := make([]Result, len(list))
	for i, c := range list {
		crews[i] = &crew{clock: wall}
		if s.CPU {
			crews[i].clock = processor
		}
		for range cmp.Or(s.Workers, s.Procs) {
			crews[i].ops = append(crews[i].ops, c.Worker())
		}
		if err := crews[i].calibrate(s.Slice); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		results[i].Name = c.Name
		var err error
		if results[i].Allocs, results[i].Bytes, err = Memory(min(crews[i].n, 100), crews[i].ops[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	for round := range s.Rounds {
		for turn := range list {
			i := (turn + round) % len(list) // nobody is always the first
			runtime.GC()                    // nobody pays for another's garbage
			took, err := crews[i].run(crews[i].n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", list[i].Name, err)
			}
			results[i].Rounds = append(results[i].Rounds, float64(took)/float64(crews[i].n))
		}
	}
	return results, nil
}

// Memory runs op n times and returns how many allocations, and how many bytes,
// one took. What runs beside it is counted as well.
func Memory(n int, op func() error) (allocs, bytes float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		if err := op(); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return math.Round(float64(after.Mallocs-before.Mallocs) / float64(n)),
		math.Round(float64(after.TotalAlloc-before.TotalAlloc) / float64(n)), nil
}

// crew is the goroutines of one contestant.
type crew struct {
	ops   []func() error
	n     int // operations in one slice, of all together
	clock func() time.Duration
}

var began = time.Now()

// wall is the time since the program began.
func wall() time.Duration { return time.Since(began) }

// warm is how often everything is done before it is measured, unless that takes
// too long: what is done for the first time, of each of several tokens, is done
// then.
const (
	warm    = 128
	tooLong = 100 * time.Millisecond
)

// calibrate finds n.
func (c *crew) calibrate(slice time.Duration) error {
	for c.n = len(c.ops); ; c.n *= 2 {
		took, err := c.run(c.n)
		if err != nil {
			return err
		}
		if took > slice/4 && (c.n >= warm*len(c.ops) || took > tooLong) {
			c.n = max(len(c.ops), int(float64(c.n)*float64(slice)/float64(took)))
			return nil
		}
	}
}

// run does n operations: the goroutines get equal shares, and the first ones what
// is left over.
func (c *crew) run(n int) (time.Duration, error) {
	if len(c.ops) == 1 {
		began := c.clock()
		err := times(n, c.ops[0])
		return c.clock() - began, err
	}
	errs := make([]error, len(c.ops))
	var wg sync.WaitGroup
	began := c.clock()
	for i, op := range c.ops {
		share := n / len(c.ops)
		if i < n%len(c.ops) {
			share++
		}
		wg.Go(func() { errs[i] = times(share, op) })
	}
	wg.Wait()
	took := c.clock() - began
	for _, err := range errs {
		if err != nil {
			return took, err
		}
	}
	return took, nil
}

func times(n int, op func() error) error {
	for range n {
		if err := op(); err != nil {
			return err
		}
	}
	return nil
}

// Median returns the median time of an operation in nanoseconds.
func (r Result) Median() float64 { return Median(r.Rounds) }

// PerSecond returns how many operations there are in a second at the median.
func (r Result) PerSecond() float64 { return 1e9 / r.Median() }

// Over returns how many times as long as other r takes: the median of the ratios
// within each round.
func (r Result) Over(other Result) float64 {
	ratios := make([]float64, len(r.Rounds))
	for i := range ratios {
		ratios[i] = r.Rounds[i] / other.Rounds[i]
	}
	return Median(ratios)
}

// Median returns the median of list, which must not be empty.
func Median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Find returns the result of that name. It panics if there is none.
func Find(list []Result, name string) Result {
	for _, r := range list {
		if r.Name == name {
			return r
		}
	}
	panic("turns: no contestant is called " + name)
}
