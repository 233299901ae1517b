package store

import (
	"context"
	"time"
)

// AuditEntry is one line of the audit trail. Entries form chains, one for each
// process that writes: Seq counts from 1, and MAC is keyed over the entry and
// the MAC before it, so that a changed, missing or moved entry shows.
type AuditEntry struct {
	ID        string // minted by the caller
	Chain     string
	Seq       int64
	MAC       []byte
	Time      time.Time
	Kind      string // "auth.role_changed"
	ActorID   string // who did it; empty if nobody was signed in
	UserID    string // whom it was done to
	OrgID     string
	SessionID string
	IP        string
	UserAgent string
	RequestID string
	Attrs     map[string]string // details; never a secret

	written bool
}

// Written reports whether a store has written e, or MarkWritten was called.
func (e *AuditEntry) Written() bool { return e.written }

// MarkWritten is called by a store when the step that includes e has succeeded.
func (e *AuditEntry) MarkWritten() { e.written = true }

// AuditQuery selects entries for a list.
type AuditQuery struct {
	UserID string    // whom it was done to; anyone if empty
	Kind   string    // any if empty
	Since  time.Time // none with a Time before it; all if zero
	After  Cursor    // of Time
	Limit  int
}

// AuditHead is the end of one chain.
type AuditHead struct {
	Chain string
	Seq   int64
	MAC   []byte
}

// AuditStore keeps the audit trail.
type AuditStore interface {
	// AppendAudit writes the entries, all or none, calls MarkWritten on each, and
	// moves the heads of their chains: the head of a chain is its entry with the
	// highest Seq. It returns ErrConflict if an entry's ID, or its Chain and Seq
	// together, are taken. It writes what it is handed, not what its context
	// carries.
	AppendAudit(ctx context.Context, entries ...*AuditEntry) error

	// ListAudit returns entries by Time, newest first, equal times by ID, highest
	// first.
	ListAudit(ctx context.Context, q AuditQuery) ([]*AuditEntry, error)

	// AuditHeads returns the head of every chain, by Chain.
	AuditHeads(ctx context.Context) ([]AuditHead, error)

	// AuditChain returns the entries of one chain whose Seq is above after, by
	// Seq.
	AuditChain(ctx context.Context, chain string, after int64, limit int) ([]*AuditEntry, error)
}

type auditKey struct{}

// WithAudit returns a context that carries e. The first changing method that is
// called with it writes e in the same atomic step as its change, as AppendAudit
// would, and calls [AuditEntry.MarkWritten] if the step succeeds: both happen or
// neither does. So a method that returns nil has written e, even if there was
// nothing left to change, and one that returns an error has not; ErrConflict may
// then mean that the entry's place is taken. A store that keeps no audit trail
// ignores it. An entry that is already marked is not written again. Rotate and
// the methods of [Pruner] and [Migrator] write no entry.
func WithAudit(ctx context.Context, e *AuditEntry) context.Context {
	return context.WithValue(ctx, auditKey{}, e)
}

// AuditFrom returns the entry that ctx carries and that is not written yet, or
// nil.
func AuditFrom(ctx context.Context) *AuditEntry {
	e, _ := ctx.Value(auditKey{}).(*AuditEntry)
	if e == nil || e.written {
		return nil
	}
	return e
}
