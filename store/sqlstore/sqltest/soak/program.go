package main

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
	"strconv"
	"testing"
	"time"
)

// program is the server of the examples with its own settings, as a process of its
// own, over SQLite in a file. Its limits by address are off: all clients here have
// one address, and what is looked at is what is left without them.
type program struct {
	addr string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// startProgram builds the server and starts it, and waits until it answers.
func startProgram(tb testing.TB, cost int) (*program, error) {
	dir := tb.TempDir()
	name := filepath.Join(dir, "server")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", name, "github.com/aegis-auth/aegis/examples/server").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &program{addr: l.Addr().String(), cmd: exec.Command(name)}
	l.Close()
	p.cmd.Dir, p.cmd.Stderr = dir, &p.log
	p.cmd.Env = append(os.Environ(), "ADDR="+p.addr, "BASE_URL=http://"+p.addr, "DATABASE_URL=sqlite:"+filepath.Join(dir, "aegis.db"),
		"JWT_SECRET_KEY=3f9d1c77a2e84b06f5c1d8e93b7a6042dd", "RATE_LIMITS=off", "LOG_LEVEL=error", "BCRYPT_COST="+strconv.Itoa(cost))
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	tb.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		status, _, err := p.send("GET", "/readyz", nil, nil)
		if err == nil && status == 200 {
			return p, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("the server did not come up: %v", err)
		}
	}
}

var plainClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// send sends a request and reads the answer to its end.
func (p *program) send(method, path string, body any, cookies []*http.Cookie) (status int, set []*http.Cookie, err error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://"+p.addr+path, content)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for _, c := range cookies {
		req.AddCookie(c)
	}
	res, err := plainClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Cookies(), err
}

// register makes an account and returns the cookies of its browser.
func (p *program) register() ([]*http.Cookie, error) {
	status, cookies, err := p.send("POST", "/auth/register", obj{"email": "owner@example.com", "password": "correct horse battery"}, nil)
	if err == nil && status != 201 {
		err = fmt.Errorf("register = %d, want 201", status)
	}
	return cookies, err
}

// process is the name of the process below /proc.
func (p *program) process() string { return strconv.Itoa(p.cmd.Process.Pid) }
