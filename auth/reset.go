package auth

import (
	"context"
	"errors"

	"github.com/aegis-auth/aegis/store"
)

// RequestPasswordReset mails a link that sets a new password, if there is an
// active account with that address. The caller learns nothing: the account is
// looked up beside the request.
//
// Errors: ErrValidation if email is no address, ErrRateLimited, ErrUnavailable.
func (s *Service) RequestPasswordReset(ctx context.Context, email string) error {
	email, err := CanonicalEmail(email)
	if err != nil {
		return invalid("email", "invalid", "This is not an email address.")
	}
	if err := s.spendAddr(ctx, rateMail); err != nil {
		return err
	}
	if err := s.spendMail(ctx, email); err != nil {
		return err
	}
	return s.SendMail(ctx, MailReset, func(ctx context.Context) ([]Mail, error) {
		u, err := s.userByEmail(ctx, email)
		if err != nil || u == nil || !u.Active() {
			return nil, err
		}
		m, err := s.resetMail(ctx, u, MailReset)
		if err != nil {
			return nil, err
		}
		s.Emit(ctx, Event{Kind: PasswordResetRequested, UserID: u.ID})
		return []Mail{m}, nil
	})
}

// resetMail issues a token that sets u's password, and the mail that brings it.
func (s *Service) resetMail(ctx context.Context, u *store.User, kind MailKind) (Mail, error) {
	raw, err := s.issue(ctx, u, store.PurposeResetPassword, u.Email, s.cfg.ResetTTL)
	if err != nil {
		return Mail{}, err
	}
	d := deviceFrom(ctx)
	return Mail{Kind: kind, User: u, Link: tokenLink(s.links.ResetPassword, raw), Lifetime: s.cfg.ResetTTL,
		IP: d.ip(), UserAgent: d.UserAgent}, nil
}

// ResetPassword takes the token of a reset link and sets a new password. It ends
// every session and every other pending token, clears a lock, and proves the
// address. It signs nobody in. A password that is refused leaves the token good.
//
// Errors: ErrInvalidToken, ErrValidation, ErrUnavailable.
func (s *Service) ResetPassword(ctx context.Context, raw, password string) (*store.User, error) {
	if err := s.spendAddr(ctx, rateConfirm); err != nil {
		return nil, err
	}
	if refused := s.checkNewPassword(ctx, "new_password", password, nil); len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	t, u, err := s.redeem(ctx, store.PurposeResetPassword, raw)
	if err != nil {
		return nil, err
	}
	wasVerified := u.EmailVerified
	if u, err = s.resetPassword(ctx, t, u, password); err != nil {
		if !errors.Is(err, ErrInvalidToken) {
			s.putBack(ctx, t)
		}
		return nil, err
	}
	if !wasVerified { // once more, for what the sessions have added that ended just now
		if err := s.dropIdentities(ctx, u.ID); err != nil {
			s.cfg.Logger.ErrorContext(ctx, "drop identities", "user_id", u.ID, "err", err)
		}
	}
	s.Emit(ctx, Event{Kind: PasswordResetCompleted, ActorID: u.ID, UserID: u.ID})
	s.end(ctx, PasswordResetCompleted, u, "")
	return u, nil
}

func (s *Service) resetPassword(ctx context.Context, t *store.OneTimeToken, u *store.User, password string) (*store.User, error) {
	if refused := s.checkNewPassword(ctx, "new_password", password, u); len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return nil, s.hashTrouble(err)
	}
	if !u.EmailVerified { // and will be: what may be somebody else's goes first
		if err := s.dropIdentities(ctx, u.ID); err != nil {
			return nil, err
		}
	}
	return s.modify(ctx, u.ID, s.cfg.Store.UpdateUser, func(u *store.User) error {
		if !redeemable(t, u) {
			return ErrInvalidToken
		}
		u.PasswordHash = hash
		s.markVerified(u) // the link proved the mailbox
		raise(PasswordResetCompleted, u)
		return nil
	})
}

// dropIdentities removes accounts elsewhere that were linked before the address
// was proved: whoever linked them need not be the owner of the mailbox.
func (s *Service) dropIdentities(ctx context.Context, userID string) error {
	if s.cfg.Identities == nil {
		return nil
	}
	ids, err := s.cfg.Identities.ListIdentities(ctx, userID)
	if err != nil {
		return unavailable("list identities", err)
	}
	for _, id := range ids {
		err := s.cfg.Identities.RemoveIdentity(ctx, userID, id.Provider, false)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return unavailable("drop identity", err)
		}
	}
	return nil
}

// registerPrivately finishes a registration without the caller learning whether
// the address was free.
func (s *Service) registerPrivately(ctx context.Context, u *store.User) error {
	if err := s.spendMail(ctx, u.Email); err != nil {
		return err
	}
	return s.SendMail(ctx, MailVerify, func(ctx context.Context) ([]Mail, error) {
		fresh := *u
		err := s.createUser(ctx, &fresh)
		if err == nil {
			m, err := s.verificationMail(ctx, &fresh)
			return []Mail{m}, err
		}
		if !errors.Is(err, ErrEmailTaken) {
			return nil, err
		}
		known, err := s.userByEmail(ctx, u.Email)
		if err != nil || known == nil || !known.Active() {
			return nil, err
		}
		// The password of an account that is there already never changes here,
		// verified or not: only the owner of the mailbox may set one.
		m, err := s.resetMail(ctx, known, MailAlreadyRegistered)
		return []Mail{m}, err
	})
}
