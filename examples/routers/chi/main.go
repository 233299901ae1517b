// Chi mounts accounts and organizations in a chi router. Chi's middleware is
// that of net/http, and it sets the path values of a request, so that there is
// nothing to adapt.
//
//	JWT_SECRET_KEY=$(openssl rand -base64 32) go run ./examples/routers/chi
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func main() {
	svc, err := auth.New(auth.Config{
		Store:   memstore.New(),
		Secret:  []byte(os.Getenv("JWT_SECRET_KEY")),
		BaseURL: "http://localhost:8000/auth",
		Roles:   auth.DefaultRoles(),
	})
	if err != nil {
		log.Fatal(err)
	}
	h, err := handler(svc)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8000", h))
}

func handler(svc *auth.Service) (http.Handler, error) {
	orgs, err := org.New(svc, org.Config{})
	if err != nil {
		return nil, err
	}
	guard := orgs.Guard()
	r := chi.NewRouter()
	r.Mount(svc.Path(), orgs.Mux()) // chi leaves the path as it is
	r.Mount(orgs.Path(), orgs.Mux())
	r.With(guard.RequireUser).Get("/hello", hello)
	r.Route("/admin", func(r chi.Router) {
		r.Use(guard.RequireRole(auth.RoleAdmin))
		r.Get("/", hello)
	})
	r.With(guard.RequireOrgRole(store.OrgAdmin, "org")).Get("/reports/{org}", hello)
	return r, nil
}

func hello(w http.ResponseWriter, r *http.Request) {
	p, _ := middleware.PrincipalFrom(r.Context())
	fmt.Fprintln(w, "hello", p.Email)
}
