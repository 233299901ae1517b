package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// stepCases prove, for one method after the other, the rules that hold for all of
// them: a context that has ended is honoured, and an audit entry is written in
// the same step as the change or not at all.
func stepCases() []testCase {
	var cases []testCase
	for _, o := range slices.Concat(userOps(), sessionOps(), orgOps()) {
		add := func(proves string, needs capability, run func(t *probe, c call)) {
			cases = append(cases, testCase{
				proves: proves, needs: o.needs | needs, alone: o.alone,
				run: func(t *probe) { run(t, o.setUp(t)) },
			})
		}
		add(o.name+" under a context that has ended returns its error and changes nothing", 0, endedContext)
		if o.mute {
			continue
		}
		add(o.name+" writes the audit entry of its context in the same step", audit, writesEntry)
		add(o.name+" changes nothing if the place of its audit entry is taken", audit, undoneByEntry)
		if !o.total {
			add(o.name+" writes no audit entry if it is refused", audit, refusedWithEntry)
		}
	}
	cases = append(cases, stoppedCases()...)
	for _, r := range reads() {
		cases = append(cases, testCase{
			proves: r.name + " under a context that has ended returns its error",
			needs:  r.needs,
			run: func(t *probe) {
				c := r.setUp(t)
				endedContext(t, call{do: func(ctx context.Context) error {
					_, err := c(ctx)
					return err
				}})
			},
		})
	}
	return cases
}

// endedContext calls under contexts that were cancelled, and that ran out of
// time, and then under a good one, to see that it was the context.
func endedContext(t *probe, c call) {
	cancelled, cancel := context.WithCancel(t.ctx)
	cancel()
	expired, cancel := context.WithDeadline(t.ctx, time.Unix(1, 0))
	defer cancel()
	before := snapshot(c.args)
	for _, ctx := range []context.Context{cancelled, expired} {
		t.refused(c.do(ctx), ctx.Err(), "under a context that has ended")
		if c.done != nil && c.done() {
			t.Fatalf("the change was made under a context that has ended")
		}
		t.same(c.args, before, "a call under a context that has ended")
	}
	t.must(c.do(t.ctx), "under a good context")
	if c.done != nil && !c.done() {
		t.Errorf("the change was not made under a good context")
	}
}

func writesEntry(t *probe, c call) {
	e := t.draftEntry()
	t.must(c.do(store.WithAudit(t.ctx, e)), "with an audit entry")
	if !c.done() {
		t.Errorf("the change was not made")
	}
	t.written(e, true, "with an audit entry")
	t.same(t.head(e.Chain), headOf(e), "AuditHeads")
}

// undoneByEntry carries an entry whose Chain and Seq, and one whose ID, are taken.
func undoneByEntry(t *probe, c call) {
	old, before := t.entries(1)[0], snapshot(c.args)
	for _, e := range []*store.AuditEntry{
		t.draftEntry(func(e *store.AuditEntry) { e.Chain, e.Seq = old.Chain, old.Seq }),
		t.draftEntry(func(e *store.AuditEntry) { e.ID = old.ID }),
	} {
		t.refused(c.do(store.WithAudit(t.ctx, e)), store.ErrConflict, "with an audit entry whose place is taken")
		if c.done() {
			t.Errorf("the change was made although its audit entry was not written")
		}
		t.same(c.args, before, "a call with an audit entry whose place is taken")
		t.written(e, false, "with an audit entry whose place is taken")
	}
	t.same(t.chain(old.Chain), []*store.AuditEntry{old}, "AuditChain")
	t.must(c.do(t.ctx), "without an audit entry") // nothing of the attempts is left in the way
}

func refusedWithEntry(t *probe, c call) {
	e := t.draftEntry()
	t.refused(c.refuse(store.WithAudit(t.ctx, e)), c.with, "refused, with an audit entry")
	t.written(e, false, "refused, with an audit entry")
	if c.done() {
		t.Errorf("the change was made although the call was refused")
	}
}

// stoppedCases are about steps that a function of the caller's stops.
func stoppedCases() []testCase {
	return []testCase{
		{proves: "UpdateMembers writes no audit entry if change returns an error", needs: audit | orgs, run: func(t *probe) {
			u := t.user()
			o := t.org(t.user())
			refusedWithEntry(t, call{
				refuse: func(ctx context.Context) error {
					return t.orgs.UpdateMembers(ctx, o.ID, []string{u.ID}, func(_ *store.Org, m map[string]*store.Member) error {
						m[u.ID] = place(o, u, store.OrgMember, start)
						return errVeto
					})
				},
				with: errVeto,
				done: func() bool { return len(t.members(o.ID)) != 1 },
			})
		}},
		{proves: "AcceptInvite writes no audit entry if check returns an error", needs: audit | orgs | invites, run: func(t *probe) {
			u, i := t.user(), t.newInvite()
			refusedWithEntry(t, call{
				refuse: func(ctx context.Context) error {
					return t.invites.AcceptInvite(ctx, i.ID, u.ID, start, func(*store.Invite, *store.Org, *store.Member) error { return errVeto })
				},
				with: errVeto,
				done: func() bool { return t.readInvite(i.ID).Status != store.InvitePending },
			})
		}},
		{proves: "UpdateAttempts may have called change more than once, but counts it once", needs: attempts, run: func(t *probe) {
			key := t.name("key")
			calls := int64(0)
			got, err := t.attempts.UpdateAttempts(t.ctx, key, func(a store.Attempts) store.Attempts {
				calls++
				a.Count++
				return a
			})
			t.must(err, "UpdateAttempts")
			if calls < 1 || got.Count != 1 {
				t.Errorf("UpdateAttempts called change %d times and gave Count %d, want at least once and 1", calls, got.Count)
			}
		}},
	}
}
