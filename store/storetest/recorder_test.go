package storetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// A recorder takes the place of *testing.T in a case, and keeps what the case
// complains about.
type recorder struct {
	ctx context.Context

	mu       sync.Mutex
	mistakes []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mistakes = append(r.mistakes, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// observe runs one case and returns what it complains about. Time is virtual: a
// store that sleeps between reading and writing lets every other caller in, so
// that a race is lost for certain and not by luck.
func observe(t *testing.T, c testCase, open func() store.Store) []string {
	t.Helper()
	var mistakes []string
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{ctx: t.Context()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					r.Errorf("panic: %v", p)
				}
			}()
			c.run(newProbe(r, open()))
		}()
		<-done
		time.Sleep(time.Hour) // for what the store left running
		mistakes = r.mistakes
	})
	return mistakes
}

// caseNamed returns the one case that proves the sentence.
func caseNamed(t *testing.T, sentence string) testCase {
	t.Helper()
	var found []testCase
	for _, g := range groups() {
		for _, c := range g.cases {
			if c.proves == sentence {
				found = append(found, c)
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d cases prove %q, want 1", len(found), sentence)
	}
	return found[0]
}

// summary shortens a list of complaints for a log.
func summary(mistakes []string) string {
	s := strings.Join(mistakes, " | ")
	if len(s) > 160 {
		s = s[:160] + "…"
	}
	return fmt.Sprintf("%d: %s", len(mistakes), s)
}
