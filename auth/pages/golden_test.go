package pages

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGoldenPages keeps every page as it was when somebody last looked at it. Run
// with -update after a change, and read what the change did.
func TestGoldenPages(t *testing.T) {
	t.Parallel()
	r, err := newRenderer(layers{builtin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples(testView(), r.languages["en"]) {
		if s.variant != "" && s.variant != "failed" {
			continue
		}
		got, err := r.render(s.page, "en", &s.view)
		if err != nil {
			t.Fatal(err)
		}
		name := s.page
		if s.variant != "" {
			name += "." + s.variant
		}
		path := filepath.Join("testdata", "golden", name+".html")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not as in %s: run with -update and read the difference\n%s", name, path, got)
		}
	}
}
