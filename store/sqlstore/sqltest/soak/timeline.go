package main

import (
	"container/heap"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// lookahead is how far virtual time may run ahead of a process that is at work. It
// is what keeps a slow machine from making honest clients late: a stall of the
// machine is a stall of the clock.
const lookahead = 2 * time.Second

// timeline is virtual time, shared by the clients and the server. What is due
// happens in its order and, if it is close together, at the same time.
type timeline struct {
	tell  func(time.Time) // moves the clock of the server
	speed float64         // virtual seconds in a real one; 0: as fast as it goes

	mu      sync.Mutex
	clock   time.Time
	due     wakeups
	running map[*process]time.Time // since when

	changed chan struct{} // something is due, or a process has paused
	quit    chan struct{} // closed: whatever waits ends
	hurry   atomic.Bool   // speed does not matter any more
}

// process is something that takes its time: a tab, a theft, somebody who forgot
// a password.
type process struct{ line *timeline }

// wakeup is the moment at which a process goes on.
type wakeup struct {
	at    time.Time
	who   *process
	ready chan struct{}
	alone func() // instead of a process: called while none runs
}

type wakeups []wakeup

func (w wakeups) Len() int           { return len(w) }
func (w wakeups) Less(i, j int) bool { return w[i].at.Before(w[j].at) }
func (w wakeups) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *wakeups) Push(x any)        { *w = append(*w, x.(wakeup)) }
func (w *wakeups) Pop() any {
	old := *w
	last := old[len(old)-1]
	old[len(old)-1] = wakeup{}
	*w = old[:len(old)-1]
	return last
}

func newTimeline(start time.Time, speed float64, tell func(time.Time)) *timeline {
	return &timeline{tell: tell, speed: speed, clock: start, running: make(map[*process]time.Time),
		changed: make(chan struct{}, 1), quit: make(chan struct{})}
}

func (l *timeline) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock
}

func (l *timeline) signal() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *timeline) push(after time.Duration, w wakeup) {
	l.mu.Lock()
	w.at = l.clock.Add(after)
	heap.Push(&l.due, w)
	delete(l.running, w.who)
	l.mu.Unlock()
	l.signal()
}

// spawn lets f begin after a while.
func (l *timeline) spawn(after time.Duration, f func(*process)) {
	p := &process{l}
	ready := make(chan struct{})
	l.push(after, wakeup{who: p, ready: ready})
	go func() {
		defer func() {
			l.mu.Lock()
			delete(l.running, p)
			l.mu.Unlock()
			l.signal()
		}()
		p.await(ready)
		f(p)
	}()
}

// alone calls f after a while, at a moment when no process runs.
func (l *timeline) alone(after time.Duration, f func()) {
	l.push(after, wakeup{alone: f})
}

// sleep pauses p. It does not return if the run was given up.
func (p *process) sleep(d time.Duration) {
	ready := make(chan struct{})
	p.line.push(d, wakeup{who: p, ready: ready})
	p.await(ready)
}

// between pauses p for a random time.
func (p *process) between(least, most time.Duration) { p.sleep(least + rand.N(most-least)) }

func (p *process) await(ready chan struct{}) {
	select {
	case <-ready:
	case <-p.line.quit:
		runtime.Goexit()
	}
}

// run lets everything happen that is due, until nothing is. It returns early when
// quit is closed.
func (l *timeline) run() {
	pace := pace{speed: l.speed, virtual: l.now(), real: time.Now()}
	for {
		select {
		case <-l.quit:
			return
		default:
		}
		w, wait, over := l.next(&pace)
		switch {
		case over:
			return
		case w == nil:
			if !l.wait(wait) {
				return
			}
			continue
		}
		pace.reached(w.at)
		if w.at.After(l.now()) {
			l.tell(w.at)
		}
		l.mu.Lock()
		if w.at.After(l.clock) {
			l.clock = w.at
		}
		if w.who != nil {
			l.running[w.who] = l.clock
		}
		l.mu.Unlock()
		if w.alone != nil {
			w.alone()
		} else {
			close(w.ready)
		}
	}
}

// next takes what may happen now. If it returns nothing, there is something to
// wait for: a change, or at most wait if that is not zero.
func (l *timeline) next(p *pace) (w *wakeup, wait time.Duration, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.due) == 0 {
		return nil, 0, len(l.running) == 0
	}
	first := l.due[0]
	if first.alone != nil && len(l.running) > 0 {
		return nil, 0, false
	}
	for _, since := range l.running {
		if since.Before(first.at.Add(-lookahead)) {
			return nil, 0, false
		}
	}
	if wait := p.until(first.at); wait > 0 && !l.hurry.Load() {
		return nil, wait, false
	}
	heap.Pop(&l.due)
	return &first, 0, false
}

func (l *timeline) wait(d time.Duration) bool {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-l.changed:
	case <-timeout:
	case <-l.quit:
		return false
	}
	return true
}

// pace keeps virtual time from running faster than it should. Time that is lost
// is not made up for.
type pace struct {
	speed   float64
	virtual time.Time // was reached, or should have been,
	real    time.Time // at this time
}

func (p *pace) target(at time.Time) time.Time {
	return p.real.Add(time.Duration(float64(at.Sub(p.virtual)) / p.speed))
}

// until returns how long it is until a virtual moment.
func (p *pace) until(at time.Time) time.Duration {
	if p.speed == 0 || !at.After(p.virtual) {
		return 0
	}
	return time.Until(p.target(at))
}

func (p *pace) reached(at time.Time) {
	if p.speed == 0 || !at.After(p.virtual) {
		return
	}
	real, latest := p.target(at), time.Now().Add(-100*time.Millisecond)
	if real.Before(latest) {
		real = latest
	}
	p.virtual, p.real = at, real
}
