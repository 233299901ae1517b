package auth

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/store"
)

//go:embed mail
var builtinMail embed.FS

// mailFileMax bounds one template file, in bytes.
const mailFileMax = 256 << 10

// mailTemplates puts mails into words. It is safe for concurrent use.
type mailTemplates struct {
	appName string
	parts   map[string]map[MailKind]mailParts // by language suffix; "" has all kinds
}

type mailParts struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// newMailTemplates parses the embedded templates, where override, if not nil,
// replaces or adds single files. Every template is executed once with sample
// data, so a broken one is found here; the error names all that are.
func newMailTemplates(appName string, override fs.FS) (*mailTemplates, error) {
	if appName == "" || mailLine(appName) != appName || utf8.RuneCountInString(appName) > mailTextMax {
		return nil, fmt.Errorf("mail templates: application name %q: want one line of 1 to %d characters", appName, mailTextMax)
	}
	langs, err := mailLanguages(override)
	if err != nil {
		return nil, fmt.Errorf("mail templates: %w", err)
	}
	t := &mailTemplates{appName: appName, parts: make(map[string]map[MailKind]mailParts)}
	src := mailSource{override}
	var errs []error
	for lang, kinds := range langs {
		t.parts[lang] = make(map[MailKind]mailParts, len(kinds))
		for _, kind := range kinds {
			parts, err := src.parse(kind, lang)
			if err == nil {
				t.parts[lang][kind] = parts
				err = t.try(kind, lang)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("mail template %s: %w", mailFile(string(kind), lang, ""), err))
			}
		}
	}
	if len(errs) > 0 {
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// mailLanguages finds which kinds exist in which language, and refuses files
// that would never be read.
func mailLanguages(override fs.FS) (map[string][]MailKind, error) {
	langs := map[string][]MailKind{"": mailKinds}
	if override == nil {
		return langs, nil
	}
	entries, err := fs.ReadDir(override, ".")
	if err != nil {
		return nil, err
	}
	halves := make(map[string]int) // "verify.de": how many of its two files are there
	var errs []error
	for _, e := range entries {
		name := e.Name()
		ext := path.Ext(name)
		if e.IsDir() || ext != ".txt" && ext != ".html" {
			continue
		}
		stem, lang, _ := strings.Cut(strings.TrimSuffix(name, ext), ".")
		kind := MailKind(stem)
		if !slices.Contains(mailKinds, kind) && stem != "layout" || lang != "" && !validLang(lang) {
			errs = append(errs, fmt.Errorf("%s: no mail has this name", name))
			continue
		}
		if lang == "" || stem == "layout" {
			continue
		}
		key := stem + "." + lang
		if halves[key]++; halves[key] == 2 {
			langs[lang] = append(langs[lang], kind)
			delete(halves, key)
		}
	}
	for key := range halves {
		errs = append(errs, fmt.Errorf("%s: needs both .txt and .html", key))
	}
	return langs, errors.Join(errs...)
}

// validLang reports whether s has the shape of a lower-case language tag.
func validLang(s string) bool {
	for part := range strings.SplitSeq(s, "-") {
		if len(part) < 2 || len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
		}) {
			return false
		}
	}
	return true
}

// mailSource reads template files, those of the caller first.
type mailSource struct{ override fs.FS }

func (s mailSource) parse(kind MailKind, lang string) (mailParts, error) {
	var parts mailParts
	layout, err := s.read("layout", lang, ".txt")
	if err != nil {
		return parts, err
	}
	text, err := s.read(string(kind), lang, ".txt")
	if err != nil {
		return parts, err
	}
	parts.text, err = texttemplate.New(mailFile("layout", lang, ".txt")).Parse(layout)
	if err == nil {
		_, err = parts.text.New(mailFile(string(kind), lang, ".txt")).Parse(text)
	}
	if err != nil {
		return parts, err
	}

	if layout, err = s.read("layout", lang, ".html"); err != nil {
		return parts, err
	}
	if text, err = s.read(string(kind), lang, ".html"); err != nil {
		return parts, err
	}
	parts.html, err = htmltemplate.New(mailFile("layout", lang, ".html")).Parse(layout)
	if err == nil {
		_, err = parts.html.New(mailFile(string(kind), lang, ".html")).Parse(text)
	}
	return parts, err
}

// read returns the caller's file if there is one. A layout that is missing in a
// language is the one without a language.
func (s mailSource) read(stem, lang, ext string) (string, error) {
	try := func(fsys fs.FS, name string) (string, error) {
		b, err := fs.ReadFile(fsys, name)
		if err == nil && len(b) > mailFileMax {
			err = fmt.Errorf("%s: larger than %d bytes", name, mailFileMax)
		}
		return string(b), err
	}
	if s.override != nil {
		names := []string{mailFile(stem, lang, ext)}
		if stem == "layout" && lang != "" {
			names = append(names, mailFile(stem, "", ext))
		}
		for _, name := range names {
			if text, err := try(s.override, name); !errors.Is(err, fs.ErrNotExist) {
				return text, err
			}
		}
	}
	return try(builtinMail, "mail/"+mailFile(stem, "", ext))
}

func mailFile(stem, lang, ext string) string {
	if lang != "" {
		return stem + "." + lang + ext
	}
	return stem + ext
}

// try renders kind with all data there can be, and with as little as possible.
func (t *mailTemplates) try(kind MailKind, lang string) error {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	full := Mail{
		Kind: kind, Lang: lang, Link: "https://app.example.com/page?token=sample-token&x=1",
		User:     &store.User{Email: "ann@example.com", Name: "Ann Example"},
		Lifetime: 30 * time.Minute,
		Org:      "Example Org", Inviter: "Bob Example", Role: "admin", Provider: "GitHub",
		OldEmail: "ann@example.com", NewEmail: "ann@example.org",
		IP: "192.0.2.1", UserAgent: "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
		At: now,
	}
	least := Mail{Kind: kind, Lang: lang, To: "ann@example.com"}
	if kind.needsLink() {
		least.Link, least.Lifetime = full.Link, full.Lifetime
	}
	for _, m := range []Mail{full, least} {
		if _, err := t.render(m, now); err != nil {
			return err
		}
	}
	return nil
}
