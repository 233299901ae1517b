package smtptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// TestDelivers sends one message over every kind of connection, and reads it
// back from what the server got.
func TestDelivers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		server       *server
		scheme       string
		withPassword bool
		tls          bool
		mechanism    string
	}{
		{name: "STARTTLS and PLAIN", server: &server{needPassword: true}, scheme: "smtp", withPassword: true, tls: true, mechanism: "PLAIN"},
		{name: "STARTTLS and LOGIN", server: &server{needPassword: true, mechanisms: []string{"XOAUTH2", sasl.Login}}, scheme: "smtp", withPassword: true, tls: true, mechanism: "LOGIN"},
		{name: "PLAIN before LOGIN", server: &server{needPassword: true, mechanisms: []string{sasl.Login, sasl.Plain}}, scheme: "smtp", withPassword: true, tls: true, mechanism: "PLAIN"},
		{name: "implicit TLS", server: &server{needPassword: true, implicitTLS: true}, scheme: "smtps", withPassword: true, tls: true, mechanism: "PLAIN"},
		{name: "STARTTLS without a password", server: &server{}, scheme: "smtp", tls: true},
		{name: "this machine, in the clear", server: &server{setUp: noTLS}, scheme: "smtp"},
		{name: "this machine, in the clear, with a password", server: &server{needPassword: true, setUp: func(s *smtp.Server) { s.AllowInsecureAuth = true }},
			scheme: "smtp", withPassword: true, mechanism: "PLAIN"},
		{name: "a server that can do everything", server: &server{setUp: func(s *smtp.Server) {
			s.EnableSMTPUTF8, s.EnableREQUIRETLS, s.EnableBINARYMIME, s.EnableDSN = true, true, true, true
		}}, scheme: "smtp", tls: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.server.start(t)
			change := []func(*auth.SMTPConfig){}
			if c.tls {
				change = append(change, trust(s))
			}
			m := mailer(t, s, c.scheme, c.withPassword, change...)
			if err := m.Check(t.Context()); err != nil {
				t.Errorf("Check = %v", err)
			}
			if err := m.Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			got := s.received()
			if len(got) != 1 {
				t.Fatalf("%d messages arrived, want 1", len(got))
			}
			d := got[0]
			if d.from != "no-reply@example.com" || len(d.to) != 1 || d.to[0] != "victim@example.org" {
				t.Errorf("envelope from %q to %q, want one recipient", d.from, d.to)
			}
			if d.options.UTF8 || d.options.RequireTLS || d.options.Body != "" || d.options.Size != 0 {
				t.Errorf("MAIL FROM asks for %+v, want nothing: the message is plain ASCII", d.options)
			}
			if (d.tls != nil) != c.tls || d.tls != nil && d.tls.Version < tls.VersionTLS12 {
				t.Errorf("TLS = %+v, want it used: %t", d.tls, c.tls)
			}
			if d.mechanic != c.mechanism || (d.user == username) != c.withPassword {
				t.Errorf("authenticated as %q by %q, want mechanism %q", d.user, d.mechanic, c.mechanism)
			}
			if d.helloAs != "example.com" {
				t.Errorf("EHLO %s, want the sender's domain", d.helloAs)
			}
			checkData(t, d.data)
		})
	}
}

func noTLS(s *smtp.Server) { s.TLSConfig = nil }

// checkData reads a message as a mail program does.
func checkData(t *testing.T, data string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := message()
	if got := msg.Header.Get("To"); got != want.To {
		t.Errorf("To = %q, want %q", got, want.To)
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil || subject != want.Subject {
		t.Errorf("Subject = %q (%v), want %q", subject, err, want.Subject)
	}
	if got := msg.Header.Get("Message-ID"); got != "<MSG1@example.com>" {
		t.Errorf("Message-ID = %q", got)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for _, want := range []string{want.Text, want.HTML} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if got := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || got != want {
			t.Errorf("part = %q (%v), want %q", got, err, want)
		}
	}
}

// TestNothingWithoutTLS: where TLS is asked for, neither password nor message
// leaves without it.
func TestNothingWithoutTLS(t *testing.T) {
	t.Parallel()
	_, stranger := certificate(t, "127.0.0.1")
	for _, c := range []struct {
		name   string
		server *server
		scheme string
		tls    func(s *server) *tls.Config
		want   string
	}{
		{"not offered", &server{setUp: func(s *smtp.Server) { s.TLSConfig, s.AllowInsecureAuth = nil, true }}, "smtp",
			func(s *server) *tls.Config { return &tls.Config{RootCAs: s.ca} }, "STARTTLS: the server does not offer it"},
		{"a stranger's certificate", &server{setUp: allowInsecure}, "smtp", func(*server) *tls.Config { return &tls.Config{RootCAs: stranger} }, "STARTTLS: "},
		{"a certificate the system does not know", &server{setUp: allowInsecure}, "smtp", func(*server) *tls.Config { return &tls.Config{} }, "STARTTLS: "},
		{"a certificate for another host", &server{certHost: "mail.example.org", setUp: allowInsecure}, "smtp", func(s *server) *tls.Config { return &tls.Config{RootCAs: s.ca} }, "STARTTLS: "},
		{"a stranger's certificate, implicit TLS", &server{implicitTLS: true}, "smtps", func(*server) *tls.Config { return &tls.Config{RootCAs: stranger} }, "TLS: "},
		{"another host, implicit TLS", &server{implicitTLS: true, certHost: "mail.example.org"}, "smtps", func(s *server) *tls.Config { return &tls.Config{RootCAs: s.ca} }, "TLS: "},
		{"an old protocol", &server{setUp: func(s *smtp.Server) {
			s.TLSConfig.MaxVersion = tls.VersionTLS11
			s.TLSConfig.MinVersion = tls.VersionTLS10
		}}, "smtp",
			func(s *server) *tls.Config { return &tls.Config{RootCAs: s.ca, MinVersion: tls.VersionTLS10} }, "STARTTLS: "},
		{"no TLS at a TLS port", &server{}, "smtps", func(s *server) *tls.Config { return &tls.Config{RootCAs: s.ca} }, "TLS: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.server.start(t)
			m := mailer(t, s, c.scheme, true, func(config *auth.SMTPConfig) { config.TLS = c.tls(s) })
			err := m.Send(t.Context(), message())
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, auth.ErrMailRefused) {
				t.Errorf("Send = %v, want %q, to be tried again", err, c.want)
			}
			checkErrorText(t, err)
			if s.logins != 0 || len(s.received()) != 0 {
				t.Errorf("the server saw %d logins and %d messages, want none", s.logins, len(s.received()))
			}
		})
	}
}

func allowInsecure(s *smtp.Server) { s.AllowInsecureAuth = true }

func TestAuthentication(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{sasl.Plain, sasl.Login} {
		s := (&server{needPassword: true, mechanisms: []string{mechanism}}).start(t)
		wrong := func(c *auth.SMTPConfig) {
			c.URL = "smtp://mailer%40example.com:canary-wrong-p%40ss@" + s.addr
		}
		m := mailer(t, s, "smtp", true, trust(s), wrong)
		for _, err := range []error{m.Send(t.Context(), message()), m.Check(t.Context())} {
			if !errors.Is(err, auth.ErrMailRefused) || !strings.Contains(err.Error(), "AUTH: 535 5.7.8") {
				t.Errorf("%s with a wrong password = %v, want 535 and ErrMailRefused", mechanism, err)
			}
			checkErrorText(t, err)
		}
		if s.logins != 2 {
			t.Errorf("%s: %d attempts for two connections, want one each", mechanism, s.logins)
		}
	}
	s := (&server{mechanisms: []string{"XOAUTH2", "CRAM-MD5"}}).start(t)
	err := mailer(t, s, "smtp", true, trust(s)).Send(t.Context(), message())
	if err == nil || !strings.Contains(err.Error(), "neither PLAIN nor LOGIN") {
		t.Errorf("Send to a server with other mechanisms = %v", err)
	}
	s = (&server{needPassword: true}).start(t)
	err = mailer(t, s, "smtp", false, trust(s)).Send(t.Context(), message())
	if !errors.Is(err, auth.ErrMailRefused) || !strings.Contains(err.Error(), "MAIL FROM: 502") {
		t.Errorf("Send without the password = %v, want 502 at MAIL FROM", err)
	}
}

// TestAnswers: which refusals are final, and what of them gets into the log.
func TestAnswers(t *testing.T) {
	t.Parallel()
	answer := func(code int, text string) *smtp.SMTPError {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
	}
	for _, c := range []struct {
		code  int
		final bool
	}{{421, false}, {450, false}, {451, false}, {452, false}, {550, true}, {552, true}, {554, true}} {
		for step, server := range map[string]*server{
			"MAIL FROM": {mailAnswer: answer(c.code, "not from <no-reply@example.com>")},
			"RCPT TO":   {rcptAnswer: answer(c.code, "<victim@example.org>: \x1b[31mno\x07")},
			"message": {dataAnswer: func(data string) error {
				return answer(c.code, "spam: "+link+" canary-token_123 "+strings.Repeat("x", 900))
			}},
		} {
			s := server.start(t)
			err := mailer(t, s, "smtp", true, trust(s)).Send(t.Context(), message())
			want := fmt.Sprintf("%s: %d %d.1.1", step, c.code, c.code/100)
			if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, auth.ErrMailRefused) != c.final {
				t.Errorf("%d at %s = %v, want %q, final %t", c.code, step, err, want, c.final)
			}
			checkErrorText(t, err)
			if len(s.received()) != 0 {
				t.Errorf("%d at %s: a message arrived all the same", c.code, step)
			}
		}
	}
}

// checkErrorText checks that an error may be logged.
func checkErrorText(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		for _, bad := range []string{"canary", "victim", "no-reply@", password, "Y2FuYXJ5", "AG1haWxlckB", "\r", "\n", "\x1b", "\x07"} {
			if strings.Contains(text, bad) {
				t.Errorf("the error says %q: %s", bad, text)
			}
		}
	}
	if len(err.Error()) > 500 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := (&server{needPassword: true}).start(t)
	m := mailer(t, s, "smtp", true, trust(s))
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			msg := message()
			msg.To = fmt.Sprintf("u%d@example.org", i)
			if err := m.Send(context.WithoutCancel(t.Context()), msg); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, d := range s.received() {
		if len(d.to) != 1 || !strings.Contains(d.data, "To: "+d.to[0]+"\r\n") || seen[d.to[0]] {
			t.Errorf("message to %v: want one recipient, the same in the header, once", d.to)
			continue
		}
		seen[d.to[0]] = true
	}
	if len(seen) != 40 {
		t.Errorf("%d messages arrived, want 40", len(seen))
	}
}

// TestRefusesBeforeConnecting: what must not be sent does not get that far.
func TestRefusesBeforeConnecting(t *testing.T) {
	t.Parallel()
	s := (&server{}).start(t)
	m := mailer(t, s, "smtp", false)
	for _, change := range []func(*auth.Message){
		func(m *auth.Message) { m.To = "victim@example.org,eve@evil.example" },
		func(m *auth.Message) { m.To = "victim@example.org>\r\nRCPT TO:<eve@evil.example" },
		func(m *auth.Message) { m.To = "" },
		func(m *auth.Message) { m.Subject = "x\r\nBcc: eve@evil.example" },
		func(m *auth.Message) { m.ID = "x>\r\nBcc: eve@evil.example" },
	} {
		msg := message()
		change(msg)
		if err := m.Send(t.Context(), msg); !errors.Is(err, auth.ErrMailRefused) {
			t.Errorf("Send(to %q, subject %q) = %v, want ErrMailRefused", msg.To, msg.Subject, err)
		}
	}
	if got := s.received(); len(got) != 0 {
		t.Errorf("%d messages arrived, want none", len(got))
	}
}
