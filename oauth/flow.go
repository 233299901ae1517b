package oauth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
	"time"
)

// FlowLifetime is how long a person has for signing in at the provider.
const FlowLifetime = 10 * time.Minute

// Flow is what one attempt must remember between the start and the callback.
// Whoever keeps it must keep it secret and bind it to the browser that began:
// it is made to be sealed in a cookie, hence the short JSON names. Its fields
// are read, never written, by providers.
type Flow struct {
	// Provider is the name of the provider that the flow was begun with. A
	// callback that arrives for another one must be refused (mix-up).
	Provider string `json:"p"`
	// State comes back in the callback and must be compared with [Flow.Matches].
	State string `json:"s"`
	// Verifier is the PKCE code verifier (RFC 7636, section 4.1).
	Verifier string `json:"v"`
	// Nonce comes back inside the ID token.
	Nonce string `json:"n"`
	// RedirectURL is where the provider sends the browser back to. It comes
	// from configuration, never from a request.
	RedirectURL string `json:"r"`
	// ReturnTo is the local path to go to after signing in.
	ReturnTo string `json:"t,omitempty"`
	// LinkTo is the ID of the signed-in user who wants to add an account,
	// empty when signing in; SessionID is the session they wanted it in.
	LinkTo    string `json:"l,omitempty"`
	SessionID string `json:"i,omitempty"`
	// ExpiresAt is when the flow is over, whole seconds.
	ExpiresAt time.Time `json:"e"`
}

// NewFlow begins a flow with the named provider that lasts [FlowLifetime] from
// now. State, verifier and nonce are fresh, independent, 256 random bits each.
func NewFlow(provider, redirectURL string, now time.Time) *Flow {
	return &Flow{
		Provider:    provider,
		State:       randomText(),
		Verifier:    randomText(),
		Nonce:       randomText(),
		RedirectURL: redirectURL,
		ExpiresAt:   now.Add(FlowLifetime).UTC().Truncate(time.Second),
	}
}

// Matches reports whether state is the one of this flow. An empty state never
// matches, not even that of an empty flow. The time it takes depends on the
// lengths only.
func (f *Flow) Matches(state string) bool {
	if f == nil || f.State == "" || state == "" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) == 1
}

// Expired reports whether the flow is over at now. A flow without a time limit
// is over always.
func (f *Flow) Expired(now time.Time) bool {
	return f == nil || !now.Before(f.ExpiresAt)
}

// String names the provider and keeps the secrets.
func (f Flow) String() string { return "oauth flow with " + f.Provider + " [secrets withheld]" }

// GoString is [Flow.String], so that %#v does not tell either.
func (f Flow) GoString() string { return f.String() }

// LogValue is the provider's name alone.
func (f Flow) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", f.Provider))
}

// randomText is 32 random bytes in 43 characters that are valid in a URL and
// in a code verifier. crypto/rand does not fail.
func randomText() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
