// Quickstart is the smallest program with accounts: everything in memory, one
// protected route.
//
//	JWT_SECRET_KEY=$(openssl rand -base64 32) go run ./examples/quickstart
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store/memstore"
)

func main() {
	svc, err := auth.New(auth.Config{
		Store:   memstore.New(),
		Secret:  []byte(os.Getenv("JWT_SECRET_KEY")),
		BaseURL: "http://localhost:8000/auth",
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	mux.Handle("GET /hello", svc.Guard().RequireUser(http.HandlerFunc(hello)))
	log.Fatal(http.ListenAndServe("localhost:8000", mux))
}

func hello(w http.ResponseWriter, r *http.Request) {
	p, _ := middleware.PrincipalFrom(r.Context())
	fmt.Fprintln(w, "hello", p.Email)
}
