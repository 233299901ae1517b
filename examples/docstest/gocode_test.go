package docstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/aegis-auth/aegis"

// packages are the imports that a fragment need not write down.
var packages = map[string]string{
	"auth": module + "/auth", "org": module + "/auth/org", "pages": module + "/auth/pages", "token": module + "/auth/token",
	"problem": module + "/auth/problem", "authcli": module + "/auth/authcli", "authtest": module + "/auth/authtest",
	"middleware": module + "/middleware", "oauth": module + "/oauth", "oauthtest": module + "/oauth/oauthtest", "store": module + "/store",
	"memstore": module + "/store/memstore", "sqlstore": module + "/store/sqlstore", "storetest": module + "/store/storetest",
	"context": "context", "errors": "errors", "fmt": "fmt", "log": "log", "slog": "log/slog", "http": "net/http", "httptest": "net/http/httptest",
	"netip": "net/netip", "os": "os", "signal": "os/signal", "slices": "slices", "sql": "database/sql", "strings": "strings", "testing": "testing",
	"time": "time", "json": "encoding/json", "fs": "io/fs", "embed": "embed", "syscall": "syscall", "url": "net/url", "rand": "crypto/rand",
}

// prelude are the names that a fragment of statements may use as if it had
// declared them.
const prelude = `
var (
	ctx context.Context
	svc *auth.Service
	orgs *org.Service
	site *pages.Pages
	st *sqlstore.Store
	guard *middleware.Guard
	mux *http.ServeMux
	server *http.Server
	t *testing.T
	env *authtest.Env
	w http.ResponseWriter
	r *http.Request
	err error
	account, list, ban, pay, books, report, app, hello http.Handler
	id, secret, id2, secret2 string
	mailer auth.Mailer
	ring *token.Keyring
	u *store.User
	config auth.Config
)
`

// source makes a file of a block: as it is if it has a package clause, else with
// the imports it uses, as declarations or as the body of a function.
func source(b block) (text string, err error) {
	fset := token.NewFileSet()
	if _, err := parser.ParseFile(fset, "", b.text, parser.PackageClauseOnly); err == nil {
		return b.text + "\n" + b.directives["with"], nil
	}
	body := b.text + "\n" + b.directives["with"]
	f, err := parser.ParseFile(fset, "", "package p\n"+body, parser.SkipObjectResolution)
	if err != nil {
		body = b.directives["with"] + "\n" + prelude + "func _() {\n" + b.text + "\n}\n"
		if f, err = parser.ParseFile(fset, "", "package p\n"+body, parser.SkipObjectResolution); err != nil {
			return "", err
		}
	}
	imported := map[string]bool{}
	for _, spec := range f.Imports {
		imported[spec.Path.Value] = true
	}
	used := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && packages[x.Name] != "" && !imported[strconv.Quote(packages[x.Name])] {
				used[packages[x.Name]] = true
			}
		}
		return true
	})
	var head strings.Builder
	head.WriteString("package p\n")
	for _, path := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&head, "import %q\n", path)
	}
	return head.String() + body, nil
}

// exports compiles packages and returns where what they export is.
func exports(t *testing.T, paths []string) map[string]string {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Export,Error"}, paths...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	found := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[p.ImportPath] = p.Export
	}
}

// TestGoBlocksCompile type-checks every block of Go. That a variable or an import
// is not used is forgiven in fragments, and in nothing else.
func TestGoBlocksCompile(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	files := map[*ast.File]block{}
	needed := map[string]bool{}
	for _, doc := range documents(t) {
		for _, b := range blocks(t, doc) {
			if b.lang != "go" {
				continue
			}
			text, err := source(b)
			if err != nil {
				t.Errorf("%s: %v", b, err)
				continue
			}
			f, err := parser.ParseFile(fset, b.String(), text, parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s: %v", b, err)
				continue
			}
			files[f] = b
			for _, spec := range f.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				needed[path] = path != "embed" || needed[path]
			}
		}
	}
	if len(files) < 30 {
		t.Errorf("only %d blocks of Go were found", len(files))
	}
	export := exports(t, append(slices.Sorted(maps.Keys(needed)), "embed"))
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if export[path] == "" {
			return nil, fmt.Errorf("package %s is not there", path)
		}
		return os.Open(export[path])
	})
	for f, b := range files {
		whole := strings.Contains(b.text, "package "+f.Name.Name+"\n")
		config := types.Config{Importer: imports, Error: func(err error) {
			if e, ok := errors.AsType[types.Error](err); ok && (!e.Soft || whole) {
				t.Errorf("%s: %s\n\t%s", b, e.Msg, sourceLine(b, fset.Position(e.Pos).Line))
			}
		}}
		config.Check(b.String(), fset, []*ast.File{f}, nil)
	}
}

// sourceLine returns one line of the source that was made of a block.
func sourceLine(b block, n int) string {
	text, _ := source(b)
	if lines := strings.Split(text, "\n"); n > 0 && n <= len(lines) {
		return strings.TrimSpace(lines[n-1])
	}
	return ""
}

// The check notices what does not compile, and forgives what it should.
func TestSource(t *testing.T) {
	t.Parallel()
	export := exports(t, []string{"net/http", "context", "errors", "testing", module + "/auth", module + "/auth/org", module + "/auth/pages",
		module + "/auth/authtest", module + "/store/sqlstore"})
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
	for text, want := range map[string]bool{
		"n := 1\n":                                                   true, // not used
		"mux.Handle(\"/auth/\", svc.Mux())\n":                        true,
		"mux.Handel(\"/auth/\", svc.Mux())\n":                        false,
		"func f() http.Handler { return http.NotFoundHandler() }\n":  true,
		"func f() http.Handler { return 1 }\n":                       false,
		"package main\n\nimport \"errors\"\n\nfunc main() {}\n":      false, // a program must not
		"package main\n\nfunc main() { println(unknown) }\n":         false,
		"svc, err := auth.New(auth.Config{Secrets: nil})\n_ = svc\n": false,
	} {
		src, err := source(block{text: text})
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(fset, "x.go", src, 0)
		if err != nil {
			t.Fatal(err)
		}
		whole, good := strings.HasPrefix(text, "package"), true
		config := types.Config{Importer: imports, Error: func(err error) {
			if e, ok := errors.AsType[types.Error](err); ok && (!e.Soft || whole) {
				good = false
			}
		}}
		config.Check("x", fset, []*ast.File{f}, nil)
		if good != want {
			t.Errorf("%q compiles = %v, want %v", text, good, want)
		}
	}
}

// repo is the absolute path of the repository.
func repo(tb testing.TB) string {
	tb.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		tb.Fatal(err)
	}
	return abs
}
