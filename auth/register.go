package auth

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

// maxName bounds a person's name, in code points.
const maxName = 100

// Register makes an account and mails the link that proves its address. In
// RegistrationPrivate it does so behind the caller's back, and returns no user:
// whether the address was free is told in the mail alone.
//
// Errors: ErrRegistrationClosed, ErrValidation with every refused field,
// ErrEmailTaken, ErrInvalidToken for the invitation, ErrRateLimited, ErrUnavailable, and whatever Hooks.BeforeRegister returns.
func (s *Service) Register(ctx context.Context, in Registrant) (*store.User, error) {
	if s.cfg.Registration == RegistrationClosed {
		return nil, ErrRegistrationClosed
	}
	if err := s.spendAddr(ctx, rateRegister); err != nil {
		return nil, err
	}
	u, err := s.newUser(ctx, in)
	if err != nil {
		return nil, err
	}
	if in.Invite != "" {
		if err := s.checkInvite(ctx, in.Invite, u); err != nil {
			return nil, err
		}
	}
	// The password is hashed before the store is asked, so that a taken address
	// costs as much as a free one.
	if u.PasswordHash, err = s.passwords.hash(ctx, in.Password); err != nil {
		return nil, s.hashTrouble(err)
	}
	if s.cfg.Registration == RegistrationPrivate && in.Invite == "" {
		return nil, s.registerPrivately(ctx, u)
	}
	if err := s.createUser(ctx, u); err != nil {
		return nil, err
	}
	if in.Invite != "" {
		s.acceptInvite(ctx, in.Invite, u)
	} else {
		s.sendVerification(ctx, u)
	}
	return u, nil
}

// Invites is what package auth/org offers to a registration that begins with an
// invitation.
type Invites interface {
	// InvitedEmail returns the address that the open invitation with that token
	// was mailed to, or ErrInvalidToken.
	InvitedEmail(ctx context.Context, token string) (string, error)
	// AcceptInvite makes u, who has that address and has proved it, a member.
	AcceptInvite(ctx context.Context, u *store.User, token string) error
}

// SetInvites makes registrations accept invitations. Call it before serving.
func (s *Service) SetInvites(i Invites) { s.invites = i }

// checkInvite marks u as verified if the token was mailed to u's address.
func (s *Service) checkInvite(ctx context.Context, raw string, u *store.User) error {
	if s.invites == nil {
		return ErrInvalidToken
	}
	email, err := s.invites.InvitedEmail(ctx, raw)
	if err != nil {
		return err
	}
	if email != u.Email {
		return invalid("email", "not_invited", "The invitation was sent to another address.")
	}
	s.markVerified(u)
	return nil
}

// acceptInvite joins u. The account stands whether or not that succeeds: the
// invitation can be accepted later.
func (s *Service) acceptInvite(ctx context.Context, raw string, u *store.User) {
	if err := s.invites.AcceptInvite(ctx, u, raw); err != nil {
		s.cfg.Logger.WarnContext(ctx, "accept invitation", "user_id", u.ID, "err", err)
	}
}

// newUser checks what a registrant says, all of it at once.
func (s *Service) newUser(ctx context.Context, in Registrant) (*store.User, error) {
	now := s.now()
	u := &store.User{Name: in.Name, Role: s.defaultRole(), Metadata: in.Metadata, CreatedAt: now, UpdatedAt: now}
	var refused []problem.Field
	email, err := CanonicalEmail(in.Email)
	if err != nil {
		refused = append(refused, field("email", "invalid", "This is not an email address we can use."))
	}
	u.Email = email
	name, bad := cleanName("full_name", in.Name)
	refused = append(refused, bad...)
	u.Name = name
	refused = append(refused, s.checkNewPassword(ctx, "password", in.Password, u)...)
	if len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	if hook := s.cfg.Hooks.BeforeRegister; hook != nil {
		if err := hook(ctx, u); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (s *Service) defaultRole() string {
	if s.cfg.Roles == nil {
		return ""
	}
	return s.cfg.DefaultRole
}

// createUser writes a new user and tells of it.
func (s *Service) createUser(ctx context.Context, u *store.User) error {
	var err error
	if s.cfg.FirstUserAdmin {
		err = s.cfg.RoleStore.CreateUserClaiming(ctx, u, RoleAdmin)
	} else {
		err = s.cfg.Store.CreateUser(ctx, u)
	}
	if errors.Is(err, store.ErrConflict) {
		return ErrEmailTaken
	}
	if err != nil {
		return unavailable("create user", err)
	}
	s.Emit(ctx, Event{Kind: UserRegistered, ActorID: actorOf(ctx), UserID: u.ID})
	return nil
}

// cleanName trims a name and refuses what has no place in one: control
// characters, line ends, and the marks that reverse text.
func cleanName(fieldName, name string) (string, []problem.Field) {
	name = strings.TrimSpace(name)
	switch {
	case utf8.RuneCountInString(name) > maxName:
		return "", []problem.Field{field(fieldName, "too_long", "A name has at most 100 characters.")}
	case !utf8.ValidString(name) || strings.ContainsFunc(name, notInNames):
		return "", []problem.Field{field(fieldName, "invalid", "A name has no control characters.")}
	}
	return name, nil
}

func notInNames(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return true
	case r == 0x200d, r == 0x200c: // joiners, which several scripts need
		return false
	}
	return unicode.Is(unicode.Cf, r)
}
