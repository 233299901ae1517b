package main

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2031, 5, 17, 12, 0, 0, 0, time.UTC)

// TestTimelineWaits: virtual time does not run ahead of a process that is at work,
// however long that takes, and the clock of the server is set before anybody goes
// on.
func TestTimelineWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told time.Time
		l := newTimeline(noon, 0, func(now time.Time) { told = now })
		l.spawn(0, func(p *process) {
			time.Sleep(time.Hour) // a slow machine
			if now := l.now(); now.After(noon.Add(lookahead)) {
				t.Errorf("while a request was under way %v passed, want %v at most", now.Sub(noon), lookahead)
			}
		})
		passed := 0
		l.spawn(0, func(p *process) {
			for range 100 {
				p.sleep(time.Second)
				if passed++; !told.Equal(l.now()) {
					t.Errorf("the server was told %v, and it is %v", told, l.now())
				}
			}
		})
		l.run()
		if want := noon.Add(100 * time.Second); passed != 100 || !l.now().Equal(want) {
			t.Errorf("%d seconds passed, until %v, want 100, until %v", passed, l.now(), want)
		}
	})
}

// TestTimelineOrder: what is due happens in its order, and some of it alone.
func TestTimelineOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(noon, 60, func(time.Time) {})
		begun := time.Now()
		var mu sync.Mutex
		var order []int
		note := func(i int) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, i)
		}
		for _, i := range []int{3, 1, 4, 2} {
			l.spawn(time.Duration(i)*time.Minute, func(p *process) {
				note(i)
				p.sleep(time.Second)
				note(i)
			})
		}
		l.alone(2*time.Minute+500*time.Millisecond, func() { note(0) })
		l.run()
		if want := []int{1, 1, 2, 0, 2, 3, 3, 4, 4}; !slices.Equal(order, want) {
			t.Errorf("what happened was %v, want %v", order, want)
		}
		if took := time.Since(begun); took < 4*time.Second {
			t.Errorf("four minutes at sixty times the speed took %v, want 4 s", took)
		}
	})
}

// TestTimelineGivenUp: a run that is given up leaves nothing behind.
func TestTimelineGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(noon, 0, func(time.Time) {})
		for range 10 {
			l.spawn(time.Hour, func(p *process) { p.sleep(time.Hour) })
		}
		l.alone(90*time.Minute, func() { close(l.quit) })
		l.run()
		synctest.Wait() // fails if a goroutine is left
		if now := l.now(); !now.Equal(noon.Add(90 * time.Minute)) {
			t.Errorf("it is %v, want half past one", now)
		}
	})
}
