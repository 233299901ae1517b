package org

import (
	"context"
	"errors"
	"log/slog"
	"net/url"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// inviteLabel keeps tokens of invitations apart from all other one-time tokens.
const inviteLabel = "invite"

// Invite invites the holder of an address on behalf of an admin, by mail. What
// comes back is the same whether or not the address has an account.
//
// Errors: ErrNotFound, ErrRank, ErrInvited, auth.ErrValidation,
// auth.ErrRateLimited, ErrUnavailable.
func (s *Service) Invite(ctx context.Context, actorID, orgID, email string, role store.OrgRole) (*store.Invite, error) {
	m, err := s.mayInvite(ctx, actorID, orgID, role)
	if err != nil {
		return nil, err
	}
	canonical, err := auth.CanonicalEmail(email)
	if err != nil {
		return nil, invalid("email", "invalid", "This is not an email address we can use.")
	}
	if err := s.auth.Spend(ctx, "invites", orgID, s.auth.Config().Limits.Invites); err != nil {
		return nil, err
	}
	raw, hash := auth.NewOneTimeSecret(inviteLabel)
	now := s.auth.Now()
	i := &store.Invite{ID: store.NewID(now), OrgID: orgID, Email: canonical, Role: role, Hash: hash, InvitedBy: actorID,
		Status: store.InvitePending, CreatedAt: now, ExpiresAt: now.Add(s.cfg.InviteTTL)}
	e := event(ctx, InviteCreated, orgID, "", slog.String("role", string(role)))
	err = s.auth.Privileged(ctx, e, func(ctx context.Context) error {
		err := s.invites.CreateInvite(ctx, i)
		if errors.Is(err, store.ErrConflict) {
			return ErrInvited
		}
		return fromStore("create invite", err)
	})
	if err != nil {
		return nil, err
	}
	return i, s.mail(ctx, m.Org, actorID, i, raw)
}

// mayInvite returns the organization, if the actor may invite with that role.
func (s *Service) mayInvite(ctx context.Context, actorID, orgID string, role store.OrgRole) (*store.Membership, error) {
	if role.Rank() == 0 {
		return nil, badRole()
	}
	m, err := s.membership(ctx, orgID, actorID)
	if err != nil {
		return nil, err
	}
	if !mayChange(m.Member.Role, "", role) {
		return nil, ErrRank
	}
	return m, nil
}

// mail sends an invitation. If it cannot be queued, the invitation is withdrawn,
// so that it can be made again.
func (s *Service) mail(ctx context.Context, o *store.Org, actorID string, i *store.Invite, raw string) error {
	inviter, err := s.auth.User(ctx, actorID)
	if err == nil {
		link, parseErr := url.Parse(s.auth.Links().AcceptInvite)
		if parseErr != nil {
			return parseErr
		}
		link.RawQuery = url.Values{"token": {raw}}.Encode()
		m := auth.Mail{Kind: auth.MailInvite, To: i.Email, Link: link.String(), Lifetime: s.cfg.InviteTTL,
			Org: o.Name, Inviter: inviter.Name, Role: string(i.Role)}
		if m.Inviter == "" {
			m.Inviter = inviter.Email
		}
		err = s.auth.SendMail(ctx, auth.MailInvite, func(context.Context) ([]auth.Mail, error) { return []auth.Mail{m}, nil })
	}
	if err != nil {
		if closeErr := s.invites.CloseInvite(ctx, i.ID, store.InviteRevoked); closeErr != nil {
			s.logger.WarnContext(ctx, "withdraw invite", "err", closeErr)
		}
	}
	return err
}

// Invites returns a page of an organization's invitations, newest first, on
// behalf of an admin.
//
// Errors: ErrNotFound, ErrRank, ErrUnavailable.
func (s *Service) Invites(ctx context.Context, actorID, orgID string, after store.Cursor, limit int) ([]*store.Invite, error) {
	if _, err := s.mayInvite(ctx, actorID, orgID, store.OrgMember); err != nil {
		return nil, err
	}
	list, err := s.invites.ListInvites(ctx, orgID, after, limit)
	return list, fromStore("list invites", err)
}

// ofOrg returns a pending invitation of an organization that the actor may act
// on, and that organization.
func (s *Service) ofOrg(ctx context.Context, actorID, orgID, id string) (*store.Invite, *store.Org, error) {
	m, err := s.mayInvite(ctx, actorID, orgID, store.OrgMember)
	if err != nil {
		return nil, nil, err
	}
	i, err := s.invites.InviteByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (i.OrgID != orgID || i.Status != store.InvitePending) {
		return nil, nil, auth.ErrNotFound
	}
	if err != nil {
		return nil, nil, fromStore("read invite", err)
	}
	if !mayChange(m.Member.Role, "", i.Role) {
		return nil, nil, ErrRank
	}
	return i, m.Org, nil
}

// RevokeInvite withdraws an invitation on behalf of an admin.
//
// Errors: ErrNotFound, ErrRank, auth.ErrNotFound if it is not pending,
// ErrUnavailable.
func (s *Service) RevokeInvite(ctx context.Context, actorID, orgID, id string) error {
	if _, _, err := s.ofOrg(ctx, actorID, orgID, id); err != nil {
		return err
	}
	return s.close(ctx, InviteRevoked, orgID, id, store.InviteRevoked)
}

func (s *Service) close(ctx context.Context, kind auth.EventKind, orgID, id string, status store.InviteStatus) error {
	return s.auth.Privileged(ctx, event(ctx, kind, orgID, ""), func(ctx context.Context) error {
		err := s.invites.CloseInvite(ctx, id, status)
		if errors.Is(err, store.ErrNotFound) {
			return auth.ErrNotFound
		}
		return fromStore("close invite", err)
	})
}

// ResendInvite mails an invitation again, with another link and a fresh life. The
// old link is dead.
//
// Errors: those of RevokeInvite, auth.ErrRateLimited.
func (s *Service) ResendInvite(ctx context.Context, actorID, orgID, id string) (*store.Invite, error) {
	i, o, err := s.ofOrg(ctx, actorID, orgID, id)
	if err != nil {
		return nil, err
	}
	if err := s.auth.Spend(ctx, "invites", orgID, s.auth.Config().Limits.Invites); err != nil {
		return nil, err
	}
	raw, hash := auth.NewOneTimeSecret(inviteLabel)
	i.Hash, i.ExpiresAt = hash, s.auth.Now().Add(s.cfg.InviteTTL)
	err = s.invites.RenewInvite(ctx, orgID, id, hash, i.ExpiresAt)
	if errors.Is(err, store.ErrNotFound) {
		return nil, auth.ErrNotFound
	}
	if err != nil {
		return nil, fromStore("renew invite", err)
	}
	s.auth.Emit(ctx, event(ctx, InviteCreated, orgID, "", slog.Bool("again", true)))
	return i, s.mail(ctx, o, actorID, i, raw)
}

// OpenInvite is an invitation together with the organization it is to. It is
// declared in package auth, as MemberUser is.
type OpenInvite = auth.OpenInvite

// InvitesTo returns the open invitations to a user, who must have proved their
// address: before that there are none.
func (s *Service) InvitesTo(ctx context.Context, u *store.User) ([]OpenInvite, error) {
	if !u.EmailVerified {
		return nil, nil
	}
	list, err := s.invites.ListInvitesTo(ctx, u.Email)
	if err != nil {
		return nil, fromStore("list invites", err)
	}
	open := []OpenInvite{}
	for _, i := range list {
		if !i.Open(s.auth.Now()) {
			continue
		}
		o, err := s.store.OrgByID(ctx, i.OrgID)
		if err == nil && o.DeletedAt.IsZero() {
			open = append(open, OpenInvite{Invite: i, Org: o})
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fromStore("read organization", err)
		}
	}
	return open, nil
}

// byToken returns the open invitation with that token.
func (s *Service) byToken(ctx context.Context, raw string) (*store.Invite, error) {
	hash, ok := auth.HashOneTimeSecret(inviteLabel, raw)
	if !ok {
		return nil, ErrInvalidToken
	}
	i, err := s.invites.InviteByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) || err == nil && !i.Open(s.auth.Now()) {
		return nil, ErrInvalidToken
	}
	return i, fromStore("read invite", err)
}

// InvitedEmail implements [auth.Invites].
func (s *Service) InvitedEmail(ctx context.Context, raw string) (string, error) {
	i, err := s.byToken(ctx, raw)
	if err != nil {
		return "", err
	}
	return i.Email, nil
}

// AcceptInvite implements [auth.Invites].
func (s *Service) AcceptInvite(ctx context.Context, u *store.User, raw string) error {
	_, err := s.Accept(ctx, u, raw)
	return err
}

// Peek returns the open invitation with that token, without using it up.
//
// Errors: ErrInvalidToken, ErrUnavailable.
func (s *Service) Peek(ctx context.Context, raw string) (*OpenInvite, error) {
	i, err := s.byToken(ctx, raw)
	if err != nil {
		return nil, err
	}
	o, err := s.store.OrgByID(ctx, i.OrgID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !o.DeletedAt.IsZero() {
		return nil, ErrInvalidToken
	}
	if err != nil {
		return nil, fromStore("read organization", err)
	}
	return &OpenInvite{Invite: i, Org: o}, nil
}

// Accept makes u a member by the token of an invitation.
//
// Errors: ErrInvalidToken, ErrEmailMismatch, ErrMember, ErrUnavailable.
func (s *Service) Accept(ctx context.Context, u *store.User, raw string) (*store.Membership, error) {
	i, err := s.byToken(ctx, raw)
	if err != nil {
		return nil, err
	}
	if !s.cfg.AcceptByTokenOnly && !mine(i, u) {
		return nil, ErrEmailMismatch
	}
	return s.accept(ctx, u, i)
}

// mine reports whether an invitation is to an address that u has proved.
func mine(i *store.Invite, u *store.User) bool { return u.EmailVerified && u.Email == i.Email }

// AcceptByID makes u a member by an invitation that was found in InvitesTo.
//
// Errors: auth.ErrNotFound if it is not an open one to u, ErrMember,
// ErrUnavailable.
func (s *Service) AcceptByID(ctx context.Context, u *store.User, id string) (*store.Membership, error) {
	i, err := s.toUser(ctx, u, id)
	if err != nil {
		return nil, err
	}
	m, err := s.accept(ctx, u, i)
	if errors.Is(err, ErrInvalidToken) {
		return nil, auth.ErrNotFound
	}
	return m, err
}

// toUser returns the open invitation with that ID, if it is to u.
func (s *Service) toUser(ctx context.Context, u *store.User, id string) (*store.Invite, error) {
	i, err := s.invites.InviteByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (!mine(i, u) || !i.Open(s.auth.Now())) {
		return nil, auth.ErrNotFound
	}
	return i, fromStore("read invite", err)
}

// accept joins u. The inviter must still be someone who may give that role, and
// the organization must still be there: both are looked at in the same step.
func (s *Service) accept(ctx context.Context, u *store.User, i *store.Invite) (*store.Membership, error) {
	e := event(ctx, InviteAccepted, i.OrgID, u.ID, slog.String("role", string(i.Role)))
	e.ActorID = u.ID
	err := s.auth.Privileged(ctx, e, func(ctx context.Context) error {
		err := s.invites.AcceptInvite(ctx, i.ID, u.ID, s.auth.Now(), func(i *store.Invite, o *store.Org, inviter *store.Member) error {
			if inviter == nil || !o.DeletedAt.IsZero() || !mayChange(inviter.Role, "", i.Role) {
				return ErrInvalidToken
			}
			return nil
		})
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrExpired):
			return ErrInvalidToken
		case errors.Is(err, store.ErrConflict):
			return ErrMember
		}
		return fromStore("accept invite", err)
	})
	if err != nil {
		return nil, err
	}
	return s.membership(ctx, i.OrgID, u.ID)
}

// Decline turns down an invitation that was found in InvitesTo.
//
// Errors: auth.ErrNotFound if it is not an open one to u, ErrUnavailable.
func (s *Service) Decline(ctx context.Context, u *store.User, id string) error {
	i, err := s.toUser(ctx, u, id)
	if err != nil {
		return err
	}
	return s.close(ctx, InviteDeclined, i.OrgID, id, store.InviteDeclined)
}

var _ auth.Invites = (*Service)(nil)
