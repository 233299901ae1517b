// Customstore keeps users in a table of the application's own, and sessions and
// one-time tokens in those of sqlstore.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/aegis-auth/aegis/auth"
)

func main() {
	s, err := open(context.Background(), "people.db")
	if err != nil {
		log.Fatal(err)
	}
	svc, err := auth.New(auth.Config{
		Store:   s,
		Secret:  []byte(os.Getenv("JWT_SECRET_KEY")),
		BaseURL: "http://localhost:8000/auth",
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8000", svc.Mux()))
}
