package oauth

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// answering is a transport that gives one answer, and counts.
type answering struct {
	status      int
	contentType string
	body        io.Reader
	length      int64
	asked       int
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked++
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {a.contentType}},
		Body: io.NopCloser(a.body), ContentLength: a.length, Request: r}, nil
}

func TestExchange(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	for _, tt := range []struct {
		name        string
		status      int
		contentType string
		body        string
		kind        error // nil for success
		reason      string
	}{
		{"as it should be", 200, jsonType, `{"access_token":"at","token_type":"Bearer"}`, nil, ""},
		{"with a charset", 200, "application/json; charset=utf-8", `{"access_token":"at","token_type":"bearer"}`, nil, ""},
		{"with more than we asked for", 200, jsonType, `{"access_token":"at","token_type":"bearer","expires_in":3600,"refresh_token":"rt","x":{}}`, nil, ""},
		{"expiry as a string", 200, jsonType, `{"access_token":"at","token_type":"bearer","expires_in":"3600"}`, nil, ""},
		{"status 201", 201, jsonType, `{"access_token":"at","token_type":"bearer"}`, ErrRejected, "status 201"},
		{"no content type", 200, "", `{"access_token":"at","token_type":"bearer"}`, ErrRejected, "not JSON"},
		{"plain text", 200, "text/plain", "access_token=at&token_type=bearer", ErrRejected, "not JSON"},
		{"a form", 200, "application/x-www-form-urlencoded", "access_token=at&token_type=bearer", ErrRejected, "not JSON"},
		{"null", 200, jsonType, `null`, ErrRejected, "no access token"},
		{"a list", 200, jsonType, `[]`, ErrRejected, "no access token"},
		{"an empty object", 200, jsonType, `{}`, ErrRejected, "no access token"},
		{"a numeric token", 200, jsonType, `{"access_token":1,"token_type":"bearer"}`, ErrRejected, "no access token"},
		{"an empty token", 200, jsonType, `{"access_token":"","token_type":"bearer"}`, ErrRejected, "no access token"},
		{"a token with a line break", 200, jsonType, `{"access_token":"a\nb","token_type":"bearer"}`, ErrRejected, "malformed"},
		{"a token with a space", 200, jsonType, `{"access_token":"a b","token_type":"bearer"}`, ErrRejected, "malformed"},
		{"a token that is not ASCII", 200, jsonType, `{"access_token":"ä","token_type":"bearer"}`, ErrRejected, "malformed"},
		{"a token of 16 KiB", 200, jsonType, `{"access_token":"` + strings.Repeat("a", maxSecret) + `","token_type":"bearer"}`, nil, ""},
		{"a longer token", 200, jsonType, `{"access_token":"` + strings.Repeat("a", maxSecret+1) + `","token_type":"bearer"}`, ErrRejected, "malformed"},
		{"no type", 200, jsonType, `{"access_token":"at"}`, ErrRejected, "type"},
		{"another type", 200, jsonType, `{"access_token":"at","token_type":"DPoP"}`, ErrRejected, "type"},
		{"a token twice", 200, jsonType, `{"access_token":"at","Access_Token":"b","token_type":"bearer"}`, ErrRejected, "repeats"},
		{"a registered error with 200", 200, jsonType, `{"error":"bad_verification_code"}`, ErrRejected, "bad_verification_code"},
		{"an error beside a token", 200, jsonType, `{"error":"x","access_token":"at","token_type":"bearer"}`, ErrRejected, "an error"},
		{"a registered error", 400, jsonType, `{"error":"invalid_grant","error_description":"the-code"}`, ErrRejected, "invalid_grant"},
		{"a made-up error", 400, jsonType, `{"error":"the-code"}`, ErrRejected, "an error"},
		{"an error of another type", 400, jsonType, `{"error":{"code":"the-code"}}`, ErrRejected, "status 400"},
		{"an error without a body", 400, "", ``, ErrRejected, "status 400"},
		{"unknown client", 401, jsonType, `{"error":"invalid_client"}`, ErrRejected, "invalid_client"},
		{"a redirect", 303, jsonType, `{}`, ErrRejected, "redirects"},
		{"not found", 404, "text/html", `the-code`, ErrRejected, "status 404"},
		{"too many requests", 429, jsonType, `{}`, ErrUnavailable, "status 429"},
		{"server error", 500, jsonType, `{"error":"invalid_grant"}`, ErrUnavailable, "status 500"},
		{"gateway", 503, "text/html", ``, ErrUnavailable, "status 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := &answering{status: tt.status, contentType: tt.contentType, body: strings.NewReader(tt.body), length: -1}
			conf := &oauth2.Config{ClientID: "id", ClientSecret: "the-secret", Endpoint: oauth2.Endpoint{
				TokenURL: "https://issuer.example/token", AuthStyle: oauth2.AuthStyleInParams}}
			tok, err := exchange(t.Context(), bounded(&http.Client{Transport: a}), conf, NewFlow("p", "https://app.example/", time.Now()), "the-code")
			if a.asked != 1 {
				t.Errorf("%d requests, want 1", a.asked)
			}
			if (tok != nil) != (tt.kind == nil) || !errors.Is(err, tt.kind) {
				t.Fatalf("exchange = token %t, error %v, want %v", tok != nil, err, tt.kind)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), tt.reason) || strings.Contains(err.Error(), "the-") {
				t.Errorf("error = %v, want it to say %q and nothing that was sent", err, tt.reason)
			}
		})
	}
}

// TestDeclaredLengthIsBelieved: what says that it is too large is not read.
func TestDeclaredLengthIsBelieved(t *testing.T) {
	t.Parallel()
	for length, want := range map[int64]error{maxBody: nil, maxBody + 1: ErrRejected} {
		body := &reading{Reader: strings.NewReader("{}")}
		a := &answering{status: 200, contentType: "application/json", body: body, length: length}
		_, _, err := fetchJSON(t.Context(), bounded(&http.Client{Transport: a}), "test", "https://issuer.example/", nil)
		if !errors.Is(err, want) || body.was != (want == nil) {
			t.Errorf("length %d: error %v, read %t, want error %v", length, err, body.was, want)
		}
	}
}

type reading struct {
	io.Reader
	was bool
}

func (r *reading) Read(p []byte) (int, error) {
	r.was = true
	return r.Reader.Read(p)
}

func TestSettingsThatCannotWorkAskNobody(t *testing.T) {
	t.Parallel()
	google := Google("id", "secret")
	google.Issuer = "https://issuer.example"
	for name, p := range map[string]Provider{
		"issuer over http":   &OIDC{ID: "x", Issuer: "http://issuer.example", ClientID: "id", ClientSecret: "secret"},
		"no issuer":          &OIDC{ID: "x", ClientID: "id", ClientSecret: "secret"},
		"another for Google": google,
		"GitHub over http":   &GitHubProvider{BaseURL: "http://git.example.com", ClientID: "id", ClientSecret: "secret"},
	} {
		a := &answering{status: 200, contentType: "application/json", body: strings.NewReader("{}")}
		switch p := p.(type) {
		case *OIDC:
			p.Client = &http.Client{Transport: a}
		case *GitHubProvider:
			p.Client = &http.Client{Transport: a}
		}
		f := NewFlow(p.Name(), "https://app.example/", time.Now())
		if _, err := p.AuthCodeURL(t.Context(), f); !errors.Is(err, ErrNotConfigured) {
			t.Errorf("%s: AuthCodeURL error = %v, want ErrNotConfigured", name, err)
		}
		if _, err := p.Identify(t.Context(), f, Callback{Code: "code"}); !errors.Is(err, ErrNotConfigured) {
			t.Errorf("%s: Identify error = %v, want ErrNotConfigured", name, err)
		}
		if a.asked != 0 {
			t.Errorf("%s: %d requests, want none", name, a.asked)
		}
	}
}

// TestGooglesOldName is accepted in tokens of Google alone.
func TestGooglesOldName(t *testing.T) {
	t.Parallel()
	google, standIn := Google("id", "secret"), Google("id", "secret")
	standIn.Issuer = "http://127.0.0.1:1"
	for name, tt := range map[string]struct {
		p    *OIDC
		want int
	}{
		"Google": {google, 2}, "a stand-in": {standIn, 1}, "another issuer": {&OIDC{Issuer: GoogleIssuer}, 1},
	} {
		if got := tt.p.issuers(); len(got) != tt.want || got[0] != tt.p.Issuer {
			t.Errorf("%s: issuers = %v, want %d, beginning with its own", name, got, tt.want)
		}
	}
}
