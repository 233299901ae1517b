// Package authcli is the command line of a program with accounts, to be embedded
// in the caller's own program: commands for users, sessions, keys, the schema and
// the audit trail.
//
//	tool := authcli.Tool{Service: svc, Store: st}
//	if err := tool.Run(ctx, args, authcli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}); err != nil {
//		fmt.Fprintln(os.Stderr, err)
//		os.Exit(1)
//	}
//
// Commands print tables for people, and JSON for programs with --json. Passwords
// are read from standard input or a prompt, or generated; never from the command
// line, where other users of the machine see them. A command that fails returns
// an error of one line.
package authcli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

// Tool is what the commands work on. Fields that a command does not need may be
// zero; see [NeedsService].
type Tool struct {
	Service *auth.Service
	// Store is where organizations are listed and the schema is migrated. Default:
	// the service's.
	Store store.Store
	// Plan names the migrations that are missing. Default: a method Plan of Store,
	// as that of sqlstore, is not known here, so --plan is refused.
	Plan func(ctx context.Context) ([]string, error)
	// Routes are listed by the command routes. Default: the service's.
	Routes []auth.Route
	// Name is what the program is called in help texts. Default "server".
	Name string
}

// Streams are where commands read and write. Progress and prompts appear on Err,
// and only if it is a terminal.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// command is one command.
type command struct {
	name, args, help string
	alone            bool // works without a service
	run              func(c *call) error
}

// call is one run of a command.
type call struct {
	ctx context.Context
	Tool
	Streams
	flags *flag.FlagSet
	args  []string
	json  bool
}

// commands returns every command in the order of the help.
func commands() []command {
	return []command{
		{name: "create-user", args: "[--role ROLE] [--full-name NAME] [--password-stdin] [--verified] EMAIL", help: "make an account; the password is generated unless given", run: createUser},
		{name: "create-test-user", args: "[--email E] [--full-name NAME] [--prefix P] [--domain D] [--password-stdin]", help: "make an account with the next free address", run: createTestUser},
		{name: "create-test-users", args: "--count N [--prefix P] [--domain D]", help: "make many", run: createTestUsers},
		{name: "import-users", args: "FILE", help: "make accounts from .jsonl or .csv, with their bcrypt hashes", run: importUsers},
		{name: "list-users", args: "[--email PREFIX] [--role ROLE] [--status STATUS] [--limit N]", help: "list accounts, newest first", run: listUsers},
		{name: "set-role", args: "EMAIL ROLE", help: "give a user another role", run: setRole},
		{name: "promote-user", args: "EMAIL", help: "make a user an administrator", run: promoteUser},
		{name: "revoke-sessions", args: "EMAIL | --all", help: "end every session of a user, or of everyone", run: revokeSessions},
		{name: "unlock", args: "EMAIL", help: "clear failed sign-ins", run: unlock},
		{name: "list-orgs", args: "[--limit N]", help: "list organizations, newest first", run: listOrgs},
		{name: "list-members", args: "ORG", help: "list the members of an organization", run: listMembers},
		{name: "migrate", args: "[--plan]", help: "bring the schema up to date, or say what is missing", run: migrate},
		{name: "prune", args: "", help: "remove rows that are dead", run: prune},
		{name: "verify-audit", args: "", help: "check the chains of the audit trail", run: verifyAudit},
		{name: "new-secret", args: "", help: "print a new JWT_SECRET_KEY", alone: true, run: newSecret},
		{name: "new-key", args: "[--algorithm EdDSA|ES256|RS256]", help: "print a new private key as PEM", alone: true, run: newKey},
		{name: "routes", args: "", help: "list every route and who may use it", run: routes},
		{name: "doctor", args: "", help: "check the set-up", run: doctor},
	}
}

// NeedsService reports whether the command needs Tool.Service. A name that is no
// command does not.
func NeedsService(name string) bool {
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == name })
	return i >= 0 && !commands()[i].alone
}

// Usage writes a line for each command.
func Usage(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  %s %s\t%s\n", c.name, c.args, c.help)
	}
	table.Flush()
}

// Run executes the command args[0] and returns its error; it never exits.
func (t Tool) Run(ctx context.Context, args []string, streams Streams) error {
	if t.Name == "" {
		t.Name = "server"
	}
	if len(args) == 0 || args[0] == "help" {
		Usage(streams.Out)
		return nil
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return fmt.Errorf("there is no command %q; try %s help", args[0], t.Name)
	}
	cmd := all[i]
	if !cmd.alone {
		if t.Service == nil {
			return fmt.Errorf("%s: needs a service", cmd.name)
		}
		if t.Store == nil {
			t.Store = t.Service.Config().Store
		}
	}
	c := &call{ctx: ctx, Tool: t, Streams: streams, flags: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	c.flags.SetOutput(io.Discard)
	c.flags.BoolVar(&c.json, "json", false, "print JSON")
	c.args = args[1:]
	err := cmd.run(c)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(streams.Out, "Usage: %s %s [--json] %s\n\n%s.\n", t.Name, cmd.name, cmd.args, strings.ToUpper(cmd.help[:1])+cmd.help[1:])
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.name, oneLine(err))
	}
	return nil
}

// parse reads flags, wherever they stand, and returns the words between them, of
// which there must be from min to max.
func (c *call) parse(min, max int) ([]string, error) {
	var words []string
	for rest := c.args; ; {
		if err := c.flags.Parse(rest); err != nil {
			return nil, err
		}
		if rest = c.flags.Args(); len(rest) == 0 {
			break
		}
		words, rest = append(words, rest[0]), rest[1:]
	}
	switch {
	case len(words) < min:
		return nil, fmt.Errorf("too few arguments; try %s %s --help", c.Name, c.flags.Name())
	case len(words) > max:
		return nil, fmt.Errorf("one argument too many: %q", words[max])
	}
	return words, nil
}

// oneLine returns err in one line; what a client would be shown is preferred.
func oneLine(err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		text := strings.TrimSuffix(p.Detail, ".")
		for _, f := range p.Fields {
			text += "; " + f.Name + ": " + strings.TrimSuffix(f.Detail, ".")
		}
		if p.Status >= 500 && p.Err != nil {
			text += ": " + p.Err.Error()
		}
		return errors.New(strings.ReplaceAll(text, "\n", " "))
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// userByEmail returns the user with an address.
func (c *call) userByEmail(email string) (*store.User, error) {
	canonical, err := auth.CanonicalEmail(email)
	if err != nil {
		return nil, fmt.Errorf("%q is not an email address", email)
	}
	u, err := c.Service.Config().Store.UserByEmail(c.ctx, canonical)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there is no user %s", canonical)
	}
	return u, err
}
