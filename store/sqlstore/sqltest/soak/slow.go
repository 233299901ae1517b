package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// slowKind is one way to take a server's time without giving it work.
type slowKind int

const (
	slowHeader slowKind = iota // a byte of the header in a second
	slowBody                   // a byte of the body in a second
	slowReader                 // asks for much and reads a byte of the answer in a second
	slowKinds
)

func (k slowKind) String() string {
	return [...]string{"slow headers", "slow bodies", "slow readers"}[k]
}

// slowClients are many connections that do as little as they can, as long as the
// server lets them; then they come again.
type slowClients struct {
	addr   string
	pause  time.Duration // between two bytes
	opened [slowKinds]atomic.Int64
	cut    [slowKinds]atomic.Int64 // by the server
	mu     sync.Mutex
	first  [slowKinds]string // what the first of them were told
	done   sync.WaitGroup
	stop   context.CancelFunc
}

// startSlow starts n clients of each kind in turn, and returns when all of them are
// connected.
func startSlow(ctx context.Context, addr string, n int) (*slowClients, error) {
	ctx, stop := context.WithCancel(ctx)
	s := &slowClients{addr: addr, pause: time.Second, stop: stop}
	connected := make(chan error, n)
	for i := range n {
		s.done.Go(func() {
			once := connected
			for kind := slowKind(i % int(slowKinds)); ctx.Err() == nil; {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
				if once != nil {
					once <- err
					once = nil
				}
				if err != nil {
					time.Sleep(100 * time.Millisecond)
					continue
				}
				s.opened[kind].Add(1)
				s.torment(ctx, conn, kind)
			}
		})
	}
	for range n {
		if err := <-connected; err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *slowClients) end() {
	s.stop()
	s.done.Wait()
}

// torment uses one connection until the server ends it, or ctx does.
func (s *slowClients) torment(ctx context.Context, conn net.Conn, kind slowKind) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var told string
	switch kind {
	case slowHeader:
		told = s.drip(conn, "GET /auth/me HTTP/1.1\r\nHost: "+s.addr+"\r\nX-Slow: ")
	case slowBody:
		told = s.drip(conn, "POST /auth/token HTTP/1.1\r\nHost: "+s.addr+
			"\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n{\"username\":\"")
	case slowReader:
		told = s.sip(conn)
	}
	if ctx.Err() != nil {
		return
	}
	s.cut[kind].Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first[kind] == "" {
		s.first[kind] = told
	}
}

// drip sends a byte after the other, until the server answers or goes away. It
// returns the first line of what it said.
func (s *slowClients) drip(conn net.Conn, begin string) string {
	if _, err := io.WriteString(conn, begin); err != nil {
		return err.Error()
	}
	buf := make([]byte, 512)
	for {
		conn.SetReadDeadline(time.Now().Add(s.pause))
		n, err := conn.Read(buf)
		if n > 0 {
			line, _, _ := bytes.Cut(buf[:n], []byte("\r"))
			conn.SetReadDeadline(time.Time{})
			io.Copy(io.Discard, conn) // it is cut when nothing more comes
			return string(line)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Sprint(err)
		}
		if _, err := conn.Write([]byte("a")); err != nil {
			return err.Error()
		}
	}
}

// sip asks for the longest answer again and again, and reads next to nothing of it,
// so that the server soon cannot write any more.
func (s *slowClients) sip(conn net.Conn) string {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetReadBuffer(4096)
	}
	ask := []byte("GET /auth/openapi.json HTTP/1.1\r\nHost: " + s.addr + "\r\n\r\n")
	ask = bytes.Repeat(ask, 50)
	var one [1]byte
	for {
		conn.SetWriteDeadline(time.Now().Add(s.pause))
		if _, err := conn.Write(ask); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err.Error()
		}
		conn.SetReadDeadline(time.Now().Add(s.pause))
		if _, err := conn.Read(one[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err.Error()
		}
		time.Sleep(s.pause)
	}
}
