package oauth

import (
	"context"
	"errors"
)

// The three ways in which a provider fails. Every error of a [Provider] in this
// package wraps exactly one of them.
var (
	// ErrUnavailable: the provider or the network failed, and trying again
	// later may help. Nobody did anything wrong.
	ErrUnavailable = errors.New("provider unavailable")

	// ErrRejected: an answer came, from the browser or from the provider,
	// and it does not hold. The code is spent or was never good; only a new
	// flow helps.
	ErrRejected = errors.New("answer refused")

	// ErrNotConfigured: the provider lacks credentials or its settings
	// cannot work.
	ErrNotConfigured = errors.New("provider not configured")
)

// Error is what providers return. Its text names the provider, the step and the
// reason in words of this package: nothing that came from a provider or a
// browser is in it, hence no code, token, secret or script.
type Error struct {
	// Provider is the provider's name.
	Provider string
	// Step is what was being done: "exchange code", "check ID token".
	Step string
	// Reason is what was wrong, for the log.
	Reason string
	// Kind is [ErrUnavailable], [ErrRejected] or [ErrNotConfigured].
	Kind error

	ctxErr error // context.Canceled or DeadlineExceeded, if that was it
}

// Error is for logs, not for people at a browser.
func (e *Error) Error() string {
	s := "oauth"
	if e.Provider != "" {
		s += ": " + e.Provider
	}
	if e.Step != "" {
		s += ": " + e.Step
	}
	if e.Kind != nil {
		s += ": " + e.Kind.Error()
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Unwrap gives Kind and, when time ran out or the caller gave up,
// [context.DeadlineExceeded] or [context.Canceled].
func (e *Error) Unwrap() []error {
	if e.ctxErr != nil {
		return []error{e.Kind, e.ctxErr}
	}
	return []error{e.Kind}
}

func rejected(step, reason string) *Error {
	return &Error{Step: step, Reason: reason, Kind: ErrRejected}
}

func unavailable(step, reason string) *Error {
	return &Error{Step: step, Reason: reason, Kind: ErrUnavailable}
}

func notConfigured(step, reason string) *Error {
	return &Error{Step: step, Reason: reason, Kind: ErrNotConfigured}
}

// named puts the provider's name into err, which is an *Error or something
// unforeseen whose text we do not vouch for and drop.
func named(provider string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		c := *e
		c.Provider = provider
		return &c
	}
	e := unavailable("", "unexpected error")
	e.Provider = provider
	e.ctxErr = contextError(err)
	return e
}

// contextError is what err says about the end of a context, without the rest of
// err.
func contextError(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return nil
}
