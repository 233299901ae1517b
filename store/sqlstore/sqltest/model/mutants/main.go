// Command mutants proves that the tests of the module notice when a check is gone.
// It takes each mutant of its table, one security check removed or turned around,
// into a copy of the last commit, runs the tests that have to fail, and says
// whether they did:
//
//	go run ./store/sqlstore/sqltest/model/mutants
//	go run ./store/sqlstore/sqltest/model/mutants -only 'epoch|aud'
//	go run ./store/sqlstore/sqltest/model/mutants -numbers 49,50,60-64 -results mutants.jsonl
//
// It exits with 1 if one was not killed. Before the first mutant of a package its
// tests are run as they are, because tests that fail anyway prove nothing.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mutant is one check that is gone.
type mutant struct {
	name     string
	file     string // path from the root of the repository
	old, new string // what is replaced; old occurs once
	packages string // packages whose tests must fail, from the root
	tests    string // the tests to try first; all if empty
}

// all returns the whole table.
func all() []mutant {
	return slices.Concat(tokenMutants, sessionMutants, accountMutants, redirectMutants, externalMutants, orgMutants, webMutants, ruleMutants)
}

// apply returns text with the mutant in it.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.old); n != 1 || m.old == "" {
		return "", fmt.Errorf("%s: what mutant %q replaces occurs %d times, want once", m.file, m.name, n)
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

// selection says which mutants of the table are run.
type selection struct {
	names       *regexp.Regexp // of "file: name"
	numbers     map[int]bool   // all if nil
	from        int
	part, parts int
}

func (s selection) has(number int, m mutant) bool {
	return number >= s.from && (number-1)%s.parts == s.part-1 &&
		(s.numbers == nil || s.numbers[number]) && s.names.MatchString(m.file+": "+m.name)
}

// parseNumbers reads a list such as "49,50,60-64". None is nil.
func parseNumbers(list string) (map[int]bool, error) {
	if list == "" {
		return nil, nil
	}
	numbers := make(map[int]bool)
	for item := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(item, "-")
		if !isRange {
			last = first
		}
		low, err := strconv.Atoi(first)
		high, err2 := strconv.Atoi(last)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		if low < 1 || low > high || high > len(all()) {
			return nil, fmt.Errorf("%q: numbers go from 1 to %d", item, len(all()))
		}
		for n := low; n <= high; n++ {
			numbers[n] = true
		}
	}
	return numbers, nil
}

// line is what is said of one mutant, to people and to programs.
type line struct {
	Number  int     `json:"number"`
	File    string  `json:"file"`
	Name    string  `json:"name"`
	Outcome outcome `json:"outcome"`
	By      string  `json:"by,omitempty"`     // the test that failed first
	Beyond  bool    `json:"beyond,omitempty"` // the tests that the table names had passed
	Seconds float64 `json:"seconds"`
	trouble string
}

func (l line) String() string {
	text := fmt.Sprintf("%3d %-8s %5.1fs  %s: %s", l.Number, l.Outcome, l.Seconds, l.File, l.Name)
	if l.By != "" {
		text += " (by " + l.By + ")"
	}
	if l.Beyond {
		text += " (not by the tests the table names)"
	}
	if l.trouble != "" {
		text += "\n" + l.trouble
	}
	return text
}

func main() {
	root := flag.String("root", ".", "root of the repository")
	only := flag.String("only", "", "regular expression of what to run, of 'file: name'; default all")
	numbers := flag.String("numbers", "", "numbers of what to run, for instance 49,50,60-64; default all")
	results := flag.String("results", "", "file to append a line of JSON to for each mutant")
	limit := flag.Duration("limit", 3*time.Minute, "time limit of one run of tests; what hangs is killed")
	s := selection{}
	flag.IntVar(&s.from, "from", 1, "number of the first to run")
	flag.IntVar(&s.part, "part", 1, "which of the parts to run")
	flag.IntVar(&s.parts, "parts", 1, "in how many parts the table is run, for instance at once")
	flag.Parse()
	var err, err2 error
	s.names, err = regexp.Compile(*only)
	s.numbers, err2 = parseNumbers(*numbers)
	if err = errors.Join(err, err2); err == nil {
		err = run(*root, s, *results, *limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(root string, s selection, results string, limit time.Duration) error {
	var record io.Writer = io.Discard
	if results != "" {
		f, err := os.OpenFile(results, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		record = f
	}
	var numbers []int
	for i, m := range all() {
		if s.has(i+1, m) {
			numbers = append(numbers, i+1)
		}
	}
	l, err := newLab(root, numbers, limit)
	if err != nil {
		return err
	}
	defer l.close()
	count := make(map[outcome]int)
	var bad []string
	for _, n := range numbers {
		start := time.Now()
		said, err := l.try(n)
		if err != nil {
			return err
		}
		said.Number, said.File, said.Name = n, all()[n-1].file, all()[n-1].name
		said.Seconds = time.Since(start).Round(100 * time.Millisecond).Seconds()
		fmt.Println(said)
		if err := json.NewEncoder(record).Encode(said); err != nil {
			return err
		}
		count[said.Outcome]++
		if said.Outcome != killed {
			bad = append(bad, strconv.Itoa(n))
		}
	}
	fmt.Printf("%d killed, %d survived, %d broken\n", count[killed], count[survived], count[broken])
	if len(bad) > 0 {
		return fmt.Errorf("not killed: %s", strings.Join(bad, ","))
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
