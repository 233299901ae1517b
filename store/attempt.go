package store

import (
	"context"
	"time"
)

// Attempts is what is remembered of one key of a rate limit or lockout.
type Attempts struct {
	Count   int64     // attempts that count
	Since   time.Time // when the first of them was made
	Until   time.Time // none is allowed before; zero for no block
	Expires time.Time // from here on the state is as good as none
}

// AttemptStore shares rate limits and lockouts between processes.
type AttemptStore interface {
	// UpdateAttempts replaces the state of key by what change makes of it, in one
	// atomic step: no two changes of one key start from the same state and both
	// hold. A key without state has the zero Attempts; storing the zero Attempts
	// removes the key. change must be a pure function: it may run more than once,
	// and the last run decides. The returned state is the one now stored.
	UpdateAttempts(ctx context.Context, key string, change func(Attempts) Attempts) (Attempts, error)
}

// Pruner removes what is dead. Without it nothing breaks, but rows linger.
type Pruner interface {
	// Prune removes at most limit rows that are dead since before before:
	// sessions that were revoked or ran out, one-time tokens, attempts, and
	// invites that ran out, whatever their status. What died at the very moment
	// before is kept. It returns how many; fewer than limit means that nothing is
	// left to do. It never removes a live row, whatever runs beside it.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)

	// WipeSealed empties Session.Sealed of at most limit sessions last rotated
	// before before, and returns how many it emptied: sessions whose Sealed was
	// empty already do not count.
	WipeSealed(ctx context.Context, before time.Time, limit int) (int, error)
}

// Migrator brings the schema up to date.
type Migrator interface {
	// Migrate applies what is missing. Many processes may call it at once: each
	// migration is applied exactly once, and all of them return when the schema
	// is up to date. It refuses a schema that is newer than it knows.
	Migrate(ctx context.Context) error
}
