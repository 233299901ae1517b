package flows_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkFlood measures GET /me on the server of the examples, as a process of
// its own with its default cost of 12, first at rest and then while 64 connections
// sign in with wrong passwords as fast as they are answered; those told to try again
// wait for 10 ms and not for the second they are asked for:
//
//	go test -run xxx -bench Flood -benchtime 1x
func BenchmarkFlood(b *testing.B) {
	const connections, length = 64, 10 * time.Second
	p := newProgram(b, "BCRYPT_COST=12")
	p.start()
	owner := &http.Client{Timeout: time.Minute, Transport: new(http.Transport)}
	r, err := p.post(owner, "/auth/register", obj{"email": "owner@example.com", "password": password}, nil)
	if err != nil || r.status != 201 {
		b.Fatalf("register = %+v, %v, want 201", r, err)
	}
	look := func(prefix string) {
		var took []time.Duration
		for end := time.Now().Add(length); time.Now().Before(end); {
			req, err := http.NewRequest("GET", "http://"+p.addr+"/auth/me", nil)
			if err != nil {
				b.Fatal(err)
			}
			req.AddCookie(&http.Cookie{Name: sessionCookie, Value: r.cookies[sessionCookie]})
			begin := time.Now()
			res, err := owner.Do(req)
			if err != nil || res.StatusCode != 200 {
				b.Fatalf("GET /me = %v, %v, want 200", res, err)
			}
			res.Body.Close()
			took = append(took, time.Since(begin))
			time.Sleep(2 * time.Millisecond) // somebody who works, not another flood
		}
		slices.Sort(took)
		at := func(percent float64) float64 {
			return float64(took[int(float64(len(took)-1)*percent/100)].Microseconds()) / 1000
		}
		b.ReportMetric(at(50), prefix+"-p50-ms")
		b.ReportMetric(at(99), prefix+"-p99-ms")
		b.ReportMetric(at(100), prefix+"-max-ms")
	}
	b.ReportMetric(0, "ns/op")
	look("rest")

	var mu sync.Mutex
	answers := make(map[int]int)
	stop := make(chan struct{})
	var done sync.WaitGroup
	for i := range connections {
		done.Go(func() {
			c := &http.Client{Timeout: time.Minute, Transport: new(http.Transport)}
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				r, err := p.post(c, "/auth/token", obj{"username": fmt.Sprintf("owner%d@example.com", n%7*i), "password": another}, nil)
				mu.Lock()
				if err != nil {
					answers[0]++
				} else {
					answers[r.status]++
				}
				mu.Unlock()
				if err == nil && r.status == 503 {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	time.Sleep(time.Second) // until all are there
	look("flood")
	close(stop)
	done.Wait()
	if answers[0] > 0 || answers[401] == 0 {
		b.Errorf("the flood was answered %v (0: not at all)", answers)
	}
	b.Logf("the flood was answered %v", answers)
}
