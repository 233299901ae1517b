//go:build linux

package outages_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore"
)

// fullDisks are ways in which a file of SQLite cannot grow. Each returns a
// directory, and what fills the disk and makes room again.
var fullDisks = []struct {
	name string
	make func(t *testing.T) (dir string, fill, free func())
}{
	{"a file system without space", smallFileSystem},
	{"a limit to the size of a file", limitedFiles},
}

// smallFileSystem mounts a file system of 8 MiB, which takes root.
func smallFileSystem(t *testing.T) (dir string, fill, free func()) {
	dir = t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("NOT RUN: a file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	return dir, func() {
			f, err := os.Create(ballast)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for err == nil {
				_, err = f.Write(make([]byte, 4096))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		}, func() {
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
		}
}

// limitedFiles lets no file of this process grow beyond what the log of SQLite has
// now. Anybody may do that.
func limitedFiles(t *testing.T) (dir string, fill, free func()) {
	dir = t.TempDir()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(l syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { set(before) })
	return dir, func() {
		l := before
		for _, name := range []string{"test.db", "test.db-wal"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
				l.Cur = min(l.Cur, uint64(info.Size()))
			}
		}
		set(l)
	}, func() { set(before) }
}

// TestDiskFull fills the disk of SQLite while people register and refresh, and makes
// room again.
func TestDiskFull(t *testing.T) {
	for _, disk := range fullDisks {
		t.Run(disk.name, func(t *testing.T) {
			dir, fill, free := disk.make(t)
			check := watchLeaks(t)
			s := open(t, address{"sqlite", filepath.Join(dir, "test.db"), sqlstore.Config{Dialect: sqlstore.SQLite}})
			c := gather(s, nil, 2, 2)
			c.goOn()
			for range 2 {
				before := s.denied.Load()
				fill()
				c.denied()
				time.Sleep(rand.N(500 * time.Millisecond))
				free()
				c.goOn()
				t.Logf("%d requests denied", s.denied.Load()-before)
				if t.Failed() {
					break
				}
			}
			c.goHome()
			sound(t, s)
			s.close()
			check()
		})
	}
}

// sound checks the file itself.
func sound(t *testing.T, s *site) {
	t.Helper()
	var verdict string
	if err := s.store.DB().QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check = %q, %v, want ok", verdict, err)
	}
}

// TestReadOnlyDatabase begins a service over a file that may only be read, as one
// does after a file system was mounted so. Who is signed in is still known; what
// would change something is denied, and goes through when it may be written again.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "test.db")
	writable := open(t, address{"sqlite", file, sqlstore.Config{Dialect: sqlstore.SQLite}})
	b := writable.browser()
	if !b.register() {
		return
	}
	writable.close()
	b.s = open(t, address{"sqlite", "file:" + file + "?mode=ro", sqlstore.Config{Dialect: sqlstore.SQLite}})
	if a, err := b.send("GET", "/me", nil); err != nil || a.status != 200 {
		t.Errorf("GET /me = %v, %v, want 200", a, err)
	}
	for range 2 {
		for _, path := range []string{"/refresh", "/logout"} {
			if a, err := b.send("POST", path, nil); err != nil || a.status != 503 || len(a.cookies) != 0 {
				t.Errorf("POST %s = %v, %v, want 503 and no cookies", path, a, err)
			}
		}
	}
	b.s.close()
	b.s = open(t, address{"sqlite", file, sqlstore.Config{Dialect: sqlstore.SQLite}})
	b.persist("POST", "/refresh", nil)
	b.persist("GET", "/me", nil)
	b.s.inOrder()
	sound(t, b.s)
}
