package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/aegis-auth/aegis/examples/bench/turns"
)

// routeTables compares what a protected route costs when its tokens are checked
// without a store.
func routeTables(o options, w io.Writer) error {
	signers, err := newSigners()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Medians of %d rounds, of the time that processors worked for one request.\n", o.rounds)
	for _, s := range signers {
		list, err := tokenContestants(s)
		if err != nil {
			return err
		}
		byProcs, err := onEach(o, 0, true, list)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(w, "\n%s:\n\n", s.name)
		comparison(w, o, byProcs, hit, miss)
		fmt.Fprintln(w)
		for i, results := range byProcs {
			routeGoals(goals{w}, s.name, plural(o.procs[i]), results)
		}
	}
	return nil
}

func tokenContestants(s *signer) ([]turns.Contestant, error) {
	peers, err := tokenPeers(s)
	if err != nil {
		return nil, err
	}
	list := []turns.Contestant{
		{Name: "bare handler", Worker: peer{wrap: unprotected, good: bareRequest}.contestant().Worker},
		{Name: rawCheck, Worker: s.bare},
	}
	for _, p := range peers {
		list = append(list, p.contestant())
	}
	return list, nil
}

func routeGoals(g goals, alg, procs string, results []turns.Result) {
	ours, unseen, raw := turns.Find(results, hit), turns.Find(results, miss), turns.Find(results, rawCheck)
	fastest := math.Inf(1)
	for _, r := range results {
		if !slices.Contains([]string{hit, miss, rawCheck, "bare handler"}, r.Name) {
			fastest = min(fastest, r.Over(ours))
		}
	}
	g.atLeast(fmt.Sprintf("%s, %s: fastest other ÷ token seen before", alg, procs), fastest, 20, turns.Ratio)
	if alg == "HS256" {
		g.atLeast(fmt.Sprintf("%s, %s: golang-jwt ÷ new token", alg, procs), turns.Find(results, golangJWT).Over(unseen), 5, turns.Ratio)
		g.atMost(fmt.Sprintf("%s, %s: allocations for a token seen before", alg, procs), ours.Allocs, 2, turns.Count)
		return
	}
	g.atMost(fmt.Sprintf("%s, %s: new token above the bare signature check", alg, procs), unseen.Over(raw)-1, 0.10, turns.Percent)
}

// onEach runs the contest with each number of processors, by the clock on the wall
// or that of the processors.
func onEach(o options, workers int, cpu bool, list []turns.Contestant) (byProcs [][]turns.Result, err error) {
	for _, procs := range o.procs {
		results, err := turns.Run(turns.Settings{Rounds: o.rounds, Slice: o.slice, Procs: procs, Workers: workers, CPU: cpu}, list)
		if err != nil {
			return nil, err
		}
		byProcs = append(byProcs, results)
	}
	return byProcs, nil
}

// comparison prints times, and how many times those of each of the named ones
// they are.
func comparison(w io.Writer, o options, byProcs [][]turns.Result, ours ...string) {
	head := []string{""}
	rows := make([][]string, len(byProcs[0]))
	for i, r := range byProcs[0] {
		rows[i] = []string{r.Name}
	}
	for p, results := range byProcs {
		head = append(head, plural(o.procs[p]))
		for _, name := range ours {
			_, short, found := strings.Cut(name, ", ")
			if !found {
				short = name
			}
			head = append(head, "÷ "+short)
		}
		for i, r := range results {
			rows[i] = append(rows[i], turns.Time(r.Median()))
			for _, name := range ours {
				rows[i] = append(rows[i], turns.Ratio(r.Over(turns.Find(results, name))))
			}
		}
	}
	head = append(head, "allocations", "bytes")
	for i, r := range byProcs[0] {
		rows[i] = append(rows[i], turns.Count(r.Allocs), turns.Count(r.Bytes))
	}
	io.WriteString(w, turns.Table(head, rows))
}

func plural(procs int) string {
	if procs == 1 {
		return "1 processor"
	}
	return fmt.Sprintf("%d processors", procs)
}
