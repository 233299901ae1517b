// Package authtest helps to test programs that use package auth: a whole service
// in memory in one line, requests that are signed in, a clock that can be moved,
// and the mails that were sent.
//
//	env := authtest.New(t)
//	u := env.User(t, "admin")
//	req := env.As(httptest.NewRequest("GET", "/admin", nil), u)
//
// Passwords are hashed as cheaply as possible, and there are no rate limits,
// unless a change to the configuration says otherwise.
package authtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// Secret is the secret of every Env. It is public, and good for tests alone.
const Secret = "authtest-9fK2vQ7xLm4Zc8Rb1TyWn6Hd3Gp5Js0E"

// Password is the password of every user that Env.User makes.
const Password = "correct horse battery staple"

// BaseURL is the address of the routes, unless the configuration is changed.
const BaseURL = "http://localhost:8000/auth"

// Env is a service on a memory store. It is safe for concurrent use.
type Env struct {
	*auth.Service
	Store *memstore.Store

	// Outbox has the mails that were sent, if Config.Mailer is not changed.
	Outbox *auth.Outbox

	clock *clock
	count *counter
}

// New returns an Env whose configuration was changed by change, in order. It
// fails the test if that configuration is not accepted.
func New(tb testing.TB, change ...func(*auth.Config)) *Env {
	tb.Helper()
	e := &Env{Store: memstore.New(), clock: newClock(), count: new(counter)}
	e.Outbox = auth.NewOutbox(slog.New(slog.DiscardHandler), 1000)
	c := auth.Config{
		Store: e.Store, Secret: []byte(Secret), BaseURL: BaseURL, AppName: "Test",
		Hasher: auth.InsecureBcrypt(4), Mailer: e.Outbox,
		Limits: auth.Limits{InsecureOff: true}, Roles: auth.DefaultRoles(),
		Logger: slog.New(slog.DiscardHandler), Now: e.clock.now,
	}
	for _, f := range change {
		f(&c)
	}
	svc, err := auth.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	e.Service = svc
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := svc.Close(ctx); err != nil {
			tb.Errorf("close service: %v", err)
		}
	})
	return e
}

// User makes a user with that role, a verified address and [Password]. Without
// roles in the configuration, role is ignored.
func (e *Env) User(tb testing.TB, role string) *store.User {
	tb.Helper()
	name := role
	if name == "" {
		name = "user"
	}
	email := fmt.Sprintf("%s%d@example.com", name, e.count.next())
	if e.Config().Roles == nil {
		role = ""
	}
	u, err := e.NewAccount(tb.Context(), auth.Registrant{Email: email, Password: Password, Name: "Test " + name}, role)
	if err != nil {
		tb.Fatal(err)
	}
	u, err = e.UpdateUser(tb.Context(), u.ID, func(u *store.User) error {
		u.EmailVerified = true
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// Grant begins a session of u and returns its tokens.
func (e *Env) Grant(tb testing.TB, u *store.User) *auth.Grant {
	tb.Helper()
	fresh, err := e.Service.User(tb.Context(), u.ID)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := e.StartSession(tb.Context(), fresh, "password", auth.Device{})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// As begins a session of u, adds its access token to r as a bearer token, and
// returns r. It panics if u cannot sign in.
func (e *Env) As(r *http.Request, u *store.User) *http.Request {
	fresh, err := e.Service.User(r.Context(), u.ID)
	if err != nil {
		panic(err)
	}
	g, err := e.StartSession(r.Context(), fresh, "password", auth.Device{})
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.AccessToken)
	return r
}

// Serve starts a server with the routes of the service and those of handler,
// which may be nil, and ends it with the test.
func (e *Env) Serve(tb testing.TB, handler http.Handler) *httptest.Server {
	tb.Helper()
	mux := http.NewServeMux()
	if handler != nil {
		mux.Handle("/", handler)
	}
	mux.Handle(e.Path()+"/", e.Mux())
	s := httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	return s
}

// Client returns a client of server with the cookies of a browser that is signed
// in as u. It follows no redirects.
func (e *Env) Client(tb testing.TB, server *httptest.Server, u *store.User) *http.Client {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	at, err := url.Parse(server.URL + e.Path() + "/")
	if err != nil {
		tb.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.SetCookies(w, e.Grant(tb, u))
	jar.SetCookies(at, w.Result().Cookies())
	c := server.Client()
	return &http.Client{Transport: c.Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// Advance moves the clock of the service forward.
func (e *Env) Advance(d time.Duration) { e.clock.advance(d) }

// Mail waits for what is being sent, and returns the last mail to an address. It
// fails the test if there is none.
func (e *Env) Mail(tb testing.TB, to string) *auth.Message {
	tb.Helper()
	if err := e.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	m := e.Outbox.Last(to)
	if m == nil {
		tb.Fatalf("no mail was sent to %s", to)
	}
	return m
}

// Token returns the one-time token in the link of a mail.
func Token(tb testing.TB, m *auth.Message) string {
	tb.Helper()
	u, err := url.Parse(m.Link)
	if err != nil || u.Query().Get("token") == "" {
		tb.Fatalf("the link of the mail %q has no token", m.Subject)
	}
	return u.Query().Get("token")
}

// JSON returns a request with v as its JSON body.
func JSON(tb testing.TB, method, path string, v any) *http.Request {
	tb.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	return r
}
