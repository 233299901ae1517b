package docstest

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table in docs/events.md has every kind there is, once, and the bold ones
// are those that are logged as warnings.
func TestEventsAreListed(t *testing.T) {
	t.Parallel()
	want := slices.Concat(parsePackage(t, "auth").constants("EventKind"), parsePackage(t, "auth/org").constants("auth.EventKind"))
	warned := warnings(t)
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| (\\*\\*)?`(auth\\.[a-z_]+)`").FindAllStringSubmatch(read(t, "docs/events.md"), -1) {
		got = append(got, m[2])
		if bold := m[1] != ""; bold != warned[m[2]] {
			t.Errorf("%s is bold = %v, and logged as a warning = %v", m[2], bold, warned[m[2]])
		}
	}
	for _, kind := range want {
		if !slices.Contains(got, kind) {
			t.Errorf("docs/events.md does not list %s", kind)
		}
	}
	for _, kind := range got {
		if !slices.Contains(want, kind) {
			t.Errorf("docs/events.md lists %s, which is no kind", kind)
		}
	}
	if len(want) < 40 || len(got) != len(want) {
		t.Errorf("%d kinds are listed, and there are %d", len(got), len(want))
	}
}

// warnings are the kinds in the map of that name in package auth.
func warnings(t *testing.T) map[string]bool {
	t.Helper()
	p := parsePackage(t, "auth")
	values := map[string]string{}
	var names []string
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			if text(v.Type) == "EventKind" {
				values[v.Names[0].Name] = literal(v.Values[0])
			}
			if m, ok := v.Values[0].(*ast.CompositeLit); ok && v.Names[0].Name == "warnings" {
				for _, e := range m.Elts {
					names = append(names, text(e.(*ast.KeyValueExpr).Key))
				}
			}
			return true
		})
	}
	kinds := map[string]bool{}
	for _, name := range names {
		kinds[values[name]] = true
	}
	if len(kinds) < 5 {
		t.Errorf("only %d kinds are warnings", len(kinds))
	}
	return kinds
}

// The table in docs/rate-limits.md has every field of auth.Limits.
func TestLimitsAreListed(t *testing.T) {
	t.Parallel()
	guide := read(t, "docs/rate-limits.md")
	for _, f := range parsePackage(t, "auth").structFields(t, "Limits") {
		for _, n := range f.Names {
			if n.Name != "InsecureOff" && !strings.Contains(guide, "| `"+n.Name+"` |") {
				t.Errorf("docs/rate-limits.md does not list %s", n.Name)
			}
			// What the comment says of the default, the table says too.
			_, said, _ := strings.Cut(strings.Join(strings.Fields(f.Doc.Text()), " "), "Default ")
			if said = strings.TrimSuffix(said, "."); said != "" && !strings.Contains(guide, "| "+said+" |") {
				t.Errorf("docs/rate-limits.md does not say that the default of %s is %q", n.Name, said)
			}
		}
	}
}

// The table in docs/mail.md has every kind of mail.
func TestMailsAreListed(t *testing.T) {
	t.Parallel()
	guide := read(t, "docs/mail.md")
	kinds := parsePackage(t, "auth").constants("MailKind")
	for _, kind := range kinds {
		if !strings.Contains(guide, "`"+kind+"`") {
			t.Errorf("docs/mail.md does not list %s", kind)
		}
	}
	if len(kinds) < 10 {
		t.Errorf("only %d kinds were found", len(kinds))
	}
}

// The table in docs/social-login.md has every code of auth.OAuthError.
func TestOAuthErrorsAreListed(t *testing.T) {
	t.Parallel()
	guide := read(t, "docs/social-login.md")
	var codes []string // "Code is one of denied, expired … and failed"
	for _, f := range parsePackage(t, "auth").files {
		for _, c := range f.Comments {
			if _, list, found := strings.Cut(strings.Join(strings.Fields(c.Text()), " "), "Code is one of "); found {
				list, _, _ = strings.Cut(list, ";")
				codes = strings.Fields(strings.NewReplacer(",", " ", " and ", " ").Replace(list))
			}
		}
	}
	for _, code := range codes {
		if !strings.Contains(guide, "| `"+code+"` |") {
			t.Errorf("docs/social-login.md does not list %q", code)
		}
	}
	if len(codes) < 7 {
		t.Errorf("only %d codes were found", len(codes))
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links inside the repository lead to files, and to headings in them.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	count := 0
	docs := append(documents(t), "CHANGELOG.md")
	for _, file := range docs {
		text := read(t, file)
		for _, b := range blocks(t, file) {
			text = strings.Replace(text, b.text, "", 1)
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			count++
			path := file
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(file), target))
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, path)), anchor) {
				t.Errorf("%s: %s has no such heading", file, m[1])
			}
		}
	}
	if count < 40 {
		t.Errorf("only %d links were found", count)
	}
}

// anchors returns the names under which GitHub links to the headings of a text.
func anchors(text string) (names []string) {
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			name := strings.ToLower(strings.TrimSpace(heading))
			name = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(name, "")
			names = append(names, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return names
}

// Every guide is in the table of contents.
func TestGuidesAreListed(t *testing.T) {
	t.Parallel()
	index := read(t, "docs/README.md")
	for _, file := range documents(t) {
		if name, guide := strings.CutPrefix(file, "docs/"); guide && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}
