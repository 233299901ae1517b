package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth/oauthtest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// options say how long a soak takes, and how hard it is.
type options struct {
	engine  string        // of package sqltest, or "memory"
	length  time.Duration // real time; 0: until the virtual time is over
	virtual time.Duration // virtual time; 0: until the real time is over
	speed   float64       // virtual seconds in a real one; 0: as fast as it goes
	rate    float64       // requests in a second, real if there is a speed, else virtual
	samples int
	prune   time.Duration // virtual time between two prunings; 0: Maintain does it
	profile string        // folder for profiles of the heap, or ""
	say     func(format string, args ...any)
}

// requestsEach is about how many requests one thing takes that people do.
const requestsEach = 5

// run is a soak while it runs: the clients of one server.
type run struct {
	options
	server     *child
	line       *timeline
	started    time.Time
	start      time.Time // virtual
	population int
	transport  *http.Transport // to the server
	outside    *http.Transport // to the provider
	issuer     *oauthtest.Server
	provider   sync.Mutex
	over       atomic.Bool

	mu     sync.Mutex
	people []*person
	boss   *person
	notes  []string
	fatal  error
	taken  []sample

	addresses, names                     atomic.Int64
	requests, refreshes, lost            atomic.Int64
	shared, conflicts, endings, external atomic.Int64
	thefts, found, overdue               atomic.Int64
	signOuts, outlived, unexpected       atomic.Int64
}

// soak runs a soak and returns what came of it. It uses tb for what it borrows: a
// database, a folder, the provider.
func soak(tb testing.TB, o options) (*result, error) {
	r := &run{options: o, start: time.Date(2031, 5, 17, 9, 30, 0, 0, time.UTC),
		transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second}, outside: new(http.Transport)}
	dsn, err := database(tb, o.engine)
	if err != nil {
		return nil, err
	}
	r.line = newTimeline(r.start, o.speed, r.tell)
	r.issuer = oauthtest.NewServer(tb, oauthtest.Script{Now: r.line.now})
	r.server, err = startServer(serverConfig{Engine: o.engine, DSN: dsn, Issuer: r.issuer.URL, Start: r.start})
	if err != nil {
		return nil, err
	}
	r.started = time.Now()
	defer context.AfterFunc(tb.Context(), func() { r.giveUp(errors.New("interrupted")) })()
	r.plan()
	r.line.run()
	res, err := r.finish()
	r.transport.CloseIdleConnections()
	return res, errors.Join(err, r.server.stop())
}

func database(tb testing.TB, engine string) (string, error) {
	if engine == "memory" {
		return "", nil
	}
	for _, e := range sqltest.Engines() {
		if e.Name == engine {
			return e.OwnDatabase(tb), nil
		}
	}
	return "", fmt.Errorf("there is no store %q", engine)
}

// plan puts everything on the timeline that happens by itself.
func (r *run) plan() {
	perSecond := r.rate
	total := r.virtual
	if r.speed > 0 {
		perSecond /= r.speed
		if span := time.Duration(float64(r.length) * r.speed); total == 0 || r.length > 0 && span < total {
			total = span
		}
	}
	// So many that each browser is used about twice an hour.
	r.population = max(5, int(perSecond/requestsEach*1800/2))
	settled := min(30*time.Minute, total/10)
	r.line.spawn(0, func(p *process) {
		u := r.newcomer(p, false) // the first of all administers
		u.release()
		r.boss = u
		for range r.population {
			r.line.spawn(rand.N(settled), r.settle)
		}
		r.line.spawn(settled, r.theft) // one at least, however short the run is
		p.sleep(settled + 10*time.Minute)
		r.generate(p, perSecond)
	})
	every := total / time.Duration(r.options.samples)
	r.line.alone(every, func() { r.look(every) })
	if r.prune > 0 {
		r.line.alone(r.prune, r.clean)
	}
}

// generate lets things begin, as often as makes the rate, until the time is over.
func (r *run) generate(p *process, perSecond float64) {
	begun, before, began := 0, r.requests.Load(), r.line.now()
	for !r.ended() {
		r.line.spawn(0, r.something())
		begun++
		each := max(1, float64(r.requests.Load()-before)/float64(begun))
		p.sleep(time.Duration(rand.ExpFloat64() * each / perSecond * float64(time.Second)))
		// What is ahead of the rate waits; what is behind is not made up for.
		if ahead := float64(r.requests.Load()-before)/perSecond - r.line.now().Sub(began).Seconds(); ahead > 60 {
			p.sleep(time.Duration((ahead - 60) * float64(time.Second)))
		}
	}
	r.over.Store(true)
	r.line.hurry.Store(true) // what has begun ends
}

func (r *run) ended() bool {
	return r.length > 0 && time.Since(r.started) >= r.length || r.virtual > 0 && r.line.now().Sub(r.start) >= r.virtual
}

// something chooses what happens next.
func (r *run) something() func(*process) {
	switch n := rand.IntN(100); {
	case n < 1:
		return r.theft
	case n < 3:
		return r.settle
	case n < 5:
		return r.organize
	case n < 10:
		return r.change
	case n < 16:
		return r.stranger
	}
	return r.visit
}

// tell moves the clock of the server.
func (r *run) tell(now time.Time) {
	if _, err := r.server.do(command{Do: "time", Micros: now.UnixMicro()}); err != nil {
		r.giveUp(err)
	}
}

func (r *run) clean() {
	if _, err := r.server.do(command{Do: "prune"}); err != nil {
		r.giveUp(err)
	}
	if !r.over.Load() {
		r.line.alone(r.prune, r.clean)
	}
}

// giveUp ends the run before its time.
func (r *run) giveUp(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == nil {
		r.fatal = err
		close(r.line.quit)
	}
}

// expect counts an answer that is another one than expected.
func (r *run) expect(a *answer, want ...int) *answer {
	if !slices.Contains(want, a.status) {
		r.wrong("%v, want %v", a, want)
	}
	return a
}

// wrong notes something that should not have happened.
func (r *run) wrong(format string, args ...any) {
	r.unexpected.Add(1)
	r.note(format, args...)
}

const keptNotes = 30

// note keeps a text about something that is counted elsewhere.
func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf("%s %s", r.line.now().Sub(r.start).Round(time.Second), fmt.Sprintf(format, args...))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) < keptNotes {
		r.notes = append(r.notes, text)
		r.say("! %s", text)
	}
}
