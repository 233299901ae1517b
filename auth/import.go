package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// Imported is an account that comes from another system.
type Imported struct {
	Email, Name string
	// PasswordHash is a bcrypt hash of any cost up to 15, or one of this package;
	// empty for an account without a password. It is replaced by one of the
	// configured cost at the next sign-in.
	PasswordHash string
	Role         string // default role if empty
	Verified     bool
	Disabled     bool
	CreatedAt    time.Time // now if zero
}

// ErrUnusableHash says that a password hash is none that this service can check.
var ErrUnusableHash = errors.New("auth: not a bcrypt hash of a cost up to 15")

// Import makes an account from another system, without mail. It does not check
// the password against the policy, which it cannot know.
//
// Errors: ErrValidation, ErrUnusableHash, ErrEmailTaken, ErrUnavailable.
func (s *Service) Import(ctx context.Context, in Imported) (*store.User, error) {
	email, err := CanonicalEmail(in.Email)
	if err != nil {
		return nil, invalid("email", "invalid", "This is not an email address we can use.")
	}
	name, refused := cleanName("full_name", in.Name)
	if len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	if in.PasswordHash != "" {
		if _, ok := parseHash(in.PasswordHash); !ok {
			return nil, ErrUnusableHash
		}
	}
	if in.Role == "" {
		in.Role = s.defaultRole()
	} else if _, ok := s.cfg.Roles[in.Role]; !ok {
		return nil, invalid("role", "unknown", "There is no such role.")
	}
	now := s.now()
	u := &store.User{Email: email, EmailVerified: in.Verified, Name: name, PasswordHash: in.PasswordHash, Role: in.Role,
		Disabled: in.Disabled, CreatedAt: in.CreatedAt.UTC().Truncate(time.Microsecond), UpdatedAt: now}
	if in.CreatedAt.IsZero() {
		u.CreatedAt = now
	}
	return s.createAudited(ctx, u, slog.Bool("imported", true))
}
