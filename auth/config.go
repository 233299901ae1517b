package auth

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// Config says everything about a [Service]. Store, Secret and BaseURL are
// required; the zero value of every other field is its safe default. [New]
// copies it, so later changes have no effect.
type Config struct {
	// Store keeps users, sessions and one-time tokens. Required.
	Store store.Store
	// Secret is the root of every key: access tokens are signed under it with
	// HS256 unless Keys is set, everything else uses keys derived from it. At
	// least 32 bytes, random. Required.
	Secret []byte
	// BaseURL is the public address of the routes, such as
	// "https://app.example.com/auth". It decides the mount path, the issuer, the
	// cookies' path and whether they are Secure, the callbacks of providers, and
	// where mails point. Requests never do. Plain http is for loopback hosts.
	// Required.
	BaseURL string

	// OldSecrets are still accepted after Secret has changed: drop each when the
	// longest session begun under it has ended.
	OldSecrets [][]byte
	// Keys signs access tokens. Default: HS256 under Secret. Set it to sign with
	// a private key and publish the public half.
	Keys *token.Keyring
	// Audience of access tokens. Default: BaseURL.
	Audience string
	// AppName is what mails and pages call the application. Default: the host of
	// BaseURL.
	AppName string

	// AccessTTL is the life of an access token. Default 15 minutes.
	AccessTTL time.Duration
	// RefreshTTL is how long a session may lie idle. Default 14 days.
	RefreshTTL time.Duration
	// SessionTTL ends a session for good, however busy. Default 30 days.
	SessionTTL time.Duration
	// RefreshGrace is how long a spent refresh token is still answered, with the
	// one successor it has, so that racing tabs and lost answers sign nobody out.
	// At most a minute. Default 10 seconds; negative for none (strict).
	RefreshGrace time.Duration
	// ResetTTL, VerifyTTL and ChangeTTL are the lives of mailed links for a
	// password reset, an e-mail verification, and a change of address. Default
	// 1 hour, 24 hours, 1 hour.
	ResetTTL, VerifyTTL, ChangeTTL time.Duration
	// FreshFor is how recent a sign-in must be for what is delicate. Default 10
	// minutes.
	FreshFor time.Duration
	// LiveCache lets [Service.Guard] reuse what it read of a user and session for
	// so long, at most 5 seconds: revocation then takes that long to be seen.
	// Default: not at all.
	LiveCache time.Duration

	// Cookies names and hardens the cookies.
	Cookies Cookies
	// Passwords is the policy for new passwords.
	Passwords Passwords
	// Limits are the rates that keep guessing and flooding out.
	Limits Limits
	// Links are where mails point. Default: the pages of package auth/pages at
	// the root of BaseURL's host.
	Links Links
	// AfterSignIn is the local path where a sign-in with a provider ends if it did
	// not come from elsewhere. Default "/app".
	AfterSignIn string
	// Registration says who may register. Default: everyone.
	Registration Registration
	// Roles maps each role to its permissions and brings the administration
	// routes; see [DefaultRoles]. Default nil: no roles and no such routes. If
	// set, it must have "admin" and DefaultRole.
	Roles map[string][]string
	// DefaultRole is given to new users when Roles is set. Default "user".
	DefaultRole string
	// Admins are addresses that get the role "admin" when they are verified.
	Admins []string
	// FirstUserAdmin gives the role "admin" to the first user of all, decided
	// atomically. For development: on a public address anyone may come first.
	FirstUserAdmin bool
	// Providers are where people may sign in with accounts they hold elsewhere.
	Providers []oauth.Provider
	// MetadataKeys are the keys of User.Metadata that users may change
	// themselves. Default: none.
	MetadataKeys []string

	// Hasher hashes passwords. Default: bcrypt at cost 12.
	Hasher Hasher
	// Mailer sends mail. Default: writes what it would send to Logger, with the
	// link, which suits development only; New warns about it.
	Mailer Mailer
	// MailTemplates override the built-in mails, file by file.
	MailTemplates fs.FS
	// Hooks run inside the operations.
	Hooks Hooks

	// UserView shapes a user's JSON form. Default: the documented one.
	UserView func(*store.User) any
	// ClientIP finds the client's address. Default [middleware.RemoteAddr]; behind
	// a proxy use [middleware.ForwardedFor].
	ClientIP func(*http.Request) netip.Addr
	// TrustedOrigins are other origins, such as "https://www.example.com", whose
	// pages may send state-changing requests with cookies.
	TrustedOrigins []string
	// Logger gets events and trouble. Default [slog.Default].
	Logger *slog.Logger
	// Now is the clock. Default [time.Now].
	Now func() time.Time

	// These are found on Store when nil. Set them when Store is wrapped or split.
	Principals store.PrincipalStore
	Users      store.UserLister
	RoleStore  store.RoleStore
	Identities store.IdentityStore
	Attempts   store.AttemptStore
	Audit      store.AuditStore
	Pruner     store.Pruner
}

// Registration says who may register.
type Registration int

const (
	// RegistrationOpen answers 201 and signs in at once; an address that is taken
	// is answered 409.
	RegistrationOpen Registration = iota
	// RegistrationPrivate answers 202 to everyone alike; the mail says the rest,
	// and nobody signs in before their address is verified.
	RegistrationPrivate
	// RegistrationClosed refuses everyone.
	RegistrationClosed
)

// String returns "open", "private" or "closed".
func (r Registration) String() string {
	switch r {
	case RegistrationOpen:
		return "open"
	case RegistrationPrivate:
		return "private"
	}
	return "closed"
}

// Cookies names and hardens the cookies.
type Cookies struct {
	// Session and Refresh are the names of the cookies with the access and the
	// refresh token. Default "aegis_session" and "aegis_refresh".
	Session, Refresh string
	// Device is the name of the cookie that marks a browser which has signed in
	// before. Default "aegis_device".
	Device string
	// Hardened adds the prefixes __Host- and __Secure- (RFC 6265bis §4.1.3), so
	// that a sibling host cannot plant cookies. Needs https, or a browser on
	// loopback.
	Hardened bool
	// Domain widens the cookies to other hosts. Default: this host alone, which
	// is what you want. Cannot be combined with Hardened.
	Domain string
	// SameSite of the session cookie. Default Lax. The refresh cookie is always
	// Strict.
	SameSite http.SameSite
	// InsecureAllowHTTP allows cookies over plain http on other hosts than
	// loopback.
	InsecureAllowHTTP bool
	// Disabled leaves bearer tokens as the only credentials.
	Disabled bool
}

// Passwords is the policy for new passwords.
type Passwords struct {
	// MinLength in code points. Default 8; at least 8.
	MinLength int
	// Normalize is applied to every password before anything else, for instance
	// Unicode NFC. Default: as received. Changing it locks out whoever used
	// characters it changes.
	Normalize func(string) string
	// Check may refuse a new password, after the built-in checks: return a
	// *problem.Error to say why. It is given at most a second; if it fails in any
	// other way, the password is accepted and the failure logged.
	Check func(ctx context.Context, password string, u *store.User) error
}

// Links are where mails and redirects point: absolute addresses of pages that
// take the token as ?token=.
type Links struct {
	SignIn, VerifyEmail, ResetPassword, ChangeEmail, AcceptInvite string
}

// Hooks run in the request; an error from one stops the operation, and a
// *problem.Error is shown as is.
type Hooks struct {
	// BeforeRegister may set Role and Metadata of a user about to be created.
	BeforeRegister func(ctx context.Context, u *store.User) error
	// BeforeSignIn runs when the credentials are proved, before a session begins.
	BeforeSignIn func(ctx context.Context, u *store.User) error
	// BeforeLink runs before an account elsewhere is linked to u.
	BeforeLink func(ctx context.Context, u *store.User, id *oauth.Identity) error
	// Claims may add to the claims of an access token.
	Claims func(ctx context.Context, u *store.User, c *token.Claims) error
}

// DefaultRoles is a set of roles to begin with.
func DefaultRoles() map[string][]string {
	return map[string][]string{
		RoleAdmin:     {"users:read", "users:write", "users:delete", "users:roles", "audit:read"},
		RoleModerator: {"users:read"},
		RoleUser:      {},
	}
}

// The roles that the shipped routes know.
const (
	RoleAdmin     = "admin"
	RoleModerator = "moderator"
	RoleUser      = "user"
)

// Registrant is who wants to register.
type Registrant struct {
	Email, Password, Name string
	Metadata              map[string]json.RawMessage
	// Invite is the token of an invitation, if the registrant followed one. It
	// proves the address, to which it was mailed, and is accepted in the same
	// request.
	Invite string
}
