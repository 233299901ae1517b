package oauth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth"
)

func TestNewFlowIsFreshEveryTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 999, time.FixedZone("", 3600))
	seen := make(map[string]bool)
	for range 1000 {
		f := oauth.NewFlow("github", callbackURL, now)
		for _, s := range []string{f.State, f.Verifier, f.Nonce} {
			b, err := base64.RawURLEncoding.DecodeString(s)
			if err != nil || len(b) != 32 {
				t.Fatalf("%q is %d bytes, error %v, want 32 in base64url", s, len(b), err)
			}
			if seen[s] {
				t.Fatalf("%q came twice", s)
			}
			seen[s] = true
		}
		if f.Provider != "github" || f.RedirectURL != callbackURL || f.LinkTo != "" || f.ReturnTo != "" {
			t.Fatalf("NewFlow = %+v, want provider and redirect address and nothing else", f)
		}
		if want := time.Date(2026, 3, 1, 11, 10, 0, 0, time.UTC); f.ExpiresAt != want {
			t.Fatalf("ExpiresAt = %v, want %v", f.ExpiresAt, want)
		}
	}
}

func TestFlowMatches(t *testing.T) {
	t.Parallel()
	f := oauth.NewFlow("github", callbackURL, time.Now())
	for name, tt := range map[string]struct {
		flow  *oauth.Flow
		state string
		want  bool
	}{
		"the state":             {f, f.State, true},
		"another":               {f, oauth.NewFlow("github", callbackURL, time.Now()).State, false},
		"empty":                 {f, "", false},
		"its beginning":         {f, f.State[:42], false},
		"with something behind": {f, f.State + "a", false},
		"in capitals":           {f, strings.ToUpper(f.State), false},
		"the verifier":          {f, f.Verifier, false},
		"empty on both sides":   {&oauth.Flow{}, "", false},
		"no flow":               {nil, "", false},
		"no flow, some state":   {nil, f.State, false},
	} {
		if got := tt.flow.Matches(tt.state); got != tt.want {
			t.Errorf("%s: Matches = %t, want %t", name, got, tt.want)
		}
	}
}

func TestFlowExpires(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := oauth.NewFlow("github", callbackURL, now)
	for after, want := range map[time.Duration]bool{
		0: false, oauth.FlowLifetime - 1: false, oauth.FlowLifetime: true, time.Hour: true,
	} {
		if got := f.Expired(now.Add(after)); got != want {
			t.Errorf("Expired after %v = %t, want %t", after, got, want)
		}
	}
	if !(&oauth.Flow{}).Expired(now) || !(*oauth.Flow)(nil).Expired(now) {
		t.Error("a flow without a limit, or no flow, is not expired, want it to be")
	}
}

func TestFlowSurvivesJSON(t *testing.T) {
	t.Parallel()
	f := oauth.NewFlow("github", callbackURL, time.Now())
	f.ReturnTo, f.LinkTo, f.SessionID = "/app?a=b", "user-1", "session-1"
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var g oauth.Flow
	if err := json.Unmarshal(b, &g); err != nil || g != *f {
		t.Errorf("after JSON: %#v, error %v, want the same flow", g, err)
	}
	if len(b) > 400 {
		t.Errorf("JSON has %d bytes, want at most 400 for a cookie: %s", len(b), b)
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	f := oauth.NewFlow("github", callbackURL, time.Now())
	id := &oauth.Identity{Subject: "583231", Email: "ada@example.com", Name: "Ada Lovelace", Raw: json.RawMessage(`{"secret":1}`)}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "flow", f, "value", *f, "identity", id, "none", (*oauth.Identity)(nil))
	text := fmt.Sprintf("%v %+v %#v %s %v %#v", f, f, f, f, *f, *f)
	for _, p := range []oauth.Provider{oauth.GitHub("id", "hidden"), oauth.Google("id", "hidden")} {
		logger.Info("x", "provider", p)
		text += fmt.Sprintf("%v %+v %#v %s %v", p, p, p, p, struct{ P []oauth.Provider }{[]oauth.Provider{p}})
	}
	text += log.String()
	for _, secret := range []string{"hidden", f.State, f.Verifier, f.Nonce, "ada@example.com", "Lovelace", "secret\":1"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q was printed: %s", secret, text)
		}
	}
	if !strings.Contains(log.String(), "583231") || !strings.Contains(log.String(), "github") {
		t.Errorf("log %s lacks subject or provider", log.String())
	}
}
