package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store/memstore"
)

// nobody is a provider whose callbacks always succeed.
type nobody struct{}

func (nobody) Name() string { return "nobody" }
func (nobody) AuthCodeURL(context.Context, *oauth.Flow) (string, error) {
	return "https://provider.example/", nil
}
func (nobody) Identify(context.Context, *oauth.Flow, oauth.Callback) (*oauth.Identity, error) {
	return &oauth.Identity{Subject: "1", Email: "ada@example.com", EmailVerified: true}, nil
}

func flowService(tb testing.TB, now func() time.Time) *Service {
	tb.Helper()
	s, err := New(Config{Store: memstore.New(), Secret: []byte(strings.Repeat("6b1f0c3e9a7d4528", 2)), BaseURL: testSite + "/auth",
		Hasher: InsecureBcrypt(4), Mailer: NewOutbox(quiet(), 1), Logger: quiet(), Providers: []oauth.Provider{nobody{}}, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close(context.WithoutCancel(tb.Context())) })
	return s
}

// sealed is the cookie of a flow, under the name that belongs to state.
func (s *Service) sealed(tb testing.TB, state string, flow *oauth.Flow) *http.Cookie {
	tb.Helper()
	name := s.flows.name(state)
	value, err := s.flows.codecs[0].Encode(name, flow)
	if err != nil {
		tb.Fatal(err)
	}
	return &http.Cookie{Name: name, Value: value}
}

// TestTakeFlow: even who could seal cookies could not use one for another state,
// after its time, or twice.
func TestTakeFlow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := flowService(t, func() time.Time { return now })
	take := func(state string, c *http.Cookie) *oauth.Flow {
		r := httptest.NewRequest("GET", "/auth/oauth/nobody/callback", nil)
		r.AddCookie(c)
		return s.takeFlow(httptest.NewRecorder(), r, state)
	}
	fresh := func() *oauth.Flow { return oauth.NewFlow("nobody", "http://localhost:8000/cb", now) }

	good, other := fresh(), fresh()
	if got := take(other.State, s.sealed(t, other.State, good)); got != nil {
		t.Error("a flow is taken for another's state")
	}
	if got := take("", s.sealed(t, "", &oauth.Flow{Provider: "nobody", ExpiresAt: now.Add(time.Minute)})); got != nil {
		t.Error("a flow without state is taken")
	}
	moved := s.sealed(t, other.State, other)
	moved.Name = s.flows.name(good.State)
	if got := take(good.State, moved); got != nil {
		t.Error("a cookie is taken under another's name")
	}
	for age, want := range map[time.Duration]bool{oauth.FlowLifetime - time.Second: true, oauth.FlowLifetime: false, 24 * time.Hour: false} {
		old := oauth.NewFlow("nobody", "http://localhost:8000/cb", now.Add(-age))
		if got := take(old.State, s.sealed(t, old.State, old)); (got != nil) != want {
			t.Errorf("a flow of %v ago is taken: %v, want %v", age, got != nil, want)
		}
	}
	if got := take(good.State, s.sealed(t, good.State, good)); got == nil || got.Verifier != good.Verifier || got.Nonce != good.Nonce {
		t.Errorf("a good flow is taken as %+v", got)
	}
	if got := take(good.State, s.sealed(t, good.State, good)); got != nil {
		t.Error("a flow is taken twice")
	}
}

// TestSpentFlows: a flow stays spent for as long as it could come again, and the
// memory of it is bounded.
func TestSpentFlows(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for offset := range oauth.FlowLifetime / time.Minute {
		var f spentFlows
		f.take("something before", start)
		at := start.Add(offset * time.Minute) // anywhere in a generation
		if !f.take("one", at) {
			t.Fatalf("at %v: a flow is spent before it comes", offset)
		}
		for minute := range oauth.FlowLifetime / time.Minute {
			if now := at.Add(minute * time.Minute); f.take("one", now) {
				t.Fatalf("at %v: a flow comes again after %v", offset, now.Sub(at))
			}
		}
	}
	var f spentFlows
	for i := range 3 * maxSpent {
		f.take(fmt.Sprint(i), start)
	}
	if n := len(f.newer) + len(f.older); n > 2*maxSpent {
		t.Errorf("%d spent flows are kept, want %d at most", n, 2*maxSpent)
	}
	if f.take(fmt.Sprint(3*maxSpent-1), start) {
		t.Error("the newest spent flow is forgotten")
	}
}

// TestReturnPathIsCheckedAtUse, whatever was sealed.
func TestReturnPathIsCheckedAtUse(t *testing.T) {
	t.Parallel()
	s := flowService(t, time.Now)
	for next, want := range map[string]string{"/kept": "/kept", "//evil.example": "/app", "https://evil.example": "/app", "/\\evil.example": "/app", "": "/app"} {
		flow := oauth.NewFlow("nobody", "http://localhost:8000/cb", s.now())
		flow.ReturnTo = next
		r := httptest.NewRequest("GET", "/auth/oauth/nobody/callback?code=x&state="+flow.State, nil)
		r.AddCookie(s.sealed(t, flow.State, flow))
		w := httptest.NewRecorder()
		s.Mux().ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != 303 || got != want {
			t.Errorf("callback with the sealed path %q = %d to %q, want 303 to %s", next, w.Code, got, want)
		}
	}
}
