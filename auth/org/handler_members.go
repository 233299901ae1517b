package org

import (
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

type memberJSON struct {
	UserID   string        `json:"user_id"`
	Email    *string       `json:"email"`
	FullName *string       `json:"full_name"`
	Role     store.OrgRole `json:"role"`
	JoinedAt time.Time     `json:"joined_at"`
}

func (s *Service) memberView(m MemberUser) any {
	v := memberJSON{UserID: m.UserID, Role: m.Role, JoinedAt: m.JoinedAt}
	if m.User != nil {
		v.Email = &m.User.Email
		if m.User.Name != "" {
			v.FullName = &m.User.Name
		}
	}
	return v
}

// view returns the JSON form of one member, account included.
func (s *Service) view(r *http.Request, m *store.Member) any {
	u, err := s.auth.User(r.Context(), m.UserID)
	if err != nil {
		u = nil
	}
	return s.memberView(MemberUser{Member: m, User: u})
}

// MembersHandler answers GET {O}/{org}/members for members.
func MembersHandler(s *Service) http.Handler {
	return s.member(http.MethodGet, store.OrgMember, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		list := "members/" + m.Org.ID
		after, limit, err := s.auth.Page(r, list)
		if err != nil {
			return err
		}
		members, err := s.Members(r.Context(), m.Member.UserID, m.Org.ID, after, limit+1)
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, auth.PageOf(s.auth, list, members, limit,
			func(m MemberUser) store.Cursor { return store.Cursor{At: m.JoinedAt, ID: m.UserID} }, s.memberView))
	})
}

type memberRequest struct {
	UserID *string `json:"user_id"`
	Role   *string `json:"role"`
}

// AddMemberHandler answers POST {O}/{org}/members for admins.
func AddMemberHandler(s *Service) http.Handler {
	return s.member(http.MethodPost, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		var in memberRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		if value(in.UserID) == "" {
			return invalid("user_id", "required", "A user is required.")
		}
		if err := checkIDs("user_id", *in.UserID); err != nil {
			return err
		}
		added, err := s.Add(r.Context(), m.Member.UserID, m.Org.ID, *in.UserID, store.OrgRole(value(in.Role)))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusCreated, s.view(r, added))
	})
}

type bulkRequest struct {
	UserIDs []string `json:"user_ids"`
	Role    *string  `json:"role"`
}

type bulkJSON struct {
	Added   []string `json:"added"`
	Skipped int      `json:"skipped"` // members already
}

// AddMembersHandler answers POST {O}/{org}/members/bulk for admins.
func AddMembersHandler(s *Service) http.Handler {
	return s.member(http.MethodPost, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		var in bulkRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		if err := checkIDs("user_ids", in.UserIDs...); err != nil {
			return err
		}
		added, err := s.AddAll(r.Context(), m.Member.UserID, m.Org.ID, in.UserIDs, store.OrgRole(value(in.Role)))
		if err != nil {
			return err
		}
		ids := make([]string, len(added))
		for i, a := range added {
			ids[i] = a.UserID
		}
		return auth.WriteJSON(w, http.StatusOK, bulkJSON{ids, len(in.UserIDs) - len(ids)})
	})
}

// SetMemberRoleHandler answers PATCH {O}/{org}/members/{user} for admins.
func SetMemberRoleHandler(s *Service) http.Handler {
	return s.member(http.MethodPatch, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		var in memberRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		changed, err := s.SetRole(r.Context(), m.Member.UserID, m.Org.ID, r.PathValue("user"), store.OrgRole(value(in.Role)))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, s.view(r, changed))
	})
}

// RemoveMemberHandler answers DELETE {O}/{org}/members/{user} for admins.
func RemoveMemberHandler(s *Service) http.Handler {
	return s.member(http.MethodDelete, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		if err := s.Remove(r.Context(), m.Member.UserID, m.Org.ID, r.PathValue("user")); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// LeaveHandler answers POST {O}/{org}/leave for members.
func LeaveHandler(s *Service) http.Handler {
	return s.member(http.MethodPost, store.OrgMember, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		if err := s.Leave(r.Context(), m.Member.UserID, m.Org.ID); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// TransferHandler answers POST {O}/{org}/transfer-ownership for owners.
func TransferHandler(s *Service) http.Handler {
	return s.member(http.MethodPost, store.OrgOwner, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		var in memberRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		if value(in.UserID) == "" {
			return invalid("user_id", "required", "A user is required.")
		}
		if err := checkIDs("user_id", *in.UserID); err != nil {
			return err
		}
		if err := s.Transfer(r.Context(), m.Member.UserID, m.Org.ID, *in.UserID); err != nil {
			return err
		}
		now, err := s.membership(r.Context(), m.Org.ID, m.Member.UserID)
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, membershipView(now))
	})
}
