package pages

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func readCatalog(tb testing.TB, tag string) Catalog {
	tb.Helper()
	raw, err := builtin.ReadFile("locales/" + tag + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	var c Catalog
	if err := json.Unmarshal(raw, &c); err != nil {
		tb.Fatal(err)
	}
	return c
}

func testView() View {
	return View{App: "Acme", CSS: "/auth/auth.css", JS: "/auth/auth.js", Act: "/auth/pages", Home: "/", AfterSignIn: "/app", Refresh: "/auth/refresh", Logout: "/auth/logout"}
}

// TestEveryPageRendersInEveryLanguage also holds what must be true of any page.
func TestEveryPageRendersInEveryLanguage(t *testing.T) {
	t.Parallel()
	r, err := newRenderer(layers{builtin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var (
		inline    = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script[^>]*>[^<]`)
		foreign   = regexp.MustCompile(`(?:src|action)="(?:https?:)?//|<link[^>]*href="(?:https?:)?//`)
		control   = regexp.MustCompile(`<(?:input|select|textarea)[^>]*>`)
		id        = regexp.MustCompile(`\sid="([^"]*)"`)
		described = regexp.MustCompile(`aria-describedby="([^"]*)"`)
	)
	for tag, lang := range r.languages {
		seen := map[string]bool{}
		for _, s := range samples(testView(), lang) {
			t.Run(tag+"/"+s.page+"/"+s.variant, func(t *testing.T) {
				b, err := r.render(s.page, tag, &s.view)
				if err != nil {
					t.Fatal(err)
				}
				html := string(b)
				if !strings.Contains(html, `<html lang="`+tag+`"`) {
					t.Error("the language is not said")
				}
				if m := inline.FindString(html); m != "" {
					t.Errorf("page has %q, want no inline script or style", m)
				}
				if m := foreign.FindString(html); m != "" {
					t.Errorf("page has %q, want nothing from elsewhere", m)
				}
				if strings.Count(html, "<h1") != 1 {
					t.Errorf("page has %d h1, want 1", strings.Count(html, "<h1"))
				}
				title, _, _ := strings.Cut(html[strings.Index(html, "<title>"):], "</title>")
				if got := strings.Contains(title, lang.texts["error.title"]); got != s.view.Failed() {
					t.Errorf("title %q says error = %v, want %v", title, got, s.view.Failed())
				}
				ids := map[string]bool{}
				for _, m := range id.FindAllStringSubmatch(html, -1) {
					if ids[m[1]] {
						t.Errorf("id %q is there twice", m[1])
					}
					ids[m[1]] = true
				}
				for _, m := range described.FindAllStringSubmatch(html, -1) {
					for ref := range strings.FieldsSeq(m[1]) {
						if !ids[ref] {
							t.Errorf("aria-describedby names %q, which is not there", ref)
						}
					}
				}
				for _, m := range control.FindAllString(html, -1) {
					if strings.Contains(m, `type="password"`) && strings.Contains(m, `value=`) {
						t.Errorf("a password is in the page: %s", m)
					}
					if own := id.FindStringSubmatch(m); own != nil && !strings.Contains(html, `for="`+own[1]+`"`) {
						t.Errorf("no label is for %s", m)
					}
				}
				if n := strings.Count(html, " autofocus"); n > 1 {
					t.Errorf("page has %d autofocus, want at most 1", n)
				}
			})
			seen[s.page] = true
		}
		for _, name := range names {
			if !seen[name] {
				t.Errorf("there is no sample of page %q", name)
			}
		}
	}
}

// TestSizes keeps all pages with the style sheet and the browser client, as they
// are served, under 60 KiB.
func TestSizes(t *testing.T) {
	t.Parallel()
	r, err := newRenderer(layers{builtin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, name := range []string{"static/auth.css", "static/auth.js"} {
		b, err := builtin.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(b)
		if name == "static/auth.js" {
			if n := strings.Count(string(b), "\n"); n > 200 {
				t.Errorf("auth.js has %d lines, want at most 200", n)
			}
		}
	}
	for _, s := range samples(testView(), r.languages["en"]) {
		if s.variant != "" {
			continue
		}
		b, err := r.render(s.page, "en", &s.view)
		if err != nil {
			t.Fatal(err)
		}
		total += len(b)
	}
	if total > 60<<10 {
		t.Errorf("all pages together have %d bytes, want at most %d", total, 60<<10)
	}
	t.Logf("all pages together have %d bytes", total)
}

func TestOverrideIsFileByFile(t *testing.T) {
	t.Parallel()
	over := fstest.MapFS{"templates/login.html": {Data: []byte(`{{define "title"}}Hello{{end}}{{define "main"}}<h1>Mine, {{t "login.button"}}</h1>{{end}}`)}}
	r, err := newRenderer(layers{over, builtin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := testView()
	b, err := r.render("login", "de", &v)
	if err != nil || !strings.Contains(string(b), "<h1>Mine, Anmelden</h1>") {
		t.Errorf("login = %s, %v, want the override in the built-in layout", b, err)
	}
	b, err = r.render("forgot-password", "de", &v)
	if err != nil || !strings.Contains(string(b), "Passwort vergessen?") {
		t.Errorf("forgot-password = %.200s, %v, want the built-in page", b, err)
	}
}

// TestStoredTextIsEscaped puts hostile text into every string of every sample.
func TestStoredTextIsEscaped(t *testing.T) {
	t.Parallel()
	r, err := newRenderer(layers{builtin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, attack := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `" autofocus onfocus="alert(1)`,
		`javascript:alert(1)`, `</title><script>alert(1)</script>`, `</textarea><svg onload=alert(1)>`, `{{.}}`, `&lt;b&gt;`, "a\x00b\u202e\u2028",
		`data:text/html,<script>alert(1)</script>`, "`${alert(1)}`", `--><!--`, `]]>`, strings.Repeat("<", 300),
	} {
		for _, s := range samples(testView(), r.languages["en"]) {
			poison(&s.view, attack)
			b, err := r.render(s.page, "en", &s.view)
			if err != nil {
				t.Fatalf("%s with %q: %v", s.page, attack, err)
			}
			if m := structure(string(b)); m != "" {
				t.Errorf("%s %s with %.40q has %s", s.page, s.variant, attack, m)
			}
		}
	}
}

var (
	badAttribute = regexp.MustCompile(`(?i)\s(on[a-z]+|style|srcdoc|formaction)(=|\s|$)`)
	badAddress   = regexp.MustCompile(`(?i)(?:href|action|src)="\s*(?:javascript|data|vbscript):`)
	anyValue     = regexp.MustCompile(`="[^"]*"`)
)

var tagPattern = regexp.MustCompile(`<(/?)([a-zA-Z!?][^\s>]*)((?:\s+[a-zA-Z-]+(?:="[^"]*")?)*)\s*>`)

// structure reads the page as the tags it must consist of and returns what does
// not belong there.
func structure(html string) string {
	if html = strings.TrimPrefix(html, "<!doctype html>"); strings.Contains(html, "<!") {
		return "a declaration"
	}
	rest := tagPattern.ReplaceAllStringFunc(html, func(tag string) string {
		m := tagPattern.FindStringSubmatch(tag)
		if badAttribute.MatchString(anyValue.ReplaceAllString(m[3], "=")) {
			return "<" + tag
		}
		if badAddress.MatchString(m[3]) {
			return "<" + tag
		}
		switch strings.ToLower(m[2]) {
		case "img", "svg", "iframe", "object", "embed", "base", "style":
			return "<" + tag
		}
		return ""
	})
	if strings.Count(html, "<script") != 1 {
		return "more than one script"
	}
	if i := strings.Index(rest, "<"); i >= 0 {
		return "a stray tag: " + rest[i:min(len(rest), i+80)]
	}
	return ""
}

func TestDate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 10, 26, 53, 999, time.FixedZone("", 3600))
	languages := builtinLanguages(t)
	for tag, want := range map[string]string{
		"en": `<time datetime="2026-03-14T09:26:53Z">14 Mar 2026, 09:26 UTC</time>`,
		"de": `<time datetime="2026-03-14T09:26:53Z">14.03.2026, 09:26 UTC</time>`,
	} {
		if got := languages[tag].date(at); string(got) != want {
			t.Errorf("%s date = %s, want %s", tag, got, want)
		}
	}
}

// TestBrowserClient runs testdata/auth.test.mjs, the tests of static/auth.js.
func TestBrowserClient(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the tests of auth.js need Node 20 or later, and there is no node here")
	}
	cmd := exec.CommandContext(t.Context(), node, "--test", "testdata/")
	cmd.Env = os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("node --test: %v\n%s", err, out)
	}
}
