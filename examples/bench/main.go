// Bench measures this library beside others and prints the tables of
// docs/performance.md. Within a table the contestants take turns in short slices,
// so that ratios hold on a machine whose speed changes from minute to minute.
//
//	go run ./examples/bench                # every table, some minutes
//	go run ./examples/bench route live     # some of them
//	go run ./examples/bench -write docs/performance.md
//
// PostgreSQL is looked for at AEGIS_TEST_POSTGRES, and on this machine.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// options is what the command line says.
type options struct {
	rounds int
	slice  time.Duration
	procs  []int // GOMAXPROCS
	cost   int   // of bcrypt
}

// section is one table, or a few that belong together.
type section struct {
	name  string
	about string
	make  func(o options, w io.Writer) error
}

var sections = []section{
	{"route", "tokens checked in a whole middleware", routeTables},
	{"sessions", "sessions kept in memory", sessionTable},
	{"live", "routes that ask a database on every request", liveTables},
	{"http", "requests over loopback", httpTable},
	{"login", "a sign-in beside bare bcrypt", loginTables},
	{"routes", "memory and time of every route", routesTable},
	{"footprint", "binaries, what they link, how fast they start", footprintTable},
}

func main() {
	o := options{procs: []int{1, 2}, cost: auth.DefaultBcryptCost}
	flag.IntVar(&o.rounds, "rounds", 20, "`turns` of each contestant")
	flag.DurationVar(&o.slice, "slice", 20*time.Millisecond, "length of a turn")
	file := flag.String("write", "", "put the tables into this `document`, between its comments")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [flags] [table…]")
		flag.PrintDefaults()
		for _, s := range sections {
			fmt.Fprintf(flag.CommandLine.Output(), "  %-12s %s\n", s.name, s.about)
		}
	}
	flag.Parse()
	if err := run(o, *file, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options, file string, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(sections, func(s section) bool { return s.name == name }) {
			return fmt.Errorf("there is no table %q", name)
		}
	}
	for _, s := range sections {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		var b strings.Builder
		if err := s.make(o, &b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("%s\n", b.String())
		if file != "" {
			if err := rewrite(file, s.name, b.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrite puts text into file between "<!-- measured: NAME -->" and the next
// "<!-- end -->".
func rewrite(file, name, text string) error {
	whole, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mark := "<!-- measured: " + name + " -->\n"
	before, rest, ok := strings.Cut(string(whole), mark)
	if !ok {
		return fmt.Errorf("%s has no %s", file, strings.TrimSpace(mark))
	}
	_, after, ok := strings.Cut(rest, "<!-- end -->")
	if !ok {
		return fmt.Errorf("%s: no end after %s", file, strings.TrimSpace(mark))
	}
	return os.WriteFile(file, []byte(before+mark+"\n"+text+"\n<!-- end -->"+after), 0o644)
}
