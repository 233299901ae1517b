package middleware

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

// RequireUser admits everybody who is signed in. It answers others with 401,
// [ErrNoCredentials] or what the [Authenticator] said, and requests that another
// site started with 403 [ErrCrossOrigin], as every Require… does.
func (g *Guard) RequireUser(next http.Handler) http.Handler {
	return g.require(next, nil)
}

// OptionalUser admits everybody and tells the handler who is signed in, if
// anybody is: [PrincipalFrom] reports false for visitors.
//
// A session that ended by itself must not take a public page away, so cookies
// that do not hold make a visitor. Everything that somebody sent on purpose, or
// that is a sign of an attack, is refused as by RequireUser: a bearer token that
// does not hold, two values of one cookie, a request from another site that
// would change something, and a store that does not answer.
//
// Responses get Vary: Authorization, Cookie, as they differ by who asks.
func (g *Guard) OptionalUser(next http.Handler) http.Handler {
	g.mustAuthenticate(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, c, err := g.identify(r)
		switch {
		case err == nil:
			c.keepPrivate(w)
		case isVisitor(r, err):
			// An outer guard with another Authenticator may have found somebody;
			// to this one, and what it wraps, there is nobody.
			if carrierFrom(r.Context()) != nil {
				r = r.WithContext(WithPrincipal(r.Context(), nil))
			}
		default:
			g.reject(w, r, err)
			return
		}
		w.Header().Add("Vary", "Authorization, Cookie")
		next.ServeHTTP(w, r)
	})
}

// isVisitor reports whether a request that failed to authenticate with err is
// just one of somebody who is not signed in, or not any more.
func isVisitor(r *http.Request, err error) bool {
	if errors.Is(err, ErrNoCredentials) {
		return true
	}
	return problem.From(err).Status == http.StatusUnauthorized &&
		!errors.Is(err, ErrAmbiguousCookie) &&
		r.Header["Authorization"] == nil && r.Header["Cookie"] != nil
}

// RequireVerified admits users whose e-mail address is verified, and answers
// others with 403 [ErrNotVerified].
func (g *Guard) RequireVerified(next http.Handler) http.Handler {
	return g.require(next, func(_ *http.Request, p *Principal) error {
		if !p.EmailVerified {
			return ErrNotVerified
		}
		return nil
	})
}

// RequireRole admits users with one of the roles, and answers others with 403
// [ErrInsufficientRole]. Roles are flat: an admin is no moderator unless both are
// named.
//
// It panics if no role is named, one is empty, or [Guard.Roles] does not have it:
// a route that nobody can use, or a misspelt role, is to be noticed when the
// program starts.
func (g *Guard) RequireRole(any ...string) func(http.Handler) http.Handler {
	mustName("RequireRole", "role", any)
	if g != nil && g.Roles != nil {
		for _, role := range any {
			if _, ok := g.Roles[role]; !ok {
				panic(unknown("RequireRole", "role", role, slices.Sorted(maps.Keys(g.Roles))))
			}
		}
	}
	any = slices.Clone(any)
	return func(next http.Handler) http.Handler {
		return g.require(next, func(_ *http.Request, p *Principal) error {
			if !p.HasRole(any...) {
				return ErrInsufficientRole
			}
			return nil
		})
	}
}

// RequirePermission admits users who have all of the permissions, and answers
// others with 403 [ErrInsufficientPermission].
//
// It panics if no permission is named, one is empty, or no role of [Guard.Roles]
// has it.
func (g *Guard) RequirePermission(all ...string) func(http.Handler) http.Handler {
	mustName("RequirePermission", "permission", all)
	if g != nil && g.Roles != nil {
		known := map[string]bool{}
		for _, permissions := range g.Roles {
			for _, permission := range permissions {
				known[permission] = true
			}
		}
		for _, permission := range all {
			if !known[permission] {
				panic(unknown("RequirePermission", "permission", permission, slices.Sorted(maps.Keys(known))))
			}
		}
	}
	all = slices.Clone(all)
	return func(next http.Handler) http.Handler {
		return g.require(next, func(_ *http.Request, p *Principal) error {
			for _, permission := range all {
				if !p.Can(permission) {
					return ErrInsufficientPermission
				}
			}
			return nil
		})
	}
}

// RequireOrgRole admits members of the organization whose ID stands in the
// path's wildcard, with min or a higher role. Members of lower rank are answered
// with 403 [ErrInsufficientRole], and everybody else with 404 [ErrOrgNotFound],
// whether the organization exists or not.
//
//	mux.Handle("GET /orgs/{org}/books", guard.RequireOrgRole(store.OrgMember, "org")(books))
//
// It panics if min is none of the three roles or wildcard is empty. A route
// whose pattern has no such wildcard answers 500.
func (g *Guard) RequireOrgRole(min store.OrgRole, wildcard string) func(http.Handler) http.Handler {
	if min.Rank() == 0 {
		panic(unknown("RequireOrgRole", "role", string(min),
			[]string{string(store.OrgMember), string(store.OrgAdmin), string(store.OrgOwner)}))
	}
	if wildcard == "" {
		panic("middleware: RequireOrgRole: name the wildcard that holds the organization's ID")
	}
	return func(next http.Handler) http.Handler {
		return g.require(next, func(r *http.Request, p *Principal) error {
			org := r.PathValue(wildcard)
			if org == "" {
				return noOrg(r.Pattern, wildcard)
			}
			role, err := g.orgRole(r, org, p)
			switch {
			case err != nil:
				return err
			case role.Rank() == 0:
				// Same answer for an unknown organization and for a stranger.
				return ErrOrgNotFound
			case !role.AtLeast(min):
				return ErrInsufficientRole
			}
			return nil
		})
	}
}

func (g *Guard) orgRole(r *http.Request, org string, p *Principal) (store.OrgRole, error) {
	if g.OrgRoles == nil {
		return p.Orgs[org], nil
	}
	role, err := g.OrgRoles.OrgRole(r.Context(), org, p.UserID)
	if err == nil {
		return role, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if _, ok := errors.AsType[*problem.Error](err); ok {
		return "", err
	}
	return "", problem.ErrUnavailable.With(fmt.Errorf("organization role: %w", err))
}

// noOrg is the answer where the path names no organization: not found, unless
// that is because the pattern has no such wildcard. Then nobody could ever be
// admitted, and the programmer has to know. Routers that do not set r.Pattern
// get the first answer.
func noOrg(pattern, wildcard string) error {
	if pattern == "" || strings.Contains(pattern, "{"+wildcard+"}") || strings.Contains(pattern, "{"+wildcard+"...}") {
		return ErrOrgNotFound
	}
	return fmt.Errorf("middleware: RequireOrgRole: the pattern %q has no wildcard {%s}", pattern, wildcard)
}

// clockSkew is how far the clock of the process that authenticated a user may
// run ahead of this one.
const clockSkew = 30 * time.Second

// RequireFresh admits users who presented a password or the like at most maxAge
// ago, by [Principal.AuthTime], and answers others with 403 [ErrReauthenticate].
// Credentials that do not say when, such as API keys, are never fresh.
//
// It panics if maxAge is not positive.
func (g *Guard) RequireFresh(maxAge time.Duration) func(http.Handler) http.Handler {
	if maxAge <= 0 {
		panic(fmt.Sprintf("middleware: RequireFresh: maxAge is %v, nobody could be admitted", maxAge))
	}
	stale := *ErrReauthenticate
	stale.Challenge += fmt.Sprintf(", max_age=%d", int64(maxAge/time.Second)) // RFC 9470 §3
	return func(next http.Handler) http.Handler {
		return g.require(next, func(_ *http.Request, p *Principal) error {
			age := g.now().Sub(p.AuthTime)
			if p.AuthTime.IsZero() || age > maxAge || age < -clockSkew {
				return &stale
			}
			return nil
		})
	}
}

func mustName(method, what string, names []string) {
	if len(names) == 0 {
		panic(fmt.Sprintf("middleware: %s: name at least one %s; without, nobody or everybody could be meant", method, what))
	}
	if slices.Contains(names, "") {
		panic(fmt.Sprintf("middleware: %s: a %s is empty", method, what))
	}
}

func unknown(method, what, name string, known []string) string {
	return fmt.Sprintf("middleware: %s: unknown %s %q; known are %q", method, what, name, known)
}
