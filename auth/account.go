package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aegis-auth/aegis/store"
)

var zeroTime time.Time

// ChangePassword replaces a user's password after checking the current one. All
// other sessions end; keep, the session of the request, lives on. A user without
// a password gives no current one, and must have signed in a short while ago,
// which is the caller's to check.
//
// Errors: ErrWrongPassword, ErrValidation, ErrUnavailable.
func (s *Service) ChangePassword(ctx context.Context, userID, current, next, keep string) (*store.User, error) {
	u, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	if refused := s.checkNewPassword(ctx, "new_password", next, u); len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	if u.PasswordHash != "" {
		if err := s.provePassword(ctx, u, current); err != nil {
			return nil, err
		}
	}
	hash, err := s.passwords.hash(ctx, next)
	if err != nil {
		return nil, s.hashTrouble(err)
	}
	proved := u.PasswordHash
	u, err = s.modify(ctx, userID, s.cfg.Store.UpdateUser, func(u *store.User) error {
		if !u.Active() || u.PasswordHash != proved {
			return ErrWrongPassword // changed while we checked
		}
		u.PasswordHash = hash
		raise(PasswordChanged, u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Emit(ctx, Event{Kind: PasswordChanged, ActorID: u.ID, UserID: u.ID, SessionID: keep})
	s.end(ctx, PasswordChanged, u, keep)
	return u, nil
}

// provePassword checks the password of somebody who is signed in. Guesses count
// against the same limits as those at the sign-in.
func (s *Service) provePassword(ctx context.Context, u *store.User, password string) error {
	ok, _, err := s.prove(ctx, u.Email, u, password, u.PasswordHash != "", deviceFrom(ctx))
	if err != nil {
		return err
	}
	if !ok {
		s.failedSignIn(ctx, u.Email, u, "wrong_current_password", deviceFrom(ctx))
		return ErrWrongPassword
	}
	return nil
}

// Reauthenticate checks the password of a signed-in user once more and notes in
// the session that it was presented now. It returns a new access token.
//
// Errors: ErrWrongPassword, ErrUnavailable.
func (s *Service) Reauthenticate(ctx context.Context, userID, sessionID, password string) (*Grant, error) {
	u, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	if err := s.provePassword(ctx, u, password); err != nil {
		return nil, err
	}
	now := s.now()
	if err := s.cfg.Store.RenewSession(ctx, sessionID, u.Epoch, now); err != nil {
		return nil, sessionTrouble("renew session", err)
	}
	row, err := s.cfg.Store.SessionByID(ctx, sessionID)
	if err != nil {
		return nil, sessionTrouble("read session", err)
	}
	s.forget(sessionID)
	s.Emit(ctx, Event{Kind: Reauthenticated, ActorID: userID, UserID: userID, SessionID: sessionID})
	return s.accessGrant(ctx, u, row)
}

func sessionTrouble(doing string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrSessionExpired
	}
	return unavailable(doing, err)
}

// regrant returns fresh tokens for a session that lives on after its user was
// changed. If the request brought the session's live refresh token, that is
// exchanged; otherwise only the access token is new.
func (s *Service) regrant(ctx context.Context, u *store.User, sessionID, refresh string, d Device) (*Grant, error) {
	if t, ok := s.codec.decode(refresh); ok && t.sessionID == sessionID {
		if g, err := s.Refresh(ctx, refresh, d); err == nil {
			return g, nil
		}
	}
	row, err := s.cfg.Store.SessionByID(ctx, sessionID)
	if err != nil {
		return nil, sessionTrouble("read session", err)
	}
	if row.Epoch != u.Epoch || !row.Live(s.now()) {
		return nil, ErrSessionExpired
	}
	return s.accessGrant(ctx, u, row)
}

// RequestEmailChange mails a link to the new address that, once followed, makes
// it the user's. The present address is told. Whether the new address has an
// account is not.
//
// Errors: ErrValidation, ErrRateLimited, ErrUnavailable.
func (s *Service) RequestEmailChange(ctx context.Context, userID, email string) error {
	email, err := CanonicalEmail(email)
	if err != nil {
		return invalid("email", "invalid", "This is not an email address we can use.")
	}
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if email == u.Email {
		return invalid("email", "unchanged", "This is your address already.")
	}
	if err := s.spendAddr(ctx, rateMail); err != nil {
		return err
	}
	if err := s.spendMail(ctx, email); err != nil {
		return err
	}
	err = s.SendMail(ctx, MailEmailChange, func(ctx context.Context) ([]Mail, error) {
		taken, err := s.userByEmail(ctx, email)
		if err != nil {
			return nil, err
		}
		d := deviceFrom(ctx)
		old := Mail{Kind: MailEmailChangeRequested, User: u, Link: s.links.SignIn,
			OldEmail: u.Email, NewEmail: email, IP: d.ip(), UserAgent: d.UserAgent}
		if taken != nil {
			return []Mail{old}, nil
		}
		raw, err := s.issue(ctx, u, store.PurposeChangeEmail, email, s.cfg.ChangeTTL)
		if err != nil {
			return nil, err
		}
		return []Mail{old, {Kind: MailEmailChange, User: u, To: email, OldEmail: u.Email, NewEmail: email,
			Link: tokenLink(s.links.ChangeEmail, raw), Lifetime: s.cfg.ChangeTTL}}, nil
	})
	if err != nil {
		return err
	}
	s.Emit(ctx, Event{Kind: EmailChangeRequested, ActorID: userID, UserID: userID})
	return nil
}

// ConfirmEmailChange takes the token that was mailed to a new address and makes
// that the user's. Sessions end, but for keep, if it is the same user's.
//
// Errors: ErrInvalidToken, ErrEmailTaken, ErrUnavailable.
func (s *Service) ConfirmEmailChange(ctx context.Context, raw, keep string) (*store.User, error) {
	if err := s.spendAddr(ctx, rateConfirm); err != nil {
		return nil, err
	}
	t, u, err := s.redeem(ctx, store.PurposeChangeEmail, raw)
	if err != nil {
		return nil, err
	}
	if keep, err = s.sessionOf(ctx, u, keep); err != nil {
		s.putBack(ctx, t)
		return nil, err
	}
	old := *u
	u, err = s.modify(ctx, t.UserID, s.cfg.Store.UpdateUser, func(u *store.User) error {
		if !redeemable(t, u) {
			return ErrInvalidToken
		}
		u.Email = t.Email
		u.EmailVerified = false
		s.markVerified(u) // the link proved the mailbox
		raise(EmailChanged, u)
		return nil
	})
	if err != nil {
		if !errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrEmailTaken) {
			s.putBack(ctx, t)
		}
		return nil, err
	}
	s.Emit(ctx, Event{Kind: EmailChanged, ActorID: u.ID, UserID: u.ID,
		Attrs: []slog.Attr{slog.String("from", maskEmail(old.Email)), slog.String("to", maskEmail(u.Email))}})
	s.end(ctx, EmailChanged, u, keep)
	d := deviceFrom(ctx)
	for _, to := range []string{old.Email, u.Email} {
		s.notifyMail(ctx, Mail{Kind: MailEmailChanged, User: u, To: to, Link: s.links.SignIn,
			OldEmail: old.Email, NewEmail: u.Email, IP: d.ip(), UserAgent: d.UserAgent, At: s.now()})
	}
	return u, nil
}

// DeleteOwnAccount deletes the account of a signed-in user, softly: an
// administrator can restore it. That they signed in a short while ago is the
// caller's to check; password, if it is not empty, is checked besides.
//
// Errors: ErrWrongPassword, ErrLastAdmin, ErrLastOwner, ErrUnavailable.
func (s *Service) DeleteOwnAccount(ctx context.Context, userID, password string) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if u.PasswordHash != "" && password != "" {
		if err := s.provePassword(ctx, u, password); err != nil {
			return err
		}
	}
	for _, leave := range s.beforeDelete {
		if err := leave(ctx, u); err != nil {
			return err
		}
	}
	return s.DeleteUser(ctx, userID, false)
}

// BeforeDelete calls fn before a user deletes their own account; an error from
// one stops it. Packages that hold things of users give them up there. Call it
// before serving.
func (s *Service) BeforeDelete(fn func(ctx context.Context, u *store.User) error) {
	s.beforeDelete = append(s.beforeDelete, fn)
}
