package consumer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aegis-auth/aegis"

// consumers are programs, and what they may get.
var consumers = []struct {
	name, main string
	linked     []string // modules that are in the program, beside the library
	never      []string // packages that must not be in it
	weighs     int64    // at most so many bytes more than a program with net/http alone
}{
	{
		name: "a service that verifies tokens",
		main: `package main

import (
	"net/http"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
)

func main() {
	guard := &middleware.Guard{Authenticator: middleware.Tokens(&token.Verifier{
		Keys: &token.RemoteKeys{URL: "https://app.example.com/auth/jwks.json"}, Issuer: "https://app.example.com/auth"})}
	http.ListenAndServe("localhost:8001", guard.RequireUser(http.NotFoundHandler()))
}
`,
		linked: jose,
		never: []string{"database/sql", "html/template", "golang.org/x/crypto/bcrypt", "golang.org/x/oauth2", "github.com/gorilla/securecookie",
			"testing", "net/http/httptest", "expvar", "net/http/pprof"},
		weighs: 3 << 20,
	},
	{
		name: "a service with accounts in memory",
		main: `package main

import (
	"log"
	"net/http"
	"os"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/memstore"
)

func main() {
	svc, err := auth.New(auth.Config{Store: memstore.New(), Secret: []byte(os.Getenv("JWT_SECRET_KEY")), BaseURL: "http://localhost:8000/auth"})
	if err != nil {
		log.Fatal(err)
	}
	http.ListenAndServe("localhost:8000", svc.Mux())
}
`,
		linked: slices.Concat(jose, []string{"github.com/gorilla/securecookie", "golang.org/x/oauth2"}),
		never:  []string{"database/sql", "testing", "net/http/httptest", "os/exec", "expvar", "net/http/pprof"},
		weighs: 6 << 20,
	},
	{
		name: "everything there is for programs",
		main: `package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"os"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authcli"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

func main() {
	db, _ := sql.Open("none", "")
	st, _ := sqlstore.New(db, sqlstore.Config{Dialect: sqlstore.Postgres})
	svc, err := auth.New(auth.Config{Store: memstore.New(), Secret: []byte(os.Getenv("JWT_SECRET_KEY")), BaseURL: "http://localhost:8000/auth",
		Roles: auth.DefaultRoles(), Providers: []oauth.Provider{oauth.GitHub("", ""), oauth.Google("", "")}})
	if err != nil {
		log.Fatal(err)
	}
	orgs, _ := org.New(svc, org.Config{})
	site, _ := pages.New(svc, pages.Config{Organizations: orgs})
	authcli.Tool{Service: svc, Store: st}.Run(context.Background(), os.Args[1:], authcli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	http.ListenAndServe("localhost:8000", auth.NewMux(svc, append(orgs.Routes(), site.Routes()...)))
}
`,
		linked: slices.Concat(jose, []string{"github.com/gorilla/securecookie", "golang.org/x/oauth2"}),
		never:  []string{"testing", "net/http/httptest", "expvar", "net/http/pprof"},
		weighs: 9 << 20,
	},
}

// jose is what jwx brings into a program.
var jose = []string{"github.com/lestrrat-go/blackmagic", "github.com/lestrrat-go/httpcc", "github.com/lestrrat-go/httprc",
	"github.com/lestrrat-go/iter", "github.com/lestrrat-go/jwx/v2", "github.com/lestrrat-go/option", "golang.org/x/crypto"}

// mostModules is how many modules "go list -m all" may show a consumer, who
// downloads their go.mod files; those that are linked are downloaded whole.
const mostModules = 40

func TestConsumers(t *testing.T) {
	t.Parallel()
	baseline := build(t, newModule(t, "package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\"localhost:8000\", nil) }\n", false))
	for _, c := range consumers {
		t.Run(c.name, func(t *testing.T) {
			dir := newModule(t, c.main, true)
			packages := list(t, dir)
			var linked []string
			for path, p := range packages {
				if p.Module != nil && p.Module.Path != module && p.Module.Path != "example.com/consumer" && !slices.Contains(linked, p.Module.Path) {
					linked = append(linked, p.Module.Path)
				}
				if slices.ContainsFunc(c.never, func(n string) bool { return path == n || strings.HasPrefix(path, n+"/") }) {
					t.Errorf("%s is linked", path)
				}
			}
			slices.Sort(linked)
			want := slices.Sorted(slices.Values(c.linked))
			if !slices.Equal(linked, want) {
				t.Errorf("these modules are linked:\n%q\nwant:\n%q", linked, want)
			}
			modules := strings.Fields(goIn(t, dir, "list", "-m", "-f", "{{.Path}}", "all"))
			if len(modules) > mostModules {
				t.Errorf("go list -m all has %d modules, want at most %d:\n%q", len(modules), mostModules, modules)
			}
			for _, driver := range []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/go-sql-driver/mysql", "github.com/redis/go-redis/v9",
				"github.com/gin-gonic/gin", "github.com/getkin/kin-openapi", "go.opentelemetry.io/otel"} {
				if slices.Contains(modules, driver) {
					t.Errorf("go list -m all has %s, which only our own tests and examples need", driver)
				}
			}
			sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
			if err != nil {
				t.Fatal(err)
			}
			size := build(t, dir) - baseline
			t.Logf("%d packages of %d modules linked, %d modules in all, %d lines of go.sum, %.1f MiB more than net/http alone",
				len(packages), len(linked)+1, len(modules), bytes.Count(sums, []byte("\n")), float64(size)/(1<<20))
			if size > c.weighs {
				t.Errorf("the program has %d bytes more than one with net/http alone, want at most %d", size, c.weighs)
			}
		})
	}
}

// newModule makes a module outside the workspace.
func newModule(t *testing.T, main string, uses bool) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	goIn(t, dir, "mod", "init", "example.com/consumer")
	if uses {
		root, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		goIn(t, dir, "mod", "edit", "-replace", module+"="+root, "-require", module+"@v0.0.0")
	}
	goIn(t, dir, "mod", "tidy")
	return dir
}

type listed struct {
	ImportPath string
	Module     *struct{ Path string }
}

// list returns the packages that the program is made of.
func list(t *testing.T, dir string) map[string]listed {
	t.Helper()
	found := map[string]listed{}
	for dec := json.NewDecoder(strings.NewReader(goIn(t, dir, "list", "-deps", "-json=ImportPath,Module", "."))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[p.ImportPath] = p
	}
}

// build returns the size of the program, stripped.
func build(t *testing.T, dir string) int64 {
	t.Helper()
	goIn(t, dir, "build", "-ldflags=-s -w", "-o", "program", ".")
	info, err := os.Stat(filepath.Join(dir, "program"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func goIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes()))
	}
	return string(out)
}

// Licences that allow what our own does, by words that only they have.
var licences = map[string]string{
	"MIT":           "Permission is hereby granted, free of charge",
	"BSD":           "Redistribution and use in source and binary forms",
	"Apache 2.0":    "Apache License",
	"ISC":           "Permission to use, copy, modify, and",
	"public domain": "This is free and unencumbered software",
}

// TestLicences: whatever a program links has a licence that allows it.
func TestLicences(t *testing.T) {
	t.Parallel()
	all := consumers[len(consumers)-1]
	dir := newModule(t, all.main, true)
	for _, path := range all.linked {
		where := strings.TrimSpace(goIn(t, dir, "list", "-m", "-f", "{{.Dir}}", path))
		files, err := filepath.Glob(filepath.Join(where, "LICEN*"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no licence in %s", path, where)
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for name, words := range licences {
			if strings.Contains(strings.Join(strings.Fields(string(text)), " "), words) {
				found = name
			}
		}
		if found == "" {
			t.Errorf("the licence of %s is none of those we know:\n%.400s", path, text)
		}
		t.Logf("%s: %s", path, found)
	}
}
