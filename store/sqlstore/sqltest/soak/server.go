package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// server is the process that is looked at: the handlers of the library behind an
// http.Server as the examples have it, and nothing else that takes memory.
type server struct {
	svc      *auth.Service
	db       *sql.DB // nil for the store in memory
	outgoing *http.Transport
	micros   atomic.Int64
	open     atomic.Int64 // connections
	log      *lines

	mu     sync.Mutex
	out    *json.Encoder
	events map[string]int
}

// serve is the whole server process. It ends when in does.
func serve(c serverConfig, in io.Reader, out io.Writer) (err error) {
	s := &server{out: json.NewEncoder(out), events: make(map[string]int), log: new(lines), outgoing: new(http.Transport)}
	s.micros.Store(c.Start.UnixMicro())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	st, closeStore, err := s.openStore(c)
	if err != nil {
		return err
	}
	defer closeStore()
	handler, err := s.handler(c, st, "http://"+listener.Addr().String())
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(s.log, slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.open.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.open.Add(-1)
			}
		},
	}
	upkeep, stop := context.WithCancel(context.Background())
	defer stop()
	go s.svc.Maintain(upkeep)
	go server.Serve(listener)
	s.say(line{Ready: listener.Addr().String()})
	commands := bufio.NewScanner(in)
	for commands.Scan() {
		var c command
		if err := json.Unmarshal(commands.Bytes(), &c); err != nil {
			return err
		}
		answer := line{Answer: true}
		if err := s.obey(c, &answer); err != nil {
			answer.Fault = fmt.Sprintf("%s: %v", c.Do, err)
		}
		s.say(answer)
	}
	drain, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(commands.Err(), server.Shutdown(drain), s.svc.Close(drain))
}

func (s *server) now() time.Time { return time.UnixMicro(s.micros.Load()).UTC() }

func (s *server) say(l line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Encode(l) // if nobody listens any more, there are no more commands either
}

func (s *server) openStore(c serverConfig) (store.Store, func(), error) {
	if c.Engine == "memory" {
		return memstore.New(), func() {}, nil
	}
	for _, e := range sqltest.Engines() {
		if e.Name != c.Engine {
			continue
		}
		st, err := sqlstore.Open(e.Driver, c.DSN, sqlstore.Config{Prefix: tablePrefix})
		if err != nil {
			return nil, nil, err
		}
		s.db = st.DB()
		return st, func() { st.Close() }, st.Migrate(context.Background())
	}
	return nil, nil, fmt.Errorf("there is no store %q", c.Engine)
}

// handler makes the services and returns all of their routes.
func (s *server) handler(c serverConfig, st store.Store, base string) (http.Handler, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: s.outgoing}
	var err error
	s.svc, err = auth.New(auth.Config{
		Store: st, Secret: []byte("3f9d1c77a2e84b06f5c1d8e93b7a6042dd"), BaseURL: base + "/auth", AppName: "Soak",
		SessionTTL: sessionTTL, RefreshTTL: refreshTTL,
		Hasher: auth.InsecureBcrypt(4), // the real cost would leave nothing of the machine for the rest
		Mailer: mailer{s}, Now: s.now, Logger: slog.New(s.log), Roles: auth.DefaultRoles(), FirstUserAdmin: true,
		ClientIP: middleware.ForwardedFor(netip.MustParsePrefix("127.0.0.0/8")),
		Providers: []oauth.Provider{&oauth.OIDC{ID: "oidc", Label: "Fake", Issuer: c.Issuer, ClientID: "client",
			ClientSecret: "client-secret", EmailTrust: oauth.EmailVerifiedFlag, Client: client, Now: s.now}},
	})
	if err != nil {
		return nil, err
	}
	s.svc.Subscribe(func(_ context.Context, e auth.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events[string(e.Kind)]++
	})
	orgs, err := org.New(s.svc, org.Config{})
	if err != nil {
		return nil, err
	}
	site, err := pages.New(s.svc, pages.Config{Organizations: orgs})
	if err != nil {
		return nil, err
	}
	routes := append(append(s.svc.Routes(), orgs.Routes()...), site.Routes()...)
	mux := auth.NewMux(s.svc, routes, s.svc.Path(), orgs.Path())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(doneHeader); id != "" {
			defer s.say(line{Done: id})
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// doneHeader is on requests whose sender hangs up, but wants to know when the
// server is done with them.
const doneHeader = "Soak-Done"

// mailer hands mails to the clients.
type mailer struct{ s *server }

func (m mailer) Send(_ context.Context, msg *auth.Message) error {
	u, err := url.Parse(msg.Link)
	if err != nil {
		return err
	}
	m.s.say(line{Mail: &mail{string(msg.Kind), msg.To, u.Query().Get("token")}})
	return nil
}

func (s *server) obey(c command, answer *line) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	switch c.Do {
	case "time":
		s.micros.Store(c.Micros)
	case "prune":
		_, err = s.svc.Prune(ctx)
	case "figures":
		answer.Figures, err = s.figures(ctx)
	case "check":
		answer.Checked, err = s.check(ctx)
	case "profile":
		err = writeProfile(c.File)
	default:
		err = errors.New("unknown command")
	}
	return err
}

// figures looks at this process when nobody asks anything of it: no connection is
// open, and no mail and no entry of the audit trail waits.
func (s *server) figures(ctx context.Context) (*figures, error) {
	for end := time.Now().Add(10 * time.Second); s.open.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := s.svc.Flush(ctx); err != nil {
		return nil, err
	}
	s.outgoing.CloseIdleConnections()
	time.Sleep(10 * time.Millisecond) // until goroutines that were told to end have ended
	f := new(figures)
	f.Resident, f.Peak = memoryOf("self")
	f.Files = filesOf("self")
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.Heap, f.Goroutines = m.HeapAlloc, runtime.NumGoroutine()
	s.mu.Lock()
	f.Events = maps.Clone(s.events)
	s.mu.Unlock()
	f.Warnings, f.Lines = s.log.seen()
	var err error
	f.Rows, err = s.rows(ctx)
	return f, err
}

func (s *server) rows(ctx context.Context) (map[string]int, error) {
	if s.db == nil {
		return nil, nil
	}
	rows := make(map[string]int)
	for _, table := range sqltest.Tables {
		var n int
		if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+tablePrefix+table).Scan(&n); err != nil {
			return nil, err
		}
		rows[table] = n
	}
	return rows, nil
}

func (s *server) check(ctx context.Context) (*checked, error) {
	if err := s.svc.Flush(ctx); err != nil {
		return nil, err
	}
	c := new(checked)
	var err error
	if c.Entries, err = s.svc.VerifyAudit(ctx); err != nil {
		c.Broken = append(c.Broken, "the audit trail: "+err.Error())
	}
	if s.db == nil {
		return c, nil
	}
	broken, err := sqltest.Violations(ctx, s.db, tablePrefix)
	c.Broken = append(c.Broken, broken...)
	return c, err
}

func writeProfile(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}

// lines counts what is logged at the level of warnings or above, and keeps the
// first few.
type lines struct {
	mu    sync.Mutex
	count int
	first []string
}

const keptLines = 20

// Enabled implements slog.Handler.
func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler. Thefts are counted as events.
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	if r.Message == string(auth.RefreshReused) {
		return nil
	}
	text := []string{r.Level.String(), r.Message}
	r.Attrs(func(a slog.Attr) bool {
		text = append(text, a.String())
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count++; len(l.first) < keptLines {
		l.first = append(l.first, strings.Join(text, " "))
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *lines) WithGroup(string) slog.Handler { return l }

func (l *lines) seen() (int, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, append([]string(nil), l.first...)
}
