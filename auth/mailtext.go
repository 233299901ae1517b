package auth

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/store"
)

// Bounds on what templates may make.
const (
	mailPartMax    = 256 << 10 // bytes of a text or HTML part
	mailSubjectMax = 200       // characters
)

// Mail says what to write to whom. Templates put it into words, see [MailData];
// the result is a [Message]. Texts that people chose, such as names, may be
// given as they are: they are made safe on the way.
type Mail struct {
	Kind MailKind
	User *store.User // whom it is about; nil for an invitation to a stranger

	// To is the one recipient. Default User.Email, and only MailEmailChange,
	// MailEmailChanged and MailInvite may name another address.
	To string

	Link     string        // absolute: of the page that takes the token; in notices, of the sign-in page, or empty
	Lifetime time.Duration // of the link's token; of the lock in MailLocked
	Lang     string        // preferred language tag, "de-AT"; English if there are no such templates

	Org, Inviter, Role string    // MailInvite
	Provider           string    // MailAccountLinked, MailAccountUnlinked: "GitHub"
	OldEmail, NewEmail string    // the MailEmailChange kinds
	IP, UserAgent      string    // of who did it
	At                 time.Time // when it happened; default now
}

// String says what kind of mail it is, and nothing else: Link is a secret.
func (m Mail) String() string { return "mail " + string(m.Kind) }

// Format writes String whatever the verb, so that none shows more.
func (m Mail) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue is String.
func (m Mail) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MailData is what the templates of a mail see. All texts are safe to show;
// texts that are not known are empty, so templates should leave out what they
// say around them.
//
// Each kind of mail has two files, named after it: "verify.txt" (text/template)
// defines "subject" and "body", "verify.html" (html/template) defines "body".
// "layout.txt" and "layout.html" put a frame around them. Another language is
// added by a suffix: "verify.de.txt" and "verify.de.html", optionally
// "layout.de.txt" and "layout.de.html".
type MailData struct {
	AppName string
	Subject string // empty while the subject itself is made
	Lang    string // of the template in use: "en", or its suffix
	Name    string // the recipient's; at most 64 characters, no links
	Email   string // the recipient's address

	Link      string        // the page that takes the token; in notices the sign-in page, or empty
	ExpiresIn string        // Lifetime in English words: "30 minutes"
	Lifetime  time.Duration // for templates in other languages

	Org, Inviter, Role string // of an invitation
	Provider           string // an account elsewhere: "GitHub"
	OldEmail, NewEmail string // masked unless it is the recipient's own

	Device MailDevice // who did what the mail reports
}

// MailDevice describes from where something was done.
type MailDevice struct {
	IP        string // empty if unknown
	UserAgent string // "Firefox on Windows"; empty if unknown
	When      string // in English words, UTC
	Time      time.Time
}

// Button returns the link with a label, for the template "button" of
// layout.html.
func (d MailData) Button(label string) MailButton { return MailButton{Label: label, Link: d.Link} }

// MailButton is a link with the words that stand on it.
type MailButton struct{ Label, Link string }

// find returns the templates of kind in the language nearest to lang.
func (t *mailTemplates) find(kind MailKind, lang string) (parts mailParts, found string) {
	lang = strings.ToLower(lang)
	for lang != "" {
		if parts, ok := t.parts[lang][kind]; ok {
			return parts, lang
		}
		cut := max(strings.LastIndexByte(lang, '-'), 0)
		lang = lang[:cut]
	}
	return t.parts[""][kind], ""
}

// render puts m into words. It fails on an address or link that must not be
// used, with an error that wraps [ErrMailRefused] and holds neither.
func (t *mailTemplates) render(m Mail, now time.Time) (*Message, error) {
	parts, lang := t.find(m.Kind, m.Lang)
	if parts.text == nil {
		return nil, fmt.Errorf("%w: no kind of mail is called %q", ErrMailRefused, m.Kind)
	}
	if m.User != nil {
		if m.To == "" {
			m.To = m.User.Email
		}
		if m.To != m.User.Email && !m.Kind.otherAddress() {
			return nil, fmt.Errorf("%w: %s goes to the stored address alone", ErrMailRefused, m.Kind)
		}
	}
	if err := checkRecipient(m.To); err != nil {
		return nil, fmt.Errorf("%w: recipient: %w", ErrMailRefused, err)
	}
	if m.Link != "" || m.Kind.needsLink() {
		if err := checkLink(m.Link); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrMailRefused, m.Kind, err)
		}
	}
	if m.At.IsZero() {
		m.At = now
	}

	d := m.data(t.appName, langName(lang))
	subject, err := execMail(func(w *boundedBuffer) error { return parts.text.ExecuteTemplate(w, "subject", d) })
	if err != nil {
		return nil, err
	}
	d.Subject = strings.TrimSpace(subject)
	if d.Subject == "" || mailLine(d.Subject) != d.Subject || utf8.RuneCountInString(d.Subject) > mailSubjectMax {
		return nil, fmt.Errorf("subject: want one line of 1 to %d characters", mailSubjectMax)
	}
	text, err := execMail(func(w *boundedBuffer) error { return parts.text.Execute(w, d) })
	if err != nil {
		return nil, err
	}
	page, err := execMail(func(w *boundedBuffer) error { return parts.html.Execute(w, d) })
	if err != nil {
		return nil, err
	}
	if m.Kind.needsLink() {
		if !strings.Contains(text, m.Link) {
			return nil, errors.New("the text never shows {{.Link}}")
		}
		if !strings.Contains(html.UnescapeString(page), m.Link) {
			return nil, errors.New("the HTML never shows {{.Link}}")
		}
	}

	msg := &Message{
		Kind: m.Kind, ID: rand.Text(), To: m.To,
		Subject: d.Subject, Text: tidyText(text), HTML: strings.TrimSpace(page) + "\n",
		Link: m.Link, Lang: d.Lang, CreatedAt: now,
	}
	if m.Kind.needsLink() && m.Lifetime > 0 {
		msg.ExpiresAt = now.Add(m.Lifetime)
	}
	if m.User != nil {
		u := *m.User
		u.PasswordHash = ""
		msg.User = &u
	}
	return msg, nil
}

// data is where everything that others chose becomes safe.
func (m *Mail) data(appName, lang string) MailData {
	d := MailData{
		AppName: appName, Lang: lang, Email: m.To, Link: m.Link,
		Org: mailSafe(m.Org), Inviter: mailPerson(m.Inviter), Role: mailSafe(m.Role), Provider: mailSafe(m.Provider),
		OldEmail: maskOther(m.OldEmail, m.To), NewEmail: maskOther(m.NewEmail, m.To),
		Device: MailDevice{
			UserAgent: deviceWords(m.UserAgent),
			When:      m.At.UTC().Format("2 January 2006 at 15:04 UTC"),
			Time:      m.At.UTC(),
		},
	}
	if m.User != nil {
		d.Name = mailSafe(m.User.Name)
	}
	if m.Lifetime > 0 {
		d.Lifetime, d.ExpiresIn = m.Lifetime, durationWords(m.Lifetime)
	}
	if ip, err := netip.ParseAddr(m.IP); err == nil {
		d.Device.IP = ip.Unmap().WithZone("").String()
	}
	return d
}

// maskOther hides an address from whoever reads the mailbox of another one, and
// keeps its domain, which may be an attacker's, from becoming a link there.
func maskOther(addr, reader string) string {
	switch addr {
	case "", reader:
		return addr
	}
	return breakDomains(maskEmail(addr))
}

func langName(suffix string) string {
	if suffix == "" {
		return "en"
	}
	return suffix
}

// mailLine returns s with everything blanked that does not belong in one line.
func mailLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

// tidyText takes away what template actions leave behind: blanks at line ends
// and more than one empty line.
func tidyText(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	kept := lines[:0]
	for _, line := range lines {
		line = strings.TrimRight(line, " \t\r")
		if line == "" && (len(kept) == 0 || kept[len(kept)-1] == "") {
			continue
		}
		kept = append(kept, line)
	}
	return strings.TrimRight(strings.Join(kept, "\n"), "\n") + "\n"
}

func execMail(run func(*boundedBuffer) error) (string, error) {
	var w boundedBuffer
	err := run(&w)
	return w.b.String(), err
}

// boundedBuffer refuses to grow past mailPartMax.
type boundedBuffer struct{ b bytes.Buffer }

func (w *boundedBuffer) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > mailPartMax {
		return 0, fmt.Errorf("more than %d bytes", mailPartMax)
	}
	return w.b.Write(p)
}
