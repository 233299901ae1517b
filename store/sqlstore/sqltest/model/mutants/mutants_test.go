package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root of the repository, from this directory.
const root = "../../../../.."

// mutated returns the file of a mutant with the mutant in it.
func mutated(t *testing.T, m mutant) (before, after string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		t.Error(err)
		return "", ""
	}
	if after, err = m.apply(string(data)); err != nil {
		t.Error(err)
		return "", ""
	}
	return string(data), after
}

// TestMutantsFit keeps the table in step with the code: what each mutant replaces
// is there, once, and no two mutants are the same.
func TestMutantsFit(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range all() {
		before, after := mutated(t, m)
		if after == before && after != "" {
			t.Errorf("mutant %q changes nothing", m.name)
		}
		key := m.file + "\x00" + after
		if after != "" && seen[key] || seen[m.name] {
			t.Errorf("mutant %q is in the table twice", m.name)
		}
		seen[key], seen[m.name] = true, true
		for _, p := range strings.Fields(m.packages) {
			if info, err := os.Stat(filepath.Join(root, p)); err != nil || !info.IsDir() {
				t.Errorf("mutant %q names the package %s, which is not there", m.name, p)
			}
		}
	}
	if n := len(all()); n < 60 {
		t.Errorf("there are %d mutants, want 60 at least", n)
	}
	t.Logf("%d mutants", len(all()))
}

// TestMutantsCompile type-checks every mutant: one that does not compile would fail
// every test and prove nothing.
func TestMutantsCompile(t *testing.T) {
	c := newChecker(exportData(t))
	for _, m := range all() {
		if _, text := mutated(t, m); text != "" {
			if err := c.check(m, text); err != nil {
				t.Errorf("mutant %q does not compile: %v", m.name, err)
			}
		}
	}
}

// exportData returns where the compiled form is of what mutated packages import.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	seen := make(map[string]bool)
	for _, m := range all() {
		if dir := "./" + filepath.ToSlash(filepath.Dir(m.file)); !seen[dir] {
			seen[dir] = true
			args = append(args, dir)
		}
	}
	list := exec.CommandContext(t.Context(), "go", args...)
	list.Dir = root
	list.Env = append(os.Environ(), "GOWORK=off")
	var trouble bytes.Buffer
	list.Stderr = &trouble
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &trouble)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[name] = file
	}
	return exports
}

// checker type-checks packages. What they import is read once.
type checker struct {
	fset     *token.FileSet
	importer types.Importer
	parsed   map[string]*ast.File // as it is on the disk
}

func newChecker(exports map[string]string) *checker {
	c := &checker{fset: token.NewFileSet(), parsed: make(map[string]*ast.File)}
	c.importer = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no compiled form of %s", path)
		}
		return os.Open(exports[path])
	})
	return c
}

func (c *checker) parse(path string, source any) (f *ast.File, err error) {
	if source != nil {
		return parser.ParseFile(c.fset, path, source, parser.SkipObjectResolution)
	}
	if c.parsed[path] == nil {
		c.parsed[path], err = parser.ParseFile(c.fset, path, nil, parser.SkipObjectResolution)
	}
	return c.parsed[path], err
}

func (c *checker) check(m mutant, text string) error {
	dir := filepath.Join(root, filepath.FromSlash(filepath.Dir(m.file)))
	p, err := build.ImportDir(dir, 0)
	if err != nil {
		return err
	}
	var files []*ast.File
	for _, name := range p.GoFiles {
		var source any
		if name == filepath.Base(m.file) {
			source = text
		}
		f, err := c.parse(filepath.Join(dir, name), source)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: c.importer}
	_, err = conf.Check(dir, c.fset, files, nil)
	return err
}
