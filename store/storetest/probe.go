package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// tb is what a case uses of *testing.T. The suite's own tests put a recorder in
// its place, to see which cases notice a broken store.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A probe is what one case works with: a test, the store under test, and names
// that no other case uses.
type probe struct {
	tb
	store.Store

	// The same store by its other interfaces. A case that says what it needs
	// finds it here; the others are nil.
	principals store.PrincipalStore
	lister     store.UserLister
	roles      store.RoleStore
	identities store.IdentityStore
	attempts   store.AttemptStore
	audit      store.AuditStore
	orgs       store.OrgStore
	invites    store.InviteStore
	pruner     store.Pruner
	migrator   store.Migrator

	ctx context.Context
	tag string // in every name and address the case makes up

	backwards bool // the order in which the last race was started

	mu sync.Mutex // guards n
	n  int
}

func newProbe(t tb, st store.Store) *probe {
	p := &probe{tb: t, Store: st, ctx: t.Context(), tag: "t" + strings.ToLower(rand.Text()[:10])}
	p.principals, _ = st.(store.PrincipalStore)
	p.lister, _ = st.(store.UserLister)
	p.roles, _ = st.(store.RoleStore)
	p.identities, _ = st.(store.IdentityStore)
	p.attempts, _ = st.(store.AttemptStore)
	p.audit, _ = st.(store.AuditStore)
	p.orgs, _ = st.(store.OrgStore)
	p.invites, _ = st.(store.InviteStore)
	p.pruner, _ = st.(store.Pruner)
	p.migrator, _ = st.(store.Migrator)
	return p
}

// start is the moment at which most cases take place. Stores never read the
// clock, so that it need not be near the present.
var start = time.Date(2031, 5, 17, 9, 30, 15, 123456000, time.UTC)

// next returns a number that the case has not used.
func (t *probe) next() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	return t.n
}

// name returns a name that no other case uses, beginning with kind.
func (t *probe) name(kind string) string {
	return fmt.Sprintf("%s-%s-%d", kind, t.tag, t.next())
}

// email returns an address that no other case uses.
func (t *probe) email() string { return t.name("user") + "@example.com" }

// hash returns what may be the hash of a secret: 32 bytes that are no text.
func (t *probe) hash() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	b[0], b[1], b[31] = 0x00, 0xff, 0x00
	return b
}

// must ends the case if err is not nil. what is the call that gave err.
func (t *probe) must(err error, what string, args ...any) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s = %v, want no error", fmt.Sprintf(what, args...), err)
	}
}

// refused notes a mistake unless err is, or wraps, want.
func (t *probe) refused(err, want error, what string, args ...any) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", fmt.Sprintf(what, args...), err, want)
	}
}

// race calls f n times at once, from goroutines that are let go together, and
// returns what they returned, by the number they were given. Schedulers tend to
// start the same goroutine first; every other race turns the order around.
func race[R any](t *probe, n int, f func(i int) R) []R {
	out := make([]R, n)
	t.backwards = !t.backwards
	number := func(i int) int { return i }
	if t.backwards {
		number = func(i int) int { return n - 1 - i }
	}
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-gate
			out[number(i)] = f(number(i))
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return out
}

// tally sorts the errors of a race: how many are nil, and how many are want. Any
// other error is a mistake.
func (t *probe) tally(errs []error, want error, what string) (won, lost int) {
	t.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case errors.Is(err, want):
			lost++
		default:
			t.Errorf("%s = %v, want no error or %v", what, err, want)
		}
	}
	return won, lost
}

// oneWinner notes a mistake unless exactly one error is nil and all others are
// want.
func (t *probe) oneWinner(errs []error, want error, what string) {
	t.Helper()
	if won, lost := t.tally(errs, want, what); won != 1 || lost != len(errs)-1 {
		t.Errorf("%s: %d of %d callers succeeded and %d got %v, want 1 and %d",
			what, won, len(errs), lost, want, len(errs)-1)
	}
}
