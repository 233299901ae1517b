package pages_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/fstest"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/store/memstore"
)

// The pages are mounted at the root of the site, and one of them is replaced by a
// file of the same name.
func ExampleNew() {
	svc, err := auth.New(auth.Config{
		Store:   memstore.New(),
		Secret:  []byte("6b1f0c3e9a7d4528b0e2f4a1c8d9e7350f5a"),
		BaseURL: "http://localhost:8000/auth",
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	look := fstest.MapFS{"templates/forgot-password.html": {Data: []byte(
		`{{define "title"}}Help{{end}}{{define "main"}}<p>Ask at the desk.</p>{{end}}`)}}
	site, err := pages.New(svc, pages.Config{AppName: "Acme", Templates: look})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	for _, r := range site.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/forgot-password", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "Ask at the desk."))
	// Output: 200 true
}
