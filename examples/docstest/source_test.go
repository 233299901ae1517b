package docstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// packageSource is the files of one package of the library, without tests.
type packageSource struct {
	path  string // from the root: "auth/org"
	fset  *token.FileSet
	files []*ast.File
}

func parsePackage(tb testing.TB, path string) *packageSource {
	tb.Helper()
	p := &packageSource{path: path, fset: token.NewFileSet()}
	names, err := filepath.Glob(filepath.Join(root, path, "*.go"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(p.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		p.files = append(p.files, f)
	}
	if len(p.files) == 0 {
		tb.Fatalf("no files in %s", path)
	}
	return p
}

// structFields returns the fields of a struct in order, embedded ones left out.
func (p *packageSource) structFields(tb testing.TB, name string) []*ast.Field {
	tb.Helper()
	for _, f := range p.files {
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == name {
					if s, ok := t.Type.(*ast.StructType); ok {
						return s.Fields.List
					}
				}
			}
		}
	}
	tb.Fatalf("there is no struct %s.%s", p.path, name)
	return nil
}

// constants returns the values of the constants of a type, in order.
func (p *packageSource) constants(typeName string) (values []string) {
	for _, f := range p.files {
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if text(v.Type) != typeName {
					if call, ok := first(v.Values).(*ast.CallExpr); !ok || text(call.Fun) != typeName {
						continue
					}
				}
				for _, value := range v.Values {
					ast.Inspect(value, func(n ast.Node) bool {
						if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
							s, _ := strconv.Unquote(lit.Value)
							values = append(values, s)
						}
						return true
					})
				}
			}
		}
	}
	return values
}

func first(list []ast.Expr) ast.Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// text writes the expressions that types are made of.
func text(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return text(x.X) + "." + x.Sel.Name
	case *ast.StarExpr:
		return "*" + text(x.X)
	case *ast.ArrayType:
		return "[]" + text(x.Elt)
	case *ast.MapType:
		return "map[" + text(x.Key) + "]" + text(x.Value)
	case *ast.FuncType:
		return "func" + signature(x)
	case *ast.InterfaceType:
		return "any"
	}
	return ""
}

func signature(f *ast.FuncType) string {
	list := func(fields *ast.FieldList) (types []string) {
		if fields == nil {
			return nil
		}
		for _, field := range fields.List {
			for range max(1, len(field.Names)) {
				types = append(types, text(field.Type))
			}
		}
		return types
	}
	out := "(" + strings.Join(list(f.Params), ", ") + ")"
	switch results := list(f.Results); len(results) {
	case 0:
		return out
	case 1:
		return out + " " + results[0]
	default:
		return out + " (" + strings.Join(results, ", ") + ")"
	}
}
