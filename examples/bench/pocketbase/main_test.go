package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestBothAccept shows that requests that pass are compared.
func TestBothAccept(t *testing.T) {
	passed := 0
	ours, theirs, end, err := routes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range []route{ours, theirs} {
		send := func(token string) int {
			passed = 0
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, request(token))
			return w.Code
		}
		for _, raw := range r.tokens {
			if status := send(raw); status != http.StatusOK || passed != 1 {
				t.Fatalf("%s: good token = %d, passed on %d times", r.name, status, passed)
			}
		}
		raw := r.tokens[0]
		at := len(raw) - 20
		forged := raw[:at] + strings.Map(func(c rune) rune {
			if c == 'A' {
				return 'B'
			}
			return 'A'
		}, raw[at:at+1]) + raw[at+1:]
		for name, token := range map[string]string{"forged": forged, "empty": ""} {
			if status := send(token); status != http.StatusUnauthorized || passed != 0 {
				t.Errorf("%s: %s token = %d, passed on %d times", r.name, name, status, passed)
			}
		}
	}
}

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		if _, err := table(1, time.Microsecond); err != nil {
			b.Fatal(err)
		}
	}
}
