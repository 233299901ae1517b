package flows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

const (
	secret   = "3f9d1c77a2e84b06f5c1d8e93b7a6042dd"
	password = "correct horse battery"
	another  = "purple monkey dishwasher"
)

type obj = map[string]any

// clock is a time that tests set, safe for concurrent use.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.micros.Store(time.Date(2031, 5, 17, 9, 30, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// mailbox is a Mailer that keeps what it is given.
type mailbox struct {
	mu   sync.Mutex
	list []*auth.Message
}

func (m *mailbox) Send(_ context.Context, msg *auth.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, msg)
	return nil
}

// to returns the mails to an address, oldest first.
func (m *mailbox) to(email string) []*auth.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.list), func(msg *auth.Message) bool { return msg.To != email })
}

// journal keeps the events of a service.
type journal struct {
	mu   sync.Mutex
	list []auth.Event
}

func (j *journal) note(_ context.Context, e auth.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, e)
}

// count returns how many events there were of a kind.
func (j *journal) count(kind auth.EventKind) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.list {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// world is a service over a store. It can be replaced by another one over the same
// store, as when a process ends and the next begins.
type world struct {
	*auth.Service
	tb      testing.TB
	clock   *clock
	mail    *mailbox
	journal *journal

	config  auth.Config
	handler http.Handler
	people  atomic.Int64

	handed handed
	ctx    context.Context // of requests; nil for that of the test
	deaf   bool            // answers do not arrive
	unsure bool            // an answer of the database was lost
	seen   func(*http.Request, *answer)
}

func newWorld(tb testing.TB, st store.Store, change ...func(*auth.Config)) *world {
	tb.Helper()
	w := &world{tb: tb, clock: newClock(), mail: new(mailbox), journal: new(journal)}
	w.config = settingsOver(st, w.mail, w.clock)
	for _, f := range change {
		f(&w.config)
	}
	w.begin()
	tb.Cleanup(w.end)
	return w
}

// settingsOver returns the settings of a service over a store.
func settingsOver(st store.Store, mail auth.Mailer, c *clock) auth.Config {
	return auth.Config{
		Store: st, Secret: []byte(secret), BaseURL: "http://localhost:8000/auth", AppName: "Flows",
		Hasher: auth.InsecureBcrypt(4), Mailer: mail, Now: c.now,
		Logger: slog.New(slog.DiscardHandler), Limits: auth.Limits{InsecureOff: true},
		Roles: auth.DefaultRoles(),
	}
}

func (w *world) begin() {
	w.tb.Helper()
	svc, err := auth.New(w.config)
	if err != nil {
		w.tb.Fatal(err)
	}
	svc.Subscribe(w.journal.note)
	w.Service, w.handler = svc, svc.Mux()
}

// end closes the service: what waits to be mailed or written is done.
func (w *world) end() {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := w.Service.Close(ctx); err != nil {
		w.tb.Errorf("close service: %v", err)
	}
}

func (w *world) must(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

// flush waits until mails and audit entries are where they go.
func (w *world) flush() {
	w.tb.Helper()
	w.must(w.Flush(w.tb.Context()))
}

// token returns the one-time token of the last mail of a kind to an address.
func (w *world) token(email string, kind auth.MailKind) string {
	w.tb.Helper()
	w.flush()
	for _, m := range slices.Backward(w.mail.to(email)) {
		if m.Kind != kind {
			continue
		}
		u, err := url.Parse(m.Link)
		w.must(err)
		return u.Query().Get("token")
	}
	w.tb.Fatalf("no mail of kind %s was sent to %s", kind, email)
	return ""
}

// mailed returns how many mails of a kind an address was sent.
func (w *world) mailed(email string, kind auth.MailKind) (n int) {
	w.tb.Helper()
	w.flush()
	for _, m := range w.mail.to(email) {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// client is one browser, or a program if it holds a bearer token.
type client struct {
	w       *world
	email   string
	id      string // of the user
	jar     map[string]string
	bearer  string
	ip, ua  string
	browser bool
}

// browser returns a browser with an address of its own.
func (w *world) browser() *client {
	n := w.people.Add(1)
	return &client{w: w, jar: make(map[string]string), browser: true, ua: "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0",
		ip: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)}
}

// clone returns a browser with the same cookies.
func (c *client) clone() *client {
	d := *c
	d.jar = make(map[string]string)
	for name, value := range c.jar {
		d.jar[name] = value
	}
	return &d
}

// answer is what a handler wrote.
type answer struct {
	*httptest.ResponseRecorder
	cookies []*http.Cookie
	request string
}

func (a *answer) json(tb testing.TB) obj {
	tb.Helper()
	var m obj
	if err := json.Unmarshal(a.Body.Bytes(), &m); err != nil {
		tb.Fatalf("%s: answer is no JSON object: %v\n%s", a.request, err, a.Body)
	}
	return m
}

// problem returns the code of a failure.
func (a *answer) problem() string {
	var m struct{ Code string }
	if json.Unmarshal(a.Body.Bytes(), &m) != nil {
		return ""
	}
	return m.Code
}

func (a *answer) cookie(name string) string {
	for _, c := range a.cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// clears reports whether a makes a browser forget both tokens.
func (a *answer) clears() bool {
	gone := 0
	for _, c := range a.cookies {
		if c.MaxAge < 0 && (c.Name == sessionCookie || c.Name == refreshCookie) {
			gone++
		}
	}
	return gone == 2
}

func (a *answer) String() string {
	return fmt.Sprintf("%s = %d %s", a.request, a.Code, strings.TrimSpace(a.Body.String()))
}

const (
	sessionCookie = "aegis_session"
	refreshCookie = "aegis_refresh"
)

// request makes a request with what c holds. body is nil, a form, or anything that
// becomes JSON.
func (c *client) request(method, path string, body any) *http.Request {
	c.w.tb.Helper()
	r, contentType, err := sqltest.Body(body)
	c.w.must(err)
	ctx := c.w.ctx
	if ctx == nil {
		ctx = c.w.tb.Context()
	}
	req := httptest.NewRequestWithContext(ctx, method, "http://localhost:8000/auth"+path, r)
	req.RemoteAddr = c.ip + ":4711"
	req.Header.Set("User-Agent", c.ua)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
		return req
	}
	if c.browser {
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range c.jar {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return req
}

// do sends a request and keeps the cookies of the answer.
func (c *client) do(method, path string, body any) *answer {
	c.w.tb.Helper()
	a := c.w.serve(c.request(method, path, body))
	if !c.w.deaf {
		c.keep(a)
	}
	return a
}

func (w *world) serve(r *http.Request) *answer {
	a := &answer{ResponseRecorder: httptest.NewRecorder(), request: r.Method + " " + r.URL.Path}
	w.handler.ServeHTTP(a, r)
	a.cookies = a.Result().Cookies()
	w.handed.note(w.tb, a)
	if w.seen != nil {
		w.seen(r, a)
	}
	return a
}

func (c *client) keep(a *answer) {
	for _, k := range a.cookies {
		if k.MaxAge < 0 {
			delete(c.jar, k.Name)
		} else {
			c.jar[k.Name] = k.Value
		}
	}
}

func (c *client) post(path string, body any) *answer {
	c.w.tb.Helper()
	return c.do("POST", path, body)
}
func (c *client) get(path string) *answer { c.w.tb.Helper(); return c.do("GET", path, nil) }

// want ends the test if a is another answer.
func (a *answer) want(tb testing.TB, status int) *answer {
	tb.Helper()
	if a.Code != status {
		tb.Fatalf("%v, want %d", a, status)
	}
	return a
}

func (c *client) refresh() *answer { c.w.tb.Helper(); return c.post("/refresh", nil) }

// signIn signs in with what the sign-in form sends.
func (c *client) signIn(email, password string) *answer {
	c.w.tb.Helper()
	return c.post("/token", formOf("username", email, "password", password))
}

// formOf returns a form of names and values.
func formOf(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

// register makes an account with a new address and signs in to it.
func (w *world) register() *client {
	w.tb.Helper()
	c := w.browser()
	c.email = fmt.Sprintf("person%s@example.com", strings.ReplaceAll(c.ip, ".", "-"))
	c.id = c.post("/register", obj{"email": c.email, "password": password}).want(w.tb, 201).json(w.tb)["id"].(string)
	return c
}

// other signs the same person in with another browser.
func (c *client) other() *client {
	c.w.tb.Helper()
	d := c.w.browser()
	d.email, d.id = c.email, c.id
	d.signIn(c.email, password).want(c.w.tb, 200)
	return d
}

// admin makes an administrator.
func (w *world) admin() *client {
	w.tb.Helper()
	c := w.register()
	_, err := w.SetRole(w.tb.Context(), c.id, auth.RoleAdmin)
	w.must(err)
	return c
}

// user returns the row of the person.
func (c *client) user() *store.User {
	c.w.tb.Helper()
	u, err := c.w.config.Store.UserByID(c.w.tb.Context(), c.id)
	c.w.must(err)
	return u
}
