package pages

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	"time"
)

//go:embed templates/*.html locales/*.json static/auth.css static/auth.js
var builtin embed.FS

// Files returns the files of this package that Config.Templates can override:
// templates/*.html, locales/*.json and static/auth.css.
func Files() fs.FS { return builtin }

// names lists the pages: for each there is a file templates/<name>.html.
var names = []string{
	"login", "register", "forgot-password", "reset-password", "verify-email", "verify-pending",
	"accept-invite", "continue", "confirm", "message", "account", "organizations", "organization",
	"users", "user", "audit",
}

// layers are file systems of which the first that has a file decides.
type layers []fs.FS

// read returns a file of the first layer that has it. Any trouble but absence is
// reported: an override that cannot be read must not quietly be left out.
func (l layers) read(name string) ([]byte, error) {
	for _, layer := range l {
		b, err := fs.ReadFile(layer, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// renderer holds every page in every language. It is immutable.
type renderer struct {
	languages map[string]*language
	pages     map[string]map[string]*template.Template // by language, then page
}

func newRenderer(l layers, extra map[string]Catalog) (*renderer, error) {
	languages, err := loadLanguages(l, extra)
	if err != nil {
		return nil, err
	}
	r := &renderer{languages: languages, pages: map[string]map[string]*template.Template{}}
	layout, err := l.read("templates/layout.html")
	if err != nil {
		return nil, err
	}
	var wrong []error
	for tag, lang := range languages {
		base, err := template.New("layout.html").Funcs(lang.funcs()).Parse(string(layout))
		if err != nil {
			return nil, err
		}
		r.pages[tag] = map[string]*template.Template{}
		for _, name := range names {
			page, err := parsePage(base, l, name)
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			r.pages[tag][name] = page
		}
		if len(wrong) > 0 {
			break // the files are the same in every language
		}
	}
	return r, errors.Join(wrong...)
}

func parsePage(base *template.Template, l layers, name string) (*template.Template, error) {
	src, err := l.read("templates/" + name + ".html")
	if err != nil {
		return nil, err
	}
	t, err := base.Clone()
	if err != nil {
		return nil, err
	}
	return t.New(name + ".html").Parse(string(src))
}

// render executes a page whole, so that a failure never leaves half of one.
func (r *renderer) render(name, lang string, v *View) ([]byte, error) {
	v.lang = r.languages[lang]
	v.focused = false
	var b bytes.Buffer
	if err := r.pages[lang][name].ExecuteTemplate(&b, "layout", v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// funcs are the functions that templates have beside those of html/template.
func (l *language) funcs() template.FuncMap {
	return template.FuncMap{
		"t":       l.text,
		"lang":    func() string { return l.tag },
		"date":    l.date,
		"event":   func(kind string) string { return l.textOr("event."+strings.TrimPrefix(kind, kindPrefix), kind) },
		"role":    func(role string) string { return l.textOr("role."+role, role) },
		"orgRole": func(role string) string { return l.textOr("orgrole."+role, role) },
		"field":   l.field,
		"choice":  l.choice,
	}
}

// date shows a moment in UTC; the browser client rewrites it in local time. The
// text is made of digits and the catalogue's format alone, escaped like any text.
func (l *language) date(t time.Time) template.HTML {
	t = t.UTC()
	layout := l.textOr("format.time", time.RFC3339)
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` +
		template.HTMLEscapeString(t.Format(layout)) + `</time>`)
}
