package aegis_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// goMod is what "go mod edit -json" and "go work edit -json" print.
type goMod struct {
	Module  struct{ Path string }
	Go      string
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace, Exclude []any
	Use              []struct{ DiskPath string }
}

func readMod(t *testing.T, kind, file string) *goMod {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", kind, "edit", "-json", file).Output()
	if err != nil {
		t.Fatalf("go %s edit -json %s: %v", kind, file, err)
	}
	m := new(goMod)
	if err := json.Unmarshal(out, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// What heavier things need stands in nested modules, because a requirement in
// the root lifts the versions of everybody who imports any package of it.
func TestRootModuleRequiresFourThings(t *testing.T) {
	t.Parallel()
	m := readMod(t, "mod", "go.mod")
	var direct []string
	for _, r := range m.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	want := []string{
		"github.com/gorilla/securecookie",
		"github.com/lestrrat-go/jwx/v2",
		"golang.org/x/crypto",
		"golang.org/x/oauth2",
	}
	if !slices.Equal(direct, want) {
		t.Errorf("go.mod requires %q directly, want %q", direct, want)
	}
	if m.Module.Path != module {
		t.Errorf("go.mod names the module %q, want %q", m.Module.Path, module)
	}
	if len(m.Replace) > 0 || len(m.Exclude) > 0 {
		t.Errorf("go.mod replaces or excludes %v %v; importers would not see that", m.Replace, m.Exclude)
	}
}

// go.work joins every module there is, so that "go test work" misses none.
func TestWorkspaceJoinsAllModules(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("go.work"); os.IsNotExist(err) {
		t.Skip("no go.work: this is a copy of the module outside its repository")
	}
	var joined, found []string
	for _, u := range readMod(t, "work", "go.work").Use {
		joined = append(joined, filepath.ToSlash(filepath.Clean(u.DiskPath)))
	}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (d.Name()[0] == '.' || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.Name() == "go.mod":
			found = append(found, filepath.ToSlash(filepath.Dir(name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(joined)
	slices.Sort(found)
	if !slices.Equal(joined, found) {
		t.Errorf("go.work joins %q, but the modules are %q", joined, found)
	}
}
