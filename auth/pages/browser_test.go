package pages_test

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/store/memstore"
)

const (
	testSecret = "6b1f0c3e9a7d4528b0e2f4a1c8d9e7350f5a"
	password   = "correct horse battery"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// env is a service with its pages behind a real server.
type env struct {
	*auth.Service
	orgs   *org.Service
	pages  *pages.Pages
	clock  *clock
	mail   *auth.Outbox
	server *httptest.Server
}

func newEnv(tb testing.TB, change ...func(*auth.Config)) *env {
	tb.Helper()
	return newEnvWith(tb, pages.Config{AppName: "Acme"}, change...)
}

func newEnvWith(tb testing.TB, pc pages.Config, change ...func(*auth.Config)) *env {
	tb.Helper()
	discard := slog.New(slog.DiscardHandler)
	e := &env{clock: &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, mail: auth.NewOutbox(discard, 100)}
	c := auth.Config{
		Store: memstore.New(), Secret: []byte(testSecret), BaseURL: "http://localhost:8000/auth",
		Hasher: auth.InsecureBcrypt(4), Mailer: e.mail, Logger: discard, Now: e.clock.now,
		Limits: auth.Limits{InsecureOff: true}, Roles: auth.DefaultRoles(), FirstUserAdmin: true,
	}
	for _, f := range change {
		f(&c)
	}
	svc, err := auth.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	if e.orgs, err = org.New(svc, org.Config{}); err != nil {
		tb.Fatal(err)
	}
	pc.Organizations = e.orgs
	p, err := pages.New(svc, pc)
	if err != nil {
		tb.Fatal(err)
	}
	e.Service, e.pages = svc, p
	mux := http.NewServeMux()
	mux.Handle("/", e.orgs.Mux())
	for _, r := range p.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	mux.Handle("GET /app", p.Guard().RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "the application")
	})))
	mux.Handle("POST /app", p.Guard().RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "done")
	})))
	e.server = httptest.NewServer(mux)
	tb.Cleanup(e.server.Close)
	tb.Cleanup(func() { svc.Close(tb.Context()) })
	return e
}

// link waits for the mails that are on their way and returns the path of the
// link in the last one to an address.
func (e *env) link(tb testing.TB, to string, kind auth.MailKind) string {
	tb.Helper()
	if err := e.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	m := e.mail.Last(to)
	if m == nil || m.Kind != kind {
		tb.Fatalf("last mail to %s = %+v, want kind %s", to, m, kind)
	}
	u, err := url.Parse(m.Link)
	if err != nil {
		tb.Fatal(err)
	}
	return u.RequestURI()
}

// browser is one without JavaScript: it follows redirects, keeps cookies, and
// sends the forms of the page it is on.
type browser struct {
	tb     testing.TB
	e      *env
	jar    http.CookieJar
	header http.Header

	at      string // path and query
	status  int
	answer  http.Header
	body    string
	visited []string
}

func (e *env) browser(tb testing.TB) *browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &browser{tb: tb, e: e, jar: jar, header: http.Header{
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}}
}

func (b *browser) send(method, path string, form url.Values, site string) {
	b.tb.Helper()
	b.visited = nil
	from := b.at
	for range 10 {
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		r, err := http.NewRequestWithContext(b.tb.Context(), method, b.e.server.URL+path, body)
		if err != nil {
			b.tb.Fatal(err)
		}
		r.Header = b.header.Clone()
		r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Site", site)
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if from != "" {
				r.Header.Set("Referer", b.e.server.URL+from)
			}
		}
		client := http.Client{Jar: b.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := client.Do(r)
		if err != nil {
			b.tb.Fatal(err)
		}
		raw, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			b.tb.Fatal(err)
		}
		b.at, b.status, b.answer, b.body = path, res.StatusCode, res.Header, string(raw)
		b.visited = append(b.visited, path)
		to := res.Header.Get("Location")
		if to == "" {
			return
		}
		if res.StatusCode != http.StatusSeeOther {
			b.tb.Fatalf("%s %s redirects with %d, want 303", method, path, res.StatusCode)
		}
		to = strings.TrimPrefix(to, "http://localhost:8000") // its public address
		if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			b.tb.Fatalf("%s %s redirects to %q, want a local path", method, path, to)
		}
		path, _, _ = strings.Cut(to, "#")
		method, form = http.MethodGet, nil
	}
	b.tb.Fatalf("too many redirects: %v", b.visited)
}

func (b *browser) get(path string) *browser {
	b.tb.Helper()
	b.send(http.MethodGet, path, nil, "none")
	return b
}

var (
	formPattern   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputPattern  = regexp.MustCompile(`<(?:input|textarea)([^>]*)>`)
	selectPattern = regexp.MustCompile(`(?s)<select([^>]*)>(.*?)</select>`)
	optionPattern = regexp.MustCompile(`<option value="([^"]*)"[^>]*>`)
	attrPattern   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

func attrs(tag string) map[string]string {
	m := map[string]string{}
	for _, a := range attrPattern.FindAllStringSubmatch(tag, -1) {
		m[a[1]] = html.UnescapeString(a[2])
	}
	return m
}

// submit sends the form of the page that has a button with that name and value
// ("do=profile"), or the only form with all the fields, with what is typed.
func (b *browser) submit(button string, typed ...string) *browser {
	b.tb.Helper()
	for _, m := range formPattern.FindAllStringSubmatch(b.body, -1) {
		form := url.Values{}
		tag, inner := attrs(m[1]), m[2]
		if tag["method"] != "post" {
			continue
		}
		for _, in := range inputPattern.FindAllStringSubmatch(inner, -1) {
			a := attrs(in[1])
			if a["name"] != "" && a["type"] != "checkbox" {
				form.Set(a["name"], a["value"])
			}
		}
		for _, sel := range selectPattern.FindAllStringSubmatch(inner, -1) {
			chosen, options := "", optionPattern.FindAllStringSubmatch(sel[2], -1)
			for i, o := range options {
				if i == 0 || strings.Contains(o[0], " selected") {
					chosen = html.UnescapeString(o[1])
				}
			}
			form.Set(attrs(sel[1])["name"], chosen)
		}
		name, value, _ := strings.Cut(button, "=")
		if button == "" && strings.Contains(inner, ` name="do"`) ||
			button != "" && !strings.Contains(inner, `name="`+name+`" value="`+value+`"`) {
			continue
		}
		if button != "" {
			form.Set(name, value)
		}
		fits := true
		for i := 0; i < len(typed); i += 2 {
			fits = fits && strings.Contains(inner, `name="`+typed[i]+`"`)
			form.Set(typed[i], typed[i+1])
		}
		if !fits {
			continue
		}
		b.send(http.MethodPost, tag["action"], form, "same-origin")
		return b
	}
	b.tb.Fatalf("%s has no form with button %q and fields %v:\n%s", b.at, button, typed, b.body)
	return b
}

func (b *browser) want(status int, at string, contains ...string) *browser {
	b.tb.Helper()
	if b.status != status || b.at != at {
		b.tb.Fatalf("browser is at %s with %d, want %s with %d (by way of %v)\n%s", b.at, b.status, at, status, b.visited, b.body)
	}
	for _, text := range contains {
		if !strings.Contains(b.body, text) {
			b.tb.Fatalf("%s does not contain %q:\n%s", b.at, text, b.body)
		}
	}
	return b
}

func (b *browser) wantNot(texts ...string) *browser {
	b.tb.Helper()
	for _, text := range texts {
		if strings.Contains(b.body, text) {
			b.tb.Fatalf("%s contains %q:\n%s", b.at, text, b.body)
		}
	}
	return b
}

// registered returns a browser in which a new user is signed in.
func (e *env) registered(tb testing.TB, email string) *browser {
	tb.Helper()
	b := e.browser(tb).get("/register")
	b.submit("", "email", email, "new_password", password)
	b.want(200, "/app", "the application")
	return b
}

func (b *browser) signIn(email, password string) *browser {
	b.tb.Helper()
	b.get("/login").submit("", "email", email, "password", password)
	return b
}

// cookie returns the value of a cookie at the path of the routes.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.e.server.URL + "/auth/x")
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// lose drops the access token, as browsers do when it runs out.
func (b *browser) lose() {
	u, _ := url.Parse(b.e.server.URL + "/")
	b.jar.SetCookies(u, []*http.Cookie{{Name: "aegis_session", Path: "/", MaxAge: -1}})
}

// expelled checks that the session has ended, which the browser finds out when it
// tries to renew it.
func (b *browser) expelled() {
	b.tb.Helper()
	b.get("/account").want(200, "/auth/pages/continue?next=%2Faccount").submit("").want(200, "/login?next=%2Faccount")
}
