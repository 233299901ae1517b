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
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// TestMutantsNameTests wants each filter of the table to match tests of its packages;
// one that matches none would be time lost.
func TestMutantsNameTests(t *testing.T) {
	names := make(map[string][]string)
	for _, m := range all() {
		filter, err := regexp.Compile(strings.Split(m.tests, "/")[0])
		if err != nil {
			t.Errorf("mutant %q: %v", m.name, err)
			continue
		}
		matches := false
		for _, p := range strings.Fields(m.packages) {
			if names[p] == nil {
				names[p] = testNames(t, filepath.Join(root, p))
			}
			matches = matches || slices.ContainsFunc(names[p], filter.MatchString)
		}
		if !matches {
			t.Errorf("mutant %q names the tests %q, and %s has none of them", m.name, m.tests, m.packages)
		}
	}
}

// testNames returns the names of the tests of a package.
func testNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// TestMutantsAreSelected reads lists of numbers.
func TestMutantsAreSelected(t *testing.T) {
	for _, tt := range []struct {
		list string
		want string // numbers, or the error
	}{
		{"", "[]"},
		{"7", "[7]"},
		{"9,3-5,4", "[3 4 5 9]"},
		{"0", `"0": numbers go from 1 to`},
		{"5-3", `"5-3": numbers go from 1 to`},
		{"1-100000", `"1-100000": numbers go from 1 to`},
		{"some", "invalid syntax"},
	} {
		numbers, err := parseNumbers(tt.list)
		got := fmt.Sprint(slices.Sorted(maps.Keys(numbers)))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("parseNumbers(%q) = %s, want %s", tt.list, got, tt.want)
		}
	}
}

// TestFirstFailed reads what tests print.
func TestFirstFailed(t *testing.T) {
	for _, tt := range []struct{ name, output, want string }{
		{"a test", "--- FAIL: TestA (0.00s)\n    a_test.go:1: no\nFAIL\n", "TestA"},
		{"a case of a test", "--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/one (0.00s)\n    --- FAIL: TestA/two (0.00s)\n", "TestA/one"},
		{"two tests at once", "--- FAIL: TestA (0.00s)\n--- FAIL: TestB (0.00s)\n    --- FAIL: TestB/one (0.00s)\n", "TestA"},
		{"a panic", "panic: test timed out after 1s\n", "a test that did not end"},
	} {
		if got := firstFailed(tt.output); got != tt.want {
			t.Errorf("firstFailed(%s) = %s, want %s", tt.name, got, tt.want)
		}
	}
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

// TestWovenMutantsCompile type-checks the files that have many mutants in them, each
// alone with the switch beside it.
func TestWovenMutantsCompile(t *testing.T) {
	byFile := make(map[string][]int)
	for i, m := range all() {
		byFile[m.file] = append(byFile[m.file], i+1)
	}
	c := newChecker(exportData(t))
	alone := 0
	for name, numbers := range byFile {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		woven, pkg, left, err := weave(string(data), numbers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		alone += len(left)
		for _, n := range numbers {
			if slices.Contains(left, n) == strings.Contains(woven, fmt.Sprintf("if mutantOn == \"%d\" {", n)) {
				t.Errorf("%s: mutant %d is woven in and left, or neither", name, n)
			}
		}
		on, err := parser.ParseFile(c.fset, "on.go", switchFile(pkg), parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.check(mutant{file: name}, woven, on); err != nil {
			t.Errorf("%s with all its mutants does not compile: %v", name, err)
		}
	}
	if alone > len(all())/10 {
		t.Errorf("%d of %d mutants need a program of their own, want a tenth at most", alone, len(all()))
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

func (c *checker) check(m mutant, text string, more ...*ast.File) error {
	dir := filepath.Join(root, filepath.FromSlash(filepath.Dir(m.file)))
	p, err := build.ImportDir(dir, 0)
	if err != nil {
		return err
	}
	files := more
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
