package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Hasher turns passwords into strings that can be stored, and checks passwords
// against them. The default is [Bcrypt]. Implementations are safe for
// concurrent use; the service bounds how many calls run at once.
//
// A Hasher that is not one of this package should take the same time for every
// Compare, whatever the hash: the service can make the work of a failed sign-in
// equal only for hashes whose cost it understands.
type Hasher interface {
	// Hash returns the stored form of password, with everything in it that
	// Compare needs: algorithm, cost and salt. Two calls return different
	// strings. A password that the algorithm could confuse with another one is
	// an error.
	Hash(password string) (string, error)
	// Compare returns nil if hash was made from exactly password, and an error
	// in every other case, malformed hashes included.
	Compare(hash, password string) error
}

// Rehasher may be implemented by a [Hasher]. A password whose stored hash is
// outdated is hashed again when its owner signs in with it.
type Rehasher interface {
	// NeedsRehash reports whether hash was made with other settings than Hash
	// uses today.
	NeedsRehash(hash string) bool
}

// The costs of bcrypt. A step up doubles the work; on the core where it was
// measured, cost 10 takes 70 ms, cost 12 takes 271 ms.
const (
	DefaultBcryptCost = 12 // when nothing is configured
	MinBcryptCost     = 10 // the least that [Bcrypt] accepts
	MaxBcryptCost     = 15 // the most that is made or, from an import, verified: 2.2 s
)

const (
	// bcryptBytes is how much of its input bcrypt reads. It ignores the rest
	// without a word.
	bcryptBytes = 72
	// maxPasswordBytes bounds every password, stored or presented.
	maxPasswordBytes = 1024
	// longTag precedes the bcrypt hash of a password of more than bcryptBytes.
	longTag = "$aegis1$"
	// longLabel keys the pre-hash. It is no secret: it keeps the pre-hash from
	// being equal to a plain SHA-256 that leaked elsewhere, which could be
	// cracked there first.
	longLabel = "aegis/password/prehash/v1"
)

var (
	errMismatch              = errors.New("auth: password does not match")
	errUnusableHash          = errors.New("auth: stored password hash is unusable")
	errUnhashable            = errors.New("auth: password is empty, contains NUL, or exceeds 1024 bytes")
	errBcryptCost            = fmt.Errorf("auth: bcrypt cost must be %d to %d", MinBcryptCost, MaxBcryptCost)
	_               Hasher   = (*bcryptHasher)(nil)
	_               Rehasher = (*bcryptHasher)(nil)
)

// Bcrypt returns the default [Hasher]: bcrypt with the given cost, from
// [MinBcryptCost] to [MaxBcryptCost].
//
// Passwords of up to 72 bytes are stored as plain bcrypt ("$2a$…"), which other
// software can read. Longer ones, which bcrypt would silently cut, are stored as
// "$aegis1$" and the bcrypt hash of their HMAC-SHA-256. Each form verifies only
// passwords of its own length, so no two passwords ever share a hash.
//
// Imported hashes verify if they are "$2a$", "$2b$" or "$2y$" of cost 4 to 15;
// every other stored string counts as no password at all. A hash whose cost is
// not the configured one is replaced at the next sign-in.
func Bcrypt(cost int) (Hasher, error) {
	if cost < MinBcryptCost || cost > MaxBcryptCost {
		return nil, fmt.Errorf("%w, not %d", errBcryptCost, cost)
	}
	return newBcrypt(cost), nil
}

// InsecureBcrypt is [Bcrypt] for tests, where a cost as low as 4 (1 ms) keeps a
// suite fast. Hashes this cheap do not protect passwords when a database leaks.
// It panics if cost is not 4 to [MaxBcryptCost].
func InsecureBcrypt(cost int) Hasher {
	if cost < bcrypt.MinCost || cost > MaxBcryptCost {
		panic(fmt.Sprintf("auth: InsecureBcrypt(%d): cost must be %d to %d", cost, bcrypt.MinCost, MaxBcryptCost))
	}
	return newBcrypt(cost)
}

type bcryptHasher struct {
	cost    int
	compare func(hash, password []byte) error // of package bcrypt; tests count the rounds
}

func newBcrypt(cost int) *bcryptHasher {
	return &bcryptHasher{cost: cost, compare: bcrypt.CompareHashAndPassword}
}

// Hash implements [Hasher]. It refuses the empty password, NUL, which bcrypt
// confuses with the end of the password, and more than 1024 bytes.
func (b *bcryptHasher) Hash(password string) (string, error) {
	if !hashable(password) {
		return "", errUnhashable
	}
	input, long := bcryptInput(password)
	h, err := bcrypt.GenerateFromPassword(input, b.cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	if long {
		return longTag + string(h), nil
	}
	return string(h), nil
}

// Compare implements [Hasher].
func (b *bcryptHasher) Compare(hash, password string) error {
	h, ok := parseHash(hash)
	if !ok {
		return errUnusableHash
	}
	if !b.matches(h, password) {
		return errMismatch
	}
	return nil
}

// NeedsRehash implements [Rehasher].
func (b *bcryptHasher) NeedsRehash(hash string) bool {
	h, ok := parseHash(hash)
	return !ok || h.cost != b.cost
}

// verify is Compare with the same work for every failure, 2^b.cost rounds: a
// stored string that is no usable hash costs a full compare against a dummy,
// and a hash of a lower cost c is followed by dummies of c, c+1 … b.cost-1,
// because 2^c + (2^c + … + 2^(C-1)) = 2^C. A hash of a higher cost takes longer
// until its owner signs in and it is replaced. A success may be faster: it is
// visible anyway.
func (b *bcryptHasher) verify(hash, password string) bool {
	h, ok := parseHash(hash)
	if !ok {
		b.burn(b.cost)
		return false
	}
	if b.matches(h, password) {
		return true
	}
	for c := h.cost; c < b.cost; c++ {
		b.burn(c)
	}
	return false
}

// matches reports whether h was made from password. It takes 2^h.cost rounds
// whatever the answer.
func (b *bcryptHasher) matches(h storedHash, password string) bool {
	if !hashable(password) {
		b.burn(h.cost)
		return false
	}
	input, long := bcryptInput(password)
	if long != h.long {
		b.burn(h.cost)
		return false
	}
	return b.compare([]byte(h.bcrypt), input) == nil
}

// burn does the work of one compare at cost and forgets the outcome.
func (b *bcryptHasher) burn(cost int) {
	_ = b.compare([]byte(dummyHash(cost)), []byte(dummyPassword))
}

// bcryptInput is the one place that knows the limit of bcrypt: what it is given
// for password, and whether that is the pre-hash of a long one. The pre-hash is
// 43 characters of base64url, so that no NUL in it can end the input early.
func bcryptInput(password string) (input []byte, long bool) {
	if len(password) <= bcryptBytes {
		return []byte(password), false
	}
	mac := hmac.New(sha256.New, []byte(longLabel))
	mac.Write([]byte(password))
	return base64.RawURLEncoding.AppendEncode(nil, mac.Sum(nil)), true
}

// hashable reports whether password may become a hash. Within these bounds
// different passwords always differ for bcrypt; with NUL they do not, because it
// repeats its NUL-terminated input to fill its key: "ab" and "ab\x00ab" would
// verify alike.
func hashable(password string) bool {
	return password != "" && len(password) <= maxPasswordBytes && strings.IndexByte(password, 0) < 0
}

// storedHash is a stored password hash that can be verified in bounded time.
type storedHash struct {
	bcrypt string // without the tag
	cost   int
	long   bool
}

// parseHash accepts the hashes that this package makes or lets in from an
// import: optionally longTag, then "$2a$", "$2b$" or "$2y$", two digits of cost,
// "$", and 53 characters of bcrypt's alphabet. Everything else is no usable
// hash, and so is a cost above MaxBcryptCost: each step doubles the time, and
// cost 31 would hold a core for two days.
func parseHash(s string) (h storedHash, ok bool) {
	s, long := strings.CutPrefix(s, longTag)
	if len(s) != 60 || s[0] != '$' || s[1] != '2' || s[3] != '$' || s[6] != '$' {
		return storedHash{}, false
	}
	if s[2] != 'a' && s[2] != 'b' && s[2] != 'y' {
		return storedHash{}, false
	}
	if s[4] < '0' || s[4] > '9' || s[5] < '0' || s[5] > '9' {
		return storedHash{}, false
	}
	cost := int(s[4]-'0')*10 + int(s[5]-'0')
	if cost < bcrypt.MinCost || cost > MaxBcryptCost {
		return storedHash{}, false
	}
	for i := 7; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '/':
		default:
			return storedHash{}, false
		}
	}
	return storedHash{bcrypt: s, cost: cost, long: long}, true
}

const dummyPassword = "dummy"

// dummyHash returns a hash of no password. It is made up, so that nothing needs
// to be computed to have one of every cost; a compare against it takes as long
// as any other.
func dummyHash(cost int) string {
	return fmt.Sprintf("$2a$%02d$ThisIsNoHashOfAnyPassword.ItIsOnlyHereToSpendTheTime.", cost)
}
