package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestPathsThatAreNoText: what no database takes as a value never reaches one.
func TestPathsThatAreNoText(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	reached := 0
	h := e.Harden(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	for _, path := range []string{"/users/%00", "/users/a%00b", "/users/%ff", "/users/%c0%a7", "/users/%ed%a0%80"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 404 {
			t.Errorf("GET %s = %d, want 404", path, w.Code)
		}
	}
	if reached != 0 {
		t.Errorf("the handler was reached %d times, want 0", reached)
	}
	if h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/%C3%A9", nil)); reached != 1 {
		t.Error("a path of other letters does not reach the handler")
	}
}
