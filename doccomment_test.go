package aegis_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Every exported name is documented: packages, types, functions, methods, the
// methods of interfaces, constants and variables. Struct fields are left to
// judgement. In a group, the comment above the group speaks for all of it; in an
// interface, that of the type speaks for a single method, and that of a method
// for others it names.
func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	// Interfaces whose methods are described elsewhere, and where.
	mirrors := map[string]string{
		"auth/pages.Organizations": "the service of package auth/org",
	}
	fset, files := sources(t, 0)
	packages := map[string]bool{}
	names := 0
	for _, f := range files {
		if f.test {
			continue
		}
		packages[f.pkg()] = packages[f.pkg()] || strings.HasPrefix(f.ast.Doc.Text(), "Package "+f.ast.Name.Name+" ") ||
			f.ast.Name.Name == "main" && f.ast.Doc.Text() != ""
		for _, decl := range f.ast.Decls {
			if where := mirrors[f.pkg()+"."+typeName(decl)]; where != "" {
				continue
			}
			for _, n := range undocumented(decl, &names) {
				t.Errorf("%s: %s is exported and has no comment", fset.Position(n.Pos()), n.Name)
			}
		}
	}
	for pkg, documented := range packages {
		if !documented {
			t.Errorf("package %s has no comment that begins with %q", pkg, "Package …")
		}
	}
	if names < 100 {
		t.Errorf("only %d exported names were looked at", names)
	}
}

// typeName returns the name of the type that decl declares, alone, with a
// comment; or "".
func typeName(decl ast.Decl) string {
	d, ok := decl.(*ast.GenDecl)
	if !ok || d.Doc.Text() == "" || len(d.Specs) != 1 {
		return ""
	}
	if s, ok := d.Specs[0].(*ast.TypeSpec); ok {
		return s.Name.Name
	}
	return ""
}

// undocumented returns the exported names that decl declares without a comment,
// and adds to seen how many there are altogether.
func undocumented(decl ast.Decl, seen *int) (missing []*ast.Ident) {
	check := func(n *ast.Ident, comments ...*ast.CommentGroup) {
		if !n.IsExported() {
			return
		}
		*seen++
		for _, c := range comments {
			if strings.TrimSpace(c.Text()) != "" {
				return
			}
		}
		missing = append(missing, n)
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || receiver(d.Recv.List[0].Type).IsExported() {
			check(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				check(s.Name, s.Doc, s.Comment, d.Doc)
				if i, ok := s.Type.(*ast.InterfaceType); ok && s.Name.IsExported() {
					for _, m := range i.Methods.List {
						for _, n := range m.Names {
							if single(i) {
								check(n, m.Doc, m.Comment, s.Doc, d.Doc)
							} else {
								check(n, m.Doc, m.Comment, naming(n.Name, i))
							}
						}
					}
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if d.Tok == token.CONST || d.Tok == token.VAR {
						check(n, s.Doc, s.Comment, d.Doc)
					}
				}
			}
		}
	}
	return missing
}

// single reports whether an interface declares one method, beside those it
// embeds.
func single(i *ast.InterfaceType) bool {
	n := 0
	for _, m := range i.Methods.List {
		n += len(m.Names)
	}
	return n == 1
}

// naming returns the comment of another method that has the word name in it.
func naming(name string, i *ast.InterfaceType) *ast.CommentGroup {
	for _, m := range i.Methods.List {
		words := strings.FieldsFunc(m.Doc.Text(), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
		if slices.Contains(words, name) {
			return m.Doc
		}
	}
	return nil
}

// receiver returns the name of a method's type.
func receiver(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ast.NewIdent("_")
		}
	}
}

// The walk finds what it looks for.
func TestUndocumentedFinds(t *testing.T) {
	t.Parallel()
	const src = `package p
const A = 1
const ( // of nothing
	B = 1
	C = 2 // a line will do
)
// D and E.
var ( D, E int )
var F, g int
type H struct{ Field int }
// I has methods.
type I interface {
	J()
	// K does, and L too.
	K()
	L()
	l()
}
// U has one.
type U interface { V() }
type m int
func (m) N() {}
func (I) O() {}
func (*H) P() {}
func (H[T]) Q() {}
// R does.
func R() {}
func S() {}
func t() {}
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	seen := 0
	for _, decl := range f.Decls {
		for _, n := range undocumented(decl, &seen) {
			got.WriteString(n.Name)
		}
	}
	if want := "ABFHJOPQS"; got.String() != want || seen != 18 {
		t.Errorf("undocumented finds %s of %d names, want %s of 18", got.String(), seen, want)
	}
}
