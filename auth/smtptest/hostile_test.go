package smtptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// script runs a server that does what talk does with each connection.
func script(tb testing.TB, talk func(c net.Conn, r *bufio.Reader)) *server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				stop := context.AfterFunc(tb.Context(), func() { c.Close() })
				defer stop()
				talk(c, bufio.NewReader(c))
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return &server{addr: l.Addr().String()}
}

// say writes text and reads one line, as often as there are texts.
func say(c net.Conn, r *bufio.Reader, texts ...string) (lines []string) {
	for _, text := range texts {
		if _, err := io.WriteString(c, text); err != nil {
			return lines
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return lines
		}
		lines = append(lines, line)
	}
	return lines
}

func impatient(c *auth.SMTPConfig) { c.StepTimeout = 300 * time.Millisecond }

func TestConnectionDropped(t *testing.T) {
	t.Parallel()
	s := (&server{dropInData: true}).start(t)
	err := mailer(t, s, "smtp", false).Send(t.Context(), message())
	if err == nil || errors.Is(err, auth.ErrMailRefused) || !strings.Contains(err.Error(), "message: ") {
		t.Errorf("Send, dropped in DATA = %v, want an error that may pass", err)
	}
	checkErrorText(t, err)

	for step, texts := range map[string][]string{
		"greeting":  nil,
		"EHLO":      {"220 hi\r\n"},
		"MAIL FROM": {"220 hi\r\n", "250 hi\r\n"},
		"RCPT TO":   {"220 hi\r\n", "250 hi\r\n", "250 ok\r\n"},
		"DATA":      {"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n"},
	} {
		s := script(t, func(c net.Conn, r *bufio.Reader) { say(c, r, texts...) })
		err := mailer(t, s, "smtp", false).Send(t.Context(), message())
		if err == nil || errors.Is(err, auth.ErrMailRefused) || !strings.Contains(err.Error(), step+": ") {
			t.Errorf("Send, dropped at %s = %v", step, err)
		}
	}

	// Nobody listens.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := &server{addr: l.Addr().String()}
	l.Close()
	if err := mailer(t, gone, "smtp", false).Send(t.Context(), message()); err == nil || errors.Is(err, auth.ErrMailRefused) || !strings.Contains(err.Error(), "connect: ") {
		t.Errorf("Send to nobody = %v", err)
	}
}

// TestSilentServer: a server that stops answering at any point costs one step's
// time limit, a shorter limit of the caller holds as well, and cancelling ends
// the wait.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	hang := func(r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }
	for step, texts := range map[string][]string{
		"greeting":  nil,
		"EHLO":      {"220 hi\r\n"},
		"MAIL FROM": {"220 hi\r\n", "250 hi\r\n"},
		"message":   {"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := script(t, func(c net.Conn, r *bufio.Reader) {
				say(c, r, texts...)
				hang(r)
			})
			err := mailer(t, s, "smtp", false, impatient).Send(t.Context(), message())
			if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), step+": ") {
				t.Errorf("Send = %v, want a step's time-out at %s", err, step)
			}
			err = mailer(t, s, "smtp", false, func(c *auth.SMTPConfig) { c.Timeout = 50 * time.Millisecond }).Send(t.Context(), message())
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Send = %v, want the whole time-out", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			if err := mailer(t, s, "smtp", false).Send(ctx, message()); !errors.Is(err, context.Canceled) {
				t.Errorf("Send, cancelled = %v, want context.Canceled", err)
			}
		})
	}
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		s := script(t, func(_ net.Conn, r *bufio.Reader) { hang(r) })
		if err := mailer(t, s, "smtps", false, impatient).Send(t.Context(), message()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Send = %v, want a time-out in the handshake", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := mailer(t, s, "smtps", false).Send(ctx, message()); !errors.Is(err, context.Canceled) {
			t.Errorf("Send, cancelled before = %v", err)
		}
	})
	t.Run("drop by drop", func(t *testing.T) {
		t.Parallel()
		s := script(t, func(c net.Conn, _ *bufio.Reader) {
			for {
				if _, err := io.WriteString(c, "2"); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
		err := mailer(t, s, "smtp", false, func(c *auth.SMTPConfig) { c.Timeout, c.StepTimeout = time.Second, time.Minute }).Send(t.Context(), message())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send = %v, want the whole time-out although each step is quick", err)
		}
	})
	t.Run("does not say goodbye", func(t *testing.T) {
		t.Parallel()
		s := script(t, func(c net.Conn, r *bufio.Reader) {
			say(c, r, "220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n")
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
			}
			say(c, r, "250 taken\r\n")
			hang(r)
		})
		if err := mailer(t, s, "smtp", false, impatient).Send(t.Context(), message()); err != nil {
			t.Errorf("Send = %v although the server had taken the message over", err)
		}
	})
}

// TestTalkativeServer: what a server may say is bounded.
func TestTalkativeServer(t *testing.T) {
	t.Parallel()
	for name, chunk := range map[string]string{
		"an endless line":     strings.Repeat("2", 4096),
		"an endless greeting": strings.Repeat("220-hello\r\n", 400),
		"NULs":                strings.Repeat("\x00", 4096),
	} {
		s := script(t, func(c net.Conn, _ *bufio.Reader) {
			for {
				if _, err := io.WriteString(c, chunk); err != nil {
					return
				}
			}
		})
		err := mailer(t, s, "smtp", false).Send(t.Context(), message())
		if err == nil || !strings.Contains(err.Error(), "talks too much") {
			t.Errorf("%s: Send = %v, want the limit", name, err)
		}
		checkErrorText(t, err)
	}
	for name, greeting := range map[string]string{
		"no SMTP":       "HTTP/1.1 400 Bad Request\r\n\r\n",
		"SSH":           "SSH-2.0-OpenSSH_9.6\r\n",
		"binary":        "\x16\x03\x01\x02\x00\r\n",
		"refused":       "554 go away\r\n",
		"busy":          "421 later\r\n",
		"a wrong reply": "354 go ahead\r\n",
		"empty":         "\r\n",
	} {
		s := script(t, func(c net.Conn, r *bufio.Reader) { say(c, r, greeting) })
		err := mailer(t, s, "smtp", false, impatient).Send(t.Context(), message())
		if err == nil || !strings.Contains(err.Error(), "greeting: ") || errors.Is(err, auth.ErrMailRefused) != (name == "refused") {
			t.Errorf("%s: Send = %v", name, err)
		}
		checkErrorText(t, err)
	}
}

// TestInjectedBeforeTLS: what somebody in between adds to the answer to STARTTLS
// is not taken for the server's word (CVE-2011-0411 and its kin).
func TestInjectedBeforeTLS(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t, "127.0.0.1")
	said := make(chan []string, 1)
	s := script(t, func(c net.Conn, r *bufio.Reader) {
		say(c, r, "220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n")
		// The injected reply would offer AUTH and swallow one command.
		if _, err := io.WriteString(c, "220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"); err != nil {
			return
		}
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		said <- say(secure, bufio.NewReader(secure), "", "250 no authentication here\r\n")
	})
	err := mailer(t, s, "smtp", true, func(c *auth.SMTPConfig) { c.TLS = &tls.Config{RootCAs: pool} }).Send(t.Context(), message())
	if err == nil {
		t.Fatal("Send = nil")
	}
	checkErrorText(t, err)
	select {
	case lines := <-said:
		for _, line := range lines {
			if strings.HasPrefix(line, "AUTH") {
				t.Errorf("the mailer believed the injected offer and said %q", line)
			}
		}
	case <-t.Context().Done():
	}
}

// TestEchoingServer repeats the credentials in its refusal, in every form they
// were sent in.
func TestEchoingServer(t *testing.T) {
	t.Parallel()
	s := script(t, func(c net.Conn, r *bufio.Reader) {
		lines := say(c, r, "220 hi\r\n", "250-hi\r\n250 AUTH PLAIN\r\n")
		if len(lines) < 2 {
			return
		}
		sent := strings.TrimSpace(strings.TrimPrefix(lines[1], "AUTH PLAIN "))
		raw, _ := base64.StdEncoding.DecodeString(sent)
		say(c, r, "535 bad: "+sent+" = "+strings.ReplaceAll(string(raw), "\x00", " ")+
			" "+base64.StdEncoding.EncodeToString([]byte(password))+"\r\n")
	})
	err := mailer(t, s, "smtp", true).Send(t.Context(), message())
	if !errors.Is(err, auth.ErrMailRefused) || !strings.Contains(err.Error(), "AUTH: 535 bad:") {
		t.Errorf("Send = %v, want 535", err)
	}
	checkErrorText(t, err)
}

// TestCuriousServer asks for more than the mechanism has to say.
func TestCuriousServer(t *testing.T) {
	t.Parallel()
	s := script(t, func(c net.Conn, r *bufio.Reader) {
		say(c, r, "220 hi\r\n", "250-hi\r\n250 AUTH PLAIN\r\n", "334 "+base64.StdEncoding.EncodeToString([]byte("and your birthday?"))+"\r\n", "501 ok\r\n")
	})
	err := mailer(t, s, "smtp", true).Send(t.Context(), message())
	if err == nil || !strings.Contains(err.Error(), "AUTH: ") {
		t.Errorf("Send = %v, want an error at AUTH", err)
	}
	checkErrorText(t, err)
}
