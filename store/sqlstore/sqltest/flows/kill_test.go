package flows_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

// TestKilledServer kills the server again and again while clients refresh as fast
// as they can, and starts it anew. A client that does not hear back sends the same
// cookie again. None is ever signed out, and the file stays whole.
func TestKilledServer(t *testing.T) {
	kills := number(t, "AEGIS_KILLS", 3)
	p := newProgram(t, "REFRESH_REUSE_GRACE_SECONDS=60")
	p.Start()
	var refreshed, unanswered atomic.Int64
	stop := make(chan struct{})
	var done sync.WaitGroup
	const clients = 6
	last := make([]map[string]string, clients)
	for i := range clients {
		c := &http.Client{Timeout: 10 * time.Second, Transport: new(http.Transport)}
		r, err := p.post(c, "/auth/register", obj{"email": fmt.Sprintf("client%d@example.com", i), "password": password}, nil)
		if err != nil || r.status != 201 {
			t.Fatalf("register = %+v, %v, want 201", r, err)
		}
		last[i] = map[string]string{refreshCookie: r.cookies[refreshCookie]}
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := p.post(c, "/auth/refresh", nil, last[i])
				switch {
				case err != nil || r.status >= 500:
					unanswered.Add(1)
					time.Sleep(10 * time.Millisecond)
				case r.status == 200:
					refreshed.Add(1)
					last[i][refreshCookie] = r.cookies[refreshCookie]
				default:
					t.Errorf("client %d was answered %d %s", i, r.status, r.body)
					return
				}
			}
		})
	}
	for range kills {
		for before := refreshed.Load(); refreshed.Load() < before+20 && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(100 * time.Millisecond))
		p.Kill()
		p.Start()
	}
	close(stop)
	done.Wait()
	for i := range clients {
		r, err := p.post(http.DefaultClient, "/auth/refresh", nil, last[i])
		if err != nil || r.status != 200 {
			t.Errorf("client %d in the end = %+v, %v, want 200", i, r, err)
		}
	}
	t.Logf("%d refreshes answered and %d not, with %d kills", refreshed.Load(), unanswered.Load(), kills)
	if code := p.Terminate(); code != 0 {
		t.Errorf("after SIGTERM the server exits with %d, want 0:\n%s", code, &p.Log)
	}
	checkFile(t, p.Database)
}

// checkFile checks a database that the server left behind.
func checkFile(t *testing.T, file string) {
	t.Helper()
	s, err := sqlstore.Open("sqlite", file, sqlstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var verdict string
	if err := s.DB().QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check = %q, %v, want ok", verdict, err)
	}
	w := newWorld(t, s, func(c *auth.Config) { c.Now = time.Now })
	checkInvariants(t, w, s.DB(), "auth_")
}

// TestTerminatedServer sends SIGTERM while sign-ins are under way. All of them are
// answered, no further one is taken, and the server exits with 0.
func TestTerminatedServer(t *testing.T) {
	p := newProgram(t)
	p.Start()
	const email = "somebody@example.com"
	r, err := p.post(http.DefaultClient, "/auth/register", obj{"email": email, "password": password}, nil)
	if err != nil || r.status != 201 {
		t.Fatalf("register = %+v, %v, want 201", r, err)
	}
	const requests = 8
	var sent, done sync.WaitGroup
	var fine, later atomic.Int64
	for range requests {
		sent.Add(1)
		done.Go(func() {
			c := &http.Client{Timeout: time.Minute, Transport: &notedTransport{sync.OnceFunc(sent.Done)}}
			r, err := p.post(c, "/auth/token", obj{"username": email, "password": password}, nil)
			switch {
			case err != nil:
				t.Errorf("a request under way was not answered: %v", err)
			case r.status == 200:
				fine.Add(1)
			case r.status == 503: // too many passwords at once; also an answer
				later.Add(1)
			default:
				t.Errorf("a request under way = %d %s, want 200", r.status, r.body)
			}
		})
	}
	sent.Wait()
	code := p.Terminate()
	done.Wait()
	if code != 0 {
		t.Errorf("after SIGTERM the server exits with %d, want 0:\n%s", code, &p.Log)
	}
	if fine.Load() == 0 {
		t.Error("no sign-in under way succeeded")
	}
	t.Logf("%d sign-ins under way: %d succeeded, %d were asked to try again", requests, fine.Load(), later.Load())
	if _, err := p.post(http.DefaultClient, "/auth/token", obj{}, nil); err == nil {
		t.Error("the server still answers")
	}
	checkFile(t, p.Database)
}

// notedTransport sends one request on a connection of its own, and tells when the
// server has begun to read its body: from then on the request is under way.
type notedTransport struct{ begun func() }

func (n *notedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{Got100Continue: n.begun}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	r.Header.Set("Expect", "100-continue")
	transport := &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}
	res, err := transport.RoundTrip(r)
	n.begun() // or never
	return res, err
}
