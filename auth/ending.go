package auth

import (
	"context"
	"errors"

	"github.com/aegis-auth/aegis/store"
)

// ending says what an event puts an end to.
type ending struct {
	// sessions ends every session and access token of the user, by raising the
	// epoch that all of them carry.
	sessions bool
	// keepCurrent lets the session of the request live on, with fresh tokens.
	keepCurrent bool
	// tokens are the purposes whose pending one-time tokens die.
	tokens []store.Purpose
	// unlock clears what failed sign-ins have piled up.
	unlock bool
	// mail tells the user.
	mail MailKind
}

var everyPurpose = []store.Purpose{store.PurposeVerifyEmail, store.PurposeResetPassword, store.PurposeChangeEmail}

// endings is the whole rule of what ends what, in one place. An event that is not
// here ends nothing.
var endings = map[EventKind]ending{
	PasswordChanged: {sessions: true, keepCurrent: true, mail: MailPasswordChanged,
		tokens: []store.Purpose{store.PurposeResetPassword, store.PurposeChangeEmail}},
	PasswordResetCompleted: {sessions: true, unlock: true, mail: MailPasswordChanged, tokens: everyPurpose},
	EmailChanged:           {sessions: true, keepCurrent: true, tokens: everyPurpose},
	// Who opened a session before the address was proved may be somebody else.
	EmailVerified:    {sessions: true, keepCurrent: true, tokens: []store.Purpose{store.PurposeVerifyEmail, store.PurposeChangeEmail}},
	UserDeactivated:  {sessions: true, tokens: everyPurpose},
	UserDeleted:      {sessions: true, tokens: everyPurpose},
	UserHardDeleted:  {sessions: true, tokens: everyPurpose},
	IdentityLinked:   {tokens: []store.Purpose{store.PurposeChangeEmail}}, // the mail names the provider
	IdentityUnlinked: {tokens: []store.Purpose{store.PurposeChangeEmail}},
	UserActivated:    {},
	UserRestored:     {},
	RoleChanged:      {},
}

// raise marks u, before it is written, as changed by an event of that kind.
func raise(kind EventKind, u *store.User) {
	if endings[kind].sessions {
		u.Epoch++
	}
}

// end carries out what an event of that kind ends, after u was written with
// [raise]. The epoch has ended all sessions by then, whatever becomes of this:
// what is left to do is tidy up, and keep the session keep, if the event allows. It
// is done even if ctx has ended: the change was made.
func (s *Service) end(ctx context.Context, kind EventKind, u *store.User, keep string) {
	ctx, cancel := detached(ctx)
	defer cancel()
	e := endings[kind]
	trouble := func(doing string, err error) {
		if err != nil {
			s.cfg.Logger.ErrorContext(ctx, doing, "event", kind, "user_id", u.ID, "err", err)
		}
	}
	if !e.keepCurrent {
		keep = ""
	}
	if e.sessions {
		if keep != "" {
			trouble("keep session", s.keepSession(ctx, keep, u))
		}
		_, err := s.cfg.Store.RevokeSessions(ctx, u.ID, keep, s.now())
		trouble("end sessions", err)
		s.forgetUser(u.ID)
	}
	if len(e.tokens) > 0 {
		trouble("drop one-time tokens", s.cfg.Store.DropOneTime(ctx, u.ID, e.tokens...))
	}
	if e.unlock {
		trouble("unlock account", s.unlockAccount(ctx, u))
	}
	if e.mail != "" {
		s.notify(ctx, u, e.mail, deviceFrom(ctx))
	}
}

// keepSession takes a session over into the epoch that u has by now. A connection
// that was lost must not sign out whoever made the change, so it tries twice.
func (s *Service) keepSession(ctx context.Context, id string, u *store.User) error {
	err := s.cfg.Store.RenewSession(ctx, id, u.Epoch, zeroTime)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = s.cfg.Store.RenewSession(ctx, id, u.Epoch, zeroTime)
	}
	return err
}
