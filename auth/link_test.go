package auth

import (
	"fmt"
	"testing"
)

// linkRule is the rule of linking once more, written as the table of SECURITY
// texts rather than as code: for each combination of facts the one answer. The
// test below walks every combination there is.
func linkRule(f linkFacts) linkDecision {
	if f.intent {
		switch {
		case !f.intentOK:
			return linkRefuseExpired
		case f.known:
			if f.knownSelf {
				return linkDone
			}
			return linkRefuseFailed
		case f.intentLinked:
			return linkRefuseFailed
		}
		return linkAttach
	}
	if f.known {
		return map[bool]linkDecision{true: linkSignIn, false: linkRefuseDisabled}[f.knownActive]
	}
	if !f.email {
		return linkRefuseNoEmail
	}
	if !f.account {
		return [...]linkDecision{
			RegistrationOpen:    linkCreate,
			RegistrationPrivate: map[bool]linkDecision{true: linkCreate, false: linkRefuseRequired}[f.verified],
			RegistrationClosed:  map[bool]linkDecision{true: linkRefuseClosed, false: linkRefuseRequired}[f.verified],
		}[f.registration]
	}
	// verified, authoritative, active, account verified, account linked
	table := map[string]linkDecision{
		"11111": linkRefuseRequired, "11110": linkAutomatic,
		"11101": linkScrub, "11100": linkScrub,
		"11011": linkRefuseDisabled, "11010": linkRefuseDisabled, "11001": linkRefuseDisabled, "11000": linkRefuseDisabled,
	}
	bit := map[bool]int{true: 1}
	key := fmt.Sprint(bit[f.verified]) + fmt.Sprint(bit[f.authoritative]) + fmt.Sprint(bit[f.accountActive]) +
		fmt.Sprint(bit[f.accountVerified]) + fmt.Sprint(bit[f.accountLinked])
	if d, ok := table[key]; ok {
		return d
	}
	return linkRefuseRequired
}

// TestDecideLinkTruthTable walks all combinations of facts.
func TestDecideLinkTruthTable(t *testing.T) {
	t.Parallel()
	seen := make(map[linkDecision]int)
	for bits := range 1 << 13 {
		b := func(i int) bool { return bits>>i&1 == 1 }
		for _, reg := range []Registration{RegistrationOpen, RegistrationPrivate, RegistrationClosed} {
			f := linkFacts{b(0), b(1), b(2), b(3), b(4), b(5), b(6), b(7), b(8), b(9), b(10), b(11), b(12), reg}
			got, want := decideLink(f), linkRule(f)
			if got != want {
				t.Fatalf("decideLink(%+v) = %v, want %v", f, got, want)
			}
			seen[got]++

			// What must never happen, whatever the table says.
			intoAccount := got == linkAutomatic || got == linkScrub
			if intoAccount && !(f.email && f.verified && f.authoritative && f.account && f.accountActive) {
				t.Fatalf("decideLink(%+v) = %v: an address that was not proved leads into an account", f, got)
			}
			if got == linkAutomatic && !f.accountVerified {
				t.Fatalf("decideLink(%+v) = %v: an unproved account is linked as it is", f, got)
			}
			if got == linkCreate && f.registration == RegistrationClosed {
				t.Fatalf("decideLink(%+v) = %v although registration is closed", f, got)
			}
			// An address that was not proved must not tell whether it has an account.
			if without := f; !f.intent && !f.known && f.email && !f.verified && f.account && reg != RegistrationOpen {
				without.account = false
				if decideLink(without) != got {
					t.Fatalf("decideLink(%+v) = %v, and without an account %v", f, got, decideLink(without))
				}
			}
			if got == linkAttach && (f.known || !f.intentOK) {
				t.Fatalf("decideLink(%+v) = %v", f, got)
			}
		}
	}
	if len(seen) != int(linkScrub)+1 {
		t.Errorf("%d of %d decisions are ever made: %v", len(seen), int(linkScrub)+1, seen)
	}
}
