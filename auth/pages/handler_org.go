package pages

import (
	"context"
	"net/http"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// OrganizationHandler answers /account/organizations/{org} for its members:
// members and their roles, invitations, details, and the ways out.
func OrganizationHandler(p *Pages) http.Handler {
	return p.handler(page{path: orgsPath + "/{org}", guard: p.guard.RequireUser, show: p.showOrg, post: p.postOrg})
}

func (p *Pages) showOrg(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.full(r, v, "organizations")
	who, _ := middleware.PrincipalFrom(r.Context())
	m, err := p.cfg.Organizations.Membership(r.Context(), r.PathValue("org"), who.UserID)
	if err != nil {
		return err
	}
	mine := m.Member.Role
	data := OrganizationData{
		Org: organization(m), CanEdit: mine.AtLeast(store.OrgAdmin), CanInvite: mine.AtLeast(store.OrgAdmin), CanDelete: mine == store.OrgOwner,
		InviteRoles: orgRoles(v.lang, mine, "", store.OrgMember),
	}
	if err := p.members(r, v.lang, m, &data); err != nil {
		return err
	}
	if data.CanInvite {
		if data.Invites, err = p.invites(r.Context(), m); err != nil {
			return err
		}
	}
	prefill(v, map[string]string{"details.name": m.Org.Name, "details.slug": m.Org.Slug, "details.description": m.Org.Description})
	v.Data = data
	p.write(w, r, status, "organization", v)
	return nil
}

// members fills in a page of members, what whoever looks may do with each, and
// who could be handed the ownership.
func (p *Pages) members(r *http.Request, l *language, m *store.Membership, data *OrganizationData) error {
	after, limit, err := p.svc.Page(r, "pages.members")
	if err != nil {
		return err
	}
	rows, err := p.cfg.Organizations.Members(r.Context(), m.Member.UserID, m.Org.ID, after, limit+1)
	if err != nil {
		return err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		data.More = more(orgPath(m.Org.ID), r.URL.Query(), p.svc.SealCursor("pages.members", store.Cursor{At: last.JoinedAt, ID: last.UserID}))
	}
	mine := m.Member.Role
	for _, row := range rows {
		member := Member{UserID: row.UserID, Email: row.UserID, Role: string(row.Role), Joined: row.JoinedAt, You: row.UserID == m.Member.UserID}
		if row.User != nil {
			member.Email, member.Name = row.User.Email, row.User.Name
		}
		if !member.You {
			member.Options = orgRoles(l, mine, row.Role, row.Role)
			member.CanRemove = mayAct(mine, row.Role)
			if mine == store.OrgOwner {
				data.Heirs = append(data.Heirs, Option{Value: row.UserID, Label: member.Email})
			}
		}
		data.Members = append(data.Members, member)
	}
	return nil
}

// mayAct says whether buttons are shown that act on a member; whether they work
// is decided by package auth/org. An owner acts on everybody, an admin on members.
func mayAct(actor, target store.OrgRole) bool {
	return actor == store.OrgOwner || actor == store.OrgAdmin && target.Rank() < actor.Rank()
}

// orgRoles are the roles that actor may give to somebody whose role is target.
func orgRoles(l *language, actor, target, selected store.OrgRole) []Option {
	if !mayAct(actor, target) {
		return nil
	}
	var options []Option
	for _, role := range []store.OrgRole{store.OrgMember, store.OrgAdmin, store.OrgOwner} {
		if role.Rank() <= actor.Rank() {
			options = append(options, Option{Value: string(role), Label: l.textOr("orgrole."+string(role), string(role)), Selected: role == selected})
		}
	}
	return options
}

// inviteLength is how many invitations the page of an organization shows.
const inviteLength = 50

func (p *Pages) invites(ctx context.Context, m *store.Membership) ([]Invite, error) {
	rows, err := p.cfg.Organizations.Invites(ctx, m.Member.UserID, m.Org.ID, store.Cursor{}, inviteLength)
	if err != nil {
		return nil, err
	}
	list := make([]Invite, len(rows))
	for i, row := range rows {
		list[i] = Invite{
			ID: row.ID, Email: row.Email, Role: string(row.Role), Status: string(row.Status),
			Open: row.Status == store.InvitePending, Expires: row.ExpiresAt,
		}
		if list[i].Open && !row.Open(p.svc.Now()) {
			list[i].Status = "expired"
		}
	}
	return list, nil
}

func (p *Pages) postOrg(w http.ResponseWriter, r *http.Request, f form) error {
	who, _ := middleware.PrincipalFrom(r.Context())
	ctx, orgs, org, me := r.Context(), p.cfg.Organizations, r.PathValue("org"), who.UserID
	here, name := orgPath(org), f.get("do")
	var err error
	done := "saved"
	switch {
	case f.get("resend") != "":
		_, err = orgs.ResendInvite(ctx, me, org, f.get("resend"))
		name, done = "invite", "invited"
	case f.get("revoke") != "":
		err = orgs.RevokeInvite(ctx, me, org, f.get("revoke"))
		name, done = "invite", "revoked"
	case name == "invite":
		_, err = orgs.Invite(ctx, me, org, f.get("email"), store.OrgRole(f.get("role")))
		done = "invited"
	case name == "role":
		_, err = orgs.SetRole(ctx, me, org, f.get("user"), store.OrgRole(f.get("role")))
		name = "members"
	case name == "remove":
		err = orgs.Remove(ctx, me, org, f.get("user"))
		name, done = "members", "removed"
	case name == "details":
		_, err = orgs.Update(ctx, me, org, func(o *store.Org) {
			o.Name, o.Slug, o.Description = f.get("name"), f.get("slug"), f.get("description")
		})
	case name == "transfer":
		err = orgs.Transfer(ctx, me, org, f.get("user"))
	case name == "leave" || name == "delete":
		if f.get("sure") == "" {
			return refuse("delete", errNotSure)
		}
		here, done = orgsPath, "left"
		if name == "leave" {
			err = orgs.Leave(ctx, me, org)
		} else {
			err, done = orgs.Delete(ctx, me, org, false, false), "org_deleted"
		}
		name = "delete"
	default:
		return auth.ErrInvalidRequest
	}
	if err != nil {
		return refuse(name, err, "slug_taken", "slug", "already_invited", "email")
	}
	p.goTo(w, r, here+"?done="+done)
	return nil
}
