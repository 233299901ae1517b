// Package token signs and verifies access tokens: JSON Web Tokens in the
// profile of RFC 9068, read more strictly than the RFCs ask.
//
// The service that signs people in holds a [Keyring]. It signs with one key,
// accepts several, and is changed while it runs: [Keyring.Accept] adds a key that
// only verifies, [Keyring.Rotate] makes it the signer, [Keyring.Retire] drops the
// old one when its last token has expired. Every service that receives tokens
// holds a [Verifier], beside the same Keyring or beside [RemoteKeys], which fetches
// the public keys from the first service's [JWKSHandler].
//
// # What it protects against
//
// The algorithm is a property of the [Key], never of the token: a header that asks
// for another one, "none" included, fails, and a public key cannot become an HMAC
// secret. Tokens are compact, at most 4,096 bytes, canonical base64url, with the
// header members alg, kid and typ and no others; duplicate members, missing or
// mistyped claims and tokens of any other kind (typ is exactly at+jwt) are refused.
// Weak and well-known secrets do not become keys. Verified tokens are remembered
// in a cache of bounded size that a key change empties; expiry, issuer, audience
// and the Revoked hook are asked again each time.
//
// # What it leaves to you
//
// A token is valid until it expires, whatever happened to its user since. A
// service that must know sooner compares [Claims.Epoch] and the session with its
// database, or sets Verifier.Revoked. Tokens are signed, not encrypted: put no
// secret and no address into them.
package token
