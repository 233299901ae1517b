package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// borrower is a testing.TB outside a test, for helpers that take one. A failure
// ends what [borrower.try] runs.
type borrower struct {
	testing.TB
	ctx      context.Context
	err      error
	cleanups []func()
}

// try runs f and returns its error, or that of a helper that failed.
func (b *borrower) try(f func() error) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = f()
	}()
	<-done
	return errors.Join(b.err, err)
}

func (b *borrower) giveBack() {
	for i := len(b.cleanups) - 1; i >= 0; i-- {
		b.cleanups[i]()
	}
	b.cleanups = nil
}

// Helper implements testing.TB.
func (b *borrower) Helper() {}

// Context implements testing.TB.
func (b *borrower) Context() context.Context { return b.ctx }

// Cleanup implements testing.TB.
func (b *borrower) Cleanup(f func()) { b.cleanups = append(b.cleanups, f) }

// Error implements testing.TB.
func (b *borrower) Error(args ...any) { fmt.Fprintln(os.Stderr, args...) }

// Fatal implements testing.TB.
func (b *borrower) Fatal(args ...any) {
	b.err = errors.New(fmt.Sprint(args...))
	runtime.Goexit()
}

// Fatalf implements testing.TB.
func (b *borrower) Fatalf(format string, args ...any) { b.Fatal(fmt.Sprintf(format, args...)) }

// Skip implements testing.TB: what is not there fails.
func (b *borrower) Skip(args ...any) { b.Fatal(args...) }

// TempDir implements testing.TB.
func (b *borrower) TempDir() string {
	dir, err := os.MkdirTemp("", "aegis-soak-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
