package outages_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

const (
	secret = "3f9d1c77a2e84b06f5c1d8e93b7a6042dd"
	// patience is how long a store waits for the database here. It is shorter than
	// by default, so that more is asked while an outage lasts.
	patience = time.Second
	// grace is how long a spent refresh token is answered, which is the default.
	grace = auth.DefaultRefreshGrace
	// place is what browsers take all nodes for.
	place = "http://localhost:8000"
)

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

// last returns the link in the last mail of a kind to an address, "" if there is
// none.
func (m *mailbox) last(email string, kind auth.MailKind) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, msg := range slices.Backward(m.list) {
		if msg.To == email && msg.Kind == kind {
			return msg.Link
		}
	}
	return ""
}

// site is a service that listens on a socket, with a store of its own. Sites that
// share a database and a mailbox are nodes of one service.
type site struct {
	*auth.Service
	tb     testing.TB
	store  *sqlstore.Store
	prefix string
	mail   *mailbox
	front  *httptest.Server
	client *http.Client
	closed bool

	reused, conflicted atomic.Int64 // events

	mu      sync.Mutex
	answers map[string]int // by request and status
	denied  atomic.Int64   // answers with 503
}

// address is a database, as sqlstore.Open wants to know it.
type address struct {
	driver string
	dsn    string
	config sqlstore.Config
}

// open starts a service over a database, in which it makes the tables.
func open(tb testing.TB, a address, change ...func(*auth.Config)) *site {
	tb.Helper()
	a.config.Prefix = cmp.Or(a.config.Prefix, "auth_")
	if a.config.QueryTimeout == 0 {
		a.config.QueryTimeout = patience
	}
	st, err := sqlstore.Open(a.driver, a.dsn, a.config)
	if err != nil {
		tb.Fatal(err)
	}
	s := &site{tb: tb, store: st, prefix: a.config.Prefix, mail: new(mailbox), answers: make(map[string]int)}
	tb.Cleanup(s.close)
	if err := st.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	config := auth.Config{
		Store: st, Secret: []byte(secret), BaseURL: place + "/auth", AppName: "Outages",
		Hasher: auth.InsecureBcrypt(4), Mailer: s.mail,
		Logger: slog.New(slog.DiscardHandler), Limits: auth.Limits{InsecureOff: true},
	}
	for _, f := range change {
		f(&config)
	}
	if s.Service, err = auth.New(config); err != nil {
		tb.Fatal(err)
	}
	s.Subscribe(func(_ context.Context, e auth.Event) {
		switch e.Kind {
		case auth.RefreshReused:
			s.reused.Add(1)
		case auth.RefreshConflicted:
			s.conflicted.Add(1)
		}
	})
	s.front = httptest.NewServer(s.Mux())
	s.client = s.front.Client()
	s.client.Timeout = time.Minute
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// close ends the service and then the store, as a program does.
func (s *site) close() {
	if s.closed {
		return
	}
	s.closed = true
	if s.front != nil {
		s.client.CloseIdleConnections()
		s.front.Close()
	}
	if s.Service != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Service.Close(ctx); err != nil {
			s.tb.Errorf("close the service: %v", err)
		}
	}
	if err := s.store.Close(); err != nil {
		s.tb.Errorf("close the store: %v", err)
	}
}

// note counts an answer.
func (s *site) note(request string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[fmt.Sprintf("%s = %d", request, status)]++
	if status == http.StatusServiceUnavailable {
		s.denied.Add(1)
	}
}

// summary is how often each request was answered how.
func (s *site) summary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for what, n := range s.answers {
		lines = append(lines, fmt.Sprintf("%7d  %s", n, what))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[9:], b[9:]) })
	return strings.Join(lines, "\n")
}

// inOrder checks, when an outage is over, that no honest client was taken for a
// thief, that no connection is in use, and that the rows and the audit trail are
// whole.
func (s *site) inOrder() {
	s.tb.Helper()
	if n := s.reused.Load(); n != 0 {
		s.tb.Errorf("%d honest refreshes were taken for theft", n)
	}
	if n := s.conflicted.Load(); n != 0 {
		s.tb.Errorf("%d honest refreshes met a conflict", n)
	}
	s.whole()
	if !eventually(10*time.Second, func() bool { return s.store.DB().Stats().InUse == 0 }) {
		s.tb.Errorf("%d connections are in use, want 0", s.store.DB().Stats().InUse)
	}
}

// whole checks rows and audit trail.
func (s *site) whole() {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(s.tb.Context(), time.Minute)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		s.tb.Errorf("flush: %v", err)
	}
	broken, err := sqltest.Violations(ctx, s.store.DB(), s.prefix)
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, b := range broken {
		s.tb.Error(b)
	}
	if _, err := s.VerifyAudit(ctx); err != nil {
		s.tb.Errorf("the audit trail: %v", err)
	}
}
