package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
)

// The SHA-1 of "password1" is E38AD214943DAAD1D64C102FAEC29DE4AFE9DA3D.
const (
	breachedPrefix = "E38AD"
	breachedSuffix = "214943DAAD1D64C102FAEC29DE4AFE9DA3D"
)

// rangeService answers every request with lines, and remembers the last.
func rangeService(t *testing.T, status int, lines ...string) (b *auth.BreachedPasswords, asked *http.Request) {
	t.Helper()
	asked = new(http.Request)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, strings.Join(lines, "\r\n"))
	}))
	t.Cleanup(srv.Close)
	return &auth.BreachedPasswords{URL: srv.URL + "/range/", Client: srv.Client()}, asked
}

func TestBreachedPasswords(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("0", 35) + ":7"
	tests := []struct {
		name    string
		status  int
		lines   []string
		least   int
		refused bool
		failed  bool
	}{
		{"known", 200, []string{other, breachedSuffix + ":2413945", other}, 0, true, false},
		{"known, in lower case", 200, []string{strings.ToLower(breachedSuffix) + ":1"}, 0, true, false},
		{"not known", 200, []string{other}, 0, false, false},
		{"an empty answer", 200, nil, 0, false, false},
		{"padding", 200, []string{breachedSuffix + ":0"}, 0, false, false},
		{"seen less than what counts", 200, []string{breachedSuffix + ":9"}, 10, false, false},
		{"seen as often as what counts", 200, []string{breachedSuffix + ":10"}, 10, true, false},
		{"lines that are none", 200, []string{"", ":", "junk", breachedSuffix, breachedSuffix + ":3"}, 0, true, false},
		{"a count that is none", 200, []string{breachedSuffix + ":many"}, 0, false, true},
		{"the service is down", 503, []string{breachedSuffix + ":3"}, 0, false, true},
		{"a line without end", 200, []string{strings.Repeat("A", 1<<21)}, 0, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, asked := rangeService(t, tt.status, tt.lines...)
			b.Least = tt.least
			err := b.Check(t.Context(), "password1", nil)
			if refused := errors.Is(err, auth.ErrBreachedPassword); refused != tt.refused || (err != nil) != (tt.refused || tt.failed) {
				t.Errorf("Check = %v, want refused %v, failed %v", err, tt.refused, tt.failed)
			}
			if asked.URL.Path != "/range/"+breachedPrefix || asked.URL.RawQuery != "" || asked.Header.Get("Add-Padding") != "true" {
				t.Errorf("asked for %s with padding %q, want /range/%s with padding", asked.URL, asked.Header.Get("Add-Padding"), breachedPrefix)
			}
		})
	}
}

// Errors go to the log: they must not help to find the password.
func TestBreachedPasswordsErrorsSayNothing(t *testing.T) {
	t.Parallel()
	b, _ := rangeService(t, http.StatusOK)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"an ended context": b.Check(ended, "password1", nil),
		"no such service":  (&auth.BreachedPasswords{URL: "http://127.0.0.1:1/"}).Check(t.Context(), "password1", nil),
		"a malformed URL":  (&auth.BreachedPasswords{URL: "://\x00"}).Check(t.Context(), "password1", nil),
	} {
		if err == nil || errors.Is(err, auth.ErrBreachedPassword) {
			t.Errorf("%s: Check = %v, want another error", name, err)
			continue
		}
		if s := err.Error(); strings.Contains(s, breachedPrefix) || strings.Contains(s, "password1") {
			t.Errorf("%s: the error shows part of the hash: %v", name, err)
		}
	}
}
