package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/memstore"
)

const (
	secret   = "6b1f0c3e9a7d4528b0e2f4a1c8d9e7350f5a"
	email    = "ada@example.com"
	password = "correct horse battery"
)

// notRun ends a test that lacks something of this machine.
func notRun(tb testing.TB, format string, args ...any) {
	tb.Helper()
	message := "NOT RUN: " + fmt.Sprintf(format, args...)
	if os.Getenv("AEGIS_TEST_REQUIRE_SERVERS") == "1" {
		tb.Fatal(message)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", tb.Name(), message)
	tb.Skip(message)
}

// packages installs what package-lock.json names, once, if it is not there and
// the tests may not do without.
var packages = sync.OnceValue(func() error {
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil {
		return nil
	}
	const command = "npm ci --ignore-scripts --no-audit --no-fund"
	if os.Getenv("AEGIS_TEST_REQUIRE_SERVERS") != "1" {
		return fmt.Errorf("the packages are not installed: %s", command)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	words := strings.Fields(command)
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
})

// nodeScript returns the command that runs a script in node/, if it can run.
func nodeScript(tb testing.TB, script string, args ...string) *exec.Cmd {
	tb.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		notRun(tb, "there is no node")
	}
	if err := packages(); err != nil {
		notRun(tb, "%v", err)
	}
	return exec.CommandContext(tb.Context(), node, append([]string{"node/" + script}, args...)...)
}

// ask runs a script that answers in with out.
func ask(tb testing.TB, script string, in, out any) {
	tb.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := nodeScript(tb, script)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%s: %v\n%s", script, err, &stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		tb.Fatalf("%s: %v\n%s", script, err, &stdout)
	}
}

// site is a service behind a real server, at the address it believes to have.
type site struct {
	*auth.Service
	url string
	mux *http.ServeMux
}

// reserve opens the socket of a site, so that others can be told its address
// before it is there.
func reserve(tb testing.TB) (net.Listener, string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l, "http://" + l.Addr().String()
}

func newSite(tb testing.TB, l net.Listener, change ...func(*auth.Config)) *site {
	tb.Helper()
	s := &site{url: "http://" + l.Addr().String(), mux: http.NewServeMux()}
	quiet := slog.New(slog.DiscardHandler)
	c := auth.Config{
		Store: memstore.New(), Secret: []byte(secret), BaseURL: s.url + "/auth",
		Hasher: auth.InsecureBcrypt(4), Mailer: auth.NewOutbox(quiet, 10), Logger: quiet, Limits: auth.Limits{InsecureOff: true},
	}
	for _, f := range change {
		f(&c)
	}
	svc, err := auth.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	s.Service = svc
	for _, r := range svc.Routes() {
		s.mux.Handle(r.Pattern, r.Handler)
	}
	s.mux.HandleFunc("GET /go", func(w http.ResponseWriter, r *http.Request) { // as handlers use return paths
		http.Redirect(w, r, svc.ReturnPath(r.URL.Query().Get("next"), fallback), http.StatusSeeOther)
	})
	s.mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>here</title>")
	})
	server := httptest.NewUnstartedServer(s.mux)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	tb.Cleanup(server.Close)
	tb.Cleanup(func() { svc.Close(context.WithoutCancel(tb.Context())) })
	return s
}

// register makes the account of these tests and returns its access token.
func (s *site) register(tb testing.TB) string {
	tb.Helper()
	u, err := s.Register(tb.Context(), auth.Registrant{Email: email, Password: password})
	if err != nil {
		tb.Fatal(err)
	}
	g, err := s.StartSession(tb.Context(), u, "password", auth.Device{})
	if err != nil {
		tb.Fatal(err)
	}
	return g.AccessToken
}

// me is the status of GET /auth/me with a bearer token.
func (s *site) me(tb testing.TB, token string) int {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.url+"/auth/me", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// person is somebody at a browser.
type person struct {
	tb   testing.TB
	http *http.Client
	at   *url.URL
	body string
	seen []string // the addresses they came by
}

func newPerson(tb testing.TB) *person {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &person{tb: tb, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// open follows redirects to where they end and returns the last status.
func (p *person) open(address string) int { p.tb.Helper(); return p.send(http.MethodGet, address, nil) }

func (p *person) send(method, address string, form url.Values) int {
	p.tb.Helper()
	p.seen = nil
	for range 20 {
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		r, err := http.NewRequestWithContext(p.tb.Context(), method, address, body)
		if err != nil {
			p.tb.Fatal(err)
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := p.http.Do(r)
		if err != nil {
			p.tb.Fatal(err)
		}
		data, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			p.tb.Fatal(err)
		}
		p.at, p.body = r.URL, string(data)
		p.seen = append(p.seen, address)
		to, err := res.Location()
		if err != nil {
			return res.StatusCode
		}
		method, address, form = http.MethodGet, to.String(), nil
	}
	p.tb.Fatalf("too many redirects: %q", p.seen)
	return 0
}

// json asks for a document of the site.
func (p *person) json(address string) map[string]any {
	p.tb.Helper()
	if status := p.open(address); status != http.StatusOK {
		p.tb.Fatalf("GET %s = %d %s", address, status, p.body)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(p.body), &m); err != nil {
		p.tb.Fatal(err)
	}
	return m
}
