package auth

import (
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"
)

// commonPasswords are prefixes, sorted and of commonPrefix bytes each, of the
// SHA-256 of frequently used passwords in lower case. See data/NOTICE for their
// source, and data/gen.go for how they were made.
//
//go:embed data/common.bin
var commonPasswords string

// commonPrefix is long enough that an uncommon password is taken for a common
// one once in 60 million.
const commonPrefix = 5

// isCommon reports whether password, but for case, is one of those that
// attackers try first.
func isCommon(password string) bool {
	sum := sha256.Sum256([]byte(strings.ToLower(password)))
	want := string(sum[:commonPrefix])
	at := func(i int) string { return commonPasswords[i*commonPrefix:][:commonPrefix] }
	n := len(commonPasswords) / commonPrefix
	i := sort.Search(n, func(i int) bool { return at(i) >= want })
	return i < n && at(i) == want
}
