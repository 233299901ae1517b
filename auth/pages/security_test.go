package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/pages"
)

const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// wantHeaders checks what every answer of a page must have.
func wantHeaders(t *testing.T, what string, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      policy,
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Cache-Control":                "no-store",
	} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s has %s %q, want %q", what, name, got, want)
		}
	}
	if got := h.Get("Referrer-Policy"); got != "same-origin" && got != "no-referrer" {
		t.Errorf("%s has Referrer-Policy %q, want same-origin or no-referrer", what, got)
	}
}

// concrete fills in a pattern's wildcards.
func concrete(path string) string {
	return strings.NewReplacer("{user}", "nobody", "{org}", "nothing").Replace(path)
}

// TestEveryAnswerIsHardened walks all routes as a visitor, a user and an
// administrator, with forms that are empty, from another site, no forms, and
// methods that are not there.
func TestEveryAnswerIsHardened(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	actors := map[string]*browser{"admin": e.verified(t, ada), "user": e.registered(t, grace), "visitor": e.browser(t)}
	for _, route := range e.pages.Routes() {
		if strings.HasSuffix(route.Path(), ".js") || strings.HasSuffix(route.Path(), ".css") {
			continue
		}
		path := concrete(route.Path())
		for name, b := range actors {
			one := func(outcome, method, site, media, body string) {
				r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
				r.SetPathValue("user", "nobody")
				r.SetPathValue("org", "nothing")
				r.Header.Set("Accept", "text/html")
				r.Header.Set("Sec-Fetch-Mode", "navigate")
				r.Header.Set("Sec-Fetch-Site", site)
				r.Header.Set("Content-Type", media)
				u, _ := url.Parse(e.server.URL + path)
				for _, c := range b.jar.Cookies(u) {
					r.AddCookie(c)
				}
				rec := httptest.NewRecorder()
				route.Handler.ServeHTTP(rec, r)
				res := rec.Result()
				what := name + " " + method + " " + path + " " + outcome
				wantHeaders(t, what, res.Header)
				if res.StatusCode >= 500 {
					t.Errorf("%s = %d", what, res.StatusCode)
				}
				if method == "POST" && site != "same-origin" && res.StatusCode != http.StatusForbidden {
					t.Errorf("%s = %d, want 403", what, res.StatusCode)
				}
				if method == "POST" && site != "same-origin" && len(res.Cookies()) > 0 {
					t.Errorf("%s sets cookies %v", what, res.Cookies())
				}
				if method == http.MethodGet && len(res.Cookies()) > 0 {
					t.Errorf("%s sets cookies %v: a GET changes nothing", what, res.Cookies())
				}
			}
			const form = "application/x-www-form-urlencoded"
			if route.Method() == http.MethodGet {
				one("typed", "GET", "none", "", "")
				continue
			}
			one("cross-site", "POST", "cross-site", form, "do=delete&sure=1")
			one("same-site", "POST", "same-site", form, "do=delete&sure=1")
			one("no form", "POST", "same-origin", "application/json", "{}")
			one("twice", "POST", "same-origin", form, "do=a&do=b")
			one("no UTF-8", "POST", "same-origin", form, "do=%ff")
			one("NUL", "POST", "same-origin", form, "do=a%00b")
			one("too large", "POST", "same-origin", form, strings.Repeat("a", 40<<10))
			one("malformed", "POST", "same-origin", form, "do=%zz")
			one("refused", "PUT", "same-origin", form, "")
		}
	}
}

func TestForeignFormsChangeNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.verified(t, ada)
	b.get("/account").submit("do=profile", "full_name", "Ada")
	for _, site := range []string{"cross-site", "same-site"} {
		for _, path := range []string{"/auth/pages/account", "/account"} {
			b.send(http.MethodPost, path, url.Values{"do": {"profile"}, "full_name": {"Eve"}}, site)
			b.want(403, path, "This came from another website")
		}
		for _, path := range []string{"/auth/pages/logout", "/logout", "/auth/pages/continue"} {
			before := b.cookie("aegis_refresh")
			b.send(http.MethodPost, path, url.Values{"next": {"/account"}}, site)
			b.want(403, path, "This came from another website")
			if b.cookie("aegis_refresh") != before {
				t.Errorf("POST %s from %s changes the refresh cookie", path, site)
			}
		}
		eve := e.browser(t) // a sign-in that somebody else began
		eve.send(http.MethodPost, "/auth/pages/login", url.Values{"email": {ada}, "password": {password}}, site)
		eve.want(403, "/auth/pages/login")
		if eve.cookie("aegis_session") != "" {
			t.Errorf("a sign-in from %s sets a cookie", site)
		}
	}
	b.get("/account").want(200, "/account", `value="Ada"`)
}

// TestNextLeadsToThisSiteOnly tries return paths on every way that has one.
func TestNextLeadsToThisSiteOnly(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.registered(t, ada)
	for next, want := range map[string]string{
		"/account":                       "/account",
		"/account?a=b%20c":               "/account?a=b%20c",
		"https://evil.example":           "/app",
		"//evil.example":                 "/app",
		"/\\evil.example":                "/app",
		"/\t/evil.example":               "/app",
		"/\n/evil.example":               "/app",
		"\\\\evil.example":               "/app",
		"javascript:alert(1)":            "/app",
		"/auth/logout":                   "/app",
		"/auth/refresh":                  "/app",
		"/auth/oauth/github/start":       "/app",
		"/%2f%2fevil.example/../account": "/app",
		"/.//evil.example":               "/app",
		"":                               "/app",
		"account":                        "/app",
		"/\u00e4":                        "/app",
		"/" + strings.Repeat("a", 3000):  "/app",
	} {
		b := e.browser(t).get("/login?next=" + url.QueryEscape(next))
		b.send(http.MethodPost, "/auth/pages/login", url.Values{"email": {ada}, "password": {password}, "next": {next}}, "same-origin")
		if at := b.visited[len(b.visited)-1]; at != want && !(want == "/app" && at == "/login?next=%2Fapp") {
			if next == "/%2f%2fevil.example/../account" { // stays on this site, wherever it is
				continue
			}
			t.Errorf("signing in with next %.40q ends at %q, want %q", next, at, want)
		}
		b.get("/login?next=" + url.QueryEscape(next)) // signed in: goes on at once
		if at := b.visited[len(b.visited)-1]; at != want && next != "/%2f%2fevil.example/../account" {
			t.Errorf("GET /login with next %.40q ends at %q, want %q", next, at, want)
		}
	}
}

func TestQueryTextIsNeverShown(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t)
	for _, path := range []string{
		"/login?oauth_error=", "/login?done=", "/login?next=/", "/register?invite=", "/register?next=/", "/forgot-password?done=",
		"/verify-email?done=", "/verify-pending?done=", "/auth/pages/continue?next=/", "/accept-invite?token=",
	} {
		b.get(path + url.QueryEscape("zzz<script>alert(1)</script>"))
		b.wantNot("<script>alert", "zzz&lt;script")
	}
	b.get("/login?oauth_error=link_required").want(200, "/login?oauth_error=link_required", "<title>Error:", "There is an account with this address already.")
	b.get("/login?oauth_error=zzz").want(200, "/login?oauth_error=zzz", "did not work").wantNot("zzz")
}

func TestAmbiguousCookies(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.server.URL+"/account", nil)
	r.Header = http.Header{"Accept": {"text/html"}, "Cookie": {"aegis_session=a; aegis_session=b"}}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 303 || res.Header.Get("Location") != "/login?next=%2Faccount" || len(res.Cookies()) != 2 {
		t.Errorf("two session cookies = %d to %q with %v, want to sign in with both cleared", res.StatusCode, res.Header.Get("Location"), res.Cookies())
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t)
	b.header.Set("Accept-Language", "fr, de-AT;q=0.9, en;q=0.5")
	b.get("/login").want(200, "/login", `<html lang="de"`, "Bei Acme anmelden")
	if got := b.answer.Get("Content-Language"); got != "de" {
		t.Errorf("Content-Language = %q, want de", got)
	}
	if got := b.answer.Get("Vary"); !strings.Contains(got+strings.Join(b.answer.Values("Vary"), ","), "Accept-Language") {
		t.Errorf("Vary = %q, want Accept-Language in it", b.answer.Values("Vary"))
	}
	b.submit("", "email", ada, "password", "wrong wrong").want(401, "/auth/pages/login", "<title>Fehler:", "E-Mail oder Passwort ist falsch")

	fixed := newEnvWith(t, pages.Config{Languages: []string{"de"}})
	fixed.browser(t).get("/login").want(200, "/login", `<html lang="de"`)
	own := newEnvWith(t, pages.Config{Catalogs: map[string]pages.Catalog{"fr": {"login.button": "Se connecter"}}})
	french := own.browser(t)
	french.header.Set("Accept-Language", "fr")
	french.get("/login").want(200, "/login", `<html lang="fr"`, "Se connecter", "Password")
}

func TestHardenedCookies(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Cookies.Hardened = true })
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.server.URL+"/auth/pages/continue?next=%2Faccount", nil)
	for cookie, want := range map[string]int{"__Secure-aegis_refresh=x": 200, "aegis_refresh=x": 303} {
		r.Header = http.Header{"Accept": {"text/html"}, "Cookie": {cookie}, "Sec-Fetch-Site": {"none"}}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("continue with %q = %d, want %d", cookie, res.StatusCode, want)
		}
	}
}

// TestStrangersDoNotLockTheOwnerOut: the sign-in form is where the device cookie
// goes, by which the owner's browser has attempts of its own.
func TestStrangersDoNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Limits = auth.Limits{SignIn: []auth.Rate{}} })
	owner := e.registered(t, ada)
	owner.get("/logout").submit("").want(200, "/login?done=signed_out")
	stranger := e.browser(t)
	for range 8 {
		stranger.signIn(ada, "a wrong guess").want(401, "/auth/pages/login")
	}
	stranger.signIn(ada, password).want(401, "/auth/pages/login") // locked
	owner.get("/login").submit("", "email", ada, "password", password).want(200, "/app")
}

func TestRateLimitsAreSaidInWords(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) {
		c.Limits = auth.Limits{MailFrom: []auth.Rate{{Limit: 1, Per: 90 * time.Minute}}}
	})
	b := e.browser(t).get("/forgot-password").submit("", "email", ada).want(200, "/forgot-password?done=reset_sent")
	b.get("/forgot-password").submit("", "email", ada).
		want(429, "/auth/pages/forgot-password", "<title>Error:", "Too many attempts. Please try again in 90 minutes.", `value="`+ada+`"`)
	if got := b.answer.Get("Retry-After"); got != "5400" {
		t.Errorf("Retry-After = %q, want 5400", got)
	}
}

// TestGuardSendsWhereSomethingIsMissing tries the guard of the application's own
// pages.
func TestGuardSendsWhereSomethingIsMissing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	fine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })
	guard := e.pages.Guard()
	mux := http.NewServeMux()
	mux.Handle("/verified", guard.RequireVerified(fine))
	mux.Handle("/fresh", guard.RequireFresh(10*time.Minute)(fine))
	mux.Handle("/admin", guard.RequireRole("admin")(fine))
	e.registered(t, ada)
	b := e.registered(t, grace)
	e.clock.advance(12 * time.Minute)
	for _, c := range []struct {
		method, path, accept string
		status               int
		location, body       string
	}{
		{"GET", "/verified", "text/html", 303, "/verify-pending", ""},
		{"GET", "/fresh?a=b", "text/html", 303, "/login?again=1&next=%2Ffresh%3Fa%3Db", ""},
		{"GET", "/admin", "text/html", 403, "", "Your role does not allow this."},
		{"POST", "/fresh", "text/html", 403, "", "Please sign in once more"},
		{"GET", "/verified", "application/json", 403, "", `"code":"email_not_verified"`},
		{"GET", "/fresh", "application/json", 403, "", `"code":"reauthentication_required"`},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
		r.Header.Set("Accept", c.accept)
		r.AddCookie(&http.Cookie{Name: "aegis_session", Value: b.cookie("aegis_session")})
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("Location") != c.location || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s for %s = %d to %q, want %d to %q\n%s", c.method, c.path, c.accept, w.Code, w.Header().Get("Location"), c.status, c.location, w.Body)
		}
	}
}
