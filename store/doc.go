// Package store says what authentication remembers, and declares the small
// interfaces through which it is remembered.
//
// [Store] is the least an application must bring: users, sessions and one-time
// tokens. Everything else ([IdentityStore], [RoleStore], [OrgStore] …) is looked
// for once, when the service is made. Two complete implementations ship with the
// module, store/memstore and store/sqlstore; a third-party implementation proves
// itself with store/storetest.
//
// # Rules for every implementation
//
//   - Each method is one atomic step. Of many callers racing for one outcome
//     exactly one succeeds, and the others are told so. No caller ever sees half
//     of a step.
//   - A nil error means that the change is as durable as the engine makes a
//     commit. A sentinel of this package means that nothing changed (but for
//     TakeOneTime, which clears an expired token away). Any other error says that
//     the outcome is unknown: callers answer "try again" and draw no conclusion
//     from it. Where more than one sentinel fits, any of them may come back.
//   - Methods are safe for concurrent use. They honour their context; a context
//     that ends gives an error that wraps the context's.
//   - Values are copied in and out. An implementation keeps nothing that it was
//     handed, and a caller may change what it was given.
//   - Strings are compared byte for byte: "a@x" is neither "A@x" nor "a@x ".
//     Strings handed in are valid UTF-8 without NUL. Those that rows are found,
//     filtered or told apart by (identifiers, addresses, slugs, roles, providers,
//     subjects, purposes, kinds, chains, keys of attempts) may be 255 bytes long,
//     all others 4,096. A longer one is refused or kept whole, never cut.
//   - Times come from the caller, in UTC and whole microseconds, of the years 1 to
//     9999; they are given back equal and in UTC, the zero Time included, which is
//     before all others. Implementations never read the clock.
//   - Byte slices and maps are given back equal; an empty one may come back nil.
//     Hashes and MACs may be 64 bytes long, Session.Sealed 1,024. User.Metadata
//     may take 32 KiB and holds valid JSON: a value in the form json.Marshal
//     writes comes back byte for byte, any other at least as the same JSON value.
//   - A nil pointer argument is a programmer's mistake, and may panic.
//   - Lists are ordered as documented, and page by key: a [Cursor] names the last
//     row of the page before, and the page begins behind that place even if the
//     row is gone. Identifiers are ordered byte by byte. A Limit of zero or less
//     means 50. The list of something that is not there is empty, no error.
//   - A method that changes something writes the audit entry its context carries
//     in the same step, if the implementation keeps an audit trail (see
//     [WithAudit]).
package store
