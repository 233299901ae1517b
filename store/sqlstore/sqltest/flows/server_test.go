package flows_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the server of the examples, running as a process of its own.
type program struct {
	tb   testing.TB
	dir  string
	addr string
	env  []string

	cmd *exec.Cmd
	log bytes.Buffer // of the process that runs
}

var serverBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "aegis-flows-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "server")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", name, "./server")
	cmd.Dir = filepath.Join("..", "..", "..", "..", "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return name, nil
})

// removeServer removes what serverBinary made, if it did.
func removeServer() {
	if serverBuilt {
		if name, err := serverBinary(); err == nil {
			os.RemoveAll(filepath.Dir(name))
		}
	}
}

var serverBuilt bool // only tests that do not run at the same time build

// newProgram returns a server on a free port, with SQLite in a file. It does not
// run yet.
func newProgram(tb testing.TB, settings ...string) *program {
	tb.Helper()
	serverBuilt = true
	if _, err := serverBinary(); err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &program{tb: tb, dir: tb.TempDir(), addr: l.Addr().String()}
	l.Close()
	p.env = append(os.Environ(), "ADDR="+p.addr, "BASE_URL=http://"+p.addr, "DATABASE_URL=sqlite:"+p.database(),
		"JWT_SECRET_KEY="+secret, "BCRYPT_COST=10", "RATE_LIMITS=off", "LOG_LEVEL=error")
	p.env = append(p.env, settings...)
	tb.Cleanup(p.kill)
	return p
}

func (p *program) database() string { return filepath.Join(p.dir, "aegis.db") }

// start starts the process and waits until it answers.
func (p *program) start() {
	p.tb.Helper()
	name, err := serverBinary()
	if err != nil {
		p.tb.Fatal(err)
	}
	p.log.Reset()
	p.cmd = exec.Command(name)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = p.dir, p.env, &p.log
	if err := p.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if res, err := client.Get("http://" + p.addr + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return
			}
		}
		if time.Now().After(deadline) {
			p.kill()
			p.tb.Fatalf("the server did not come up:\n%s", &p.log)
		}
	}
}

// kill ends the process as a power cut would.
func (p *program) kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}

// terminate asks the process to end, and returns its exit code.
func (p *program) terminate() int {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.tb.Fatal(err)
	}
	return p.wait()
}

func (p *program) wait() int {
	p.tb.Helper()
	cmd := p.cmd
	end := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer end.Stop()
	cmd.Wait()
	p.cmd = nil
	return cmd.ProcessState.ExitCode()
}

// reply is an answer that came over a socket.
type reply struct {
	status  int
	body    string
	cookies map[string]string
}

// post sends JSON with cookies and reads the answer to the end.
func (p *program) post(c *http.Client, path string, body any, cookies map[string]string) (*reply, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest("POST", "http://"+p.addr+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	r := &reply{res.StatusCode, strings.TrimSpace(string(text)), make(map[string]string)}
	for _, k := range res.Cookies() {
		r.cookies[k.Name] = k.Value
	}
	return r, nil
}
