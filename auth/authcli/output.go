package authcli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
)

// printJSON writes v, indented.
func (c *call) printJSON(v any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table writes rows below a head.
func (c *call) table(head string, rows [][]string) error {
	w := tabwriter.NewWriter(c.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, ",", "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// isTerminal reports whether stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// progress draws a bar on a terminal, and nothing elsewhere.
type progress struct {
	w     io.Writer
	total int
	drawn int
}

func (c *call) progress(total int) *progress {
	p := &progress{total: total, drawn: -1}
	if isTerminal(c.Err) {
		p.w = c.Err
	}
	return p
}

const barWidth = 40

// at draws the bar for n of total done, if it looks different.
func (p *progress) at(n int) {
	if p.w == nil || p.total == 0 {
		return
	}
	if cells := n * barWidth / p.total; cells != p.drawn || n == p.total {
		p.drawn = cells
		fmt.Fprintf(p.w, "\r[%s%s] %d/%d", strings.Repeat("#", cells), strings.Repeat(".", barWidth-cells), n, p.total)
	}
}

// done ends the line.
func (p *progress) done() {
	if p.w != nil {
		fmt.Fprintln(p.w)
	}
}

// maxPasswordLine bounds what is read of standard input.
const maxPasswordLine = 4096

// readPassword reads a line from standard input: typed at a prompt, without echo,
// if it is a terminal.
func (c *call) readPassword() (string, error) {
	if isTerminal(c.In) {
		fmt.Fprint(c.Err, "Password: ")
		if echo(c.In.(*os.File), false) == nil {
			defer func() {
				echo(c.In.(*os.File), true)
				fmt.Fprintln(c.Err)
			}()
		}
	}
	line, err := bufio.NewReader(io.LimitReader(c.In, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("no password on standard input")
	}
	return line, nil
}

// echo switches a terminal's echo with the system's stty.
func echo(terminal *os.File, on bool) error {
	arg := "-echo"
	if on {
		arg = "echo"
	}
	cmd := exec.Command("stty", arg)
	cmd.Stdin = terminal
	return cmd.Run()
}
