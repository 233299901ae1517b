package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func userRaceCases() []testCase {
	return []testCase{
		{proves: "of 50 users created at once with one address exactly one is", run: func(t *probe) {
			for range rounds() {
				email := t.email()
				users := make([]*store.User, 50)
				for i := range users {
					users[i] = t.draftUser(func(u *store.User) { u.Email = email })
				}
				errs := race(t, len(users), func(i int) error { return t.CreateUser(t.ctx, users[i]) })
				t.oneWinner(errs, store.ErrConflict, "CreateUser(one address)")
				got, err := t.UserByEmail(t.ctx, email)
				t.must(err, "UserByEmail")
				for i, u := range users {
					if errs[i] == nil {
						t.same(got, u, "UserByEmail")
						continue
					}
					_, err := t.UserByID(t.ctx, u.ID)
					t.refused(err, store.ErrNotFound, "UserByID(refused)")
				}
			}
		}},
		{proves: "of 20 users created at once with one ID exactly one is", run: func(t *probe) {
			for range rounds() {
				id := store.NewID(start)
				users := make([]*store.User, 20)
				for i := range users {
					users[i] = t.draftUser(func(u *store.User) { u.ID = id })
				}
				errs := race(t, len(users), func(i int) error { return t.CreateUser(t.ctx, users[i]) })
				t.oneWinner(errs, store.ErrConflict, "CreateUser(one ID)")
				for i, u := range users {
					if errs[i] == nil {
						t.same(t.readUser(id), u, "UserByID")
					}
				}
			}
		}},
		{proves: "of 50 updates from one Version exactly one is written", run: func(t *probe) {
			for range rounds() {
				u := t.user()
				ups := make([]store.User, 50)
				for i := range ups {
					ups[i] = *u
					ups[i].Name = fmt.Sprint("name ", i)
				}
				errs := race(t, len(ups), func(i int) error { return t.UpdateUser(t.ctx, &ups[i]) })
				t.oneWinner(errs, store.ErrStale, "UpdateUser(one Version)")
				for i := range ups {
					if errs[i] == nil {
						t.same(t.readUser(u.ID), &ups[i], "UserByID")
					}
				}
			}
		}},
		{proves: "no update is lost among callers who try again after ErrStale", run: func(t *probe) {
			const callers, times = 8, 5
			u := t.user(func(u *store.User) { u.Metadata = map[string]json.RawMessage{"n": json.RawMessage("0")} })
			for _, err := range race(t, callers, func(int) error {
				for range times {
					if err := t.increment(u.ID); err != nil {
						return err
					}
				}
				return nil
			}) {
				t.must(err, "UpdateUser(until it is not stale)")
			}
			if got := string(t.readUser(u.ID).Metadata["n"]); got != strconv.Itoa(callers*times) {
				t.Errorf("%d increments gave %s, want %d", callers*times, got, callers*times)
			}
		}},
		{proves: "of two users who move to one address at once exactly one does", run: func(t *probe) {
			for range rounds() {
				email := t.email()
				users := []*store.User{t.user(), t.user(), t.user(), t.user()}
				errs := race(t, len(users), func(i int) error {
					up := *users[i]
					up.Email = email
					return t.UpdateUser(t.ctx, &up)
				})
				t.oneWinner(errs, store.ErrConflict, "UpdateUser(to one address)")
				for i, u := range users {
					if want := errs[i] == nil; (t.readUser(u.ID).Email == email) != want {
						t.Errorf("user %d has the address = %v, want %v", i, !want, want)
					}
				}
			}
		}},
		{proves: "of restoring a user and creating another with the address exactly one succeeds", run: func(t *probe) {
			for range rounds() {
				gone := t.user(func(u *store.User) { u.DeletedAt = start })
				errs := race(t, 2, func(i int) error {
					if i == 0 {
						up := *gone
						up.DeletedAt = time.Time{}
						return t.UpdateUser(t.ctx, &up)
					}
					return t.CreateUser(t.ctx, t.draftUser(func(u *store.User) { u.Email = gone.Email }))
				})
				t.oneWinner(errs, store.ErrConflict, "UpdateUser(restore) beside CreateUser")
				got, err := t.UserByEmail(t.ctx, gone.Email)
				t.must(err, "UserByEmail")
				if restored := errs[0] == nil; (got.ID == gone.ID) != restored {
					t.Errorf("the restored user has the address = %v, want %v", !restored, restored)
				}
			}
		}},
		{proves: "of 50 first users exactly one is given the role", needs: roles, alone: true, run: func(t *probe) {
			for range rounds() {
				role := t.name("role")
				users := make([]*store.User, 50)
				for i := range users {
					users[i] = t.draftUser(func(u *store.User) { u.Role = "plain" })
				}
				for _, err := range race(t, len(users), func(i int) error { return t.roles.CreateUserClaiming(t.ctx, users[i], role) }) {
					t.must(err, "CreateUserClaiming")
				}
				given := 0
				for _, u := range users {
					got := t.readUser(u.ID)
					t.same(got, u, "UserByID")
					if got.Role == role {
						given++
					}
					t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser") // for the next round
				}
				if given != 1 {
					t.Errorf("%d of 50 first users were given the role, want 1", given)
				}
			}
		}},
		{proves: "when all users with a role lose it at once one keeps it", needs: roles, run: func(t *probe) {
			for round := range rounds() {
				role := t.name("role")
				admins := make([]*store.User, 2+round%4)
				for i := range admins {
					admins[i] = t.user(func(u *store.User) { u.Role = role })
				}
				errs := race(t, len(admins), func(i int) error {
					up := *admins[i]
					noLonger[i%len(noLonger)].edit(&up)
					return t.roles.UpdateUserKeeping(t.ctx, &up, role)
				})
				won, lost := t.tally(errs, store.ErrLastInRole, "UpdateUserKeeping")
				if won != len(admins)-1 || lost != 1 {
					t.Errorf("UpdateUserKeeping: %d of %d users lost the role, want all but one", won, len(admins))
				}
				left := 0
				for _, u := range admins {
					if got := t.readUser(u.ID); got.Active() && got.Role == role {
						left++
					}
				}
				if left != 1 {
					t.Errorf("%d active users are left with the role, want 1", left)
				}
			}
		}},
		{proves: "of the last two identities removed at once one is kept", needs: identities, run: func(t *probe) {
			u := t.user()
			for range rounds() {
				t.identity(u, "github")
				t.identity(u, "google")
				providers := []string{"github", "google"}
				errs := race(t, 2, func(i int) error { return t.identities.RemoveIdentity(t.ctx, u.ID, providers[i], true) })
				t.oneWinner(errs, store.ErrLastCredential, "RemoveIdentity(keepOne)")
				left := t.linked(u.ID)
				if len(left) != 1 {
					t.Fatalf("%d identities are left, want 1", len(left))
				}
				t.must(t.identities.RemoveIdentity(t.ctx, u.ID, left[0].Provider, false), "RemoveIdentity")
			}
		}},
		{proves: "of 50 users who link one account at once exactly one does", needs: identities, run: func(t *probe) {
			users := make([]*store.User, 50)
			for i := range users {
				users[i] = t.user()
			}
			for round := range rounds() {
				provider := fmt.Sprint("provider-", round)
				subject := t.name("subject")
				errs := race(t, len(users), func(i int) error {
					id := t.draftIdentity(users[i], provider)
					id.Subject = subject
					return t.identities.AddIdentity(t.ctx, id)
				})
				t.oneWinner(errs, store.ErrConflict, "AddIdentity(one account)")
				got, err := t.identities.IdentityBySubject(t.ctx, provider, subject)
				t.must(err, "IdentityBySubject")
				for i, u := range users {
					if won := errs[i] == nil; (got.UserID == u.ID) != won {
						t.Errorf("caller %d has the account = %v, want %v", i, !won, won)
					}
				}
			}
		}},
		{proves: "of 50 accounts of one provider linked to a user at once exactly one is", needs: identities, run: func(t *probe) {
			u := t.user()
			for round := range rounds() {
				provider := fmt.Sprint("provider-", round)
				errs := race(t, 50, func(int) error { return t.identities.AddIdentity(t.ctx, t.draftIdentity(u, provider)) })
				t.oneWinner(errs, store.ErrConflict, "AddIdentity(one provider)")
				if n := len(t.linked(u.ID)); n != round+1 {
					t.Fatalf("the user has %d identities, want %d", n, round+1)
				}
			}
		}},
		{proves: "of 50 users created at once with one account exactly one is", needs: identities, run: func(t *probe) {
			for range rounds() {
				users := make([]*store.User, 50)
				for i := range users {
					users[i] = t.draftUser()
				}
				subject := t.name("subject")
				errs := race(t, len(users), func(i int) error {
					id := t.draftIdentity(users[i], "github")
					id.Subject = subject
					return t.identities.CreateUserWithIdentity(t.ctx, users[i], id)
				})
				t.oneWinner(errs, store.ErrConflict, "CreateUserWithIdentity(one account)")
				for i, u := range users {
					_, err := t.UserByID(t.ctx, u.ID)
					if errs[i] != nil {
						t.refused(err, store.ErrNotFound, "UserByID(refused)")
						continue
					}
					t.must(err, "UserByID")
					if n := len(t.linked(u.ID)); n != 1 {
						t.Errorf("the user has %d identities, want 1", n)
					}
				}
			}
		}},
	}
}

// increment raises the number that the user's metadata holds by one, and tries
// again as long as others come between.
func (t *probe) increment(id string) error {
	for {
		u, err := t.UserByID(t.ctx, id)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(u.Metadata["n"]))
		if err != nil {
			return err
		}
		u.Metadata["n"] = t.number(n + 1)
		if err := t.UpdateUser(t.ctx, u); !errors.Is(err, store.ErrStale) {
			return err
		}
	}
}
