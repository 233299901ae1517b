package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// A mutant is a store that breaks one rule, and the cases that must notice.
type mutant struct {
	breaks string
	make   func(m *memstore.Store) store.Store
	caught []string
}

// TestMutants shows that the suite bites: every case that is named for a mutant
// passes with the sound store and fails with the broken one.
func TestMutants(t *testing.T) {
	t.Parallel()
	all := slices.Concat(userMutants(), sessionMutants(), tokenMutants(), identityMutants(), roleMutants(),
		attemptMutants(), auditMutants(), orgMutants(), inviteMutants(), pruneMutants(), listMutants(), valueMutants())
	seen := make(map[string]bool)
	for _, m := range all {
		if seen[m.breaks] {
			t.Errorf("two mutants are named %q", m.breaks)
		}
		seen[m.breaks] = true
		if len(m.caught) == 0 {
			t.Errorf("no case must notice that %s", m.breaks)
		}
		t.Run(m.breaks, func(t *testing.T) {
			for _, sentence := range m.caught {
				c := caseNamed(t, sentence)
				if mistakes := observe(t, c, func() store.Store { return memstore.New() }); len(mistakes) > 0 {
					t.Errorf("%q fails with the sound store: %s", sentence, summary(mistakes))
				}
				mistakes := observe(t, c, func() store.Store { return m.make(memstore.New()) })
				if len(mistakes) == 0 {
					t.Errorf("%q passes although %s", sentence, m.breaks)
				}
				t.Logf("%q: %s", sentence, summary(mistakes))
			}
		})
	}
	t.Logf("%d mutants", len(all))
}

// window lets every other caller in. In the bubble that observe makes it takes no
// time, and ends only when all others wait.
func window() { time.Sleep(time.Millisecond) }
