package auth

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aegis-auth/aegis/store"
)

const (
	defaultBreachURL = "https://api.pwnedpasswords.com/range/"
	breachDigits     = 5       // of the hash leave this process
	maxBreachAnswer  = 1 << 20 // bytes; a padded answer has some 40,000
)

// BreachedPasswords refuses passwords that are known from data breaches. It asks
// a service with the range protocol of Have I Been Pwned, which learns only the
// first 5 of the 40 hexadecimal digits of a SHA-1, shared by hundreds of known
// passwords, and from a padded answer an observer learns nothing. Nothing is asked
// unless it is configured:
//
//	Passwords: auth.Passwords{Check: new(auth.BreachedPasswords).Check},
//
// The zero value is ready for use. It is safe for concurrent use if nobody
// assigns to its fields.
type BreachedPasswords struct {
	// URL is where the digits are appended. Default: the public service.
	URL string
	// Client makes the requests. Default [http.DefaultClient].
	Client *http.Client
	// Least is how often a password must have been seen to be refused. Default 1.
	Least int
}

// Check implements the field Check of [Passwords]. It returns
// [ErrBreachedPassword], or an error that says nothing about the password if the
// service did not answer. No error contains any part of the password or its hash.
func (b *BreachedPasswords) Check(ctx context.Context, password string, _ *store.User) error {
	// SHA-1 is what the protocol asks for; nothing relies on its strength.
	sum := sha1.Sum([]byte(password))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	seen, err := b.seen(ctx, digits[:breachDigits], digits[breachDigits:])
	if err != nil {
		return fmt.Errorf("ask for breached passwords: %w", err)
	}
	if seen >= cmp.Or(b.Least, 1) {
		return ErrBreachedPassword
	}
	return nil
}

// seen returns how often the password with the given digits was seen.
func (b *BreachedPasswords) seen(ctx context.Context, prefix, suffix string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, cmp.Or(b.URL, defaultBreachURL)+prefix, nil)
	if err != nil {
		return 0, errors.New("the URL is malformed")
	}
	req.Header.Set("Add-Padding", "true")
	resp, err := cmp.Or(b.Client, http.DefaultClient).Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the URL has the digits in it
		}
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	lines := bufio.NewScanner(io.LimitReader(resp.Body, maxBreachAnswer))
	for lines.Scan() {
		// "0018A45C4D1DEF81644B54AB7F969B88D65:21"; padding has a count of 0.
		found, count, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !ok || !strings.EqualFold(found, suffix) {
			continue
		}
		n, err := strconv.Atoi(count)
		if err != nil {
			return 0, errors.New("the answer is malformed")
		}
		return n, nil
	}
	return 0, lines.Err()
}
