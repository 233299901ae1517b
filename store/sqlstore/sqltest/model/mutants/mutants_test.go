package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root of the repository, from this directory.
const root = "../../../../.."

// TestMutantsFit keeps the table in step with the code: what each mutant replaces
// is there, once, and no two mutants are the same.
func TestMutantsFit(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range all() {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := m.apply(string(data))
		if err != nil {
			t.Error(err)
			continue
		}
		if text == string(data) {
			t.Errorf("mutant %q changes nothing", m.name)
		}
		if key := m.file + "\x00" + text; seen[key] || seen[m.name] {
			t.Errorf("mutant %q is in the table twice", m.name)
		} else {
			seen[key], seen[m.name] = true, true
		}
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
