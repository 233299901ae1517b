package oauthtest_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// declared finds every constant of type Behavior in the source, with its value
// and comment.
func declared(t *testing.T) map[oauthtest.Behavior]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "behaviors.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[oauthtest.Behavior]string)
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "Behavior" {
				continue
			}
			value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			name, doc := v.Names[0].Name, strings.TrimSpace(v.Doc.Text())
			if !strings.HasPrefix(doc, name+": ") || !strings.HasSuffix(doc, ".") {
				t.Errorf("%s has the comment %q, want a sentence that begins with its name and a colon", name, doc)
			}
			if _, twice := found[oauthtest.Behavior(value)]; twice {
				t.Errorf("two behaviors have the value %q", value)
			}
			found[oauthtest.Behavior(value)] = name
		}
	}
	return found
}

func TestBehaviorsListsAll(t *testing.T) {
	t.Parallel()
	all := declared(t)
	if len(all) < 40 {
		t.Errorf("%d behaviors are declared, want at least 40", len(all))
	}
	listed := oauthtest.Behaviors()
	for b, name := range all {
		if !slices.Contains(listed, b) {
			t.Errorf("Behaviors lacks %s", name)
		}
	}
	if len(listed) != len(all) {
		t.Errorf("Behaviors lists %d, %d are declared", len(listed), len(all))
	}
	for _, b := range listed {
		if !b.In(oauthtest.OIDC) && !b.In(oauthtest.GitHub) {
			t.Errorf("%s belongs to no protocol", b)
		}
	}
	if b := oauthtest.Behavior("made up"); b.In(oauthtest.OIDC) || b.In(oauthtest.GitHub) {
		t.Error("an unknown behavior belongs to a protocol")
	}
}

// client is what a correct client sends, to be made incorrect piece by piece.
type client struct {
	authorize url.Values
	token     url.Values
	verifier  string
}

func newClient(protocol oauthtest.Protocol) *client {
	verifier := oauth2.GenerateVerifier()
	c := &client{
		verifier: verifier,
		authorize: url.Values{
			"client_id": {"client"}, "response_type": {"code"}, "redirect_uri": {callbackURL}, "scope": {"openid email"},
			"state": {oauth2.GenerateVerifier()}, "nonce": {oauth2.GenerateVerifier()},
			"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
		},
		token: url.Values{
			"grant_type": {"authorization_code"}, "redirect_uri": {callbackURL}, "code_verifier": {verifier},
			"client_id": {"client"}, "client_secret": {"client-secret"},
		},
	}
	if protocol == oauthtest.GitHub {
		c.authorize.Set("scope", "read:user user:email")
		c.authorize.Del("nonce")
	}
	return c
}

var paths = map[oauthtest.Protocol][2]string{
	oauthtest.OIDC:   {"/authorize", "/token"},
	oauthtest.GitHub: {"/login/oauth/authorize", "/login/oauth/access_token"},
}

func TestServerRefusesMalformedAuthorizationRequests(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	for _, tt := range []struct {
		name   string
		spoil  func(url.Values)
		only   oauthtest.Protocol // 0 for both
		script oauthtest.Script
	}{
		{"another client", set("client_id", "other"), 0, oauthtest.Script{}},
		{"no client", func(q url.Values) { q.Del("client_id") }, 0, oauthtest.Script{}},
		{"implicit flow", set("response_type", "token"), 0, oauthtest.Script{}},
		{"relative redirect", set("redirect_uri", "/callback"), 0, oauthtest.Script{}},
		{"redirect with fragment", set("redirect_uri", callbackURL+"#a"), 0, oauthtest.Script{}},
		{"unregistered redirect", set("redirect_uri", callbackURL+"/more"), 0, oauthtest.Script{RedirectURLs: []string{callbackURL}}},
		{"no state", func(q url.Values) { q.Del("state") }, 0, oauthtest.Script{}},
		{"short state", set("state", "1234"), 0, oauthtest.Script{}},
		{"two states", func(q url.Values) { q.Add("state", q.Get("state")) }, 0, oauthtest.Script{}},
		{"no challenge", func(q url.Values) { q.Del("code_challenge") }, 0, oauthtest.Script{}},
		{"plain challenge", set("code_challenge_method", "plain"), 0, oauthtest.Script{}},
		{"no method", func(q url.Values) { q.Del("code_challenge_method") }, 0, oauthtest.Script{}},
		{"no openid", set("scope", "email"), oauthtest.OIDC, oauthtest.Script{}},
		{"no nonce", func(q url.Values) { q.Del("nonce") }, oauthtest.OIDC, oauthtest.Script{}},
		{"no addresses", set("scope", "read:user"), oauthtest.GitHub, oauthtest.Script{}},
	} {
		for protocol, path := range paths {
			if tt.only != 0 && tt.only != protocol {
				continue
			}
			srv := oauthtest.NewServer(t, tt.script)
			c := newClient(protocol)
			if q := srv.Visit(t, srv.URL+path[0]+"?"+c.authorize.Encode()).Query(); q.Get("code") == "" {
				t.Errorf("%s: the correct request got no code", tt.name)
			}
			tt.spoil(c.authorize)
			resp, err := http.Get(srv.URL + path[0] + "?" + c.authorize.Encode())
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest || len(srv.Faults()) != 1 {
				t.Errorf("%s: status %d, faults %v, want 400 and one fault", tt.name, resp.StatusCode, srv.Faults())
			}
		}
	}
}

func TestServerRefusesMalformedTokenRequests(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*http.Request, url.Values) {
		return func(_ *http.Request, form url.Values) { form.Set(name, value) }
	}
	for _, tt := range []struct {
		name   string
		spoil  func(*http.Request, url.Values)
		only   oauthtest.Protocol
		error  string // for GitHub, bad_verification_code instead of invalid_grant
		faults int
	}{
		{"correct", func(*http.Request, url.Values) {}, 0, "", 0},
		{"correct, in the header", func(r *http.Request, form url.Values) {
			form.Del("client_id")
			form.Del("client_secret")
			r.SetBasicAuth("client", "client-secret")
		}, oauthtest.OIDC, "", 0},
		{"in both header and form", func(r *http.Request, _ url.Values) { r.SetBasicAuth("client", "client-secret") }, oauthtest.OIDC, "invalid_client", 1},
		{"in the header, at GitHub", func(r *http.Request, form url.Values) {
			form.Del("client_secret")
			r.SetBasicAuth("client", "client-secret")
		}, oauthtest.GitHub, "invalid_client", 1},
		{"wrong secret", set("client_secret", "guess"), 0, "invalid_client", 1},
		{"no secret", set("client_secret", ""), 0, "invalid_client", 1},
		{"another client", set("client_id", "other"), 0, "invalid_client", 1},
		{"another grant", set("grant_type", "password"), 0, "unsupported_grant_type", 1},
		{"invented code", set("code", "code_invented"), 0, "invalid_grant", 0},
		{"another redirect", set("redirect_uri", callbackURL+"/more"), 0, "invalid_grant", 1},
		{"wrong verifier", set("code_verifier", oauth2.GenerateVerifier()), 0, "invalid_grant", 1},
		{"no verifier", set("code_verifier", ""), 0, "invalid_grant", 1},
		{"in the query", func(r *http.Request, form url.Values) { r.URL.RawQuery = form.Encode() }, 0, "invalid_request", 1},
		{"with GET", func(r *http.Request, _ url.Values) { r.Method = http.MethodGet }, 0, "invalid_request", 1},
	} {
		for protocol, path := range paths {
			if tt.only != 0 && tt.only != protocol {
				continue
			}
			srv := oauthtest.NewServer(t, oauthtest.Script{})
			c := newClient(protocol)
			c.token.Set("code", srv.Visit(t, srv.URL+path[0]+"?"+c.authorize.Encode()).Query().Get("code"))
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			tt.spoil(r, c.token)
			r.Body = io.NopCloser(strings.NewReader(c.token.Encode()))
			got := answer(t, r)
			want := tt.error
			if protocol == oauthtest.GitHub && want == "invalid_grant" {
				want = "bad_verification_code"
			}
			code, _ := got["error"].(string)
			if code != want || (got["access_token"] != nil) != (want == "") {
				t.Errorf("%s: answer %v, want error %q", tt.name, got, want)
			}
			if n := len(srv.Faults()); n != tt.faults {
				t.Errorf("%s: faults %v, want %d", tt.name, srv.Faults(), tt.faults)
			}
		}
	}
}

// answer is the JSON that comes back.
func answer(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return m
}

func TestServerTakesACodeOnce(t *testing.T) {
	t.Parallel()
	for protocol, path := range paths {
		srv := oauthtest.NewServer(t, oauthtest.Script{})
		c := newClient(protocol)
		c.token.Set("code", srv.Visit(t, srv.URL+path[0]+"?"+c.authorize.Encode()).Query().Get("code"))
		var got []any
		for range 2 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path[1], strings.NewReader(c.token.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			got = append(got, answer(t, r)["access_token"])
		}
		if got[0] == nil || got[1] != nil || len(srv.Faults()) != 1 || srv.Requests(oauthtest.Token) != 2 {
			t.Errorf("access tokens %v, faults %v, requests %d, want one, one and 2", got, srv.Faults(), srv.Requests(oauthtest.Token))
		}
	}
}

func TestServerAsksForAccessTokens(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	for path, want := range map[string]int{"/userinfo": 401, "/api/v3/user": 401, "/api/v3/user/emails": 401} {
		for _, authorization := range []string{"", "Bearer invented", "token invented"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", authorization)
			r.Header.Set("Accept", "application/vnd.github+json")
			r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s with %q: status %d, want %d", path, authorization, resp.StatusCode, want)
			}
		}
	}
	resp, err := http.Get(srv.URL + "/api/v3/user")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || len(srv.Faults()) != 1 {
		t.Errorf("without GitHub's headers: status %d, faults %v, want 403 and one fault", resp.StatusCode, srv.Faults())
	}
}

func TestScriptsMayChangeBetweenRequests(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{User: oauthtest.User{Subject: "one"}})
	p := srv.OIDC()
	subject := func() string {
		t.Helper()
		id, err := visit(t, srv, p)
		if err != nil {
			return err.Error()
		}
		return id.Subject
	}
	if got := subject(); got != "one" {
		t.Errorf("subject = %s, want one", got)
	}
	srv.SignInAs(oauthtest.User{Subject: "two"})
	if got := subject(); got != "two" {
		t.Errorf("after SignInAs: subject = %s, want two", got)
	}
	srv.Rewrite(func(s *oauthtest.Script) {
		s.Claims = func(claims map[string]any) { claims["sub"] = "three" }
	})
	if got := subject(); got != "three" {
		t.Errorf("after a change of claims: subject = %s, want three", got)
	}
	srv.Rewrite(func(s *oauthtest.Script) {
		s.Handlers = map[oauthtest.Endpoint]http.HandlerFunc{oauthtest.Token: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "closed", http.StatusTeapot)
		}}
	})
	if got := subject(); !strings.Contains(got, "418") {
		t.Errorf("with another token endpoint: %s, want its status", got)
	}
	srv.Rewrite(func(s *oauthtest.Script) { s.Handlers, s.Claims = nil, nil })
	srv.Play(oauthtest.NullSubject)
	if got := subject(); !strings.Contains(got, "sub") {
		t.Errorf("with a behavior: %s, want an error", got)
	}
	srv.Play()
	if got := subject(); got != "two" {
		t.Errorf("after the behavior: subject = %s, want two", got)
	}
}

func TestScriptClock(t *testing.T) {
	t.Parallel()
	then := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	srv := oauthtest.NewServer(t, oauthtest.Script{Now: func() time.Time { return then }})
	if _, err := visit(t, srv, srv.OIDC()); err != nil {
		t.Errorf("with the server's clock: error = %v, want none", err)
	}
	p := srv.OIDC()
	p.Now = time.Now
	if _, err := visit(t, srv, p); err == nil {
		t.Error("with another clock: sign-in succeeded, want the token to be from the future")
	}
}

// failing is a testing.TB that remembers a failure instead of ending the test.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestVisitFailsWhereABrowserWouldStay(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	for name, address := range map[string]string{
		"malformed request":   srv.URL + "/authorize",
		"malformed address":   "http://127.0.0.1:x/",
		"nobody listens":      "http://127.0.0.1:1/",
		"a page, no redirect": srv.URL + "/jwks",
	} {
		f := &failing{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			srv.Visit(f, address)
		}()
		<-done
		if f.message == "" {
			t.Errorf("%s: Visit did not fail the test", name)
		}
	}
}
