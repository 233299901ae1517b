package flows_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// nodeVariable makes a node of a process that runs this test binary: a service over
// a database, which takes requests from its input and writes answers to its output.
// The variable holds its nodeSettings.
const nodeVariable = "AEGIS_FLOWS_NODE"

// nodeSettings says over what a node works, and when it is killed.
type nodeSettings struct {
	Driver  string
	Dialect sqlstore.Dialect
	DSN     string
	Prefix  string
	Micros  int64 // the time, which stands still
	Call    int   // the call to the database at which it is killed; 0 for none
	Late    bool  // after the call was carried out
}

const (
	nodeAddress = "Node-Remote-Addr" // tells a node where a request came from
	lost        = 599                // the status of an answer that never came
)

// farewell is what a node says last, if it is not killed.
type farewell struct {
	Calls int // to the database
	Mails []mail
}

// mail is what tests read of a mail.
type mail struct {
	Kind     auth.MailKind
	To, Link string
}

// runNode is what a node does. When there are no more requests it ends as a server
// does that is told to, and says farewell.
func runNode(settings string) error {
	var c nodeSettings
	if err := json.Unmarshal([]byte(settings), &c); err != nil {
		return err
	}
	var faults faultdriver.Faults
	faults.Register("node", c.Driver)
	st, err := sqlstore.Open("node", c.DSN, sqlstore.Config{Dialect: c.Dialect, Prefix: c.Prefix, MaxConns: 4})
	if err != nil {
		return err
	}
	now := newClock()
	now.micros.Store(c.Micros)
	mails := new(mailbox)
	config := settingsOver(st, mails, now)
	config.Limits = auth.Limits{}
	svc, err := auth.New(config)
	if err != nil {
		return err
	}
	mux := svc.Mux()
	faults.Reset()
	faults.Nth(c.Call, faultdriver.Trips, faultdriver.Fault{Kill: true, Late: c.Late})
	for in := bufio.NewReader(os.Stdin); ; {
		r, err := http.ReadRequest(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		r.RemoteAddr = r.Header.Get(nodeAddress)
		r.Header.Del(nodeAddress)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		io.Copy(io.Discard, r.Body) // or the next request would begin in it
		res := w.Result()
		res.ContentLength = int64(w.Body.Len()) // or it would end with the connection
		if err := res.Write(os.Stdout); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := svc.Close(ctx); err != nil {
		return err
	}
	if err := st.Close(); err != nil {
		return err
	}
	bye := farewell{Calls: faults.Count(faultdriver.Trips)}
	for _, m := range mails.list {
		bye.Mails = append(bye.Mails, mail{m.Kind, m.To, m.Link})
	}
	return json.NewEncoder(os.Stdout).Encode(bye)
}

// node is a process that runs runNode, as a handler.
type node struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log bytes.Buffer
}

func startNode(tb testing.TB, c nodeSettings) *node {
	tb.Helper()
	settings, err := json.Marshal(c)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	n := &node{cmd: exec.CommandContext(ctx, os.Args[0])}
	n.cmd.Env = append(os.Environ(), nodeVariable+"="+string(settings))
	n.cmd.Stderr = &n.log
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	n.out = bufio.NewReader(out)
	if err := n.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	return n
}

// ServeHTTP has the process answer. If it does not live that long the status is
// lost.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Set(nodeAddress, r.RemoteAddr)
	var body []byte
	err := r.Write(n.in)
	if err == nil {
		var res *http.Response
		if res, err = http.ReadResponse(n.out, r); err == nil {
			if body, err = io.ReadAll(res.Body); err == nil {
				for name, values := range res.Header {
					w.Header()[name] = values
				}
				w.WriteHeader(res.StatusCode)
				w.Write(body)
				return
			}
		}
	}
	w.WriteHeader(lost)
}

// end tells the process to end, and returns what it says, or that it was killed.
func (n *node) end(tb testing.TB) (bye farewell, killed bool) {
	tb.Helper()
	n.in.Close()
	rest, _ := io.ReadAll(n.out)
	err := n.cmd.Wait()
	if n.log.Len() != 0 {
		tb.Fatalf("the process says (%v): %s", err, &n.log)
	}
	if err != nil {
		return bye, true
	}
	if err := json.Unmarshal(rest, &bye); err != nil {
		tb.Fatalf("the process ends with %q, want its farewell: %v", rest, err)
	}
	return bye, false
}

// reopened is a database that is closed and opened again, as by one process after
// another.
type reopened struct {
	engine *sqltest.Engine
	dsn    string
	prefix string
}

func (r *reopened) open(tb testing.TB) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.Open(r.engine.Driver, r.dsn, sqlstore.Config{Dialect: r.engine.Dialect, Prefix: r.prefix, MaxConns: 4})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
