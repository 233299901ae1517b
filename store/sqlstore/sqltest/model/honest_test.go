package model_test

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// timeline is virtual time: what is due happens in its order, and nothing waits.
type timeline struct {
	micros atomic.Int64 // workers of the service look at the clock as well
	due    []event
}

func (l *timeline) now() time.Time     { return time.UnixMicro(l.micros.Load()).UTC() }
func (l *timeline) moveTo(t time.Time) { l.micros.Store(t.UnixMicro()) }

type event struct {
	at time.Time
	do func()
}

func (l *timeline) Len() int           { return len(l.due) }
func (l *timeline) Less(i, j int) bool { return l.due[i].at.Before(l.due[j].at) }
func (l *timeline) Swap(i, j int)      { l.due[i], l.due[j] = l.due[j], l.due[i] }
func (l *timeline) Push(x any)         { l.due = append(l.due, x.(event)) }
func (l *timeline) Pop() any {
	last := l.due[len(l.due)-1]
	l.due = l.due[:len(l.due)-1]
	return last
}

func (l *timeline) after(d time.Duration, do func()) { heap.Push(l, event{l.now().Add(d), do}) }

func (l *timeline) run(until time.Time) {
	for len(l.due) > 0 {
		e := heap.Pop(l).(event)
		if e.at.After(until) {
			l.due = nil
			return
		}
		l.moveTo(e.at)
		e.do()
	}
}

// cluster is two nodes on one store, the clocks of which differ by five seconds at
// most.
type cluster struct {
	nodes [2]*world
	skew  atomic.Int64 // of the second node, in nanoseconds
	line  timeline
}

const mostSkew = 5 * time.Second

func newCluster(tb testing.TB) *cluster {
	tb.Helper()
	c := new(cluster)
	var st store.Store = memstore.New()
	c.line.moveTo(newClock().now())
	for i := range c.nodes {
		c.nodes[i] = newWorld(tb, st, func(conf *auth.Config) {
			conf.Now = func() time.Time { return c.line.now().Add(time.Duration(int64(i) * c.skew.Load())) }
		})
	}
	return c
}

// figures are what happened to honest clients.
type figures struct {
	refreshes, successors, conflicts, lost int
	late                                   int // signed out because an answer stayed lost for longer than the grace covers
	signedOut                              int // signed out without a reason
}

// browser is one honest client: tabs that share a jar.
type browser struct {
	tb    testing.TB
	c     *cluster
	user  *store.User
	token string    // in the jar
	good  time.Time // until when the access token in the jar is
	begun time.Time
	sum   *figures

	spent   string // the last token that was exchanged
	spentAt time.Time
}

func (b *browser) node() *world { return b.c.nodes[rand.IntN(2)] }

func (b *browser) signIn() {
	g, err := b.c.nodes[0].StartSession(b.tb.Context(), b.user, "password", auth.Device{UserAgent: "honest"})
	if err != nil {
		b.tb.Fatal(err)
	}
	b.begun = b.c.line.now()
	b.keep(g)
}

func (b *browser) keep(g *auth.Grant) {
	b.token, b.good = g.RefreshToken, b.c.line.now().Add(14*time.Minute)
}

// refresh sends what the jar holds. The request arrives after a while, the answer
// after another, or never: then the tab asks again a second or two later.
func (b *browser) refresh() {
	line, sent := &b.c.line, b.token
	line.after(delay(), func() {
		g, err := b.node().Refresh(b.tb.Context(), sent, auth.Device{UserAgent: "honest"})
		b.sum.refreshes++
		switch {
		case b.spent != sent && err == nil:
			b.spent, b.spentAt = sent, line.now()
		case err == nil:
			b.sum.successors++
		case errors.Is(err, auth.ErrSessionReused) && line.now().Sub(b.spentAt) > grace*time.Second-mostSkew:
			b.sum.late++
			b.signIn()
			return
		}
		if rand.IntN(30) == 0 {
			b.sum.lost++
			line.after(time.Second+rand.N(time.Second), b.again)
			return
		}
		line.after(delay(), func() { b.answered(g, err) })
	})
}

// again is a tab that got no answer. By now another tab may have got one.
func (b *browser) again() {
	if b.good.Before(b.c.line.now()) {
		b.refresh()
	}
}

func (b *browser) answered(g *auth.Grant, err error) {
	switch {
	case err == nil:
		b.keep(g)
	case errors.Is(err, auth.ErrRefreshConflict):
		b.sum.conflicts++
		b.c.line.after(100*time.Millisecond+rand.N(400*time.Millisecond), b.again)
	default:
		b.sum.signedOut++
		b.tb.Logf("an honest client was told %v", err)
		b.signIn()
	}
}

// delay is the way over the network: short most often, two seconds at most.
func delay() time.Duration {
	if rand.IntN(20) == 0 {
		return rand.N(2 * time.Second)
	}
	return 5*time.Millisecond + rand.N(80*time.Millisecond)
}

// wake is somebody coming back: tabs ask for something, one after the other or all
// at once, and those that find their access token over refresh.
func (b *browser) wake() {
	line := &b.c.line
	if line.now().Sub(b.begun) > 29*24*time.Hour {
		b.signIn() // the session ends for good soon
	}
	for range 1 + rand.IntN(4) {
		line.after(rand.N(2*time.Second), b.again)
	}
	away := time.Duration(rand.ExpFloat64() * float64(40*time.Minute))
	if rand.IntN(100) == 0 {
		away = rand.N(13 * 24 * time.Hour) // a closed lid, a holiday
	}
	line.after(20*time.Second+away, b.wake)
}

// TestHonestClients plays browsers with tabs, lost answers, sleep and nodes whose
// clocks differ. None of them may be signed out.
func TestHonestClients(t *testing.T) {
	hours := number(t, "AEGIS_HOURS", 20_000)
	c := newCluster(t)
	sum := new(figures)
	const days = 60
	played := 0
	for played < hours {
		c.skew.Store(int64(rand.N(2*mostSkew+1) - mostSkew))
		b := &browser{tb: t, c: c, user: c.nodes[0].newUser(t), sum: sum}
		start := c.line.now()
		b.signIn()
		c.line.after(0, b.wake)
		c.line.run(start.Add(days * 24 * time.Hour))
		c.line.moveTo(start.Add(days * 24 * time.Hour))
		played += days * 24
		if _, err := c.nodes[0].Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if sum.signedOut > 0 || sum.refreshes == 0 || sum.lost == 0 {
		t.Errorf("%d of %d refreshes (%d answers lost) signed an honest client out, want none", sum.signedOut, sum.refreshes, sum.lost)
	}
	t.Logf("%d session-hours: %d refreshes, %d answers lost, %d answered with the same successor, %d conflicts;"+
		" %d false revocations; %d sessions ended because answers stayed lost for more than the grace less the skew",
		played, sum.refreshes, sum.lost, sum.successors, sum.conflicts, sum.signedOut, sum.late)
}

// TestGraceAndSkew says what a lost answer may cost. Asked for again within the
// grace less the difference of the clocks it costs nothing; past the grace and the
// difference it always ends the session, because nobody can tell it from a theft.
func TestGraceAndSkew(t *testing.T) {
	c := newCluster(t)
	var safe, ended atomic.Int64
	for range 400 {
		c.skew.Store(int64(rand.N(2*mostSkew+1) - mostSkew))
		b := &browser{tb: t, c: c, user: c.nodes[0].newUser(t), sum: new(figures)}
		b.signIn()
		c.line.moveTo(c.line.now().Add(time.Hour))
		first := rand.IntN(2)
		g, err := c.nodes[first].Refresh(t.Context(), b.token, auth.Device{})
		if err != nil {
			t.Fatal(err)
		}
		wait := rand.N(30 * time.Second)
		c.line.moveTo(c.line.now().Add(wait))
		h, err := c.nodes[1-first].Refresh(t.Context(), b.token, auth.Device{})
		switch {
		case wait <= grace*time.Second-mostSkew:
			safe.Add(1)
			if err != nil || h.RefreshToken != g.RefreshToken {
				t.Errorf("Refresh(again after %v, clocks %v apart) = %v, %v, want the same successor", wait, time.Duration(c.skew.Load()), h, err)
			}
		case wait > grace*time.Second+mostSkew:
			ended.Add(1)
			if !errors.Is(err, auth.ErrSessionReused) {
				t.Errorf("Refresh(again after %v, clocks %v apart) = %v, %v, want %v", wait, time.Duration(c.skew.Load()), h, err, auth.ErrSessionReused)
			}
		}
	}
	t.Logf("%d lost answers were asked for again in time, %d too late", safe.Load(), ended.Load())
}
