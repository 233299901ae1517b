// Override wraps one shipped route, removes another, and replaces a third by a
// form of its own that is built from the same steps.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/aegis-auth/aegis/auth"
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
	log.Fatal(http.ListenAndServe("localhost:8000", handler(svc, os.Getenv("INVITE_CODE"))))
}

// handler mounts everything, and then says what is different. The more specific
// pattern wins, wherever it stands.
func handler(svc *auth.Service, code string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	mux.Handle("POST /auth/register", withCode(code, auth.RegisterHandler(svc))) // wrapped
	mux.Handle("DELETE /auth/me", http.NotFoundHandler())                        // removed
	mux.Handle("POST /join", join(svc))                                          // our own
	return mux
}

// withCode lets through who knows the code.
func withCode(code string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Invite-Code") != code {
			http.Error(w, "by invitation only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// join is a registration form of our own: the same steps as the shipped handler,
// in ten lines. Harden gives it the same headers and bounds.
func join(svc *auth.Service) http.Handler {
	protection := http.NewCrossOriginProtection()
	return svc.Harden(protection.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := auth.Registrant{Email: r.FormValue("email"), Password: r.FormValue("password"), Name: r.FormValue("name")}
		u, err := svc.Register(r.Context(), in)
		if err == nil {
			var g *auth.Grant
			if g, err = svc.StartSession(r.Context(), u, "password", auth.DeviceOf(svc, r)); err == nil {
				svc.SetCookies(w, g)
				http.Redirect(w, r, "/welcome", http.StatusSeeOther)
				return
			}
		}
		svc.Fail(w, r, err)
	})))
}
