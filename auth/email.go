package auth

import (
	"errors"
	"strings"
)

// Limits of an address: RFC 5321 §4.5.3.1 with its erratum 1690, and RFC 1035
// §2.3.4 for labels.
const (
	maxEmailBytes = 254
	maxLocalBytes = 64
	maxLabelBytes = 63
)

var (
	errEmailLength = errors.New("auth: e-mail address is empty or longer than 254 characters")
	errEmailASCII  = errors.New("auth: e-mail address contains a space, a control, or a character that is not ASCII")
	errEmailForm   = errors.New("auth: e-mail address is not one name, one @ and one domain")
	errEmailLocal  = errors.New("auth: part of the e-mail address before the @ is malformed or longer than 64 characters")
	errEmailDomain = errors.New("auth: domain of the e-mail address is malformed")
)

// CanonicalEmail returns the one spelling under which an address is stored,
// compared and written to: the address itself with A–Z in lower case. It returns
// an error, without repeating the input, for anything but a single plain
// address: at most 254 bytes of ASCII, a dot-atom (RFC 5322 §3.2.3) of at most
// 64 bytes, "@", and a domain of at least two labels of letters, digits and
// hyphens whose last is not a number.
//
// Everything is refused that programs have read in different ways, each a way to
// send somebody else's mail to an attacker: display names, comments, quoted
// names, address literals, lists, surrounding space, line breaks, and non-ASCII
// letters, some of which turn into ASCII when case is folded. Nothing is
// trimmed, and dots and plus tags stay: which of them matter is the business of
// the mail provider. Internationalised domains are accepted in their ASCII form
// ("xn--…"), as typed.
//
// CanonicalEmail(CanonicalEmail(s)) is CanonicalEmail(s).
func CanonicalEmail(s string) (string, error) {
	if s == "" || len(s) > maxEmailBytes {
		return "", errEmailLength
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return "", errEmailASCII
		}
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.Contains(domain, "@") {
		return "", errEmailForm
	}
	if !validLocal(local) {
		return "", errEmailLocal
	}
	if !validDomain(domain) {
		return "", errEmailDomain
	}
	return lowerASCII(s), nil
}

// validLocal reports whether s is a dot-atom: runs of atext with single dots
// between them.
func validLocal(s string) bool {
	if len(s) > maxLocalBytes {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !isAlnum(atom[i]) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", atom[i]) < 0 {
				return false
			}
		}
	}
	return true
}

// validDomain reports whether s is a host name with at least two labels. A
// last label of digits only would make it an IPv4 address to many programs.
func validDomain(s string) bool {
	labels, last := 0, ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabelBytes || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlnum(label[i]) && label[i] != '-' {
				return false
			}
		}
		labels++
		last = label
	}
	return labels >= 2 && strings.Trim(last, "0123456789") != ""
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// lowerASCII lowers A–Z and nothing else. strings.ToLower would also turn the
// Kelvin sign into k.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}
