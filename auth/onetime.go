package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// One-time tokens are 256 random bits in base64url. The store has their hash,
// under a label that holds the purpose, so that a token of one purpose is
// nothing under another.
const oneTimeLen = 43

// NewOneTimeSecret returns a fresh token and its hash under label. It is for
// packages that keep one-time tokens of their own.
func NewOneTimeSecret(label string) (raw string, hash []byte) {
	var secret [32]byte
	rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:]), hashSecret(hashOneTime+label+":", secret[:])
}

// HashOneTimeSecret returns the hash of a token under label, and whether raw has
// the form of one.
func HashOneTimeSecret(label, raw string) (hash []byte, ok bool) {
	if len(raw) != oneTimeLen {
		return nil, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(raw)
	if err != nil {
		return nil, false
	}
	return hashSecret(hashOneTime+label+":", secret), true
}

// issue writes a one-time token for u and the address it is sent to, in place of
// any other of that purpose.
func (s *Service) issue(ctx context.Context, u *store.User, p store.Purpose, email string, life time.Duration) (raw string, err error) {
	raw, hash := NewOneTimeSecret(string(p))
	now := s.now()
	err = s.cfg.Store.PutOneTime(ctx, &store.OneTimeToken{
		Hash: hash, Purpose: p, UserID: u.ID, Email: email, Epoch: u.Epoch,
		CreatedAt: now, ExpiresAt: now.Add(life),
	})
	return raw, err
}

// redeem takes a one-time token. It returns ErrInvalidToken for every token that
// is not good any more: unknown, used, expired, of a user who may not sign in,
// or issued before something that voids it.
func (s *Service) redeem(ctx context.Context, p store.Purpose, raw string) (*store.OneTimeToken, *store.User, error) {
	hash, ok := HashOneTimeSecret(string(p), raw)
	if !ok {
		return nil, nil, ErrInvalidToken
	}
	t, err := s.cfg.Store.TakeOneTime(ctx, p, hash, s.now())
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExpired) {
		return nil, nil, ErrInvalidToken
	}
	if err != nil {
		return nil, nil, unavailable("take one-time token", err)
	}
	u, err := s.User(ctx, t.UserID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, ErrInvalidToken
	}
	if err != nil {
		s.putBack(ctx, t)
		return nil, nil, err
	}
	if !redeemable(t, u) {
		return nil, nil, ErrInvalidToken
	}
	return t, u, nil
}

// redeemable is the rule which tokens still count: those of active users, sent to
// the address the user still has (for a change of address: begun from the state
// the account still is in), and, but for verification, issued in this epoch.
func redeemable(t *store.OneTimeToken, u *store.User) bool {
	if !u.Active() {
		return false
	}
	switch t.Purpose {
	case store.PurposeVerifyEmail:
		return t.Email == u.Email
	case store.PurposeResetPassword:
		return t.Email == u.Email && t.Epoch == u.Epoch
	case store.PurposeChangeEmail:
		return t.Epoch == u.Epoch
	}
	return false
}

// putBack restores a token whose use failed through no fault of its holder.
func (s *Service) putBack(ctx context.Context, t *store.OneTimeToken) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := s.cfg.Store.PutOneTime(ctx, t); err != nil {
		s.cfg.Logger.WarnContext(ctx, "put one-time token back", "purpose", t.Purpose, "err", err)
	}
}
