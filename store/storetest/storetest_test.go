package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func TestRun(t *testing.T) {
	t.Parallel()
	opened := 0
	Run(t, func(t *testing.T) store.Store {
		t.Helper()
		opened++
		return memstore.New()
	})
	want := 1
	for _, g := range groups() {
		for _, c := range g.cases {
			if c.alone {
				want++
			}
		}
	}
	t.Logf("open was called %d times", opened)
	if opened != want {
		t.Errorf("Run called open %d times, want %d", opened, want)
	}
}

// least has the three interfaces that every store must have, and no other.
type least struct{ store.Store }

func TestRunWithTheLeastStore(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) store.Store { return least{memstore.New()} })
	have := capabilitiesOf(least{memstore.New()})
	if have != 0 {
		t.Errorf("capabilitiesOf(the least store) = %v, want none", have)
	}
	want := []string{
		"PrincipalStore", "UserLister", "RoleStore", "IdentityStore", "AttemptStore",
		"AuditStore", "OrgStore", "InviteStore", "Pruner", "Migrator",
	}
	if got := have.missing(); !slices.Equal(got, want) {
		t.Errorf("missing() = %v, want %v", got, want)
	}
	if got := capabilitiesOf(memstore.New()).missing(); got != nil {
		t.Errorf("missing() of memstore = %v, want none", got)
	}
}

// partial has some of the optional interfaces.
type partial struct {
	least
	store.IdentityStore
	store.Pruner
}

func TestCapabilitiesOfAPartialStore(t *testing.T) {
	t.Parallel()
	m := memstore.New()
	have := capabilitiesOf(partial{least{m}, m, m})
	if want := identities | pruner; have != want {
		t.Errorf("capabilitiesOf = %v, want %v", have, want)
	}
	for needed, want := range map[capability]bool{
		0: true, identities: true, identities | pruner: true, orgs: false, identities | orgs: false,
	} {
		if got := have.all(needed); got != want {
			t.Errorf("all(%v) = %v, want %v", needed, got, want)
		}
	}
}

func TestCasesAreSentencesAndUnique(t *testing.T) {
	t.Parallel()
	const least = 120
	seen := make(map[string]bool)
	for _, g := range groups() {
		if len(g.cases) == 0 {
			t.Errorf("the group %q has no cases", g.name)
		}
		for _, c := range g.cases {
			if seen[c.proves] {
				t.Errorf("two cases prove %q", c.proves)
			}
			seen[c.proves] = true
			if strings.Count(c.proves, " ") < 2 || strings.HasSuffix(c.proves, ".") || strings.Contains(c.proves, "/") {
				t.Errorf("%q cannot be the name of a case: want a sentence without full stop or slash", c.proves)
			}
			if c.run == nil {
				t.Errorf("%q does nothing", c.proves)
			}
		}
	}
	if len(seen) < least {
		t.Errorf("the suite has %d cases, want at least %d", len(seen), least)
	}
	t.Logf("%d cases", len(seen))
}

func TestVariantsDiffer(t *testing.T) {
	t.Parallel()
	p := newProbe(&recorder{ctx: t.Context()}, memstore.New())
	for _, s := range []string{"a@x", "github", "id"} {
		seen := make(map[string]bool)
		for _, v := range p.variants(s) {
			if seen[v] || v == "" {
				t.Errorf("variants(%q) has %q twice", s, v)
			}
			seen[v] = true
		}
	}
}

func TestRounds(t *testing.T) {
	for value, want := range map[string]int{"3": 3, "200": 200} {
		t.Setenv(RoundsVariable, value)
		if got := rounds(); got != want {
			t.Errorf("rounds() with %s=%q = %d, want %d", RoundsVariable, value, got, want)
		}
	}
	for _, value := range []string{"", "0", "-1", "many"} {
		t.Setenv(RoundsVariable, value)
		if got := rounds(); got != 10 && !testing.Short() || got < 2 {
			t.Errorf("rounds() with %s=%q = %d, want the default", RoundsVariable, value, got)
		}
	}
}
