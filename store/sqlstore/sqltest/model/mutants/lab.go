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
	tests   string        // where programs of tests are put
	limit   time.Duration // of one run of one of them
	healthy map[string]bool
}

func newLab(root string, limit time.Duration) (*lab, error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: filepath.Join(dir, "copy"), tests: filepath.Join(dir, "tests"), limit: limit, healthy: make(map[string]bool)}
	if err := errors.Join(os.Mkdir(l.dir, 0o755), os.Mkdir(l.tests, 0o755)); err != nil {
		return nil, err
	}
	return l, checkOut(root, l.dir)
}

func (l *lab) close() { os.RemoveAll(filepath.Dir(l.dir)) }

// try applies m, runs its tests, and takes it back. An error is trouble of the lab.
func (l *lab) try(m mutant) (said line, err error) {
	packages := strings.Fields(m.packages)
	if err := l.checkHealth(packages); err != nil {
		return line{}, err
	}
	file := filepath.Join(l.dir, filepath.FromSlash(m.file))
	before, err := os.ReadFile(file)
	if err != nil {
		return line{}, err
	}
	text, err := m.apply(string(before))
	if err != nil {
		return line{}, err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return line{}, err
	}
	defer func() { err = errors.Join(err, os.WriteFile(file, before, 0o644)) }()
	if trouble := l.build(packages); trouble != "" {
		return line{Outcome: broken, trouble: trouble}, nil
	}
	if m.tests != "" {
		if said, passed := l.judge(packages, m.tests); !passed {
			return said, nil
		}
	}
	said, _ = l.judge(packages, "")
	said.Beyond = m.tests != "" && said.Outcome == killed
	return said, nil
}

// judge runs the tests that match a pattern, and says whether they pass. One that
// fails has to fail once more, alone.
func (l *lab) judge(packages []string, pattern string) (said line, passed bool) {
	by, passed, err := l.run(packages, pattern)
	if err == nil && !passed && by != unfinished {
		name, _, _ := strings.Cut(by, "/")
		if _, passed, err = l.run(packages, "^"+name+"$"); passed {
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

// checkHealth makes sure that the tests of packages pass without a mutant.
func (l *lab) checkHealth(packages []string) error {
	for _, p := range packages {
		if l.healthy[p] {
			continue
		}
		if trouble := l.build([]string{p}); trouble != "" {
			return fmt.Errorf("tests of %s do not compile without a mutant:\n%s", p, trouble)
		}
		if said, passed := l.judge([]string{p}, ""); !passed {
			return fmt.Errorf("tests of %s fail without a mutant: %s%s", p, said.By, said.trouble)
		}
		l.healthy[p] = true
	}
	return nil
}

// build compiles the tests of packages, once for all runs of them, and returns what
// the compiler has to say.
func (l *lab) build(packages []string) string {
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", l.tests + string(filepath.Separator)}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "GOWORK=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out) + err.Error()
}

// run runs the tests of packages that match a pattern, until one fails, and names
// that one. An error is that of a program that did not run its tests.
func (l *lab) run(packages []string, pattern string) (by string, passed bool, err error) {
	for _, p := range packages {
		ctx, cancel := context.WithTimeout(context.Background(), l.limit+time.Minute)
		cmd := exec.CommandContext(ctx, filepath.Join(l.tests, path.Base(p)+".test"),
			"-test.short", "-test.failfast", "-test.timeout="+l.limit.String(), "-test.run="+pattern)
		cmd.Dir = filepath.Join(l.dir, filepath.FromSlash(p))
		cmd.Env = append(os.Environ(), "GOWORK=")
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
