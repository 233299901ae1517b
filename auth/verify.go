package auth

import (
	"context"
	"errors"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

// sendVerification mails a new user the link that proves the address.
func (s *Service) sendVerification(ctx context.Context, u *store.User) {
	if err := s.queueVerification(ctx, u.ID); err != nil {
		s.cfg.Logger.WarnContext(ctx, "verification not sent", "user_id", u.ID, "err", err)
	}
}

// RequestVerification mails a user the link that proves their address. It voids
// every earlier link. For a user who has proved it already nothing is sent.
//
// Errors: ErrRateLimited, ErrUnavailable.
func (s *Service) RequestVerification(ctx context.Context, userID string) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if u.EmailVerified {
		return nil
	}
	if err := s.spendAddr(ctx, rateMail); err != nil {
		return err
	}
	if err := s.spendMail(ctx, u.Email); err != nil {
		return err
	}
	return s.queueVerification(ctx, userID)
}

func (s *Service) queueVerification(ctx context.Context, userID string) error {
	return s.SendMail(ctx, MailVerify, func(ctx context.Context) ([]Mail, error) {
		u, err := s.User(ctx, userID)
		if errors.Is(err, ErrNotFound) || err == nil && (u.EmailVerified || !u.Active()) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		m, err := s.verificationMail(ctx, u)
		if err != nil {
			return nil, err
		}
		s.Emit(ctx, Event{Kind: VerificationSent, ActorID: u.ID, UserID: u.ID})
		return []Mail{m}, nil
	})
}

func (s *Service) verificationMail(ctx context.Context, u *store.User) (Mail, error) {
	raw, err := s.issue(ctx, u, store.PurposeVerifyEmail, u.Email, s.cfg.VerifyTTL)
	if err != nil {
		return Mail{}, err
	}
	return Mail{Kind: MailVerify, User: u, Link: tokenLink(s.links.VerifyEmail, raw), Lifetime: s.cfg.VerifyTTL}, nil
}

// VerifyEmail takes the token of a verification link: the address is proved.
// Sessions begun before end, but for keep, the session of the request, if it is
// the same user's.
//
// Errors: ErrInvalidToken, ErrUnavailable.
func (s *Service) VerifyEmail(ctx context.Context, raw, keep string) (*store.User, error) {
	if err := s.spendAddr(ctx, rateConfirm); err != nil {
		return nil, err
	}
	t, u, err := s.redeem(ctx, store.PurposeVerifyEmail, raw)
	if err != nil {
		return nil, err
	}
	if keep, err = s.sessionOf(ctx, u, keep); err != nil {
		s.putBack(ctx, t)
		return nil, err
	}
	u, err = s.modify(ctx, t.UserID, s.cfg.Store.UpdateUser, func(u *store.User) error {
		if !redeemable(t, u) {
			return ErrInvalidToken
		}
		s.markVerified(u)
		raise(EmailVerified, u)
		return nil
	})
	if err != nil {
		if !errors.Is(err, ErrInvalidToken) {
			s.putBack(ctx, t)
		}
		return nil, err
	}
	s.Emit(ctx, Event{Kind: EmailVerified, ActorID: u.ID, UserID: u.ID})
	s.end(ctx, EmailVerified, u, keep)
	return u, nil
}

// markVerified notes that u's address is proved; addresses in Config.Admins
// become administrators by it.
func (s *Service) markVerified(u *store.User) {
	if !u.EmailVerified && slices.Contains(s.cfg.Admins, u.Email) {
		u.Role = RoleAdmin
	}
	u.EmailVerified = true
}

// sessionOf returns sessionID if it is a live session of u, else "".
func (s *Service) sessionOf(ctx context.Context, u *store.User, sessionID string) (string, error) {
	if sessionID == "" {
		return "", nil
	}
	row, err := s.cfg.Store.SessionByID(ctx, sessionID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case err != nil:
		return "", unavailable("read session", err)
	case row.UserID != u.ID || row.Epoch != u.Epoch || !row.Live(s.now()):
		return "", nil
	}
	return sessionID, nil
}
