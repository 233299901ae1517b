package auth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aegis-auth/aegis/store"
)

// writeGuarded returns how a change of a user is written: through the guard of the last
// administrator if roles are in use.
func (s *Service) writeGuarded() func(context.Context, *store.User) error {
	if s.cfg.Roles == nil || s.cfg.RoleStore == nil {
		return s.cfg.Store.UpdateUser
	}
	return func(ctx context.Context, u *store.User) error {
		return s.cfg.RoleStore.UpdateUserKeeping(ctx, u, RoleAdmin)
	}
}

// administer changes a user as one privileged step: the change, its audit entry,
// and what the event ends.
func (s *Service) administer(ctx context.Context, kind EventKind, id string, attrs []slog.Attr, change func(*store.User) error) (*store.User, error) {
	var u *store.User
	err := s.Privileged(ctx, Event{Kind: kind, ActorID: actorOf(ctx), UserID: id, Attrs: attrs}, func(ctx context.Context) (err error) {
		u, err = s.modify(ctx, id, s.writeGuarded(), func(u *store.User) error {
			if err := change(u); err != nil {
				return err
			}
			raise(kind, u)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.end(ctx, kind, u, "")
	s.forgetUser(id)
	return u, nil
}

// Users returns a page of users, newest first.
func (s *Service) Users(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	if s.cfg.Users == nil {
		return nil, errors.New("auth: the store does not implement store.UserLister")
	}
	us, err := s.cfg.Users.ListUsers(ctx, q)
	if err != nil {
		return nil, unavailable("list users", err)
	}
	return us, nil
}

// SetRole gives a user another role. Sessions go on; the role counts from the
// next request.
//
// Errors: ErrValidation for a role that is not configured, ErrNotFound,
// ErrLastAdmin, ErrUnavailable.
func (s *Service) SetRole(ctx context.Context, id, role string) (*store.User, error) {
	if _, ok := s.cfg.Roles[role]; !ok {
		return nil, invalid("role", "unknown", "There is no such role.")
	}
	return s.administer(ctx, RoleChanged, id, []slog.Attr{slog.String("role", role)}, func(u *store.User) error {
		if !u.DeletedAt.IsZero() {
			return ErrNotFound
		}
		u.Role = role
		return nil
	})
}

// SetDisabled keeps a user out, at once and on every device, or lets them sign in
// again. Letting in revives no session.
//
// Errors: ErrNotFound, ErrLastAdmin, ErrUnavailable.
func (s *Service) SetDisabled(ctx context.Context, id string, disabled bool) (*store.User, error) {
	kind := UserActivated
	if disabled {
		kind = UserDeactivated
	}
	return s.administer(ctx, kind, id, nil, func(u *store.User) error {
		if !u.DeletedAt.IsZero() {
			return ErrNotFound
		}
		u.Disabled = disabled
		return nil
	})
}

// DeleteUser deletes a user: softly, so that [Service.RestoreUser] brings them
// back, or hard, with everything the store has of them. Both end every session at
// once.
//
// Errors: ErrNotFound, ErrLastAdmin, ErrUnavailable.
func (s *Service) DeleteUser(ctx context.Context, id string, hard bool) error {
	_, err := s.administer(ctx, UserDeleted, id, nil, func(u *store.User) error {
		if !u.DeletedAt.IsZero() {
			if hard {
				return nil // deleted softly before, now for good
			}
			return ErrNotFound
		}
		u.DeletedAt = s.now()
		return nil
	})
	if err != nil || !hard {
		return err
	}
	return s.Privileged(ctx, Event{Kind: UserHardDeleted, ActorID: actorOf(ctx), UserID: id}, func(ctx context.Context) error {
		if err := s.cfg.Store.DeleteUser(ctx, id); err != nil {
			return unavailable("delete user", err)
		}
		return nil
	})
}

// RestoreUser brings back a user who was deleted softly. No session revives.
//
// Errors: ErrNotFound if there is no such deleted user, ErrEmailTaken if the
// address has another account by now, ErrUnavailable.
func (s *Service) RestoreUser(ctx context.Context, id string) (*store.User, error) {
	return s.administer(ctx, UserRestored, id, nil, func(u *store.User) error {
		if u.DeletedAt.IsZero() {
			return ErrNotFound
		}
		u.DeletedAt = zeroTime
		return nil
	})
}

// CreateUser makes an account on behalf of an administrator, without a password,
// and mails a link that sets one. in.Password is ignored.
//
// Errors: ErrValidation, ErrEmailTaken, ErrUnavailable.
func (s *Service) CreateUser(ctx context.Context, in Registrant, role string) (*store.User, error) {
	u, err := s.NewAccount(ctx, in, role)
	if err != nil {
		return nil, err
	}
	err = s.SendMail(ctx, MailSetPassword, func(ctx context.Context) ([]Mail, error) {
		m, err := s.resetMail(ctx, u, MailSetPassword)
		return []Mail{m}, err
	})
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "set-password link not sent", "user_id", u.ID, "err", err)
	}
	return u, nil
}

// NewAccount makes an account and sends nothing. It is for programs that act for
// an administrator: in.Password may be empty, and role, if empty, is the default.
//
// Errors: ErrValidation, ErrEmailTaken, ErrUnavailable.
func (s *Service) NewAccount(ctx context.Context, in Registrant, role string) (*store.User, error) {
	now := s.now()
	if role == "" {
		role = s.defaultRole()
	} else if _, ok := s.cfg.Roles[role]; !ok {
		return nil, invalid("role", "unknown", "There is no such role.")
	}
	email, err := CanonicalEmail(in.Email)
	if err != nil {
		return nil, invalid("email", "invalid", "This is not an email address we can use.")
	}
	name, refused := cleanName("full_name", in.Name)
	u := &store.User{Email: email, Name: name, Role: role, Metadata: in.Metadata, CreatedAt: now, UpdatedAt: now}
	if in.Password != "" {
		refused = append(refused, s.checkNewPassword(ctx, "password", in.Password, u)...)
	}
	if len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	if in.Password != "" {
		if u.PasswordHash, err = s.passwords.hash(ctx, in.Password); err != nil {
			return nil, s.hashTrouble(err)
		}
	}
	return s.createAudited(ctx, u)
}

// createAudited writes a user that somebody else than the user makes, together
// with its audit entry. The entry names the address, because the store makes the
// ID in the same step.
func (s *Service) createAudited(ctx context.Context, u *store.User, attrs ...slog.Attr) (*store.User, error) {
	attrs = append([]slog.Attr{slog.String("account", maskEmail(u.Email))}, attrs...)
	err := s.Privileged(ctx, Event{Kind: UserRegistered, ActorID: actorOf(ctx), Attrs: attrs}, func(ctx context.Context) error {
		switch err := s.cfg.Store.CreateUser(ctx, u); {
		case errors.Is(err, store.ErrConflict):
			return ErrEmailTaken
		case err != nil:
			return unavailable("create user", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// EndSessions ends every session of a user.
//
// Errors: ErrNotFound, ErrUnavailable.
func (s *Service) EndSessions(ctx context.Context, id string) error {
	if _, err := s.anyUser(ctx, id); err != nil {
		return err
	}
	err := s.Privileged(ctx, Event{Kind: SessionRevoked, ActorID: actorOf(ctx), UserID: id}, func(ctx context.Context) error {
		if _, err := s.cfg.Store.RevokeSessions(ctx, id, "", s.now()); err != nil {
			return unavailable("end sessions", err)
		}
		return nil
	})
	s.forgetUser(id)
	return err
}

// Unlock clears what failed sign-ins have piled up against a user.
//
// Errors: ErrNotFound, ErrUnavailable.
func (s *Service) Unlock(ctx context.Context, id string) error {
	u, err := s.User(ctx, id)
	if err != nil {
		return err
	}
	return s.Privileged(ctx, Event{Kind: AccountUnlocked, ActorID: actorOf(ctx), UserID: id}, func(ctx context.Context) error {
		return s.unlockAccount(ctx, u)
	})
}

// AuditTrail returns stored events, newest first.
func (s *Service) AuditTrail(ctx context.Context, q store.AuditQuery) ([]*store.AuditEntry, error) {
	if s.cfg.Audit == nil {
		return nil, ErrNotFound
	}
	entries, err := s.cfg.Audit.ListAudit(ctx, q)
	if err != nil {
		return nil, unavailable("list audit trail", err)
	}
	return entries, nil
}
