package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

const (
	requestTimeout = 10 * time.Second // from dialling to the last byte of the body
	maxBody        = 1 << 20          // after decompression
	maxHeader      = 64 << 10
	userAgent      = "aegis-auth" // GitHub refuses requests without one
)

// bounded is an HTTP client for talking to a provider: it gives up after ten
// seconds, reads no more than a megabyte, follows no redirects, sends no
// cookies, and speaks plain http to loopback addresses only. Of base it takes
// the transport and, when it is shorter, the timeout.
func bounded(base *http.Client) *http.Client {
	var next http.RoundTripper
	timeout := requestTimeout
	if base != nil {
		next = base.Transport
		if base.Timeout > 0 && base.Timeout < timeout {
			timeout = base.Timeout
		}
	}
	if next == nil {
		next = newTransport()
	}
	return &http.Client{Transport: limits{next}, Timeout: timeout, CheckRedirect: stay}
}

// stay makes a redirect an answer like any other. Following one would send the
// request, with its credentials, to a place that an attacker may have chosen.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newTransport is the default transport of net/http, proxy settings included,
// with TLS 1.2 as the least and small headers.
func newTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	t.TLSClientConfig.MinVersion = tls.VersionTLS12
	t.MaxResponseHeaderBytes = maxHeader
	return t
}

// limits is the part of bounded that a RoundTripper can enforce. It sits below
// everything that uses the client, so a body is bounded no matter who reads it.
type limits struct{ next http.RoundTripper }

var errTooLarge = errors.New("answer too large")

func (l limits) RoundTrip(r *http.Request) (*http.Response, error) {
	if !secureURL(r.URL) {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, rejected("", "the address is neither https nor http on a loopback address")
	}
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", userAgent)
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > maxBody {
		resp.Body.Close()
		return nil, errTooLarge
	}
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

// cappedBody fails instead of ending early: half a document must not pass for a
// whole one.
type cappedBody struct {
	io.ReadCloser
	left int
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if n > b.left {
		return b.left, errTooLarge
	}
	b.left -= n
	return n, err
}

// fetchJSON gets a document. Only with status 200 is body set, and then it is
// JSON without duplicate members.
func fetchJSON(ctx context.Context, c *http.Client, step, address string, header http.Header) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, rejected(step, "the address is malformed")
	}
	r.Header.Set("Accept", "application/json")
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil, transportError(step, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil, nil
	}
	body, err = readJSON(step, resp)
	return resp.StatusCode, body, err
}

// readJSON reads the whole body of resp and makes sure that it is JSON.
func readJSON(step string, resp *http.Response) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return nil, rejected(step, "the answer is not JSON")
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, transportError(step, err)
	}
	if strictjson.Check(body) != nil {
		return nil, rejected(step, "the answer is malformed JSON or repeats a member")
	}
	return body, nil
}

// statusError judges an answer that should have been 200.
func statusError(step string, status int) error {
	reason := "status " + strconv.Itoa(status)
	switch {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return unavailable(step, reason)
	case status >= 300 && status < 400:
		return rejected(step, reason+", and redirects are not followed")
	}
	return rejected(step, reason)
}

// transportError says what went wrong without repeating what was sent or
// received: error texts of net/http may quote the answer.
func transportError(step string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		c := *e
		if c.Step == "" {
			c.Step = step
		}
		return &c
	}
	if errors.Is(err, errTooLarge) {
		return rejected(step, "the answer is too large")
	}
	e := unavailable(step, "the connection failed")
	e.ctxErr = contextError(err)
	switch e.ctxErr {
	case context.Canceled:
		e.Reason = "canceled by the caller"
		return e
	case context.DeadlineExceeded:
		e.Reason = "timed out"
		return e
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		e.Reason = d.Error()
	} else if x, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e.Reason = certificateReason(x)
	} else if o, ok := errors.AsType[*net.OpError](err); ok && o.Op == "dial" {
		e.Reason = o.Error()
	}
	return e
}

func certificateReason(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an unknown authority"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is for another host"
	}
	return "the certificate is not valid"
}

// parseEndpoint is url.Parse for addresses that requests or browsers are sent
// to: absolute, https or loopback http, no credentials, no fragment.
func parseEndpoint(s string) (*url.URL, bool) {
	if s == "" || len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return nil, false
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || strings.Contains(s, "#") || !secureURL(u) {
		return nil, false
	}
	return u, true
}

// secureURL reports whether u is https, or http on this machine.
func secureURL(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
