package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/examples/bench/turns"
)

// programs are what is weighed. Each listens on a fixed port, which the build
// replaces with a free one.
var programs = []struct{ name, pkg, port string }{
	{"a handler of net/http", "./hello", "8000"},
	{"examples/verifier, which only checks tokens", "github.com/aegis-auth/aegis/examples/verifier", "8001"},
	{"examples/quickstart, accounts in memory", "github.com/aegis-auth/aegis/examples/quickstart", "8000"},
}

// footprintTable builds programs as they would be shipped, counts what they link,
// and measures how long they take from their start to their first answer.
func footprintTable(o options, w io.Writer) error {
	dir, err := os.MkdirTemp("", "aegis-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	home, err := output("go", "list", "-f", "{{.Dir}}", "github.com/aegis-auth/aegis/examples/bench")
	if err != nil {
		return err
	}
	var rows [][]string
	var list []turns.Contestant
	for i, p := range programs {
		binary := filepath.Join(dir, fmt.Sprint(i))
		addr, err := build(strings.TrimSpace(home), dir, binary, p.pkg, p.port)
		if err != nil {
			return err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return err
		}
		packages, modules, err := linked(strings.TrimSpace(home), p.pkg)
		if err != nil {
			return err
		}
		rows = append(rows, []string{p.name, fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), fmt.Sprint(packages), fmt.Sprint(modules)})
		list = append(list, turns.Contestant{Name: p.name, Worker: func() func() error {
			return func() error { return startToAnswer(binary, addr) }
		}})
	}
	results, err := turns.Run(turns.Settings{Rounds: o.rounds, Procs: 2, Workers: 1}, list)
	if err != nil {
		return err
	}
	for i, r := range results {
		rows[i] = append(rows[i], turns.Time(r.Median()))
	}
	_, err = io.WriteString(w, turns.Table([]string{"program, stripped", "size", "packages beside std", "modules beside its own", "start to first answer"}, rows))
	return err
}

// build builds a program with a free port in place of its own.
func build(home, dir, binary, pkg, port string) (addr string, err error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr = free.Addr().String()
	free.Close()
	source, err := outputIn(home, "go", "list", "-f", "{{.Dir}}/main.go", pkg)
	if err != nil {
		return "", err
	}
	source = strings.TrimSpace(source)
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const before = `ListenAndServe("localhost:`
	changed := strings.Replace(string(text), before+port, `ListenAndServe("`+addr, 1)
	if changed == string(text) {
		return "", fmt.Errorf("%s does not listen on port %s", source, port)
	}
	copied := binary + ".go"
	if err := os.WriteFile(copied, []byte(changed), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: copied}})
	if err != nil {
		return "", err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return "", err
	}
	_, err = outputIn(home, "go", "build", "-overlay", overlayFile, "-ldflags", "-s -w", "-o", binary, pkg)
	return addr, err
}

// linked counts the packages that are not of the standard library, and the
// modules they are from, that of pkg itself left out.
func linked(home, pkg string) (packages, modules int, err error) {
	list, err := outputIn(home, "go", "list", "-deps", "-f", "{{if not .Standard}}{{.Module.Path}}{{end}}", pkg)
	if err != nil {
		return 0, 0, err
	}
	seen := map[string]bool{}
	for _, module := range strings.Fields(list) {
		packages++
		seen[module] = true
	}
	return packages, len(seen) - 1, nil
}

// startToAnswer starts a program and asks it until it answers.
func startToAnswer(binary, addr string) error {
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "JWT_SECRET_KEY="+string(secret))
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	for until := time.Now().Add(patience); ; time.Sleep(200 * time.Microsecond) {
		err := ask(addr)
		if err == nil || time.Now().After(until) {
			return err
		}
	}
}

// ask sends a request and reads the beginning of the answer, whatever it is.
func ask(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 12))
	return err
}

func output(name string, args ...string) (string, error) { return outputIn("", name, args...) }

func outputIn(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, problems.String())
	}
	return string(out), nil
}
