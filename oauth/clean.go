package oauth

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxText  = 255  // bytes of a name or subject
	maxURL   = 2048 // bytes of an avatar address
	maxEmail = 254
)

// cleanText makes a name fit to show: no control, format and direction
// characters (a right-to-left override in a name can rearrange the sentence
// around it), runs of space joined, at most maxText bytes of whole characters.
func cleanText(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) {
			continue
		}
		n := utf8.RuneLen(r)
		if space {
			n++
		}
		if b.Len()+n > maxText {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cleanEmail returns the address in lower case if it is one plain ASCII
// address, and nothing otherwise. The service has its own, final rule; this one
// makes sure that no list, display name, header injection or look-alike gets as
// far, and that what is compared for authority is what will be stored.
func cleanEmail(s string) string {
	if len(s) > maxEmail {
		return ""
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(local) > 64 || domain == "" {
		return ""
	}
	for _, part := range strings.Split(local, ".") {
		if part == "" || strings.ContainsFunc(part, notAtomText) {
			return ""
		}
	}
	for _, label := range strings.Split(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, notHostText) {
			return ""
		}
	}
	return lowerASCII(s)
}

// notAtomText is the complement of atext in RFC 5322, section 3.2.3.
func notAtomText(r rune) bool {
	return !isAlnum(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func notHostText(r rune) bool { return !isAlnum(r) && r != '-' }

func isAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// lowerASCII leaves everything but A-Z alone; Unicode case folding turns
// look-alikes into letters.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

// domainOf is what follows the @ of an address from cleanEmail.
func domainOf(email string) string {
	_, domain, _ := strings.Cut(email, "@")
	return domain
}

// cleanAvatar returns s if it is an https address without credentials.
func cleanAvatar(s string) string {
	if s == "" || len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	return u.String()
}

// validSubject applies OpenID Connect Core, section 2: at most 255 ASCII
// characters, compared exactly. Space at the ends is refused because databases
// differ on whether it counts.
func validSubject(s string) bool {
	if s == "" || len(s) > maxText || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
