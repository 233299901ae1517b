// Package exampleserver runs the server of the examples as a process of its own, for
// tests that kill it, stop it or look at what it takes.
package exampleserver

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Build builds the server in dir and returns the name of the file.
func Build(dir string) (string, error) {
	name := filepath.Join(dir, "server")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", name, "github.com/aegis-auth/aegis/examples/server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return name, nil
}

// Program is one server, over SQLite in a file that stays when the process ends.
// Its limits by address are off, since all clients of a test have one address. Its
// methods are for one goroutine.
type Program struct {
	Addr     string       // host and port
	Database string       // the file
	Log      bytes.Buffer // of the process that runs, or ran last; read it when it has ended

	tb     testing.TB
	binary string
	env    []string
	cmd    *exec.Cmd
}

// New returns a server on a free port, from a file that [Build] made. It does not run
// yet. Settings
// are of the form NAME=value, and win over those it has without them.
func New(tb testing.TB, binary string, settings ...string) *Program {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	p := &Program{tb: tb, binary: binary, Addr: l.Addr().String(), Database: filepath.Join(tb.TempDir(), "aegis.db")}
	p.env = append(os.Environ(), "ADDR="+p.Addr, "BASE_URL=http://"+p.Addr, "DATABASE_URL=sqlite:"+p.Database,
		"JWT_SECRET_KEY=3f9d1c77a2e84b06f5c1d8e93b7a6042dd", "BCRYPT_COST=10", "RATE_LIMITS=off", "LOG_LEVEL=error")
	p.env = append(p.env, settings...)
	tb.Cleanup(p.Kill)
	return p
}

// Start starts the process and waits until it answers.
func (p *Program) Start() {
	p.tb.Helper()
	p.Log.Reset()
	p.cmd = exec.Command(p.binary)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = filepath.Dir(p.Database), p.env, &p.Log
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		p.tb.Fatal(err)
	}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if res, err := client.Get("http://" + p.Addr + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return
			}
		}
		if time.Now().After(deadline) {
			p.Kill()
			p.tb.Fatalf("the server did not come up:\n%s", &p.Log)
		}
	}
}

// PID is the number of the process that runs.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Kill ends the process, if it runs, as a power cut would.
func (p *Program) Kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}

// Terminate asks the process to end, and returns its exit code.
func (p *Program) Terminate() int {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.tb.Fatal(err)
	}
	cmd := p.cmd
	end := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer end.Stop()
	cmd.Wait()
	p.cmd = nil
	return cmd.ProcessState.ExitCode()
}
