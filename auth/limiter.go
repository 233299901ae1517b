package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// Rate allows Limit in every window of length Per. A window begins with the
// first attempt after the one before has passed; attempts that are refused do
// not count, so that waiting as long as told always helps. Two windows may meet,
// so a stretch of length Per can hold twice Limit, never more.
type Rate struct {
	// Limit is how many attempts a window holds. Where a Rate is configured, zero
	// stands for the default, and a negative number for no limit.
	Limit int
	// Per is how long a window is.
	Per time.Duration
}

// unlimited reports whether r refuses nothing.
func (r Rate) unlimited() bool { return r.Limit <= 0 || r.Per <= 0 }

// takeRate decides on one attempt at now, given what is remembered: what is to
// be remembered next, and how long to wait, zero if the attempt is allowed. A
// clock that runs behind the one that wrote a counts as no time passed.
func takeRate(a store.Attempts, r Rate, now time.Time) (next store.Attempts, wait time.Duration) {
	if r.unlimited() {
		return a, 0
	}
	if a.Count > 0 && now.Before(a.Since) {
		a.Since = now
	}
	if end := a.Since.Add(r.Per); a.Count <= 0 || !now.Before(end) || !now.Before(a.Expires) {
		a = store.Attempts{Since: now}
	}
	a.Expires = a.Since.Add(r.Per)
	if a.Count >= int64(r.Limit) {
		a.Until = a.Expires
		return a, a.Until.Sub(now)
	}
	a.Count++
	a.Until = time.Time{}
	if a.Count >= int64(r.Limit) {
		a.Until = a.Expires
	}
	return a, 0
}

// refundRate takes back an attempt that was allowed at taken, unless its window
// has passed since.
func refundRate(a store.Attempts, taken time.Time) store.Attempts {
	if a.Count <= 0 || a.Since.After(taken) {
		return a
	}
	a.Count--
	a.Until = time.Time{}
	if a.Count == 0 {
		return store.Attempts{}
	}
	return a
}

// refusalTime is how long a refusal is remembered here, without asking the
// store. A flood from one address then costs the database one statement a
// second, not one a request.
const refusalTime = time.Second

// refusalKeys bounds how many of them are remembered.
const refusalKeys = 16_384

// limiter applies rates to what is done under a key. The keys that reach the
// store are keyed hashes: neither addresses nor e-mail addresses are kept. It is
// safe for concurrent use, and for many processes with one store and one secret.
type limiter struct {
	store    store.AttemptStore
	secret   []byte
	refusals *memAttempts // nil if the store is as near as that
}

// newLimiter returns a limiter over st, whose keys are hashed under secret.
func newLimiter(st store.AttemptStore, secret []byte, now func() time.Time) *limiter {
	l := &limiter{store: st, secret: secret}
	if _, near := st.(*memAttempts); !near {
		l.refusals = newMemAttempts(refusalKeys, now)
	}
	return l
}

// A bucket is one key and the rate that holds for it.
type bucket struct {
	key  string
	rate Rate
}

// key returns the store's key for what parts name, under a purpose: at most 32
// bytes of plain ASCII, and then ":" and 22 characters.
func (l *limiter) key(purpose string, parts ...string) string {
	mac := hmac.New(sha256.New, l.secret)
	for _, part := range append([]string{purpose}, parts...) {
		// Each with its length: "a","bc" is another key than "ab","c".
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return purpose + ":" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// buckets returns one bucket for each rate, for what subject names: an e-mail
// address, a user, a session.
func (l *limiter) buckets(purpose, subject string, rates ...Rate) []bucket {
	bs := make([]bucket, 0, len(rates))
	for _, r := range rates {
		bs = append(bs, bucket{l.key(purpose, strconv.Itoa(r.Limit), r.Per.String(), subject), r})
	}
	return bs
}

// wideFactor is how much more than one client a /48 of IPv6 addresses, which
// may be a whole company or one person, is allowed.
const wideFactor = 8

// addrBuckets returns the buckets of a client: one for each rate and its address,
// or its /64 (see [middleware.RateKey]), and for IPv6 one for each rate and its
// /48. Clients whose address is unknown share one.
func (l *limiter) addrBuckets(purpose string, addr netip.Addr, rates ...Rate) []bucket {
	bs := l.buckets(purpose, middleware.RateKey(addr).String(), rates...)
	if wide := middleware.WideRateKey(addr); wide.IsValid() {
		for _, r := range rates {
			r.Limit *= wideFactor
			bs = append(bs, l.buckets(purpose, wide.String(), r)...)
		}
	}
	return bs
}

// take counts one attempt in every bucket, or in none: if one refuses, what the
// others counted is taken back, and the wait until that one allows an attempt is
// returned. A wait is a refusal even if there is an error too. An error without
// one says that the store did not answer: what may still be allowed then is the
// caller's decision.
func (l *limiter) take(ctx context.Context, now time.Time, buckets ...bucket) (wait time.Duration, err error) {
	now = storeTime(now)
	for i, b := range buckets {
		wait, err = l.takeOne(ctx, now, b)
		if wait > 0 || err != nil {
			// The refusal stands, whether or not this reaches the store.
			return wait, errors.Join(err, l.refund(ctx, now, buckets[:i]...))
		}
	}
	return 0, nil
}

func (l *limiter) takeOne(ctx context.Context, now time.Time, b bucket) (wait time.Duration, err error) {
	if b.rate.unlimited() {
		return 0, nil
	}
	if wait := l.refusedFor(ctx, now, b.key); wait > 0 {
		return wait, nil
	}
	_, err = l.store.UpdateAttempts(ctx, b.key, func(a store.Attempts) (next store.Attempts) {
		next, wait = takeRate(a, b.rate, now) // the last run decides
		return next
	})
	if err != nil {
		return 0, fmt.Errorf("take from a limit: %w", err)
	}
	if wait > 0 {
		l.rememberRefusal(ctx, now, b.key, now.Add(wait))
	}
	return wait, nil
}

// refund takes back what take counted at taken: for an attempt that came to
// nothing, or that proved to be the owner's. It is done even if ctx has ended.
func (l *limiter) refund(ctx context.Context, taken time.Time, buckets ...bucket) error {
	taken = storeTime(taken)
	return l.each(ctx, buckets, func(a store.Attempts) store.Attempts { return refundRate(a, taken) })
}

// clear forgets everything counted in the buckets. It is done even if ctx has
// ended.
func (l *limiter) clear(ctx context.Context, buckets ...bucket) error {
	return l.each(ctx, buckets, func(store.Attempts) store.Attempts { return store.Attempts{} })
}

func (l *limiter) each(ctx context.Context, buckets []bucket, change func(store.Attempts) store.Attempts) error {
	if len(buckets) == 0 {
		return nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	var errs []error
	for _, b := range buckets {
		if b.rate.unlimited() {
			continue
		}
		if _, err := l.store.UpdateAttempts(ctx, b.key, change); err != nil {
			errs = append(errs, fmt.Errorf("give back to a limit: %w", err))
		}
		l.forgetRefusal(ctx, b.key)
	}
	return errors.Join(errs...)
}

func (l *limiter) refusedFor(ctx context.Context, now time.Time, key string) (wait time.Duration) {
	if l.refusals == nil {
		return 0
	}
	_, _ = l.refusals.UpdateAttempts(ctx, key, func(a store.Attempts) store.Attempts {
		if now.Before(a.Expires) && !now.Before(a.Since) {
			wait = a.Until.Sub(now)
			return a
		}
		return store.Attempts{}
	})
	return wait
}

func (l *limiter) rememberRefusal(ctx context.Context, now time.Time, key string, until time.Time) {
	if l.refusals == nil {
		return
	}
	forget := now.Add(refusalTime)
	if until.Before(forget) {
		forget = until
	}
	_, _ = l.refusals.UpdateAttempts(ctx, key, func(store.Attempts) store.Attempts {
		return store.Attempts{Count: 1, Since: now, Until: until, Expires: forget}
	})
}

func (l *limiter) forgetRefusal(ctx context.Context, key string) {
	if l.refusals == nil {
		return
	}
	_, _ = l.refusals.UpdateAttempts(ctx, key, func(store.Attempts) store.Attempts { return store.Attempts{} })
}

// detached returns a context for what must be written although the request may
// be over: it keeps ctx's values, not its end.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// storeTime returns t as stores keep it: in UTC and whole microseconds.
func storeTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
