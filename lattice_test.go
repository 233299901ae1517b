package aegis_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// layer is the policy for one package: what it may import beside the standard
// library, and why no more. Packages stand below what imports them.
type layer struct {
	pkg      string
	imports  []string // of this module
	external []string // packages of other modules, with what is below them
	because  string
}

// lattice is the whole policy. A package that is not in it may not exist, so a
// new one states its place here first; one that is in it need not exist yet.
// Change it in a commit of its own, with the reason.
var lattice = []layer{
	{pkg: ".", because: "the root holds documentation only, so that importing it links nothing"},

	// Leaves.
	{pkg: "store",
		because: "store adapters of other modules implement it and must not inherit our dependencies"},
	{pkg: "auth/problem",
		because: "errors are declared everywhere, so whatever they import everything imports"},
	{pkg: "internal/strictjson",
		because: "it reads what strangers send and is audited by itself"},
	{pkg: "auth/token",
		imports:  []string{"internal/strictjson"},
		external: []string{"github.com/lestrrat-go/jwx/v2"},
		because:  "services that only verify tokens import it, and it knows no users"},

	// Adapters.
	{pkg: "store/memstore", imports: []string{"store"},
		because: "stores know the contracts and nothing of the service above them"},
	{pkg: "store/sqlstore", imports: []string{"store"},
		because: "the SQL driver is the caller's choice; ours are in nested modules"},
	{pkg: "store/storetest", imports: []string{"store"},
		because: "it tests stores of other modules by the contracts alone"},

	// Gatekeeper.
	{pkg: "middleware", imports: []string{"store", "auth/problem", "auth/token"},
		because: "a service that only checks tokens links neither databases nor passwords"},

	// Providers.
	{pkg: "oauth", imports: []string{"auth/token", "internal/strictjson"},
		external: []string{"golang.org/x/oauth2"},
		because:  "a provider says who somebody is; what follows from that is decided in auth"},
	{pkg: "oauth/oauthtest", imports: []string{"oauth"},
		because: "a fake provider is a server of its own and shares no code with what it tests"},

	// Core.
	{pkg: "auth",
		imports:  []string{"store", "auth/problem", "auth/token", "middleware", "oauth", "internal/strictjson"},
		external: []string{"golang.org/x/crypto/bcrypt", "github.com/gorilla/securecookie"},
		because:  "the only place where passwords, cookies and sessions meet"},

	// Features and kits.
	{pkg: "auth/org",
		imports: []string{"auth", "middleware", "auth/problem", "store", "internal/strictjson"},
		because: "organizations are built on the exported face of auth, as a caller's own feature would be"},
	{pkg: "auth/pages", imports: []string{"auth", "middleware", "auth/problem", "store"},
		because: "pages call operations, whose queries and results are the store's types, and never a store"},
	{pkg: "auth/authcli", imports: []string{"auth", "auth/problem", "oauth", "store", "internal/strictjson"},
		because: "commands call operations, list what stores hold, and look at what is configured"},
	{pkg: "auth/authtest", imports: []string{"auth", "middleware", "store", "store/memstore"},
		because: "it is for tests of applications and runs on the memory store"},
}

// kits are the packages made for tests, which alone may import testing.
var kits = []string{"store/storetest", "auth/authtest", "oauth/oauthtest"}

// never lists what a package must not reach, directly or through anything it
// imports, with what goes wrong otherwise. A package of kits is exempt.
var never = []struct {
	pkg       string // "*" for all
	forbidden string // a package and all below it
	because   string
}{
	{"middleware", "database/sql", "a verifying service holds no users"},
	{"middleware", "html/template", "it renders nothing, and the template engine keeps the linker from dropping methods"},
	{"middleware", "golang.org/x/oauth2", "it signs nobody in"},
	{"middleware", "golang.org/x/crypto/bcrypt", "it sees no passwords"},
	{"middleware", "github.com/gorilla/securecookie", "it sets no cookies"},
	{"store", "net", "contracts know no network"},
	{"store/memstore", "net", "a store in memory knows no network"},
	{"store/memstore", "database/sql", "a program on the memory store links no SQL"},
	{"auth/token", "database/sql", "tokens are verified without a database"},
	{"oauth", "database/sql", "providers store nothing"},
	{"auth", "database/sql", "which database there is, if any, is the caller's choice"},
	{"auth", "store/memstore", "a default store would lose every account at the next restart"},
	{"middleware", "os/exec", "a server runs no other programs"},
	{"auth", "os/exec", "a server runs no other programs; only the command line asks stty to hide a password"},
	{"*", "testing", "it registers flags and belongs in no server"},
	{"*", "net/http/httptest", "it registers a flag and belongs in no server"},
	{"*", "net/http/pprof", "it opens debugging routes by being linked"},
	{"*", "expvar", "it opens debugging routes by being linked"},
	{"*", "plugin", "code is not loaded at run time"},
}

func TestLattice(t *testing.T) {
	t.Parallel()
	policy := map[string]layer{}
	for _, l := range lattice {
		if _, twice := policy[l.pkg]; twice || l.because == "" {
			t.Errorf("the policy for %s stands twice or gives no reason", l.pkg)
		}
		policy[l.pkg] = l
		for _, imported := range l.imports {
			if _, below := policy[imported]; !below {
				t.Errorf("the policy lets %s import %s, which does not stand below it", l.pkg, imported)
			}
		}
	}
	_, files := sources(t, parser.ImportsOnly)
	for _, f := range files {
		l, known := policy[f.pkg()]
		if !known {
			t.Errorf("%s: state in lattice_test.go what package %s may import, and why", f.path, f.pkg())
			continue
		}
		if f.test {
			continue // a test may use what is above; the compiler sees to cycles
		}
		for _, imported := range f.imports(t) {
			if err := l.allows(imported); err != nil {
				t.Errorf("%s: %v", f.path, err)
			}
		}
	}
}

// allows says whether a file of l's package may import the package.
func (l layer) allows(imported string) error {
	ours, inModule := strings.CutPrefix(imported, module)
	switch {
	case inModule:
		ours = path.Clean("." + ours)
		if slices.Contains(l.imports, ours) {
			return nil
		}
	case !strings.Contains(strings.Split(imported, "/")[0], "."):
		return nil // the standard library
	case slices.ContainsFunc(l.external, func(e string) bool { return below(imported, e) }):
		return nil
	}
	return fmt.Errorf("%s may not import %s: %s", l.pkg, imported, l.because)
}

// below reports whether p is top or inside it.
func below(p, top string) bool { return p == top || strings.HasPrefix(p, top+"/") }

// The policy is worth nothing if it forbids nothing.
func TestLatticeRefuses(t *testing.T) {
	t.Parallel()
	policy := map[string]layer{}
	for _, l := range lattice {
		policy[l.pkg] = l
	}
	for _, tt := range []struct {
		pkg, imported string
		want          bool
	}{
		{"middleware", "net/http", true},
		{"middleware", module + "/store", true},
		{"middleware", module + "/store/memstore", false},
		{"middleware", module + "/auth", false},
		{"middleware", module, false},
		{"store", module + "/auth/problem", false},
		{"auth", module + "/auth/org", false},
		{"auth", "golang.org/x/crypto/bcrypt", true},
		{"auth", "golang.org/x/crypto/ssh", false},
		{"auth", "golang.org/x/oauth2", false},
		{"auth", "github.com/lestrrat-go/jwx/v2/jwt", false},
		{"auth/token", "github.com/lestrrat-go/jwx/v2/jws", true},
		{"auth/token", "github.com/lestrrat-go/jwx/v22", false},
		{"store/sqlstore", "github.com/jackc/pgx/v5/stdlib", false},
	} {
		if err := policy[tt.pkg].allows(tt.imported); (err == nil) != tt.want {
			t.Errorf("%s may import %s = %v, want %v", tt.pkg, tt.imported, err == nil, tt.want)
		}
	}
}

// jwx is kept in one file, so that the next version of it, or another library,
// is an edit of one file. Tests beside it may use it as the reference.
func TestOneFileImportsJWX(t *testing.T) {
	t.Parallel()
	_, files := sources(t, parser.ImportsOnly)
	seen := false
	for _, f := range files {
		for _, imported := range f.imports(t) {
			if !strings.HasPrefix(imported, "github.com/lestrrat-go/") {
				continue
			}
			if f.path == "auth/token/jwx.go" {
				seen = true
			} else if !(f.test && f.pkg() == "auth/token") {
				t.Errorf("%s imports %s, which only auth/token/jwx.go may", f.path, imported)
			}
		}
	}
	if !seen {
		t.Error("auth/token/jwx.go does not import jwx; this test looks for something that is gone")
	}
}

// listed is what the go command says about a package.
type listed struct {
	ImportPath string
	Imports    []string
	ImportMap  map[string]string
}

// dependencies returns every package of the module, and every package it is
// built from, by import path. Packages that do not compile are still listed.
func dependencies(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Imports,ImportMap", "./...")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// chain returns the shortest way from a package to a forbidden one, or nil.
func chain(all map[string]listed, from, forbidden string) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		if p != from && below(p, forbidden) {
			var way []string
			for ; p != ""; p = came[p] {
				way = append(way, p)
			}
			slices.Reverse(way)
			return way
		}
		for _, next := range all[p].Imports {
			if mapped, ok := all[p].ImportMap[next]; ok {
				next = mapped
			}
			if _, seen := came[next]; !seen {
				came[next] = p
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func TestNothingForbiddenIsReached(t *testing.T) {
	t.Parallel()
	all := dependencies(t)
	for _, n := range never {
		forbidden := n.forbidden
		if slices.ContainsFunc(lattice, func(l layer) bool { return l.pkg == forbidden }) {
			forbidden = module + "/" + forbidden
		}
		for _, l := range lattice {
			if n.pkg != l.pkg && (n.pkg != "*" || slices.Contains(kits, l.pkg)) {
				continue
			}
			from := path.Join(module, l.pkg)
			if _, exists := all[from]; !exists {
				continue // planned
			}
			if way := chain(all, from, forbidden); way != nil {
				t.Errorf("%s must not reach %s: %s\n\t%s", l.pkg, n.forbidden, n.because, strings.Join(way, "\n\t-> "))
			}
		}
	}
	// The search finds what is there.
	if way := chain(all, module+"/auth/token", "github.com/lestrrat-go/jwx/v2"); len(way) != 2 {
		t.Errorf("auth/token reaches jwx by %v, want directly", way)
	}
	if way := chain(all, module+"/middleware", "crypto"); len(way) < 3 {
		t.Errorf("middleware reaches crypto by %v, want through others", way)
	}
}
