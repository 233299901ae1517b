// Package oauth signs people in with accounts they hold elsewhere: GitHub,
// Google, and any OpenID Connect issuer.
//
// # What to use
//
// Most programs only name providers and hand them to the authentication
// service, which has finished handlers for the rest:
//
//	providers := []oauth.Provider{
//		oauth.GitHub(id, secret),
//		oauth.Google(id, secret),
//		&oauth.OIDC{ID: "work", Label: "Work account", Issuer: "https://login.example.com",
//			ClientID: id, ClientSecret: secret},
//	}
//
// A program that wants its own handlers does three things: it makes a [Flow]
// with [NewFlow] and keeps it where only this browser can bring it back, sends
// the browser to [Provider.AuthCodeURL], and, when the browser returns with
// that flow and a matching state, calls [Provider.Identify].
//
// # What it protects against
//
// Every flow has its own state, PKCE verifier (always S256, RFC 7636) and
// nonce, 256 random bits each. The issuer named in a callback is compared
// (RFC 9207). An authorization code is sent at most once, to one address, with
// one form of client authentication. ID tokens must be signed with an
// asymmetric key of the issuer and are checked for issuer, audience, authorized
// party, times, nonce, subject and access token hash (OpenID Connect Core,
// section 3.1.3.7). JSON with duplicate members is refused. All requests have
// a time limit, answers a size limit, redirects are not followed, and plain
// http is spoken to loopback addresses only. Nothing that a provider sends is
// repeated in an error text, and access tokens are forgotten when
// [Provider.Identify] returns.
//
// # What it leaves to you
//
// Binding the flow to the browser, comparing the state, handling the error
// parameter of a callback, and deciding what an e-mail address is worth. For
// the last, read [Identity]: a person is (provider, subject) and nothing else,
// and an address may only connect to an existing account when
// EmailAuthoritative says that the provider speaks for that mailbox.
package oauth
