package docstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the root of the repository.
const root = "../.."

// block is a fenced block of a document.
type block struct {
	file string // from the root
	line int    // of its fence
	lang string
	text string
	// directives are the comments above it: "run" → "start".
	directives map[string]string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// has reports whether a comment above the block begins with name.
func (b block) has(name string) bool { _, ok := b.directives[name]; return ok }

// documents returns the documents, by their paths from the root.
func documents(tb testing.TB) []string {
	tb.Helper()
	files := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	guides, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(guides) < 10 {
		tb.Fatalf("%d guides in docs, %v", len(guides), err)
	}
	for _, name := range guides {
		files = append(files, "docs/"+filepath.Base(name))
	}
	return files
}

func read(tb testing.TB, file string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// blocks returns the blocks of a document in order.
func blocks(tb testing.TB, file string) []block {
	tb.Helper()
	found, err := parse(file, read(tb, file))
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func parse(file, text string) (found []block, err error) {
	var open *block
	pending := map[string]string{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		switch {
		case open != nil && line == "```":
			found, open = append(found, *open), nil
		case open != nil:
			open.text += lines[i] + "\n"
		case strings.HasPrefix(line, "```"):
			open = &block{file: file, line: i + 1, lang: strings.TrimPrefix(line, "```"), directives: pending}
			pending = map[string]string{}
		case strings.HasPrefix(line, "<!--"):
			comment := line
			for !strings.Contains(comment, "-->") && i+1 < len(lines) {
				i++
				comment += "\n" + lines[i]
			}
			body, _, closed := strings.Cut(strings.TrimPrefix(comment, "<!--"), "-->")
			if !closed {
				return nil, fmt.Errorf("%s:%d: this comment has no end", file, i+1)
			}
			name, value, _ := strings.Cut(strings.TrimSpace(body), ":")
			pending[name] = strings.TrimSpace(value)
		case line != "":
			pending = map[string]string{}
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s: this block has no end", open)
	}
	return found, nil
}

func TestParse(t *testing.T) {
	t.Parallel()
	const text = "words\n\n<!-- run: start -->\n<!-- with: a\nb -->\n```sh\none\n\n  two\n```\n<!-- lost -->\nmore\n```go\nx\n```\n"
	got, err := parse("x.md", text)
	if err != nil || len(got) != 2 {
		t.Fatalf("parse = %v, %v, want two blocks", got, err)
	}
	if b := got[0]; b.lang != "sh" || b.line != 6 || b.text != "one\n\n  two\n" || b.directives["run"] != "start" || b.directives["with"] != "a\nb" {
		t.Errorf("the first block is %+v", b)
	}
	if b := got[1]; b.lang != "go" || b.text != "x\n" || len(b.directives) != 0 {
		t.Errorf("the second block is %+v", b)
	}
	for _, text := range []string{"```sh\n", "<!-- run"} {
		if _, err := parse("x.md", text); err == nil {
			t.Errorf("parse(%q) = nil error", text)
		}
	}
}

// Each block of shell is accounted for, and no comment is misspelt.
func TestEveryBlockHasAPurpose(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"run": true, "not run": true, "output": true, "file": true, "with": true, "test": true}
	count := 0
	for _, file := range documents(t) {
		for _, b := range blocks(t, file) {
			if b.lang == "sh" && !b.has("run") && b.directives["not run"] == "" && !b.has("file") {
				t.Errorf("%s: say above this block whether it is run, or why not", b)
			}
			for name := range b.directives {
				if b.lang != "" && !known[name] && !strings.HasPrefix(name, "generated") {
					t.Errorf("%s: there is no directive %q", b, name)
				}
			}
			if b.has("run") && b.lang == "sh" {
				count++
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d blocks of shell are run", count)
	}
}
