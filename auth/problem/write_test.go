package problem_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// silent keeps the expected failures of these tests out of their output.
var silent = problem.Writer{Logger: slog.New(slog.DiscardHandler)}

// dump is an answer as it goes over the wire, fields sorted.
func dump(res *httptest.ResponseRecorder) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", res.Code)
	h := res.Result().Header
	var names []string
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range h[n] {
			fmt.Fprintf(&b, "%s: %s\n", n, v)
		}
	}
	b.WriteByte('\n')
	b.Write(res.Body.Bytes())
	return b.Bytes()
}

func TestWriteGolden(t *testing.T) {
	t.Parallel()
	sqlError := errors.New(`pq: duplicate key value violates unique constraint "users_email_key" at /srv/app/users.go:41`)
	tests := []struct {
		name   string
		err    error
		method string
		oauth  bool
		header http.Header // set on the response before
	}{
		{name: "conflict", err: errTaken.With(sqlError)},
		{name: "internal", err: sqlError},
		{name: "nil", err: nil},
		{name: "cancelled", err: context.Canceled},
		{name: "status_only", err: &problem.Error{Status: 404}},
		{name: "bad_status", err: &problem.Error{Status: 200, Code: "odd", Detail: "Odd."}},
		{name: "unnamed_status", err: &problem.Error{Status: 499, Detail: "Odd."}},
		{name: "validation", err: &problem.Error{Status: 422, Code: "invalid_input", Detail: "Some fields need attention.", Fields: []problem.Field{
			{Name: "email", Code: "invalid_email", Detail: "This is not an e-mail address."},
			{Name: "password", Code: "too_short", Detail: "Use at least 8 characters."},
		}}},
		{name: "validation_empty", err: &problem.Error{Status: 422, Code: "invalid_input", Detail: "No."}},
		{name: "malformed_with_field", err: &problem.Error{Status: 400, Code: "malformed", Detail: "No.", Fields: []problem.Field{{Name: "a", Code: "duplicate", Detail: "Twice."}}}},
		{name: "unauthenticated", err: &problem.Error{Status: 401, Code: "unauthenticated", Detail: "Sign in to continue."}},
		{name: "invalid_token", err: &problem.Error{Status: 401, Code: "invalid_token", Detail: "The token does not hold.", Challenge: problem.BearerChallenge("invalid_token", `The "access token" has expired`)}},
		{name: "insufficient_scope", err: &problem.Error{Status: 403, Code: "forbidden", Detail: "This is not allowed.", Challenge: problem.BearerChallenge("insufficient_scope", "")}},
		{name: "challenge_splitting", err: &problem.Error{Status: 401, Code: "x", Challenge: "Bearer\r\nSet-Cookie: a=b"}},
		{name: "rate_limited", err: (&problem.Error{Status: 429, Code: "rate_limited", Detail: "Too many tries."}).WithRetryAfter(1001 * time.Millisecond)},
		{name: "rate_limited_no_wait", err: &problem.Error{Status: 429, Code: "rate_limited", Detail: "Too many tries."}},
		{name: "markup", err: &problem.Error{Status: 400, Code: "x", Detail: `<script>alert("1")</script>` + "\x00\r\n\xff"}},
		{name: "head", err: errTaken, method: http.MethodHead},
		{name: "keeps_cookies", err: errTaken, header: http.Header{
			"Set-Cookie": {"aegis_session=; Max-Age=0", "aegis_refresh=; Max-Age=0"}, "Allow": {"GET"},
			"Content-Encoding": {"gzip"}, "Etag": {`"x"`}, "Last-Modified": {"Mon, 02 Jan 2006 15:04:05 GMT"},
			"Content-Length": {"9999"}, "Content-Type": {"text/html"}, "Cache-Control": {"public"},
			"Referrer-Policy": {"same-origin"}}},
		{name: "oauth_credentials", oauth: true, err: &problem.Error{Status: 401, Code: "invalid_credentials", Detail: "The address or the password is wrong."}},
		{name: "oauth_explicit", oauth: true, err: &problem.Error{Status: 400, Code: "unsupported_grant_type", OAuth: "unsupported_grant_type", Detail: `Use "password" – or C:\refresh.`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method := tt.method
			if method == "" {
				method = http.MethodPost
			}
			r := httptest.NewRequestWithContext(problem.WithRequestID(t.Context(), "req-1"), method, "/", nil)
			w := httptest.NewRecorder()
			for n, vs := range tt.header {
				w.Header()[n] = slices.Clone(vs)
			}
			if tt.oauth {
				silent.WriteOAuth(w, r, tt.err)
			} else {
				silent.Write(w, r, tt.err)
			}
			got := dump(w)
			file := filepath.Join("testdata", tt.name+".golden")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("answer differs from %s\ngot:\n%s\nwant:\n%s", file, got, want)
			}
			if method != http.MethodHead {
				if n := w.Header().Get("Content-Length"); n != fmt.Sprint(w.Body.Len()) {
					t.Errorf("Content-Length = %s, body has %d bytes", n, w.Body.Len())
				}
				if !json.Valid(w.Body.Bytes()) {
					t.Errorf("body is no JSON: %s", w.Body)
				}
			}
			for _, secret := range []string{"users_email_key", "/srv/app", "pq:"} {
				if strings.Contains(string(got), secret) {
					t.Errorf("the answer reveals %q", secret)
				}
			}
		})
	}
}

func TestRetryAfterNeverPromisesTooEarly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		wait   time.Duration
		want   string
	}{
		{429, 0, "1"},
		{429, -time.Hour, "1"},
		{429, time.Nanosecond, "1"},
		{429, time.Second, "1"},
		{429, time.Second + time.Nanosecond, "2"},
		{503, 0, "1"},
		{503, 90 * time.Minute, "5400"},
		{503, 1<<63 - 1, "9223372037"},
		{409, 0, ""},
		{409, 1500 * time.Millisecond, "2"},
		{401, 0, ""},
		{500, 0, ""},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		silent.Write(w, httptest.NewRequest("GET", "/", nil), &problem.Error{Status: tt.status, RetryAfter: tt.wait})
		if got := w.Header().Get("Retry-After"); got != tt.want {
			t.Errorf("status %d, RetryAfter %v: Retry-After = %q, want %q", tt.status, tt.wait, got, tt.want)
		}
	}
}

func TestWriteOAuthErrorValues(t *testing.T) {
	t.Parallel()
	tests := map[int]string{
		400: "invalid_request", 401: "invalid_grant", 403: "access_denied", 404: "invalid_request",
		405: "invalid_request", 409: "temporarily_unavailable", 413: "invalid_request", 415: "invalid_request",
		422: "invalid_request", 429: "temporarily_unavailable", 500: "server_error", 501: "server_error",
		503: "temporarily_unavailable",
	}
	for status, want := range tests {
		w := httptest.NewRecorder()
		problem.WriteOAuth(w, httptest.NewRequest("POST", "/token", nil), &problem.Error{Status: status, Detail: "Étrange."})
		var doc map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if doc["error"] != want || doc["error_description"] != "?trange." || doc["detail"] != "Étrange." {
			t.Errorf("status %d: error = %v (%v), want %q", status, doc["error"], doc["error_description"], want)
		}
	}
}

func TestPlainDocumentHasNoOAuthMembers(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.Write(w, httptest.NewRequest("GET", "/", nil), errTaken)
	if strings.Contains(w.Body.String(), `"error"`) || strings.Contains(w.Body.String(), `"errors"`) {
		t.Errorf("Write(409) = %s, want neither error nor errors", w.Body)
	}
}

func TestBearerChallenge(t *testing.T) {
	t.Parallel()
	tests := []struct{ code, description, want string }{
		{"", "", `Bearer`},
		{"", "ignored without a code", `Bearer`},
		{"invalid_token", "", `Bearer error="invalid_token"`},
		{"invalid_token", "expired", `Bearer error="invalid_token", error_description="expired"`},
		{"invalid_token", "a\"b\\c\r\nd é", `Bearer error="invalid_token", error_description="a'b/c??d ?"`},
		{`x", realm="y`, "", `Bearer error="x', realm='y"`},
	}
	for _, tt := range tests {
		if got := problem.BearerChallenge(tt.code, tt.description); got != tt.want {
			t.Errorf("BearerChallenge(%q, %q) = %s, want %s", tt.code, tt.description, got, tt.want)
		}
	}
}

func TestWriteLogsCausesOfServerErrorsOnly(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire\nlevel=INFO msg=forged")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"unknown error", cause, "level=ERROR"},
		{"unavailable", problem.ErrUnavailable.With(cause), "level=ERROR"},
		{"the client went away", context.Canceled, "level=DEBUG"},
		{"a client's mistake", errTaken.With(cause), ""},
		{"no cause to tell", &problem.Error{Status: 503}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			wr := problem.Writer{Logger: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			r := httptest.NewRequestWithContext(problem.WithRequestID(t.Context(), "req-9"), "GET", "/", nil)
			wr.Write(httptest.NewRecorder(), r, tt.err)
			got := b.String()
			if tt.want == "" {
				if got != "" {
					t.Errorf("logged %q, want nothing", got)
				}
				return
			}
			if !strings.Contains(got, tt.want) || !strings.Contains(got, "request_id=req-9") || strings.Count(got, "\n") != 1 {
				t.Errorf("logged %q, want one line with %q and the request ID", got, tt.want)
			}
		})
	}
}

// TestWriteOverHTTP checks what only a real server shows: HEAD has the length
// and no body, and a challenge arrives unbroken.
func TestWriteOverHTTP(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, &problem.Error{Status: 401, Code: "unauthenticated", Detail: "Sign in to continue."})
	}))
	defer srv.Close()
	for _, method := range []string{"GET", "HEAD", "POST"} {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		_, _ = b.ReadFrom(res.Body)
		res.Body.Close()
		if res.StatusCode != 401 || res.Header.Get("Content-Type") != problem.ContentType || res.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d %v", method, res.StatusCode, res.Header)
		}
		if res.ContentLength <= 0 || (method == "HEAD") != (b.Len() == 0) {
			t.Errorf("%s: Content-Length %d with %d bytes of body", method, res.ContentLength, b.Len())
		}
	}
}
