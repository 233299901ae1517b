package storetest

import (
	"fmt"

	"github.com/aegis-auth/aegis/store"
)

// auditRaceCases are about entries that are written in step with a change, and
// about the places of entries.
func auditRaceCases() []testCase {
	cases := []testCase{
		{proves: "of 50 entries appended at once for one place in a chain exactly one is", run: func(t *probe) {
			chain := t.name("chain")
			for round := range rounds() {
				entries := make([]*store.AuditEntry, 50)
				for i := range entries {
					entries[i] = t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = chain, int64(round+1) })
				}
				errs := race(t, len(entries), func(i int) error { return t.audit.AppendAudit(t.ctx, entries[i]) })
				t.oneWinner(errs, store.ErrConflict, "AppendAudit(one place)")
				for i, e := range entries {
					if e.Written() != (errs[i] == nil) {
						t.Errorf("AppendAudit = %v, and Written() = %v", errs[i], e.Written())
					}
					if errs[i] == nil {
						t.same(t.head(chain), headOf(e), "AuditHeads")
					}
				}
			}
			if n := len(t.chain(chain)); n != rounds() {
				t.Errorf("AuditChain gave %d entries, want %d", n, rounds())
			}
		}},
		{proves: "of 50 racing changes with an audit entry each the winner's is written and no other", run: func(t *probe) {
			for range rounds() {
				u := t.user()
				entries := make([]*store.AuditEntry, 50)
				for i := range entries {
					entries[i] = t.draftEntry()
				}
				errs := race(t, len(entries), func(i int) error {
					up := *u
					up.Name = fmt.Sprint("name ", i)
					return t.UpdateUser(store.WithAudit(t.ctx, entries[i]), &up)
				})
				t.oneWinner(errs, store.ErrStale, "UpdateUser(with an entry)")
				for i, e := range entries {
					t.written(e, errs[i] == nil, "UpdateUser(with an entry)")
				}
			}
		}},
		{proves: "of 50 changes whose audit entries want one place exactly one is made", run: func(t *probe) {
			users := make([]*store.User, 50)
			for i := range users {
				users[i] = t.user()
			}
			for round := range rounds() {
				chain := t.name("chain")
				errs := race(t, len(users), func(i int) error {
					up := *users[i]
					up.Name = fmt.Sprint("round ", round)
					e := t.draftEntry(func(e *store.AuditEntry) { e.Chain = chain })
					return t.UpdateUser(store.WithAudit(t.ctx, e), &up)
				})
				t.oneWinner(errs, store.ErrConflict, "UpdateUser(one place)")
				for i := range users {
					got := t.readUser(users[i].ID)
					if changed := got.Name == fmt.Sprint("round ", round); changed != (errs[i] == nil) {
						t.Errorf("UpdateUser = %v, and the change was made = %v", errs[i], changed)
					}
					users[i] = got
				}
				if n := len(t.chain(chain)); n != 1 {
					t.Errorf("AuditChain gave %d entries, want 1", n)
				}
			}
		}},
		{proves: "chains that many processes write at once are each complete and in order", run: func(t *probe) {
			const writers, each = 8, 12
			names := make([]string, writers)
			for i := range names {
				names[i] = t.name("chain")
			}
			for _, err := range race(t, writers, func(i int) error {
				for seq := range int64(each) {
					e := t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = names[i], seq+1 })
					if err := t.audit.AppendAudit(t.ctx, e); err != nil {
						return err
					}
				}
				return nil
			}) {
				t.must(err, "AppendAudit(a chain of its own)")
			}
			for _, name := range names {
				got := t.chain(name)
				for i, e := range got {
					if e.Seq != int64(i+1) {
						t.Errorf("entry %d of a chain has Seq %d", i, e.Seq)
					}
				}
				if len(got) != each {
					t.Errorf("AuditChain gave %d entries, want %d", len(got), each)
				}
			}
		}},
	}
	for i := range cases {
		cases[i].needs |= audit
	}
	return cases
}
