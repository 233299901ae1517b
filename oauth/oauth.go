package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Provider is one place where people may hold an account. Implementations are
// safe for concurrent use and keep nothing about a sign-in between calls.
//
// A provider may also have the methods
//
//	Configured() bool      // whether it has credentials, see [Configured]
//	DisplayName() string   // the name people know it by, see [DisplayName]
//	Validate() error       // whether its settings make sense, see [Validate]
type Provider interface {
	// Name identifies the provider in routes and in stored rows: "github".
	// It must match [a-z0-9][a-z0-9_-]{0,31} and never change, because the
	// accounts people linked are found by it.
	Name() string

	// AuthCodeURL is the address to send the browser to. It carries the
	// state of f, its redirect address, its PKCE challenge and, where the
	// protocol has one, its nonce. It may have to ask the provider where
	// that is, so it takes a context and can fail with [ErrUnavailable],
	// [ErrRejected] or [ErrNotConfigured].
	AuthCodeURL(ctx context.Context, f *Flow) (string, error)

	// Identify turns what came back from the browser into an identity. The
	// caller has compared the state before. It sends the code to the
	// provider at most once, and not at all when f was begun with another
	// provider or cb can be refused without asking. Errors wrap [ErrUnavailable], [ErrRejected] or
	// [ErrNotConfigured], and their text is safe to log.
	Identify(ctx context.Context, f *Flow, cb Callback) (*Identity, error)
}

// Callback is what the provider sent along when it returned the browser. The
// other parameters, state and error, are the business of whoever owns the
// flow.
type Callback struct {
	// Code is the authorization code, good for one exchange.
	Code string
	// Issuer is the iss parameter (RFC 9207), empty when there was none.
	Issuer string
}

// Identity is a person as a provider describes them. Only Subject, together
// with the provider's name, says who it is: names, user names and addresses
// change hands.
type Identity struct {
	// Subject is the provider's permanent identifier, never empty, at most
	// 255 bytes.
	Subject string

	// Email is lower-case ASCII, or empty when the provider gave no usable
	// address: none, a malformed one, or one that takes no mail.
	Email string

	// EmailVerified means that the provider asserts, with a JSON true and
	// nothing like it, that the person controlled the mailbox once, and
	// that the provider is configured to be believed.
	EmailVerified bool

	// EmailAuthoritative means more: the provider is the one to ask who
	// owns this mailbox today. Only then may an address lead to an existing
	// account. It implies EmailVerified.
	EmailAuthoritative bool

	// Username is the account's name at the provider, for showing only.
	Username string
	// Name is the person's full name, without control and direction
	// characters, at most 255 bytes.
	Name string
	// AvatarURL is an https address, or empty.
	AvatarURL string

	// Raw is the profile as the provider sent it, a JSON object: the user
	// resource of GitHub, the ID token's claims elsewhere. Nothing in it
	// has been checked beyond what the other fields show.
	Raw json.RawMessage
}

// LogValue leaves out everything but the subject: names and addresses do not
// belong into logs.
func (id *Identity) LogValue() slog.Value {
	if id == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("subject", id.Subject))
}

// Configured reports whether p has credentials. A provider without a
// Configured method is taken to have them.
func Configured(p Provider) bool {
	c, ok := p.(interface{ Configured() bool })
	return !ok || c.Configured()
}

// DisplayName is the name of p for people: "GitHub". It is the result of its
// DisplayName method, or Name when there is none.
func DisplayName(p Provider) string {
	if d, ok := p.(interface{ DisplayName() string }); ok {
		if s := d.DisplayName(); s != "" {
			return s
		}
	}
	return p.Name()
}

// Validate reports, joined into one error, everything about p that cannot
// work: a name that does not fit into a route, an issuer that is not https.
// Missing credentials are not among it, see [Configured]. It touches no
// network.
func Validate(p Provider) error {
	var errs []error
	if !validName(p.Name()) {
		errs = append(errs, fmt.Errorf("oauth: provider name %q: use up to 32 characters of a-z, 0-9, - and _, beginning with a letter or digit", p.Name()))
	}
	if v, ok := p.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func validName(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '_'):
		default:
			return false
		}
	}
	return true
}

// hasCredentials: blank is what an unset environment variable leaves.
func hasCredentials(id, secret string) bool {
	return strings.TrimSpace(id) != "" && strings.TrimSpace(secret) != ""
}

// describeProvider is what a provider prints as: it holds a secret, and settings
// are printed more often than one thinks.
func describeProvider(p Provider) string {
	return "oauth provider " + p.Name() + " [secret withheld]"
}
