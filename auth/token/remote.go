package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The defaults of [RemoteKeys].
const (
	defaultMaxAge      = 15 * time.Minute
	defaultMaxStale    = time.Hour
	defaultMinInterval = 10 * time.Second
	firstRetry         = time.Second
)

// RemoteKeys is a KeySet fetched from a JWKS address (RFC 7517 §5). Only URL is
// required. Fill in the fields, then leave them alone and do not copy it; it is safe
// for concurrent use, and starts nothing before its first use.
//
// The set is fetched when it is first needed, when it is older than MaxAge, and
// once when a token names a key that is not in it; never more often than every
// MinInterval, however many tokens with invented key IDs arrive. One request is in
// flight at a time and all callers share its outcome. An issuer that cannot be reached
// costs availability only after MaxAge + MaxStale; meanwhile the known keys serve.
// What is no key for ES256, EdDSA or RS256 is ignored, symmetric keys included.
type RemoteKeys struct {
	// URL is where the issuer publishes its keys. It must be https, or http on a
	// loopback address. Redirects are not followed.
	URL string
	// Client makes the requests. Its redirect policy is ignored, and a request
	// takes at most 5 s whatever its Timeout says. Default a plain client with
	// [http.DefaultTransport].
	Client *http.Client
	// MaxAge is how long a fetched set is good, and so how long a key lives on
	// after the issuer withdrew it. Default 15 min.
	MaxAge time.Duration
	// MaxStale is how long beyond MaxAge the set serves while the issuer cannot
	// be reached. Default 1 h; negative means not at all.
	MaxStale time.Duration
	// MinInterval is the least time between two requests. After a failure the
	// first retries come sooner, beginning with 1 s. Default 10 s.
	MinInterval time.Duration
	// InsecureAllowHTTP permits plain http to other hosts. Whoever can change
	// the answer on its way can then forge tokens.
	InsecureAllowHTTP bool
	// Now is the clock. Default time.Now.
	Now func() time.Time

	state  atomic.Pointer[remoteState]
	mu     sync.Mutex // held to begin and to end a flight
	flight *flight
}

var (
	_ CacheableKeySet = (*RemoteKeys)(nil)
	_ signatureSet    = (*RemoteKeys)(nil)
)

// remoteState is one immutable state of RemoteKeys: the last set that arrived, and
// how the last attempt went.
type remoteState struct {
	set        *remoteSet // nil before the first success
	fetched    time.Time  // when set arrived
	generation uint64
	tried      time.Time // when the last attempt ended
	failures   int       // attempts that failed since the last success
	err        error     // of the last attempt
}

// flight is one request that others may wait for.
type flight struct {
	done chan struct{} // closed when state has the outcome
}

// VerifySignature implements [KeySet]. A token without kid is accepted if exactly
// one key of the set fits its algorithm.
func (k *RemoteKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	return verifySignature(ctx, k, jwt)
}

func (k *RemoteKeys) check(ctx context.Context, c compact) error {
	if k == nil {
		return errUnconfigured
	}
	s, err := k.current(ctx)
	if err != nil {
		return err
	}
	found, err := s.set.find(&c.head)
	if errors.Is(err, errUnknownKey) || errors.Is(err, errNoKeyID) {
		// Perhaps the issuer has a new key. Ask once.
		if s, err = k.newer(ctx, s); err != nil {
			return err
		}
		found, err = s.set.find(&c.head)
	}
	if err != nil {
		return err
	}
	return found.verify(&c)
}

// Generation implements [CacheableKeySet]. ok is false when the set is due to be
// fetched, so that remembered tokens do not keep withdrawn keys alive.
func (k *RemoteKeys) Generation() (n uint64, ok bool) {
	if k == nil {
		return 0, false
	}
	s := k.load()
	now := k.now()
	return s.generation, k.fresh(s, now) || k.usable(s, now) && !k.mayTry(s, now)
}

// current returns a state whose set may be used now.
func (k *RemoteKeys) current(ctx context.Context) (*remoteState, error) {
	s, now := k.load(), k.now()
	if k.fresh(s, now) {
		return s, nil
	}
	if f := k.begin(ctx, s, now); f != nil && (s.failures == 0 || !k.usable(s, now)) {
		// An issuer that answered the last time is waited for. One that did not is
		// asked in the background, so that its silence delays nobody twice.
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
	s, now = k.load(), k.now()
	if k.fresh(s, now) || k.usable(s, now) {
		return s, nil
	}
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, s.err)
	}
	return nil, errNothingLoaded
}

// newer returns a state with a set that arrived after s did, fetching it if that
// is allowed now.
func (k *RemoteKeys) newer(ctx context.Context, s *remoteState) (*remoteState, error) {
	if f := k.begin(ctx, s, k.now()); f != nil {
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
	latest := k.load()
	switch {
	case latest.failures > 0:
		// The token may be good, signed with a key we could not learn of.
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, latest.err)
	case latest != s:
		return latest, nil
	}
	return nil, errUnknownKey
}

// begin returns the flight to wait for, starting one if none is under way, or nil
// if it is too early for another request or the state is no longer s.
func (k *RemoteKeys) begin(ctx context.Context, s *remoteState, now time.Time) *flight {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight != nil {
		return k.flight
	}
	if latest := k.load(); latest != s || !k.mayTry(s, now) {
		return nil
	}
	f := &flight{done: make(chan struct{})}
	k.flight = f
	// The first caller's deadline must not end a request that others wait for.
	go k.fly(context.WithoutCancel(ctx), f)
	return f
}

// fly makes one request and records its outcome.
func (k *RemoteKeys) fly(ctx context.Context, f *flight) {
	set, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	old, now := k.load(), k.now()
	next := &remoteState{set: old.set, fetched: old.fetched, generation: old.generation, tried: now}
	if err != nil {
		next.failures = old.failures + 1
		next.err = err
	} else {
		next.fetched = now
		if old.set == nil || old.set.fingerprint != set.fingerprint {
			next.set = set
			next.generation++
		}
	}
	k.state.Store(next)
	k.flight = nil
	close(f.done)
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

var neverFetched = &remoteState{}

func (k *RemoteKeys) load() *remoteState {
	if s := k.state.Load(); s != nil {
		return s
	}
	return neverFetched
}

// fresh reports whether the set is younger than MaxAge. One from the future,
// after the clock was set back, is not.
func (k *RemoteKeys) fresh(s *remoteState, now time.Time) bool {
	age := now.Sub(s.fetched)
	return s.set != nil && 0 <= age && age < positive(k.MaxAge, defaultMaxAge)
}

// usable reports whether the set may serve while the issuer cannot be reached.
func (k *RemoteKeys) usable(s *remoteState, now time.Time) bool {
	stale := k.MaxStale
	if stale == 0 {
		stale = defaultMaxStale
	}
	age := now.Sub(s.fetched)
	return s.set != nil && 0 <= age && age < positive(k.MaxAge, defaultMaxAge)+max(stale, 0)
}

// mayTry reports whether enough time has passed since the last attempt.
func (k *RemoteKeys) mayTry(s *remoteState, now time.Time) bool {
	wait := positive(k.MinInterval, defaultMinInterval)
	if s.failures > 0 && s.failures < 16 {
		wait = min(wait, firstRetry<<(s.failures-1))
	}
	since := now.Sub(s.tried)
	return since < 0 || since >= wait
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

func (k *RemoteKeys) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}
