// Package middleware admits or rejects requests by who makes them. It knows
// nothing of passwords or databases, so a service that only checks tokens links
// neither.
//
// Start with a [Guard]. Package auth hands one out that asks its store on every
// request, so a sign-out or a changed role counts at once:
//
//	guard := svc.Guard()
//	mux.Handle("GET /hello", guard.RequireUser(hello))
//	mux.Handle("GET /admin", guard.RequireRole("admin")(admin))
//
// A second service that holds only the public keys builds its own. It sees a
// revocation when the access token runs out, at most fifteen minutes later by
// default:
//
//	guard := &middleware.Guard{Authenticator: middleware.Tokens(&token.Verifier{
//		Keys:   &token.RemoteKeys{URL: "https://app.example.com/auth/jwks.json"},
//		Issuer: "https://app.example.com/auth",
//	})}
//
// Inside, [PrincipalFrom] says who it is.
//
// The wraps are ordinary func(http.Handler) http.Handler. Each authenticates by
// itself, so each is safe alone; stacked, in any order, they authenticate once.
//
// # What it protects against
//
//   - A credential comes from one place only. An Authorization: Bearer header
//     decides alone, even if it is malformed; cookies are then never looked at.
//     Query strings and form fields never carry tokens. See [Credential].
//   - A cookie of which a request carries two different values counts as
//     neither, because a sibling subdomain can plant one: see [Cookie].
//   - Requests that change something and came with a cookie must be of the same
//     origin, by [http.CrossOriginProtection].
//   - A member of one organization cannot find out which others exist:
//     [Guard.RequireOrgRole] answers strangers as if there were none.
//   - What is shown to a signed-in person is kept out of shared caches.
//   - Wraps that could never admit anybody, or name a role that does not exist,
//     panic when the routes are built, not when a customer calls.
//
// # What it leaves to you
//
// The safe methods GET, HEAD and OPTIONS skip the origin check, so handlers
// must not change anything on them. A CORS handler belongs outside the guard:
// preflight requests carry no credentials and would be refused. The address of
// a client is [RemoteAddr] until you name your proxies to [ForwardedFor].
package middleware
