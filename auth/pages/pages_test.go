package pages_test

import (
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	svc := newEnv(t).Service
	file := func(name, content string) fs.FS { return fstest.MapFS{name: {Data: []byte(content)}} }
	for name, c := range map[string]struct {
		config pages.Config
		want   string
	}{
		"template that does not parse":     {pages.Config{Templates: file("templates/login.html", `{{define "main"}}{{if}}{{end}}`)}, "login.html"},
		"template with an unknown text":    {pages.Config{Templates: file("templates/login.html", `{{define "title"}}{{t "no.such.text"}}{{end}}{{define "main"}}{{end}}`)}, "no.such.text"},
		"template with an unknown field":   {pages.Config{Templates: file("templates/user.html", `{{define "title"}}{{.Data.Nonsense}}{{end}}{{define "main"}}{{end}}`)}, "Nonsense"},
		"template without its main part":   {pages.Config{Templates: file("templates/audit.html", `{{define "title"}}x{{end}}`)}, "main"},
		"layout that does not parse":       {pages.Config{Templates: file("templates/layout.html", `{{define "layout"}}`)}, "layout"},
		"template that cannot be escaped":  {pages.Config{Templates: file("templates/login.html", `{{define "title"}}x{{end}}{{define "main"}}<a href="{{if .Me}}x{{end}}>{{end}}`)}, "login.html"},
		"file that cannot be read":         {pages.Config{Templates: fstest.MapFS{"templates/login.html/x": {}}}, "login.html"},
		"language that is not there":       {pages.Config{Languages: []string{"de", "xx"}}, `"xx"`},
		"catalogue without a placeholder":  {pages.Config{Catalogs: map[string]pages.Catalog{"de": {"login.heading": "Anmelden"}}}, "login.heading"},
		"path after sign-in of elsewhere":  {pages.Config{AfterSignIn: "https://evil.example/"}, "AfterSignIn"},
		"path after sign-out of elsewhere": {pages.Config{AfterSignOut: "//evil.example/"}, "AfterSignOut"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := pages.New(svc, c.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want an error that names %q", err, c.want)
			}
		})
	}
	bearer, err := auth.New(auth.Config{
		Store: svc.Config().Store, Secret: []byte(testSecret), BaseURL: "http://localhost/auth", Hasher: auth.InsecureBcrypt(4),
		Mailer: svc.Config().Mailer, Logger: svc.Config().Logger, Cookies: auth.Cookies{Disabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pages.New(bearer, pages.Config{}); err == nil || !strings.Contains(err.Error(), "Cookies.Disabled") {
		t.Errorf("New without cookies = %v, want an error that names Cookies.Disabled", err)
	}
}

func TestFilesCanBeReplacedOneByOne(t *testing.T) {
	t.Parallel()
	e := newEnvWith(t, pages.Config{AppName: "Acme", Templates: fstest.MapFS{
		"templates/login.html": {Data: []byte(`{{define "title"}}Hello{{end}}{{define "main"}}<h1>My own page</h1>{{end}}`)},
		"static/theme.css":     {Data: []byte(":root{--accent:#6b2fb3}")},
		"locales/fr.json":      {Data: []byte(`{"register.button":"Créer un compte"}`)},
	}})
	b := e.browser(t).get("/login").want(200, "/login", "My own page", "Hello – Acme")
	style := findIn(t, b.body, `href="(/auth/auth\.css[^"]*)"`)
	b.header.Set("Accept-Language", "fr")
	b.get("/register").want(200, "/register", "Créer un compte", "Have an account?")
	b.get(style).want(200, style, "--accent:#0e6554", ":root{--accent:#6b2fb3}")

	// What Files holds is what can be replaced, and replacing all of it by itself
	// changes nothing.
	same := newEnvWith(t, pages.Config{AppName: "Acme", Templates: pages.Files()})
	plain := newEnv(t)
	if got, want := same.browser(t).get("/login").body, plain.browser(t).get("/login").body; got != want {
		t.Errorf("a copy of the files gives another page:\n%s\nwant\n%s", got, want)
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t).get("/login")
	for _, pattern := range []string{`src="(/auth/auth\.js\?v=[^"]*)"`, `href="(/auth/auth\.css\?v=[^"]*)"`} {
		path := findIn(t, b.body, pattern)
		get := func(path, etag string) *http.Response {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.server.URL+path, nil)
			if etag != "" {
				r.Header.Set("If-None-Match", etag)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res
		}
		res := get(path, "")
		etag := res.Header.Get("ETag")
		if res.StatusCode != 200 || etag == "" || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("GET %s = %d with %v, want 200, an ETag, and kept for ever", path, res.StatusCode, res.Header)
		}
		if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("GET %s has X-Content-Type-Options %q", path, got)
		}
		bare, _, _ := strings.Cut(path, "?")
		if res := get(bare, ""); res.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("GET %s has Cache-Control %q, want no-cache", bare, res.Header.Get("Cache-Control"))
		}
		if res := get(bare, etag); res.StatusCode != http.StatusNotModified {
			t.Errorf("GET %s with its ETag = %d, want 304", bare, res.StatusCode)
		}
	}
	rec := httptest.NewRecorder()
	pages.ScriptHandler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/x.js", nil))
	if !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/javascript") || !strings.Contains(rec.Body.String(), "export async function fetchAuth") {
		t.Errorf("ScriptHandler = %s %.100s, want the module", rec.Header().Get("Content-Type"), rec.Body)
	}
	rec = httptest.NewRecorder()
	pages.ScriptHandler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/x.js", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST to the script = %d, want 405", rec.Code)
	}
}

func TestRoutesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	patterns := func(e *env) []string {
		var list []string
		for _, r := range e.pages.Routes() {
			list = append(list, r.Pattern)
		}
		return list
	}
	all := patterns(newEnv(t))
	for _, want := range []string{
		"GET /login", "POST /login", "POST /auth/pages/login", "GET /register", "GET /forgot-password", "GET /reset-password",
		"GET /verify-email", "GET /verify-pending", "GET /confirm-email", "GET /accept-invite", "GET /account", "GET /account/organizations",
		"GET /account/organizations/{org}", "GET /admin/users", "GET /admin/users/{user}", "GET /admin/audit",
		"GET /.well-known/change-password", "GET /auth/auth.js", "GET /auth/auth.css",
	} {
		if !slices.Contains(all, want) {
			t.Errorf("Routes has no %q", want)
		}
	}
	plain := patterns(newEnv(t, func(c *auth.Config) { c.Roles, c.FirstUserAdmin = nil, false }))
	for _, p := range plain {
		if strings.Contains(p, "/admin") {
			t.Errorf("Routes has %q without roles", p)
		}
	}
	versioned := newEnv(t, func(c *auth.Config) { c.BaseURL = "http://localhost:8000/api/v1/auth" })
	b := versioned.browser(t).get("/register").
		want(200, "/register", `data-aegis-refresh="/api/v1/auth/refresh"`, `data-aegis-logout="/api/v1/auth/logout"`)
	b.submit("", "email", ada, "new_password", password).want(200, "/app")
	if !strings.HasPrefix(b.visited[0], "/api/v1/auth/pages/") {
		t.Errorf("the form went to %s, want below the path of BaseURL", b.visited[0])
	}
}

func TestConnectAndDisconnect(t *testing.T) {
	t.Parallel()
	provider := oauthtest.NewServer(t, oauthtest.Script{})
	var git oauth.Provider = provider.GitHub()
	e := newEnv(t, func(c *auth.Config) {
		c.Providers = []oauth.Provider{git, oauth.Google("", "")}
		c.Now = time.Now
	})
	b := e.browser(t).get("/login")
	b.want(200, "/login", "Continue with GitHub", `href="/auth/oauth/github/start"`).wantNot("Google")
	b.get("/login?next=%2Faccount").want(200, "/login?next=%2Faccount", `href="/auth/oauth/github/start?next=%2Faccount"`)

	b = e.registered(t, grace)
	b.get("/account").want(200, "/account", "Connected accounts", `aria-label="Connect GitHub"`)
	b.submit("connect=github").want(200, "/auth/pages/account", "On to GitHub")
	target := findIn(t, b.body, `class="button wide" href="([^"]*)"`)
	target = html.UnescapeString(target)
	if refresh := b.answer.Get("Refresh"); refresh != "0; url="+target {
		t.Errorf("Refresh = %q, want to %s: a form may not lead to another site", refresh, target)
	}
	back := provider.Visit(t, target)
	b.send(http.MethodGet, back.RequestURI(), nil, "cross-site")
	b.want(200, "/account?done=connected", "The account is connected.", `aria-label="Disconnect GitHub"`)
	b.submit("disconnect=github").want(200, "/account?done=disconnected", `aria-label="Connect GitHub"`)

	// What goes wrong there is told here, whoever is signed in.
	b.submit("connect=github")
	target = html.UnescapeString(findIn(t, b.body, `class="button wide" href="([^"]*)"`))
	state := findIn(t, target, `state=([^&]*)`)
	b.send(http.MethodGet, "/auth/oauth/github/callback?error=access_denied&state="+state, nil, "cross-site")
	b.want(200, "/account?oauth_error=denied", "The other service did not let you in.")

	// Somebody new signs up with it and has no password.
	provider.SignInAs(oauthtest.User{ID: 77, Subject: "77", Username: "joan", Email: "joan@example.com"})
	joan := e.browser(t)
	start := get(t, e.server.URL+"/auth/oauth/github/start", nil)
	joan.jar.SetCookies(start.Request.URL, start.Cookies())
	back = provider.Visit(t, start.Header.Get("Location"))
	joan.send(http.MethodGet, back.RequestURI(), nil, "cross-site")
	joan.want(200, "/app")
	joan.get("/account").want(200, "/account", "joan", "Set password").wantNot(`name="current_password"`)
	joan.submit("disconnect=github").want(409, "/auth/pages/account", "This is your only way to sign in.")
	joan.submit("do=password", "new_password", password).want(200, "/account?done=password", "Change password")
	joan.submit("disconnect=github").want(200, "/account?done=disconnected")
}

// get asks once and follows nothing.
func get(tb testing.TB, address string, header http.Header) *http.Response {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	res.Request = r
	return res
}

func TestReauthenticationIsAskedFor(t *testing.T) {
	t.Parallel()
	provider := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, func(c *auth.Config) { c.Providers = []oauth.Provider{provider.GitHub()} })
	b := e.registered(t, grace)
	e.clock.advance(12 * time.Minute)
	b.get("/account").submit("connect=github").
		want(403, "/auth/pages/account", "<title>Error:", "Please sign in once more", `href="/login?again=1&amp;next=%2Faccount%23connections"`)
	b.get("/login?again=1&next=%2Faccount%23connections").want(200, "/login?again=1&next=%2Faccount%23connections").
		submit("", "email", grace, "password", password).want(200, "/account")
	b.submit("connect=github").want(200, "/auth/pages/account", "On to GitHub")
}
