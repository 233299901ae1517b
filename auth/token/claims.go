package token

import (
	"maps"
	"slices"
	"time"
)

// Claims is what an access token says. Times are whole seconds; the zero time
// stands for an absent optional claim.
//
// Claims returned by a [Verifier] may be shared with other requests that carry
// the same token. Treat them, their slices and maps as read-only; use
// [Claims.Clone] to get some to change.
type Claims struct {
	ID        string // jti, required: this token
	Issuer    string // iss, required
	Subject   string // sub, required: the user ID, never the address
	SessionID string // sid, required: the session it was issued to

	Audience []string // aud, required: whom it is for

	IssuedAt  time.Time // iat, required
	ExpiresAt time.Time // exp, required: from this second on it is invalid
	NotBefore time.Time // nbf: until this second it is invalid
	AuthTime  time.Time // auth_time: when credentials were last presented

	Role        string            // role
	Epoch       int64             // ep: the user's epoch when it was issued
	Methods     []string          // amr: how the user signed in, RFC 8176
	Permissions []string          // permissions; nil if the token does not say
	Orgs        map[string]string // orgs: organisation ID to role; nil if the token does not say

	// Extra holds all other claims: strings, bools, float64s, nil, and []any and
	// map[string]any of them, as encoding/json reads them.
	Extra map[string]any
}

// Clone returns a copy that shares no slice and no map with c. The values
// inside Extra are shared.
func (c *Claims) Clone() *Claims {
	d := *c
	d.Audience = slices.Clone(c.Audience)
	d.Methods = slices.Clone(c.Methods)
	d.Permissions = slices.Clone(c.Permissions)
	d.Orgs = maps.Clone(c.Orgs)
	d.Extra = maps.Clone(c.Extra)
	return &d
}
