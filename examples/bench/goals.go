package main

import (
	"fmt"
	"io"
)

// goals prints what was aimed at beside what came out.
type goals struct{ w io.Writer }

// atLeast and atMost print one line.
func (g goals) atLeast(what string, got, goal float64, unit func(float64) string) {
	g.line(what, unit(got), "at least "+unit(goal), got >= goal)
}

func (g goals) atMost(what string, got, goal float64, unit func(float64) string) {
	g.line(what, unit(got), "at most "+unit(goal), got <= goal)
}

func (g goals) line(what, got, goal string, met bool) {
	verdict := "met"
	if !met {
		verdict = "**missed**"
	}
	fmt.Fprintf(g.w, "- %s: %s; goal %s, %s\n", what, got, goal, verdict)
}
