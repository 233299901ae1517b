package pages

import (
	"context"
	"net/http"
	"net/url"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// Organizations is what the pages need of organizations. The service of package
// auth/org has it; the errors of its methods, and who may do what, are described
// there.
type Organizations interface {
	Memberships(ctx context.Context, userID string, after store.Cursor, limit int) ([]*store.Membership, error)
	Membership(ctx context.Context, orgID, userID string) (*store.Membership, error)
	Create(ctx context.Context, userID, name, slug, description string) (*store.Org, error)
	Update(ctx context.Context, actorID, orgID string, change func(*store.Org)) (*store.Org, error)
	Delete(ctx context.Context, actorID, orgID string, asAdmin, hard bool) error

	Members(ctx context.Context, actorID, orgID string, after store.Cursor, limit int) ([]auth.MemberUser, error)
	SetRole(ctx context.Context, actorID, orgID, userID string, role store.OrgRole) (*store.Member, error)
	Remove(ctx context.Context, actorID, orgID, userID string) error
	Leave(ctx context.Context, userID, orgID string) error
	Transfer(ctx context.Context, actorID, orgID, userID string) error

	Invite(ctx context.Context, actorID, orgID, email string, role store.OrgRole) (*store.Invite, error)
	Invites(ctx context.Context, actorID, orgID string, after store.Cursor, limit int) ([]*store.Invite, error)
	RevokeInvite(ctx context.Context, actorID, orgID, id string) error
	ResendInvite(ctx context.Context, actorID, orgID, id string) (*store.Invite, error)

	InvitesTo(ctx context.Context, u *store.User) ([]auth.OpenInvite, error)
	Peek(ctx context.Context, token string) (*auth.OpenInvite, error)
	Accept(ctx context.Context, u *store.User, token string) (*store.Membership, error)
	AcceptByID(ctx context.Context, u *store.User, id string) (*store.Membership, error)
	Decline(ctx context.Context, u *store.User, id string) error
}

const orgsPath = "/account/organizations"

// OrganizationsHandler answers /account/organizations: the user's organizations,
// invitations to them, and a form that makes another one.
func OrganizationsHandler(p *Pages) http.Handler {
	return p.handler(page{path: orgsPath, guard: p.guard.RequireUser, show: p.showOrgs, post: p.postOrgs})
}

func (p *Pages) showOrgs(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.full(r, v, "organizations")
	who, _ := middleware.PrincipalFrom(r.Context())
	after, limit, err := p.svc.Page(r, "pages.orgs")
	if err != nil {
		return err
	}
	rows, err := p.cfg.Organizations.Memberships(r.Context(), who.UserID, after, limit+1)
	if err != nil {
		return err
	}
	var data OrganizationsData
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		data.More = more(orgsPath, r.URL.Query(), p.svc.SealCursor("pages.orgs", store.Cursor{At: last.Member.JoinedAt, ID: last.Org.ID}))
	}
	for _, m := range rows {
		data.Orgs = append(data.Orgs, organization(m))
	}
	invites, err := p.cfg.Organizations.InvitesTo(r.Context(), who.User)
	if err != nil {
		return err
	}
	for _, i := range invites {
		data.Invites = append(data.Invites, Invite{ID: i.ID, Org: i.Org.Name, Role: string(i.Role), Expires: i.ExpiresAt, Open: true})
	}
	v.Data = data
	p.write(w, r, status, "organizations", v)
	return nil
}

func organization(m *store.Membership) Organization {
	return Organization{ID: m.Org.ID, Name: m.Org.Name, Slug: m.Org.Slug, Description: m.Org.Description, Role: string(m.Member.Role)}
}

func orgPath(id string) string { return orgsPath + "/" + url.PathEscape(id) }

func (p *Pages) postOrgs(w http.ResponseWriter, r *http.Request, f form) error {
	who, _ := middleware.PrincipalFrom(r.Context())
	switch {
	case f.get("accept") != "":
		m, err := p.cfg.Organizations.AcceptByID(r.Context(), who.User, f.get("accept"))
		if err != nil {
			return refuse("", err)
		}
		p.goTo(w, r, orgPath(m.Org.ID)+"?done=joined")
	case f.get("decline") != "":
		if err := p.cfg.Organizations.Decline(r.Context(), who.User, f.get("decline")); err != nil {
			return refuse("", err)
		}
		p.goTo(w, r, orgsPath+"?done=declined")
	case f.get("do") == "new":
		o, err := p.cfg.Organizations.Create(r.Context(), who.UserID, f.get("name"), f.get("slug"), f.get("description"))
		if err != nil {
			return refuse("new", err, "slug_taken", "slug")
		}
		p.goTo(w, r, orgPath(o.ID)+"?done=created")
	default:
		return auth.ErrInvalidRequest
	}
	return nil
}

// AcceptInviteHandler answers /accept-invite?token=, where the mail of an
// invitation leads: a button for who is signed in, and the ways to sign in or
// register for others.
func AcceptInviteHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/accept-invite", renew: true, show: p.showInvite, post: p.postInvite})
}

func (p *Pages) showInvite(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.takeToken(r, v)
	var data InviteData
	if v.Token != "" {
		i, err := p.cfg.Organizations.Peek(r.Context(), v.Token)
		switch {
		case err == nil:
			data.Org = i.Org.Name
		case isStatus(err, http.StatusBadRequest):
			v.Token, v.Failure, status = "", p.invalidToken(v), http.StatusBadRequest
		default:
			return err
		}
	}
	if v.Token != "" && v.Me == nil {
		v.Next = p.svc.ReturnPath("/accept-invite?token="+url.QueryEscape(v.Token), "")
	}
	v.Data = data
	p.write(w, r, status, "accept-invite", v)
	return nil
}

func (p *Pages) postInvite(w http.ResponseWriter, r *http.Request, f form) error {
	who, ok := middleware.PrincipalFrom(r.Context())
	if !ok {
		p.goTo(w, r, withNext("/login", p.svc.ReturnPath("/accept-invite?token="+url.QueryEscape(f.get("token")), "")))
		return nil
	}
	m, err := p.cfg.Organizations.Accept(r.Context(), who.User, f.get("token"))
	if err != nil {
		return refuse("invite", err)
	}
	p.goTo(w, r, orgPath(m.Org.ID)+"?done=joined")
	return nil
}
