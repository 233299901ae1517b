package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// An op is one method of the contracts, for the rules that hold for all of them.
type op struct {
	name  string
	needs capability
	alone bool
	mute  bool // it writes no audit entry
	total bool // it is never refused, whatever the store holds
	setUp func(t *probe) call
}

// A call is one op about to be called in a case.
type call struct {
	do     func(ctx context.Context) error // succeeds, under a good context
	done   func() bool                     // whether do has changed what it changes; nil if it only reads
	refuse func(ctx context.Context) error // is refused, without a change; nil if op is mute or total
	with   error                           // what refuse returns
	args   []any                           // what do sets something in, unless it fails
}

// is reports whether err is, or wraps, target. Any other error ends the case.
func (t *probe) is(err, target error) bool {
	t.Helper()
	if err != nil && !errors.Is(err, target) {
		t.Fatalf("a check = %v, want no error or %v", err, target)
	}
	return err != nil
}

// userOps are the methods of UserStore, RoleStore and IdentityStore that change
// something.
func userOps() []op {
	return []op{
		{name: "CreateUser", setUp: func(t *probe) call {
			u, old := t.draftUser(func(u *store.User) { u.ID = "" }), t.user()
			again := t.draftUser(func(u *store.User) { u.Email = old.Email })
			return call{
				do:     func(ctx context.Context) error { return t.CreateUser(ctx, u) },
				args:   []any{u},
				done:   func() bool { _, err := t.UserByEmail(t.ctx, u.Email); return !t.is(err, store.ErrNotFound) },
				refuse: func(ctx context.Context) error { return t.CreateUser(ctx, again) },
				with:   store.ErrConflict,
			}
		}},
		{name: "UpdateUser", setUp: func(t *probe) call {
			u := t.user()
			stale := *u
			stale.Version++
			u.Name = "changed"
			return call{
				do:     func(ctx context.Context) error { return t.UpdateUser(ctx, u) },
				args:   []any{u},
				done:   func() bool { return t.readUser(u.ID).Name == "changed" },
				refuse: func(ctx context.Context) error { return t.UpdateUser(ctx, &stale) },
				with:   store.ErrStale,
			}
		}},
		{name: "DeleteUser", total: true, setUp: func(t *probe) call {
			u := t.user()
			return call{
				do:   func(ctx context.Context) error { return t.DeleteUser(ctx, u.ID) },
				done: func() bool { _, err := t.UserByID(t.ctx, u.ID); return t.is(err, store.ErrNotFound) },
			}
		}},
		{name: "CreateUserClaiming", needs: roles, setUp: func(t *probe) call {
			u, old := t.draftUser(func(u *store.User) { u.ID = "" }), t.user()
			again := t.draftUser(func(u *store.User) { u.Email = old.Email })
			return call{
				do:     func(ctx context.Context) error { return t.roles.CreateUserClaiming(ctx, u, t.tag) },
				args:   []any{u},
				done:   func() bool { _, err := t.UserByEmail(t.ctx, u.Email); return !t.is(err, store.ErrNotFound) },
				refuse: func(ctx context.Context) error { return t.roles.CreateUserClaiming(ctx, again, t.tag) },
				with:   store.ErrConflict,
			}
		}},
		{name: "UpdateUserKeeping", needs: roles, setUp: func(t *probe) call {
			u := t.user()
			last := *u
			last.Disabled = true
			u.Name = "changed"
			return call{
				do:     func(ctx context.Context) error { return t.roles.UpdateUserKeeping(ctx, u, u.Role) },
				args:   []any{u},
				done:   func() bool { return t.readUser(u.ID).Name == "changed" },
				refuse: func(ctx context.Context) error { return t.roles.UpdateUserKeeping(ctx, &last, u.Role) },
				with:   store.ErrLastInRole,
			}
		}},
		{name: "AddIdentity", needs: identities, setUp: func(t *probe) call {
			u := t.user()
			id, old := t.draftIdentity(u, "github"), t.identity(u, "google")
			return call{
				do:     func(ctx context.Context) error { return t.identities.AddIdentity(ctx, id) },
				done:   func() bool { return len(t.linked(u.ID)) == 2 },
				refuse: func(ctx context.Context) error { return t.identities.AddIdentity(ctx, old) },
				with:   store.ErrConflict,
			}
		}},
		{name: "RemoveIdentity", needs: identities, setUp: func(t *probe) call {
			u, other := t.user(), t.user()
			t.identity(u, "github")
			t.identity(u, "google")
			t.identity(other, "github")
			return call{
				do:     func(ctx context.Context) error { return t.identities.RemoveIdentity(ctx, u.ID, "github", true) },
				done:   func() bool { return len(t.linked(u.ID)) == 1 },
				refuse: func(ctx context.Context) error { return t.identities.RemoveIdentity(ctx, other.ID, "github", true) },
				with:   store.ErrLastCredential,
			}
		}},
		{name: "CreateUserWithIdentity", needs: identities, setUp: func(t *probe) call {
			u, again := t.draftUser(func(u *store.User) { u.ID = "" }), t.draftUser()
			id, old := t.draftIdentity(u, "github"), t.identity(t.user(), "github")
			id.UserID, old.UserID = "", ""
			return call{
				do:   func(ctx context.Context) error { return t.identities.CreateUserWithIdentity(ctx, u, id) },
				args: []any{u, id},
				done: func() bool {
					_, err := t.UserByEmail(t.ctx, u.Email)
					there := !t.is(err, store.ErrNotFound)
					_, err = t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
					if linked := !t.is(err, store.ErrNotFound); linked != there {
						t.Errorf("user there = %v, identity there = %v, want both or neither", there, linked)
					}
					return there
				},
				refuse: func(ctx context.Context) error { return t.identities.CreateUserWithIdentity(ctx, again, old) },
				with:   store.ErrConflict,
			}
		}},
	}
}

// sessionOps are the methods of SessionStore, OneTimeStore and AttemptStore that
// change something.
func sessionOps() []op {
	return []op{
		{name: "CreateSession", setUp: func(t *probe) call {
			u := t.user()
			s, old := t.draftSession(u), t.session(u)
			return call{
				do:     func(ctx context.Context) error { return t.CreateSession(ctx, s) },
				done:   func() bool { _, err := t.SessionByID(t.ctx, s.ID); return !t.is(err, store.ErrNotFound) },
				refuse: func(ctx context.Context) error { return t.CreateSession(ctx, old) },
				with:   store.ErrConflict,
			}
		}},
		{name: "Rotate", mute: true, setUp: func(t *probe) call {
			s := t.session(t.user())
			r := t.rotation(s)
			return call{
				do: func(ctx context.Context) error {
					_, swapped, err := t.Rotate(ctx, r)
					if err == nil && !swapped {
						return errors.New("made no exchange")
					}
					return err
				},
				done: func() bool { return t.readSession(s.ID).Generation == 1 },
			}
		}},
		{name: "RenewSession", setUp: func(t *probe) call {
			s := t.session(t.user())
			return call{
				do:     func(ctx context.Context) error { return t.RenewSession(ctx, s.ID, 88, start) },
				done:   func() bool { return t.readSession(s.ID).Epoch == 88 },
				refuse: func(ctx context.Context) error { return t.RenewSession(ctx, "none", 88, start) },
				with:   store.ErrNotFound,
			}
		}},
		{name: "RevokeSession", total: true, setUp: func(t *probe) call {
			s := t.session(t.user())
			return call{
				do:   func(ctx context.Context) error { return t.RevokeSession(ctx, s.ID, start) },
				done: func() bool { return !t.readSession(s.ID).RevokedAt.IsZero() },
			}
		}},
		{name: "RevokeSessions", total: true, setUp: func(t *probe) call {
			s := t.session(t.user())
			return call{
				do: func(ctx context.Context) error {
					_, err := t.RevokeSessions(ctx, s.UserID, "", start)
					return err
				},
				done: func() bool { return !t.readSession(s.ID).RevokedAt.IsZero() },
			}
		}},
		{name: "PutOneTime", setUp: func(t *probe) call {
			u := t.user()
			old, tok := t.token(u, store.PurposeVerifyEmail), t.draftToken(u, store.PurposeVerifyEmail)
			again := t.draftToken(t.user(), store.PurposeVerifyEmail)
			again.Hash = t.token(t.user(), store.PurposeVerifyEmail).Hash
			return call{
				do: func(ctx context.Context) error { return t.PutOneTime(ctx, tok) },
				done: func() bool {
					got, err := t.TakeOneTime(t.ctx, old.Purpose, old.Hash, start)
					if t.is(err, store.ErrNotFound) {
						return true
					}
					t.must(t.PutOneTime(t.ctx, got), "PutOneTime(back again)")
					return false
				},
				refuse: func(ctx context.Context) error { return t.PutOneTime(ctx, again) },
				with:   store.ErrConflict,
			}
		}},
		{name: "TakeOneTime", setUp: func(t *probe) call {
			tok := t.token(t.user(), store.PurposeVerifyEmail)
			take := func(ctx context.Context, p store.Purpose) error {
				_, err := t.TakeOneTime(ctx, p, tok.Hash, start)
				return err
			}
			return call{
				do: func(ctx context.Context) error { return take(ctx, tok.Purpose) },
				done: func() bool {
					if t.is(take(t.ctx, tok.Purpose), store.ErrNotFound) {
						return true
					}
					t.must(t.PutOneTime(t.ctx, tok), "PutOneTime(back again)")
					return false
				},
				refuse: func(ctx context.Context) error { return take(ctx, store.PurposeResetPassword) },
				with:   store.ErrNotFound,
			}
		}},
		{name: "DropOneTime", total: true, setUp: func(t *probe) call {
			tok := t.token(t.user(), store.PurposeVerifyEmail)
			return call{
				do: func(ctx context.Context) error { return t.DropOneTime(ctx, tok.UserID) },
				done: func() bool {
					_, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, start)
					if t.is(err, store.ErrNotFound) {
						return true
					}
					t.must(t.PutOneTime(t.ctx, tok), "PutOneTime(back again)")
					return false
				},
			}
		}},
		{name: "UpdateAttempts", needs: attempts, total: true, setUp: func(t *probe) call {
			key := t.name("key")
			t.setAttempts(key, store.Attempts{Count: 1})
			return call{
				do: func(ctx context.Context) error {
					_, err := t.attempts.UpdateAttempts(ctx, key, func(a store.Attempts) store.Attempts { a.Count++; return a })
					return err
				},
				done: func() bool { return t.readAttempts(key).Count == 2 },
			}
		}},
		{name: "Prune", needs: pruner, alone: true, mute: true, setUp: func(t *probe) call {
			s := t.session(t.user(), func(s *store.Session) { s.ExpiresAt = start.Add(-time.Hour) })
			return call{
				do: func(ctx context.Context) error {
					_, err := t.pruner.Prune(ctx, start, 10)
					return err
				},
				done: func() bool { _, err := t.SessionByID(t.ctx, s.ID); return t.is(err, store.ErrNotFound) },
			}
		}},
		{name: "WipeSealed", needs: pruner, alone: true, mute: true, setUp: func(t *probe) call {
			s := t.session(t.user(), func(s *store.Session) { s.Sealed, s.RotatedAt = t.hash(), start.Add(-time.Hour) })
			return call{
				do: func(ctx context.Context) error {
					_, err := t.pruner.WipeSealed(ctx, start, 10)
					return err
				},
				done: func() bool { return len(t.readSession(s.ID).Sealed) == 0 },
			}
		}},
		{name: "Migrate", needs: migrator, mute: true, setUp: func(t *probe) call {
			return call{do: func(ctx context.Context) error { return t.migrator.Migrate(ctx) }}
		}},
		{name: "AppendAudit", needs: audit, mute: true, setUp: func(t *probe) call {
			e := t.draftEntry()
			return call{
				do:   func(ctx context.Context) error { return t.audit.AppendAudit(ctx, e) },
				done: func() bool { return len(t.chain(e.Chain)) == 1 },
			}
		}},
	}
}
