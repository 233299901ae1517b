// Gin mounts accounts and organizations in a gin engine. Two adapters are
// enough: one for handlers, which gin has, and one for wraps.
//
//	JWT_SECRET_KEY=$(openssl rand -base64 32) go run ./examples/routers/gin
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

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
	e := gin.New()
	e.Use(gin.Recovery())
	routes := gin.WrapH(orgs.Mux())
	for _, path := range []string{svc.Path() + "/*rest", orgs.Path(), orgs.Path() + "/*rest"} {
		e.Any(path, routes)
	}
	e.GET("/hello", wrap(guard.RequireUser), hello)
	admin := e.Group("/admin", wrap(guard.RequireRole(auth.RoleAdmin)))
	admin.GET("", hello)
	e.GET("/reports/:org", wrap(guard.RequireOrgRole(store.OrgAdmin, "org")), hello)
	return e, nil
}

// wrap makes gin middleware of a wrap. What the wrap rejects is answered by it,
// and goes no further. Gin keeps the parameters of a path to itself, so they are
// handed on for wraps that ask for one.
func wrap(w func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		admitted := false
		for _, p := range c.Params {
			c.Request.SetPathValue(p.Key, p.Value)
		}
		w(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			admitted = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !admitted {
			c.Abort()
		}
	}
}

func hello(c *gin.Context) {
	p, _ := middleware.PrincipalFrom(c.Request.Context())
	c.String(http.StatusOK, "hello %s\n", p.Email)
}
