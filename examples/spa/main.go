// Spa serves a single-page application and its API from one origin. The front
// end in web is plain ES modules: it runs as it is, and Vite builds it as well.
// Tokens are in cookies that no script can read; auth.js renews them.
//
//	JWT_SECRET_KEY=$(openssl rand -base64 32) go run ./examples/spa
//
// With Vite, in another shell: cd examples/spa/web && npm install && npm run dev.
// What "npm run build" makes is served with -dist examples/spa/web/dist.
package main

import (
	"embed"
	"encoding/json"
	"flag"
	"io/fs"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store/memstore"
)

//go:embed web/index.html web/src
var source embed.FS

func main() {
	dist := flag.String("dist", "", "`folder` that Vite has built into, instead of the sources")
	flag.Parse()
	web, err := fs.Sub(source, "web")
	if err != nil {
		log.Fatal(err)
	}
	if *dist != "" {
		web = os.DirFS(*dist)
	}
	svc, err := auth.New(auth.Config{
		Store:   memstore.New(),
		Secret:  []byte(os.Getenv("JWT_SECRET_KEY")),
		BaseURL: "http://localhost:8000/auth",
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Println("open http://localhost:8000")
	log.Fatal(http.ListenAndServe("localhost:8000", handler(svc, web)))
}

func handler(svc *auth.Service, web fs.FS) http.Handler {
	guard := svc.Guard()
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	mux.Handle("GET /src/auth.js", pages.ScriptHandler()) // Vite has a copy of its own
	mux.Handle("GET /api/time", guard.RequireUser(http.HandlerFunc(now)))
	mux.Handle("/", secured(http.FileServerFS(web)))
	return mux
}

// now is the application: something that only users may know.
func now(w http.ResponseWriter, r *http.Request) {
	p, _ := middleware.PrincipalFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"email": p.Email, "time": time.Now().Format(time.TimeOnly)})
}

// secured lets pages load nothing from elsewhere, so that what is injected into
// one has no script to bring along.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
