package store

import (
	"context"
	"encoding/json"
	"time"
)

// User is one account.
type User struct {
	ID            string // set by the store in CreateUser when empty; never used again for another user
	Email         string // canonical (lower case) before it gets here; unique among users not deleted
	EmailVerified bool
	Name          string
	PasswordHash  string // empty: signs in through a provider only
	Role          string
	Disabled      bool
	Epoch         int64 // raised to end every session and token begun before
	LastLoginAt   time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     time.Time // zero unless soft-deleted
	Metadata      map[string]json.RawMessage
	Version       int64 // changes on every write
}

// Active reports whether u may sign in: neither disabled nor deleted.
func (u *User) Active() bool { return !u.Disabled && u.DeletedAt.IsZero() }

// Store is the least an application must bring.
type Store interface {
	UserStore
	SessionStore
	OneTimeStore
}

// UserStore keeps accounts.
type UserStore interface {
	// CreateUser writes a new user, sets u.ID if it is empty, and sets u.Version.
	// It returns ErrConflict if a user that is not deleted has u.Email, or if
	// u.ID is taken. On any error u is as it was.
	CreateUser(ctx context.Context, u *User) error

	// UserByID returns the user, deleted or not, or ErrNotFound.
	UserByID(ctx context.Context, id string) (*User, error)

	// UserByEmail returns the user with that address who is not deleted, or
	// ErrNotFound. The comparison is byte for byte.
	UserByEmail(ctx context.Context, email string) (*User, error)

	// UpdateUser writes all fields of u but ID and CreatedAt, if the stored
	// Version still equals u.Version; otherwise, and if the user is gone, it
	// returns ErrStale. It returns ErrConflict if u is not deleted and another
	// user that is not deleted has u.Email. On success u.Version is the new one;
	// on any error u is as it was.
	UpdateUser(ctx context.Context, u *User) error

	// DeleteUser removes the user and all that the same store keeps of them:
	// sessions, one-time tokens, identities, memberships, and organizations that
	// this leaves without an owner, as DeleteOrg would. The audit trail stays. A
	// user who is not there is no error.
	DeleteUser(ctx context.Context, id string) error
}

// PrincipalStore may be implemented to make live checks one read.
type PrincipalStore interface {
	// UserWithSession returns the session and its user, deleted or not, as they
	// are at one moment, or ErrNotFound if either is missing.
	UserWithSession(ctx context.Context, sessionID string) (*User, *Session, error)
}

// UserStatus narrows a list of users.
type UserStatus string

// The statuses a list of users can be narrowed to.
const (
	StatusNotDeleted UserStatus = ""         // active and disabled
	StatusActive     UserStatus = "active"   // neither disabled nor deleted
	StatusDisabled   UserStatus = "disabled" // disabled and not deleted
	StatusDeleted    UserStatus = "deleted"
	StatusAny        UserStatus = "any"
)

// UserQuery selects users for a list.
type UserQuery struct {
	EmailPrefix string // byte for byte; no wildcards
	Role        string // any if empty
	Status      UserStatus
	After       Cursor // of CreatedAt
	Limit       int
}

// UserLister is needed by the user-administration routes and the command line.
type UserLister interface {
	// ListUsers returns users by CreatedAt, newest first, equal times by ID,
	// highest first.
	ListUsers(ctx context.Context, q UserQuery) ([]*User, error)
	// UsersByIDs returns those of the users that exist, deleted or not, in any
	// order and each once.
	UsersByIDs(ctx context.Context, ids []string) ([]*User, error)
}

// RoleStore is needed when roles are in use: it makes the two decisions about
// roles that concern more than one user.
type RoleStore interface {
	// CreateUserClaiming is CreateUser, except that it sets u.Role to role, for
	// good, if no user, not even a deleted one, exists and none was ever given
	// role this way. Of many callers exactly one gets it.
	CreateUserClaiming(ctx context.Context, u *User, role string) error

	// UpdateUserKeeping is UpdateUser, except that it returns ErrLastInRole if
	// the user is active with that role, would no longer be, and no other active
	// user has the role. It holds against every other UpdateUserKeeping for the
	// role, however many run at once.
	UpdateUserKeeping(ctx context.Context, u *User, role string) error
}
