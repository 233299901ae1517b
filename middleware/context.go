package middleware

import (
	"context"
	"net/http"
	"reflect"

	"github.com/aegis-auth/aegis/store"
)

// PrincipalFrom returns the principal that a [Guard], or [WithPrincipal], put
// into the request's context. It reports false where there is none: outside any
// guard, and behind [Guard.OptionalUser] for visitors who are not signed in.
func PrincipalFrom(ctx context.Context) (*Principal, bool) {
	c := carrierFrom(ctx)
	if c == nil || c.principal == nil {
		return nil, false
	}
	return c.principal, true
}

// UserFrom returns the user of the principal in ctx, or nil if there is none or
// the [Authenticator] does not load users. The user is shared with whoever else
// handles the request; change a copy.
func UserFrom(ctx context.Context) *store.User {
	if p, ok := PrincipalFrom(ctx); ok {
		return p.User
	}
	return nil
}

// WithPrincipal returns a context in which [PrincipalFrom] finds p, for tests of
// handlers and for middleware that authenticates in its own way. A nil p hides
// the one that is there.
//
// Guards do not believe it: a wrap asks its own Authenticator unless it finds
// what that very Authenticator said about the same request. To admit people in
// another way, write an [AuthenticatorFunc].
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return &carrier{Context: ctx, principal: p}
}

type carrierKey struct{}

// carrier is a context that carries a principal. It is a context itself, rather
// than a value in one, so that a guard needs one allocation for the two of them.
type carrier struct {
	context.Context
	principal *Principal // nil, or &own, or what WithPrincipal was given
	own       Principal
	guard     *Guard      // nil if no guard made it
	header    http.Header // of the request it was made for
	filled    bool        // own.Permissions came from the guard's roles

	cacheControl [1]string // memory for a response header field
}

func (c *carrier) Value(key any) any {
	if key == (carrierKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// String keeps what the principal holds out of logs that print contexts.
func (c *carrier) String() string { return "middleware.WithPrincipal" }

func carrierFrom(ctx context.Context) *carrier {
	c, _ := ctx.Value(carrierKey{}).(*carrier)
	return c
}

// serves reports whether c holds what g would find out about r: it was made by g
// or by a guard with the same Authenticator, and for the same request.
//
// A request is known by its header map. Middleware that passes a request on,
// [http.Request.WithContext] and [http.StripPrefix] among it, keeps the map. One
// that was made anew with the context of another has its own, so that a batch
// endpoint cannot lend its caller's identity to what it dispatches. When in
// doubt, as with a clone, the guard just authenticates again.
func (c *carrier) serves(g *Guard, r *http.Request) bool {
	if c == nil || c.guard == nil || c.principal == nil || r.Header == nil {
		return false
	}
	if reflect.ValueOf(c.header).Pointer() != reflect.ValueOf(r.Header).Pointer() {
		return false
	}
	return c.guard == g || sameAuthenticator(c.guard.Authenticator, g.Authenticator)
}

// sameAuthenticator is a == b, and false where comparing would panic, as it does
// for functions.
func sameAuthenticator(a, b Authenticator) bool {
	return a != nil && b != nil && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
