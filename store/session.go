package store

import (
	"context"
	"time"
)

// Session is one sign-in on one device: the "family" of its refresh tokens. Only
// hashes are kept. One row is the only authority on whether it is alive.
type Session struct {
	ID         string // minted by the caller
	UserID     string
	Method     string // how it began: "password", "oauth:github" …
	Generation int64  // how often Rotate has moved it
	Hash       []byte // of the live secret
	PrevHash   []byte // of the spent secret before it; nil before the first rotation
	Sealed     []byte // the live secret, readable only with the spent one
	Epoch      int64  // User.Epoch when it began; a mismatch is dead
	UserAgent  string // of the latest rotation
	IP         string
	AuthTime   time.Time // when credentials were last presented
	CreatedAt  time.Time
	RotatedAt  time.Time // CreatedAt before the first rotation
	ExpiresAt  time.Time // idle limit, moved by Rotate
	EndsAt     time.Time // absolute limit, never moved
	RevokedAt  time.Time // zero while it lives
}

// Live reports whether s is neither revoked nor past a limit at now. A limit is
// past from its very moment on.
func (s *Session) Live(now time.Time) bool {
	return s.RevokedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.EndsAt)
}

// Rotation is one exchange of a session's secret.
type Rotation struct {
	SessionID string
	Old, New  []byte // hashes
	Sealed    []byte
	Now       time.Time
	ExpiresAt time.Time // the new idle limit, not past EndsAt
	UserAgent string
	IP        string
}

// SessionStore keeps sessions. Its Rotate is the heart of refresh tokens.
type SessionStore interface {
	// CreateSession writes a new session. It returns ErrConflict if the ID is
	// taken.
	CreateSession(ctx context.Context, s *Session) error

	// SessionByID returns the session, alive or not, or ErrNotFound.
	SessionByID(ctx context.Context, id string) (*Session, error)

	// Rotate makes r.New the live hash and r.Old the previous one, in one atomic
	// step, if r.Old is the live hash and the session is Live at r.Now. It then
	// also raises Generation by one, sets RotatedAt to r.Now, and takes Sealed,
	// ExpiresAt, UserAgent and IP from r. It returns the session as it then is
	// and whether this call made the exchange. Losing is not an error: swapped is
	// false and the session is what beat it. ErrNotFound if there is no such
	// session.
	//
	// Rotate writes no audit entry.
	Rotate(ctx context.Context, r Rotation) (s *Session, swapped bool, err error)

	// RenewSession sets the session's Epoch, and its AuthTime unless authTime is
	// zero. It returns ErrNotFound if there is no such session or it is revoked.
	RenewSession(ctx context.Context, id string, epoch int64, authTime time.Time) error

	// ListSessions returns the user's sessions that are not revoked, by CreatedAt,
	// newest first, equal times by ID, highest first; at most 200.
	ListSessions(ctx context.Context, userID string) ([]*Session, error)

	// RevokeSession sets RevokedAt to now unless it is set. A session that is not
	// there is no error. Whatever else runs at the same time, no Rotate succeeds
	// after it returns.
	RevokeSession(ctx context.Context, id string, now time.Time) error

	// RevokeSessions revokes the sessions of the user that are not revoked, but
	// for the one with exceptID, and returns how many.
	RevokeSessions(ctx context.Context, userID, exceptID string, now time.Time) (int, error)
}
