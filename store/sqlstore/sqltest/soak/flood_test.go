package main

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestSlowClients: 500 connections that send or read a byte in a second keep nobody
// else from being answered, and the server ends those that send.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	p, err := startProgram(t, 10)
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := p.register()
	if err != nil {
		t.Fatal(err)
	}
	slow, err := startSlow(t.Context(), p.Addr, 500)
	defer slow.end()
	if err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for range 10 {
				if status, _, err := p.send("GET", "/auth/me", nil, cookies); err != nil || status != 200 {
					t.Errorf("GET /auth/me = %d, %v, want 200", status, err)
				}
			}
			sign := obj{"username": "owner@example.com", "password": "correct horse battery"}
			for {
				status, _, err := p.send("POST", "/auth/token", sign, nil)
				if err == nil && status == 503 {
					continue // the machine is busy with other things, and says so
				}
				if err != nil || status != 200 {
					t.Errorf("POST /auth/token = %d, %v, want 200", status, err)
				}
				break
			}
		})
	}
	others.Wait()
	deadline, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, kind := range []slowKind{slowHeader, slowBody} {
		for slow.cut[kind].Load() < 500/int64(slowKinds) {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-deadline.Done():
				t.Fatalf("%v: the server ended %d of %d connections, want all", kind, slow.cut[kind].Load(), slow.opened[kind].Load())
			}
		}
	}
	if status, _, err := p.send("GET", "/auth/me", nil, cookies); err != nil || status != 200 {
		t.Errorf("GET /auth/me at the end = %d, %v, want 200", status, err)
	}
	for kind := range slowKinds {
		t.Logf("%v: %d connections, %d ended by the server; the first was told %q", kind, slow.opened[kind].Load(), slow.cut[kind].Load(), slow.first[kind])
	}
}

// TestFlood: a flood of wrong passwords is answered 401 or 503, and everybody else
// as ever.
func TestFlood(t *testing.T) {
	t.Parallel()
	p, err := startProgram(t, 10)
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := p.register()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := p.besideFlood(64, func() error {
		_, err := p.latency(t.Context(), time.Second, cookies)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if answers[401] == 0 || answers[401]+answers[503] != sum(answers) {
		t.Errorf("the flood was answered %v, want 401 and 503 alone", answers)
	}
	if _, peak := memoryOf(p.process()); peak > memoryLimit {
		t.Errorf("the server had %d MiB of memory, want at most %d", peak/mib, memoryLimit/mib)
	}
}
