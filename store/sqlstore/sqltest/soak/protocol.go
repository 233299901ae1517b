package main

import (
	"time"
)

// The clients and the server are two processes. Over two pipes, the server's
// standard input and output, the clients set its clock, ask for its figures, and
// are told of the mails that it would have sent: one JSON object a line.

// serverConfig is what the server is told when it starts, in the environment.
type serverConfig struct {
	Engine string // of package sqltest; "memory" for the store in memory
	DSN    string
	Issuer string    // of the provider to sign in with
	Start  time.Time // of its clock
}

// The lives of sessions are shorter than by default, so that many end and are
// removed in a few days.
const (
	sessionTTL  = 8 * time.Hour
	refreshTTL  = 2 * time.Hour
	tablePrefix = "auth_"
)

// command is a line to the server. Each is answered, in order.
type command struct {
	Do     string // "time", "figures", "check", "prune", "profile"
	Micros int64  `json:",omitempty"` // for "time"
	File   string `json:",omitempty"` // for "profile"
}

// line is a line from the server: an answer, or something that happened.
type line struct {
	Ready   string   `json:",omitempty"` // where it listens
	Answer  bool     `json:",omitempty"`
	Figures *figures `json:",omitempty"`
	Checked *checked `json:",omitempty"`
	Fault   string   `json:",omitempty"` // why the command failed

	Mail *mail  `json:",omitempty"`
	Done string `json:",omitempty"` // a request nobody waits for was handled
}

type mail struct{ Kind, To, Token string }

// checked is what the server found at the end.
type checked struct {
	Entries int // of the audit trail that verified
	Broken  []string
}

// figures are what the server says about itself.
type figures struct {
	Goroutines int
	Heap       uint64         // bytes in use after a collection
	Resident   uint64         // bytes of memory; 0 where it is not known
	Peak       uint64         // the most there were
	Files      int            // open descriptors; 0 where it is not known
	Rows       map[string]int // of each table; none of the store in memory
	Events     map[string]int // of each kind since the start
	Warnings   int            // lines of the log
	Lines      []string       // the first of them
}
