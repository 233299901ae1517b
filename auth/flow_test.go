package auth_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/memstore"
)

// testSecret is random enough to be accepted, and nobody's.
const testSecret = "6b1f0c3e9a7d4528b0e2f4a1c8d9e7350f5a"

// clock is a settable time, safe for concurrent use.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// env is a service on a memory store behind a real HTTP server.
type env struct {
	*auth.Service
	clock  *clock
	mail   *auth.Outbox
	log    *lockedBuffer
	server *httptest.Server
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newEnv(tb testing.TB, change ...func(*auth.Config)) *env {
	tb.Helper()
	e := &env{clock: newClock(), log: new(lockedBuffer)}
	logger := slog.New(slog.NewJSONHandler(e.log, nil))
	e.mail = auth.NewOutbox(slog.New(slog.DiscardHandler), 1000)
	c := auth.Config{
		Store: memstore.New(), Secret: []byte(testSecret), BaseURL: "http://localhost:8000/auth",
		Hasher: auth.InsecureBcrypt(4), Mailer: e.mail, Logger: logger, Now: e.clock.Now,
		Limits: auth.Limits{InsecureOff: true},
	}
	for _, f := range change {
		f(&c)
	}
	svc, err := auth.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	e.Service = svc
	mux := http.NewServeMux()
	mux.Handle("/", svc.Mux())
	for _, r := range svc.Routes() {
		if !strings.HasPrefix(r.Path(), svc.Path()+"/") {
			mux.Handle(r.Pattern, r.Handler)
		}
	}
	e.server = httptest.NewServer(mux)
	tb.Cleanup(e.server.Close)
	tb.Cleanup(func() { svc.Close(tb.Context()) })
	return e
}

// client is a program: it has no cookies unless it is given a jar.
func (e *env) client(tb testing.TB) *client {
	return &client{tb: tb, e: e, http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// browser is a client with a cookie jar and the headers that browsers send.
func (e *env) browser(tb testing.TB) *client {
	c := e.client(tb)
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	c.http.Jar, c.isBrowser = jar, true
	return c
}

type client struct {
	tb        testing.TB
	e         *env
	http      *http.Client
	isBrowser bool
	bearer    string
	header    http.Header
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body []byte
}

func (a *answer) json(tb testing.TB) map[string]any {
	tb.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		tb.Fatalf("answer is no JSON object: %v\n%s", err, a.body)
	}
	return m
}

func (a *answer) code(tb testing.TB) string {
	tb.Helper()
	code, _ := a.json(tb)["code"].(string)
	return code
}

func (a *answer) cookie(name string) *http.Cookie {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (c *client) do(method, path, contentType, body string) *answer {
	c.tb.Helper()
	req, err := http.NewRequestWithContext(c.tb.Context(), method, c.e.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.tb.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.isBrowser {
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set("Sec-Fetch-Mode", "cors")
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.tb.Fatal(err)
	}
	return &answer{res, data}
}

func (c *client) post(path string, v any) *answer {
	c.tb.Helper()
	return c.send("POST", path, v)
}

func (c *client) send(method, path string, v any) *answer {
	c.tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		c.tb.Fatal(err)
	}
	return c.do(method, path, "application/json", string(data))
}

func (c *client) get(path string) *answer { c.tb.Helper(); return c.do("GET", path, "", "") }

func (c *client) form(path string, pairs ...string) *answer {
	c.tb.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return c.do("POST", path, "application/x-www-form-urlencoded", form.Encode())
}

func (c *client) want(a *answer, status int) *answer {
	c.tb.Helper()
	if a.StatusCode != status {
		c.tb.Fatalf("%s %s = %d, want %d\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	return a
}

type obj = map[string]any

const (
	alice      = "alice@example.com"
	aliceWords = "correct horse battery"
)

func (c *client) register(email, password string) *answer {
	c.tb.Helper()
	return c.want(c.post("/auth/register", obj{"email": email, "password": password}), 201)
}

func (c *client) signIn(email, password string) *answer {
	c.tb.Helper()
	return c.want(c.form("/auth/token", "username", email, "password", password), 200)
}

func TestRegisterSignInRefreshSignOut(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t)
	a := b.register(alice, aliceWords)
	u := a.json(t)
	expect := obj{"email": alice, "is_active": true, "is_verified": false, "has_password": true, "full_name": nil}
	for key, want := range expect {
		if u[key] != want {
			t.Errorf("register: %s = %v, want %v", key, u[key], want)
		}
	}
	me := b.want(b.get("/auth/me"), 200).json(t)
	if me["id"] != u["id"] {
		t.Errorf("me: id = %v, want %v", me["id"], u["id"])
	}
	before := b.http.Jar.Cookies(mustURL(t, e.server.URL+"/auth/refresh"))
	b.want(b.post("/auth/refresh", nil), 200)
	after := b.http.Jar.Cookies(mustURL(t, e.server.URL+"/auth/refresh"))
	if len(before) != 3 || len(after) != 3 {
		t.Fatalf("the jar has %d, then %d cookies, want 3", len(before), len(after))
	}
	b.want(b.post("/auth/logout", nil), 200)
	if left := b.http.Jar.Cookies(mustURL(t, e.server.URL+"/auth/refresh")); len(left) != 1 {
		t.Errorf("after logout the jar has %v, want the device mark alone", left)
	}
	b.want(b.get("/auth/me"), 401)
}

func mustURL(tb testing.TB, s string) *url.URL {
	tb.Helper()
	u, err := url.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}
