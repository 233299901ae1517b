package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// outcome is what became of a mutant.
type outcome string

const (
	killed   outcome = "killed"
	survived outcome = "SURVIVED"
	broken   outcome = "BROKEN" // it does not compile, so that it proves nothing
)

// lab is a copy of the repository that mutants are tried in.
type lab struct {
	dir     string
	limit   time.Duration     // of one run of the tests of a package
	plain   map[string]string // files that mutants are woven into, as they were
	woven   map[int]bool      // the mutants that are
	healthy map[string]bool   // packages whose tests are compiled, and pass
}

// newLab copies the last commit and weaves the mutants with these numbers into it.
func newLab(root string, numbers []int, limit time.Duration) (*lab, error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, limit: limit,
		plain: make(map[string]string), woven: make(map[int]bool), healthy: make(map[string]bool)}
	for _, name := range []string{"copy", "woven", "single"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	if err := checkOut(root, filepath.Join(dir, "copy")); err != nil {
		return nil, err
	}
	return l, l.weaveAll(numbers)
}

func (l *lab) close() { os.RemoveAll(l.dir) }

func (l *lab) path(name string) string { return filepath.Join(l.dir, "copy", filepath.FromSlash(name)) }

// read returns a file of the copy.
func (l *lab) read(name string) (string, error) {
	data, err := os.ReadFile(l.path(name))
	return string(data), err
}

func (l *lab) write(name, text string) error { return os.WriteFile(l.path(name), []byte(text), 0o644) }

// try runs the tests of a mutant. An error is trouble of the lab.
func (l *lab) try(number int) (said line, err error) {
	m := all()[number-1]
	packages := strings.Fields(m.packages)
	if err := l.checkHealth(packages); err != nil {
		return line{}, err
	}
	if l.woven[number] {
		return l.trial("woven", strconv.Itoa(number)).of(m, packages), nil
	}
	before, err := l.read(m.file)
	if err != nil {
		return line{}, err
	}
	plain, ok := l.plain[m.file]
	if !ok {
		plain = before
	}
	text, err := m.apply(plain)
	if err != nil {
		return line{}, err
	}
	if err := l.write(m.file, text); err != nil {
		return line{}, err
	}
	defer func() { err = errors.Join(err, l.write(m.file, before)) }()
	if trouble := l.build("single", packages); trouble != "" {
		return line{Outcome: broken, trouble: trouble}, nil
	}
	return l.trial("single", "").of(m, packages), nil
}

// checkHealth compiles the tests of packages, with the mutants that are woven in, and
// makes sure that they pass while none of them is on.
func (l *lab) checkHealth(packages []string) error {
	for _, p := range packages {
		if l.healthy[p] {
			continue
		}
		if trouble := l.build("woven", []string{p}); trouble != "" {
			return fmt.Errorf("tests of %s do not compile without a mutant:\n%s", p, trouble)
		}
		if said, passed := l.trial("woven", "").judge([]string{p}, ""); !passed {
			return fmt.Errorf("tests of %s fail without a mutant: %s%s", p, said.By, said.trouble)
		}
		l.healthy[p] = true
	}
	return nil
}

// build compiles the tests of packages, once for all runs of them, and returns what
// the compiler has to say.
func (l *lab) build(kind string, packages []string) string {
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", filepath.Join(l.dir, kind) + string(filepath.Separator)}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Dir = l.path("")
	cmd.Env = append(os.Environ(), "GOWORK=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out) + err.Error()
}

// trial runs compiled tests with one mutant.
type trial struct {
	*lab
	kind string // of programs: those of all mutants, or those of a single one
	on   string // the number of the mutant among all
}

func (l *lab) trial(kind, on string) trial { return trial{l, kind, on} }

// of runs the tests that the table names, and then all of them.
func (t trial) of(m mutant, packages []string) line {
	if m.tests != "" {
		if said, passed := t.judge(packages, m.tests); !passed {
			return said
		}
	}
	said, _ := t.judge(packages, "")
	said.Beyond = m.tests != "" && said.Outcome == killed
	return said
}

// judge runs the tests that match a pattern, and says whether they pass. One that
// fails has to fail once more, alone.
func (t trial) judge(packages []string, pattern string) (said line, passed bool) {
	by, passed, err := t.run(packages, pattern)
	if err == nil && !passed && by != unfinished {
		name, _, _ := strings.Cut(by, "/")
		if _, passed, err = t.run(packages, "^"+name+"$"); passed {
			return line{Outcome: survived, trouble: name + " failed once, and not again"}, true
		}
	}
	switch {
	case err != nil:
		return line{Outcome: broken, trouble: err.Error()}, false
	case !passed:
		return line{Outcome: killed, By: by}, false
	}
	return line{Outcome: survived}, true
}

// run runs the tests of packages that match a pattern, until one fails, and names
// that one. An error is that of a program that did not run its tests.
func (t trial) run(packages []string, pattern string) (by string, passed bool, err error) {
	for _, p := range packages {
		ctx, cancel := context.WithTimeout(context.Background(), t.limit+time.Minute)
		cmd := exec.CommandContext(ctx, filepath.Join(t.dir, t.kind, path.Base(p)+".test"),
			"-test.short", "-test.failfast", "-test.timeout="+t.limit.String(), "-test.run="+pattern)
		cmd.Dir = t.path(p)
		cmd.Env = append(os.Environ(), "GOWORK=", mutantEnv+"="+t.on)
		cmd.WaitDelay = 10 * time.Second
		out, err := cmd.CombinedOutput()
		late := ctx.Err() != nil
		cancel()
		exit, failed := errors.AsType[*exec.ExitError](err)
		switch {
		case err == nil:
			continue
		case !failed || exit.ExitCode() < 0 && !late: // not there, or ended by somebody
			return "", false, fmt.Errorf("tests of %s: %w", p, err)
		}
		return firstFailed(string(out)), false, nil
	}
	return "", true, nil
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// unfinished stands for the name of a test that said nothing.
const unfinished = "a test that did not end"

// firstFailed returns the name of the test that failed first, with that of its case.
func firstFailed(output string) string {
	name := ""
	for _, found := range failedTest.FindAllStringSubmatch(output, -1) {
		if name != "" && !strings.HasPrefix(found[1], name+"/") {
			break
		}
		name = found[1]
	}
	if name == "" {
		return unfinished
	}
	return name
}
