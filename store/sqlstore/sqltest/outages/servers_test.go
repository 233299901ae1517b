//go:build linux

package outages_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

// server is a database server of the test's own, which it may kill.
type server struct {
	tb      testing.TB
	kind    *serverKind
	dir     string // of its data
	port    string
	account *syscall.Credential // nil for one's own

	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	log  bytes.Buffer
}

// serverKind is one program that serves databases.
type serverKind struct {
	name    string
	account string // whom it may run as, since neither runs as root
	dialect sqlstore.Dialect
	driver  string

	make  func(s *server) []string // the command that makes the directory
	start func(s *server) []string // the command that serves it, in the foreground
	dsn   func(port string) string
	ends  []ending
}

// ending is one way in which a server ends.
type ending struct {
	name   string
	signal syscall.Signal
}

var serverKinds = []*serverKind{
	{
		name: "postgres", account: "postgres", dialect: sqlstore.Postgres, driver: "pgx",
		make: func(s *server) []string {
			return []string{program("initdb"), "-A", "trust", "-U", "postgres", "-N", "-D", s.dir}
		},
		// What was written survives the end of a process without fsync, if not that
		// of the machine, and answers wait for the write all the same.
		start: func(s *server) []string {
			return []string{program("postgres"), "-D", s.dir, "-p", s.port, "-h", "127.0.0.1", "-k", s.dir,
				"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=40"}
		},
		dsn:  func(port string) string { return "postgres://postgres@127.0.0.1:" + port + "/postgres" },
		ends: []ending{{"fast", syscall.SIGINT}, {"immediate", syscall.SIGQUIT}, {"killed", syscall.SIGKILL}},
	},
	{
		name: "mariadb", account: "mysql", dialect: sqlstore.MySQL, driver: "mysql",
		make: func(s *server) []string {
			return []string{program("mariadb-install-db"), "--no-defaults", "--datadir=" + s.dir, "--auth-root-authentication-method=normal", "--skip-test-db"}
		},
		start: func(s *server) []string {
			return []string{program("mariadbd"), "--no-defaults", "--datadir=" + s.dir, "--port=" + s.port, "--bind-address=127.0.0.1",
				"--socket=" + filepath.Join(s.dir, "socket"), "--pid-file=" + filepath.Join(s.dir, "pid"),
				"--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"}
		},
		dsn:  func(port string) string { return "root@tcp(127.0.0.1:" + port + ")/mysql" },
		ends: []ending{{"terminated", syscall.SIGTERM}, {"killed", syscall.SIGKILL}},
	},
}

// program returns the path of a program, which need not be in the path: Debian has
// those of PostgreSQL in directories of their own. It is empty if there is none.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/", "/usr/libexec/"} {
		if _, err := os.Stat(dir + name); err == nil {
			found = append(found, dir+name)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// newServer makes an empty server. It does not run yet.
func newServer(t *testing.T, kind *serverKind) *server {
	t.Helper()
	s := &server{tb: t, kind: kind}
	for _, command := range [][]string{kind.make(s), kind.start(s)} {
		if command[0] == "" {
			absent(t, "a program of "+kind.name+" is not installed")
		}
	}
	base, err := os.MkdirTemp("", "outage-") // t.TempDir has names too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	s.dir = filepath.Join(base, "data")
	if err := errors.Join(os.Chmod(base, 0o755), os.Mkdir(s.dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		who, err := user.Lookup(kind.account)
		if err != nil {
			absent(t, "root may not run "+kind.name+", and there is no user "+kind.account)
		}
		uid, _ := strconv.Atoi(who.Uid)
		gid, _ := strconv.Atoi(who.Gid)
		s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(s.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	if out, err := s.command(kind.make(s)).CombinedOutput(); err != nil {
		t.Fatalf("make a %s server: %v\n%s", kind.name, err, out)
	}
	t.Cleanup(func() { s.end(syscall.SIGKILL) })
	return s
}

// absent ends a test that needs something which is not there.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv(sqltest.RequireVariable) == "1" {
		t.Fatal("NOT RUN: " + what)
	}
	t.Skip("NOT RUN: " + what)
}

func (s *server) command(args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "MYSQL") })
	// Not of the terminal's group, and gone with the test if that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: s.account}
	return cmd
}

// start starts the server and waits until it answers.
func (s *server) start() {
	s.tb.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if s.cmd == nil {
			s.launch()
		}
		if s.answers() {
			return
		}
		select {
		case <-s.gone: // the children of one that was killed may be there for a moment
			s.cmd = nil
		default:
		}
		if time.Now().After(end) {
			s.end(syscall.SIGKILL)
			s.tb.Fatalf("the %s server does not start:\n%s", s.kind.name, &s.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// launch starts the process, and waits for its end in the thread that started it:
// the process ends with that thread.
func (s *server) launch() {
	s.tb.Helper()
	s.log.Reset()
	s.cmd, s.gone = s.command(s.kind.start(s)), make(chan struct{})
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	started := make(chan error)
	go func(cmd *exec.Cmd, gone chan struct{}) {
		runtime.LockOSThread()
		defer close(gone)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}(s.cmd, s.gone)
	if err := <-started; err != nil {
		s.cmd = nil
		s.tb.Fatal(err)
	}
}

func (s *server) answers() bool {
	db := openPool(s.tb, s.kind.driver, s.dsn())
	defer db.Close()
	return db.Ping() == nil
}

func (s *server) dsn() string { return s.kind.dsn(s.port) }

// end ends the server with a signal, and waits until it is gone.
func (s *server) end(signal syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(signal)
	select {
	case <-s.gone:
	case <-time.After(30 * time.Second):
		s.tb.Errorf("the %s server does not end", s.kind.name)
		s.cmd.Process.Kill()
		<-s.gone
	}
	s.cmd = nil
}
