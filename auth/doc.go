// Package auth gives a net/http program complete user accounts: registration,
// sign-in, refresh tokens that rotate and notice theft, sessions, recovery by
// mail, sign-in with other providers, roles, and administration.
//
// Begin with [New] and mount [Service.Mux]; wrap your own routes with
// [Service.Guard]:
//
//	svc, err := auth.New(auth.Config{
//		Store:   memstore.New(),
//		Secret:  []byte(os.Getenv("JWT_SECRET_KEY")),
//		BaseURL: "http://localhost:8000/auth",
//	})
//	…
//	mux.Handle("/auth/", svc.Mux())
//	mux.Handle("GET /hello", svc.Guard().RequireUser(hello))
//
// Every route is also a handler constructor, such as [TokenHandler], and every
// step a handler takes is a method, such as [Service.SignIn]. Handlers are
// finished: each checks method, media type, size, origin and rate itself, so it
// behaves the same wherever it is mounted.
//
// # What it protects against
//
// Passwords are stored with bcrypt, and a bounded number is checked at once, so
// that a flood of sign-ins slows down nothing else. Every failed sign-in gets the
// same bytes after the same work. Access tokens live for 15 minutes, refresh
// tokens are exchanged at every use, and one that is used again ends its session.
// Cookies cannot be read by script, and requests from other sites change nothing.
// What fails says 503 and changes nothing; no trouble is ever taken for theft.
//
// # What it leaves to you
//
// TLS in front of it, a Secret that is random and stays secret, a Mailer that
// reaches people, and Config.ClientIP behind a proxy: without it all clients
// share one address, and so one set of limits.
package auth
