package docstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/auth/pages"
)

// files writes the files that a document has into a folder.
func files(t *testing.T, doc string) string {
	t.Helper()
	dir, count := t.TempDir(), 0
	for _, b := range blocks(t, doc) {
		if !b.has("file") {
			continue
		}
		name := filepath.Join(dir, b.directives["file"])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count == 0 {
		t.Fatalf("%s has no files", doc)
	}
	return dir
}

// The template and the colours of the guide are accepted, and used.
func TestPageOfTheGuide(t *testing.T) {
	t.Parallel()
	look := os.DirFS(filepath.Join(files(t, "docs/pages.md"), "look"))
	site, err := pages.New(authtest.New(t).Service, pages.Config{Templates: look})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/login": "Good to see you", "/auth/auth.css": "#5b2fb3"} {
		found := false
		for _, r := range site.Routes() {
			if r.Method() != "GET" || r.Path() != path {
				continue
			}
			if w := get(r.Handler, path); strings.Contains(w.Body.String(), want) {
				found = true
			}
		}
		if !found {
			t.Errorf("%s does not say %q", path, want)
		}
	}
}

// The mail of the guide is what is sent.
func TestMailOfTheGuide(t *testing.T) {
	t.Parallel()
	mails := os.DirFS(filepath.Join(files(t, "docs/mail.md"), "mails"))
	env := authtest.New(t, func(c *auth.Config) { c.MailTemplates, c.AppName = mails, "Acme" })
	w := serve(env.Mux(), authtest.JSON(t, "POST", "/auth/register", map[string]string{"email": "ann@example.com", "password": authtest.Password}))
	if w.Code != 201 {
		t.Fatalf("register = %d %s", w.Code, w.Body)
	}
	if m := env.Mail(t, "ann@example.com"); m.Subject != "Welcome to Acme" || !strings.Contains(m.Text, "confirm this address within 24 hours") {
		t.Errorf("the mail is %q\n%s", m.Subject, m.Text)
	}
}
