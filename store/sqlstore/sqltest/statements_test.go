package sqltest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// epoch is when the tests of this package take place.
var epoch = time.Date(2031, 5, 17, 9, 30, 15, 123456000, time.UTC)

// world is a store with a little of everything in it.
type world struct {
	*sqlstore.Store
	t    *testing.T
	user *store.User
	org  *store.Org
	n    int
}

func newWorld(t *testing.T, s *sqlstore.Store) *world {
	t.Helper()
	w := &world{Store: s, t: t}
	w.user = w.newUser()
	w.org = &store.Org{ID: "org", Slug: "org", CreatedAt: epoch}
	w.must(s.CreateOrg(t.Context(), w.org, &store.Member{UserID: w.user.ID, Role: store.OrgOwner, JoinedAt: epoch}))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) name(kind string) string {
	w.n++
	return fmt.Sprintf("%s-%d", kind, w.n)
}

func (w *world) draftUser() *store.User {
	id := w.name("user")
	return &store.User{ID: id, Email: id + "@example.com", Role: "user", CreatedAt: epoch, UpdatedAt: epoch}
}

func (w *world) newUser() *store.User {
	u := w.draftUser()
	w.must(w.CreateUser(w.t.Context(), u))
	return u
}

func (w *world) draftSession() *store.Session {
	id := w.name("session")
	return &store.Session{
		ID: id, UserID: w.user.ID, Method: "password", Hash: []byte(id + "/0"), UserAgent: "agent", IP: "192.0.2.1",
		AuthTime: epoch, CreatedAt: epoch, RotatedAt: epoch, ExpiresAt: epoch.Add(time.Hour), EndsAt: epoch.Add(24 * time.Hour),
	}
}

func (w *world) newSession() *store.Session {
	s := w.draftSession()
	w.must(w.CreateSession(w.t.Context(), s))
	return s
}

// next is the rotation that follows s.
func next(s *store.Session) store.Rotation {
	return store.Rotation{
		SessionID: s.ID, Old: s.Hash, New: fmt.Appendf(nil, "%s/%d", s.ID, s.Generation+1), Sealed: []byte("sealed"),
		Now: epoch.Add(time.Minute), ExpiresAt: epoch.Add(2 * time.Hour), UserAgent: "agent", IP: "192.0.2.1",
	}
}

func (w *world) draftToken() *store.OneTimeToken {
	return &store.OneTimeToken{Hash: []byte(w.name("hash")), Purpose: store.PurposeVerifyEmail, UserID: w.user.ID,
		Email: w.user.Email, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
}

func (w *world) newToken() *store.OneTimeToken {
	t := w.draftToken()
	w.must(w.PutOneTime(w.t.Context(), t))
	return t
}

func (w *world) draftIdentity(u *store.User) *store.Identity {
	return &store.Identity{UserID: u.ID, Provider: w.name("provider"), Subject: w.name("subject"), CreatedAt: epoch}
}

func (w *world) newIdentity(u *store.User) *store.Identity {
	id := w.draftIdentity(u)
	w.must(w.AddIdentity(w.t.Context(), id))
	return id
}

func (w *world) draftInvite() *store.Invite {
	id := w.name("invite")
	return &store.Invite{ID: id, OrgID: w.org.ID, Email: id + "@example.com", Role: store.OrgMember, Hash: []byte(id),
		InvitedBy: w.user.ID, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
}

func (w *world) newInvite() *store.Invite {
	i := w.draftInvite()
	w.must(w.CreateInvite(w.t.Context(), i))
	return i
}

func (w *world) entry() *store.AuditEntry {
	w.n++
	return &store.AuditEntry{ID: fmt.Sprint("entry-", w.n), Chain: "chain", Seq: int64(w.n), MAC: []byte("mac"), Time: epoch,
		Kind: "auth.test"}
}

func count(a store.Attempts) store.Attempts {
	return store.Attempts{Count: a.Count + 1, Since: epoch, Expires: epoch.Add(time.Hour)}
}

// cost is what a method asks of the database: statements, and transactions around
// them.
type cost struct{ statements, txs int }

// methodCosts is the price list. Each method is prepared, and then called, by its
// do; mysql is the cost where it differs.
var methodCosts = []struct {
	name    string
	do      func(w *world) func(ctx context.Context) error
	want    cost
	mysql   cost
	changes bool // it writes an audit entry
}{
	{"Rotate that wins", func(w *world) func(context.Context) error {
		s := w.newSession()
		return func(ctx context.Context) error { return rotates(w.Rotate(ctx, next(s)))(true) }
	}, cost{1, 0}, cost{2, 0}, false},
	{"Rotate that follows another", func(w *world) func(context.Context) error {
		s, _, err := w.Rotate(w.t.Context(), next(w.newSession()))
		w.must(err)
		return func(ctx context.Context) error { return rotates(w.Rotate(ctx, next(s)))(true) }
	}, cost{1, 0}, cost{}, false},
	{"Rotate that is beaten", func(w *world) func(context.Context) error {
		s := w.newSession()
		w.must(rotates(w.Rotate(w.t.Context(), next(s)))(true))
		return func(ctx context.Context) error { return rotates(w.Rotate(ctx, next(s)))(false) }
	}, cost{2, 0}, cost{1, 0}, false},
	{"CreateUser", func(w *world) func(context.Context) error {
		u := w.draftUser()
		return func(ctx context.Context) error { return w.CreateUser(ctx, u) }
	}, cost{1, 0}, cost{}, true},
	{"UserByID", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.UserByID(ctx, w.user.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"UserByEmail", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.UserByEmail(ctx, w.user.Email)) }
	}, cost{1, 0}, cost{}, false},
	{"UpdateUser", func(w *world) func(context.Context) error {
		u := w.newUser()
		return func(ctx context.Context) error { return w.UpdateUser(ctx, u) }
	}, cost{1, 0}, cost{}, true},
	{"DeleteUser of nobody's organizations", func(w *world) func(context.Context) error {
		u := w.newUser()
		return func(ctx context.Context) error { return w.DeleteUser(ctx, u.ID) }
	}, cost{5, 1}, cost{}, true},
	{"UserWithSession", func(w *world) func(context.Context) error {
		s := w.newSession()
		return func(ctx context.Context) error {
			_, _, err := w.UserWithSession(ctx, s.ID)
			return err
		}
	}, cost{1, 0}, cost{}, false},
	{"ListUsers", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListUsers(ctx, store.UserQuery{})) }
	}, cost{1, 0}, cost{}, false},
	{"UsersByIDs", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.UsersByIDs(ctx, []string{"a", "b", "c"})) }
	}, cost{1, 0}, cost{}, false},
	{"CreateUserClaiming", func(w *world) func(context.Context) error {
		u := w.draftUser()
		return func(ctx context.Context) error { return w.CreateUserClaiming(ctx, u, "admin") }
	}, cost{2, 1}, cost{}, true},
	{"UpdateUserKeeping that gives up the role", func(w *world) func(context.Context) error {
		one, two := w.draftUser(), w.draftUser()
		one.Role, two.Role = "admin", "admin"
		w.must(w.CreateUser(w.t.Context(), one))
		w.must(w.CreateUser(w.t.Context(), two))
		one.Role = "user"
		return func(ctx context.Context) error { return w.UpdateUserKeeping(ctx, one, "admin") }
	}, cost{4, 1}, cost{}, true},
	{"CreateSession", func(w *world) func(context.Context) error {
		s := w.draftSession()
		return func(ctx context.Context) error { return w.CreateSession(ctx, s) }
	}, cost{1, 0}, cost{}, true},
	{"SessionByID", func(w *world) func(context.Context) error {
		s := w.newSession()
		return func(ctx context.Context) error { return second(w.SessionByID(ctx, s.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"RenewSession", func(w *world) func(context.Context) error {
		s := w.newSession()
		return func(ctx context.Context) error { return w.RenewSession(ctx, s.ID, 7, time.Time{}) }
	}, cost{1, 0}, cost{}, true},
	{"ListSessions", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListSessions(ctx, w.user.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"RevokeSession", func(w *world) func(context.Context) error {
		s := w.newSession()
		return func(ctx context.Context) error { return w.RevokeSession(ctx, s.ID, epoch) }
	}, cost{1, 0}, cost{}, true},
	{"RevokeSessions", func(w *world) func(context.Context) error {
		w.newSession()
		return func(ctx context.Context) error { return second(w.RevokeSessions(ctx, w.user.ID, "", epoch)) }
	}, cost{1, 0}, cost{}, true},
	{"PutOneTime", func(w *world) func(context.Context) error {
		tok := w.draftToken()
		return func(ctx context.Context) error { return w.PutOneTime(ctx, tok) }
	}, cost{1, 0}, cost{}, true},
	{"TakeOneTime", func(w *world) func(context.Context) error {
		tok := w.newToken()
		return func(ctx context.Context) error { return second(w.TakeOneTime(ctx, tok.Purpose, tok.Hash, epoch)) }
	}, cost{1, 0}, cost{2, 0}, true},
	{"DropOneTime", func(w *world) func(context.Context) error {
		w.newToken()
		return func(ctx context.Context) error {
			return w.DropOneTime(ctx, w.user.ID, store.PurposeVerifyEmail, store.PurposeResetPassword)
		}
	}, cost{1, 0}, cost{}, true},
	{"IdentityBySubject", func(w *world) func(context.Context) error {
		id := w.newIdentity(w.newUser())
		return func(ctx context.Context) error { return second(w.IdentityBySubject(ctx, id.Provider, id.Subject)) }
	}, cost{1, 0}, cost{}, false},
	{"ListIdentities", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListIdentities(ctx, w.user.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"AddIdentity", func(w *world) func(context.Context) error {
		id := w.draftIdentity(w.newUser())
		return func(ctx context.Context) error { return w.AddIdentity(ctx, id) }
	}, cost{1, 0}, cost{}, true},
	{"RemoveIdentity", func(w *world) func(context.Context) error {
		id := w.newIdentity(w.newUser())
		return func(ctx context.Context) error { return w.RemoveIdentity(ctx, id.UserID, id.Provider, false) }
	}, cost{1, 0}, cost{}, true},
	{"RemoveIdentity that keeps one", func(w *world) func(context.Context) error {
		u := w.newUser()
		id := w.newIdentity(u)
		w.newIdentity(u)
		return func(ctx context.Context) error { return w.RemoveIdentity(ctx, id.UserID, id.Provider, true) }
	}, cost{2, 1}, cost{}, true},
	{"CreateUserWithIdentity", func(w *world) func(context.Context) error {
		u := w.draftUser()
		id := w.draftIdentity(u)
		return func(ctx context.Context) error { return w.CreateUserWithIdentity(ctx, u, id) }
	}, cost{2, 1}, cost{}, true},
	{"UpdateAttempts", func(w *world) func(context.Context) error {
		key := w.name("key")
		return func(ctx context.Context) error { return second(w.UpdateAttempts(ctx, key, count)) }
	}, cost{2, 0}, cost{}, true},
	{"AppendAudit", func(w *world) func(context.Context) error {
		one, two := w.entry(), w.entry()
		return func(ctx context.Context) error { return w.AppendAudit(ctx, one, two) }
	}, cost{3, 1}, cost{}, false},
	{"ListAudit", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListAudit(ctx, store.AuditQuery{})) }
	}, cost{1, 0}, cost{}, false},
	{"AuditHeads", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.AuditHeads(ctx)) }
	}, cost{1, 0}, cost{}, false},
	{"AuditChain", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.AuditChain(ctx, "chain", 0, 10)) }
	}, cost{1, 0}, cost{}, false},
	{"CreateOrg", func(w *world) func(context.Context) error {
		o := &store.Org{ID: w.name("org"), Slug: w.name("slug"), CreatedAt: epoch}
		return func(ctx context.Context) error {
			return w.CreateOrg(ctx, o, &store.Member{UserID: w.user.ID, Role: store.OrgOwner, JoinedAt: epoch})
		}
	}, cost{2, 1}, cost{}, true},
	{"OrgByID", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.OrgByID(ctx, w.org.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"UpdateOrg", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return w.UpdateOrg(ctx, w.org) }
	}, cost{1, 0}, cost{}, true},
	{"DeleteOrg", func(w *world) func(context.Context) error {
		o := &store.Org{ID: w.name("org"), Slug: w.name("slug"), CreatedAt: epoch}
		w.must(w.CreateOrg(w.t.Context(), o, &store.Member{UserID: w.user.ID, Role: store.OrgOwner, JoinedAt: epoch}))
		return func(ctx context.Context) error { return w.DeleteOrg(ctx, o.ID) }
	}, cost{4, 1}, cost{}, true},
	{"ListOrgs", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListOrgs(ctx, store.OrgQuery{})) }
	}, cost{1, 0}, cost{}, false},
	{"ListMemberships", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error {
			return second(w.ListMemberships(ctx, w.user.ID, store.Cursor{}, 0))
		}
	}, cost{1, 0}, cost{}, false},
	{"Membership", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.Membership(ctx, w.org.ID, w.user.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"ListMembers", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListMembers(ctx, w.org.ID, store.Cursor{}, 0)) }
	}, cost{1, 0}, cost{}, false},
	{"UpdateMembers that changes an owner", func(w *world) func(context.Context) error {
		a, b := w.newUser(), w.newUser()
		return func(ctx context.Context) error {
			return w.UpdateMembers(ctx, w.org.ID, []string{a.ID, b.ID}, func(_ *store.Org, m map[string]*store.Member) error {
				m[a.ID] = &store.Member{Role: store.OrgOwner, JoinedAt: epoch}
				m[b.ID] = &store.Member{Role: store.OrgAdmin, JoinedAt: epoch}
				return nil
			})
		}
	}, cost{4, 1}, cost{}, true},
	{"UpdateMembers that adds a member", func(w *world) func(context.Context) error {
		a := w.newUser()
		return func(ctx context.Context) error {
			return w.UpdateMembers(ctx, w.org.ID, []string{a.ID}, func(_ *store.Org, m map[string]*store.Member) error {
				m[a.ID] = &store.Member{Role: store.OrgMember, JoinedAt: epoch}
				return nil
			})
		}
	}, cost{4, 1}, cost{}, true},
	{"CreateInvite", func(w *world) func(context.Context) error {
		i := w.draftInvite()
		return func(ctx context.Context) error { return w.CreateInvite(ctx, i) }
	}, cost{3, 1}, cost{}, true},
	{"InviteByID", func(w *world) func(context.Context) error {
		i := w.newInvite()
		return func(ctx context.Context) error { return second(w.InviteByID(ctx, i.ID)) }
	}, cost{1, 0}, cost{}, false},
	{"InviteByHash", func(w *world) func(context.Context) error {
		i := w.newInvite()
		return func(ctx context.Context) error { return second(w.InviteByHash(ctx, i.Hash)) }
	}, cost{1, 0}, cost{}, false},
	{"ListInvites", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListInvites(ctx, w.org.ID, store.Cursor{}, 0)) }
	}, cost{1, 0}, cost{}, false},
	{"ListInvitesTo", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.ListInvitesTo(ctx, w.user.Email)) }
	}, cost{1, 0}, cost{}, false},
	{"RenewInvite", func(w *world) func(context.Context) error {
		i := w.newInvite()
		return func(ctx context.Context) error {
			return w.RenewInvite(ctx, i.OrgID, i.ID, []byte(w.name("hash")), epoch.Add(time.Hour))
		}
	}, cost{1, 0}, cost{}, true},
	{"CloseInvite", func(w *world) func(context.Context) error {
		i := w.newInvite()
		return func(ctx context.Context) error { return w.CloseInvite(ctx, i.ID, store.InviteRevoked) }
	}, cost{1, 0}, cost{}, true},
	{"AcceptInvite", func(w *world) func(context.Context) error {
		i, u := w.newInvite(), w.newUser()
		return func(ctx context.Context) error {
			return w.AcceptInvite(ctx, i.ID, u.ID, epoch, func(*store.Invite, *store.Org, *store.Member) error { return nil })
		}
	}, cost{4, 1}, cost{}, true},
	{"Prune", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.Prune(ctx, epoch, 100)) }
	}, cost{4, 0}, cost{}, false},
	{"WipeSealed", func(w *world) func(context.Context) error {
		return func(ctx context.Context) error { return second(w.WipeSealed(ctx, epoch, 100)) }
	}, cost{1, 0}, cost{}, false},
}

// second drops a method's value.
func second[T any](_ T, err error) error { return err }

// rotates turns what Rotate returns into an error unless it won, or was beaten, as
// it should.
func rotates(_ *store.Session, swapped bool, err error) func(want bool) error {
	return func(want bool) error {
		if err == nil && swapped != want {
			return fmt.Errorf("Rotate swapped = %v, want %v", swapped, want)
		}
		return err
	}
}

func TestStatementsPerMethod(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		var f faultdriver.Faults
		w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{}))
		for _, m := range methodCosts {
			t.Run(m.name, func(t *testing.T) {
				want := m.want
				if e.Dialect == sqlstore.MySQL && m.mysql != (cost{}) {
					want = m.mysql
				}
				w.t = t
				check(t, w, &f, m.do, want, nil)
				if m.changes {
					// The entry and the head of its chain come with it, in a transaction.
					check(t, w, &f, m.do, cost{want.statements + 2, 1}, w.entry())
				}
			})
		}
	})
}

func check(t *testing.T, w *world, f *faultdriver.Faults, do func(*world) func(context.Context) error, want cost, e *store.AuditEntry) {
	t.Helper()
	call := do(w)
	ctx := t.Context()
	if e != nil {
		ctx = store.WithAudit(ctx, e)
	}
	f.Reset()
	if err := call(ctx); err != nil {
		t.Fatal(err)
	}
	if e != nil && !e.Written() {
		t.Error("the audit entry was not written")
	}
	var got cost
	for _, c := range f.Calls(faultdriver.Statements) {
		if !isolation(c) {
			got.statements++
		}
	}
	got.txs = f.Count(faultdriver.Begin)
	if commits := f.Count(faultdriver.Commit); commits != got.txs {
		t.Errorf("%d transactions begun, %d committed", got.txs, commits)
	}
	if got != want {
		t.Errorf("cost = %+v, want %+v:", got, want)
		for _, c := range f.Calls(faultdriver.Any) {
			t.Log(c)
		}
	}
}

// isolation reports whether a driver sent c on its own to begin a transaction.
func isolation(c faultdriver.Call) bool {
	return c.Text == "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
}
