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

func exampleService() *auth.Service {
	quiet := slog.New(slog.DiscardHandler)
	svc, err := auth.New(auth.Config{
		Store: memstore.New(), Secret: []byte(testSecret), BaseURL: "http://localhost:8000/auth",
		Hasher: auth.InsecureBcrypt(4), Mailer: auth.NewOutbox(quiet, 0), Logger: quiet,
	})
	if err != nil {
		log.Fatal(err)
	}
	return svc
}

// Pages are at the root of the site, so they are mounted from the table. Their
// guard sends browsers that are not signed in to sign in, and back.
func Example() {
	svc := exampleService()
	p, err := pages.New(svc, pages.Config{AppName: "Northwind"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	for _, r := range p.Routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	mux.Handle("GET /app", p.Guard().RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "the application")
	})))

	r := httptest.NewRequest(http.MethodGet, "/app", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 /auth/pages/continue?next=%2Fapp
}

// One file replaces one page; a theme is appended to the style sheet.
func Example_override() {
	svc := exampleService()
	p, err := pages.New(svc, pages.Config{
		AppName: "Northwind",
		Templates: fstest.MapFS{ // usually an embed.FS
			"static/theme.css": {Data: []byte(`:root { --accent: #5b2fb3 }`)},
			"templates/forgot-password.html": {Data: []byte(`
				{{define "title"}}{{t "forgot.title"}}{{end}}
				{{define "main"}}<h1>Call the desk at extension 42</h1>{{end}}`)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	pages.ForgotPasswordHandler(p).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/forgot-password", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "extension 42"))

	// A template that cannot be rendered is found before the first visitor comes.
	_, err = pages.New(svc, pages.Config{Templates: fstest.MapFS{
		"templates/login.html": {Data: []byte(`{{define "title"}}{{t "no.such.text"}}{{end}}`)},
	}})
	fmt.Println(strings.Contains(err.Error(), "templates/login.html"))
	// Output:
	// 200 true
	// true
}
