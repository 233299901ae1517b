package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// refreshWith sends one refresh cookie and nothing else.
func (e *env) refreshWith(tb testing.TB, raw string) *answer {
	tb.Helper()
	c := e.client(tb)
	c.header = http.Header{"Cookie": {"aegis_refresh=" + raw}}
	return c.post("/auth/refresh", nil)
}

// refreshCookieOf returns the refresh token that an answer sets.
func refreshCookieOf(tb testing.TB, a *answer) string {
	tb.Helper()
	c := a.cookie("aegis_refresh")
	if c == nil || c.Value == "" {
		tb.Fatalf("%s %s sets no refresh cookie: %d %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body)
	}
	return c.Value
}

// clears reports whether an answer makes a browser forget both tokens.
func clears(a *answer) bool {
	s, r := a.cookie("aegis_session"), a.cookie("aegis_refresh")
	return s != nil && r != nil && s.MaxAge < 0 && r.MaxAge < 0
}

func TestRefreshGraceGivesTheSameSuccessor(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	t0 := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	t1 := refreshCookieOf(t, e.refreshWith(t, t0))
	e.clock.Advance(9 * time.Second)
	late := e.refreshWith(t, t0)
	if got := refreshCookieOf(t, late); got != t1 {
		t.Errorf("a spent token inside the grace gets another successor than the first time")
	}
	if late.cookie("aegis_session") == nil {
		t.Error("a spent token inside the grace gets no access token")
	}
	e.clock.Advance(5 * time.Minute) // the loser of a race refreshes later like anyone
	t2 := refreshCookieOf(t, e.refreshWith(t, t1))
	if t2 == t1 {
		t.Error("a refresh gives the token back that it spent")
	}
}

func TestReplayAfterTheGraceEndsTheSession(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	first := e.client(t).register(alice, aliceWords)
	t0, access := refreshCookieOf(t, first), first.cookie("aegis_session").Value
	t1 := refreshCookieOf(t, e.refreshWith(t, t0))
	e.clock.Advance(11 * time.Second)
	a := e.refreshWith(t, t0)
	if a.StatusCode != 401 || a.code(t) != "session_reused" || !clears(a) {
		t.Fatalf("replay = %d %s, cookies cleared %v; want 401 session_reused, true", a.StatusCode, a.body, clears(a))
	}
	if a := e.refreshWith(t, t1); a.StatusCode != 401 || a.code(t) != "session_expired" {
		t.Errorf("the live token after a replay = %d %s, want 401 session_expired", a.StatusCode, a.body)
	}
	c := e.client(t)
	c.bearer = access
	if a := c.get("/auth/me"); a.StatusCode != 401 {
		t.Errorf("the access token after a replay = %d, want 401", a.StatusCode)
	}
	if !strings.Contains(e.log.String(), "auth.refresh_reused") {
		t.Error("no event tells of the reuse")
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := e.mail.Last(alice); m == nil || m.Kind != auth.MailSessionReused {
		t.Errorf("last mail = %v, want the notice of the reuse", m)
	}
}

func TestOlderTokenIsAConflictWhileARotationIsFresh(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	t0 := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	t1 := refreshCookieOf(t, e.refreshWith(t, t0))
	t2 := refreshCookieOf(t, e.refreshWith(t, t1))
	a := e.refreshWith(t, t0)
	if a.StatusCode != 409 || a.code(t) != "refresh_conflict" || len(a.Cookies()) != 0 {
		t.Fatalf("an older token = %d %s with %v, want 409 refresh_conflict and cookies untouched", a.StatusCode, a.body, a.Cookies())
	}
	if a := e.refreshWith(t, t2); a.StatusCode != 200 {
		t.Errorf("the live token after a conflict = %d, want 200", a.StatusCode)
	}
}

func TestStrictModeCatchesASequentialReplay(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.RefreshGrace = -1; c.Now = time.Now })
	t0 := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	t1 := refreshCookieOf(t, e.refreshWith(t, t0))
	if a := e.refreshWith(t, t0); a.StatusCode != 401 || a.code(t) != "session_reused" {
		t.Fatalf("sequential replay = %d %s, want 401 session_reused", a.StatusCode, a.body)
	}
	if a := e.refreshWith(t, t1); a.StatusCode != 401 {
		t.Errorf("the live token after it = %d, want 401", a.StatusCode)
	}
}

func TestStampede(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name  string
		grace time.Duration
	}{{"grace", 0}, {"strict", -1}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, func(c *auth.Config) { c.RefreshGrace = mode.grace; c.Now = time.Now })
			auth.SetStrictWindow(e.Service, 500*time.Millisecond)
			raw := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
			for round := range 5 {
				answers := make([]*answer, 64)
				var wg sync.WaitGroup
				for i := range answers {
					wg.Go(func() { answers[i] = e.refreshWith(t, raw) })
				}
				wg.Wait()
				next := refreshCookieOf(t, answers[0])
				for i, a := range answers {
					if a.StatusCode != 200 || refreshCookieOf(t, a) != next {
						t.Fatalf("round %d: answer %d = %d %s, want 200 and the one successor", round, i, a.StatusCode, a.body)
					}
				}
				raw = next
			}
		})
	}
}

// failing is a store whose named methods fail.
type failing struct {
	*memstore.Store
	mu    sync.Mutex
	fails map[string]bool
	calls map[string]int
}

func newFailing() *failing {
	return &failing{Store: memstore.New(), fails: make(map[string]bool), calls: make(map[string]int)}
}

var errBroken = errors.New("the store is broken")

func (f *failing) fail(method string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[method] = on
}

func (f *failing) check(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	if f.fails[method] {
		return errBroken
	}
	return nil
}

func (f *failing) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		n += c
	}
	return n
}

func (f *failing) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	if err := f.check("Rotate"); err != nil {
		return nil, false, err
	}
	return f.Store.Rotate(ctx, r)
}

func (f *failing) UserWithSession(ctx context.Context, id string) (*store.User, *store.Session, error) {
	if err := f.check("UserWithSession"); err != nil {
		return nil, nil, err
	}
	return f.Store.UserWithSession(ctx, id)
}

func (f *failing) RevokeSession(ctx context.Context, id string, now time.Time) error {
	if err := f.check("RevokeSession"); err != nil {
		return err
	}
	return f.Store.RevokeSession(ctx, id, now)
}

func (f *failing) UserByEmail(ctx context.Context, email string) (*store.User, error) {
	if err := f.check("UserByEmail"); err != nil {
		return nil, err
	}
	return f.Store.UserByEmail(ctx, email)
}

func TestStoreTroubleDuringRefreshChangesNothing(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"UserWithSession", "Rotate", "RevokeSession"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := newFailing()
			e := newEnv(t, func(c *auth.Config) { c.Store = s })
			raw := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
			if method == "RevokeSession" { // reached by a replay alone
				live := refreshCookieOf(t, e.refreshWith(t, raw))
				e.clock.Advance(time.Minute)
				s.fail(method, true)
				trouble(t, e.refreshWith(t, raw))
				s.fail(method, false)
				raw = live
			} else {
				s.fail(method, true)
				trouble(t, e.refreshWith(t, raw))
				s.fail(method, false)
			}
			if a := e.refreshWith(t, raw); a.StatusCode != 200 {
				t.Errorf("refresh after the trouble = %d %s, want 200", a.StatusCode, a.body)
			}
			if strings.Contains(e.log.String(), "auth.refresh_reused") {
				t.Error("trouble was taken for theft")
			}
		})
	}
}

func trouble(t *testing.T, a *answer) {
	t.Helper()
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || len(a.Cookies()) != 0 {
		t.Errorf("refresh with a broken store = %d, Retry-After %q, cookies %v; want 503 with Retry-After and cookies untouched",
			a.StatusCode, a.Header.Get("Retry-After"), a.Cookies())
	}
}

func TestJunkRefreshTokensCostNoQueryAndRevokeNothing(t *testing.T) {
	t.Parallel()
	s := newFailing()
	e := newEnv(t, func(c *auth.Config) { c.Store = s })
	raw := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	before := s.total()
	invented := raw[:30] + strings.Repeat("A", len(raw)-30) // the right session, another secret
	for _, junk := range []string{"x", "art1_", invented, strings.Repeat("a", 3000)} {
		a := e.refreshWith(t, junk)
		if a.StatusCode != 401 {
			t.Errorf("refresh with %.20q = %d, want 401", junk, a.StatusCode)
		}
	}
	if n := s.total() - before; n != 0 {
		t.Errorf("junk cost %d queries, want none", n)
	}
	if a := e.refreshWith(t, raw); a.StatusCode != 200 {
		t.Errorf("the real token after junk = %d, want 200", a.StatusCode)
	}
}

func TestRefreshWithoutTokenLeavesCookiesAlone(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	a := e.client(t).post("/auth/refresh", nil)
	if a.StatusCode != 401 || a.code(t) != "refresh_missing" || len(a.Cookies()) != 0 {
		t.Errorf("refresh = %d %s with %v, want 401 refresh_missing and no cookies", a.StatusCode, a.body, a.Cookies())
	}
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	raw := refreshCookieOf(t, e.client(t).register(alice, aliceWords))
	for day := 13; day < 30; day += 13 { // busy: the idle limit moves
		e.clock.Advance(13 * 24 * time.Hour)
		a := e.refreshWith(t, raw)
		raw = refreshCookieOf(t, a)
		left := 30*24*time.Hour - time.Duration(day)*24*time.Hour
		if age := time.Duration(a.cookie("aegis_refresh").MaxAge) * time.Second; age > min(left, 14*24*time.Hour) {
			t.Errorf("on day %d the refresh cookie lives for %v, the session for %v", day, age, left)
		}
	}
	e.clock.Advance(4*24*time.Hour + time.Second) // day 30: the absolute limit does not
	if a := e.refreshWith(t, raw); a.StatusCode != 401 || a.code(t) != "session_expired" || !clears(a) {
		t.Errorf("refresh on day 30 = %d %s, want 401 session_expired, cookies cleared", a.StatusCode, a.body)
	}
	raw = refreshCookieOf(t, e.client(t).signIn(alice, aliceWords))
	e.clock.Advance(14*24*time.Hour + time.Second)
	if a := e.refreshWith(t, raw); a.StatusCode != 401 {
		t.Errorf("refresh after 14 idle days = %d, want 401", a.StatusCode)
	}
}

func TestANewSignInEndsThePresentedSession(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.browser(t)
	first := refreshCookieOf(t, b.register(alice, aliceWords))
	second := refreshCookieOf(t, b.signIn(alice, aliceWords))
	if first[:25] == second[:25] {
		t.Error("a sign-in takes the presented session over")
	}
	if a := e.refreshWith(t, first); a.StatusCode != 401 {
		t.Errorf("the session before = %d, want 401", a.StatusCode)
	}
	if a := e.refreshWith(t, second); a.StatusCode != 200 {
		t.Errorf("the new session = %d, want 200", a.StatusCode)
	}
}

func TestSessionsPerUserAreBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := e.client(t)
	oldest := refreshCookieOf(t, c.register(alice, aliceWords))
	for range 55 {
		e.clock.Advance(time.Second)
		c.signIn(alice, aliceWords)
	}
	c.bearer = c.signIn(alice, aliceWords).json(t)["access_token"].(string)
	if n := len(c.want(c.get("/auth/sessions"), 200).json(t)["items"].([]any)); n != 50 {
		t.Errorf("a user has %d sessions, want 50", n)
	}
	if a := e.refreshWith(t, oldest); a.StatusCode != 401 {
		t.Errorf("the oldest session = %d, want 401", a.StatusCode)
	}
}

// The OAuth2 client library signs in and then refreshes by itself.
func TestOAuth2ClientLibrary(t *testing.T) {
	t.Parallel()
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInParams, oauth2.AuthStyleInHeader} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, func(c *auth.Config) { c.AccessTTL = 5 * time.Second; c.Now = time.Now })
			e.client(t).register(alice, aliceWords)
			conf := oauth2.Config{ClientID: "cli", Endpoint: oauth2.Endpoint{TokenURL: e.server.URL + "/auth/token", AuthStyle: style}}
			if _, err := conf.PasswordCredentialsToken(t.Context(), alice, "wrong"); err == nil {
				t.Fatal("the wrong password gets a token")
			} else if re, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || re.ErrorCode != "invalid_grant" {
				t.Errorf("the wrong password gives %v, want invalid_grant", err)
			}
			tok, err := conf.PasswordCredentialsToken(t.Context(), alice, aliceWords)
			if err != nil {
				t.Fatal(err)
			}
			source := conf.TokenSource(t.Context(), tok)
			seen := make(map[string]bool)
			for range 3 { // each token is within the library's margin of expiry at once
				tok, err := source.Token()
				if err != nil {
					t.Fatal(err)
				}
				if seen[tok.RefreshToken] {
					t.Error("the same refresh token twice")
				}
				seen[tok.RefreshToken] = true
				res, err := oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(tok)).Get(e.server.URL + "/auth/me")
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("me with the token = %v, %v, want 200", res, err)
				}
				res.Body.Close()
			}
			if len(seen) != 3 {
				t.Errorf("%d refresh tokens in three calls, want three", len(seen))
			}
		})
	}
}

func TestRefreshGrantIsNotForBrowsers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	a := e.client(t).register(alice, aliceWords)
	raw := refreshCookieOf(t, a)
	for name, header := range map[string]http.Header{
		"Origin":         {"Origin": {"http://localhost:8000"}},
		"Sec-Fetch-Site": {"Sec-Fetch-Site": {"same-origin"}},
		"our cookie":     {"Cookie": {"aegis_session=x"}},
	} {
		c := e.client(t)
		c.header = header
		if a := c.form("/auth/token", "grant_type", "refresh_token", "refresh_token", raw); a.StatusCode != 400 || a.json(t)["error"] != "invalid_request" {
			t.Errorf("refresh grant with %s = %d %s, want 400 invalid_request", name, a.StatusCode, a.body)
		}
	}
	c := e.client(t)
	if a := c.form("/auth/token", "grant_type", "refresh_token", "refresh_token", "art1_junk"); a.StatusCode != 400 || a.json(t)["error"] != "invalid_grant" {
		t.Errorf("junk = %d %s, want 400 invalid_grant", a.StatusCode, a.body)
	}
	if a := c.want(c.form("/auth/token", "grant_type", "refresh_token", "refresh_token", raw), 200); a.json(t)["refresh_token"] == raw {
		t.Error("the refresh token is not rotated")
	}
	b := e.browser(t)
	if body := b.signIn(alice, aliceWords).json(t); body["refresh_token"] != nil {
		t.Error("a browser is shown the refresh token")
	}
}

// TestManySignInsInOneMoment: with equal times the order of sessions is chance,
// and yet a fresh sign-in is never the one that is ended.
func TestManySignInsInOneMoment(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := e.client(t)
	c.register(alice, aliceWords)
	for i := range 120 {
		c.bearer = ""
		c.bearer = c.signIn(alice, aliceWords).json(t)["access_token"].(string)
		if a := c.get("/auth/me"); a.StatusCode != 200 {
			t.Fatalf("me right after sign-in %d = %d, want 200", i+1, a.StatusCode)
		}
	}
}
