package turns

import (
	"fmt"
	"strings"
)

// Table writes a Markdown table. The first column is text, the others numbers.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	line(head)
	b.WriteString("|---|" + strings.Repeat("--:|", len(head)-1) + "\n")
	for _, cells := range rows {
		line(cells)
	}
	return b.String()
}

// Time writes nanoseconds in a unit that suits them, with three digits.
func Time(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return digits(ns/1e3) + " µs"
	case ns < 1e9:
		return digits(ns/1e6) + " ms"
	}
	return digits(ns/1e9) + " s"
}

// Ratio writes a ratio with a times sign.
func Ratio(x float64) string { return digits(x) + "×" }

// Count writes a whole number with commas.
func Count(x float64) string {
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Percent writes a part of one as percent.
func Percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

func digits(x float64) string {
	switch {
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
