package sqltest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// slice is how long a contestant runs before the next one has its turn.
const slice = 100 * time.Millisecond

// A client does one operation; each goroutine has one of its own.
type client func(context.Context) error

// contestant is one of several things that are measured in the same run, by as
// many goroutines as it has clients.
type contestant struct {
	name    string
	clients []client

	took    time.Duration
	samples []time.Duration // how long each operation took, in no order
}

// forget drops what was measured.
func (c *contestant) forget() { c.took, c.samples = 0, nil }

// run has all clients work for a slice of time, and each do one operation at
// least.
func (c *contestant) run(b *testing.B) {
	each := make([][]time.Duration, len(c.clients))
	var wg sync.WaitGroup
	began := time.Now()
	for i, do := range c.clients {
		wg.Go(func() {
			for now := began; now.Sub(began) < slice; {
				if err := do(b.Context()); err != nil {
					b.Errorf("%s: %v", c.name, err)
					return
				}
				end := time.Now()
				each[i] = append(each[i], end.Sub(now))
				now = end
			}
		})
	}
	wg.Wait()
	c.took += time.Since(began)
	c.samples = append(c.samples, slices.Concat(each...)...)
}

// perSecond is how many operations were done in a second.
func (c *contestant) perSecond() float64 { return float64(len(c.samples)) / c.took.Seconds() }

// quantile returns the time that the fraction q of all operations took at most.
func (c *contestant) quantile(q float64) time.Duration {
	if len(c.samples) == 0 {
		return 0
	}
	slices.Sort(c.samples)
	return c.samples[min(int(q*float64(len(c.samples))), len(c.samples)-1)]
}

// takeTurns runs the contestants in short slices, one after the other, until done
// says that it is enough, so that whatever else the machine does falls on all of
// them. Each round begins with another one, so that none always follows the same.
func takeTurns(b *testing.B, list []*contestant, done func(rounds int) bool) {
	for _, c := range list {
		c.forget() // the run with b.N = 1 made connections, plans and pages
	}
	b.ResetTimer()
	for round := 0; !done(round) && !b.Failed(); round++ {
		for i := range list {
			list[(round+i)%len(list)].run(b)
		}
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op") // says nothing about any of them
}

// rounds is for benchmarks whose b.N counts turns.
func rounds(b *testing.B) func(int) bool { return func(n int) bool { return n >= b.N } }
