package docstest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	return serve(h, httptest.NewRequest(http.MethodGet, path, nil))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestTestsInDocumentsPass runs the blocks after <!-- test: --> as a reader would,
// in a module of their own.
func TestTestsInDocumentsPass(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	count := 0
	for _, doc := range documents(t) {
		for _, b := range blocks(t, doc) {
			if !b.has("test") {
				continue
			}
			count++
			sub := filepath.Join(dir, fmt.Sprintf("block%d", count))
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(sub, "app_test.go"), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if count < 2 {
		t.Errorf("only %d tests were found", count)
	}
	goIn(t, dir, "mod", "init", "example.com/app")
	goIn(t, dir, "mod", "edit", "-replace", module+"="+repo(t), "-require", module+"@v0.0.0")
	goIn(t, dir, "mod", "tidy")
	goIn(t, dir, "test", "./...")
}

// goIn runs the go command in a folder that is no part of the workspace.
func goIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
	return string(out)
}
