package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// How a sign-in uses what is in this file and in limiter.go, in this order:
//
//  1. limiter.take of the client's address (addrBuckets, 10/min and 100/h). A
//     wait is answered 429 with Retry-After, to everybody alike and before
//     anything is known about the account. An error is answered 503: a sign-in
//     that cannot be counted is not let through.
//  2. Look the user up. If that fails, refund the address and answer 503.
//  3. Find out whether the browser holds a mark of that user
//     (deviceMarks.verify). Do it for unknown users too, with the empty ID.
//  4. lockout.reserve. The attempt now counts as failed, before the password is
//     looked at: of many guesses at once only as many are evaluated as the lock
//     allows. An error: refund the address, 503.
//  5. passwords.verify against the user's hash, or against "" if there is no
//     such user, the user is disabled, or the reservation is not allowed. The
//     work is the same. An error means that the password was not looked at:
//     reservation.refund, refund the address, and pass the error on (it is a 503).
//  6. If it is false, leave everything counted and answer the generic 401. If
//     the reservation was allowed and says locks, and there is such a user, write
//     a mail about the lock, at most one an hour (limiter.take with the user).
//     If it is true: reservation.succeed, refund the address, renew the mark
//     (deviceMarks.renew), and if verify says so store a fresh hash. None of
//     these may turn the success into a failure; log what goes wrong.
//
// So a lock is never visible: the right password during a lock gets the same
// bytes, after the same work, as a wrong one (the lock is no oracle for
// guesses), and an unknown address is counted as a known one. A success does not
// clear what the address has counted, only its own attempt: otherwise an
// attacker would sign in to an account of their own between guesses.
//
// A reset of the password and an administrator call lockout.unlock.

// lockPolicy says how failures lock an account.
type lockPolicy struct {
	// free is at which failure in a row the first block begins.
	free int64
	// every is after how many more failures the next one begins.
	every int64
	// first is how long the first block lasts; each is twice the one before, up
	// to longest.
	first, longest time.Duration
	// most is how many failures in a row are evaluated at all. Then the block
	// does not end by itself (NIST SP 800-63B-4 §3.2.2).
	most int64
	// keep is how long after the last failure the count is forgotten.
	keep time.Duration
}

// The default policies.
var (
	// accountLock counts everybody who is not known to have signed in before
	// from where they are. What it counts stays until a success, however slowly
	// somebody guesses.
	accountLock = lockPolicy{free: 5, every: 1, first: time.Minute, longest: 15 * time.Minute, most: 100, keep: 10 * 365 * 24 * time.Hour}
	// unknownLock is the same for addresses that have no account. There is
	// nothing to guess, so nothing needs to be remembered for long; strangers
	// would otherwise fill the store for years.
	unknownLock = accountLock.keepFor(time.Hour)
	// deviceLock gives a browser that has signed in before 10 failures an hour
	// of its own.
	deviceLock = lockPolicy{free: 10, every: 10, first: time.Hour, longest: time.Hour, most: 100, keep: deviceMarkTTL}
)

func (p lockPolicy) keepFor(d time.Duration) lockPolicy {
	p.keep = d
	return p
}

// block returns how long nobody may try after the n-th failure in a row: zero
// if the next one may come at once.
func (p lockPolicy) block(n int64) time.Duration {
	if n < p.free || (n-p.free)%p.every != 0 {
		return 0
	}
	d := p.first
	for range (n - p.free) / p.every {
		if d >= p.longest {
			break
		}
		d *= 2
	}
	return min(d, p.longest)
}

// lockVerdict is the answer to one attempt.
type lockVerdict struct {
	allowed bool      // the password may be looked at
	locks   bool      // if this attempt fails, others are blocked
	dead    bool      // refused, and time will not change that
	until   time.Time // the end of the block that stands or that this attempt begins
}

// takeLock decides on one attempt at now, which counts as failed from here on,
// and returns what is to be remembered.
func takeLock(a store.Attempts, p lockPolicy, now time.Time) (next store.Attempts, v lockVerdict) {
	if a.Count <= 0 || !now.Before(a.Expires) {
		a = store.Attempts{}
	}
	if a.Count >= p.most {
		a.Until = a.Expires
		return a, lockVerdict{dead: true, until: a.Until}
	}
	// No block of ours is longer: a node with a wrong clock wrote this one.
	if latest := now.Add(p.longest); a.Until.After(latest) {
		a.Until = latest
	}
	if now.Before(a.Until) {
		return a, lockVerdict{until: a.Until}
	}
	if a.Count == 0 {
		a.Since = now
	}
	a.Count++
	a.Until = time.Time{}
	a.Expires = now.Add(p.keep)
	if d := p.block(a.Count); d > 0 {
		a.Until = now.Add(d)
	}
	if a.Until.After(a.Expires) {
		a.Expires = a.Until
	}
	if a.Count >= p.most {
		a.Until = a.Expires
	}
	return a, lockVerdict{allowed: true, locks: !a.Until.IsZero(), until: a.Until}
}

// refundLock takes back an attempt that was allowed at taken and whose password
// was not looked at. The block it began goes with it; one that a later attempt
// began stays.
func refundLock(a store.Attempts, p lockPolicy, taken time.Time) store.Attempts {
	if a.Count <= 0 || a.Since.After(taken) {
		return a // forgotten or cleared meanwhile
	}
	began := taken.Add(p.block(a.Count))
	if a.Count >= p.most {
		began = a.Until
	}
	a.Count--
	if a.Count == 0 {
		return store.Attempts{}
	}
	if a.Count < p.free || a.Until.Equal(began) {
		a.Until = time.Time{}
	}
	return a
}

// lockout keeps strangers from guessing a password without letting them lock
// its owner out. It is safe for concurrent use.
type lockout struct {
	limiter                  *limiter // for its store and its keys; lockouts are no rates
	account, unknown, device lockPolicy
}

func newLockout(l *limiter) *lockout {
	return &lockout{limiter: l, account: accountLock, unknown: unknownLock, device: deviceLock}
}

// lockSubject is whose password somebody is about to try.
type lockSubject struct {
	userID string // empty if there is no such user
	email  string // canonical; counts when userID is empty
	device string // from deviceMarks.verify; empty if the browser is not known
}

// reservation is an attempt that counts as failed until it is settled.
type reservation struct {
	lockVerdict
	lockout *lockout
	key     string
	policy  lockPolicy
	taken   time.Time
}

// reserve counts one attempt, in the bucket of the device if there is one, else
// in that of the account. If the reservation is not allowed, nothing was counted,
// and the password must not be looked at. A device whose failures reached their
// bound is no longer known. An error says that the store did not answer.
func (l *lockout) reserve(ctx context.Context, s lockSubject, now time.Time) (*reservation, error) {
	now = storeTime(now)
	if s.userID == "" {
		return l.take(ctx, l.limiter.key("lock-unknown", s.email), l.unknown, now)
	}
	if s.device != "" {
		r, err := l.take(ctx, l.limiter.key("lock-device", s.userID, s.device), l.device, now)
		if err != nil || !r.dead {
			return r, err
		}
	}
	return l.take(ctx, l.accountKey(s.userID), l.account, now)
}

func (l *lockout) accountKey(userID string) string { return l.limiter.key("lock-account", userID) }

func (l *lockout) take(ctx context.Context, key string, p lockPolicy, now time.Time) (*reservation, error) {
	r := &reservation{lockout: l, key: key, policy: p, taken: now}
	_, err := l.limiter.store.UpdateAttempts(ctx, key, func(a store.Attempts) (next store.Attempts) {
		next, r.lockVerdict = takeLock(a, p, now) // the last run decides
		return next
	})
	if err != nil {
		return nil, fmt.Errorf("reserve an attempt: %w", err)
	}
	return r, nil
}

// succeed forgets the failures of the bucket in which the attempt was counted:
// the password was right. The shared bucket of an account is not touched by a
// success from a device with its own, because its failures were not the owner's:
// what strangers may try in total stays bounded, however often the owner signs
// in. It is done even if ctx has ended.
func (r *reservation) succeed(ctx context.Context) error {
	return r.update(ctx, func(store.Attempts) store.Attempts { return store.Attempts{} })
}

// refund takes the attempt back: the password was not looked at. It is done even
// if ctx has ended.
func (r *reservation) refund(ctx context.Context) error {
	return r.update(ctx, func(a store.Attempts) store.Attempts { return refundLock(a, r.policy, r.taken) })
}

func (r *reservation) update(ctx context.Context, change func(store.Attempts) store.Attempts) error {
	if !r.allowed {
		return nil // nothing was counted
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if _, err := r.lockout.limiter.store.UpdateAttempts(ctx, r.key, change); err != nil {
		return fmt.Errorf("settle an attempt: %w", err)
	}
	return nil
}

// unlock forgets the failures counted against an account by strangers: its owner
// proved the mailbox, or an administrator decided so.
func (l *lockout) unlock(ctx context.Context, userID string) error {
	_, err := l.limiter.store.UpdateAttempts(ctx, l.accountKey(userID), func(store.Attempts) store.Attempts {
		return store.Attempts{}
	})
	if err != nil {
		return fmt.Errorf("unlock an account: %w", err)
	}
	return nil
}
