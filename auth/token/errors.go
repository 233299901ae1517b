package token

import "errors"

// Every error of [Verifier] and of the key sets of this package matches exactly
// one of these with [errors.Is]. None contains any part of the token.
var (
	// ErrInvalid: the token never was, or is not any more, one that this
	// verifier accepts. Signing in again is the only remedy.
	ErrInvalid = errors.New("token: invalid")
	// ErrExpired: the token is genuine and for this verifier, but its time is
	// over. A client that holds a refresh token uses it now.
	ErrExpired = errors.New("token: expired")
	// ErrRevoked: the token is genuine, and the Revoked hook says it is dead.
	ErrRevoked = errors.New("token: revoked")
	// ErrUnavailable: the keys could not be fetched, so nothing is known about
	// the token. This is 503, not 401: the client keeps what it has.
	ErrUnavailable = errors.New("token: keys unavailable")
)

// fault is one reason to refuse a token. Reasons are package variables, so that
// a flood of junk costs no memory and no text of the junk reaches a log.
type fault struct {
	kind   error
	reason string
}

func (f *fault) Error() string { return f.kind.Error() + ": " + f.reason }
func (f *fault) Unwrap() error { return f.kind }

func invalid(reason string) error { return &fault{ErrInvalid, reason} }

var (
	errUnconfigured  = invalid("the verifier has no keys or no issuer")
	errSize          = invalid("it is empty or too long")
	errForm          = invalid("it is not three base64url segments")
	errHeader        = invalid("its header is malformed")
	errHeaderMember  = invalid("its header has a member that is not accepted")
	errType          = invalid("its type is not at+jwt")
	errNoKeyID       = invalid("it names no key")
	errUnknownKey    = invalid("no accepted key has its key ID")
	errAmbiguousKey  = invalid("it names no key and several would fit")
	errAlgorithm     = invalid("its algorithm is not that of the key")
	errSignature     = invalid("its signature does not hold")
	errPayload       = invalid("its payload is malformed")
	errClaimMissing  = invalid("a required claim is missing or empty")
	errClaimType     = invalid("a claim has the wrong type")
	errIssuer        = invalid("it is from another issuer")
	errAudience      = invalid("it is for another audience")
	errNotYet        = invalid("it is not valid yet")
	errLifetime      = invalid("its lifetime is not acceptable")
	errNothingLoaded = &fault{ErrUnavailable, "the key set was never fetched"}
)
