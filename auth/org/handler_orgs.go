package org

import (
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

type orgJSON struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Slug        string         `json:"slug"`
	Description *string        `json:"description"`
	IsActive    bool           `json:"is_active"`
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
	Role        *store.OrgRole `json:"role,omitempty"`
}

func orgView(o *store.Org) orgJSON {
	v := orgJSON{ID: o.ID, Name: o.Name, Slug: o.Slug, IsActive: o.DeletedAt.IsZero(), CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt}
	if o.Description != "" {
		v.Description = &o.Description
	}
	return v
}

func membershipView(m *store.Membership) any {
	v := orgView(m.Org)
	v.Role = &m.Member.Role
	return v
}

func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

type orgRequest struct {
	Name        *string `json:"name"`
	Slug        *string `json:"slug"`
	Description *string `json:"description"`
}

// CreateHandler answers POST {O}.
func CreateHandler(s *Service) http.Handler {
	return s.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		var in orgRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		o, err := s.Create(r.Context(), p.UserID, value(in.Name), value(in.Slug), value(in.Description))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusCreated, membershipView(&store.Membership{Org: o, Member: &store.Member{Role: store.OrgOwner}}))
	})
}

// ListHandler answers GET {O} with the user's own organizations.
func ListHandler(s *Service) http.Handler {
	return s.handler(http.MethodGet, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		after, limit, err := s.auth.Page(r, "orgs.mine")
		if err != nil {
			return err
		}
		ms, err := s.Memberships(r.Context(), p.UserID, after, limit+1)
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, auth.PageOf(s.auth, "orgs.mine", ms, limit,
			func(m *store.Membership) store.Cursor {
				return store.Cursor{At: m.Member.JoinedAt, ID: m.Org.ID}
			}, membershipView))
	})
}

// ListAllHandler answers GET {O}/all for global administrators.
func ListAllHandler(s *Service) http.Handler {
	return s.handler(http.MethodGet, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		after, limit, err := s.auth.Page(r, "orgs.all")
		if err != nil {
			return err
		}
		deleted, err := auth.BoolParam(r, "deleted")
		if err != nil {
			return err
		}
		os, err := s.All(r.Context(), store.OrgQuery{IncludeDeleted: deleted, After: after, Limit: limit + 1})
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, auth.PageOf(s.auth, "orgs.all", os, limit,
			func(o *store.Org) store.Cursor { return store.Cursor{At: o.CreatedAt, ID: o.ID} },
			func(o *store.Org) any { return orgView(o) }))
	}, auth.RoleAdmin)
}

type userMembershipJSON struct {
	UserID       string        `json:"user_id"`
	Organization orgJSON       `json:"organization"`
	Role         store.OrgRole `json:"role"`
	JoinedAt     time.Time     `json:"joined_at"`
}

// MembershipsHandler answers GET {O}/memberships?user= for global administrators:
// the organizations of one user.
func MembershipsHandler(s *Service) http.Handler {
	return s.handler(http.MethodGet, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		after, limit, err := s.auth.Page(r, "orgs.of-user")
		if err != nil {
			return err
		}
		user := r.URL.Query().Get("user")
		if user == "" {
			user = p.UserID
		}
		if err := checkIDs("user", user); err != nil {
			return err
		}
		ms, err := s.Memberships(r.Context(), user, after, limit+1)
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, auth.PageOf(s.auth, "orgs.of-user", ms, limit,
			func(m *store.Membership) store.Cursor {
				return store.Cursor{At: m.Member.JoinedAt, ID: m.Org.ID}
			},
			func(m *store.Membership) any {
				return userMembershipJSON{user, orgView(m.Org), m.Member.Role, m.Member.JoinedAt}
			}))
	}, auth.RoleAdmin)
}

// GetHandler answers GET {O}/{org} for members.
func GetHandler(s *Service) http.Handler {
	return s.member(http.MethodGet, store.OrgMember, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		return auth.WriteJSON(w, http.StatusOK, membershipView(m))
	})
}

// UpdateHandler answers PATCH {O}/{org} for admins.
func UpdateHandler(s *Service) http.Handler {
	return s.member(http.MethodPatch, store.OrgAdmin, func(w http.ResponseWriter, r *http.Request, m *store.Membership) error {
		var in orgRequest
		if err := auth.DecodeJSON(r, &in); err != nil {
			return err
		}
		if in.Name == nil && in.Slug == nil && in.Description == nil {
			return auth.ErrNothingToChange
		}
		o, err := s.Update(r.Context(), m.Member.UserID, m.Org.ID, func(o *store.Org) {
			for _, f := range []struct{ to, from *string }{{&o.Name, in.Name}, {&o.Slug, in.Slug}, {&o.Description, in.Description}} {
				if f.from != nil {
					*f.to = *f.from
				}
			}
		})
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, membershipView(&store.Membership{Org: o, Member: m.Member}))
	})
}

// DeleteHandler answers DELETE {O}/{org}, softly unless ?hard=true, for owners and
// global administrators.
func DeleteHandler(s *Service) http.Handler {
	return s.handler(http.MethodDelete, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		hard, err := auth.BoolParam(r, "hard")
		if err != nil {
			return err
		}
		asAdmin := p.Role == auth.RoleAdmin && s.auth.Config().Roles != nil
		if err := s.Delete(r.Context(), p.UserID, r.PathValue("org"), asAdmin, hard); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// RestoreHandler answers POST {O}/{org}/restore for global administrators.
func RestoreHandler(s *Service) http.Handler {
	return s.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		o, err := s.Restore(r.Context(), r.PathValue("org"))
		if err != nil {
			return err
		}
		return auth.WriteJSON(w, http.StatusOK, orgView(o))
	}, auth.RoleAdmin)
}
