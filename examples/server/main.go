// Server is the whole product as one program. Without any settings it starts on
// localhost:8000 with SQLite in ./aegis.db; see -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aegis-auth/aegis/auth/authcli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run is main without what a test cannot have.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	envFile := flags.String("env", ".env", "`file` with further settings, NAME=value a line; the environment wins")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if args := flags.Args(); len(args) > 0 && !authcli.NeedsService(args[0]) {
		return standalone(ctx, args, stdin, stdout, stderr)
	}
	set, err := loadSettings(*envFile, os.LookupEnv)
	if err != nil {
		return err
	}
	for _, notice := range set.notices {
		fmt.Fprintln(stderr, notice)
	}
	app, err := newApp(ctx, set, flags.Arg(0), stderr)
	if err != nil {
		return err
	}
	defer app.close()
	if flags.NArg() > 0 {
		return app.command(ctx, flags.Args(), stdin, stdout, stderr)
	}
	return app.serve(ctx, stderr)
}

// serve answers requests until ctx ends, and then finishes those under way.
func (a *app) serve(ctx context.Context, stderr io.Writer) error {
	listener, err := net.Listen("tcp", a.set.addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
	upkeep, stopUpkeep := context.WithCancel(context.WithoutCancel(ctx))
	defer stopUpkeep()
	go a.svc.Maintain(upkeep)

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	a.banner(stderr)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stderr, "Stopping: finishing the requests under way.")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(drain), a.svc.Close(drain))
}
