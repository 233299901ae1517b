package org

import (
	"net/http"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// Routes returns every endpoint of s. Those under auth's path are about the
// invitations of a user.
func (s *Service) Routes() []auth.Route {
	var table []auth.Route
	add := func(name, method, path, access string, h http.Handler) {
		table = append(table, auth.Route{Name: "orgs." + name, Pattern: method + " " + path, Access: access, Handler: h, Doc: routeDocs[name]})
	}
	o, p := s.cfg.Path, s.auth.Path()
	const member, admin, owner = "org:member", "org:admin", "org:owner"
	add("create", "POST", o, "user", CreateHandler(s))
	add("list", "GET", o, "user", ListHandler(s))
	if s.auth.Config().Roles != nil {
		add("all", "GET", o+"/all", "role:admin", ListAllHandler(s))
		add("memberships", "GET", o+"/memberships", "role:admin", MembershipsHandler(s))
		add("restore", "POST", o+"/{org}/restore", "role:admin", RestoreHandler(s))
	}
	add("get", "GET", o+"/{org}", member, GetHandler(s))
	add("update", "PATCH", o+"/{org}", admin, UpdateHandler(s))
	add("delete", "DELETE", o+"/{org}", "org:owner or role:admin", DeleteHandler(s))
	add("transfer", "POST", o+"/{org}/transfer-ownership", owner, TransferHandler(s))
	add("leave", "POST", o+"/{org}/leave", member, LeaveHandler(s))
	add("members", "GET", o+"/{org}/members", member, MembersHandler(s))
	add("members.add", "POST", o+"/{org}/members", admin, AddMemberHandler(s))
	add("members.add_all", "POST", o+"/{org}/members/bulk", admin, AddMembersHandler(s))
	add("members.set_role", "PATCH", o+"/{org}/members/{user}", admin, SetMemberRoleHandler(s))
	add("members.remove", "DELETE", o+"/{org}/members/{user}", admin, RemoveMemberHandler(s))
	add("invites", "GET", o+"/{org}/invites", admin, InvitesHandler(s))
	add("invites.create", "POST", o+"/{org}/invites", admin, InviteHandler(s))
	add("invites.revoke", "DELETE", o+"/{org}/invites/{id}", admin, RevokeInviteHandler(s))
	add("invites.resend", "POST", o+"/{org}/invites/{id}/resend", admin, ResendInviteHandler(s))
	add("invites.mine", "GET", p+"/invites", "user", MyInvitesHandler(s))
	add("invites.accept", "POST", p+"/invites/{id}/accept", "user", AcceptByIDHandler(s))
	add("invites.decline", "POST", p+"/invites/{id}/decline", "user", DeclineHandler(s))
	add("invites.accept_token", "POST", p+"/accept-invite", "user", AcceptHandler(s))
	return table
}

// serveFunc answers a request of a signed-in user.
type serveFunc func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error

// handler makes a finished handler for signed-in users.
func (s *Service) handler(method string, serve serveFunc, roles ...string) http.Handler {
	guard := s.Guard()
	var inner http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := middleware.PrincipalFrom(r.Context())
		if err := serve(w, r, p); err != nil {
			s.auth.Fail(w, r, err)
		}
	})
	if len(roles) > 0 {
		inner = guard.RequireRole(roles...)(inner)
	} else {
		inner = guard.RequireUser(inner)
	}
	return s.auth.Method(method, inner)
}

// member makes a finished handler for members of the organization in the path
// with at least a role. Strangers learn nothing of it.
func (s *Service) member(method string, min store.OrgRole, serve func(w http.ResponseWriter, r *http.Request, m *store.Membership) error) http.Handler {
	return s.handler(method, func(w http.ResponseWriter, r *http.Request, p *middleware.Principal) error {
		m, err := s.membership(r.Context(), r.PathValue("org"), p.UserID)
		if err != nil {
			return err
		}
		if !m.Member.Role.AtLeast(min) {
			return ErrRank
		}
		return serve(w, r, m)
	})
}
