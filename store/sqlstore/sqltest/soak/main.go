// Command soak looks for what shows only after a while, or under load: memory that
// grows, goroutines that stay, rows that pile up, sessions that are lost.
//
// It starts a server with the real handlers as a process of its own, and is all of
// its clients. Virtual time, the same for both, passes ninety times as fast as
// real time, so that an hour is almost four days:
//
//	go run ./store/sqlstore/sqltest/soak -for 1h -store sqlite
//
// People register, sign in, refresh from several tabs at once, lose answers,
// change and forget passwords, and leave; cookies are stolen; organizations come and
// go. Now and then, when no request is under way and no connection open, the server
// looks at itself. In the end there is a table, a verdict, and an exit status.
//
// With -flood it measures something else: how GET /me is answered, by the server of
// the examples, while others sign in with wrong passwords without end and 500 slow
// clients hold their connections open:
//
//	go run ./store/sqlstore/sqltest/soak -flood
//
// Virtual time waits for clients: it never runs two seconds ahead of a request that
// is under way. So a slow machine makes nobody late, and a client that is signed out
// is a fault.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if runServer() {
		return
	}
	if err := soakCommand(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soakCommand is main without the exit status.
func soakCommand(args []string) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	o := options{say: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	flags.DurationVar(&o.length, "for", time.Hour, "how `long`, in real time")
	flags.StringVar(&o.engine, "store", "sqlite", "`name` of the store: sqlite, postgres, mysql, memory")
	flags.Float64Var(&o.rate, "rate", 200, "`requests` in a second")
	flags.Float64Var(&o.speed, "speed", 90, "virtual `seconds` in a real one")
	flags.IntVar(&o.samples, "samples", 120, "`number` of times that the server is looked at")
	f := floodOptions{phase: 40 * time.Second, say: o.say}
	isFlood := flags.Bool("flood", false, "measure a flood and slow clients instead")
	flags.IntVar(&f.connections, "connections", 64, "`number` of connections of the flood")
	flags.IntVar(&f.slow, "slow", 500, "`number` of slow clients beside it")
	flags.IntVar(&f.cost, "cost", 12, "`cost` of bcrypt in the flood")
	flags.StringVar(&o.profile, "profile", "", "`folder` to write profiles of the heap to")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("what is %s?", strings.Join(flags.Args(), " "))
	case o.length <= 0 || o.rate <= 0 || o.speed <= 0 || o.samples < 8:
		return errors.New("a soak takes a while, a rate, a speed, and eight samples or more")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tb := &borrower{ctx: ctx}
	defer tb.giveBack()
	return tb.try(func() error {
		if *isFlood {
			ok, err := flood(tb, f)
			if err == nil && !ok {
				err = errors.New("not all is well")
			}
			return err
		}
		res, err := soak(tb, o)
		if err != nil {
			return err
		}
		if !res.print(o.say, append(res.behaved(), res.flat()...)) {
			return errors.New("not all is well")
		}
		return nil
	})
}
