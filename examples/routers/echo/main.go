// Echo mounts accounts and organizations in an echo server. Echo adapts handlers
// and wraps itself; one line hands the parameters of a path on.
//
//	JWT_SECRET_KEY=$(openssl rand -base64 32) go run ./examples/routers/echo
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

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
	e := echo.New()
	routes := echo.WrapHandler(orgs.Mux())
	for _, path := range []string{svc.Path() + "/*", orgs.Path(), orgs.Path() + "/*"} {
		e.Any(path, routes)
	}
	e.GET("/hello", hello, wrap(guard.RequireUser))
	admin := e.Group("/admin", wrap(guard.RequireRole(auth.RoleAdmin)))
	admin.GET("", hello)
	e.GET("/reports/:org", hello, wrap(guard.RequireOrgRole(store.OrgAdmin, "org")))
	return e, nil
}

// wrap makes echo middleware of a wrap. Echo keeps the parameters of a path to
// itself, so they are handed on for wraps that ask for one.
func wrap(w func(http.Handler) http.Handler) echo.MiddlewareFunc {
	adapted := echo.WrapMiddleware(w)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		h := adapted(next)
		return func(c echo.Context) error {
			for i, name := range c.ParamNames() {
				c.Request().SetPathValue(name, c.ParamValues()[i])
			}
			return h(c)
		}
	}
}

func hello(c echo.Context) error {
	p, _ := middleware.PrincipalFrom(c.Request().Context())
	return c.String(http.StatusOK, "hello "+p.Email+"\n")
}
