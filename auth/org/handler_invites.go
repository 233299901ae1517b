package org

import (
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

type inviteJSON struct {
	ID             string        `json:"id"`
	OrganizationID string        `json:"organization_id"`
	Organization   *string       `json:"organization_name,omitempty"`
	Email          string        `json:"email"`
	Role           store.OrgRole `json:"role"`
	Status         string        `json:"status"`
	CreatedAt      time.Time     `json:"created_at"`
	ExpiresAt      time.Time     `json:"expires_at"`
}

func (s *Service) inviteView(i *store.Invite) any { return s.inviteJSON(i) }

// inviteJSON never has the token, nor its hash.
func (s *Service) inviteJSON(i *store.Invite) inviteJSON {
	return inviteJSON{ID: i.ID, OrganizationID: i.OrgID, Email: i.Email, Role: i.Role, Status: s.Status(i),
		CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt}
}

// Status returns what became of an invitation: pending, accepted, declined,
// revoked or expired.
func (s *Service) Status(i *store.Invite) string {
	if i.Status == store.InvitePending && !i.Open(s.auth.Now()) {
		return "expired"
	}
	return string(i.Status)
}

type inviteRequest struct {
	Email *string `json:"email"`
	Role  *string `json:"role"`
}

type acceptRequest struct {
	Token *string `json:"token"`
}

// InviteHandler answers POST {O}/{org}/invites for admins.
func InviteHandler(s *Service) http.Handler {
	return s.member(http.MethodPost, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		var in inviteRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		i, err := s.Invite(r.Context(), m.Member.UserID, m.Org.ID, value(in.Email), store.OrgRole(value(in.Role)))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusCreated, s.inviteView(i))
	})
}

// InvitesHandler answers GET {O}/{org}/invites for admins.
func InvitesHandler(s *Service) http.Handler {
	return s.member(http.MethodGet, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		list := "invites/" + m.Org.ID
		after, limit, err := s.auth.Page(r, list)
		if err != nil {
			return err
		}
		invites, err := s.Invites(r.Context(), m.Member.UserID, m.Org.ID, after, limit+1)
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, auth.PageOf(s.auth, list, invites, limit,
			func(i *store.Invite) store.Cursor { return store.Cursor{At: i.CreatedAt, ID: i.ID} }, s.inviteView))
	})
}

// RevokeInviteHandler answers DELETE {O}/{org}/invites/{id} for admins.
func RevokeInviteHandler(s *Service) http.Handler {
	return s.member(http.MethodDelete, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		if err := s.RevokeInvite(r.Context(), m.Member.UserID, m.Org.ID, r.PathValue("id")); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// ResendInviteHandler answers POST {O}/{org}/invites/{id}/resend for admins.
func ResendInviteHandler(s *Service) http.Handler {
	return s.member(http.MethodPost, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		i, err := s.ResendInvite(r.Context(), m.Member.UserID, m.Org.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, s.inviteView(i))
	})
}

// MyInvitesHandler answers GET {P}/invites with the open invitations to the user.
func MyInvitesHandler(s *Service) http.Handler {
	return s.handler(http.MethodGet, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		open, err := s.InvitesTo(r.Context(), p.User)
		if err != nil {
			return err
		}
		items := make([]inviteJSON, len(open))
		for n, i := range open {
			items[n] = s.inviteJSON(i.Invite)
			items[n].Organization = &i.Org.Name
		}
		return auth.WriteJSON(w, http.StatusOK, map[string]any{"items": items, "next": nil})
	})
}

// AcceptByIDHandler answers POST {P}/invites/{id}/accept.
func AcceptByIDHandler(s *Service) http.Handler {
	return s.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		m, err := s.AcceptByID(r.Context(), p.User, r.PathValue("id"))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, membershipView(m))
	})
}

// DeclineHandler answers POST {P}/invites/{id}/decline.
func DeclineHandler(s *Service) http.Handler {
	return s.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		if err := s.Decline(r.Context(), p.User, r.PathValue("id")); err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, map[string]string{"detail": "Declined."})
	})
}

// AcceptHandler answers POST {P}/accept-invite with the token of an invitation.
func AcceptHandler(s *Service) http.Handler {
	return s.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		var in acceptRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		m, err := s.Accept(r.Context(), p.User, value(in.Token))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, membershipView(m))
	})
}
