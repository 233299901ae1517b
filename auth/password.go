package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// passwords hashes and verifies, all of it behind the gate. It is safe for
// concurrent use.
type passwords struct {
	hasher    Hasher
	gate      *gate
	bcrypt    *bcryptHasher // hasher, if it is ours and its work is understood
	dummy     string        // a hash of nothing known, for other hashers
	normalize func(string) string
}

// newPasswords returns the passwords of a service. normalize may be nil. With a
// Hasher that is not of this package it makes one hash, which takes as long as
// that takes.
func newPasswords(h Hasher, g *gate, normalize func(string) string) (*passwords, error) {
	p := &passwords{hasher: h, gate: g, normalize: normalize}
	if b, ok := h.(*bcryptHasher); ok {
		p.bcrypt = b
		return p, nil
	}
	dummy, err := h.Hash(rand.Text())
	if err != nil {
		return nil, fmt.Errorf("auth: Config.Hasher makes no hash: %w", err)
	}
	p.dummy = dummy
	return p, nil
}

// prepared returns password in the form in which it is hashed and compared.
func (p *passwords) prepared(password string) string {
	if p.normalize == nil || len(password) > maxPasswordBytes {
		return password // too long to become anything; the normalizer need not see it
	}
	return p.normalize(password)
}

// hash returns the stored form of a new password, which passed the policy
// before. It returns ErrBusy, or an error that wraps the context's, if it did not
// get its turn.
func (p *passwords) hash(ctx context.Context, password string) (stored string, err error) {
	password = p.prepared(password)
	if len(password) > maxPasswordBytes {
		return "", errUnhashable
	}
	gateErr := p.gate.do(ctx, func() { stored, err = p.hasher.Hash(password) })
	if err := errors.Join(gateErr, err); err != nil {
		return "", err
	}
	return stored, nil
}

// verify reports whether stored was made from password, and if so whether it
// should be replaced by a fresh hash. Give it the empty stored for an unknown
// user, one without a password, a disabled one, and a sign-in that a lock
// forbids: every answer of false costs the same work, so that a stopwatch does
// not tell them apart. An error means that the password was not looked at,
// because the service is busy (ErrBusy) or ctx ended; whatever was counted
// against the account for this attempt is then to be taken back.
func (p *passwords) verify(ctx context.Context, stored, password string) (ok, rehash bool, err error) {
	password = p.prepared(password)
	if len(password) > maxPasswordBytes {
		// Same work for a password that no account can have. The input is cut so
		// that no hasher is made to read a long one.
		stored, password = "", password[:maxPasswordBytes]
	}
	err = p.gate.do(ctx, func() {
		if ok = p.compare(stored, password); ok {
			rehash = p.needsRehash(stored)
		}
	})
	return ok && err == nil, rehash && err == nil, err
}

func (p *passwords) compare(stored, password string) bool {
	if p.bcrypt != nil {
		return p.bcrypt.verify(stored, password)
	}
	if stored == "" {
		_ = p.hasher.Compare(p.dummy, password)
		return false
	}
	return p.hasher.Compare(stored, password) == nil
}

func (p *passwords) needsRehash(stored string) bool {
	r, ok := p.hasher.(Rehasher)
	return ok && r.NeedsRehash(stored)
}
