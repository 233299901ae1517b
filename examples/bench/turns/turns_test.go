package turns

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	var calls [2]atomic.Int64
	contestant := func(i int) Contestant {
		return Contestant{Name: string(rune('a' + i)), Worker: func() func() error {
			return func() error { calls[i].Add(1); return nil }
		}}
	}
	s := Settings{Rounds: 3, Slice: time.Millisecond, Procs: 2, Workers: 5}
	results, err := Run(s, []Contestant{contestant(0), contestant(1)})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if len(r.Rounds) != s.Rounds || r.Median() <= 0 || r.PerSecond() <= 0 || calls[i].Load() < int64(s.Rounds*s.Workers) {
			t.Errorf("result %+v after %d calls", r, calls[i].Load())
		}
	}
	if got := Find(results, "b"); got.Name != "b" {
		t.Errorf("Find(b) = %q", got.Name)
	}
}

func TestRunEndsWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	n := 0
	_, err := Run(Settings{Rounds: 1, Slice: 0, Procs: 1}, []Contestant{{Name: "x", Worker: func() func() error {
		return func() error {
			if n++; n > 2 {
				return broken
			}
			return nil
		}
	}}})
	if !errors.Is(err, broken) {
		t.Errorf("Run = %v, want %v", err, broken)
	}
}

func TestProcessorTimeLeavesOutWaiting(t *testing.T) {
	s := Settings{Rounds: 1, Slice: 0, Procs: 1, CPU: true}
	waits := make(chan struct{})
	results, err := Run(s, []Contestant{{Name: "waits", Worker: func() func() error {
		return func() error {
			time.AfterFunc(20*time.Millisecond, func() { waits <- struct{}{} })
			<-waits
			return nil
		}
	}}})
	if err != nil || time.Duration(results[0].Median()) >= 20*time.Millisecond {
		t.Errorf("an operation that waits 20 ms took %v of the processor, %v", results, err)
	}
}

func TestSharesAddUp(t *testing.T) {
	var done atomic.Int64
	c := &crew{clock: wall}
	for range 3 {
		c.ops = append(c.ops, func() error { done.Add(1); return nil })
	}
	if _, err := c.run(11); err != nil || done.Load() != 11 {
		t.Errorf("run(11) did %d operations, %v", done.Load(), err)
	}
}

func TestMemory(t *testing.T) {
	var kept []byte
	allocs, bytes, err := Memory(50, func() error { kept = make([]byte, 1024); return nil })
	if err != nil || allocs != 1 || bytes < 1024 || bytes > 1100 {
		t.Errorf("Memory = %v allocations, %v bytes, %v; want 1, 1024", allocs, bytes, err)
	}
	_ = kept
}

func TestOverIsTheMedianOfRatiosWithinRounds(t *testing.T) {
	a := Result{Rounds: []float64{10, 200, 30}}
	b := Result{Rounds: []float64{5, 100, 10}}
	if got := a.Over(b); got != 2 {
		t.Errorf("Over = %v, want 2", got)
	}
	if got := Median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("Median(1…4) = %v, want 2.5", got)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Time(412): "412 ns", Time(3141): "3.14 µs", Time(271.4e6): "271 ms", Time(2e9): "2.00 s",
		Ratio(37.04): "37.0×", Count(1234567): "1,234,567", Count(999): "999", Percent(0.0123): "1.2 %",
		Table([]string{"a", "b"}, [][]string{{"x", "1"}}): "| a | b |\n|---|--:|\n| x | 1 |\n",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
