package storetest

import (
	"context"

	"github.com/aegis-auth/aegis/store"
)

// A read is one method that only reads, together with rows for it to find.
type read struct {
	name  string
	needs capability
	setUp func(t *probe) func(ctx context.Context) (any, error)
}

// reading makes a read out of a method that takes one argument.
func reading[A, R any](get func(ctx context.Context, arg A) (R, error), arg A) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) { return get(ctx, arg) }
}

func reads() []read {
	first := store.Cursor{}
	return []read{
		{name: "UserByID", setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.UserByID, t.user().ID)
		}},
		{name: "UserByEmail", setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.UserByEmail, t.user().Email)
		}},
		{name: "SessionByID", setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.SessionByID, t.fullSession().ID)
		}},
		{name: "ListSessions", setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.ListSessions, t.fullSession().UserID)
		}},
		{name: "UserWithSession", needs: principal, setUp: func(t *probe) func(context.Context) (any, error) {
			id := t.fullSession().ID
			return func(ctx context.Context) (any, error) {
				u, s, err := t.principals.UserWithSession(ctx, id)
				return struct {
					User    *store.User
					Session *store.Session
				}{u, s}, err
			}
		}},
		{name: "ListUsers", needs: lister, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.lister.ListUsers, store.UserQuery{EmailPrefix: t.user().Email})
		}},
		{name: "UsersByIDs", needs: lister, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.lister.UsersByIDs, []string{t.user().ID})
		}},
		{name: "IdentityBySubject", needs: identities, setUp: func(t *probe) func(context.Context) (any, error) {
			id := t.identity(t.user(), "github")
			return func(ctx context.Context) (any, error) {
				return t.identities.IdentityBySubject(ctx, id.Provider, id.Subject)
			}
		}},
		{name: "ListIdentities", needs: identities, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.identities.ListIdentities, t.identity(t.user(), "github").UserID)
		}},
		{name: "ListAudit", needs: audit, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.audit.ListAudit, store.AuditQuery{UserID: t.entries(1)[0].UserID})
		}},
		{name: "AuditHeads", needs: audit, setUp: func(t *probe) func(context.Context) (any, error) {
			t.entries(1)
			return func(ctx context.Context) (any, error) { return t.audit.AuditHeads(ctx) }
		}},
		{name: "AuditChain", needs: audit, setUp: func(t *probe) func(context.Context) (any, error) {
			chain := t.entries(2)[0].Chain
			return func(ctx context.Context) (any, error) { return t.audit.AuditChain(ctx, chain, 0, 5) }
		}},
		{name: "OrgByID", needs: orgs, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.orgs.OrgByID, t.org(t.user()).ID)
		}},
		{name: "ListOrgs", needs: orgs, setUp: func(t *probe) func(context.Context) (any, error) {
			t.org(t.user())
			return reading(t.orgs.ListOrgs, store.OrgQuery{Limit: 1})
		}},
		{name: "ListMemberships", needs: orgs, setUp: func(t *probe) func(context.Context) (any, error) {
			u := t.user()
			t.org(u)
			return func(ctx context.Context) (any, error) { return t.orgs.ListMemberships(ctx, u.ID, first, 5) }
		}},
		{name: "Membership", needs: orgs, setUp: func(t *probe) func(context.Context) (any, error) {
			u := t.user()
			o := t.org(u)
			return func(ctx context.Context) (any, error) { return t.orgs.Membership(ctx, o.ID, u.ID) }
		}},
		{name: "ListMembers", needs: orgs, setUp: func(t *probe) func(context.Context) (any, error) {
			o := t.org(t.user())
			return func(ctx context.Context) (any, error) { return t.orgs.ListMembers(ctx, o.ID, first, 5) }
		}},
		{name: "InviteByID", needs: orgs | invites, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.invites.InviteByID, t.newInvite().ID)
		}},
		{name: "InviteByHash", needs: orgs | invites, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.invites.InviteByHash, t.newInvite().Hash)
		}},
		{name: "ListInvites", needs: orgs | invites, setUp: func(t *probe) func(context.Context) (any, error) {
			i := t.newInvite()
			return func(ctx context.Context) (any, error) { return t.invites.ListInvites(ctx, i.OrgID, first, 5) }
		}},
		{name: "ListInvitesTo", needs: orgs | invites, setUp: func(t *probe) func(context.Context) (any, error) {
			return reading(t.invites.ListInvitesTo, t.newInvite().Email)
		}},
	}
}

// fullSession writes a session with every byte slice set.
func (t *probe) fullSession() *store.Session {
	t.Helper()
	return t.session(t.user(), func(s *store.Session) { s.PrevHash, s.Sealed = t.hash(), t.hash() })
}

// newInvite writes an invite to an organization of its own.
func (t *probe) newInvite() *store.Invite {
	t.Helper()
	u := t.user()
	return t.invite(t.org(u), u)
}
