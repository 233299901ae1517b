// Package aegis is the root of the module and holds no code. Start with package
// [github.com/aegis-auth/aegis/auth], which makes a complete authentication
// service out of a store, a secret and an address. A service that only checks
// tokens needs no more than [github.com/aegis-auth/aegis/middleware].
package aegis
