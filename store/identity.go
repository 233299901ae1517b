package store

import (
	"context"
	"time"
)

// Identity links a user to an account elsewhere. Provider and Subject together
// name that account; nothing else about it is a key.
type Identity struct {
	UserID    string
	Provider  string // "github"
	Subject   string // the provider's own, never reused identifier
	Username  string
	Email     string
	AvatarURL string
	CreatedAt time.Time
}

// IdentityStore is needed when providers are configured.
type IdentityStore interface {
	// IdentityBySubject returns the identity or ErrNotFound.
	IdentityBySubject(ctx context.Context, provider, subject string) (*Identity, error)

	// ListIdentities returns the user's identities by Provider, byte by byte.
	ListIdentities(ctx context.Context, userID string) ([]*Identity, error)

	// AddIdentity returns ErrConflict if the subject is linked already, to anyone,
	// or if the user has an identity of that provider.
	AddIdentity(ctx context.Context, id *Identity) error

	// RemoveIdentity removes the user's identity of that provider. It returns
	// ErrNotFound if there is none, and ErrLastCredential if keepOne is set and
	// it is the user's only identity, however many removals run at once.
	RemoveIdentity(ctx context.Context, userID, provider string, keepOne bool) error

	// CreateUserWithIdentity creates the user as CreateUser does and links id to
	// them (id.UserID is set), both or neither. It returns ErrConflict as either
	// would. On any error u and id are as they were.
	CreateUserWithIdentity(ctx context.Context, u *User, id *Identity) error
}
