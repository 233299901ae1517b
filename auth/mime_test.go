package auth

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// checkMIME reads m's MIME form back as a mail program does, and checks that it
// says what m says and nothing else.
func checkMIME(t *testing.T, m *Message) {
	t.Helper()
	raw, err := m.MIME(`"Example, App" <no-reply@mail.example.com>`)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		body, ok := bytes.CutSuffix(line, []byte("\r\n"))
		if !ok || bytes.ContainsAny(body, "\r\n\x00") || len(body) > 998 {
			t.Fatalf("line %q: want at most 998 bytes and one CRLF", line)
		}
		if bytes.ContainsFunc(body, func(r rune) bool { return r > '~' || r < ' ' && r != '\t' }) {
			t.Fatalf("line %q is not plain ASCII", line)
		}
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"Date": true, "From": true, "To": true, "Subject": true, "Message-Id": true, "Auto-Submitted": true,
		"X-Auto-Response-Suppress": true, "Mime-Version": true, "Content-Type": true, "Content-Language": true}
	for name, values := range msg.Header {
		if !allowed[name] || len(values) != 1 {
			t.Errorf("header %s: %q, want only our own, once each", name, values)
		}
	}
	to, err := msg.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != m.To || to[0].Name != "" {
		t.Errorf("To = %v (%v), want %s alone", to, err, m.To)
	}
	from, err := msg.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != "no-reply@mail.example.com" || from[0].Name != "Example, App" {
		t.Errorf("From = %v (%v)", from, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if want := strings.ReplaceAll(m.Subject, "=?", "= ?"); err != nil || subject != want {
		t.Errorf("Subject = %q (%v), want %q", subject, err, want)
	}
	if m.ID != "" && msg.Header.Get("Message-ID") != "<"+m.ID+"@mail.example.com>" {
		t.Errorf("Message-ID = %q, want the ID at the sender's domain", msg.Header.Get("Message-ID"))
	}
	if msg.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("Auto-Submitted = %q", msg.Header.Get("Auto-Submitted"))
	}
	if date, err := msg.Header.Date(); err != nil || !m.CreatedAt.IsZero() && !date.Equal(m.CreatedAt.Truncate(time.Second)) {
		t.Errorf("Date = %v (%v), want %v", date, err, m.CreatedAt)
	}

	mediaType, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/alternative" {
		t.Fatalf("Content-Type = %q (%v), want multipart/alternative", mediaType, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for _, want := range []struct{ mediaType, body string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		if want.body == "" {
			continue
		}
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Header.Get("Content-Type"); got != want.mediaType+"; charset=utf-8" {
			t.Errorf("part Content-Type = %q, want %q", got, want.mediaType)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(string(body), "\r\n", "\n"); got != want.body {
			t.Errorf("%s part reads %q, want %q", want.mediaType, got, want.body)
		}
	}
	if part, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("after the last part: %v, %v, want the end", part, err)
	}
}

func TestMIME(t *testing.T) {
	t.Parallel()
	mt := builtinTemplates(t, nil)
	for _, kind := range mailKinds {
		msg, err := mt.render(sampleMail(kind), mailTime)
		if err != nil {
			t.Fatal(err)
		}
		checkMIME(t, msg)
	}
	for name, m := range map[string]Message{
		"not ASCII":             {Subject: "Grüße aus Zürich – " + strings.Repeat("é", 180), Text: "Grüße\n", HTML: "<p>日本語</p>\n"},
		"looks encoded":         {Subject: "a =?utf-8?q?=42?= b", Text: "x"},
		"looks encoded, é":      {Subject: "é =?utf-8?q?=42?= ?= =?", Text: "x"},
		"long lines":            {Subject: "s", Text: strings.Repeat("x", 5000) + "\n", HTML: strings.Repeat("é", 5000)},
		"dots and From":         {Subject: "s", Text: ".\n..\nFrom me\n.hidden\n", HTML: "."},
		"blanks at ends":        {Subject: "s", Text: "a \nb\t\n", HTML: "c \t"},
		"looks like a boundary": {ID: "abc", Subject: "s", Text: "--abc--\n\n--abc\n\n--=_abc--\n\n--=_abc\nContent-Type: text/html\n\nevil", HTML: "--=_abc--"},
		"in one part":           {Subject: "s", HTML: "<p>only</p>"},
		"with a language":       {Subject: "s", Text: "x", Lang: "pt-BR", CreatedAt: mailTime},
	} {
		t.Run(name, func(t *testing.T) {
			m.To = "ann@example.com"
			checkMIME(t, &m)
		})
	}
}

func TestMIMEGolden(t *testing.T) {
	t.Parallel()
	msg, err := builtinTemplates(t, nil).render(sampleMail(MailInvite), mailTime)
	if err != nil {
		t.Fatal(err)
	}
	msg.ID = "FIXEDFORTHETEST"
	raw, err := msg.MIME("Example App <no-reply@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	// Line ends are checked elsewhere; here they would not survive an editor.
	golden(t, "mail/invite.eml.golden", bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")))
}

func TestMIMERefuses(t *testing.T) {
	t.Parallel()
	ok := Message{To: "ann@example.com", Subject: "s", Text: "x", ID: "id"}
	if _, err := ok.MIME("a@example.com"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(m *Message, from *string){
		"recipient with header":  func(m *Message, _ *string) { m.To = "a@example.com\r\nBcc: b@example.com" },
		"two recipients":         func(m *Message, _ *string) { m.To = "a@example.com,b@example.com" },
		"no recipient":           func(m *Message, _ *string) { m.To = "" },
		"subject with CRLF":      func(m *Message, _ *string) { m.Subject = "a\r\nBcc: b@example.com" },
		"subject with LF":        func(m *Message, _ *string) { m.Subject = "a\nb" },
		"subject with CR":        func(m *Message, _ *string) { m.Subject = "a\rb" },
		"subject with NUL":       func(m *Message, _ *string) { m.Subject = "a\x00b" },
		"subject is not UTF-8":   func(m *Message, _ *string) { m.Subject = "a\xff" },
		"ID with CRLF":           func(m *Message, _ *string) { m.ID = "a\r\nBcc: b" },
		"ID with quote":          func(m *Message, _ *string) { m.ID = `a"b` },
		"ID with a wide letter":  func(m *Message, _ *string) { m.ID = "a\u0161b" },
		"ID too long":            func(m *Message, _ *string) { m.ID = strings.Repeat("a", 65) },
		"nothing to say":         func(m *Message, _ *string) { m.Text = "" },
		"sender with CRLF":       func(_ *Message, f *string) { *f = "a@example.com\r\nBcc: b@example.com" },
		"two senders":            func(_ *Message, f *string) { *f = "a@example.com, b@example.com" },
		"no sender":              func(_ *Message, f *string) { *f = "" },
		"sender without address": func(_ *Message, f *string) { *f = "Example App" },
		"sender not ASCII":       func(_ *Message, f *string) { *f = "é@example.com" },
	} {
		m, from := ok, "App <a@example.com>"
		change(&m, &from)
		if raw, err := m.MIME(from); !errors.Is(err, ErrMailRefused) {
			t.Errorf("%s: MIME = %q, %v, want ErrMailRefused", name, raw, err)
		}
	}
	for from, want := range map[string]string{
		"root@localhost":                    "<root@localhost>",
		"Größe GmbH <post@example.com>":     "=?utf-8?q?Gr=C3=B6=C3=9Fe_GmbH?= <post@example.com>",
		`"Evil\" <x" <post@example.com>`:    `"Evil\" <x" <post@example.com>`,
		"  Example App <No.Reply@Ex.ORG>  ": `"Example App" <No.Reply@Ex.ORG>`,
	} {
		addr, err := parseSender(from)
		if err != nil || addr.String() != want {
			t.Errorf("parseSender(%q) = %v, %v, want %s", from, addr, err, want)
		}
	}
}
