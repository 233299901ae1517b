package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth/problem"
)

func TestWithRequestIDAcceptsOnlyHarmlessOnes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for _, id := range []string{"a", "A-z_0.9", "01J8Z3", long} {
		if got := problem.RequestID(problem.WithRequestID(t.Context(), id)); got != id {
			t.Errorf("RequestID(%q) = %q, want it kept", id, got)
		}
	}
	for _, id := range []string{"", long + "a", "a b", "a\r\nb", "é", "a\x00", "<b>", "a/b", "a,b"} {
		got := problem.RequestID(problem.WithRequestID(t.Context(), id))
		if got == id || len(got) < 20 {
			t.Errorf("RequestID(%q) = %q, want a fresh one", id, got)
		}
	}
	if got := problem.RequestID(t.Context()); got != "" {
		t.Errorf("RequestID(bare context) = %q, want none", got)
	}
}

func TestEnsureRequestID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                      string
		response, context, client string
		want                      string // "" means fresh
	}{
		{name: "nobody says", want: ""},
		{name: "the client says", client: "c-1", want: "c-1"},
		{name: "the client talks nonsense", client: "c 1\"", want: ""},
		{name: "the context is trusted more", context: "x-1", client: "c-1", want: "x-1"},
		{name: "the response most", response: "r-1", context: "x-1", client: "c-1", want: "r-1"},
		{name: "a broken response field does not count", response: "r 1", context: "x-1", want: "x-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if tt.context != "" {
				ctx = problem.WithRequestID(ctx, tt.context)
			}
			r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
			w := httptest.NewRecorder()
			if tt.client != "" {
				r.Header.Set("X-Request-Id", tt.client)
			}
			if tt.response != "" {
				w.Header().Set("X-Request-Id", tt.response)
			}
			r = problem.EnsureRequestID(w, r)
			got := problem.RequestID(r.Context())
			if tt.want != "" && got != tt.want || len(got) == 0 || strings.ContainsAny(got, " \"") {
				t.Errorf("RequestID = %q, want %q", got, tt.want)
			}
			if h := w.Header().Get(problem.RequestIDHeader); h != got {
				t.Errorf("response says %q, context %q", h, got)
			}
			if again := problem.EnsureRequestID(w, r); again != r {
				t.Error("EnsureRequestID(second time) made another request, want the same")
			}
			problem.Write(w, r, errTaken)
			var doc struct {
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.RequestID != got || w.Header().Get(problem.RequestIDHeader) != got {
				t.Errorf("document says %q, field %q, want %q in both", doc.RequestID, w.Header().Get(problem.RequestIDHeader), got)
			}
		})
	}
}

func TestWriteMintsAnIDForEachRequest(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		w := httptest.NewRecorder()
		problem.Write(w, httptest.NewRequest("GET", "/", nil), errTaken)
		id := w.Header().Get(problem.RequestIDHeader)
		if id == "" || seen[id] {
			t.Fatalf("Write minted %q, want a fresh one", id)
		}
		seen[id] = true
	}
}
