package auth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// tokenIn returns the one-time token in the link of a mail.
func tokenIn(tb testing.TB, m *auth.Message) string {
	tb.Helper()
	if m == nil {
		tb.Fatal("no mail")
	}
	u, err := url.Parse(m.Link)
	if err != nil || u.Query().Get("token") == "" {
		tb.Fatalf("the link %q has no token", m.Link)
	}
	return u.Query().Get("token")
}

// TestBadInput: every request gets a clear 4xx that names what is wrong.
func TestBadInput(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for _, tt := range []struct {
		name, method, path, media, body string
		status                          int
		code, field                     string
	}{
		{"no body", "POST", "/auth/register", jsonType, "", 400, "malformed", ""},
		{"no media type", "POST", "/auth/register", "", "{}", 415, "unsupported_media_type", ""},
		{"text", "POST", "/auth/register", "text/plain", "{}", 415, "unsupported_media_type", ""},
		{"a form where JSON is wanted", "POST", "/auth/verify-email", formType, "token=x", 415, "unsupported_media_type", ""},
		{"not JSON", "POST", "/auth/register", jsonType, "{", 400, "malformed", ""},
		{"an array", "POST", "/auth/register", jsonType, "[]", 422, "validation_failed", ""},
		{"trailing data", "POST", "/auth/register", jsonType, "{}{}", 400, "malformed", ""},
		{"too deep", "POST", "/auth/register", jsonType, deep, 400, "malformed", ""},
		{"invalid UTF-8", "POST", "/auth/register", jsonType, "{\"email\":\"\xff@example.com\"}", 400, "malformed", ""},
		{"half a surrogate pair", "POST", "/auth/register", jsonType, `{"email":"\ud800@example.com"}`, 400, "malformed", ""},
		{"a name twice", "POST", "/auth/register", jsonType, `{"email":"a@example.com","email":"b@example.com"}`, 400, "malformed", "email"},
		{"a name twice but for case", "POST", "/auth/register", jsonType, `{"email":"a@example.com","EMAIL":"b@example.com"}`, 400, "malformed", "EMAIL"},
		{"a list of addresses", "POST", "/auth/password-reset/request", jsonType, `{"email":["a@example.com","b@example.com"]}`, 422, "validation_failed", "email"},
		{"two addresses in one", "POST", "/auth/password-reset/request", jsonType, `{"email":"a@example.com,b@example.com"}`, 422, "validation_failed", "email"},
		{"an address with a header", "POST", "/auth/password-reset/request", jsonType, `{"email":"a@example.com\r\nBcc: b@example.com"}`, 422, "validation_failed", "email"},
		{"a number for an address", "POST", "/auth/register", jsonType, `{"email":1,"password":"correct horse"}`, 422, "validation_failed", "email"},
		{"NUL in a password", "POST", "/auth/register", jsonType, `{"email":"n@example.com","password":"correct\u0000horse"}`, 422, "validation_failed", "password"},
		{"a short password", "POST", "/auth/register", jsonType, `{"email":"n@example.com","password":"short"}`, 422, "validation_failed", "password"},
		{"a common password", "POST", "/auth/register", jsonType, `{"email":"n@example.com","password":"password1"}`, 422, "validation_failed", "password"},
		{"a name with a reversal mark", "POST", "/auth/register", jsonType, `{"email":"n@example.com","password":"correct horse","full_name":"a\u202eb"}`, 422, "validation_failed", "full_name"},
		{"a body over 32 KiB", "POST", "/auth/register", jsonType, `{"email":"` + strings.Repeat("a", 33<<10) + `"}`, 413, "body_too_large", ""},
		{"a form over 32 KiB", "POST", "/auth/token", formType, "username=" + strings.Repeat("a", 33<<10), 413, "body_too_large", ""},
		{"no user name", "POST", "/auth/token", formType, "password=x", 400, "invalid_request", "username"},
		{"no password", "POST", "/auth/token", formType, "username=x", 400, "invalid_request", "password"},
		{"a parameter twice", "POST", "/auth/token", formType, "username=a&username=b&password=c", 400, "invalid_request", "username"},
		{"another grant", "POST", "/auth/token", formType, "grant_type=client_credentials", 400, "unsupported_grant_type", ""},
		{"the password in the query", "POST", "/auth/token?password=x", formType, "username=a", 400, "invalid_request", "password"},
		{"no token to revoke", "POST", "/auth/revoke", formType, "x=y", 400, "invalid_request", "token"},
		{"a junk token", "POST", "/auth/verify-email", jsonType, `{"token":"junk"}`, 400, "invalid_token", ""},
		{"no new password", "POST", "/auth/password-reset/confirm", jsonType, `{"token":"junk"}`, 422, "validation_failed", "new_password"},
		{"the wrong method", "PUT", "/auth/me", jsonType, "{}", 405, "method_not_allowed", ""},
		{"another wrong method", "GET", "/auth/token", "", "", 405, "method_not_allowed", ""},
		{"no such route", "GET", "/auth/nothing", "", "", 404, "not_found", ""},
		{"an encoded slash", "GET", "/auth/%2fme", "", "", 404, "not_found", ""},
	} {
		a := e.client(t).do(tt.method, tt.path, tt.media, tt.body)
		if a.StatusCode != tt.status {
			t.Errorf("%s = %d %s, want %d", tt.name, a.StatusCode, a.body, tt.status)
			continue
		}
		if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type = %q", tt.name, got)
		}
		m := a.json(t)
		if m["code"] != tt.code || m["status"] != float64(tt.status) || m["detail"] == "" || m["request_id"] != a.Header.Get("X-Request-Id") {
			t.Errorf("%s: %s, want code %s and the request's ID", tt.name, a.body, tt.code)
		}
		if tt.field != "" {
			fields, _ := m["errors"].([]any)
			if len(fields) == 0 || fields[0].(obj)["field"] != tt.field {
				t.Errorf("%s: %s, want field %s named", tt.name, a.body, tt.field)
			}
		}
		if tt.status == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", tt.name)
		}
	}
}

// TestSecurityHeaders looks at every route, with good and bad requests.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Roles = auth.DefaultRoles() })
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	}
	paths := []string{"GET /auth/nothing", "TRACE /auth/me"}
	for _, r := range e.Routes() {
		paths = append(paths, r.Pattern)
		if strings.HasPrefix(r.Path(), "/auth/") { // elsewhere the caller's mux answers other methods
			paths = append(paths, "PUT "+r.Path())
		}
	}
	for _, p := range paths {
		method, path, _ := strings.Cut(p, " ")
		a := e.client(t).do(method, strings.NewReplacer("{id}", "x").Replace(path), "application/json", "{}")
		for name, value := range want {
			if got := a.Header.Get(name); got != value {
				t.Errorf("%s = %d: %s = %q, want %q", p, a.StatusCode, name, got, value)
			}
		}
		if a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s = %d: no X-Request-Id", p, a.StatusCode)
		}
		if cc := a.Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") && !strings.HasSuffix(path, ".json") && !strings.Contains(path, ".well-known") {
			t.Errorf("%s = %d: Cache-Control = %q, want no-store", p, a.StatusCode, cc)
		}
	}
}

// TestCrossOrigin sends state-changing requests as pages elsewhere would.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, tt := range []struct {
		name   string
		header http.Header
		passes bool
	}{
		{"no browser", nil, true},
		{"same origin", http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		{"typed in", http.Header{"Sec-Fetch-Site": {"none"}}, true},
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, false},
		{"a sibling host", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil.localhost"}}, false},
		{"an old browser elsewhere", http.Header{"Origin": {"https://evil.example"}}, false},
		{"a sandboxed frame", http.Header{"Origin": {"null"}}, false},
		{"an old browser here, behind a proxy", http.Header{"Origin": {"http://localhost:8000"}}, true},
	} {
		for _, route := range []string{"POST /auth/register", "POST /auth/token", "POST /auth/refresh", "POST /auth/logout", "POST /auth/revoke",
			"POST /auth/password-reset/request", "POST /auth/verify-email", "POST /auth/password", "PATCH /auth/me", "DELETE /auth/sessions"} {
			method, path, _ := strings.Cut(route, " ")
			b := e.browser(t)
			b.register(fmt.Sprintf("u%d@example.com", time.Now().UnixNano()), aliceWords)
			b.isBrowser, b.header = false, tt.header
			a := b.do(method, path, "application/json", "{}")
			if refused := a.StatusCode == 403 && a.code(t) == "cross_origin"; refused == tt.passes {
				t.Errorf("%s from %s = %d %s, passes: want %v", route, tt.name, a.StatusCode, a.body, tt.passes)
			}
			if !tt.passes && len(a.Cookies()) != 0 {
				t.Errorf("%s from %s sets cookies", route, tt.name)
			}
		}
	}
}

func TestBearerDecidesAlone(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t)
	b.register(alice, aliceWords)
	b.want(b.get("/auth/me"), 200)
	b.bearer = "garbage"
	b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	for _, route := range []string{"GET /auth/me", "PATCH /auth/me", "DELETE /auth/sessions"} {
		method, path, _ := strings.Cut(route, " ")
		if a := b.do(method, path, "application/json", `{"full_name":"x"}`); a.StatusCode != 401 && a.StatusCode != 403 {
			t.Errorf("%s with a garbage bearer token and good cookies from another site = %d, want 401 or 403", route, a.StatusCode)
		}
	}
}

func TestAmbiguousCookie(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	good := e.client(t).register(alice, aliceWords).cookie("aegis_session").Value
	for _, header := range []string{"aegis_session=evil; aegis_session=" + good, "aegis_session=" + good + "; aegis_session=evil"} {
		c := e.client(t)
		c.header = http.Header{"Cookie": {header}}
		if a := c.get("/auth/me"); a.StatusCode != 401 || a.code(t) != "ambiguous_cookie" || !clears(a) {
			t.Errorf("two cookies = %d %s, want 401 ambiguous_cookie and cookies cleared", a.StatusCode, a.body)
		}
	}
	c := e.client(t)
	c.header = http.Header{"Cookie": {"aegis_session=" + good + "; aegis_session=" + good}}
	c.want(c.get("/auth/me"), 200)
}

func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		change           func(*auth.Config)
		session, refresh string
		secure           bool
	}{
		{"loopback", nil, "aegis_session", "aegis_refresh", false},
		{"https", func(c *auth.Config) { c.BaseURL = "https://app.example.com/auth" }, "aegis_session", "aegis_refresh", true},
		{"hardened", func(c *auth.Config) { c.BaseURL = "https://app.example.com/auth"; c.Cookies.Hardened = true },
			"__Host-aegis_session", "__Secure-aegis_refresh", true},
	} {
		e := newEnv(t, func(c *auth.Config) {
			if tt.change != nil {
				tt.change(c)
			}
		})
		c := e.client(t)
		c.header = http.Header{"X-Forwarded-Proto": {"http"}, "Host": {"evil.example"}}
		a := c.register(alice, aliceWords)
		s, r := a.cookie(tt.session), a.cookie(tt.refresh)
		if s == nil || r == nil {
			t.Fatalf("%s: cookies %v, want %s and %s", tt.name, a.Cookies(), tt.session, tt.refresh)
		}
		if !s.HttpOnly || s.SameSite != http.SameSiteLaxMode || s.Path != "/" || s.Domain != "" || s.MaxAge != 900 || s.Secure != tt.secure {
			t.Errorf("%s: session cookie %v", tt.name, s)
		}
		if !r.HttpOnly || r.SameSite != http.SameSiteStrictMode || r.Path != "/auth" || r.Domain != "" || r.MaxAge != 14*24*3600 || r.Secure != tt.secure {
			t.Errorf("%s: refresh cookie %v", tt.name, r)
		}
		if tt.secure && a.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: no HSTS", tt.name)
		}
	}
}

func TestHardenedCookiesHaveNoFallback(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.BaseURL = "https://app.example.com/auth"; c.Cookies.Hardened = true })
	good := e.client(t).register(alice, aliceWords).cookie("__Host-aegis_session").Value
	c := e.client(t)
	c.header = http.Header{"Cookie": {"aegis_session=" + good}}
	if a := c.get("/auth/me"); a.StatusCode != 401 {
		t.Errorf("the bare name in hardened mode = %d, want 401", a.StatusCode)
	}
	c.header = http.Header{"Cookie": {"__Host-aegis_session=" + good}}
	c.want(c.get("/auth/me"), 200)
}

// TestLogoutByAnyProof ends the session with each proof alone.
func TestLogoutByAnyProof(t *testing.T) {
	t.Parallel()
	for name, prove := range map[string]func(c *client, access, refresh string){
		"access cookie":  func(c *client, access, _ string) { c.header = http.Header{"Cookie": {"aegis_session=" + access}} },
		"bearer token":   func(c *client, access, _ string) { c.bearer = access },
		"refresh cookie": func(c *client, _, refresh string) { c.header = http.Header{"Cookie": {"aegis_refresh=" + refresh}} },
		"expired access token": func(c *client, access, _ string) {
			c.e.clock.Advance(time.Hour)
			c.bearer = access
		},
		"expired access cookie and refresh cookie": func(c *client, access, refresh string) {
			c.e.clock.Advance(time.Hour)
			c.header = http.Header{"Cookie": {"aegis_session=" + access + "; aegis_refresh=" + refresh}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			a := e.client(t).register(alice, aliceWords)
			refresh := refreshCookieOf(t, a)
			c := e.client(t)
			prove(c, a.cookie("aegis_session").Value, refresh)
			if out := c.want(c.post("/auth/logout", nil), 200); !clears(out) {
				t.Error("logout does not clear the cookies")
			}
			c.want(c.post("/auth/logout", nil), 200) // idempotent
			if a := e.refreshWith(t, refresh); a.StatusCode != 401 {
				t.Errorf("refresh after logout = %d, want 401", a.StatusCode)
			}
		})
	}
	e := newEnv(t)
	if a := e.client(t).post("/auth/logout", nil); a.StatusCode != 401 || !clears(a) {
		t.Errorf("logout without proof = %d, cookies cleared %v; want 401, true", a.StatusCode, clears(a))
	}
	if a := e.client(t).get("/auth/logout"); a.StatusCode != 405 {
		t.Errorf("GET logout = %d, want 405", a.StatusCode)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, kind := range []string{"access_token", "refresh_token"} {
		email := kind + "@example.com"
		e.client(t).register(email, aliceWords)
		grant := e.client(t).signIn(email, aliceWords).json(t)
		c := e.client(t)
		c.want(c.form("/auth/revoke", "token", grant[kind].(string), "token_type_hint", kind), 200)
		if a := c.form("/auth/token", "grant_type", "refresh_token", "refresh_token", grant["refresh_token"].(string)); a.StatusCode != 400 {
			t.Errorf("refresh after revoking the %s = %d, want 400", kind, a.StatusCode)
		}
		c.bearer = grant["access_token"].(string)
		if a := c.get("/auth/me"); a.StatusCode != 401 {
			t.Errorf("me after revoking the %s = %d, want 401", kind, a.StatusCode)
		}
	}
	c := e.client(t)
	c.want(c.form("/auth/revoke", "token", "anything"), 200)
}

func TestUpdateMe(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.MetadataKeys = []string{"theme"} })
	b := e.browser(t)
	b.register(alice, aliceWords)
	if a := b.send("PATCH", "/auth/me", obj{}); a.StatusCode != 400 || a.code(t) != "nothing_to_change" {
		t.Errorf("nothing = %d %s, want 400 nothing_to_change", a.StatusCode, a.body)
	}
	a := b.want(b.send("PATCH", "/auth/me", obj{"full_name": " Alice Liddell ", "role": "admin", "is_verified": true, "id": "x", "email": "b@example.com"}), 200).json(t)
	if a["full_name"] != "Alice Liddell" || a["role"] != nil || a["is_verified"] != false || a["email"] != alice {
		t.Errorf("me after a patch with privileged names = %v", a)
	}
	b.want(b.send("PATCH", "/auth/me", obj{"metadata": obj{"theme": "dark"}}), 200)
	if a := b.send("PATCH", "/auth/me", obj{"metadata": obj{"plan": "gold"}}); a.StatusCode != 422 {
		t.Errorf("metadata that is not allowed = %d, want 422", a.StatusCode)
	}
	u, err := e.User(t.Context(), a["id"].(string))
	if err != nil || string(u.Metadata["theme"]) != `"dark"` || len(u.Metadata) != 1 {
		t.Errorf("metadata = %s, %v", u.Metadata, err)
	}
}

func TestConfigAndMetadata(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := e.client(t)
	conf := c.want(c.get("/auth/config"), 200).json(t)
	if conf["registration"] != "open" || conf["password"].(obj)["min_length"] != float64(8) {
		t.Errorf("config = %v", conf)
	}
	if keys := c.want(c.get("/auth/jwks.json"), 200).json(t)["keys"].([]any); len(keys) != 0 {
		t.Errorf("jwks with HS256 = %v, want none", keys)
	}
	meta := c.want(c.get("/.well-known/oauth-authorization-server/auth"), 200).json(t)
	if meta["issuer"] != "http://localhost:8000/auth" || meta["token_endpoint"] != "http://localhost:8000/auth/token" {
		t.Errorf("metadata = %v", meta)
	}
	if a := c.do("HEAD", "/auth/config", "", ""); a.StatusCode != 200 || len(a.body) != 0 {
		t.Errorf("HEAD = %d with %d bytes, want 200 without", a.StatusCode, len(a.body))
	}
}

// TestPanicsBecomeErrorDocuments: a hook that panics costs one request.
func TestPanicsBecomeErrorDocuments(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) {
		c.UserView = nil
		c.Passwords.Normalize = func(p string) string {
			if strings.Contains(p, "boom") {
				panic("secret of the hook")
			}
			return p
		}
	})
	a := e.client(t).post("/auth/register", obj{"email": alice, "password": "boom boom boom"})
	if a.StatusCode != 500 || a.code(t) != "internal" || strings.Contains(string(a.body), "secret") {
		t.Errorf("a panicking hook = %d %s, want 500 internal", a.StatusCode, a.body)
	}
	e.client(t).register(alice, aliceWords)
}

func TestConfigFaultsComeAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := auth.New(auth.Config{
		Secret: []byte("short"), BaseURL: "ftp://x", AccessTTL: -1, RefreshGrace: time.Hour,
		Admins: []string{"X"}, Cookies: auth.Cookies{Session: "a b", SameSite: http.SameSiteNoneMode},
		Passwords: auth.Passwords{MinLength: 3}, TrustedOrigins: []string{"nonsense"}, LiveCache: time.Hour,
	})
	if err == nil {
		t.Fatal("New accepts nonsense")
	}
	for _, name := range []string{"Config.Store", "Config.Secret", "Config.BaseURL", "AccessTTL", "RefreshGrace", "Admins", "Cookies",
		"SameSite", "MinLength", "TrustedOrigins", "LiveCache"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
	for base, ok := range map[string]bool{
		"http://localhost:8000/auth": true, "http://127.0.0.1/auth": true, "http://[::1]:80/auth": true, "https://app.example.com/api/v1/auth": true,
		"http://app.example.com/auth": false, "https://app.example.com": false, "https://u@app.example.com/auth": false, "https://app.example.com/auth?x": false,
		"https://app.example.com/a//b": false, "https://app.example.com/auth/../x": false, "//app.example.com/auth": false, "https://APP.example.com/auth": false,
	} {
		c := auth.Config{Store: newFailing(), Secret: []byte(testSecret), BaseURL: base, Hasher: auth.InsecureBcrypt(4)}
		if _, err := auth.New(c); (err == nil) != ok {
			t.Errorf("New with BaseURL %s = %v, want accepted %v", base, err, ok)
		}
	}
	for name, cookies := range map[string]auth.Cookies{
		"hardened cookies with a domain": {Hardened: true, Domain: "example.com"}, // browsers drop them
		"an address for a domain":        {Domain: "192.0.2.7"},
		"a prefix in a name":             {Session: "__Host-session"},
		"one name for two":               {Session: "token", Refresh: "token"},
	} {
		c := auth.Config{Store: newFailing(), Secret: []byte(testSecret), BaseURL: "https://app.example.com/auth", Hasher: auth.InsecureBcrypt(4), Cookies: cookies}
		if _, err := auth.New(c); err == nil || !strings.Contains(err.Error(), "Config.Cookies") {
			t.Errorf("New with %s = %v, want an error that names Config.Cookies", name, err)
		}
	}
}
