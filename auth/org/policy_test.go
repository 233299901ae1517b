package org

import (
	"testing"

	"github.com/aegis-auth/aegis/store"
)

// TestMayChange is the complete truth table: actor × current × next.
func TestMayChange(t *testing.T) {
	t.Parallel()
	const none, member, admin, owner = store.OrgRole(""), store.OrgMember, store.OrgAdmin, store.OrgOwner
	all := []store.OrgRole{none, member, admin, owner}
	allowed := map[[3]store.OrgRole]bool{
		// An admin acts on strangers and members, and grants at most admin.
		{admin, none, none}: true, {admin, none, member}: true, {admin, none, admin}: true,
		{admin, member, none}: true, {admin, member, member}: true, {admin, member, admin}: true,
	}
	for _, current := range all { // an owner acts on everybody, and grants everything
		for _, next := range all {
			allowed[[3]store.OrgRole{owner, current, next}] = true
		}
	}
	for _, actor := range all {
		for _, current := range all {
			for _, next := range all {
				want := allowed[[3]store.OrgRole{actor, current, next}]
				if got := mayChange(actor, current, next); got != want {
					t.Errorf("mayChange(%q, %q, %q) = %v, want %v", actor, current, next, got, want)
				}
			}
		}
	}
	for _, odd := range [][3]store.OrgRole{{"emperor", member, member}, {owner, "emperor", member}, {owner, member, "emperor"}, {admin, none, "Owner"}} {
		if mayChange(odd[0], odd[1], odd[2]) {
			t.Errorf("mayChange(%q) = true for what is no role", odd)
		}
	}
}
