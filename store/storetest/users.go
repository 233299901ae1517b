package storetest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func userCases() []testCase {
	return slices.Concat(createUserCases(), readUserCases(), updateUserCases(), deleteUserCases())
}

func createUserCases() []testCase {
	return []testCase{
		{proves: "CreateUser keeps every field", run: func(t *probe) {
			u := t.user(func(u *store.User) {
				u.Disabled = true
				u.DeletedAt = start
				u.Epoch = 1 << 40
			})
			t.same(t.readUser(u.ID), u, "UserByID")
		}},
		{proves: "CreateUser keeps fields that are zero", run: func(t *probe) {
			u := &store.User{Email: t.email()}
			t.must(t.CreateUser(t.ctx, u), "CreateUser")
			want := &store.User{ID: u.ID, Email: u.Email, Version: u.Version}
			t.same(t.readUser(u.ID), want, "UserByID")
		}},
		{proves: "CreateUser sets an ID that is empty, a different one for each user", run: func(t *probe) {
			seen := map[string]bool{"": true}
			for range 20 {
				u := t.user(func(u *store.User) { u.ID = "" })
				if seen[u.ID] {
					t.Fatalf("CreateUser set the ID %q, want one that is new", u.ID)
				}
				seen[u.ID] = true
				t.same(t.readUser(u.ID), u, "UserByID(the ID that CreateUser set)")
			}
		}},
		{proves: "CreateUser keeps an ID that is set", run: func(t *probe) {
			id := t.name("my-own-id")
			u := t.user(func(u *store.User) { u.ID = id })
			if u.ID != id {
				t.Errorf("CreateUser changed the ID to %q, want %q", u.ID, id)
			}
			t.same(t.readUser(id), u, "UserByID")
		}},
		{proves: "CreateUser sets the Version that is stored", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.Version = 77 })
			if got := t.readUser(u.ID).Version; got != u.Version {
				t.Errorf("UserByID gave Version %d, want %d as CreateUser set it", got, u.Version)
			}
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser(as CreateUser left it)")
		}},
		{proves: "CreateUser returns ErrConflict for an address that is in use, and leaves the user as it was", run: func(t *probe) {
			old := t.user()
			for _, id := range []string{"", store.NewID(start)} {
				u := t.draftUser(func(u *store.User) { u.ID, u.Email, u.Version = id, old.Email, 5 })
				want := *u
				t.refused(t.CreateUser(t.ctx, u), store.ErrConflict, "CreateUser(second with the address)")
				t.same(u, &want, "CreateUser(refused)")
			}
			t.same(t.readUser(old.ID), old, "UserByID(the first)")
		}},
		{proves: "CreateUser returns ErrConflict for an ID that is in use", run: func(t *probe) {
			old := t.user()
			u := t.draftUser(func(u *store.User) { u.ID = old.ID })
			want := *u
			t.refused(t.CreateUser(t.ctx, u), store.ErrConflict, "CreateUser(second with the ID)")
			t.same(u, &want, "CreateUser(refused)")
			t.same(t.readUser(old.ID), old, "UserByID(the first)")
			_, err := t.UserByEmail(t.ctx, u.Email)
			t.refused(err, store.ErrNotFound, "UserByEmail(of the refused)")
		}},
		{proves: "CreateUser returns ErrConflict for the ID of a soft-deleted user", run: func(t *probe) {
			old := t.user(func(u *store.User) { u.DeletedAt = start })
			u := t.draftUser(func(u *store.User) { u.ID = old.ID })
			t.refused(t.CreateUser(t.ctx, u), store.ErrConflict, "CreateUser(second with the ID)")
			t.same(t.readUser(old.ID), old, "UserByID(the first)")
		}},
		{proves: "the address of a soft-deleted user is free", run: func(t *probe) {
			old := t.user()
			old.DeletedAt = start
			t.must(t.UpdateUser(t.ctx, old), "UpdateUser(soft delete)")
			u := t.user(func(u *store.User) { u.Email = old.Email })
			got, err := t.UserByEmail(t.ctx, old.Email)
			t.must(err, "UserByEmail")
			t.same(got, u, "UserByEmail")
			t.same(t.readUser(old.ID), old, "UserByID(the deleted)")
		}},
		{proves: "many soft-deleted users may have had one address", run: func(t *probe) {
			email := t.email()
			for range 3 {
				t.user(func(u *store.User) { u.Email, u.DeletedAt = email, start })
			}
			_, err := t.UserByEmail(t.ctx, email)
			t.refused(err, store.ErrNotFound, "UserByEmail(all are deleted)")
			t.user(func(u *store.User) { u.Email = email })
		}},
		{proves: "CreateUser may write a user who is deleted already, whoever has the address", run: func(t *probe) {
			live := t.user()
			t.user(func(u *store.User) { u.Email, u.DeletedAt = live.Email, start })
			got, err := t.UserByEmail(t.ctx, live.Email)
			t.must(err, "UserByEmail")
			t.same(got, live, "UserByEmail")
		}},
	}
}

func readUserCases() []testCase {
	return []testCase{
		{proves: "UserByID returns ErrNotFound for an ID that is not there", run: func(t *probe) {
			t.user()
			for _, id := range []string{"", "nobody", store.NewID(start)} {
				u, err := t.UserByID(t.ctx, id)
				t.refused(err, store.ErrNotFound, "UserByID(%q)", id)
				if u != nil {
					t.Errorf("UserByID(%q) gave a user, want nil with ErrNotFound", id)
				}
			}
		}},
		{proves: "UserByID returns soft-deleted and disabled users", run: func(t *probe) {
			for _, edit := range []func(*store.User){
				func(u *store.User) { u.DeletedAt = start },
				func(u *store.User) { u.Disabled = true },
			} {
				u := t.user(edit)
				t.same(t.readUser(u.ID), u, "UserByID")
			}
		}},
		{proves: "UserByEmail returns the user with the address", run: func(t *probe) {
			u, other := t.user(), t.user()
			for _, want := range []*store.User{u, other} {
				got, err := t.UserByEmail(t.ctx, want.Email)
				t.must(err, "UserByEmail")
				t.same(got, want, "UserByEmail")
			}
		}},
		{proves: "UserByEmail returns a disabled user", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.Disabled = true })
			got, err := t.UserByEmail(t.ctx, u.Email)
			t.must(err, "UserByEmail")
			t.same(got, u, "UserByEmail")
		}},
		{proves: "UserByEmail returns ErrNotFound for an unknown address and for that of a soft-deleted user", run: func(t *probe) {
			gone := t.user(func(u *store.User) { u.DeletedAt = start })
			for _, email := range []string{"", t.email(), gone.Email} {
				u, err := t.UserByEmail(t.ctx, email)
				t.refused(err, store.ErrNotFound, "UserByEmail(%q)", email)
				if u != nil {
					t.Errorf("UserByEmail(%q) gave a user, want nil with ErrNotFound", email)
				}
			}
		}},
	}
}

func updateUserCases() []testCase {
	return []testCase{
		{proves: "UpdateUser writes every field but ID and CreatedAt", run: func(t *probe) {
			u := t.user()
			created := u.CreatedAt
			up := &store.User{
				ID: u.ID, Email: t.email(), EmailVerified: false, Name: "other", PasswordHash: "other",
				Role: "other", Disabled: true, Epoch: 99, LastLoginAt: start.Add(time.Minute),
				CreatedAt: start.Add(time.Hour), UpdatedAt: start.Add(2 * time.Minute),
				DeletedAt: start.Add(3 * time.Minute),
				Metadata:  map[string]json.RawMessage{"a": json.RawMessage(`[1,2]`)}, Version: u.Version,
			}
			t.must(t.UpdateUser(t.ctx, up), "UpdateUser")
			want := *up
			want.CreatedAt = created
			t.same(t.readUser(u.ID), &want, "UserByID")
		}},
		{proves: "UpdateUser can empty every field", run: func(t *probe) {
			u := t.user()
			up := &store.User{ID: u.ID, Email: t.email(), Version: u.Version}
			t.must(t.UpdateUser(t.ctx, up), "UpdateUser")
			want := *up
			want.CreatedAt = u.CreatedAt
			t.same(t.readUser(u.ID), &want, "UserByID")
		}},
		{proves: "UpdateUser gives the user a new Version on every write, and none twice", run: func(t *probe) {
			u := t.user()
			seen := map[int64]bool{u.Version: true}
			for range 20 { // the same content again is a write as well
				t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
				if seen[u.Version] {
					t.Fatalf("UpdateUser set Version %d, want one the user has not had", u.Version)
				}
				seen[u.Version] = true
				if got := t.readUser(u.ID).Version; got != u.Version {
					t.Fatalf("UserByID gave Version %d, want %d as UpdateUser set it", got, u.Version)
				}
			}
		}},
		{proves: "UpdateUser returns ErrStale for a Version that is not the stored one, and changes nothing", run: func(t *probe) {
			u := t.user()
			old := *u
			u.Name = "second"
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
			for _, version := range []int64{old.Version, u.Version + 1, 0, -1} {
				up := old
				up.Version, up.Name = version, "third"
				want := up
				t.refused(t.UpdateUser(t.ctx, &up), store.ErrStale, "UpdateUser(Version %d, stored is %d)", version, u.Version)
				t.same(&up, &want, "UpdateUser(refused)")
			}
			t.same(t.readUser(u.ID), u, "UserByID")
		}},
		{proves: "UpdateUser returns ErrStale for a user who is gone", run: func(t *probe) {
			u := t.user()
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			want := *u
			t.refused(t.UpdateUser(t.ctx, u), store.ErrStale, "UpdateUser(deleted)")
			t.same(u, &want, "UpdateUser(refused)")
			never := t.draftUser()
			t.refused(t.UpdateUser(t.ctx, never), store.ErrStale, "UpdateUser(never created)")
			_, err := t.UserByID(t.ctx, never.ID)
			t.refused(err, store.ErrNotFound, "UserByID(never created)")
		}},
		{proves: "UpdateUser returns ErrConflict for an address that another user has, and changes nothing", run: func(t *probe) {
			other, u := t.user(), t.user()
			before := *u
			up := *u
			up.Email, up.Name = other.Email, "changed"
			want := up
			t.refused(t.UpdateUser(t.ctx, &up), store.ErrConflict, "UpdateUser(address of another)")
			t.same(&up, &want, "UpdateUser(refused)")
			t.same(t.readUser(u.ID), &before, "UserByID")
			t.same(t.readUser(other.ID), other, "UserByID(the other)")
		}},
		{proves: "UpdateUser moves the user to a new address and frees the old one", run: func(t *probe) {
			u := t.user()
			old := u.Email
			u.Email = t.email()
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
			got, err := t.UserByEmail(t.ctx, u.Email)
			t.must(err, "UserByEmail(new)")
			t.same(got, u, "UserByEmail(new)")
			_, err = t.UserByEmail(t.ctx, old)
			t.refused(err, store.ErrNotFound, "UserByEmail(old)")
			t.user(func(u *store.User) { u.Email = old })
		}},
		{proves: "UpdateUser may give a deleted user an address that is in use", run: func(t *probe) {
			live, u := t.user(), t.user()
			u.Email, u.DeletedAt = live.Email, start
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
			got, err := t.UserByEmail(t.ctx, live.Email)
			t.must(err, "UserByEmail")
			t.same(got, live, "UserByEmail")
		}},
		{proves: "UpdateUser returns ErrConflict when a restored user's address has been taken", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.DeletedAt = start })
			t.user(func(v *store.User) { v.Email = u.Email })
			u.DeletedAt = time.Time{}
			t.refused(t.UpdateUser(t.ctx, u), store.ErrConflict, "UpdateUser(restore)")
			if t.readUser(u.ID).DeletedAt.IsZero() {
				t.Errorf("UpdateUser restored the user although it returned ErrConflict")
			}
			u.Email = t.email() // with another address it works
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser(restore with another address)")
		}},
		{proves: "UpdateUser restores a user whose address is free", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.DeletedAt = start })
			u.DeletedAt = time.Time{}
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser(restore)")
			got, err := t.UserByEmail(t.ctx, u.Email)
			t.must(err, "UserByEmail")
			t.same(got, u, "UserByEmail")
			again := t.draftUser(func(v *store.User) { v.Email = u.Email })
			t.refused(t.CreateUser(t.ctx, again), store.ErrConflict, "CreateUser(address of the restored)")
		}},
		{proves: "UpdateUser changes no other user", run: func(t *probe) {
			u, other := t.user(), t.user()
			u.Name, u.Disabled = "changed", true
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
			t.same(t.readUser(other.ID), other, "UserByID(the other)")
		}},
	}
}

func deleteUserCases() []testCase {
	return []testCase{
		{proves: "DeleteUser removes the user and frees the address", run: func(t *probe) {
			u, other := t.user(), t.user()
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			_, err := t.UserByID(t.ctx, u.ID)
			t.refused(err, store.ErrNotFound, "UserByID")
			_, err = t.UserByEmail(t.ctx, u.Email)
			t.refused(err, store.ErrNotFound, "UserByEmail")
			t.user(func(v *store.User) { v.Email = u.Email })
			t.same(t.readUser(other.ID), other, "UserByID(the other)")
		}},
		{proves: "DeleteUser of a user who is not there is no error", run: func(t *probe) {
			u := t.user()
			for range 2 {
				t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			}
			t.must(t.DeleteUser(t.ctx, "nobody"), "DeleteUser(never there)")
		}},
		{proves: "DeleteUser removes a soft-deleted user and nobody else with the address", run: func(t *probe) {
			gone := t.user(func(u *store.User) { u.DeletedAt = start })
			live := t.user(func(u *store.User) { u.Email = gone.Email })
			t.must(t.DeleteUser(t.ctx, gone.ID), "DeleteUser")
			got, err := t.UserByEmail(t.ctx, live.Email)
			t.must(err, "UserByEmail")
			t.same(got, live, "UserByEmail")
		}},
		{proves: "DeleteUser removes the user's sessions and one-time tokens, and nobody else's", run: func(t *probe) {
			u, other := t.user(), t.user()
			mine, theirs := t.session(u), t.session(other)
			revoked := t.session(u, func(s *store.Session) { s.RevokedAt = start })
			tok, theirTok := t.token(u, store.PurposeResetPassword), t.token(other, store.PurposeResetPassword)
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			for _, id := range []string{mine.ID, revoked.ID} {
				_, err := t.SessionByID(t.ctx, id)
				t.refused(err, store.ErrNotFound, "SessionByID")
			}
			_, swapped, err := t.Rotate(t.ctx, t.rotation(mine))
			t.refused(err, store.ErrNotFound, "Rotate")
			if swapped {
				t.Errorf("Rotate swapped = true, want false")
			}
			_, err = t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, start)
			t.refused(err, store.ErrNotFound, "TakeOneTime")
			t.same(t.readSession(theirs.ID), theirs, "SessionByID(the other's)")
			got, err := t.TakeOneTime(t.ctx, theirTok.Purpose, theirTok.Hash, start)
			t.must(err, "TakeOneTime(the other's)")
			t.same(got, theirTok, "TakeOneTime(the other's)")
		}},
	}
}
