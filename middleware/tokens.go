package middleware

import (
	"errors"
	"net/http"
	"slices"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/store"
)

// Tokens trusts v alone: no database is asked, so a session that was ended, a
// user who was deactivated, and a role that was taken away are noticed when the
// access token runs out, at most fifteen minutes later by default. Use the guard
// of package auth where that is too late.
//
// It reads the Authorization header, then the named cookies; see [Credential].
// Without names it reads no cookies at all. With an __Host- name, name only
// that one, or a sibling subdomain can set the other.
//
// Tokens carry no address unless the issuer adds it. Of the claims in
// [token.Claims.Extra], "email", a string, and "email_verified", true as a JSON
// boolean, are understood; without them RequireVerified admits nobody.
//
// Tokens panics if v is nil or a name is empty.
func Tokens(v *token.Verifier, cookies ...string) Authenticator {
	if v == nil {
		panic("middleware: Tokens: nil Verifier")
	}
	if slices.Contains(cookies, "") {
		panic("middleware: Tokens: empty cookie name")
	}
	return &tokens{v, slices.Clone(cookies)}
}

type tokens struct {
	verifier *token.Verifier
	cookies  []string
}

func (t *tokens) Authenticate(r *http.Request) (*Principal, error) {
	p := new(Principal)
	if err := t.fill(r, p); err != nil {
		return nil, err
	}
	return p, nil
}

func (t *tokens) fill(r *http.Request, p *Principal) error {
	// The verifier refuses characters that are not base64url, and a token it has
	// seen before is compared as a whole: there is no need to look at each twice.
	raw, viaCookie, err := credential(r, t.cookies)
	if err != nil {
		return err
	}
	c, err := t.verifier.Verify(r.Context(), raw)
	if err != nil {
		return refusal(err)
	}
	*p = Principal{
		UserID:      c.Subject,
		Role:        c.Role,
		SessionID:   c.SessionID,
		AuthTime:    c.AuthTime,
		Permissions: c.Permissions,
		Claims:      c,
		ViaCookie:   viaCookie,
	}
	if c.Extra != nil {
		p.Email, _ = c.Extra["email"].(string)
		p.EmailVerified, _ = c.Extra["email_verified"].(bool)
		p.EmailVerified = p.EmailVerified && p.Email != ""
	}
	if c.Orgs != nil {
		p.Orgs = make(map[string]store.OrgRole, len(c.Orgs))
		for id, role := range c.Orgs {
			p.Orgs[id] = store.OrgRole(role)
		}
	}
	return nil
}

// refusal says what a failure to verify means to the client. Only what is known
// to be dead is 401, which makes clients throw it away.
func refusal(err error) error {
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrExpired) || errors.Is(err, token.ErrRevoked) {
		return ErrInvalidToken.With(err)
	}
	return problem.ErrUnavailable.With(err)
}
