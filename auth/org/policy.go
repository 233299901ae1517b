package org

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/store"
)

// mayChange is the whole rule of who may give whom which role. actor is the role
// of who acts, current the target's role and next the one they get; the empty
// role is that of who is no member, so that adding, changing and removing are one
// rule. Leaving is not covered: everybody may.
//
//   - Only admins and owners act.
//   - An owner acts on everybody and grants everything.
//   - An admin acts on members and strangers alone, and grants at most admin.
func mayChange(actor, current, next store.OrgRole) bool {
	switch {
	case next != "" && next.Rank() == 0, current != "" && current.Rank() == 0:
		return false // not a role
	case actor == store.OrgOwner:
		return true
	case actor == store.OrgAdmin:
		return current.Rank() < actor.Rank() && next.Rank() <= actor.Rank()
	}
	return false
}

const (
	maxName        = 100 // code points
	maxDescription = 500
)

// ValidSlug reports whether s is 1 to 63 lower-case letters, digits and hyphens,
// with no hyphen at either end.
func ValidSlug(s string) bool {
	if len(s) < 1 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// cleanText trims a text and refuses what is too long or has control characters;
// lines may end in one that allows them.
func cleanText(field, text string, max int, lines bool) (string, error) {
	text = strings.TrimSpace(text)
	bad := func(r rune) bool {
		if lines && r == '\n' {
			return false
		}
		return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) ||
			unicode.Is(unicode.Cf, r) && r != 0x200c && r != 0x200d
	}
	switch {
	case utf8.RuneCountInString(text) > max:
		return "", invalid(field, "too_long", "This text is too long.")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, bad):
		return "", invalid(field, "invalid", "This text has characters that cannot be used.")
	}
	return text, nil
}

// checkIDs refuses what no database takes for an ID: PostgreSQL fails where others
// find nothing.
func checkIDs(field string, ids ...string) error {
	for _, id := range ids {
		if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
			return invalid(field, "invalid", "This cannot be the ID of anybody.")
		}
	}
	return nil
}
