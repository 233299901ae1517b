package auth

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SMTPConfig says how to reach a mail server. Formatting or logging it hides the
// password.
type SMTPConfig struct {
	// URL names the server: "smtp://user:password@host:587" for STARTTLS
	// (RFC 3207), "smtps://user:password@host:465" for TLS from the first byte
	// (RFC 8314 §3.3). Ports default to those. Special characters in user and
	// password are percent-encoded; without them no authentication takes place.
	// Required.
	//
	// With smtp the server has to offer STARTTLS, otherwise nothing is sent,
	// unless it is this machine (localhost or a loopback address), where no TLS
	// is used, or InsecurePlaintext is set.
	URL string

	// From is the sender, with or without a name: "Example <no-reply@example.com>".
	// Required.
	From string

	// LocalName is what we call ourselves in EHLO. Default the domain of From.
	LocalName string

	// TLS adds root certificates or client certificates. The server name is
	// that of URL unless it is set here, and TLS 1.2 is the least in any case.
	// Setting it also asks for STARTTLS on loopback. Default the system's roots.
	TLS *tls.Config

	// Timeout bounds the delivery of one message as a whole. Default 1 minute.
	Timeout time.Duration
	// StepTimeout bounds the connection and each wait for the server. Default
	// 15 seconds.
	StepTimeout time.Duration

	// InsecurePlaintext sends messages, and with them the tokens in their links,
	// in the clear to a server on another machine. Such a server can't have a
	// password. The same can be written into URL as "?insecure_plaintext=1".
	InsecurePlaintext bool
}

// String describes c without its password.
func (c SMTPConfig) String() string {
	s, err := c.parse()
	if err != nil {
		return "SMTP server (" + err.Error() + ")"
	}
	return s.String()
}

// Format writes String whatever the verb, so that none shows more.
func (c SMTPConfig) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue describes c without its password.
func (c SMTPConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// SMTP is a [Mailer] that hands messages to a mail server (RFC 5321), one
// connection for each. It is safe for concurrent use.
//
// An answer of 500 and above from the server is final and wraps
// [ErrMailRefused]; answers of 400 and above, time-outs, TLS and network
// failures may pass.
type SMTP struct {
	addr, host         string
	implicitTLS, plain bool // neither: STARTTLS
	loopback           bool
	username           string
	password           func() string // a func, because fmt would print a string
	from               *mail.Address
	localName          string
	tls                *tls.Config
	timeout, step      time.Duration
}

var _ Mailer = (*SMTP)(nil)

// NewSMTP checks c and returns a mailer. It does not connect; see [SMTP.Check].
// The error names every field that is wrong and never holds the password.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	s, err := c.parse()
	var errs []error
	if err != nil {
		errs = append(errs, fmt.Errorf("SMTPConfig.URL: %w", err))
	}
	from, err := parseSender(c.From)
	if err != nil {
		errs = append(errs, fmt.Errorf("SMTPConfig.From: %w", err))
	}
	if c.Timeout < 0 || c.StepTimeout < 0 {
		errs = append(errs, errors.New("SMTPConfig.Timeout, StepTimeout: must not be negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.from = from
	s.localName = cmp.Or(c.LocalName, from.Address[strings.LastIndexByte(from.Address, '@')+1:])
	if !plainASCII(s.localName) || len(s.localName) > 255 {
		return nil, fmt.Errorf("SMTPConfig.LocalName: %q is not a host name", s.localName)
	}
	s.timeout, s.step = cmp.Or(c.Timeout, time.Minute), cmp.Or(c.StepTimeout, 15*time.Second)
	s.tls = &tls.Config{}
	if c.TLS != nil {
		s.tls = c.TLS.Clone()
	}
	s.tls.ServerName = cmp.Or(s.tls.ServerName, s.host)
	s.tls.MinVersion = max(s.tls.MinVersion, tls.VersionTLS12)
	return s, nil
}

// parse reads URL. Its errors never quote it: the password may be anywhere in
// what can't be parsed.
func (c SMTPConfig) parse() (*SMTP, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("not a URL; are special characters in the password percent-encoded?")
	}
	s := &SMTP{host: u.Hostname(), plain: c.InsecurePlaintext}
	port := ""
	switch u.Scheme {
	case "smtp":
		port = "587"
	case "smtps":
		port, s.implicitTLS = "465", true
	default:
		return nil, errors.New(`want "smtp://user:password@host:587" or "smtps://…:465"`)
	}
	if s.host == "" || u.Opaque != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New("want a host and nothing after the port; are special characters in the password percent-encoded?")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, errors.New("port: want a number from 1 to 65535")
	}
	s.addr = net.JoinHostPort(s.host, port)
	s.loopback = strings.EqualFold(s.host, "localhost")
	if ip, err := netip.ParseAddr(s.host); err == nil {
		s.loopback = ip.Unmap().IsLoopback()
	}
	for key, values := range u.Query() {
		if key != "insecure_plaintext" || len(values) != 1 || values[0] != "1" {
			return nil, errors.New(`the only parameter is "insecure_plaintext=1"`)
		}
		s.plain = true
	}
	password, hasPassword := u.User.Password()
	if s.username = u.User.Username(); (s.username == "") != (password == "") || hasPassword && password == "" {
		return nil, errors.New("user and password: want both or neither")
	}
	s.password = func() string { return password }
	switch {
	case s.plain && s.implicitTLS:
		return nil, errors.New("smtps and insecure_plaintext contradict each other")
	case s.plain && !s.loopback && s.username != "":
		return nil, errors.New("a password is not sent in the clear to another machine")
	}
	// On this machine nobody listens in between, and its servers rarely have a
	// certificate for "localhost".
	s.plain = s.plain || s.loopback && !s.implicitTLS && c.TLS == nil
	return s, nil
}

// String names the server, and the user if there is one, without the password.
func (s SMTP) String() string {
	scheme := "smtp"
	if s.implicitTLS {
		scheme = "smtps"
	}
	if s.username == "" {
		return scheme + "://" + s.addr
	}
	return scheme + "://" + url.User(s.username).String() + ":***@" + s.addr
}

// Format writes String whatever the verb, so that none shows more.
func (s SMTP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String.
func (s SMTP) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Check connects, authenticates and hangs up, to find out whether the settings
// work.
func (s *SMTP) Check(ctx context.Context) error {
	return s.talk(ctx, nil, func(c *smtp.Client) (string, error) { return "NOOP", c.Noop() })
}

// Send delivers m and returns when the server has taken it over.
func (s *SMTP) Send(ctx context.Context, m *Message) error {
	data, err := m.mime(s.from)
	if err != nil {
		return err
	}
	return s.talk(ctx, linkSecrets(m.Link), func(c *smtp.Client) (string, error) {
		// Not Client.Mail: it would ask for SMTPUTF8 wherever that is offered,
		// and then servers further on that lack it bounce a message that is
		// plain ASCII.
		if err := command(c, 250, "MAIL FROM:<%s>", s.from.Address); err != nil {
			return "MAIL FROM", err
		}
		if err := c.Rcpt(m.To); err != nil {
			return "RCPT TO", err
		}
		w, err := c.Data()
		if err != nil {
			return "DATA", err
		}
		if _, err := w.Write(data); err != nil {
			return "message", err
		}
		return "message", w.Close()
	})
}

// talk opens a conversation, lets say go on with it, and ends it. The text of
// its errors is fit for a log; secrets are cut out of what the server says.
func (s *SMTP) talk(ctx context.Context, secrets []string, say func(*smtp.Client) (step string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	step, err := s.converse(ctx, say)
	if err == nil {
		return nil
	}
	if s.username != "" {
		password := s.password()
		secrets = append(secrets, password,
			base64.StdEncoding.EncodeToString([]byte(password)),
			base64.StdEncoding.EncodeToString([]byte("\x00"+s.username+"\x00"+password)))
	}
	e := &smtpError{text: "smtp " + s.addr + ": " + step + ": "}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		e.text += strconv.Itoa(reply.Code) + " " + redactReply(reply.Msg, secrets...)
		if reply.Code >= 500 {
			e.cause = ErrMailRefused // not err, whose text is the server's
		}
		return e
	}
	if ctx.Err() != nil {
		err = ctx.Err() // what err says comes from closing the connection
	}
	e.text, e.cause = e.text+redactReply(err.Error(), secrets...), err
	return e
}

func (s *SMTP) converse(ctx context.Context, say func(*smtp.Client) (string, error)) (string, error) {
	dialer := net.Dialer{Timeout: s.step}
	raw, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return "connect", err
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	if addr, ok := raw.RemoteAddr().(*net.TCPAddr); s.loopback && (!ok || !addr.IP.IsLoopback()) {
		return "connect", errors.New("the name of this machine leads to another one")
	}

	limited := &smtpConn{Conn: raw, step: s.step, left: smtpReadMax}
	var conn net.Conn = limited
	if s.implicitTLS {
		t := tls.Client(limited, s.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			return "TLS", err
		}
		conn = t
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return "greeting", err
	}
	if err := c.Hello(s.localName); err != nil {
		return "EHLO", err
	}
	if !s.implicitTLS && !s.plain {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return "STARTTLS", errors.New("the server does not offer it, so nothing is sent")
		}
		if err := c.StartTLS(s.tls); err != nil {
			return "STARTTLS", err
		}
	}
	if s.username != "" {
		if err := s.authenticate(c); err != nil {
			return "AUTH", err
		}
	}
	if step, err := say(c); err != nil {
		return step, err
	}
	// The server has taken over: whether it says goodbye does not matter.
	limited.step = min(s.step, 2*time.Second)
	_ = c.Quit()
	return "", nil
}

// authenticate uses the first mechanism of PLAIN (RFC 4616) and LOGIN that the
// server offers.
func (s *SMTP) authenticate(c *smtp.Client) error {
	_, offered := c.Extension("AUTH")
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		for m := range strings.FieldsSeq(offered) {
			if strings.EqualFold(m, mechanism) {
				return c.Auth(&smtpAuth{mechanism: mechanism, username: s.username, password: s.password(), loopback: s.loopback})
			}
		}
	}
	return errors.New("the server offers neither PLAIN nor LOGIN")
}

// smtpAuth answers one authentication.
type smtpAuth struct {
	mechanism, username, password string
	loopback                      bool
	asked                         int
}

// Start refuses to send the password through a connection that others can read.
func (a *smtpAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !a.loopback {
		return "", nil, errors.New("the connection is not encrypted")
	}
	if a.mechanism == "PLAIN" {
		return "PLAIN", []byte("\x00" + a.username + "\x00" + a.password), nil
	}
	return "LOGIN", nil, nil
}

// Next answers LOGIN's two questions. Their texts vary between servers, their
// order does not.
func (a *smtpAuth) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	a.asked++
	switch {
	case a.mechanism == "LOGIN" && a.asked == 1:
		return []byte(a.username), nil
	case a.mechanism == "LOGIN" && a.asked == 2:
		return []byte(a.password), nil
	}
	return nil, errors.New("the server asks more than " + a.mechanism + " has to say")
}

// command sends one line and waits for the answer.
func command(c *smtp.Client, expect int, format string, args ...any) error {
	id, err := c.Text.Cmd(format, args...)
	if err != nil {
		return err
	}
	c.Text.StartResponse(id)
	defer c.Text.EndResponse(id)
	_, _, err = c.Text.ReadResponse(expect)
	return err
}

// smtpReadMax is how many bytes a server may say in one conversation,
// certificates included.
const smtpReadMax = 256 << 10

// smtpConn gives every read and write its own time limit, and all reads together
// a limit in bytes.
type smtpConn struct {
	net.Conn
	step time.Duration
	left int
}

func (c *smtpConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the server talks too much")
	}
	if err := c.SetReadDeadline(time.Now().Add(c.step)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (c *smtpConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.step)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// smtpError is a failed delivery, with a text that is fit for a log.
type smtpError struct {
	text  string
	cause error // nil, ErrMailRefused, or what the network said
}

func (e *smtpError) Error() string { return e.text }
func (e *smtpError) Unwrap() error { return e.cause }
