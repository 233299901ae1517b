package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func auditCases() []testCase {
	cases := slices.Concat(appendCases(), readAuditCases(), carryCases())
	for i := range cases {
		cases[i].needs |= audit
	}
	return cases
}

// entries appends n entries of one chain, in order.
func (t *probe) entries(n int, edit ...func(i int, e *store.AuditEntry)) []*store.AuditEntry {
	t.Helper()
	chain := t.name("chain")
	var list []*store.AuditEntry
	for i := range n {
		e := t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = chain, int64(i+1) })
		for _, f := range edit {
			f(i, e)
		}
		list = append(list, e)
	}
	t.must(t.audit.AppendAudit(t.ctx, list...), "AppendAudit")
	return list
}

// head returns the head of a chain, or the zero AuditHead.
func (t *probe) head(chain string) store.AuditHead {
	t.Helper()
	heads, err := t.audit.AuditHeads(t.ctx)
	t.must(err, "AuditHeads")
	for _, h := range heads {
		if h.Chain == chain {
			return h
		}
	}
	return store.AuditHead{}
}

func headOf(e *store.AuditEntry) store.AuditHead {
	return store.AuditHead{Chain: e.Chain, Seq: e.Seq, MAC: e.MAC}
}

// written notes a mistake unless e is marked and stored, or neither if want is
// false.
func (t *probe) written(e *store.AuditEntry, want bool, what string) {
	t.Helper()
	if e.Written() != want {
		t.Errorf("%s: Written() = %v, want %v", what, e.Written(), want)
	}
	var stored []*store.AuditEntry
	for _, row := range t.chain(e.Chain) {
		if row.ID == e.ID {
			stored = append(stored, row)
		}
	}
	if want {
		t.same(stored, []*store.AuditEntry{e}, "%s: AuditChain", what)
	} else if len(stored) > 0 {
		t.Errorf("%s: the entry is stored, want it left out", what)
	}
}

func appendCases() []testCase {
	return []testCase{
		{proves: "AppendAudit keeps every field and marks the entries as written", run: func(t *probe) {
			list := t.entries(3)
			for _, e := range list {
				t.written(e, true, "AppendAudit")
			}
			t.same(t.chain(list[0].Chain), list, "AuditChain")
		}},
		{proves: "AppendAudit keeps fields that are zero", run: func(t *probe) {
			e := &store.AuditEntry{ID: store.NewID(start), Chain: t.name("chain"), Seq: 1}
			t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
			t.written(e, true, "AppendAudit")
		}},
		{proves: "AppendAudit of no entries is no error", run: func(t *probe) {
			t.must(t.audit.AppendAudit(t.ctx), "AppendAudit()")
		}},
		{proves: "AppendAudit returns ErrConflict for an ID that is taken, and writes none", run: func(t *probe) {
			old := t.entries(1)[0]
			first, second := t.draftEntry(), t.draftEntry(func(e *store.AuditEntry) { e.ID = old.ID })
			t.refused(t.audit.AppendAudit(t.ctx, first, second), store.ErrConflict, "AppendAudit(ID is taken)")
			t.written(first, false, "AppendAudit(refused)")
			t.written(second, false, "AppendAudit(refused)")
			t.same(t.head(first.Chain), store.AuditHead{}, "AuditHeads")
			t.same(t.chain(old.Chain), []*store.AuditEntry{old}, "AuditChain")
		}},
		{proves: "AppendAudit returns ErrConflict for a Chain and Seq that are taken, and writes none", run: func(t *probe) {
			old := t.entries(3)
			next := func(seq int64) *store.AuditEntry {
				return t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = old[0].Chain, seq })
			}
			for seq := range int64(3) {
				first, second := next(4), next(seq+1)
				t.refused(t.audit.AppendAudit(t.ctx, first, second), store.ErrConflict, "AppendAudit(Seq %d is taken)", seq+1)
				t.written(first, false, "AppendAudit(refused)")
				t.written(second, false, "AppendAudit(refused)")
			}
			t.same(t.chain(old[0].Chain), old, "AuditChain")
			t.same(t.head(old[0].Chain), headOf(old[2]), "AuditHeads")
		}},
		{proves: "AppendAudit returns ErrConflict for entries that take each other's place, and writes none", run: func(t *probe) {
			first := t.draftEntry()
			for _, second := range []*store.AuditEntry{
				t.draftEntry(func(e *store.AuditEntry) { e.ID = first.ID }),
				t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = first.Chain, first.Seq }),
			} {
				t.refused(t.audit.AppendAudit(t.ctx, first, second), store.ErrConflict, "AppendAudit(one place twice)")
				t.written(first, false, "AppendAudit(refused)")
				t.written(second, false, "AppendAudit(refused)")
			}
		}},
		{proves: "each chain has a Seq of its own, and chains are told apart byte for byte", run: func(t *probe) {
			for _, chain := range t.variants("host-1/web") {
				e := t.draftEntry(func(e *store.AuditEntry) { e.Chain = chain })
				t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
				t.same(t.chain(chain), []*store.AuditEntry{e}, "AuditChain(%q)", chain)
				t.same(t.head(chain), headOf(e), "AuditHeads(%q)", chain)
			}
		}},
		{proves: "AppendAudit writes entries of many chains in one step", run: func(t *probe) {
			list := []*store.AuditEntry{t.draftEntry(), t.draftEntry(), t.draftEntry()}
			t.must(t.audit.AppendAudit(t.ctx, list...), "AppendAudit")
			for _, e := range list {
				t.written(e, true, "AppendAudit")
				t.same(t.head(e.Chain), headOf(e), "AuditHeads")
			}
		}},
		{proves: "AppendAudit writes what it is handed, not what its context carries", run: func(t *probe) {
			carried, handed := t.draftEntry(), t.draftEntry()
			t.must(t.audit.AppendAudit(store.WithAudit(t.ctx, carried), handed), "AppendAudit")
			t.written(handed, true, "AppendAudit(handed)")
			t.written(carried, false, "AppendAudit(carried)")
			t.must(t.audit.AppendAudit(store.WithAudit(t.ctx, carried), carried), "AppendAudit(one both handed and carried)")
			t.written(carried, true, "AppendAudit(one both handed and carried)")
		}},
	}
}

func readAuditCases() []testCase {
	return []testCase{
		{proves: "the head of a chain is its entry with the highest Seq, in whatever order they came", run: func(t *probe) {
			chain := t.name("chain")
			var head *store.AuditEntry
			for _, seq := range []int64{2, 1, 7, 3, 1 << 40} {
				e := t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = chain, seq })
				t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit(Seq %d)", seq)
				if head == nil || seq > head.Seq {
					head = e
				}
				t.same(t.head(chain), headOf(head), "AuditHeads(after Seq %d)", seq)
			}
		}},
		{proves: "AuditHeads gives the head of every chain, by Chain, byte by byte", alone: true, run: func(t *probe) {
			heads, err := t.audit.AuditHeads(t.ctx)
			t.must(err, "AuditHeads")
			t.same(heads, []store.AuditHead{}, "AuditHeads(no entries)")
			var want []store.AuditHead
			for i, chain := range []string{"b", "B", "a", "ä", "b ", "%", ""} {
				for seq := range int64(i%2 + 1) {
					e := t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = chain, seq+1 })
					t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
					if seq == int64(i%2) {
						want = append(want, headOf(e))
					}
				}
			}
			sortBy(want, ascending, func(h store.AuditHead) store.Cursor { return store.Cursor{ID: h.Chain} })
			heads, err = t.audit.AuditHeads(t.ctx)
			t.must(err, "AuditHeads")
			t.same(heads, want, "AuditHeads")
		}},
		{proves: "AuditChain lists by Seq what is above after, as long as the limit allows", run: func(t *probe) {
			list := t.entries(store.DefaultLimit + 5)
			t.entries(2) // another chain
			chain := list[0].Chain
			for _, c := range []struct {
				after int64
				limit int
				want  []*store.AuditEntry
			}{
				{0, 3, list[:3]}, {3, 3, list[3:6]}, {0, len(list), list}, {0, 1000, list}, {-5, 1, list[:1]},
				{int64(len(list)) - 1, 10, list[len(list)-1:]}, {int64(len(list)), 10, nil}, {1 << 50, 10, nil},
				{0, 0, list[:store.DefaultLimit]}, {2, -1, list[2 : store.DefaultLimit+2]},
			} {
				got, err := t.audit.AuditChain(t.ctx, chain, c.after, c.limit)
				t.must(err, "AuditChain")
				t.same(got, c.want, "AuditChain(after %d, limit %d)", c.after, c.limit)
			}
			t.same(t.chain("none"), []*store.AuditEntry{}, "AuditChain(no such chain)")
		}},
		{proves: "ListAudit selects by UserID, Kind and Since, and by all of them together", run: func(t *probe) {
			user, kind := t.name("user"), t.name("kind")
			list := t.entries(6, func(i int, e *store.AuditEntry) {
				e.Time = start.Add(time.Duration(i) * time.Microsecond)
				if i%2 == 0 {
					e.UserID = user
				}
				if i >= 2 {
					e.Kind = kind
				}
			})
			t.entries(1)
			for _, c := range []struct {
				q    store.AuditQuery
				want []int
			}{
				{store.AuditQuery{UserID: user}, []int{4, 2, 0}},
				{store.AuditQuery{Kind: kind}, []int{5, 4, 3, 2}},
				{store.AuditQuery{UserID: user, Kind: kind}, []int{4, 2}},
				{store.AuditQuery{Kind: kind, Since: list[4].Time}, []int{5, 4}},
				{store.AuditQuery{UserID: user, Since: list[1].Time}, []int{4, 2}},
				{store.AuditQuery{UserID: user, Kind: kind, Since: list[3].Time}, []int{4}},
				{store.AuditQuery{UserID: user, Since: list[5].Time}, nil},
				{store.AuditQuery{UserID: user, Limit: 1}, []int{4}},
				{store.AuditQuery{UserID: user, After: store.Cursor{At: list[4].Time, ID: list[4].ID}, Limit: 1}, []int{2}},
				{store.AuditQuery{UserID: user + " "}, nil},
				{store.AuditQuery{Kind: kind + "x"}, nil},
			} {
				var want []*store.AuditEntry
				for _, i := range c.want {
					want = append(want, list[i])
				}
				got, err := t.audit.ListAudit(t.ctx, c.q)
				t.must(err, "ListAudit")
				t.same(got, want, "ListAudit(%+v)", c.q)
			}
		}},
		{proves: "ListAudit tells users and kinds apart byte for byte", run: func(t *probe) {
			users, kinds := t.variants("user"), t.variants("auth.role_changed")
			list := t.entries(len(users), func(i int, e *store.AuditEntry) { e.UserID, e.Kind = users[i], kinds[i] })
			for i, e := range list {
				for _, q := range []store.AuditQuery{{UserID: users[i]}, {Kind: kinds[i]}} {
					got, err := t.audit.ListAudit(t.ctx, q)
					t.must(err, "ListAudit")
					t.same(got, []*store.AuditEntry{e}, "ListAudit(%+v)", q)
				}
			}
		}},
		{proves: "DeleteUser leaves the audit trail as it is", run: func(t *probe) {
			u := t.user()
			list := t.entries(2, func(_ int, e *store.AuditEntry) { e.UserID, e.ActorID = u.ID, u.ID })
			t.must(t.DeleteUser(t.ctx, u.ID), "DeleteUser")
			t.same(t.chain(list[0].Chain), list, "AuditChain")
		}},
	}
}

// carryCases are about the entry a context carries. That every method keeps to
// the rules is proved one by one; see stepCases.
func carryCases() []testCase {
	return []testCase{
		{proves: "an audit entry is written once, by the first change its context is handed to", run: func(t *probe) {
			u, e := t.user(), t.draftEntry()
			ctx := store.WithAudit(t.ctx, e)
			for i := range 3 {
				u.Name = fmt.Sprint("name ", i)
				t.must(t.UpdateUser(ctx, u), "UpdateUser")
				t.written(e, true, "UpdateUser")
			}
			if n := len(t.chain(e.Chain)); n != 1 {
				t.Errorf("AuditChain gave %d entries, want 1", n)
			}
		}},
		{proves: "an entry that is already marked is not written", run: func(t *probe) {
			e := t.draftEntry()
			e.MarkWritten()
			t.must(t.CreateUser(store.WithAudit(t.ctx, e), t.draftUser()), "CreateUser")
			t.same(t.chain(e.Chain), []*store.AuditEntry{}, "AuditChain")
		}},
		{proves: "an entry that a refused change carried can be written by the next", run: func(t *probe) {
			u, e := t.user(), t.draftEntry()
			ctx := store.WithAudit(t.ctx, e)
			stale := *u
			stale.Version++
			t.refused(t.UpdateUser(ctx, &stale), store.ErrStale, "UpdateUser(stale)")
			t.written(e, false, "UpdateUser(stale)")
			t.must(t.UpdateUser(ctx, u), "UpdateUser")
			t.written(e, true, "UpdateUser")
		}},
		{proves: "a change that finds nothing left to do writes its audit entry", run: func(t *probe) {
			for what, do := range map[string]func(ctx context.Context) error{
				"RevokeSession": func(ctx context.Context) error { return t.RevokeSession(ctx, "none", start) },
				"RevokeSessions": func(ctx context.Context) error {
					_, err := t.RevokeSessions(ctx, "nobody", "", start)
					return err
				},
				"DropOneTime": func(ctx context.Context) error { return t.DropOneTime(ctx, "nobody") },
				"DeleteUser":  func(ctx context.Context) error { return t.DeleteUser(ctx, "nobody") },
			} {
				e := t.draftEntry()
				t.must(do(store.WithAudit(t.ctx, e)), "%s(nothing to do)", what)
				t.written(e, true, what+"(nothing to do)")
			}
		}},
		{proves: "TakeOneTime that returns ErrExpired writes no audit entry", run: func(t *probe) {
			tok, e := t.token(t.user(), store.PurposeVerifyEmail), t.draftEntry()
			_, err := t.TakeOneTime(store.WithAudit(t.ctx, e), tok.Purpose, tok.Hash, tok.ExpiresAt)
			t.refused(err, store.ErrExpired, "TakeOneTime")
			t.written(e, false, "TakeOneTime(expired)")
		}},
		{proves: "Rotate writes no audit entry", run: func(t *probe) {
			s, e := t.session(t.user()), t.draftEntry()
			_, swapped, err := t.Rotate(store.WithAudit(t.ctx, e), t.rotation(s))
			t.must(err, "Rotate")
			if !swapped {
				t.Errorf("Rotate swapped = false, want true")
			}
			t.written(e, false, "Rotate")
		}},
		{proves: "Prune, WipeSealed and Migrate write no audit entry", needs: pruner, run: func(t *probe) {
			e := t.draftEntry()
			ctx := store.WithAudit(t.ctx, e)
			_, err := t.pruner.Prune(ctx, start.AddDate(-30, 0, 0), 1)
			t.must(err, "Prune")
			_, err = t.pruner.WipeSealed(ctx, start.AddDate(-30, 0, 0), 1)
			t.must(err, "WipeSealed")
			if t.migrator != nil {
				t.must(t.migrator.Migrate(ctx), "Migrate")
			}
			t.written(e, false, "housekeeping")
		}},
		{proves: "methods that only read write no audit entry", run: func(t *probe) {
			u, e := t.user(), t.draftEntry()
			ctx := store.WithAudit(t.ctx, e)
			_, err := t.UserByID(ctx, u.ID)
			t.must(err, "UserByID")
			_, err = t.ListSessions(ctx, u.ID)
			t.must(err, "ListSessions")
			_, err = t.audit.AuditHeads(ctx)
			t.must(err, "AuditHeads")
			t.written(e, false, "reading")
		}},
	}
}
