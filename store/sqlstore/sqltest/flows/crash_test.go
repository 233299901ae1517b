package flows_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// accident is what happens to a call in the crash test. Its zero value is that the
// client goes away at that moment, and the answer with it.
type accident struct {
	name  string
	fault *faultdriver.Fault
}

// accidents are those that are tried on a database: one, or all there are.
func accidents(d sqlstore.Dialect) (list []accident) {
	all := os.Getenv("AEGIS_CRASH") == "all"
	if all || d == sqlstore.SQLite {
		list = append(list, accident{"refused", &faultKinds[0].fault})
	}
	if all || d == sqlstore.Postgres {
		list = append(list, accident{"client gone", nil})
	}
	if all {
		for _, k := range faultKinds[1:4] {
			list = append(list, accident{k.name, &k.fault})
		}
	}
	return list
}

// lanes is how many flows are tried at once on each database, each lane with
// tables and people of its own.
const lanes = 4

// TestCrash makes every call fail that a flow makes to the database, one at a time.
// Whatever is answered then: success is no lie, the invariants hold, a privileged
// change and its audit entry are both there or both not, and the flow goes through
// when the trouble is over.
func TestCrash(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e *sqltest.Engine) {
		kinds := accidents(e.Dialect)
		if len(kinds) == 0 {
			t.Skip("NOT RUN: AEGIS_CRASH=all includes it")
		}
		all := append(flows, adminFlows...)
		for lane := range lanes {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				d := openDatabase(t, e, sqlstore.Config{})
				s := newStage(t, d)
				cases := 0
				for i := lane; i < len(all); i += lanes {
					for _, k := range kinds {
						t.Run(all[i].name+"/"+k.name, func(t *testing.T) { cases += s.crash(t, d, all[i], k) })
					}
				}
				s.tb = t
				s.flush()
				checkInvariants(t, s.world, d.DB(), d.prefix)
				t.Logf("%d faults", cases)
			})
		}
	})
}

// crash tries one flow with an accident at each of its calls, or at each stride-th,
// and returns how many there were.
func (s *stage) crash(t *testing.T, d *database, f flow, k accident) (cases int) {
	for n := 1 + len(f.name)%stride; n < 200; n += stride {
		s.tb = t
		a := f.prepare(s)
		s.flush()
		ctx, gone := context.WithCancel(t.Context())
		seen := 0
		d.faults.Handle(func(c faultdriver.Call) *faultdriver.Fault {
			if c.Op&faultdriver.Trips == 0 {
				return nil
			}
			if seen++; seen != n {
				return nil
			}
			if k.fault == nil {
				gone()
			}
			return k.fault
		})
		s.ctx, s.deaf, s.unsure = ctx, k.fault == nil, k.fault != nil && k.fault.Late
		answered := a.send()
		s.ctx, s.deaf = nil, false
		gone()
		s.end() // what waits beside the request fails, and is tried again
		d.faults.Clear()
		s.restart()
		s.judge(t, d, a, answered, seen >= n, k)
		if t.Failed() {
			t.Fatalf("with call %d of %s failing", n, f.name)
		}
		if seen < n {
			return cases
		}
		cases++
	}
	t.Fatal("the flow asks more of the database than anybody could want")
	return 0
}

// restart begins a new service after the old one was closed, as a process that is
// started again. The clock goes on, so that limits are not met by so many tries.
func (s *stage) restart() {
	s.clock.advance(time.Second)
	s.begin()
	s.boss.refresh().want(s.tb, 200)
}

// judge checks what an attempt left behind that met an accident, and finishes it.
func (s *stage) judge(t *testing.T, d *database, a *attempt, answered *answer, tripped bool, k accident) {
	effect := a.effect != nil && a.effect()
	switch {
	case tripped && k.fault == nil: // nobody saw the answer, or whether there was one
	case answered.Code == a.done:
		if a.effect != nil && !effect {
			t.Errorf("%v, and it had no effect", answered)
		}
	case !tripped:
		t.Errorf("%v with nothing in the way, want %d", answered, a.done)
	case answered.Code == 503:
		if answered.Header().Get("Retry-After") == "" || len(answered.cookies) != 0 {
			t.Errorf("%v, Retry-After %q, cookies %v; want Retry-After, and cookies untouched", answered,
				answered.Header().Get("Retry-After"), answered.cookies)
		}
	default:
		t.Errorf("%v, want %d or 503", answered, a.done)
	}
	checkRows(t, d.DB(), d.prefix)
	s.checkHanded(t)
	if a.kind != "" {
		if n := len(s.entries(a.kind, a.user)); a.effect != nil && (n == 1) != effect || n > 1 {
			t.Errorf("%v: the change was made: %v, audit entries of it: %d", answered, effect, n)
		}
	}
	if answered.Code != a.done || k.fault == nil || tripped && a.mails {
		s.retry(t, a, effect, k)
	}
	if a.after != nil {
		a.after(t)
	}
}

// retry sends an attempt again that failed, or seemed to.
func (s *stage) retry(t *testing.T, a *attempt, effect bool, k accident) {
	again := a.send()
	if again.Code == a.again && effect {
		return // it had been done
	}
	if again.Code == 400 && a.renew != nil && (k.fault == nil || k.fault.Late) {
		// The token was taken, and the answer lost that said so.
		a.renew()
		again = a.send()
	}
	again.want(t, a.done)
	if a.effect != nil && !a.effect() {
		t.Errorf("%v the second time, and it had no effect", again)
	}
	if a.effect != nil && a.kind != "" && !effect && len(s.entries(a.kind, a.user)) != 1 {
		t.Errorf("%d audit entries of the change, want 1", len(s.entries(a.kind, a.user)))
	}
}

// TestAuditWithTheChange: where the entry cannot be written the change is not made,
// and where the commit fails there is neither.
func TestAuditWithTheChange(t *testing.T) {
	t.Parallel()
	eachDatabase(t, sqlstore.Config{}, func(t *testing.T, d *database) {
		s := newStage(t, d)
		c := s.register()
		for name, decide := range map[string]func(faultdriver.Call) bool{
			"the entry":  func(c faultdriver.Call) bool { return c.Op == faultdriver.Exec && isAbout(c, d.prefix+"audit ") },
			"the head":   func(c faultdriver.Call) bool { return c.Op == faultdriver.Exec && isAbout(c, d.prefix+"audit_heads ") },
			"the commit": func(c faultdriver.Call) bool { return c.Op == faultdriver.Commit },
		} {
			s.flush()
			failed := 0
			d.faults.Handle(func(c faultdriver.Call) *faultdriver.Fault {
				if !decide(c) {
					return nil
				}
				failed++
				return &faultdriver.Fault{Err: faultKinds[0].fault.Err}
			})
			answered := s.boss.do("PATCH", "/users/"+c.id+"/deactivate", nil)
			d.faults.Clear()
			if failed == 0 {
				t.Fatalf("%s is never written", name)
			}
			trouble(t, answered)
			if c.user().Disabled || len(s.entries(auth.UserDeactivated, c.id)) != 0 {
				t.Errorf("%s failed: disabled = %v with %d audit entries, want neither", name, c.user().Disabled, len(s.entries(auth.UserDeactivated, c.id)))
			}
		}
		s.boss.do("PATCH", "/users/"+c.id+"/deactivate", nil).want(t, 200)
		if !c.user().Disabled || len(s.entries(auth.UserDeactivated, c.id)) != 1 {
			t.Error("after the trouble: want the change and its entry")
		}
		s.flush()
		checkInvariants(t, s.world, d.DB(), d.prefix)
	})
}

// isAbout reports whether a statement names a table.
func isAbout(c faultdriver.Call, table string) bool { return strings.Contains(c.Text, "INTO "+table) }
