package store

import "errors"

// Implementations return these, alone or wrapped. Each of them means that
// nothing was changed; the one exception is TakeOneTime, which removes a token
// and returns ErrExpired. Any other error means the operation could not be
// carried out, and says nothing about the data.
var (
	// ErrNotFound: no such row, or none any more.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict: a row with the same unique key exists already.
	ErrConflict = errors.New("store: already exists")
	// ErrStale: the row was changed or removed since it was read.
	ErrStale = errors.New("store: changed since it was read")
	// ErrExpired: the row was there, but past its time.
	ErrExpired = errors.New("store: expired")
	// ErrLastCredential: the change would take a user's last way to sign in.
	ErrLastCredential = errors.New("store: last way to sign in")
	// ErrLastOwner: the change would leave an organization without an owner.
	ErrLastOwner = errors.New("store: last owner")
	// ErrLastInRole: the change would leave no active user with a role that
	// somebody must hold.
	ErrLastInRole = errors.New("store: last user with the role")
)
