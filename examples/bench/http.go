package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/alexedwards/scs/v2"

	"github.com/aegis-auth/aegis/examples/bench/turns"
	"github.com/aegis-auth/aegis/store/memstore"
)

// connections is how many clients send requests at once, each on a connection
// that stays open.
const connections = 8

// httpTable compares how many requests whole servers answer in a second of a
// processor, in which the client's work is contained.
func httpTable(o options, w io.Writer) error {
	signers, err := newSigners()
	if err != nil {
		return err
	}
	peers, err := tokenPeers(signers[0])
	if err != nil {
		return err
	}
	s, err := newService(memstore.New(), nil)
	if err != nil {
		return err
	}
	defer s.end()
	tokens, err := s.signIn()
	if err != nil {
		return err
	}
	good, bad := bearer(tokens)
	sessions, err := scsPeer("scs in memory", scs.New())
	if err != nil {
		return err
	}
	const bare = "bare handler"
	list := []peer{
		{name: bare + ", no token in the request", wrap: unprotected, good: bareRequest},
		{name: bare, wrap: unprotected, good: peers[0].good}, // reads the same bytes
	}
	list = append(list, peers...)
	list = append(list, peer{live + ", in memory", s.Guard().RequireUser, good, bad}, sessions)

	var contestants []turns.Contestant
	for _, p := range list {
		server := httptest.NewServer(p.wrap(empty))
		defer server.Close()
		contestants = append(contestants, overLoopback(p, server.Listener.Addr().String()))
	}
	byProcs, err := onEach(o, connections, true, contestants)
	if err != nil {
		return err
	}
	head := []string{"requests in a second of a processor, HS256"}
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.name}
	}
	for i, results := range byProcs {
		head = append(head, plural(o.procs[i]), "of bare")
		for j, r := range results {
			rows[j] = append(rows[j], turns.Count(r.PerSecond()), turns.Percent(1/r.Over(turns.Find(results, bare))))
		}
	}
	io.WriteString(w, turns.Table(head, rows))
	fmt.Fprintln(w)
	for i, results := range byProcs {
		goals{w}.atLeast("token seen before, of a bare handler, "+plural(o.procs[i]), 1/turns.Find(results, hit).Over(turns.Find(results, bare)), 0.85, turns.Percent)
	}
	return nil
}

// overLoopback sends the good requests of p to the server at addr. The client
// writes bytes that are ready and reads to the end of the header, so that as
// little as possible of what is measured is its own.
func overLoopback(p peer, addr string) turns.Contestant {
	return turns.Contestant{Name: p.name, Worker: func() func() error {
		requests := make([][]byte, len(p.good))
		for i, prepare := range p.good {
			var b bytes.Buffer
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = addr
			prepare(r)
			r.Write(&b)
			requests[i] = b.Bytes()
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return func() error { return err }
		}
		answer := bufio.NewReader(c)
		i := 0
		return func() error {
			if _, err := c.Write(requests[i%len(requests)]); err != nil {
				return err
			}
			i++
			return readEmpty(answer)
		}
	}}
}

var errAnswer = errors.New("the answer is not 200, without a body")

// readEmpty reads an answer that has no body.
func readEmpty(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	good := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	empty := false
	for len(bytes.TrimSpace(line)) > 0 {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
		empty = empty || bytes.EqualFold(bytes.TrimSpace(line), []byte("Content-Length: 0"))
	}
	if !good || !empty {
		return errAnswer
	}
	return nil
}

// errBusy is the answer of a gate that let somebody wait too long.
var errBusy = errors.New("503: too many passwords wait to be checked")

// send is a request over an ordinary client, whose answer must be of that status.
func send(c *http.Client, r *http.Request, status int) error {
	a, err := c.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		return err
	}
	if a.StatusCode == http.StatusServiceUnavailable {
		return errBusy
	}
	if a.StatusCode != status {
		return fmt.Errorf("%s %s answered %d, want %d", r.Method, r.URL.Path, a.StatusCode, status)
	}
	return nil
}
