package auth

import (
	"errors"
	"fmt"
	"html"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aegis-auth/aegis/store"
)

const sampleLink = "https://app.example.com/reset-password?token=5fK3-c4naryT0ken_x&next=%2Fapp"

var mailTime = time.Date(2026, 2, 3, 14, 5, 6, 0, time.UTC)

func sampleMail(kind MailKind) Mail {
	m := Mail{
		Kind: kind, Link: sampleLink, Lifetime: 30 * time.Minute,
		User: &store.User{ID: "u1", Email: "ann@example.com", Name: "Ann O'Hara", PasswordHash: "$2a$12$canary"},
		IP:   "2001:db8::1", At: mailTime,
		UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
	}
	switch kind {
	case MailInvite:
		m.Org, m.Inviter, m.Role, m.Lifetime = "Müller & Söhne", "Bob <Builder>", "admin", 14*24*time.Hour
		m.User, m.To = nil, "new@example.net"
	case MailAccountLinked, MailAccountUnlinked:
		m.Provider = "GitHub"
	case MailEmailChange:
		m.OldEmail, m.NewEmail, m.To, m.Lifetime = "ann@example.com", "ann@example.org", "ann@example.org", time.Hour
	case MailEmailChangeRequested, MailEmailChanged:
		m.OldEmail, m.NewEmail = "ann@example.com", "ann@example.org"
	case MailLocked:
		m.Lifetime = 15 * time.Minute
	}
	return m
}

func builtinTemplates(tb testing.TB, override fs.FS) *mailTemplates {
	tb.Helper()
	t, err := newMailTemplates("Example App", override)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// TestMailGolden keeps every kind of mail, with all data and with the least, for
// people to read in review.
func TestMailGolden(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	for _, kind := range mailKinds {
		t.Run(string(kind), func(t *testing.T) {
			least := Mail{Kind: kind, To: "ann@example.com", At: mailTime}
			if kind.needsLink() {
				least.Link = sampleLink
			}
			var b strings.Builder
			for _, m := range []Mail{sampleMail(kind), least} {
				msg, err := mt.render(m, mailTime)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "Subject: %s\nTo: %s\n\n%s\n%s\n", msg.Subject, msg.To, msg.Text, strings.Repeat("=", 72))
				if m.User != nil || kind == MailInvite {
					fmt.Fprintf(&b, "%s%s\n", msg.HTML, strings.Repeat("=", 72))
				}
			}
			golden(t, "mail/"+string(kind)+".golden", []byte(b.String()))
		})
	}
}

var (
	hrefs    = regexp.MustCompile(`href="([^"]*)"`)
	foreign  = regexp.MustCompile(`(?i)<(img|script|link|iframe|object|embed|form|base|svg|video|audio)\b|\bsrc=|url\(|@import|\bon[a-z]+=|https?://`)
	htmlLink = html.EscapeString(sampleLink)
)

// TestMailLoadsNothing checks that no mail fetches anything when it is opened:
// the one address in it is the link, and it is only there to be clicked.
func TestMailLoadsNothing(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	for _, kind := range mailKinds {
		msg, err := mt.render(sampleMail(kind), mailTime)
		if err != nil {
			t.Fatal(err)
		}
		found := hrefs.FindAllStringSubmatch(msg.HTML, -1)
		if len(found) == 0 {
			t.Errorf("%s: the HTML has no link", kind)
		}
		for _, f := range found {
			if html.UnescapeString(f[1]) != sampleLink {
				t.Errorf("%s: href = %q, want the link of the mail", kind, f[1])
			}
		}
		rest := strings.ReplaceAll(msg.HTML, htmlLink, "")
		if bad := foreign.FindString(rest); bad != "" {
			t.Errorf("%s: the HTML has %q besides the link", kind, bad)
		}
		if n := strings.Count(msg.Text, sampleLink); n != 1 {
			t.Errorf("%s: the text shows the link %d times, want 1", kind, n)
		}
		if n := strings.Count(msg.HTML, htmlLink); n != 2 {
			t.Errorf("%s: the HTML holds the link %d times, want 2: the button and the plain address", kind, n)
		}
	}
}

func TestMailRender(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	in := sampleMail(MailReset)
	msg, err := mt.render(in, mailTime)
	if err != nil {
		t.Fatal(err)
	}
	if msg.User == in.User || msg.User.PasswordHash != "" || msg.User.ID != "u1" {
		t.Errorf("User = %+v, want a copy without the password hash", msg.User)
	}
	if in.User.PasswordHash == "" {
		t.Error("render changed the user it was given")
	}
	if want := mailTime.Add(30 * time.Minute); !msg.ExpiresAt.Equal(want) {
		t.Errorf("ExpiresAt = %v, want %v", msg.ExpiresAt, want)
	}
	if msg.Kind != MailReset || msg.Link != sampleLink || msg.Lang != "en" || !msg.CreatedAt.Equal(mailTime) {
		t.Errorf("message = %+v", *msg)
	}
	again, err := mt.render(in, mailTime)
	if err != nil {
		t.Fatal(err)
	}
	if msg.ID == "" || msg.ID == again.ID {
		t.Errorf("IDs of two messages = %q, %q, want different ones", msg.ID, again.ID)
	}
	locked, err := mt.render(sampleMail(MailLocked), mailTime)
	if err != nil {
		t.Fatal(err)
	}
	if !locked.ExpiresAt.IsZero() {
		t.Errorf("ExpiresAt of a notice = %v, want none", locked.ExpiresAt)
	}
}

// TestMailRecipient: one recipient, and it is the stored address.
func TestMailRecipient(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	for _, to := range []string{
		"v@example.com,a@evil.example", "v@example.com, a@evil.example", "v@example.com;a@evil.example",
		"v@example.com a@evil.example", "v@example.com\r\nBcc: a@evil.example", "v@example.com\nBcc:a@evil.example",
		"v@example.com\x00a@evil.example", "Victim <v@example.com>", "<v@example.com>", `"v@example.com,a"@evil.example`,
		"v@example.com(comment)", "v@exam\u200bple.com", "v\u0131ctim@example.com", "v@\u212aelvin.example",
		"@a@evil.example:v@example.com", "v@[127.0.0.1]", "v@example.com>", "=?utf-8?q?v?=@example.com", "v", "@", "",
		"v@" + strings.Repeat("a.", 130) + "com",
	} {
		_, err := mt.render(Mail{Kind: MailInvite, To: to, Link: sampleLink}, mailTime)
		if !errors.Is(err, ErrMailRefused) {
			t.Errorf("render(to %q) = %v, want ErrMailRefused", to, err)
			continue
		}
		if to != "" && len(to) > 1 && strings.Contains(err.Error(), to) {
			t.Errorf("error %q repeats the address", err)
		}
	}

	u := &store.User{Email: "ann@example.com"}
	for _, kind := range mailKinds {
		other := kind == MailEmailChange || kind == MailEmailChanged || kind == MailInvite
		for to, want := range map[string]bool{"": true, "ann@example.com": true, "Ann@example.com": other, "eve@evil.example": other} {
			msg, err := mt.render(Mail{Kind: kind, User: u, To: to, Link: sampleLink}, mailTime)
			if (err == nil) != want {
				t.Errorf("render(%s about %s, to %q) = %v, want success %t", kind, u.Email, to, err, want)
			}
			if to == "" && err == nil && msg.To != u.Email {
				t.Errorf("render(%s).To = %q, want the stored address", kind, msg.To)
			}
		}
	}
}

func TestMailLink(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	for link, want := range map[string]bool{
		"":                                                     false,
		"https://app.example.com/x?token=abc":                  true,
		"http://localhost:8000/x":                              true,
		"https://app.example.com/x?a=b&c=d#e":                  true,
		"/reset-password?token=abc":                            false,
		"//evil.example/x":                                     false,
		"javascript:alert(1)":                                  false,
		"data:text/html,x":                                     false,
		"https://user:pw@app.example.com/":                     false,
		"https:///x":                                           false,
		"https://app.example.com/a b":                          false,
		"https://app.example.com/\r\nBcc: a@b.c":               false,
		"https://app.example.com/\"><script>":                  false,
		"https://app.example.com/\u00e9":                       false,
		"https://app.example.com/" + strings.Repeat("a", 2048): false,
	} {
		_, err := mt.render(Mail{Kind: MailVerify, To: "a@example.com", Link: link}, mailTime)
		if (err == nil) != want {
			t.Errorf("render(link %q) = %v, want success %t", link, err, want)
		}
		if err != nil && strings.Contains(link, "abc") && strings.Contains(err.Error(), "abc") {
			t.Errorf("error %q repeats the token", err)
		}
	}
	if _, err := mt.render(Mail{Kind: "nonsense", To: "a@example.com"}, mailTime); !errors.Is(err, ErrMailRefused) {
		t.Errorf("render(unknown kind) = %v, want ErrMailRefused", err)
	}
}

// TestMailInjection puts hostile texts everywhere users can put text.
func TestMailInjection(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	for _, evil := range []string{
		"Ann\r\nBcc: eve@evil.example", "Ann\n\nClick https://evil.example/now", "Ann\x00\x1b[31mred", "a\u2028b\u2029c\u0085d",
		"https://evil.example/login", "hTTps://evil.example", "http:\\\\evil.example", "//evil.example/x", "www.evil.example", "evil.example",
		"evil.example/login?x=1", "eve@evil.example", "mailto:eve", "javascript:alert(1)", "tel:+15550100", "evil\u3002example", "evil\uff0eexample/x",
		"\uff48\uff54\uff54\uff50\uff1a\uff0f\uff0f\uff45vil.example", "hxxp evil\u00ad.example", "ev\u200bil.exa\u200dmple",
		"\u202ehttp://moc.live", "(https://evil.example)", "<a href=https://evil.example>x</a>", "<img src=x onerror=alert(1)>", "</title><script>alert(1)</script>",
		"{{.Link}}", "{{template \"x\"}}", "=?utf-8?B?aHR0cHM6Ly9ldmlsLmV4YW1wbGU=?=", "\xff\xfe\xc0", strings.Repeat("long ", 4000), strings.Repeat("é", 4000),
		"x\"onmouseover=alert(1)", "]]>", "--=_boundary--",
	} {
		for _, kind := range mailKinds {
			m := sampleMail(kind)
			m.Org, m.Inviter, m.Role, m.Provider, m.UserAgent, m.IP = evil, evil, evil, evil, evil, evil
			m.OldEmail, m.NewEmail = evil, evil
			if m.User != nil {
				m.User.Name = evil
			}
			msg, err := mt.render(m, mailTime)
			if err != nil {
				t.Errorf("%s with %q: %v", kind, evil, err)
				continue
			}
			checkSafeMessage(t, msg)
		}
	}
}

var (
	clickable = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*:/|www\.|mailto:|tel:|javascript:|[\p{L}\p{N}-][.\x{3002}\x{ff0e}\x{ff61}]\p{L}{2,}`)
	tags      = regexp.MustCompile(`(?i)<\s*/?\s*[a-z!][^>]*>`)
)

// checkSafeMessage checks what must be true of a mail whatever users wrote.
func checkSafeMessage(t *testing.T, msg *Message) {
	t.Helper()
	if strings.ContainsFunc(msg.Subject, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u0085' }) {
		t.Errorf("subject %q is not one line", msg.Subject)
	}
	// What is clickable in the text, once the link and the recipient's own
	// address are taken away?
	text := strings.ReplaceAll(strings.ReplaceAll(msg.Subject+"\n"+msg.Text, msg.Link, ""), msg.To, "")
	if bad := clickable.FindString(text); bad != "" {
		t.Errorf("%s: the text has %q in\n%s", msg.Kind, bad, text)
	}
	for line := range strings.Lines(text) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e }) {
			t.Errorf("%s: the text has a control character in %q", msg.Kind, line)
		}
	}
	page := strings.ReplaceAll(msg.HTML, htmlLink, "")
	for _, tag := range tags.FindAllString(page, -1) {
		if bad := foreign.FindString(tag); bad != "" {
			t.Errorf("%s: the HTML has the tag %q", msg.Kind, tag)
		}
	}
	for _, f := range hrefs.FindAllStringSubmatch(msg.HTML, -1) {
		if html.UnescapeString(f[1]) != msg.Link {
			t.Errorf("%s: href %q is not the link of the mail", msg.Kind, f[1])
		}
	}
	visible := html.UnescapeString(tags.ReplaceAllString(page, " "))
	visible = strings.ReplaceAll(strings.ReplaceAll(visible, msg.Link, ""), msg.To, "")
	if bad := clickable.FindString(visible); bad != "" {
		t.Errorf("%s: the HTML shows %q", msg.Kind, bad)
	}
	if len(msg.Text) > 8<<10 || len(msg.HTML) > 16<<10 {
		t.Errorf("%s: text of %d bytes, HTML of %d bytes", msg.Kind, len(msg.Text), len(msg.HTML))
	}
}

func TestMailTemplatesOverride(t *testing.T) {
	t.Parallel()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	mt := builtinTemplates(t, fstest.MapFS{
		"verify.txt":      file(`{{define "subject"}}Welcome to {{.AppName}}!{{end}}{{define "body"}}Go: {{.Link}}{{end}}`),
		"layout.html":     file(`<html lang="{{.Lang}}"><b>OURS</b>{{template "body" .}}</html>{{define "button"}}<a href="{{.Link}}">{{.Label}}</a>{{end}}{{define "device"}}{{.Device.IP}}{{end}}`),
		"reset.de.txt":    file(`{{define "subject"}}Neues Passwort{{end}}{{define "body"}}{{.Link}} gilt {{.Lifetime.Minutes}} Minuten{{end}}`),
		"reset.de.html":   file(`{{define "body"}}<p>Hallo</p>{{template "button" .Button "Weiter"}}{{end}}`),
		"reset.pt-br.txt": file(`{{define "subject"}}Nova senha{{end}}{{define "body"}}{{.Link}}{{end}}`), "reset.pt-br.html": file(`{{define "body"}}{{.Link}}{{end}}`),
		"layout.de.txt": file(`{{template "body" .}}{{"\n"}}Gruss`),
		"README.md":     file("not a template"),
		"sub/x.txt":     file("{{"),
	})
	render := func(kind MailKind, lang string) *Message {
		m := sampleMail(kind)
		m.Lang = lang
		msg, err := mt.render(m, mailTime)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	v := render(MailVerify, "")
	if v.Subject != "Welcome to Example App!" || !strings.Contains(v.Text, "Go: "+sampleLink) {
		t.Errorf("overridden text: subject %q, text %q", v.Subject, v.Text)
	}
	if !strings.Contains(v.HTML, "<b>OURS</b>") || !strings.Contains(v.HTML, "Confirm this address") {
		t.Errorf("HTML = %s, want the caller's layout around the built-in body", v.HTML)
	}
	for lang, want := range map[string]string{"de": "Neues Passwort", "de-AT": "Neues Passwort", "DE": "Neues Passwort", "pt-BR": "Nova senha",
		"pt": "Choose a new password", "fr": "Choose a new password", "../de": "Choose a new password", "": "Choose a new password"} {
		if got := render(MailReset, lang).Subject; got != want {
			t.Errorf("subject in %q = %q, want %q", lang, got, want)
		}
	}
	de := render(MailReset, "de-AT")
	if de.Lang != "de" || !strings.Contains(de.Text, "30 Minuten\nGruss") || !strings.Contains(de.HTML, `lang="de"`) {
		t.Errorf("German mail: lang %q, text %q, HTML %q", de.Lang, de.Text, de.HTML)
	}
	if got := render(MailVerify, "de").Lang; got != "en" {
		t.Errorf("language of a kind without German templates = %q, want en", got)
	}
}

func TestMailTemplatesBroken(t *testing.T) {
	t.Parallel()
	const okText = `{{define "subject"}}S{{end}}{{define "body"}}{{.Link}}{{end}}`
	for name, c := range map[string]struct{ file, text, want string }{
		"syntax":               {"verify.txt", `{{define "subject"}}`, "verify.txt"},
		"HTML syntax":          {"verify.html", `{{if}}`, "verify.html"},
		"unknown field":        {"verify.txt", `{{define "subject"}}S{{end}}{{define "body"}}{{.Link}}{{.Token}}{{end}}`, "Token"},
		"unknown in a branch":  {"locked.txt", `{{define "subject"}}S{{end}}{{define "body"}}{{if not .Link}}{{.Nope}}{{end}}{{end}}`, "Nope"},
		"no subject":           {"verify.txt", `{{define "body"}}{{.Link}}{{end}}`, "subject"},
		"empty subject":        {"verify.txt", `{{define "subject"}} {{end}}{{define "body"}}{{.Link}}{{end}}`, "subject"},
		"subject of two lines": {"verify.txt", "{{define \"subject\"}}a\nb{{end}}{{define \"body\"}}{{.Link}}{{end}}", "subject"},
		"text without link":    {"verify.txt", `{{define "subject"}}S{{end}}{{define "body"}}hello{{end}}`, "never shows {{.Link}}"},
		"HTML without link":    {"reset.html", `{{define "body"}}hello{{end}}`, "never shows {{.Link}}"},
		"layout without body":  {"layout.txt", `hello`, "never shows {{.Link}}"},
		"too long":             {"verify.txt", okText + strings.Repeat("x", mailFileMax), "larger than"},
		"grows":                {"verify.txt", `{{define "subject"}}S{{end}}{{define "body"}}{{.Link}}{{range 1000000}}xxxx{{end}}{{end}}`, "more than"},
		"typing error":         {"verfy.html", `{{define "body"}}{{.Link}}{{end}}`, "verfy.html"},
		"half a language":      {"verify.de.txt", okText, "verify.de"},
		"not a language":       {"verify.DE!.txt", okText, "verify.DE!.txt"},
		"HTML context broken":  {"verify.html", `{{define "body"}}<a href='{{.Link}}{{end}}`, "verify"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newMailTemplates("App", fstest.MapFS{c.file: {Data: []byte(c.text)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("newMailTemplates = %v, want an error that mentions %q", err, c.want)
			}
		})
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", 65)} {
		if _, err := newMailTemplates(name, nil); err == nil {
			t.Errorf("newMailTemplates(application %q) = nil, want an error", name)
		}
	}
	if _, err := newMailTemplates("App", brokenFS{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("newMailTemplates(unreadable folder) = %v, want its error", err)
	}
}

type brokenFS struct{}

func (brokenFS) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

// FuzzMailRender looks for a name, organization or header that gets something
// into a mail that must not be there.
func FuzzMailRender(f *testing.F) {
	f.Add("Ann", "Org", "curl/8.5.0", "192.0.2.1", uint8(0))
	f.Add("a\r\nBcc: x@y.example", "https://evil.example", "=?utf-8?q?x?=", "::1%eth0", uint8(12))
	f.Add("<script>", "{{.Link}}", "evil\u3002com", "\x00", uint8(3))
	mt, err := newMailTemplates("Example App", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, org, agent, ip string, kind uint8) {
		m := sampleMail(mailKinds[int(kind)%len(mailKinds)])
		m.Org, m.Inviter, m.Provider, m.UserAgent, m.IP, m.OldEmail = org, name, org, agent, ip, name
		if m.User != nil {
			m.User.Name = name
		}
		msg, err := mt.render(m, mailTime)
		if err != nil {
			t.Fatal(err)
		}
		checkSafeMessage(t, msg)
		checkMIME(t, msg)
	})
}
