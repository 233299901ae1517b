package auth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

// SignIn proves an e-mail address and password, and begins a session on d.
//
// Errors: ErrInvalidCredentials, the same and after the same work whether the
// address is unknown, the password wrong or missing, the account disabled,
// deleted or locked; ErrRateLimited for the client's address; ErrUnavailable; a busy 503 with RetryAfter when too many
// passwords wait to be checked; those of the hooks.
func (s *Service) SignIn(ctx context.Context, email, password string, d Device) (*Grant, error) {
	refund, err := s.takeAddr(ctx, rateSignIn, d)
	if err != nil {
		return nil, err
	}
	u, rehash, err := s.proveByAddress(ctx, email, password, d)
	if err == nil || !errors.Is(err, ErrInvalidCredentials) {
		refund() // only what failed counts against the address
	}
	if err != nil {
		return nil, err
	}
	if rehash {
		s.rehash(ctx, u, password)
	}
	unseen := s.isUnseen(u, d)
	g, err := s.StartSession(ctx, u, "password", d)
	if err != nil {
		return nil, err
	}
	s.Emit(ctx, Event{Kind: SignedIn, ActorID: u.ID, UserID: u.ID, SessionID: g.Session.ID, Device: d})
	if unseen {
		s.notify(ctx, u, MailNewDevice, d)
	}
	return g, nil
}

// isUnseen reports whether u, who has signed in before, does so from a browser
// that they never used. Programs keep no mark, and are not told of.
func (s *Service) isUnseen(u *store.User, d Device) bool {
	return d.Browser && !u.LastLoginAt.IsZero() && s.marks.verify(d.Mark, u.ID, s.now()) == ""
}

// proveByAddress finds the account and checks the password. Whatever is wrong,
// the work is the same: one place in the limits, one look-up, one password
// checked at the configured cost.
func (s *Service) proveByAddress(ctx context.Context, email, password string, d Device) (u *store.User, rehash bool, err error) {
	canonical, err := CanonicalEmail(email)
	if err == nil {
		if u, err = s.userByEmail(ctx, canonical); err != nil {
			return nil, false, err
		}
	} else {
		canonical = email // it has a place in the limits too, and no account
	}
	reason := ""
	switch {
	case u == nil:
		reason = "unknown"
	case !u.Active():
		reason = "inactive"
	case u.PasswordHash == "":
		reason = "no_password"
	case s.cfg.Registration == RegistrationPrivate && !u.EmailVerified:
		reason = "unverified" // or who registered could try out whether the address was free
	}
	ok, rehash, err := s.prove(ctx, canonical, u, password, reason == "", d)
	if err != nil {
		return nil, false, err
	}
	if !ok {
		if reason == "" {
			reason = "wrong_password"
		}
		s.failedSignIn(ctx, canonical, u, reason, d)
		// Same answer and same work for unknown users.
		return nil, false, ErrInvalidCredentials
	}
	return u, rehash, nil
}

func (s *Service) failedSignIn(ctx context.Context, email string, u *store.User, reason string, d Device) {
	e := Event{Kind: SignInFailed, Device: d, Attrs: []slog.Attr{
		slog.String("reason", reason), slog.String("account", maskEmail(cleanText(email, 254)))}}
	if u != nil {
		e.UserID = u.ID
	}
	s.Emit(ctx, e)
}

// rehash replaces an outdated hash of a password that was just proved. It is
// written with the sign-in itself; if it cannot be made, the old one goes on.
func (s *Service) rehash(ctx context.Context, u *store.User, password string) {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "rehash password", "user_id", u.ID, "err", err)
		return
	}
	u.PasswordHash = hash
}

// touchSignIn writes when u last signed in, and what else a sign-in changes. If
// somebody else changed the account meanwhile, their change stands.
func (s *Service) touchSignIn(ctx context.Context, u *store.User) {
	u.LastLoginAt = s.now()
	if err := s.cfg.Store.UpdateUser(ctx, u); err != nil && !errors.Is(err, store.ErrStale) {
		s.cfg.Logger.WarnContext(ctx, "note sign-in", "user_id", u.ID, "err", err)
	}
}

// checkNewPassword returns what is wrong with a new password, under the name of
// the field it came in. u is nil if the account is not known yet.
func (s *Service) checkNewPassword(ctx context.Context, fieldName, password string, u *store.User) []problem.Field {
	password = s.passwords.prepared(password)
	known := []string{s.cfg.AppName, s.origin.Hostname()}
	if u != nil {
		known = append(known, u.Email, u.Name)
	}
	refused := checkPassword(password, s.cfg.Passwords.MinLength, known...)
	if len(refused) == 0 && s.cfg.Passwords.Check != nil && u != nil {
		refusal, failed := runPasswordHook(ctx, func(ctx context.Context) error {
			return s.cfg.Passwords.Check(ctx, password, u)
		})
		if failed != nil {
			s.cfg.Logger.WarnContext(ctx, "password check failed, password accepted", "err", failed)
		}
		if refusal != nil {
			refused = refusal.Fields
			if len(refused) == 0 {
				refused = []problem.Field{field(fieldName, refusal.Code, refusal.Detail)}
			}
		}
	}
	for i := range refused {
		refused[i].Name = fieldName
	}
	return refused
}

// hashTrouble tells a busy gate, which is shown as it is, from a hasher that
// failed.
func (s *Service) hashTrouble(err error) error {
	if errors.Is(err, ErrBusy) {
		return ErrBusy
	}
	return unavailable("hash password", err)
}
