package sqltest_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// BenchmarkRefresh compares a refresh with a bare UPDATE by key, with what others
// do in its place, and with itself as a whole request: through the real handlers
// in this process, and over a socket of the loopback interface, whose two ends
// share the processors. All take turns; b.N is how many each has, of a tenth of a
// second. Run with -benchtime 20x, it prints tables of all it has measured.
func BenchmarkRefresh(b *testing.B) {
	var report strings.Builder
	eachBenchmarked(b, func(b *testing.B, e *sqltest.Engine, s *sqlstore.Store) {
		for _, text := range peerTables {
			if _, err := s.DB().Exec(text); err != nil {
				b.Fatal(err)
			}
		}
		site := newSite(b, s)
		t := &refreshTable{title: title(b, s.DB(), e)}
		for _, n := range []int{1, 16, 64} {
			list := []*contestant{
				{name: "bare UPDATE by key", clients: rawUpdates(b, s.DB(), e, n)},
				{name: "**Rotate**", clients: rotations(b, s, n)},
				{name: "**whole request, in process**", clients: site.inProcess(b, n)},
				{name: "**whole request, loopback**", clients: site.overLoopback(b, n)},
			}
			for _, other := range strategies {
				list = append(list, &contestant{name: other.name, clients: peers(b, s.DB(), e, other, n)})
			}
			b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
				takeTurns(b, list, rounds(b))
				raw, rotate, whole, tx, many := list[0], list[1], list[3], list[5], list[6]
				b.ReportMetric(rotate.perSecond(), "rotations/s")
				b.ReportMetric(100*rotate.perSecond()/raw.perSecond(), "%-of-raw")
				b.ReportMetric(100*whole.perSecond()/raw.perSecond(), "%-of-raw-whole")
				b.ReportMetric(whole.quantile(0.99).Seconds()*1000, "ms-p99-whole")
				b.ReportMetric(rotate.perSecond()/tx.perSecond(), "x-transaction")
				b.ReportMetric(rotate.perSecond()/many.perSecond(), "x-16-statements")
			})
			t.add(n, list)
		}
		report.WriteString(t.String())
	})
	fmt.Fprint(os.Stdout, report.String())
}

// title names an engine and its version.
func title(b *testing.B, db *sql.DB, e *sqltest.Engine) string {
	b.Helper()
	name, ask := "MySQL", "SELECT version()"
	switch e.Dialect {
	case sqlstore.SQLite:
		name, ask = "SQLite", "SELECT sqlite_version()"
	case sqlstore.Postgres:
		name, ask = "PostgreSQL", "SHOW server_version"
	}
	var version string
	if err := db.QueryRow(ask).Scan(&version); err != nil {
		b.Fatal(err)
	}
	if strings.Contains(version, "MariaDB") {
		name = "MariaDB"
	}
	version, _, _ = strings.Cut(version, " ")
	version, _, _ = strings.Cut(version, "-")
	return name + " " + version
}

// refreshTable is what was measured on one engine.
type refreshTable struct {
	title string
	heads []string
	rows  []string
}

func (t *refreshTable) add(clients int, list []*contestant) {
	head := fmt.Sprintf("%d clients", clients)
	if clients == 1 {
		head = "1 client"
	}
	t.heads = append(t.heads, head+", per s", "of bare", "p50 / p99 ms")
	if t.rows == nil {
		t.rows = make([]string, len(list))
		for i, c := range list {
			t.rows[i] = "| " + c.name
		}
	}
	for i, c := range list {
		t.rows[i] += fmt.Sprintf(" | %.0f | %.0f %% | %.2f / %.2f", c.perSecond(), 100*c.perSecond()/list[0].perSecond(),
			c.quantile(0.5).Seconds()*1000, c.quantile(0.99).Seconds()*1000)
	}
}

// String is a table in Markdown.
func (t *refreshTable) String() string {
	return "\n| " + t.title + " | " + strings.Join(t.heads, " | ") + " |\n|---|" + strings.Repeat("--:|", len(t.heads)) + "\n" +
		strings.Join(t.rows, " |\n") + " |\n"
}

// site is a service over a store, and the server that answers for it.
type site struct {
	*auth.Service
	handler http.Handler
	addr    string
}

// newSite serves on the loopback interface. Its limits count every request, and
// refuse none.
func newSite(b *testing.B, s *sqlstore.Store) *site {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	boundless := []auth.Rate{{Limit: 1 << 40, Per: time.Minute}}
	svc, err := auth.New(auth.Config{
		Store: s, Secret: []byte("3f9d1c77a2e84b06f5c1d8e93b7a6042dd"), BaseURL: "http://" + l.Addr().String() + "/auth",
		Mailer: auth.NewOutbox(slog.New(slog.DiscardHandler), 1), Logger: slog.New(slog.DiscardHandler),
		Limits: auth.Limits{Refresh: boundless, SessionRefresh: boundless}, Roles: auth.DefaultRoles(),
	})
	if err != nil {
		b.Fatal(err)
	}
	w := &site{svc, svc.Mux(), l.Addr().String()}
	server := &http.Server{Handler: w.handler}
	go server.Serve(l)
	b.Cleanup(func() {
		server.Close()
		svc.Close(context.Background())
	})
	return w
}

// signIn begins a session of a new user, and returns its cookies as a header.
func (w *site) signIn(b *testing.B) string {
	b.Helper()
	email := strings.ToLower(store.NewID(time.Now())) + "@example.com"
	u, err := w.NewAccount(b.Context(), auth.Registrant{Email: email, Name: "Name"}, "user")
	if err != nil {
		b.Fatal(err)
	}
	g, err := w.StartSession(b.Context(), u, "password", auth.Device{UserAgent: userAgent})
	if err != nil {
		b.Fatal(err)
	}
	rec := httptest.NewRecorder()
	w.SetCookies(rec, g)
	return cookieHeader(rec.Result())
}

// cookieHeader is what a browser sends back of an answer's cookies.
func cookieHeader(res *http.Response) string {
	var list []string
	for _, c := range res.Cookies() {
		list = append(list, c.Name+"="+c.Value)
	}
	return strings.Join(list, "; ")
}

// refreshed returns the cookies of an answer, which must have both tokens.
func refreshed(res *http.Response) (cookies string, err error) {
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 2 {
		body, _ := io.ReadAll(res.Body)
		return "", fmt.Errorf("a refresh is answered %s with %d cookies: %s", res.Status, len(res.Cookies()), body)
	}
	return cookieHeader(res), nil
}

// inProcess calls the handlers without a socket.
func (w *site) inProcess(b *testing.B, clients int) []client {
	list := make([]client, clients)
	for i := range list {
		cookies := w.signIn(b)
		list[i] = func(ctx context.Context) (err error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.addr+"/auth/refresh", nil)
			if err != nil {
				return err
			}
			r.RemoteAddr = "192.0.2.17:4711"
			r.Header = http.Header{
				"User-Agent": {userAgent}, "Origin": {"http://" + w.addr}, "Sec-Fetch-Site": {"same-origin"}, "Cookie": {cookies},
			}
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			cookies, err = refreshed(rec.Result())
			return err
		}
	}
	return list
}

// overLoopback keeps one connection for each client. It writes the request as
// text, so that little of the measured time is that of the client.
func (w *site) overLoopback(b *testing.B, clients int) []client {
	list := make([]client, clients)
	for i := range list {
		cookies := w.signIn(b)
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		in := bufio.NewReader(conn)
		head := "POST /auth/refresh HTTP/1.1\r\nHost: " + w.addr + "\r\nUser-Agent: " + userAgent + "\r\nOrigin: http://" + w.addr +
			"\r\nSec-Fetch-Site: same-origin\r\nAccept: */*\r\nContent-Length: 0\r\nCookie: "
		list[i] = func(context.Context) error {
			if _, err := io.WriteString(conn, head+cookies+"\r\n\r\n"); err != nil {
				return err
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if cookies, err = refreshed(res); err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			return err
		}
	}
	return list
}
