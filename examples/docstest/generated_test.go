package docstest

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/oauth"
)

var update = flag.Bool("update", false, "write the lists that are made from the code into the documents")

// TestGeneratedListsAreCurrent compares what stands between
// <!-- generated: NAME --> and <!-- end --> with what the code says.
func TestGeneratedListsAreCurrent(t *testing.T) {
	makers := map[string]func(*testing.T) string{
		"configuration": configuration,
		"settings":      exampleSettings,
		"routes":        routeTable,
		"pages":         pageTable,
		"errors":        errorTable,
		"fields":        fieldCodes,
	}
	used := map[string]bool{}
	for _, file := range documents(t) {
		before := read(t, file)
		after := before
		for name, maker := range makers {
			begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->"
			head, rest, found := strings.Cut(after, begin)
			if !found {
				continue
			}
			_, tail, closed := strings.Cut(rest, end)
			if !closed {
				t.Errorf("%s: the list %q has no end", file, name)
				continue
			}
			used[name] = true
			after = head + begin + "\n" + strings.TrimSpace(maker(t)) + "\n\n" + end + tail
		}
		if after == before {
			continue
		}
		if !*update {
			t.Errorf("%s is not what the code says; run: go test -count=1 ./docstest -run Generated -update", file)
			continue
		}
		if err := os.WriteFile(filepath.Join(root, file), []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range makers {
		if !used[name] {
			t.Errorf("no document has the list %q", name)
		}
	}
}

// configuration lists every field of every struct that configures something.
func configuration(t *testing.T) string {
	var b strings.Builder
	for _, s := range []struct{ title, pkg, name, intro string }{
		{"auth.Config", "auth", "Config", ""},
		{"auth.Cookies", "auth", "Cookies", ""},
		{"auth.Passwords", "auth", "Passwords", ""},
		{"auth.Limits", "auth", "Limits", ""},
		{"auth.Links", "auth", "Links", "Absolute addresses of pages that take the token as `?token=`. Default: the pages of package `pages`."},
		{"auth.Hooks", "auth", "Hooks", "Hooks run in the request. An error from one stops the operation; a `*problem.Error` is shown as it is."},
		{"auth.SMTPConfig", "auth", "SMTPConfig", ""},
		{"org.Config", "auth/org", "Config", ""},
		{"pages.Config", "auth/pages", "Config", ""},
		{"sqlstore.Config", "store/sqlstore", "Config", ""},
		{"middleware.Guard", "middleware", "Guard", ""},
		{"token.Verifier", "auth/token", "Verifier", ""},
		{"token.RemoteKeys", "auth/token", "RemoteKeys", ""},
		{"oauth.GitHubProvider", "oauth", "GitHubProvider", ""},
		{"oauth.OIDC", "oauth", "OIDC", ""},
	} {
		fmt.Fprintf(&b, "## %s\n\n", s.title)
		if s.intro != "" {
			fmt.Fprintf(&b, "%s\n\n", s.intro)
		}
		b.WriteString("| field | type | |\n|---|---|---|\n")
		group := ""
		for _, f := range parsePackage(t, s.pkg).structFields(t, s.name) {
			doc := cell(cmp.Or(f.Doc.Text(), f.Comment.Text()))
			switch {
			case strings.HasPrefix(doc, "These are"):
				group = doc
			case doc == "":
				doc = group // a comment above a group speaks for all of it
			default:
				group = ""
			}
			var names []string
			for _, n := range f.Names {
				if n.IsExported() {
					names = append(names, "`"+n.Name+"`")
				}
			}
			if len(names) > 0 {
				fmt.Fprintf(&b, "| %s | `%s` | %s |\n", strings.Join(names, ", "), text(f.Type), doc)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell makes one cell of a table of a comment.
func cell(comment string) string {
	words := strings.Join(strings.Fields(comment), " ")
	words = strings.NewReplacer("|", "\\|", "<", "&lt;", "[*problem.Error]", "`*problem.Error`").Replace(words)
	var out strings.Builder // doc links become code
	for {
		before, rest, found := strings.Cut(words, "[")
		name, after, closed := strings.Cut(rest, "]")
		out.WriteString(before)
		if !found || !closed || strings.Contains(name, " ") {
			if found {
				out.WriteString("[")
				words = rest
				continue
			}
			return out.String()
		}
		if before != "" && strings.HasSuffix(before, "`") || name == "" {
			out.WriteString("[" + name + "]")
		} else {
			out.WriteString("`" + name + "`")
		}
		words = after
	}
}

// exampleSettings is the table in the help of examples/server.
func exampleSettings(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| setting | default | |\n|---|---|---|\n")
	count := 0
	for _, f := range parsePackage(t, "examples/server").files {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || v.Names[0].Name != "settingHelp" {
				return true
			}
			for _, row := range v.Values[0].(*ast.CompositeLit).Elts {
				var cells []string
				for _, e := range row.(*ast.CompositeLit).Elts {
					s, err := strconv.Unquote(e.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					cells = append(cells, strings.ReplaceAll(s, "|", "\\|"))
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(cells[0], ", ", "`, `"), cells[1], cells[2])
				count++
			}
			return false
		})
	}
	if count < 20 {
		t.Errorf("only %d settings were found", count)
	}
	return b.String()
}

// everything is a service with all that brings routes.
func everything(t *testing.T) (*auth.Service, *org.Service, *pages.Pages) {
	env := authtest.New(t, func(c *auth.Config) { c.Providers = []oauth.Provider{oauth.GitHub("", "")} })
	orgs, err := org.New(env.Service, org.Config{})
	if err != nil {
		t.Fatal(err)
	}
	site, err := pages.New(env.Service, pages.Config{Organizations: orgs})
	if err != nil {
		t.Fatal(err)
	}
	return env.Service, orgs, site
}

func routeTable(t *testing.T) string {
	svc, orgs, _ := everything(t)
	var b strings.Builder
	for _, group := range []struct {
		title  string
		routes []auth.Route
	}{{"Accounts", svc.Routes()}, {"Organizations", orgs.Routes()}} {
		fmt.Fprintf(&b, "## %s\n\n| route | who | |\n|---|---|---|\n", group.title)
		for _, r := range group.routes {
			path := strings.NewReplacer(svc.Path(), "{P}", orgs.Path(), "{O}").Replace(r.Path())
			fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", r.Method(), path, r.Access, r.Doc.Summary)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func pageTable(t *testing.T) string {
	svc, _, site := everything(t)
	methods := map[string][]string{}
	access := map[string]string{}
	for _, r := range site.Routes() {
		methods[r.Path()] = append(methods[r.Path()], r.Method())
		access[r.Path()] = r.Access
	}
	var b strings.Builder
	b.WriteString("| page | methods | who |\n|---|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(methods)) {
		if page, below := strings.CutPrefix(path, svc.Path()+"/pages"); below && methods[page] != nil {
			continue // the same as the page itself
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Replace(path, svc.Path()+"/", "{P}/", 1), strings.Join(methods[path], ", "), access[path])
	}
	return b.String()
}

// problemLiteral is one &problem.Error{…} in the code.
type problemLiteral struct {
	status             int
	code, detail, name string // name: "auth.ErrEmailTaken", if it has one
}

// problems returns every failure that packages declare.
func problems(t *testing.T) (list []problemLiteral) {
	statuses := map[string]int{}
	for n := 400; n < 600; n++ {
		statuses["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(http.StatusText(n))] = n
	}
	for _, path := range []string{"auth", "auth/org", "auth/problem", "middleware"} {
		p := parsePackage(t, path)
		for _, f := range p.files {
			names := map[ast.Expr]string{}
			ast.Inspect(f, func(n ast.Node) bool {
				if v, ok := n.(*ast.ValueSpec); ok {
					for i, value := range v.Values {
						if u, ok := value.(*ast.UnaryExpr); ok && v.Names[i].IsExported() {
							names[u.X] = f.Name.Name + "." + v.Names[i].Name
						}
					}
				}
				lit, ok := n.(*ast.CompositeLit)
				if !ok || text(lit.Type) != "problem.Error" && !(path == "auth/problem" && text(lit.Type) == "Error") {
					return true
				}
				found := problemLiteral{name: names[lit]}
				for _, e := range lit.Elts {
					kv, ok := e.(*ast.KeyValueExpr)
					if !ok {
						return true
					}
					switch text(kv.Key) {
					case "Status":
						if s, ok := kv.Value.(*ast.SelectorExpr); ok {
							found.status = statuses[s.Sel.Name]
						}
					case "Code":
						found.code = literal(kv.Value)
					case "Detail":
						found.detail = literal(kv.Value)
					}
				}
				if found.code != "" && found.status != 0 {
					list = append(list, found)
				}
				return true
			})
		}
	}
	return list
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, _ := strconv.Unquote(lit.Value)
	return s
}

func errorTable(t *testing.T) string {
	type row struct {
		status        int
		code, detail  string
		names, others []string
	}
	rows := map[string]*row{}
	for _, p := range problems(t) {
		key := fmt.Sprint(p.status, p.code)
		if rows[key] == nil {
			rows[key] = &row{status: p.status, code: p.code, detail: p.detail}
		} else if rows[key].detail != p.detail {
			rows[key].others = append(rows[key].others, p.detail)
		}
		if p.name != "" {
			rows[key].names = append(rows[key].names, "`"+p.name+"`")
		}
	}
	if len(rows) < 30 {
		t.Errorf("only %d codes were found", len(rows))
	}
	list := slices.SortedFunc(maps.Values(rows), func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.status, b.status), cmp.Compare(a.code, b.code))
	})
	var b bytes.Buffer
	b.WriteString("| status | code | detail | in Go |\n|---|---|---|---|\n")
	for _, r := range list {
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", r.status, r.code, strings.Join(append([]string{r.detail}, r.others...), "<br>"), strings.Join(r.names, ", "))
	}
	return b.String()
}

// fieldCodes lists the codes of refused fields.
func fieldCodes(t *testing.T) string {
	codes := map[string]map[string]bool{}
	note := func(code, field string) {
		if code == "" {
			return
		}
		if codes[code] == nil {
			codes[code] = map[string]bool{}
		}
		if field != "" {
			codes[code]["`"+field+"`"] = true
		}
	}
	for _, path := range []string{"auth", "auth/org"} {
		for _, f := range parsePackage(t, path).files {
			ast.Inspect(f, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.CallExpr:
					switch name := text(x.Fun); {
					case (name == "field" || name == "invalid") && len(x.Args) == 3:
						note(literal(x.Args[1]), literal(x.Args[0]))
					case name == "passwordField" && len(x.Args) == 2:
						note(literal(x.Args[0]), "password")
						note(literal(x.Args[0]), "new_password")
					}
				case *ast.CompositeLit:
					if text(x.Type) != "problem.Field" {
						return true
					}
					var field, code string
					for _, e := range x.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok {
							switch text(kv.Key) {
							case "Name":
								field = literal(kv.Value)
							case "Code":
								code = literal(kv.Value)
							}
						}
					}
					note(code, field)
				}
				return true
			})
		}
	}
	for _, code := range parsePackage(t, "internal/strictjson").constants("Code") {
		note(code, "")
	}
	var b strings.Builder
	b.WriteString("| code | fields |\n|---|---|\n")
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		fields := strings.Join(slices.Sorted(maps.Keys(codes[code])), ", ")
		fmt.Fprintf(&b, "| `%s` | %s |\n", code, cmp.Or(fields, "any"))
	}
	return b.String()
}
