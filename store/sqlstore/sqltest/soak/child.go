package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"time"
)

// serverVariable holds the configuration of the server: a program that finds it
// in its environment is the server.
const serverVariable = "AEGIS_SOAK_SERVER"

// runServer is main of the server process, if this is one.
func runServer() (is bool) {
	text, is := os.LookupEnv(serverVariable)
	if !is {
		return false
	}
	signal.Ignore(os.Interrupt) // the clients end this process
	var c serverConfig
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = serve(c, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
	return true
}

// child is the server process, as the clients see it.
type child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	addr string

	ask     sync.Mutex // one command at a time
	answers chan line
	gone    chan struct{} // closed when there is nothing more to read

	mu      sync.Mutex
	waiting map[string]chan struct{} // for requests nobody waits for
	mails   map[mail]chan string     // tokens, by kind and recipient
}

// startServer starts this same program once more, as the server.
func startServer(c serverConfig) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	s := &child{cmd: exec.Command(self), answers: make(chan line, 1), gone: make(chan struct{}),
		waiting: make(map[string]chan struct{}), mails: make(map[mail]chan string)}
	s.cmd.Env = append(os.Environ(), serverVariable+"="+string(config))
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go s.listen(out)
	ready, err := s.answer()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.addr = ready.Ready
	return s, nil
}

func (s *child) listen(out io.Reader) {
	defer close(s.gone)
	for lines := bufio.NewReader(out); ; {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			fmt.Fprintf(os.Stderr, "the server said %s", text)
			continue
		}
		switch {
		case l.Mail != nil:
			s.mailed(*l.Mail)
		case l.Done != "":
			s.mu.Lock()
			if c := s.waiting[l.Done]; c != nil {
				close(c)
				delete(s.waiting, l.Done)
			}
			s.mu.Unlock()
		default:
			s.answers <- l
		}
	}
}

func (s *child) answer() (line, error) {
	select {
	case l := <-s.answers:
		if l.Fault != "" {
			return l, errors.New(l.Fault)
		}
		return l, nil
	case <-s.gone:
		return line{}, errors.New("the server has ended")
	case <-time.After(3 * time.Minute):
		return line{}, errors.New("the server does not answer")
	}
}

// do sends a command and waits for its answer.
func (s *child) do(c command) (line, error) {
	s.ask.Lock()
	defer s.ask.Unlock()
	text, err := json.Marshal(c)
	if err != nil {
		return line{}, err
	}
	if _, err := s.in.Write(append(text, '\n')); err != nil {
		return line{}, err
	}
	return s.answer()
}

// box is where the mails of a kind to an address go: the newest token.
func (s *child) box(kind, to string) chan string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := mail{Kind: kind, To: to}
	c := s.mails[key]
	if c == nil {
		c = make(chan string, 1)
		s.mails[key] = c
	}
	return c
}

func (s *child) mailed(m mail) {
	c := s.box(m.Kind, m.To)
	select {
	case <-c: // nobody read the one before
	default:
	}
	c <- m.Token
}

// read waits for a mail, in real time, and takes it.
func (s *child) read(kind, to string) (token string, ok bool) {
	select {
	case token = <-s.box(kind, to):
		return token, true
	case <-s.gone:
	case <-time.After(time.Minute):
	}
	return "", false
}

// forget drops the mails to an address that is not used any more.
func (s *child) forget(to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.mails {
		if key.To == to {
			delete(s.mails, key)
		}
	}
}

// handled returns what is closed when the server is done with a request.
func (s *child) handled(id string) <-chan struct{} {
	c := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = c
	return c
}

// stop ends the process, and says how it ended.
func (s *child) stop() error {
	s.in.Close()
	kill := time.AfterFunc(time.Minute, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	<-s.gone
	return s.cmd.Wait()
}
