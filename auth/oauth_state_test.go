package auth_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
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
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// stub is a provider that needs no network, and says whatever a test wants of
// whoever comes.
type stub struct {
	name  string
	is    func(code string) (*oauth.Identity, error) // who comes with that code
	calls atomic.Int64
}

func (p *stub) Name() string { return p.name }

func (p *stub) AuthCodeURL(_ context.Context, f *oauth.Flow) (string, error) {
	return "https://provider.example/authorize?" + url.Values{"state": {f.State}, "redirect_uri": {f.RedirectURL}}.Encode(), nil
}

func (p *stub) Identify(_ context.Context, _ *oauth.Flow, cb oauth.Callback) (*oauth.Identity, error) {
	p.calls.Add(1)
	return p.is(cb.Code)
}

// somebody is a provider at which everyone has a proved address of their own.
func somebody(name string) *stub {
	return &stub{name: name, is: func(code string) (*oauth.Identity, error) {
		return &oauth.Identity{Subject: code, Email: code + "@example.com", EmailVerified: true, EmailAuthoritative: true}, nil
	}}
}

// returning is where a stub sends the browser back to, with a code.
func returning(tb testing.TB, target, code string) *url.URL {
	tb.Helper()
	q := mustURL(tb, target).Query()
	back := mustURL(tb, q.Get("redirect_uri"))
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	return back
}

// TestOAuthStateBelongsToTheBrowser: neither the attacker's callback in the
// victim's browser (login CSRF) nor the victim's in the attacker's does anything.
func TestOAuthStateBelongsToTheBrowser(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.GitHub()))
	attacker, victim := e.browser(t), e.browser(t)
	theirs := srv.Visit(t, attacker.begin("github", ""))

	refused(t, victim.finish(theirs), "expired") // no flow at all
	victim.register(alice, aliceWords)
	victim.begin("github", "")
	refused(t, victim.finish(theirs), "expired") // a flow of their own
	if victim.me()["email"] != alice {
		t.Error("a forged callback changes who is signed in")
	}
	if n := len(victim.flowCookies()); n != 1 {
		t.Errorf("a forged callback leaves %d flows, want the victim's own", n)
	}
	if n := srv.Requests(oauthtest.Token); n != 0 {
		t.Errorf("%d codes were exchanged for forged callbacks, want none", n)
	}
	welcome(t, attacker.finish(theirs), "/app") // it was good where it belongs
}

// TestOAuthStateIsNeeded on both sides.
func TestOAuthStateIsNeeded(t *testing.T) {
	t.Parallel()
	p := somebody("stub")
	e := newEnv(t, with(p))
	b := e.browser(t)
	state := mustURL(t, b.begin("stub", "")).Query().Get("state")
	for _, query := range []string{
		"code=one", "code=one&state=", "code=one&state=" + state + "&state=" + state, "code=one&State=" + state,
		"code=one&state=" + state[:42], "code=one&state=" + state + "x", "code=one&state=" + strings.ToUpper(state),
		"code=one&state=" + strings.Repeat("s", 100_000), "code=one&state=%00", "code=one&state=%ff%fe", "state=" + state + ";code=one", "%zz",
		"error=access_denied", "error=access_denied&state=",
	} {
		refused(t, b.navigate("cross-site", "/auth/oauth/stub/callback?"+query), "expired")
	}
	if n := len(b.flowCookies()); n != 1 {
		t.Errorf("callbacks that name no flow leave %d flows, want 1", n)
	}
	// No cookie, and one for the empty state: an empty state matches nothing.
	c := e.client(t)
	refused(t, c.get("/auth/oauth/stub/callback?code=one&state="), "expired")
	c.header = http.Header{"Cookie": {flowName("") + "=" + cookieValue(b, 0)}}
	refused(t, c.get("/auth/oauth/stub/callback?code=one&state="), "expired")
	if n := p.calls.Load(); n != 0 {
		t.Errorf("the provider was asked %d times, want never", n)
	}
	welcome(t, b.navigate("cross-site", "/auth/oauth/stub/callback?code=one&state="+state), "/app")
}

// flowName is the name of the cookie of the flow with that state.
func flowName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "aegis_oauth_" + base64.RawURLEncoding.EncodeToString(sum[:6])
}

// cookieValue is the value of one of the browser's flow cookies.
func cookieValue(b *client, i int) string {
	name := b.flowCookies()[i]
	for _, c := range b.http.Jar.Cookies(mustURL(b.tb, b.e.server.URL+"/auth/")) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// plant puts a cookie into the browser.
func (c *client) plant(name, value string) {
	c.http.Jar.SetCookies(mustURL(c.tb, c.e.server.URL), []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// TestOAuthReplay: a flow is good once, whoever holds its cookie.
func TestOAuthReplay(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.GitHub()))
	b := e.browser(t)
	back := srv.Visit(t, b.begin("github", ""))
	name, value := b.flowCookies()[0], cookieValue(b, 0)
	welcome(t, b.finish(back), "/app")
	refused(t, b.finish(back), "expired") // the back button
	if b.me()["email"] != ada {
		t.Error("a replayed callback signs out")
	}
	b.plant(name, value) // as somebody who kept a copy
	refused(t, b.finish(back), "expired")
	if b.flowCookies() != nil {
		t.Error("the cookie of a spent flow is not deleted")
	}
	if n := srv.Requests(oauthtest.Token); n != 1 {
		t.Errorf("%d codes were exchanged, want 1", n)
	}

	// And many at once.
	b = e.browser(t)
	back = srv.Visit(t, b.begin("github", ""))
	name, value = b.flowCookies()[0], cookieValue(b, 0)
	var signedIn atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			c := e.client(t)
			c.header = http.Header{"Cookie": {name + "=" + value}}
			if a := c.get(back.RequestURI()); a.cookie("aegis_session") != nil {
				signedIn.Add(1)
			} else if wrong := refusal(a, "expired"); wrong != "" {
				t.Errorf("a callback that lost the race: %s", wrong)
			}
		})
	}
	wg.Wait()
	if n := signedIn.Load(); n != 1 || srv.Requests(oauthtest.Token) != 2 {
		t.Errorf("twenty callbacks of one flow at once signed in %d times with %d codes, want 1 and 1", n, srv.Requests(oauthtest.Token)-1)
	}
	if faults := srv.Faults(); faults != nil {
		t.Errorf("the service was at fault: %v", faults)
	}
}

// TestOAuthSwappedCode puts the attacker's good code into the victim's good
// callback. PKCE tells, or the nonce where the issuer ignores PKCE.
func TestOAuthSwappedCode(t *testing.T) {
	t.Parallel()
	for _, p := range signInProviders {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{})
			e := newEnv(t, with(p.make(srv)))
			attacker, victim := e.browser(t), e.browser(t)
			srv.SignInAs(oauthtest.User{Subject: "mallory", ID: 666, Email: "mallory@example.com"})
			theirs := srv.Visit(t, attacker.begin(p.name, "")).Query().Get("code")
			srv.SignInAs(oauthtest.User{})
			mine := srv.Visit(t, victim.begin(p.name, ""))
			q := mine.Query()
			q.Set("code", theirs)
			mine.RawQuery = q.Encode()
			refused(t, victim.finish(mine), "failed")
			victim.want(victim.get("/auth/me"), 401)
		})
	}
}

// TestOAuthMixUp: a flow that was begun with one provider cannot end at another,
// and neither is told the other's code.
func TestOAuthMixUp(t *testing.T) {
	t.Parallel()
	good, evil := oauthtest.NewServer(t, oauthtest.Script{}), oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(good.GitHub(), evil.Google()))
	for _, pair := range []struct {
		from, to string
		srv      *oauthtest.Server
	}{{"github", "google", good}, {"google", "github", evil}} {
		b := e.browser(t)
		back := pair.srv.Visit(t, b.begin(pair.from, ""))
		back.Path = "/auth/oauth/" + pair.to + "/callback"
		refused(t, b.finish(back), "expired")
		if b.flowCookies() != nil {
			t.Errorf("from %s to %s: the flow lives on", pair.from, pair.to)
		}
		back.Path = "/auth/oauth/" + pair.from + "/callback"
		refused(t, b.finish(back), "expired")
	}
	if n := good.Requests(oauthtest.Token) + evil.Requests(oauthtest.Token); n != 0 {
		t.Errorf("%d codes were exchanged, want none", n)
	}
}

// TestOAuthStartFromElsewhere: a sign-in that another site begins (CS-09) goes by
// way of the sign-in page, where a person decides.
func TestOAuthStartFromElsewhere(t *testing.T) {
	t.Parallel()
	e := newEnv(t, with(somebody("stub")))
	b := e.browser(t)
	a := b.navigate("cross-site", "/auth/oauth/stub/start?next=%2Fprojects%3Fa%3D1%26b%3D2")
	if want := "http://localhost:8000/login?next=%2Fprojects%3Fa%3D1%26b%3D2"; a.StatusCode != 303 || a.Header.Get("Location") != want || len(a.Cookies()) != 0 {
		t.Errorf("start = %d to %s with %v, want 303 to %s without cookies", a.StatusCode, a.Header.Get("Location"), a.Cookies(), want)
	}
	a = b.navigate("cross-site", "/auth/oauth/stub/start?next=https://evil.example/")
	if got := a.Header.Get("Location"); got != "http://localhost:8000/login?next=%2Fapp" {
		t.Errorf("start with a foreign next goes to %s", got)
	}
	for _, site := range []string{"same-origin", "none", "same-site", ""} {
		if a := b.navigate(site, "/auth/oauth/stub/start"); a.StatusCode != 302 {
			t.Errorf("start from %q = %d, want 302", site, a.StatusCode)
		}
	}
}

// TestOAuthStartsAreAllDifferent looks at a thousand.
func TestOAuthStartsAreAllDifferent(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	e := newEnv(t, with(srv.OIDC()))
	c := e.client(t)
	seen := make(map[string]bool)
	for i := range 1000 {
		a := c.want(c.get("/auth/oauth/oidc/start"), 302)
		q := mustURL(t, a.Header.Get("Location")).Query()
		if len(a.Cookies()) != 1 {
			t.Fatalf("start %d sets %v, want one cookie", i, a.Cookies())
		}
		for _, one := range []string{q.Get("state"), q.Get("nonce"), q.Get("code_challenge"), a.Cookies()[0].Name, a.Cookies()[0].Value} {
			if len(one) < 20 || seen[one] {
				t.Fatalf("start %d has %q, which is short or was there before", i, one)
			}
			seen[one] = true
		}
	}
	if n := srv.Requests(oauthtest.Discovery); n != 1 {
		t.Errorf("a thousand starts asked for the discovery document %d times, want once", n)
	}
}

// TestOAuthTabs: several sign-ins of one browser end in any order; of more than
// five the oldest go.
func TestOAuthTabs(t *testing.T) {
	t.Parallel()
	e := newEnv(t, with(somebody("stub")))
	b := e.browser(t)
	var targets []string
	for i := range 4 {
		e.clock.Advance(time.Second)
		targets = append(targets, b.begin("stub", fmt.Sprintf("/tab/%d", i)))
	}
	for i, target := range slices.Backward(targets) {
		welcome(t, b.finish(returning(t, target, "one")), fmt.Sprintf("/tab/%d", i))
	}

	targets = nil
	for i := range 8 {
		targets = append(targets, b.begin("stub", fmt.Sprintf("/tab/%d", i)))
		if n := len(b.flowCookies()); n > 5 {
			t.Fatalf("after %d starts the browser holds %d flows, want five at most", i+1, n)
		}
	}
	for i, target := range targets {
		if a := b.finish(returning(t, target, "one")); i < 3 {
			refused(t, a, "expired")
		} else {
			welcome(t, a, fmt.Sprintf("/tab/%d", i))
		}
	}
}

// TestOAuthRedirectAddress: the callback's address comes from the configuration,
// whatever a request says about hosts.
func TestOAuthRedirectAddress(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	for base, want := range map[string]string{
		"http://localhost:8000/auth":          "http://localhost:8000/auth/oauth/github/callback",
		"https://app.example.com/api/v1/auth": "https://app.example.com/api/v1/auth/oauth/github/callback",
	} {
		e := newEnv(t, with(srv.GitHub()), func(c *auth.Config) { c.BaseURL = base })
		for _, header := range []string{
			"Host: evil.example", "Host: x\r\nX-Forwarded-Host: evil.example", "Host: x\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.example",
			"Host: x\r\nForwarded: host=evil.example;proto=http", "Host: x\r\nX-Original-Host: evil.example", "Host: x\r\nX-Forwarded-Prefix: /evil",
			"Host: x\r\nOrigin: https://evil.example", "Host: x\r\nReferer: https://evil.example/",
		} {
			request := "GET " + e.Path() + "/oauth/github/start HTTP/1.1\r\n" + header + "\r\nConnection: close\r\n\r\n"
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			e.Mux().ServeHTTP(w, r)
			got := mustURL(t, w.Result().Header.Get("Location")).Query().Get("redirect_uri")
			if w.Code != 302 || got != want {
				t.Errorf("with %q: %d with redirect_uri %s, want 302 with %s", header, w.Code, got, want)
			}
		}
	}
}

// TestOAuthRates: starts and callbacks are bounded by address, and a callback that
// came too soon can come again.
func TestOAuthRates(t *testing.T) {
	t.Parallel()
	e := newEnv(t, with(somebody("stub")), func(c *auth.Config) {
		c.Limits = auth.Limits{OAuth: []auth.Rate{{Limit: 3, Per: time.Minute}}}
	})
	b := e.browser(t)
	back := returning(t, b.begin("stub", ""), "ada")
	b.begin("stub", "")
	b.begin("stub", "")
	if a := b.navigate("same-origin", "/auth/oauth/stub/start"); a.StatusCode != 429 || a.Header.Get("Retry-After") == "" || len(a.Cookies()) != 0 {
		t.Errorf("the fourth start = %d, Retry-After %q, cookies %v; want 429 with Retry-After", a.StatusCode, a.Header.Get("Retry-After"), a.Cookies())
	}
	for range 3 {
		refused(t, e.client(t).get("/auth/oauth/stub/callback?code=a&state=b"), "expired")
	}
	if a := b.finish(back); a.StatusCode != 429 || len(a.Cookies()) != 0 {
		t.Errorf("the fourth callback = %d with %v, want 429 and the flow untouched", a.StatusCode, a.Cookies())
	}
	e.clock.Advance(time.Minute)
	welcome(t, b.finish(back), "/app")
}
