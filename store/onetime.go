package store

import (
	"context"
	"time"
)

// Purpose says what a one-time token is good for. A token of one purpose is
// never found under another.
type Purpose string

// The purposes of one-time tokens.
const (
	PurposeVerifyEmail   Purpose = "verify_email"
	PurposeResetPassword Purpose = "reset_password"
	PurposeChangeEmail   Purpose = "change_email"
)

// OneTimeToken is a right that can be used once, kept as the hash of its secret.
type OneTimeToken struct {
	Hash      []byte // unique
	Purpose   Purpose
	UserID    string
	Email     string // the address it was issued for
	Epoch     int64  // User.Epoch when it was issued
	CreatedAt time.Time
	ExpiresAt time.Time
}

// OneTimeStore keeps one-time tokens.
type OneTimeStore interface {
	// PutOneTime writes t, and removes any other token of the same user and
	// purpose in the same step. It returns ErrConflict if a token of another user
	// or purpose has t.Hash.
	PutOneTime(ctx context.Context, t *OneTimeToken) error

	// TakeOneTime removes and returns the token with that purpose and hash in one
	// step. Of many callers exactly one gets it, the rest get ErrNotFound. A token
	// whose ExpiresAt is not after now is removed as well, and the caller who
	// removed it gets ErrExpired.
	TakeOneTime(ctx context.Context, p Purpose, hash []byte, now time.Time) (*OneTimeToken, error)

	// DropOneTime removes the user's tokens of these purposes, or of all purposes
	// if none is named.
	DropOneTime(ctx context.Context, userID string, purposes ...Purpose) error
}
