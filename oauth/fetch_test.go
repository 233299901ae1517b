package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestCappedBodyFailsInsteadOfEnding(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for size, ok := range map[int]bool{0: true, 1: true, limit - 1: true, limit: true, limit + 1: false, 3 * limit: false} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"at once":               func(r io.Reader) io.Reader { return r },
			"byte by byte":          iotest.OneByteReader,
			"with the end attached": iotest.DataErrReader,
		} {
			body := io.NopCloser(wrap(strings.NewReader(strings.Repeat("a", size))))
			got, err := io.ReadAll(&cappedBody{ReadCloser: body, left: limit})
			if ok != (err == nil) || ok && len(got) != size || !ok && !errors.Is(err, errTooLarge) {
				t.Errorf("%d bytes %s: read %d, error %v, want success %t", size, name, len(got), err, ok)
			}
		}
	}
}

func TestBoundedClient(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		base *http.Client
		want time.Duration
	}{
		"without a client":         {nil, 10 * time.Second},
		"without a limit":          {&http.Client{}, 10 * time.Second},
		"with a longer limit":      {&http.Client{Timeout: time.Hour}, 10 * time.Second},
		"with a shorter limit":     {&http.Client{Timeout: time.Second}, time.Second},
		"with a jar and redirects": {&http.Client{Jar: jar{}, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}, 10 * time.Second},
	} {
		c := bounded(tt.base)
		if c.Timeout != tt.want {
			t.Errorf("%s: Timeout = %v, want %v", name, c.Timeout, tt.want)
		}
		if c.Jar != nil {
			t.Errorf("%s: the client keeps cookies", name)
		}
		if err := c.CheckRedirect(nil, nil); err != http.ErrUseLastResponse {
			t.Errorf("%s: CheckRedirect = %v, want http.ErrUseLastResponse", name, err)
		}
		l, ok := c.Transport.(limits)
		if !ok {
			t.Fatalf("%s: Transport is a %T, want limits", name, c.Transport)
		}
		if tr, ok := l.next.(*http.Transport); !ok || tr.TLSClientConfig.MinVersion != tls.VersionTLS12 || tr.Proxy == nil {
			t.Errorf("%s: transport %#v, want one with TLS 1.2 and proxies", name, l.next)
		}
	}
}

type jar struct{ http.CookieJar }

func TestNewTransportLeavesTheDefaultAlone(t *testing.T) {
	newTransport()
	if c := http.DefaultTransport.(*http.Transport).TLSClientConfig; c != nil && c.MinVersion != 0 {
		t.Errorf("http.DefaultTransport has MinVersion %x, want it untouched", c.MinVersion)
	}
}

// recorder answers every request itself and remembers the addresses.
type recorder struct{ asked []string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, req.URL.String())
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://issuer.example/":       true,
		"http://127.0.0.1:1/":           true,
		"http://[::1]:1/":               true,
		"http://localhost:1/":           true,
		"http://issuer.example/":        false,
		"http://10.0.0.1/":              false,
		"http://localhost.example.com/": false,
		"ftp://127.0.0.1/":              false,
	} {
		rec := &recorder{}
		_, _, err := fetchJSON(t.Context(), bounded(&http.Client{Transport: rec}), "test", address, nil)
		if (err == nil) != want || (len(rec.asked) == 1) != want {
			t.Errorf("%s: error %v, requests %v, want success %t", address, err, rec.asked, want)
		}
		if err != nil && !errors.Is(err, ErrRejected) {
			t.Errorf("%s: error %v, want ErrRejected", address, err)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{}")
		}))
		srv.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
		srv.Config.ErrorLog = discard()
		srv.StartTLS()
		tr := newTransport()
		tr.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		status, _, err := fetchJSON(t.Context(), bounded(&http.Client{Transport: tr}), "test", srv.URL, nil)
		if (err == nil && status == 200) != want {
			t.Errorf("%s: status %d, error %v, want success %t", tls.VersionName(version), status, err, want)
		}
		tr.CloseIdleConnections()
		srv.Close()
	}
}

func TestBadCertificatesAreRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = discard()
	srv.StartTLS()
	defer srv.Close()
	known := newTransport()
	known.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	defer known.CloseIdleConnections()
	late := newTransport()
	late.TLSClientConfig.RootCAs = known.TLSClientConfig.RootCAs
	late.TLSClientConfig.Time = func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }
	elsewhere := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	for name, tt := range map[string]struct {
		transport http.RoundTripper
		address   string
		text      string
	}{
		"signed by nobody we know": {nil, srv.URL, "unknown authority"},
		"of another host":          {known, elsewhere, "another host"},
		"expired":                  {late, srv.URL, "not valid"},
	} {
		_, _, err := fetchJSON(t.Context(), bounded(&http.Client{Transport: tt.transport}), "test", tt.address, nil)
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error = %v, want ErrUnavailable that says %q", name, err, tt.text)
		}
	}
	if _, _, err := fetchJSON(t.Context(), bounded(&http.Client{Transport: known}), "test", srv.URL, nil); err != nil {
		t.Errorf("a good certificate: error = %v, want none", err)
	}
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		ctx     context.Context
		address string
		is      []error
		text    string
	}{
		"nobody listens": {t.Context(), closed.URL, []error{ErrUnavailable}, "refused"},
		"given up":       {canceled, closed.URL, []error{ErrUnavailable, context.Canceled}, "canceled by the caller"},
		"malformed":      {t.Context(), "http://127.0.0.1:x/", []error{ErrRejected}, "malformed"},
	} {
		_, _, err := fetchJSON(tt.ctx, bounded(nil), "test", tt.address, nil)
		for _, want := range tt.is {
			if !errors.Is(err, want) {
				t.Errorf("%s: error = %v, want %v", name, err, want)
			}
		}
		if err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error = %v, want it to say %q", name, err, tt.text)
		}
	}
}

// TestNamedTrustsNoForeignText: an error from elsewhere keeps its kind of
// cancellation and loses its words.
func TestNamedTrustsNoForeignText(t *testing.T) {
	t.Parallel()
	if named("p", nil) != nil {
		t.Error("named(nil) is an error, want none")
	}
	err := named("p", errors.Join(errors.New("secret"), context.DeadlineExceeded))
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "secret") {
		t.Errorf("named = %v, want ErrUnavailable and DeadlineExceeded without the text", err)
	}
	if got, want := named("p", rejected("step", "why")).Error(), "oauth: p: step: answer refused: why"; got != want {
		t.Errorf("named = %q, want %q", got, want)
	}
}

func TestErrorCodeRepeatsRegisteredOnesOnly(t *testing.T) {
	t.Parallel()
	if got := errorCode("invalid_grant"); !strings.Contains(got, "invalid_grant") {
		t.Errorf("errorCode(invalid_grant) = %q, want the code in it", got)
	}
	for _, s := range []string{"", "INVALID_GRANT", "my-secret-code", "invalid_grant ", "<script>"} {
		if got := errorCode(s); s != "" && strings.Contains(got, s) {
			t.Errorf("errorCode(%q) = %q, want it withheld", s, got)
		}
	}
}
