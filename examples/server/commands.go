package main

import (
	"context"
	"fmt"
	"io"
)

// command runs one command instead of serving.
func (a *app) command(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return fmt.Errorf("there is no command %q; -h explains", args[0])
}
