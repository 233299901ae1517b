// Package faultdriver wraps any database/sql driver so that a test can count what
// is asked of the database, and make chosen calls fail, hang, lose their
// connection, lose their answer after they have taken effect, or be the last thing
// the process does.
//
//	var f faultdriver.Faults
//	db, err := f.Open("sqlite", "file:test.db")
//	…
//	f.Nth(2, faultdriver.Statements, faultdriver.Fault{Err: errors.New("disk on fire")})
//	err = store.DeleteUser(ctx, id)         // its second statement fails
//	n := f.Count(faultdriver.Statements)    // how many there were
package faultdriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Op is a kind of call, or a set of kinds.
type Op uint

// The kinds of calls.
const (
	Connect Op = 1 << iota
	Prepare
	Begin
	Exec  // a statement without rows, prepared or not
	Query // a statement with rows, prepared or not
	Commit
	Rollback
	Ping

	Statements = Exec | Query                // what the database is asked to do
	Trips      = Statements | Begin | Commit // what a change waits for
	Any        = Connect | Prepare | Trips | Rollback | Ping
)

func (o Op) String() string {
	var names []string
	for i, name := range []string{"connect", "prepare", "begin", "exec", "query", "commit", "rollback", "ping"} {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Call is one call that reached the driver.
type Call struct {
	Op   Op
	Text string // of a statement
	Tx   bool   // inside a transaction
}

func (c Call) String() string { return strings.TrimSpace(fmt.Sprint(c.Op, " ", c.Text)) }

// ErrFault is returned by a call whose Fault has no error of its own.
var ErrFault = errors.New("faultdriver: this call was told to fail")

// Fault is what happens to a call. The zero Fault makes it fail with [ErrFault]
// before anything is asked of the database.
type Fault struct {
	Err   error // what the call returns; ErrFault if nil
	Late  bool  // the call is carried out first: only its answer is lost
	Stall bool  // the call hangs until its context ends or Release is called; a released one goes on without a fault
	Drop  bool  // the connection is closed, as by a server that went away
	Kill  bool  // this process is killed, as by SIGKILL: with Late after the call was carried out
}

// Faults counts the calls of the drivers it wraps, and makes some of them fail. The
// zero value lets everything pass. It is safe for concurrent use; it must not be
// copied after its first use.
type Faults struct {
	mu      sync.Mutex
	calls   []Call
	decide  func(Call) *Fault
	release chan struct{}
	stalled int
}

// Handle asks decide about every call from now on, in place of what was set
// before: it returns nil to let the call pass. decide is not called by two
// goroutines at once, and must not call methods of f.
func (f *Faults) Handle(decide func(Call) *Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decide = decide
}

// Nth makes the n-th call of these kinds from now on fail, counting from 1, and
// lets all others pass.
func (f *Faults) Nth(n int, ops Op, fault Fault) {
	seen := 0
	f.Handle(func(c Call) *Fault {
		if c.Op&ops == 0 {
			return nil
		}
		if seen++; seen != n {
			return nil
		}
		return &fault
	})
}

// From makes the n-th call of these kinds from now on fail, counting from 1, and
// all that follow.
func (f *Faults) From(n int, ops Op, fault Fault) {
	seen := 0
	f.Handle(func(c Call) *Fault {
		if c.Op&ops == 0 {
			return nil
		}
		if seen++; seen < n {
			return nil
		}
		return &fault
	})
}

// Clear lets every call pass again. It does not let stalled calls go on.
func (f *Faults) Clear() { f.Handle(nil) }

// Release lets all calls go on that hang now.
func (f *Faults) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.release != nil {
		close(f.release)
		f.release = nil
	}
}

// Stalled returns how many calls hang now.
func (f *Faults) Stalled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stalled
}

// Reset forgets the calls that were counted.
func (f *Faults) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

// Count returns how many calls of these kinds there were since the last Reset,
// those that failed included.
func (f *Faults) Count(ops Op) int { return len(f.Calls(ops)) }

// Calls returns the calls of these kinds since the last Reset.
func (f *Faults) Calls(ops Op) []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var calls []Call
	for _, c := range f.calls {
		if c.Op&ops != 0 {
			calls = append(calls, c)
		}
	}
	return calls
}

// Open is sql.Open with the registered driver wrapped.
func (f *Faults) Open(driverName, dsn string) (*sql.DB, error) {
	c, err := connectorOf(driverName, dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(f.Connector(c)), nil
}

// Connector wraps a connector, for sql.OpenDB.
func (f *Faults) Connector(c driver.Connector) driver.Connector { return &connector{f: f, real: c} }

// Register makes the registered driver available under another name, wrapped, for
// code that opens databases by name. As sql.Register, it panics if the name is
// taken.
func (f *Faults) Register(name, driverName string) {
	sql.Register(name, &wrapped{f, driverName})
}

// enter records a call and returns what happens to it.
func (f *Faults) enter(c Call) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if f.decide == nil {
		return nil
	}
	return f.decide(c)
}

// takeBack forgets the last call.
func (f *Faults) takeBack() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = f.calls[:max(0, len(f.calls)-1)]
}

// hang waits until the context ends, which is an error, or for Release.
func (f *Faults) hang(ctx context.Context) error {
	f.mu.Lock()
	if f.release == nil {
		f.release = make(chan struct{})
	}
	release := f.release
	f.stalled++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.stalled--
		f.mu.Unlock()
	}()
	select {
	case <-release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connectorOf returns the connector of a registered driver.
func connectorOf(driverName, dsn string) (driver.Connector, error) {
	db, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	d := db.Driver()
	if dc, ok := d.(driver.DriverContext); ok {
		return dc.OpenConnector(dsn)
	}
	return plain{d, dsn}, nil
}

// plain is the connector of a driver that has none.
type plain struct {
	driver driver.Driver
	dsn    string
}

func (p plain) Connect(context.Context) (driver.Conn, error) { return p.driver.Open(p.dsn) }
func (p plain) Driver() driver.Driver                        { return p.driver }

// wrapped is a driver by another name.
type wrapped struct {
	f          *Faults
	driverName string
}

func (w *wrapped) Open(dsn string) (driver.Conn, error) {
	c, err := w.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	return c.Connect(context.Background())
}

func (w *wrapped) OpenConnector(dsn string) (driver.Connector, error) {
	c, err := connectorOf(w.driverName, dsn)
	if err != nil {
		return nil, err
	}
	return w.f.Connector(c), nil
}
