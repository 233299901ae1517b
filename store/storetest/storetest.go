// Package storetest is the conformance suite for implementations of package
// store. One call proves that an implementation keeps the contracts:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			return mystore.New(emptyDatabase(t))
//		})
//	}
//
// Each case is a subtest whose name is the sentence it proves. [Run] covers the
// interfaces the store has beside [store.Store], and says which it has not. Run
// the suite with -race as well.
//
// What a suite from outside cannot see stays with the implementation: that a
// commit survives a crash, that secrets are not logged, that a schema newer than
// the program is refused.
//
// The suite writes only what the contracts allow. In particular it writes no row
// for a user or an organization that does not exist, so that foreign keys are no
// obstacle.
package storetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/store"
)

// RoundsVariable names the environment variable that says how often each race is
// run. Without it that is 10 times, and 2 times with -short.
const RoundsVariable = "STORETEST_ROUNDS"

// Run proves as subtests of t that the stores that open returns keep the
// contracts of package store.
//
// Each call of open returns an empty store, ready for use: its schema is up to
// date and holds no rows. Run calls it once for the cases that can share a store,
// which work with rows of their own, and once more for each case that needs a
// store to itself, because it looks at everything there is: about thirty times
// for a store with every interface. The t that open is given is that of the test
// which uses the store, so that its Cleanup comes at the right time. Calls of
// open do not overlap.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	shared := open(t)
	have := capabilitiesOf(shared)
	left := 0
	for _, g := range groups() {
		var cases []testCase
		for _, c := range g.cases {
			if have.all(c.needs) {
				cases = append(cases, c)
			}
		}
		left += len(g.cases) - len(cases)
		t.Run(g.name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.proves, func(t *testing.T) {
					st := shared
					if c.alone {
						st = open(t)
					}
					c.run(newProbe(t, st))
				})
			}
		})
	}
	if missing := have.missing(); len(missing) > 0 {
		t.Logf("storetest: %T has no %s: %d cases left out", shared, strings.Join(missing, ", "), left)
	}
}

// A group is the cases of one subject.
type group struct {
	name  string
	cases []testCase
}

// A testCase proves one sentence of the contracts.
type testCase struct {
	proves string     // the sentence; it names the subtest
	needs  capability // the interfaces it uses beside store.Store
	alone  bool       // it needs an empty store that nobody else uses
	run    func(t *probe)
}

// groups returns every case of the suite, by subject.
func groups() []group {
	return []group{
		{"users", userCases()},
		{"userlists", userListCases()},
		{"roles", roleCases()},
		{"sessions", sessionCases()},
		{"onetime", oneTimeCases()},
		{"identities", identityCases()},
		{"attempts", attemptCases()},
		{"orgs", orgCases()},
		{"members", memberCases()},
		{"invites", inviteCases()},
		{"audit", auditCases()},
		{"prune", pruneCases()},
		{"lists", listCases()},
		{"values", valueCases()},
		{"copies", copyCases()},
		{"steps", stepCases()},
		{"races", raceCases()},
	}
}

// rounds is how often a race is repeated.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv(RoundsVariable)); err == nil && n > 0 {
		return n
	}
	if testing.Short() {
		return 2
	}
	return 10
}

// A capability is a set of the interfaces a store may have beside store.Store.
type capability uint

const (
	principal capability = 1 << iota
	lister
	roles
	identities
	attempts
	audit
	orgs
	invites
	pruner
	migrator
)

// optional says how each capability is recognized, in the order of its bits.
var optional = []struct {
	name string
	has  func(store.Store) bool
}{
	{"PrincipalStore", has[store.PrincipalStore]},
	{"UserLister", has[store.UserLister]},
	{"RoleStore", has[store.RoleStore]},
	{"IdentityStore", has[store.IdentityStore]},
	{"AttemptStore", has[store.AttemptStore]},
	{"AuditStore", has[store.AuditStore]},
	{"OrgStore", has[store.OrgStore]},
	{"InviteStore", has[store.InviteStore]},
	{"Pruner", has[store.Pruner]},
	{"Migrator", has[store.Migrator]},
}

func has[I any](st store.Store) bool {
	_, ok := st.(I)
	return ok
}

func capabilitiesOf(st store.Store) capability {
	var c capability
	for i, o := range optional {
		if o.has(st) {
			c |= 1 << i
		}
	}
	return c
}

// all reports whether c has all of what is needed.
func (c capability) all(needed capability) bool { return c&needed == needed }

// missing names the interfaces that are not in c.
func (c capability) missing() []string {
	var names []string
	for i, o := range optional {
		if !c.all(1 << i) {
			names = append(names, o.name)
		}
	}
	return names
}

func (c capability) String() string {
	var names []string
	for i, o := range optional {
		if c.all(1 << i) {
			names = append(names, o.name)
		}
	}
	return fmt.Sprint(names)
}
