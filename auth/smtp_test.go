package auth

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

func TestNewSMTP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, url string
		change    func(*SMTPConfig)
		want      string // String of the mailer, or
		err       string // what the error mentions
		mode      string
	}{
		{name: "submission", url: "smtp://u:p@mail.example.com", want: "smtp://u:***@mail.example.com:587", mode: "starttls"},
		{name: "implicit TLS", url: "smtps://u:p@mail.example.com", want: "smtps://u:***@mail.example.com:465", mode: "tls"},
		{name: "a port", url: "smtp://u:p@mail.example.com:2525/", want: "smtp://u:***@mail.example.com:2525", mode: "starttls"},
		{name: "encoded characters", url: "smtp://me%40example.com:p%23%2F%3Fss@mail.example.com", want: "smtp://me%40example.com:***@mail.example.com:587", mode: "starttls"},
		{name: "no user", url: "smtp://mail.example.com", want: "smtp://mail.example.com:587", mode: "starttls"},
		{name: "IPv6", url: "smtp://[2001:db8::1]:25", want: "smtp://[2001:db8::1]:25", mode: "starttls"},
		{name: "localhost", url: "smtp://u:p@localhost:1025", want: "smtp://u:***@localhost:1025", mode: "plain"},
		{name: "loopback IPv4", url: "smtp://127.0.0.1:1025", want: "smtp://127.0.0.1:1025", mode: "plain"},
		{name: "loopback IPv6", url: "smtp://[::1]:1025", want: "smtp://[::1]:1025", mode: "plain"},
		{name: "loopback with TLS settings", url: "smtp://localhost", change: func(c *SMTPConfig) { c.TLS = new(tls.Config) }, want: "smtp://localhost:587", mode: "starttls"},
		{name: "loopback, implicit TLS", url: "smtps://localhost", want: "smtps://localhost:465", mode: "tls"},
		{name: "a name that begins with localhost", url: "smtp://localhost.example.com", want: "smtp://localhost.example.com:587", mode: "starttls"},
		{name: "named plaintext", url: "smtp://mailpit:1025?insecure_plaintext=1", want: "smtp://mailpit:1025", mode: "plain"},
		{name: "plaintext field", url: "smtp://mailpit:1025", change: func(c *SMTPConfig) { c.InsecurePlaintext = true }, want: "smtp://mailpit:1025", mode: "plain"},

		{name: "a password in the clear", url: "smtp://u:canary@mailpit:1025?insecure_plaintext=1", err: "in the clear"},
		{name: "a contradiction", url: "smtps://mailpit?insecure_plaintext=1", err: "contradict"},
		{name: "nothing", url: "", err: "SMTPConfig.URL"},
		{name: "only a host", url: "mail.example.com:587", err: "SMTPConfig.URL"},
		{name: "another scheme", url: "http://u:canary@mail.example.com", err: "SMTPConfig.URL"},
		{name: "no host", url: "smtp://u:canary@", err: "SMTPConfig.URL"},
		{name: "an unencoded number sign", url: "smtp://u:ca#nary@mail.example.com", err: "percent-encoded"},
		{name: "an unencoded slash", url: "smtp://u:ca/canary@mail.example.com", err: "percent-encoded"},
		{name: "an unencoded percent sign", url: "smtp://u:canary%@mail.example.com", err: "percent-encoded"},
		{name: "a control character", url: "smtp://u:canary\n@mail.example.com", err: "percent-encoded"},
		{name: "no password", url: "smtp://canary@mail.example.com", err: "both or neither"},
		{name: "no name", url: "smtp://:canary@mail.example.com", err: "both or neither"},
		{name: "an empty password", url: "smtp://canary:@mail.example.com", err: "both or neither"},
		{name: "a port that is none", url: "smtp://mail.example.com:99999", err: "port"},
		{name: "port 0", url: "smtp://mail.example.com:0", err: "port"},
		{name: "another parameter", url: "smtp://mail.example.com?starttls=canary", err: "parameter"},
		{name: "plaintext misspelt", url: "smtp://mail.example.com?insecure_plaintext=yes", err: "parameter"},
		{name: "a path", url: "smtp://u:canary@mail.example.com/x", err: "nothing after"},
		{name: "no sender", url: "smtp://mail.example.com", change: func(c *SMTPConfig) { c.From = "" }, err: "SMTPConfig.From"},
		{name: "a sender of two lines", url: "smtp://mail.example.com", change: func(c *SMTPConfig) { c.From = "a@b.example\r\nBcc: c@d.example" }, err: "SMTPConfig.From"},
		{name: "a name for EHLO of two lines", url: "smtp://mail.example.com", change: func(c *SMTPConfig) { c.LocalName = "a\r\nMAIL" }, err: "SMTPConfig.LocalName"},
		{name: "a negative time", url: "smtp://mail.example.com", change: func(c *SMTPConfig) { c.Timeout = -time.Second }, err: "Timeout"},
	} {
		config := SMTPConfig{URL: c.url, From: "App <no-reply@example.com>"}
		if c.change != nil {
			c.change(&config)
		}
		s, err := NewSMTP(config)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "nary") {
				t.Errorf("%s: NewSMTP = %v, want an error that mentions %q and no secret", c.name, err, c.err)
			}
			if text := fmt.Sprintf("%v %+v %#v", config, config, config); strings.Contains(text, "canary") || strings.Contains(text, "nary") {
				t.Errorf("%s: the settings print as %s", c.name, text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: NewSMTP = %v", c.name, err)
			continue
		}
		mode := "starttls"
		switch {
		case s.implicitTLS:
			mode = "tls"
		case s.plain:
			mode = "plain"
		}
		if s.String() != c.want || mode != c.mode {
			t.Errorf("%s: NewSMTP = %v with %s, want %s with %s", c.name, s, mode, c.want, c.mode)
		}
	}

	// Every complaint at once.
	_, err := NewSMTP(SMTPConfig{})
	if err == nil || !strings.Contains(err.Error(), "SMTPConfig.URL") || !strings.Contains(err.Error(), "SMTPConfig.From") {
		t.Errorf("NewSMTP(nothing) = %v, want both required fields named", err)
	}
}

func TestSMTPDefaults(t *testing.T) {
	t.Parallel()
	given := &tls.Config{MinVersion: tls.VersionTLS10}
	s, err := NewSMTP(SMTPConfig{URL: "smtp://mail.example.com", From: "no-reply@example.org", TLS: given})
	if err != nil {
		t.Fatal(err)
	}
	if s.tls == given || s.tls.ServerName != "mail.example.com" || s.tls.MinVersion != tls.VersionTLS12 || given.ServerName != "" {
		t.Errorf("TLS: server name %q, least version %x, want a copy for mail.example.com with TLS 1.2", s.tls.ServerName, s.tls.MinVersion)
	}
	if s.localName != "example.org" || s.timeout != time.Minute || s.step != 15*time.Second {
		t.Errorf("local name %q, timeout %v, step %v", s.localName, s.timeout, s.step)
	}
	given.ServerName = "inner.example.com"
	if s, err = NewSMTP(SMTPConfig{URL: "smtps://10.0.0.1", From: "a@example.org", TLS: given}); err != nil || s.tls.ServerName != "inner.example.com" {
		t.Errorf("server name %q (%v), want the one that was set", s.tls.ServerName, err)
	}
}

// TestSMTPPrintsNoPassword tries every way in which a value gets into a log.
func TestSMTPPrintsNoPassword(t *testing.T) {
	t.Parallel()
	config := SMTPConfig{URL: "smtp://user:canary-pass%21@mail.example.com", From: "a@example.com"}
	s, err := NewSMTP(config)
	if err != nil {
		t.Fatal(err)
	}
	if s.password() != "canary-pass!" {
		t.Fatalf("password = %q", s.password())
	}
	var b strings.Builder
	text := slog.New(slog.NewTextHandler(&b, nil))
	text.Info("x", "mailer", s, "value", *s, "config", config, "pointer", &config)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "mailer", s, "config", config, "pointer", &config)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, v := range []any{s, *s, config, &config, struct{ X any }{s}, struct{ x *SMTP }{s}, struct{ x SMTP }{*s}} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
	}
	if got := b.String(); strings.Contains(got, "canary") || strings.Contains(got, fmt.Sprintf("%x", "canary")) {
		t.Errorf("the password shows in\n%s", got)
	}
}

func TestSMTPAuth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		loopback, tls, want bool
	}{{false, false, false}, {false, true, true}, {true, false, true}, {true, true, true}} {
		for _, mechanism := range []string{"PLAIN", "LOGIN"} {
			a := &smtpAuth{mechanism: mechanism, username: "u", password: "p", loopback: c.loopback}
			proto, first, err := a.Start(&smtp.ServerInfo{TLS: c.tls})
			if (err == nil) != c.want {
				t.Errorf("%s, loopback %t, TLS %t: Start = %v, want success %t", mechanism, c.loopback, c.tls, err, c.want)
			}
			if err != nil {
				continue
			}
			if want := map[string]string{"PLAIN": "\x00u\x00p"}[mechanism]; proto != mechanism || string(first) != want {
				t.Errorf("Start = %q, %q, want %q, %q", proto, first, mechanism, want)
			}
			if mechanism == "LOGIN" {
				name, _ := a.Next([]byte("Username:"), true)
				pass, _ := a.Next([]byte("Password:"), true)
				if string(name) != "u" || string(pass) != "p" {
					t.Errorf("LOGIN answers %q, %q", name, pass)
				}
			}
			if answer, err := a.Next([]byte("and now?"), true); err == nil {
				t.Errorf("%s answers one question too many with %q", mechanism, answer)
			}
			if _, err := a.Next(nil, false); err != nil {
				t.Errorf("%s at the end: %v", mechanism, err)
			}
		}
	}
}
