package aegis_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/aegis-auth/aegis"

// sourceFile is one file of this module, whatever its build constraints.
type sourceFile struct {
	path string // slash-separated, from the root of the module
	test bool
	ast  *ast.File
}

// pkg returns the directory of the package, "." for the root.
func (f *sourceFile) pkg() string { return path.Dir(f.path) }

// imports returns the import paths.
func (f *sourceFile) imports(tb testing.TB) []string {
	tb.Helper()
	var paths []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			tb.Fatalf("%s: %v", f.path, err)
		}
		paths = append(paths, p)
	}
	return paths
}

// neverBuilt reports whether a file is a generator or the like, kept out of every
// build by the constraint "ignore".
func neverBuilt(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && c.Text == "//go:build ignore" {
				return true
			}
		}
	}
	return false
}

// sources parses every Go file of the module, leaving out nested modules and
// what the go command leaves out.
func sources(tb testing.TB, mode parser.Mode) (*token.FileSet, []*sourceFile) {
	tb.Helper()
	fset := token.NewFileSet()
	var files []*sourceFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name == "." {
				return nil
			}
			if base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_' {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(base) != ".go" || base[0] == '.' || base[0] == '_' {
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, mode|parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if neverBuilt(f) {
			return nil
		}
		files = append(files, &sourceFile{path: filepath.ToSlash(name), test: strings.HasSuffix(base, "_test.go"), ast: f})
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Fatal("no Go files found")
	}
	return fset, files
}
