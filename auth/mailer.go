package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// Mailer delivers messages to people. [NewSMTP] makes one that talks to a mail
// server, [NewOutbox] one for development that only remembers.
type Mailer interface {
	// Send delivers m to the one address m.To, or returns why it could not. It
	// is called from a worker, never from a request, so it may take its time,
	// but it must return soon after ctx ends. It may be called from several
	// goroutines at once.
	//
	// An error that wraps [ErrMailRefused] is final. After any other one the
	// same message is sent again a few times with growing pauses, so a message
	// may arrive twice; m.ID is the same each time. Send must not change m and
	// may keep it. Error texts go to the log: they must not hold passwords,
	// links, or bodies.
	Send(ctx context.Context, m *Message) error
}

// ErrMailRefused says that a message will never be accepted, so that sending it
// again is of no use. A [Mailer] wraps it into the error it returns.
var ErrMailRefused = errors.New("auth: mail refused")

// MailKind says what a message is about. The values are stable for ever: they
// are the names of the template files and appear in logs.
type MailKind string

// The kinds of mail. Those with a link that carries a token say so; the link of
// any other kind is optional and leads to the sign-in page.
const (
	MailVerify               MailKind = "verify"                 // prove this address; with token
	MailReset                MailKind = "reset"                  // choose a new password; with token
	MailSetPassword          MailKind = "set_password"           // an administrator made the account; with token
	MailPasswordChanged      MailKind = "password_changed"       // notice: set, changed, or reset
	MailEmailChange          MailKind = "email_change"           // to the new address, to prove it; with token
	MailEmailChangeRequested MailKind = "email_change_requested" // notice to the present address
	MailEmailChanged         MailKind = "email_changed"          // notice to the old and the new address
	MailNewDevice            MailKind = "new_device"             // notice: a sign-in from a device not seen before
	MailAccountLinked        MailKind = "account_linked"         // notice: one more way to sign in
	MailAccountUnlinked      MailKind = "account_unlinked"       // notice: one way less
	MailSessionReused        MailKind = "session_reused"         // notice: a copied session was ended
	MailLocked               MailKind = "locked"                 // notice: too many wrong passwords
	MailInvite               MailKind = "invite"                 // join an organization; with token
	MailAlreadyRegistered    MailKind = "already_registered"     // somebody registered this address once more
)

// mailKinds lists all kinds in the order of the constants.
var mailKinds = []MailKind{
	MailVerify, MailReset, MailSetPassword, MailPasswordChanged,
	MailEmailChange, MailEmailChangeRequested, MailEmailChanged,
	MailNewDevice, MailAccountLinked, MailAccountUnlinked,
	MailSessionReused, MailLocked, MailInvite, MailAlreadyRegistered,
}

// needsLink reports whether a message of kind k is useless without its link.
func (k MailKind) needsLink() bool {
	switch k {
	case MailVerify, MailReset, MailSetPassword, MailEmailChange, MailInvite:
		return true
	}
	return false
}

// otherAddress reports whether a message about a user may go to an address that
// is not the one stored for that user.
func (k MailKind) otherAddress() bool {
	switch k {
	case MailEmailChange, MailEmailChanged, MailInvite:
		return true
	}
	return false
}

// Message is one mail, ready to be delivered. It is a secret: its link may hold
// a token. Formatting or logging a Message shows neither link nor bodies, and
// only a mask of the address.
type Message struct {
	Kind    MailKind
	ID      string // random; stays the same when the message is sent again
	To      string // the one recipient: a bare, canonical address
	Subject string // one line, not encoded
	Text    string // plain text, lines end in "\n"
	HTML    string // the same in HTML
	Link    string // the link both bodies show, or empty
	Lang    string // language tag of the bodies: "en"

	// User is whom the message is about, without the password hash. It is nil
	// for an invitation to somebody who has no account.
	User *store.User

	CreatedAt time.Time
	ExpiresAt time.Time // when the link dies; zero if never. Not sent any more after it
}

// String names the message without its link and bodies.
func (m Message) String() string {
	return "mail " + string(m.Kind) + " " + m.ID + " to " + maskEmail(m.To)
}

// Format writes String whatever the verb, so that none shows more.
func (m Message) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue names the message without its link and bodies.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("kind", string(m.Kind)),
		slog.String("id", m.ID),
		slog.String("to", maskEmail(m.To)),
	)
}

// maskEmail shows enough of an address to recognise one's own: the first letter
// and the domain.
func maskEmail(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || !plainASCII(email) {
		return "***"
	}
	return local[:1] + "***@" + domain
}

// plainASCII reports whether s consists of visible ASCII characters alone.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
