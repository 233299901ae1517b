package token

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// maxLeeway is the most that clocks of one system may differ.
const maxLeeway = 30 * time.Second

// defaultCacheSize is how many tokens a Verifier remembers unless told otherwise.
const defaultCacheSize = 65_536

// Verifier checks everything about an access token: form, signature, issuer,
// audience and time. Fill in the fields, then leave them alone and do not copy
// it; Verify is safe for concurrent use. The zero Verifier rejects everything, as
// does one without Keys or Issuer.
type Verifier struct {
	// Keys checks signatures: a [Keyring], [RemoteKeys], or your own. Required.
	Keys KeySet
	// Issuer is the exact iss of acceptable tokens. Required.
	Issuer string
	// Audience must be among the token's audiences. Default Issuer, which is what
	// the issuing service itself puts there.
	Audience string
	// Leeway is how far iat and nbf may lie in the future, for clocks that
	// differ. It never prolongs a token. Default 30 s, which is also the most;
	// negative means none.
	Leeway time.Duration
	// MaxTTL bounds exp − iat, so that a token made to live for years by
	// mistake is not one. Default no bound.
	MaxTTL time.Duration
	// CacheSize is how many verified tokens are remembered, rounded up to a
	// multiple of eight. Remembering needs a key set that is a [CacheableKeySet]. A
	// token takes about 1 KiB at the usual length, and at most some 10 KiB.
	// Default 65,536; negative means none.
	CacheSize int
	// Revoked, if set, is asked about every token that is acceptable otherwise,
	// each time, remembered or not. It must be fast and safe for concurrent use.
	Revoked func(*Claims) bool
	// Now is the clock. Default time.Now.
	Now func() time.Time

	cache  cache
	header atomic.Pointer[knownHeader]
}

// knownHeader is the header of the last genuine token. Nearly all tokens of an
// issuer have the same one, so it need not be read again.
type knownHeader struct {
	segment string
	head    head
}

// Verify returns the claims of an acceptable access token. Otherwise its error
// matches exactly one of [ErrInvalid], [ErrExpired], [ErrRevoked] and
// [ErrUnavailable]; a context that ends while keys are being fetched gives the last.
// A token is expired only if nothing else is wrong with it.
//
// The claims may be shared with other requests: do not modify them.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Claims, error) {
	if v == nil || v.Keys == nil || v.Issuer == "" {
		return nil, errUnconfigured
	}
	if len(raw) == 0 || len(raw) > maxToken {
		return nil, errSize
	}
	generation, cached := v.generation()
	if cached {
		if p := v.cache.get(raw, generation); p != nil {
			if err := v.judge(&p.claims, v.now(), false); err != nil {
				return nil, err
			}
			return &p.claims, nil
		}
	}
	p, err := v.open(ctx, raw)
	if err != nil {
		return nil, err
	}
	now := v.now()
	if err := v.judge(&p.claims, now, false); err != nil {
		return nil, err
	}
	if cached {
		v.cache.put(p, raw, generation, cmp.Or(v.CacheSize, defaultCacheSize), now)
	}
	return &p.claims, nil
}

// VerifyExpired is [Verifier.Verify] for one purpose: ending the session a token
// belongs to. It accepts tokens whose time is over and that are acceptable
// otherwise, so that somebody who comes back late can still sign out. Never grant
// access on its word.
func (v *Verifier) VerifyExpired(ctx context.Context, raw string) (*Claims, error) {
	if v == nil || v.Keys == nil || v.Issuer == "" {
		return nil, errUnconfigured
	}
	p, err := v.open(ctx, raw)
	if err != nil {
		return nil, err
	}
	if err := v.judge(&p.claims, v.now(), true); err != nil {
		return nil, err
	}
	return &p.claims, nil
}

// open checks form and signature and reads the claims.
func (v *Verifier) open(ctx context.Context, raw string) (*parsed, error) {
	c, err := split(raw, maxToken)
	if err != nil {
		return nil, err
	}
	known := v.header.Load()
	if known != nil && known.segment == c.header {
		c.head = known.head
	} else {
		known = nil
		if err := c.readHeader(); err != nil {
			return nil, err
		}
		if c.head.others {
			return nil, errHeaderMember
		}
		if c.head.typ != tokenType {
			return nil, errType
		}
	}
	var payload string
	if s, ok := v.Keys.(signatureSet); ok {
		if err := s.check(ctx, c); err != nil {
			return nil, err
		}
		payload, err = decodeString(c.payload)
	} else {
		// What we read ourselves is strict about its spelling. Others may not be.
		if _, err := decodeString(c.payload); err != nil {
			return nil, err
		}
		if _, err := decodeString(c.signature); err != nil {
			return nil, err
		}
		var b []byte
		b, err = v.Keys.VerifySignature(ctx, raw)
		payload = string(b)
	}
	if err != nil {
		return nil, err
	}
	if known == nil {
		h := c.head // strings of its own: readHeader decoded them
		v.header.Store(&knownHeader{strings.Clone(c.header), h})
	}
	p := &parsed{}
	if err := p.parse(payload); err != nil {
		return nil, err
	}
	return p, nil
}

// judge decides about a genuine token at one moment. Expiry comes last, so that
// an expired token is one that was good before; the hook comes after it, so that
// it is not asked about the dead.
func (v *Verifier) judge(c *Claims, now time.Time, evenExpired bool) error {
	if c.Issuer != v.Issuer {
		return errIssuer
	}
	if !slices.Contains(c.Audience, cmp.Or(v.Audience, v.Issuer)) {
		return errAudience
	}
	if ttl := c.ExpiresAt.Sub(c.IssuedAt); ttl <= 0 || v.MaxTTL > 0 && ttl > v.MaxTTL {
		return errLifetime
	}
	latest := now.Add(v.leeway())
	if c.IssuedAt.After(latest) || c.NotBefore.After(latest) {
		return errNotYet
	}
	if !evenExpired && !now.Before(c.ExpiresAt) {
		return ErrExpired
	}
	if v.Revoked != nil && v.Revoked(c) {
		return ErrRevoked
	}
	return nil
}

func (v *Verifier) leeway() time.Duration {
	switch {
	case v.Leeway == 0:
		return maxLeeway
	case v.Leeway < 0:
		return 0
	}
	return min(v.Leeway, maxLeeway)
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// generation returns the state of the keys that a remembered token must have been
// verified under, and whether remembering is possible at all.
func (v *Verifier) generation() (uint64, bool) {
	if v.CacheSize < 0 {
		return 0, false
	}
	k, ok := v.Keys.(CacheableKeySet)
	if !ok {
		return 0, false
	}
	return k.Generation()
}
