package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func identityCases() []testCase {
	cases := slices.Concat(addIdentityCases(), removeIdentityCases(), createWithIdentityCases())
	for i := range cases {
		cases[i].needs |= identities
	}
	return cases
}

// linked returns the user's identities as the store lists them.
func (t *probe) linked(userID string) []*store.Identity {
	t.Helper()
	list, err := t.identities.ListIdentities(t.ctx, userID)
	t.must(err, "ListIdentities")
	return list
}

// unlinked notes a mistake unless nobody has the account.
func (t *probe) unlinked(id *store.Identity, what string) {
	t.Helper()
	got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
	t.refused(err, store.ErrNotFound, "IdentityBySubject(%s)", what)
	if got != nil {
		t.Errorf("IdentityBySubject(%s) gave an identity, want nil with ErrNotFound", what)
	}
}

func addIdentityCases() []testCase {
	return []testCase{
		{proves: "AddIdentity keeps every field", run: func(t *probe) {
			id := t.identity(t.user(), "github")
			got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
			t.must(err, "IdentityBySubject")
			t.same(got, id, "IdentityBySubject")
			t.same(t.linked(id.UserID), []*store.Identity{id}, "ListIdentities")
		}},
		{proves: "AddIdentity keeps fields that are zero", run: func(t *probe) {
			id := &store.Identity{UserID: t.user().ID, Provider: "github", Subject: t.name("subject")}
			t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity")
			got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
			t.must(err, "IdentityBySubject")
			t.same(got, id, "IdentityBySubject")
		}},
		{proves: "AddIdentity returns ErrConflict for a subject that is linked to anyone, and changes nothing", run: func(t *probe) {
			first := t.identity(t.user(), "github")
			for _, u := range []string{first.UserID, t.user().ID} {
				id := *first
				id.UserID, id.Email = u, t.email()
				t.refused(t.identities.AddIdentity(t.ctx, &id), store.ErrConflict, "AddIdentity(subject is linked)")
			}
			got, err := t.identities.IdentityBySubject(t.ctx, first.Provider, first.Subject)
			t.must(err, "IdentityBySubject")
			t.same(got, first, "IdentityBySubject")
		}},
		{proves: "AddIdentity returns ErrConflict if the user has an identity of that provider, and changes nothing", run: func(t *probe) {
			u := t.user()
			first := t.identity(u, "github")
			second := t.draftIdentity(u, "github")
			t.refused(t.identities.AddIdentity(t.ctx, second), store.ErrConflict, "AddIdentity(provider is linked)")
			t.unlinked(second, "refused")
			t.same(t.linked(u.ID), []*store.Identity{first}, "ListIdentities")
		}},
		{proves: "provider and subject together name an account", run: func(t *probe) {
			// Were they glued together, all of these would be one.
			u := t.user()
			tail := t.name("x")
			var want []*store.Identity
			for _, cut := range []int{1, 2, 3, 4} {
				id := t.draftIdentity(u, "prov"[:cut])
				id.Subject = "prov"[cut:] + tail
				t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity")
				want = append(want, id)
			}
			for _, id := range want {
				got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
				t.must(err, "IdentityBySubject")
				t.same(got, id, "IdentityBySubject")
			}
		}},
		{proves: "one subject may be linked to different users at different providers", run: func(t *probe) {
			first := t.identity(t.user(), "github")
			second := t.draftIdentity(t.user(), "google")
			second.Subject = first.Subject
			t.must(t.identities.AddIdentity(t.ctx, second), "AddIdentity(same subject, another provider)")
			for _, id := range []*store.Identity{first, second} {
				got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
				t.must(err, "IdentityBySubject")
				t.same(got, id, "IdentityBySubject")
			}
		}},
		{proves: "many identities may have one address", run: func(t *probe) {
			first := t.identity(t.user(), "github")
			second := t.draftIdentity(t.user(), "github")
			second.Email, second.Username = first.Email, first.Username
			t.must(t.identities.AddIdentity(t.ctx, second), "AddIdentity(same address)")
		}},
		{proves: "ListIdentities lists the user's identities by Provider, byte by byte", run: func(t *probe) {
			u := t.user()
			t.identity(t.user(), "a")
			var want []*store.Identity
			for _, p := range []string{"oidc", "github", "google", "GitHub", "oidc-2", "oidc2", "~", "é"} {
				want = append(want, t.identity(u, p))
			}
			sortBy(want, ascending, func(id *store.Identity) store.Cursor { return store.Cursor{ID: id.Provider} })
			t.same(t.linked(u.ID), want, "ListIdentities")
		}},
		{proves: "ListIdentities lists nothing for a user without identities", run: func(t *probe) {
			t.identity(t.user(), "github")
			for _, id := range []string{t.user().ID, "nobody", ""} {
				t.same(t.linked(id), []*store.Identity{}, "ListIdentities(%q)", id)
			}
		}},
		{proves: "IdentityBySubject returns ErrNotFound for an account that nobody has linked", run: func(t *probe) {
			id := t.identity(t.user(), "github")
			for _, other := range []store.Identity{
				{Provider: "github"}, {Subject: id.Subject}, {Provider: "google", Subject: id.Subject},
				{Provider: "github", Subject: id.Subject + "0"}, {Provider: id.Subject, Subject: "github"},
			} {
				t.unlinked(&other, other.Provider+", "+other.Subject)
			}
		}},
		{proves: "identities stay when their user is soft-deleted", run: func(t *probe) {
			u := t.user()
			id := t.identity(u, "github")
			u.DeletedAt = start
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser(soft delete)")
			t.same(t.linked(u.ID), []*store.Identity{id}, "ListIdentities")
		}},
	}
}

func removeIdentityCases() []testCase {
	return []testCase{
		{proves: "RemoveIdentity removes that identity, no other, and frees the subject", run: func(t *probe) {
			u, other := t.user(), t.user()
			gone, kept, theirs := t.identity(u, "github"), t.identity(u, "google"), t.identity(other, "github")
			t.must(t.identities.RemoveIdentity(t.ctx, u.ID, "github", true), "RemoveIdentity")
			t.unlinked(gone, "removed")
			t.same(t.linked(u.ID), []*store.Identity{kept}, "ListIdentities")
			t.same(t.linked(other.ID), []*store.Identity{theirs}, "ListIdentities(the other)")
			gone.UserID = t.user().ID
			t.must(t.identities.AddIdentity(t.ctx, gone), "AddIdentity(the freed subject)")
		}},
		{proves: "RemoveIdentity returns ErrNotFound if the user has none of that provider", run: func(t *probe) {
			u := t.user()
			t.identity(t.user(), "google")
			id := t.identity(u, "github")
			for _, provider := range []string{"google", "", "GITHUB", id.Subject} {
				for _, keepOne := range []bool{false, true} {
					err := t.identities.RemoveIdentity(t.ctx, u.ID, provider, keepOne)
					t.refused(err, store.ErrNotFound, "RemoveIdentity(%q, keepOne %v)", provider, keepOne)
				}
			}
			t.refused(t.identities.RemoveIdentity(t.ctx, "nobody", "github", false), store.ErrNotFound, "RemoveIdentity(no such user)")
			t.same(t.linked(u.ID), []*store.Identity{id}, "ListIdentities")
		}},
		{proves: "RemoveIdentity returns ErrLastCredential for the only identity if it must keep one, and changes nothing", run: func(t *probe) {
			u := t.user()
			id := t.identity(u, "github")
			t.identity(t.user(), "google") // somebody else's does not count
			err := t.identities.RemoveIdentity(t.ctx, u.ID, "github", true)
			t.refused(err, store.ErrLastCredential, "RemoveIdentity(the only one, keepOne)")
			t.same(t.linked(u.ID), []*store.Identity{id}, "ListIdentities")
		}},
		{proves: "RemoveIdentity removes the only identity if it need not keep one", run: func(t *probe) {
			u := t.user()
			id := t.identity(u, "github")
			t.must(t.identities.RemoveIdentity(t.ctx, u.ID, "github", false), "RemoveIdentity")
			t.unlinked(id, "removed")
		}},
		{proves: "DeleteUser removes the user's identities and nobody else's", run: func(t *probe) {
			u, other := t.user(), t.user()
			mine := []*store.Identity{t.identity(u, "github"), t.identity(u, "google")}
			theirs := t.identity(other, "github")
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			for _, id := range mine {
				t.unlinked(id, "of the deleted user")
			}
			t.same(t.linked(u.ID), []*store.Identity{}, "ListIdentities")
			t.same(t.linked(other.ID), []*store.Identity{theirs}, "ListIdentities(the other)")
			mine[0].UserID = other.ID
			mine[0].Provider = "google"
			t.must(t.identities.AddIdentity(t.ctx, mine[0]), "AddIdentity(an account of the deleted user)")
		}},
	}
}

func createWithIdentityCases() []testCase {
	return []testCase{
		{proves: "CreateUserWithIdentity writes the user and the identity, and sets their IDs", run: func(t *probe) {
			for _, id := range []string{"", store.NewID(start)} {
				u := t.draftUser(func(u *store.User) { u.ID = id })
				ident := t.draftIdentity(&store.User{}, "github")
				t.must(t.identities.CreateUserWithIdentity(t.ctx, u, ident), "CreateUserWithIdentity")
				if u.ID == "" || ident.UserID != u.ID {
					t.Fatalf("CreateUserWithIdentity set u.ID %q and id.UserID %q, want the same and not empty", u.ID, ident.UserID)
				}
				t.same(t.readUser(u.ID), u, "UserByID")
				t.same(t.linked(u.ID), []*store.Identity{ident}, "ListIdentities")
				u.Name = "changed"
				t.must(t.UpdateUser(t.ctx, u), "UpdateUser(the Version that was set)")
			}
		}},
		{proves: "CreateUserWithIdentity returns ErrConflict for a subject that is linked, and creates nobody", run: func(t *probe) {
			first := t.identity(t.user(), "github")
			u := t.draftUser(func(u *store.User) { u.ID = "" })
			id := t.draftIdentity(&store.User{}, "github")
			id.Subject = first.Subject
			wantUser, wantID := *u, *id
			t.refused(t.identities.CreateUserWithIdentity(t.ctx, u, id), store.ErrConflict, "CreateUserWithIdentity(subject is linked)")
			t.same(u, &wantUser, "CreateUserWithIdentity(refused)")
			t.same(id, &wantID, "CreateUserWithIdentity(refused)")
			_, err := t.UserByEmail(t.ctx, u.Email)
			t.refused(err, store.ErrNotFound, "UserByEmail")
			t.same(t.linked(first.UserID), []*store.Identity{first}, "ListIdentities(of the first)")
		}},
		{proves: "CreateUserWithIdentity returns ErrConflict for an address or an ID in use, and links nothing", run: func(t *probe) {
			old := t.user()
			for _, edit := range []func(*store.User){
				func(u *store.User) { u.ID, u.Email = "", old.Email },
				func(u *store.User) { u.ID = old.ID },
			} {
				u, id := t.draftUser(edit), t.draftIdentity(&store.User{}, "github")
				wantUser, wantID := *u, *id
				t.refused(t.identities.CreateUserWithIdentity(t.ctx, u, id), store.ErrConflict, "CreateUserWithIdentity")
				t.same(u, &wantUser, "CreateUserWithIdentity(refused)")
				t.same(id, &wantID, "CreateUserWithIdentity(refused)")
				t.unlinked(id, "refused")
			}
			t.same(t.readUser(old.ID), old, "UserByID(the first)")
			t.same(t.linked(old.ID), []*store.Identity{}, "ListIdentities(the first)")
		}},
		{proves: "CreateUserWithIdentity takes no notice of the UserID it is handed", run: func(t *probe) {
			other := t.user()
			u := t.draftUser(func(u *store.User) { u.ID = "" })
			id := t.draftIdentity(other, "github")
			t.must(t.identities.CreateUserWithIdentity(t.ctx, u, id), "CreateUserWithIdentity")
			t.same(t.linked(other.ID), []*store.Identity{}, "ListIdentities(the other)")
			t.same(t.linked(u.ID), []*store.Identity{id}, "ListIdentities")
		}},
		{proves: "CreateUserWithIdentity keeps the times it is handed", run: func(t *probe) {
			u, id := t.draftUser(), t.draftIdentity(&store.User{}, "github")
			id.CreatedAt = time.Time{}
			t.must(t.identities.CreateUserWithIdentity(t.ctx, u, id), "CreateUserWithIdentity")
			t.same(t.linked(u.ID), []*store.Identity{id}, "ListIdentities")
		}},
	}
}
