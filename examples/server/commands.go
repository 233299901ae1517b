package main

import (
	"context"
	"io"

	"github.com/aegis-auth/aegis/auth/authcli"
)

// command runs one command instead of serving.
func (a *app) command(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	tool := authcli.Tool{Service: a.svc, Store: a.db.store, Routes: a.routes(), Plan: a.db.plan}
	if err := tool.Run(ctx, args, authcli.Streams{In: stdin, Out: stdout, Err: stderr}); err != nil {
		return err
	}
	return a.svc.Flush(ctx) // mails and audit entries that the command caused
}

// standalone runs a command that needs no settings, and no database.
func standalone(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return authcli.Tool{}.Run(ctx, args, authcli.Streams{In: stdin, Out: stdout, Err: stderr})
}
