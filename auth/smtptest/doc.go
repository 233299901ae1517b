// Package smtptest proves [auth.SMTP] in conversations with a real mail server,
// emersion/go-smtp, and with hostile ones. It is a module of its own, so that
// the server is no dependency of the library, and holds nothing but tests.
package smtptest

import "github.com/aegis-auth/aegis/auth"

var _ auth.Mailer = (*auth.SMTP)(nil)
