package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// floodOptions say how hard a flood is.
type floodOptions struct {
	phase       time.Duration // how long each part is measured
	connections int           // that sign in with wrong passwords, without end
	slow        int           // clients that take their time
	cost        int           // of bcrypt
	say         func(format string, args ...any)
}

// memoryLimit is what the server may take in all of it.
const memoryLimit = 256 * mib

// flood measures GET /me on the server of the examples: at rest, beside slow
// clients, beside a flood of sign-ins with wrong passwords, and beside both.
func flood(tb testing.TB, o floodOptions) (ok bool, err error) {
	p, err := startProgram(tb, o.cost)
	if err != nil {
		return false, err
	}
	cookies, err := p.register()
	if err != nil {
		return false, err
	}
	o.say("%-34s %8s %8s %8s %8s %9s %6s", "GET /auth/me", "number", "p50 ms", "p99 ms", "max ms", "RSS MiB", "files")
	look := func(name string) error {
		took, err := p.latency(tb.Context(), o.phase, cookies)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		at := func(percent int) float64 {
			return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1000
		}
		resident, _ := memoryOf(p.process())
		o.say("%-34s %8d %8.2f %8.2f %8.2f %9.1f %6d", name, len(took), at(50), at(99), at(100), float64(resident)/mib, filesOf(p.process()))
		return nil
	}
	if err := look("at rest"); err != nil {
		return false, err
	}
	slow, err := startSlow(tb.Context(), p.Addr, o.slow)
	defer slow.end()
	if err != nil {
		return false, err
	}
	if err := look(fmt.Sprintf("%d slow clients", o.slow)); err != nil {
		return false, err
	}
	slow.end()
	answers, err := p.besideFlood(o.connections, func() error {
		if err := look(fmt.Sprintf("flood on %d connections", o.connections)); err != nil {
			return err
		}
		again, err := startSlow(tb.Context(), p.Addr, o.slow)
		defer again.end()
		if err != nil {
			return err
		}
		return look("flood and slow clients")
	})
	if err != nil {
		return false, err
	}
	return p.floodVerdict(o, slow, answers), nil
}

func (p program) floodVerdict(o floodOptions, slow *slowClients, answers map[int]int) bool {
	_, peak := memoryOf(p.process())
	list := []finding{
		{peak <= memoryLimit, fmt.Sprintf("the server had %.1f MiB of memory at most, of %d", float64(peak)/mib, memoryLimit/mib)},
		{answers[401] > 0 && answers[401]+answers[503] == sum(answers),
			fmt.Sprintf("the flood was answered %v: 401 to those whose turn came, 503 to those who should ask later", answers)},
	}
	for kind := range slowKinds {
		list = append(list, finding{slow.opened[kind].Load() > 0, fmt.Sprintf("%v: %d connections, %d of them ended by the server; the first was told %q",
			kind, slow.opened[kind].Load(), slow.cut[kind].Load(), slow.first[kind])})
	}
	ok := true
	for _, f := range list {
		o.say("%v", f)
		ok = ok && f.ok
	}
	return ok
}

func sum(m map[int]int) (n int) {
	for v := range maps.Values(m) {
		n += v
	}
	return n
}

// latency asks for /me at the pace of somebody who works, and returns how long each
// answer took, in order.
func (p program) latency(ctx context.Context, length time.Duration, cookies []*http.Cookie) (took []time.Duration, err error) {
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		begin := time.Now()
		status, _, err := p.send("GET", "/auth/me", nil, cookies)
		if err != nil || status != 200 {
			return nil, fmt.Errorf("GET /auth/me = %d, %v, want 200", status, err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took, nil
}

// besideFlood runs f while connections sign in with wrong passwords as fast as they
// are answered; those told to come later wait for 10 ms and not for the second they
// are asked for. It returns how often each status was answered, 0 for none.
func (p program) besideFlood(connections int, f func() error) (map[int]int, error) {
	var mu sync.Mutex
	answers := make(map[int]int)
	stop := make(chan struct{})
	var begun, done sync.WaitGroup
	begun.Add(connections)
	for i := range connections {
		done.Go(func() {
			first := sync.OnceFunc(begun.Done)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				status, _, _ := p.send("POST", "/auth/token", obj{"username": fmt.Sprintf("owner%d@example.com", n%7*i), "password": "not this one"}, nil)
				first()
				mu.Lock()
				answers[status]++
				mu.Unlock()
				if status == 503 {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	begun.Wait()
	err := f()
	close(stop)
	done.Wait()
	return answers, err
}
