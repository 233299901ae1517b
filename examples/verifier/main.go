// Verifier is a second service: it holds no users and no secret, and admits by
// the access tokens of the first one, whose public keys it fetches. It links
// neither database/sql nor bcrypt.
//
// The first service must sign with a private key: run examples/server with
// JWT_PRIVATE_KEY_FILE.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
)

func main() {
	issuer := os.Getenv("ISSUER")
	if issuer == "" {
		issuer = "http://localhost:8000/auth"
	}
	log.Println("listening on localhost:8001, for tokens of", issuer)
	log.Fatal(http.ListenAndServe("localhost:8001", handler(issuer)))
}

// handler protects one route with the tokens of issuer.
func handler(issuer string) http.Handler {
	guard := &middleware.Guard{Authenticator: middleware.Tokens(&token.Verifier{
		Keys:     &token.RemoteKeys{URL: issuer + "/jwks.json"},
		Issuer:   issuer,
		Audience: issuer,
	})}
	mux := http.NewServeMux()
	mux.Handle("GET /reports", guard.RequireRole("admin", "moderator")(http.HandlerFunc(reports)))
	return mux
}

func reports(w http.ResponseWriter, r *http.Request) {
	p, _ := middleware.PrincipalFrom(r.Context())
	fmt.Fprintf(w, "reports for %s, %s\n", p.UserID, p.Role)
}
