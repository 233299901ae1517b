package docstest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestDocumentsRun runs the blocks of shell of every document.
func TestDocumentsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the documents are not run")
	}
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the documents use %s: %v", tool, err)
		}
	}
	bin := t.TempDir()
	writeTools(t, bin)
	writeProxy(t, bin)
	for _, doc := range documents(t) {
		list := blocks(t, doc)
		runs := false
		for _, b := range list {
			runs = runs || b.has("run")
		}
		if !runs {
			continue
		}
		t.Run(doc, func(t *testing.T) {
			s := newSession(t, bin)
			for _, b := range list {
				s.block(b)
			}
		})
	}
}

// writeTools writes what stands in for go and curl; doc.go says how they differ.
func writeTools(t *testing.T, bin string) {
	t.Helper()
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	script := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("go", fmt.Sprintf(`
if [ "$1" = run ] && [[ "$2" == ./examples/* ]]; then
	name=${2#./examples/}; shift 2
	[ -e %[2]q/built/$name ] || (cd %[3]q/examples/$name && %[1]q build -o %[2]q/built/$name .) || exit 1
	exec %[2]q/built/$name "$@"
fi
%[1]q "$@" || exit
if [ "$1 $2" = "mod init" ]; then
	%[1]q mod edit -replace %[4]s=%[3]q
fi
`, goCommand, bin, repo(t), module))
	script("curl", fmt.Sprintf(`exec %q -sS -m 20 $DOCS_CURL "$@"`+"\n", curl))
}

// writeProxy makes a module proxy that knows the library and no version of it, so
// that the go command is content with the working tree.
func writeProxy(t *testing.T, bin string) {
	t.Helper()
	versions := filepath.Join(bin, "proxy", module, "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(versions, "list"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// session is one document being followed.
type session struct {
	t       *testing.T
	dir     string // where the reader is
	state   string // what bash remembers
	bin     string
	port    string
	running *exec.Cmd
	ended   chan error
	log     *logBuffer
	output  string // of the last block
}

// logBuffer is what a program prints while it runs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newSession(t *testing.T, bin string) *session {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	s := &session{t: t, dir: t.TempDir(), state: t.TempDir(), bin: bin, port: port}
	t.Cleanup(s.stop)
	start := fmt.Sprintf("cd %q\nexport PATH=%q:$PATH GOWORK=off GOFLAGS=-mod=mod\n"+
		"export ADDR=localhost:%[3]s BASE_URL=http://localhost:%[3]s GOPROXY=file://%[2]s/proxy,$(go env GOPROXY)\n", s.dir, bin, port)
	if err := os.WriteFile(filepath.Join(s.state, "env"), []byte(start), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// local puts the session's port into a text.
func (s *session) local(text string) string {
	return strings.ReplaceAll(text, "localhost:8000", "localhost:"+s.port)
}

func (s *session) block(b block) {
	s.t.Helper()
	switch {
	case b.has("file"):
		name := filepath.Join(s.where(), b.directives["file"])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(s.local(b.text)), 0o644); err != nil {
			s.t.Fatal(err)
		}
	case b.has("output"):
		s.compare(b)
	case b.lang == "sh" && b.directives["run"] == "start":
		s.start(b)
	case b.lang == "sh" && b.has("run"):
		s.run(b)
	}
}

// where returns the folder the reader has gone to.
func (s *session) where() string {
	if pwd, err := os.ReadFile(filepath.Join(s.state, "pwd")); err == nil {
		return strings.TrimSpace(string(pwd))
	}
	return s.dir
}

func (s *session) command(ctx context.Context, b block) *exec.Cmd {
	curl := "--fail-with-body"
	if b.directives["run"] == "fails" {
		curl = ""
	}
	script := fmt.Sprintf("set -e -o pipefail\n. %[1]q/env\nexport DOCS_CURL=%[2]q\n%[3]s\npwd > %[1]q/pwd\n{ export -p; echo \"cd '$PWD'\"; declare -p | grep -E '^declare -- [A-Z_]+=' | grep -v '^declare -- BASH' || true; } > %[1]q/next\n",
		s.state, curl, s.local(b.text))
	if b.directives["run"] == "start" {
		script = fmt.Sprintf(". %q/env\nexec %s", s.state, s.local(b.text))
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

func (s *session) run(b block) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := s.command(ctx, b)
	out, err := cmd.CombinedOutput()
	s.output = string(out)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s%s\n--- program\n%s", b, err, b.text, out, s.tail())
	}
	next := filepath.Join(s.state, "next")
	if err := os.Rename(next, filepath.Join(s.state, "env")); err != nil {
		s.t.Fatalf("%s: %v", b, err)
	}
}

func (s *session) tail() string {
	if s.log == nil {
		return ""
	}
	text := s.log.String()
	return text[max(0, len(text)-4000):]
}

// start leaves a program running until the next one, or the document, ends.
func (s *session) start(b block) {
	s.t.Helper()
	s.stop()
	cmd := s.command(context.Background(), b)
	s.log = new(logBuffer)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("%s: %v", b, err)
	}
	s.running, s.ended = cmd, make(chan error, 1)
	go func() { s.ended <- cmd.Wait() }()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		if response, err := http.Get("http://localhost:" + s.port + "/"); err == nil {
			response.Body.Close()
			return
		}
		select {
		case err := <-s.ended:
			s.running = nil
			s.t.Fatalf("%s: the program ended: %v\n%s", b, err, s.tail())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: nothing answers on port %s\n%s", b, s.port, s.tail())
		}
	}
}

// stop ends the program that runs, as a reader would with Ctrl-C.
func (s *session) stop() {
	if s.running == nil {
		return
	}
	syscall.Kill(-s.running.Process.Pid, syscall.SIGINT)
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		syscall.Kill(-s.running.Process.Pid, syscall.SIGKILL)
		<-s.ended
	}
	s.running = nil
}

// compare wants each line of b in the output of the block before, in order.
func (s *session) compare(b block) {
	s.t.Helper()
	rest := s.output
	for line := range strings.Lines(s.local(b.text)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		at := pattern(strings.TrimSpace(line)).FindStringIndex(rest)
		if at == nil {
			s.t.Errorf("%s: the output has no line %q:\n%s", b, line, s.output)
			return
		}
		rest = rest[at[1]:]
	}
}

// pattern makes a pattern of a line in which … stands for anything, and any space
// for any amount of it.
func pattern(line string) *regexp.Regexp {
	p := regexp.QuoteMeta(line)
	p = regexp.MustCompile(`\s+`).ReplaceAllString(p, `\s+`)
	return regexp.MustCompile(strings.ReplaceAll(p, "…", ".*"))
}
