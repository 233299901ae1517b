package middleware

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/store"
)

// Principal is who a request speaks for. What an [Authenticator] cannot know is
// left at its zero value, which never admits anybody to anything.
//
// A handler gets a Principal of its own from [PrincipalFrom]. What its fields
// refer to, the slice, the maps, Claims, may be shared between requests and must
// not be modified.
type Principal struct {
	UserID string // opaque and never empty
	Email  string // empty if the credential does not say
	// EmailVerified reports that Email was proved to be the user's.
	EmailVerified bool
	Role          string // empty for no role
	SessionID     string // empty for credentials without a session, such as API keys
	// AuthTime is when the user last presented a password or the like.
	AuthTime time.Time
	// Permissions are those of the credential. If it is nil and [Guard.Roles] is
	// set, the guard fills in those of Role.
	Permissions []string
	// Orgs are the user's roles by organization ID; nil if the credential does
	// not say.
	Orgs map[string]store.OrgRole
	// User is nil unless the Authenticator loads users.
	User *store.User
	// Claims is the verified token, nil for credentials of another kind.
	Claims *token.Claims
	// ViaCookie reports that the browser sent the credential by itself, as it
	// does with cookies, client certificates and Basic passwords. Requests that
	// change something must then come from the same origin.
	ViaCookie bool
}

// HasRole reports whether the principal's role is one of any. Roles are flat:
// none implies another. It is false for no role, and for a nil Principal.
func (p *Principal) HasRole(any ...string) bool {
	return p != nil && p.Role != "" && slices.Contains(any, p.Role)
}

// Can reports whether the principal has the permission. Permissions are
// compared exactly; there are no patterns. It is false for a nil Principal.
func (p *Principal) Can(permission string) bool {
	return p != nil && permission != "" && slices.Contains(p.Permissions, permission)
}
