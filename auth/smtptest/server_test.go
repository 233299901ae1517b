package smtptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The account the server knows.
const (
	username = "mailer@example.com"
	password = "canary/p@ss#word"
)

// delivery is one message a server has taken over.
type delivery struct {
	from     string
	options  smtp.MailOptions
	to       []string
	data     string
	tls      *tls.ConnectionState // nil: in the clear
	user     string               // who authenticated
	helloAs  string
	mechanic string
}

// server is a mail server whose answers a test can choose.
type server struct {
	addr string
	ca   *x509.CertPool

	mechanisms                            []string // default PLAIN
	mailAnswer, rcptAnswer                error
	dataAnswer                            func(data string) error
	setUp                                 func(*smtp.Server)
	certHost                              string // default 127.0.0.1
	dropInData, implicitTLS, needPassword bool

	mu         sync.Mutex
	deliveries []delivery
	logins     int // attempts
}

// start runs s on a loopback port until the test ends.
func (s *server) start(tb testing.TB) *server {
	tb.Helper()
	backend := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	backend.Domain = "mail.test"
	backend.ErrorLog = log.New(io.Discard, "", 0)
	cert, pool := certificate(tb, orDefault(s.certHost, "127.0.0.1"))
	backend.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.ca = pool
	if s.mechanisms == nil {
		s.mechanisms = []string{sasl.Plain}
	}
	if s.setUp != nil {
		s.setUp(backend)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.addr = l.Addr().String()
	if s.implicitTLS {
		l = tls.NewListener(l, backend.TLSConfig)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = backend.Serve(l) })
	tb.Cleanup(func() {
		_ = backend.Close()
		_ = l.Close() // Close does not know it if Serve has not begun
		wg.Wait()
	})
	return s
}

func (s *server) received() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.deliveries...)
}

// session is one connection to a server.
type session struct {
	server *server
	conn   *smtp.Conn
	now    delivery
	user   string
	used   string
}

func (s *session) Reset()        { s.now = delivery{} }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string { return s.server.mechanisms }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, pass string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.logins++
		if user != username || pass != password {
			// Some servers are that talkative.
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong password " + pass + " for " + user}
		}
		s.user, s.used = user, mechanism
		return nil
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, pass string) error { return check(user, pass) }), nil
}

// loginServer asks LOGIN's two questions; go-sasl has only the client.
type loginServer struct {
	check func(user, pass string) error
	user  *string
	asked bool
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case !l.asked:
		l.asked = true
		return []byte("User Name\x00"), false, nil // as Exchange says it
	case l.user == nil:
		u := string(response)
		l.user = &u
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(*l.user, string(response))
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.server.mailAnswer != nil {
		return s.server.mailAnswer
	}
	if s.server.needPassword && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.now = delivery{from: from, options: *o, user: s.user, mechanic: s.used, helloAs: s.conn.Hostname()}
	if state, ok := s.conn.TLSConnectionState(); ok {
		s.now.tls = &state
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.rcptAnswer != nil {
		return s.server.rcptAnswer
	}
	s.now.to = append(s.now.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	if s.server.dropInData {
		_, _ = io.ReadFull(r, make([]byte, 10))
		return errors.Join(s.conn.Conn().Close(), errors.New("dropped"))
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.dataAnswer != nil {
		if err := s.server.dataAnswer(string(data)); err != nil {
			return err
		}
	}
	s.now.data = string(data)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.deliveries = append(s.server.deliveries, s.now)
	return nil
}

// certificate makes a certificate for host, and a pool with the authority that
// signed it.
func certificate(tb testing.TB, host string) (tls.Certificate, *x509.CertPool) {
	tb.Helper()
	fail := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	fail(err)
	caCert, err := x509.ParseCertificate(caDER)
	fail(err)
	pool := x509.NewCertPool()
	pool.AddCert(caCert)

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, caCert, &key.PublicKey, caKey)
	fail(err)
	return tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}, pool
}

// mailer returns the mailer under test for s; withPassword gives it the account.
func mailer(tb testing.TB, s *server, scheme string, withPassword bool, change ...func(*auth.SMTPConfig)) *auth.SMTP {
	tb.Helper()
	account := ""
	if withPassword {
		account = "mailer%40example.com:canary%2Fp%40ss%23word@"
	}
	c := auth.SMTPConfig{URL: scheme + "://" + account + s.addr, From: "Example App <no-reply@example.com>"}
	for _, f := range change {
		f(&c)
	}
	m, err := auth.NewSMTP(c)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// trust makes the mailer insist on TLS and trust the server's authority.
func trust(s *server) func(*auth.SMTPConfig) {
	return func(c *auth.SMTPConfig) { c.TLS = &tls.Config{RootCAs: s.ca} }
}

const link = "https://app.example.com/reset-password?token=canary-token_123"

func message() *auth.Message {
	return &auth.Message{
		Kind: auth.MailReset, ID: "MSG1", To: "victim@example.org", Subject: "Grüße: choose a new password",
		Text: "Hello,\n\n.a line with a dot\n..\n.\nFrom here\n" + link + "\n" + strings.Repeat("long ", 300) + "\n",
		HTML: "<p>Grüße <a href=\"" + link + "\">x</a></p>\n", Link: link,
		CreatedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
	}
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
