package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

// OrgRoles answers what a user may do in an organization; the service of package
// auth/org does.
//
// OrgRole returns the empty role, or an error that is [store.ErrNotFound], both
// if there is no such organization and if the user is no member of it. Any other
// error means that the answer is not known; the request is then refused with 503
// unless the error is a [problem.Error], which is shown as it is.
type OrgRoles interface {
	OrgRole(ctx context.Context, orgID, userID string) (store.OrgRole, error)
}

// Guard wraps handlers. Every Require… authenticates if nothing did before it,
// so each is safe alone and they may be stacked in any order; it then puts the
// [Principal] where [PrincipalFrom] finds it.
//
// Set the fields before the first request and leave them alone from then on; to
// vary one, copy the Guard. Its methods are safe for concurrent use.
//
// Answers to people who are signed in get Cache-Control: no-cache, private,
// unless the handler sets its own, so that no shared cache hands one person's
// page to another, and the browser's own asks again after a sign-out. Rejections
// are not stored at all.
type Guard struct {
	// Authenticator says who makes a request. Required.
	Authenticator Authenticator

	// OrgRoles says what a user may do in an organization.
	// Default: Principal.Orgs, what the credential says.
	OrgRoles OrgRoles

	// Roles maps every role there is to its permissions. If it is set, even if
	// empty, then [Guard.RequireRole] and [Guard.RequirePermission] panic when
	// given a name that is not in it, and principals whose credential does not
	// say what they may do get the permissions of their role.
	// Default: nothing is known about roles.
	Roles map[string][]string

	// CrossOrigin checks requests that change something and came with a cookie.
	// Default: the zero CrossOriginProtection, which trusts no other origin.
	CrossOrigin *http.CrossOriginProtection

	// LoginURL is where browsers that navigate to a page are sent, with 303, when
	// they are not signed in. The path and query they asked for are added as the
	// parameter "next". Programs get the error document all the same.
	// Default: everybody gets the error document.
	LoginURL string

	// Unauthenticated, if set, is asked before a request that has no valid
	// credential is rejected or sent to LoginURL, unless it has a bearer token.
	// It reports whether it has written the response. Pages use it to refresh an
	// access token that ran out and to continue, instead of asking for the
	// password again; [Navigation] says when a page is what is wanted.
	Unauthenticated func(w http.ResponseWriter, r *http.Request, err error) bool

	// WriteError answers rejected requests. Default [problem.Write].
	WriteError func(w http.ResponseWriter, r *http.Request, err error)

	// Now is the clock of [Guard.RequireFresh]. Default [time.Now].
	Now func() time.Time
}

// check looks at a principal and says why it is not admitted.
type check func(r *http.Request, p *Principal) error

// require is behind all Require… methods.
func (g *Guard) require(next http.Handler, admit check) http.Handler {
	g.mustAuthenticate(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, c, err := g.identify(r)
		if err == nil && admit != nil {
			err = admit(r, c.principal)
		}
		if err != nil {
			g.reject(w, r, err)
			return
		}
		c.keepPrivate(w)
		next.ServeHTTP(w, r)
	})
}

// mustAuthenticate stops programs whose routes could never be used.
func (g *Guard) mustAuthenticate(next http.Handler) {
	if g == nil || g.Authenticator == nil {
		panic("middleware: Guard without an Authenticator")
	}
	if next == nil {
		panic("middleware: Guard around a nil handler")
	}
}

// identify returns who r speaks for, and r with that in its context. Requests
// that would change something pass the origin check first, if they came with a
// cookie.
func (g *Guard) identify(r *http.Request) (*http.Request, *carrier, error) {
	before := carrierFrom(r.Context())
	known := before.serves(g, r)
	if known && before.guard == g {
		return r, before, nil
	}
	c := &carrier{Context: r.Context(), guard: g, header: r.Header}
	c.principal = &c.own
	if known { // by a guard with the same Authenticator and other rules
		c.own = *before.principal
		if before.filled {
			c.own.Permissions = nil
		}
	} else if err := authenticate(g.Authenticator, r, &c.own); err != nil {
		return r, nil, err
	}
	if c.own.ViaCookie {
		if err := g.crossOrigin().Check(r); err != nil {
			return r, nil, ErrCrossOrigin.With(err)
		}
	}
	if c.own.Permissions == nil && g.Roles != nil {
		c.own.Permissions, c.filled = g.Roles[c.own.Role], true
	}
	return r.WithContext(c), c, nil
}

var defaultProtection http.CrossOriginProtection // never changed

func (g *Guard) crossOrigin() *http.CrossOriginProtection {
	if g.CrossOrigin != nil {
		return g.CrossOrigin
	}
	return &defaultProtection
}

func (g *Guard) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// keepPrivate keeps what a handler shows to one person out of shared caches,
// which may otherwise store a response that says nothing about caching: RFC 9111
// §3.5 exempts requests with an Authorization header, but not those with cookies.
func (c *carrier) keepPrivate(w http.ResponseWriter) {
	if h := w.Header(); h["Cache-Control"] == nil {
		c.cacheControl[0] = "no-cache, private"
		h["Cache-Control"] = c.cacheControl[:]
	}
}

// reject answers a request that is not admitted.
func (g *Guard) reject(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Authorization, Cookie") // for those who overwrite Cache-Control
	if problem.From(err).Status == http.StatusUnauthorized {
		if _, bearer, _ := Bearer(r); !bearer {
			if g.Unauthenticated != nil && g.Unauthenticated(w, r, err) {
				return
			}
			if g.LoginURL != "" && redirectToLogin(w, r, g.LoginURL) {
				return
			}
		}
	}
	if g.WriteError != nil {
		g.WriteError(w, r, err)
		return
	}
	problem.Write(w, r, err)
}
