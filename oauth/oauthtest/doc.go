// Package oauthtest is a provider to sign in with, for tests: an OpenID Connect
// issuer and a GitHub on one loopback server. Left alone it behaves well and
// checks that its client does too (PKCE, redirect address, client
// authentication, single use of codes). Told to, it misbehaves in any of the
// ways that [Behaviors] lists.
//
// A test of sign-in, from start to identity, needs four lines:
//
//	srv := oauthtest.NewServer(t, oauthtest.Script{})
//	provider := srv.OIDC() // or srv.GitHub(), srv.Google()
//	address, err := provider.AuthCodeURL(ctx, flow)
//	callback := srv.Visit(t, address)
//
// Visit is a browser whose owner agrees at once: callback holds the query that
// the provider sent it back with. A test of a whole application gives the
// provider to the application, follows its start route to the provider, and
// hands the callback to its callback route.
//
// Walk [Behaviors] to see that an application survives all of them:
//
//	for _, b := range oauthtest.Behaviors() {
//		srv.Play(b)
//		// begin, Visit, finish: b.Outcome() says what must come of it
//	}
//
// A provider remembers the discovery document and keys of its issuer, so make a
// new one for every behavior.
package oauthtest
