package token

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
)

// KeySet checks signatures. Claims, header type and lifetime are the
// [Verifier]'s business.
//
// VerifySignature returns the payload of jwt if it is a JWS in compact form
// (RFC 7515 §7.1) whose signature holds under a key of the set. It must choose the
// key by the header's kid, take the algorithm from the key and never from the
// header, refuse headers with crit, b64, zip, enc, jwk, jku, x5u or x5c, and be safe
// for concurrent use. Errors match [ErrUnavailable] if the set could not be
// consulted, and [ErrInvalid] otherwise.
type KeySet interface {
	VerifySignature(ctx context.Context, jwt string) (payload []byte, err error)
}

// CacheableKeySet is an optional ability of a KeySet. A [Verifier] remembers
// verified tokens only if its key set has it.
//
// Generation returns a number that is never smaller than before, and larger
// whenever a key was added or removed since. ok is false if the set has to be
// consulted all the same, for example because it has grown old.
type CacheableKeySet interface {
	KeySet
	Generation() (n uint64, ok bool)
}

// signatureSet is what the key sets of this package offer the Verifier: the
// header is read once, and the payload is not copied. c goes by value so that it
// stays on the stack.
type signatureSet interface {
	check(ctx context.Context, c compact) error
}

var (
	_ CacheableKeySet = (*Keyring)(nil)
	_ signatureSet    = (*Keyring)(nil)
)

// Keyring signs with one key and accepts several. It is safe for concurrent use;
// changes take effect at once for every call that begins after them. The zero
// Keyring accepts nothing and cannot sign.
type Keyring struct {
	mu    sync.Mutex // held by writers
	state atomic.Pointer[ringState]
}

// ringState is one immutable state of a Keyring.
type ringState struct {
	generation uint64
	signing    *key
	byID       map[string]*key
	order      []*key // signing first
	jwks       []byte
	etag       string
}

// NewKeyring returns a keyring that signs with one key and accepts it and all the
// others.
func NewKeyring(signing Key, accepted ...Key) (*Keyring, error) {
	k := &Keyring{}
	for _, a := range accepted {
		if err := k.Accept(a); err != nil {
			return nil, err
		}
	}
	if err := k.Rotate(signing); err != nil {
		return nil, err
	}
	return k, nil
}

// Sign returns a token with the claims c, signed with the signing key. It refuses
// claims a [Verifier] would refuse: missing required ones, an end that is not after
// the beginning, names in Extra that equal a registered claim, if only but for
// case, and more than 4,096 bytes altogether.
func (k *Keyring) Sign(c *Claims) (string, error) {
	s := k.load()
	if s.signing == nil {
		return "", errors.New("token: the keyring has no signing key")
	}
	if c == nil {
		return "", errors.New("token: no claims given")
	}
	payload, err := appendClaims(make([]byte, 0, 512), c)
	if err != nil {
		return "", err
	}
	var raw string
	if s.signing.alg == HS256 {
		raw = s.signing.signHMAC(payload)
	} else if raw, err = signJWS(payload, s.signing); err != nil {
		return "", err
	}
	if len(raw) > maxToken {
		return "", fmt.Errorf("token: the token would have %d bytes and may have %d", len(raw), maxToken)
	}
	return raw, nil
}

// VerifySignature implements [KeySet]. A token without kid is refused.
func (k *Keyring) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	return verifySignature(ctx, k, jwt)
}

func verifySignature(ctx context.Context, s signatureSet, jwt string) ([]byte, error) {
	c, err := split(jwt, maxJWT)
	if err != nil {
		return nil, err
	}
	if err := c.readHeader(); err != nil {
		return nil, err
	}
	if err := s.check(ctx, c); err != nil {
		return nil, err
	}
	return decode(nil, c.payload)
}

func (k *Keyring) check(_ context.Context, c compact) error {
	if c.head.kid == "" {
		return errNoKeyID
	}
	found, ok := k.load().byID[c.head.kid]
	if !ok {
		return errUnknownKey
	}
	return found.verify(&c)
}

// Generation implements [CacheableKeySet].
func (k *Keyring) Generation() (uint64, bool) { return k.load().generation, true }

// Keys returns the accepted keys, the signing key first.
func (k *Keyring) Keys() []Key {
	s := k.load()
	keys := make([]Key, len(s.order))
	for i, a := range s.order {
		keys[i] = Key{a}
	}
	return keys
}

// Accept makes tokens signed with a verify from now on. It is the first step of a
// rotation across several processes: all of them must accept the next key before
// one of them signs with it.
func (k *Keyring) Accept(a Key) error {
	return k.change(func(s *ringState) error { return s.add(a) })
}

// Rotate makes next the signing key. The key that signed until now still verifies.
func (k *Keyring) Rotate(next Key) error {
	return k.change(func(s *ringState) error {
		if next.k == nil {
			return errNoKey
		}
		if !next.CanSign() {
			return fmt.Errorf("token: key %s has no private half and cannot sign", next.ID())
		}
		if err := s.add(next); err != nil {
			return err
		}
		s.signing = s.byID[next.ID()]
		return nil
	})
}

// Retire stops accepting the key with that ID. Do it when the last token signed
// with it has expired, or at once if the key is no longer secret. The signing key
// cannot be retired; rotate first.
func (k *Keyring) Retire(id string) error {
	return k.change(func(s *ringState) error {
		if _, ok := s.byID[id]; !ok {
			return fmt.Errorf("token: no accepted key has the ID %q", id)
		}
		if s.signing != nil && s.signing.id == id {
			return fmt.Errorf("token: key %s is the signing key; rotate first", id)
		}
		delete(s.byID, id)
		return nil
	})
}

var errNoKey = errors.New("token: no key given")

// add accepts a. Of two keys with one ID, which are halves of one pair, the private
// one stays.
func (s *ringState) add(a Key) error {
	if a.k == nil {
		return errNoKey
	}
	old, ok := s.byID[a.k.id]
	if ok && old.alg != a.k.alg {
		// Cannot happen by chance: IDs are hashes.
		return fmt.Errorf("token: another key has the ID %s", a.k.id)
	}
	if !ok || !old.canSign() {
		s.byID[a.k.id] = a.k
	}
	return nil
}

var noKeys = &ringState{etag: etagOf(emptyJWKS), jwks: emptyJWKS}

func (k *Keyring) load() *ringState {
	if k == nil {
		return noKeys
	}
	if s := k.state.Load(); s != nil {
		return s
	}
	return noKeys
}

// change replaces the state with an edited copy.
func (k *Keyring) change(edit func(*ringState) error) error {
	if k == nil {
		return errors.New("token: nil Keyring")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.load()
	s := &ringState{generation: old.generation + 1, signing: old.signing, byID: maps.Clone(old.byID)}
	if s.byID == nil {
		s.byID = map[string]*key{}
	}
	if err := edit(s); err != nil {
		return err
	}
	s.sort(old.order)
	if err := s.publish(); err != nil {
		return err
	}
	k.state.Store(s)
	return nil
}

// sort fills order: the signing key, then the others in the order they came.
func (s *ringState) sort(before []*key) {
	listed := map[string]bool{}
	list := func(id string) {
		if k, ok := s.byID[id]; ok && !listed[id] {
			listed[id] = true
			s.order = append(s.order, k)
		}
	}
	if s.signing != nil {
		list(s.signing.id)
	}
	for _, k := range before {
		list(k.id)
	}
	for id := range s.byID { // at most one is left, the new one
		list(id)
	}
}

var emptyJWKS = []byte(`{"keys":[]}`)

// publish makes the JWK set of the public halves.
func (s *ringState) publish() error {
	keys := []json.RawMessage{}
	for _, k := range s.order {
		if k.public == nil {
			continue // HMAC: nothing to show
		}
		j, err := publishJWK(k)
		if err != nil {
			return err
		}
		keys = append(keys, j)
	}
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		return err
	}
	s.jwks = bytes.TrimSpace(body)
	s.etag = etagOf(s.jwks)
	return nil
}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}
