package problem_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aegis-auth/aegis/auth/problem"
)

// A failure is declared once. Handlers return it with its cause; clients see
// the sentence, the log sees the cause.
func Example() {
	var ErrSlugTaken = &problem.Error{
		Status: http.StatusConflict, Code: "slug_taken", Detail: "This name is in use.",
	}
	rename := func() error {
		return ErrSlugTaken.With(errors.New("unique constraint orgs_slug_key"))
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := rename(); err != nil {
			problem.Write(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})

	r := httptest.NewRequest("POST", "/orgs/7", nil)
	r.Header.Set("X-Request-Id", "42")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	fmt.Print(w.Body)
	fmt.Println(errors.Is(rename(), ErrSlugTaken))
	// Output:
	// 409 application/problem+json
	// {"type":"about:blank","title":"Conflict","status":409,"detail":"This name is in use.","code":"slug_taken","request_id":"42"}
	// true
}

func ExampleWriteOAuth() {
	r := httptest.NewRequest("POST", "/auth/token", nil)
	r.Header.Set("X-Request-Id", "42")
	w := httptest.NewRecorder()
	problem.WriteOAuth(w, r, &problem.Error{
		Status: http.StatusBadRequest, Code: "unsupported_grant_type", OAuth: "unsupported_grant_type",
		Detail: "Use password or refresh_token.",
	})
	fmt.Print(w.Body)
	// Output:
	// {"type":"about:blank","title":"Bad Request","status":400,"detail":"Use password or refresh_token.","code":"unsupported_grant_type","request_id":"42","error":"unsupported_grant_type","error_description":"Use password or refresh_token."}
}
