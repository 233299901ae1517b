package auth

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// MIME returns m in the form in which mail travels (RFC 5322, RFC 2046): headers
// and a multipart/alternative body of both parts in quoted-printable, ASCII
// throughout, lines ending in CRLF. A [Mailer] that hands whole messages to some
// service can use it. From is the sender: "no-reply@example.com" or
// "Example <no-reply@example.com>".
//
// The only recipient is m.To. What can't stand in a header, line breaks above
// all, makes it fail with an error that wraps [ErrMailRefused].
func (m *Message) MIME(from string) ([]byte, error) {
	sender, err := parseSender(from)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMailRefused, err)
	}
	return m.mime(sender)
}

func (m *Message) mime(from *mail.Address) ([]byte, error) {
	if err := checkRecipient(m.To); err != nil {
		return nil, fmt.Errorf("%w: recipient: %w", ErrMailRefused, err)
	}
	if m.Text == "" && m.HTML == "" {
		return nil, fmt.Errorf("%w: empty message", ErrMailRefused)
	}
	if mailLine(m.Subject) != m.Subject {
		return nil, fmt.Errorf("%w: subject: more than one line", ErrMailRefused)
	}
	id := m.ID
	if id == "" {
		id = rand.Text()
	}
	if len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r > '~' || !isAlnum(byte(r)) && r != '-' }) {
		return nil, fmt.Errorf("%w: ID: want at most 64 letters, digits and hyphens", ErrMailRefused)
	}
	date := m.CreatedAt
	if date.IsZero() {
		date = time.Now()
	}

	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("Date", date.UTC().Format(time.RFC1123Z))
	header("From", from.String())
	header("To", m.To)
	header("Subject", encodeHeader(m.Subject))
	header("Message-ID", "<"+id+from.Address[strings.LastIndexByte(from.Address, '@'):]+">")
	header("Auto-Submitted", "auto-generated") // RFC 3834 §5: no out-of-office replies, please
	header("X-Auto-Response-Suppress", "All")  // the same for Exchange
	header("MIME-Version", "1.0")
	if m.Lang != "" && validLang(strings.ToLower(m.Lang)) {
		header("Content-Language", m.Lang)
	}
	// "=_" never occurs in quoted-printable text (RFC 2045 §6.7), so no part can
	// hold the boundary.
	boundary := "=_" + id
	header("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	for _, part := range []struct{ mediaType, body string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		if part.body == "" {
			continue
		}
		b.WriteString("--" + boundary + "\r\n")
		header("Content-Type", part.mediaType+"; charset=utf-8")
		header("Content-Transfer-Encoding", "quoted-printable")
		b.WriteString("\r\n")
		w := quotedprintable.NewWriter(&b)
		if _, err := w.Write([]byte(part.body)); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes(), nil
}

// parseSender reads a sender with or without a display name.
func parseSender(from string) (*mail.Address, error) {
	if mailLine(from) != from {
		return nil, fmt.Errorf("sender %q: more than one line", from)
	}
	addr, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf(`sender %q: want "no-reply@example.com" or "Name <no-reply@example.com>"`, from)
	}
	checked := addr.Address
	if local, ok := strings.CutSuffix(checked, "@localhost"); ok { // a development server's own name
		checked = local + "@localhost.localdomain"
	}
	if err := checkRecipient(checked); err != nil {
		return nil, fmt.Errorf("sender %q: %w", from, err)
	}
	return addr, nil
}

// encodeHeader encodes a header text as RFC 2047 wants it and folds it between
// encoded words, so that no line gets too long.
func encodeHeader(s string) string {
	// Text that looks encoded must not be decoded by the reader.
	s = strings.ReplaceAll(s, "=?", "= ?")
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}
