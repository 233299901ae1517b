package docstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/middleware"
)

// TestProxiesOfTheGuide runs nginx and Caddy with what docs/deployment.md has for
// them: the client's address and the host with its port arrive, a false address
// does not, and a browser passes the check of origins.
func TestProxiesOfTheGuide(t *testing.T) {
	config := map[string]string{}
	for _, b := range blocks(t, "docs/deployment.md") {
		config[b.lang] = b.text
	}
	nginx := func(dir, listen, backend string) (file string) {
		text := config["nginx"]
		for old, now := range map[string]string{
			"listen 443 ssl;": "listen " + listen + ";", "server_name app.example.com;": "server_name localhost;",
			"http://127.0.0.1:8000;": backend + ";", "\tssl_certificate ": "\t#", "\tssl_certificate_key ": "\t#",
		} {
			if !strings.Contains(text, old) {
				t.Fatalf("the guide's configuration of nginx has no %q", old)
			}
			text = strings.ReplaceAll(text, old, now)
		}
		var temp strings.Builder
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&temp, "\t%s_temp_path %s/%s;\n", kind, dir, kind)
		}
		return fmt.Sprintf("daemon off;\npid %[1]s/pid;\nerror_log stderr;\nevents {}\nhttp {\n\taccess_log off;\n%[2]s\n%[3]s}\n", dir, temp.String(), text)
	}
	caddy := func(_, listen, backend string) string {
		text := strings.Replace(config["caddyfile"], "app.example.com {", "http://localhost:"+strings.Split(listen, ":")[1]+" {\n\tbind 127.0.0.1", 1)
		return "{\n\tadmin off\n}\n" + strings.Replace(text, "127.0.0.1:8000", strings.TrimPrefix(backend, "http://"), 1)
	}
	for _, p := range []struct {
		name   string
		config func(dir, listen, backend string) string
		args   func(dir, file string) []string
	}{
		{"nginx", nginx, func(dir, file string) []string { return []string{"-p", dir, "-c", file} }},
		{"caddy", caddy, func(_, file string) []string { return []string{"run", "--config", file, "--adapter", "caddyfile"} }},
	} {
		t.Run(p.name, func(t *testing.T) {
			if _, err := exec.LookPath(p.name); err != nil {
				if os.Getenv("AEGIS_TEST_REQUIRE_PROXIES") == "1" {
					t.Fatal(err)
				}
				t.Skipf("NOT RUN: %v. Install it to see that its configuration in docs/deployment.md works.", err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			listen := l.Addr().String()
			l.Close()
			origin := "http://localhost:" + strings.Split(listen, ":")[1]
			seen := behindProxy(t, origin)

			dir := t.TempDir()
			file := filepath.Join(dir, "config")
			if err := os.WriteFile(file, []byte(p.config(dir, listen, seen.backend.URL)), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, dir, p.name, p.args(dir, file)...)
			seen.try(t, origin, listen)
		})
	}
}

// run starts a program that ends with the test.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	out := new(logBuffer)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, out)
		}
	})
}

// proxied is a service behind a proxy, and where its requests came from.
type proxied struct {
	backend *httptest.Server
	mu      sync.Mutex
	from    []netip.Addr
	host    string
}

func behindProxy(t *testing.T, origin string) *proxied {
	t.Helper()
	p := &proxied{}
	env := authtest.New(t, func(c *auth.Config) {
		c.BaseURL = origin + "/auth"
		c.ClientIP = middleware.ForwardedFor(netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128"))
	})
	env.Subscribe(func(_ context.Context, e auth.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.from = append(p.from, e.Device.IP)
	})
	p.backend = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.host = r.Host
		p.mu.Unlock()
		env.Mux().ServeHTTP(w, r)
	}))
	t.Cleanup(p.backend.Close)
	return p
}

// try registers through the proxy, as a browser of 127.0.0.2 that invents where
// it comes from.
func (p *proxied) try(t *testing.T, origin, listen string) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp4", listen)
	}}}
	var res *http.Response
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := http.NewRequest(http.MethodPost, origin+"/auth/register", strings.NewReader("email=ann@example.com&password=correct horse battery"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		r.Header.Set("X-Forwarded-For", "192.0.2.66")
		if res, err = client.Do(r); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Errorf("register through the proxy = %d, want 201", res.StatusCode)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if want := netip.MustParseAddr("127.0.0.2"); len(p.from) == 0 || p.from[0] != want {
		t.Errorf("the request came from %v, want %v", p.from, want)
	}
	if want := strings.TrimPrefix(origin, "http://"); p.host != want {
		t.Errorf("the host arrived as %q, want %q", p.host, want)
	}
}
