package org_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/store"
)

// TestOperationsAskForTheRole calls the operations themselves, without the routes,
// which ask for a role too: programs build on them.
func TestOperationsAskForTheRole(t *testing.T) {
	t.Parallel()
	type call func(ctx context.Context, w *world, actor string) error
	setRole := func(who string, role store.OrgRole) call {
		return func(ctx context.Context, w *world, actor string) error {
			_, err := w.orgs.SetRole(ctx, actor, w.acme.ID, w.people[who].ID, role)
			return err
		}
	}
	remove := func(who string) call {
		return func(ctx context.Context, w *world, actor string) error {
			return w.orgs.Remove(ctx, actor, w.acme.ID, w.people[who].ID)
		}
	}
	add := func(role store.OrgRole) call {
		return func(ctx context.Context, w *world, actor string) error {
			_, err := w.orgs.Add(ctx, actor, w.acme.ID, w.people["global admin"].ID, role)
			return err
		}
	}
	invite := func(role store.OrgRole) call {
		return func(ctx context.Context, w *world, actor string) error {
			_, err := w.orgs.Invite(ctx, actor, w.acme.ID, "new@example.com", role)
			return err
		}
	}
	unknown, rank := error(org.ErrNotFound), error(org.ErrRank)
	for _, tt := range []struct {
		name                           string
		call                           call
		outsider, member, admin, owner error
	}{
		{"make a member an admin", setRole("member", store.OrgAdmin), unknown, rank, nil, nil},
		{"make a member an owner", setRole("member", store.OrgOwner), unknown, rank, rank, nil},
		{"make the second admin a member", setRole("second admin", store.OrgMember), unknown, rank, rank, nil},
		{"make the second owner a member", setRole("second owner", store.OrgMember), unknown, rank, rank, nil},
		{"remove the second member", remove("second member"), unknown, rank, nil, nil},
		{"remove the second admin", remove("second admin"), unknown, rank, rank, nil},
		{"remove the second owner", remove("second owner"), unknown, rank, rank, nil},
		{"add a member", add(store.OrgMember), unknown, rank, nil, nil},
		{"add an owner", add(store.OrgOwner), unknown, rank, rank, nil},
		{"invite a member", invite(store.OrgMember), unknown, rank, nil, nil},
		{"invite an owner", invite(store.OrgOwner), unknown, rank, rank, nil},
		{"list the invitations", func(ctx context.Context, w *world, actor string) error {
			_, err := w.orgs.Invites(ctx, actor, w.acme.ID, store.Cursor{}, 10)
			return err
		}, unknown, rank, nil, nil},
		{"withdraw an invitation", func(ctx context.Context, w *world, actor string) error {
			return w.orgs.RevokeInvite(ctx, actor, w.acme.ID, w.invite.ID)
		}, unknown, rank, nil, nil},
		{"rename the organization", func(ctx context.Context, w *world, actor string) error {
			_, err := w.orgs.Update(ctx, actor, w.acme.ID, func(o *store.Org) { o.Name = "Acme & Sons" })
			return err
		}, unknown, rank, nil, nil},
		{"delete the organization", func(ctx context.Context, w *world, actor string) error {
			return w.orgs.Delete(ctx, actor, w.acme.ID, false, false)
		}, unknown, rank, rank, nil},
		{"hand the organization over", func(ctx context.Context, w *world, actor string) error {
			return w.orgs.Transfer(ctx, actor, w.acme.ID, w.people["second member"].ID)
		}, unknown, rank, rank, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for actor, want := range map[string]error{"outsider": tt.outsider, "member": tt.member, "admin": tt.admin, "owner": tt.owner} {
				w := newWorld(t)
				for name, role := range map[string]store.OrgRole{"second member": store.OrgMember, "second admin": store.OrgAdmin, "second owner": store.OrgOwner} {
					w.people[name] = w.User(t, "user")
					if _, err := w.orgs.Add(t.Context(), w.people["owner"].ID, w.acme.ID, w.people[name].ID, role); err != nil {
						t.Fatal(err)
					}
				}
				if err := tt.call(t.Context(), w, w.people[actor].ID); !errors.Is(err, want) {
					t.Errorf("as %s = %v, want %v", actor, err, want)
				}
			}
		})
	}
}

// TestInviteIsAcceptedByItsAddress: neither the number nor the token of an
// invitation is enough.
func TestInviteIsAcceptedByItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	right := *w.people["invited"]
	unproved, stranger := right, *w.people["outsider"]
	unproved.EmailVerified = false
	for name, u := range map[string]*store.User{"somebody else": &stranger, "the address, not proved": &unproved} {
		if m, err := w.orgs.AcceptByID(t.Context(), u, w.invite.ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("AcceptByID(%s) = %v, %v, want %v", name, m, err, auth.ErrNotFound)
		}
		if m, err := w.orgs.Accept(t.Context(), u, w.token); !errors.Is(err, org.ErrEmailMismatch) {
			t.Errorf("Accept(%s) = %v, %v, want %v", name, m, err, org.ErrEmailMismatch)
		}
		if err := w.orgs.Decline(t.Context(), u, w.invite.ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("Decline(%s) = %v, want %v", name, err, auth.ErrNotFound)
		}
	}
	right.EmailVerified = true
	if m, err := w.orgs.Accept(t.Context(), &right, w.token); err != nil || m.Member.Role != store.OrgMember {
		t.Errorf("Accept(who was invited) = %v, %v, want a member", m, err)
	}
}

// TestInvitesAreOfTheirOrganization: an owner elsewhere, who knows the number of an
// invitation, can neither withdraw it nor send it again.
func TestInvitesAreOfTheirOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.people["outsider"].ID
	foreign, err := w.orgs.Create(t.Context(), owner, "Foreign", "foreign", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.orgs.RevokeInvite(t.Context(), owner, foreign.ID, w.invite.ID); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("RevokeInvite(of another organization) = %v, want %v", err, auth.ErrNotFound)
	}
	if i, err := w.orgs.ResendInvite(t.Context(), owner, foreign.ID, w.invite.ID); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("ResendInvite(of another organization) = %v, %v, want %v", i, err, auth.ErrNotFound)
	}
	if _, err := w.orgs.Peek(t.Context(), w.token); err != nil {
		t.Errorf("Peek(the invitation afterwards) = %v, want nil", err)
	}
}
