// Command mutants proves that the tests of the module notice when a check is gone.
// It takes each mutant of its table, one security check removed or turned around,
// into a copy of the last commit, runs the tests that have to fail, and says
// whether they did:
//
//	go run ./store/sqlstore/sqltest/model/mutants
//	go run ./store/sqlstore/sqltest/model/mutants -only 'epoch|aud'
//
// It exits with 1 if one survived. A full run takes a few hours on two cores.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// mutant is one check that is gone.
type mutant struct {
	name     string
	file     string // path from the root of the repository
	old, new string // what is replaced; old occurs once
	packages string // patterns of the packages whose tests must fail, from the root
	tests    string // the tests to try first; all if empty
}

// all returns the whole table.
func all() []mutant {
	return slices.Concat(tokenMutants, sessionMutants, accountMutants, redirectMutants, externalMutants, orgMutants)
}

// apply returns text with the mutant in it.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.old); n != 1 || m.old == "" {
		return "", fmt.Errorf("%s: what mutant %q replaces occurs %d times, want once", m.file, m.name, n)
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

// outcome is what became of a mutant.
type outcome string

const (
	killed   outcome = "killed"
	survived outcome = "SURVIVED"
	broken   outcome = "BROKEN" // it does not compile, so that it proves nothing
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	only := flag.String("only", "", "regular expression of what to run, of 'file: name'; default all")
	from := flag.Int("from", 1, "number of the first to run")
	part := flag.Int("part", 1, "which of the parts to run")
	parts := flag.Int("parts", 1, "in how many parts the table is run, for instance at once")
	limit := flag.Duration("limit", 5*time.Minute, "time limit of one run of tests; what hangs is killed")
	flag.Parse()
	if err := run(*root, *only, *from, *part, *parts, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(root, only string, from, part, parts int, limit time.Duration) error {
	names, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := checkOut(root, scratch); err != nil {
		return err
	}
	count := make(map[outcome]int)
	var bad []string
	for i, m := range all() {
		if i+1 < from || i%parts != part-1 || !names.MatchString(m.file+": "+m.name) {
			continue
		}
		start := time.Now()
		o, note, err := m.try(scratch, limit)
		if err != nil {
			return err
		}
		count[o]++
		fmt.Printf("%3d %-8s %5.1fs  %s: %s%s\n", i+1, o, time.Since(start).Seconds(), m.file, m.name, note)
		if o != killed {
			bad = append(bad, m.name)
		}
	}
	fmt.Printf("%d killed, %d survived, %d broken\n", count[killed], count[survived], count[broken])
	if len(bad) > 0 {
		return fmt.Errorf("not killed: %s", strings.Join(bad, "; "))
	}
	return nil
}

// checkOut writes the last commit of root to dir, so that nothing a mutant does can
// reach the working tree.
func checkOut(root, dir string) error {
	var archive bytes.Buffer
	git := exec.Command("git", "-C", root, "archive", "HEAD")
	git.Stdout, git.Stderr = &archive, os.Stderr
	if err := git.Run(); err != nil {
		return fmt.Errorf("git archive: %w", err)
	}
	tar := exec.Command("tar", "-x", "-C", dir)
	tar.Stdin, tar.Stderr = &archive, os.Stderr
	return tar.Run()
}

// try applies m in dir, runs its tests, and takes it back.
func (m mutant) try(dir string, limit time.Duration) (outcome, string, error) {
	file := filepath.Join(dir, filepath.FromSlash(m.file))
	before, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	text, err := m.apply(string(before))
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", "", err
	}
	defer os.WriteFile(file, before, 0o644)
	for _, tests := range slices.Compact([]string{m.tests, ""}) {
		o, note := m.test(dir, tests, limit)
		if o != survived {
			return o, note, nil
		}
	}
	return survived, "", nil
}

// test runs the tests that match.
func (m mutant) test(dir, tests string, limit time.Duration) (outcome, string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Minute)
	defer cancel()
	args := []string{"test", "-short", "-count=1", "-failfast", "-vet=off", "-timeout", limit.String()}
	if tests != "" {
		args = append(args, "-run", tests)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, strings.Fields(m.packages)...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=")
	out, err := cmd.CombinedOutput()
	text := string(out)
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return survived, ""
	case ctx.Err() == nil && failed && exit.ExitCode() < 0:
		return broken, " (somebody ended the go command)"
	case !failed || strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") || exit.ExitCode() == 2:
		return broken, "\n" + text
	}
	if found := failedTest.FindStringSubmatch(text); found != nil {
		return killed, " (by " + found[1] + ")"
	}
	return killed, " (by a test that did not end)"
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
