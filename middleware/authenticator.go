package middleware

import (
	"errors"
	"net/http"
)

// Authenticator finds the principal of a request.
//
// It returns [ErrNoCredentials] if the request carries none of the kind it
// understands, and any other error if they do not hold. An error that is a
// [problem.Error] is shown to the client: [ErrInvalidToken] for credentials that
// are refused, a 503 for a store that did not answer. Others become 500, and
// their text is logged.
//
// A Principal that is returned without an error must have a UserID. It must set
// ViaCookie if the browser sent the credential by itself. The guard copies it,
// and hands the copy to the handlers, so it may be shared between requests.
//
// Authenticators are safe for concurrent use. They must not write to the
// response, and must neither consume the body nor change the request.
type Authenticator interface {
	Authenticate(r *http.Request) (*Principal, error)
}

// AuthenticatorFunc makes an [Authenticator] of a function: for API keys, client
// certificates, or a fixed user during development.
type AuthenticatorFunc func(r *http.Request) (*Principal, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(r *http.Request) (*Principal, error) { return f(r) }

// FirstOf asks each in turn and returns the answer of the first that finds
// credentials of its kind, for API keys beside sessions. Credentials that are
// found and do not hold end the search: nobody is tried with a second credential
// because the first was refused. With none to ask it returns [ErrNoCredentials].
//
// If two kinds share the Authorization: Bearer header, put the one that can tell
// its own by their look first, and let it answer ErrNoCredentials to the others;
// [Tokens] refuses every bearer token that is not one of its own.
//
// FirstOf panics if one of as is nil.
func FirstOf(as ...Authenticator) Authenticator {
	for _, a := range as {
		if a == nil {
			panic("middleware: FirstOf: nil Authenticator")
		}
	}
	return &firstOf{append([]Authenticator(nil), as...)}
}

type firstOf struct{ as []Authenticator }

func (f *firstOf) Authenticate(r *http.Request) (*Principal, error) {
	p := new(Principal)
	if err := f.fill(r, p); err != nil {
		return nil, err
	}
	return p, nil
}

func (f *firstOf) fill(r *http.Request, p *Principal) error {
	for _, a := range f.as {
		if err := authenticate(a, r, p); !errors.Is(err, ErrNoCredentials) {
			return err
		}
	}
	return ErrNoCredentials
}

// filler is an Authenticator that can write into memory its caller has already,
// which saves the guard an allocation on every request. After an error p holds
// nothing of use.
type filler interface {
	fill(r *http.Request, p *Principal) error
}

var errNobody = errors.New("middleware: the Authenticator returned neither a user nor an error")

// authenticate asks a about r and writes the answer into p. It fails closed: an
// answer that names nobody is an error.
func authenticate(a Authenticator, r *http.Request, p *Principal) error {
	if f, ok := a.(filler); ok {
		if err := f.fill(r, p); err != nil {
			return err
		}
	} else {
		q, err := a.Authenticate(r)
		if err != nil {
			return err
		}
		if q == nil {
			return errNobody
		}
		*p = *q
	}
	if p.UserID == "" {
		return errNobody
	}
	return nil
}
