package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// issuer is an identity provider's key address, in memory.
type issuer struct {
	mu     sync.Mutex
	keys   []Key
	fail   error
	delay  time.Duration
	answer func() *http.Response // instead of the keys
	asked  int
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	delay := i.delay
	i.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.fail != nil:
		return nil, i.fail
	case i.answer != nil:
		return i.answer(), nil
	}
	return response(200, jwksOf(i.keys...)), nil
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func jwksOf(keys ...Key) string {
	list := []json.RawMessage{}
	for _, k := range keys {
		j, err := publishJWK(k.k)
		if err != nil {
			panic(err)
		}
		list = append(list, j)
	}
	b, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (i *issuer) remote() *RemoteKeys {
	return &RemoteKeys{URL: "https://issuer.example/jwks.json", Client: &http.Client{Transport: i}}
}

// tokenAt returns a token of k that is valid around the present, and a verifier
// for it that goes by the clock of the synctest bubble.
func tokenAt(tb testing.TB, k Key) string {
	tb.Helper()
	c := testClaims()
	c.IssuedAt = time.Now()
	c.ExpiresAt = c.IssuedAt.Add(1000 * time.Hour)
	return mustSign(tb, newRing(tb, k), c)
}

func expect(t *testing.T, v *Verifier, raw string, want error, when string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, want) {
		t.Errorf("%s: Verify = %v, want %v", when, err, want)
	}
}

func TestRemoteKeysFollowTheIssuer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := newEdDSA(t), newEdDSA(t)
		is := &issuer{keys: []Key{first}}
		v := &Verifier{Keys: is.remote(), Issuer: testIssuer}
		old, next := tokenAt(t, first), tokenAt(t, second)

		expect(t, v, old, nil, "at first")
		for range 100 {
			expect(t, v, old, nil, "again")
			expect(t, v, next, ErrInvalid, "a key that is not published yet")
		}
		if n := is.count(); n != 1 {
			t.Errorf("the issuer was asked %d times within MinInterval, want once", n)
		}
		time.Sleep(defaultMinInterval)
		is.set(func() { is.keys = []Key{first, second} })
		expect(t, v, next, nil, "a key that was just published")
		expect(t, v, old, nil, "the old key, still published")
		if n := is.count(); n != 2 {
			t.Errorf("the issuer was asked %d times, want twice", n)
		}

		is.set(func() { is.keys = []Key{second} })
		time.Sleep(defaultMaxAge - time.Second)
		expect(t, v, old, nil, "a withdrawn key within MaxAge")
		time.Sleep(time.Second)
		expect(t, v, old, ErrInvalid, "a withdrawn key after MaxAge, though its token was remembered")
		expect(t, v, old, ErrInvalid, "a withdrawn key, again")
		expect(t, v, next, nil, "the remaining key")
		if n := is.count(); n != 3 {
			t.Errorf("the issuer was asked %d times, want three times", n)
		}
	})
}

// TestUnchangedSetKeepsTheCache: fetching the same keys again forgets nothing.
func TestUnchangedSetKeepsTheCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k, newEdDSA(t)}}
		remote := is.remote()
		v := &Verifier{Keys: remote, Issuer: testIssuer}
		raw := tokenAt(t, k)
		expect(t, v, raw, nil, "at first")
		before, ok := remote.Generation()
		if !ok {
			t.Error("Generation of a fresh set is not ok")
		}
		time.Sleep(defaultMaxAge)
		if _, ok := remote.Generation(); ok {
			t.Error("Generation of a set that is due is ok; remembered tokens would never learn of changes")
		}
		is.set(func() { is.keys[0], is.keys[1] = is.keys[1], is.keys[0] }) // order means nothing
		expect(t, v, raw, nil, "after MaxAge")
		after, ok := remote.Generation()
		if before != after || !ok || is.count() != 2 {
			t.Errorf("Generation = %d, %v after %d; asked %d times, want twice", after, ok, before, is.count())
		}
	})
}

func TestRemoteKeysOutliveAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k}}
		v := &Verifier{Keys: is.remote(), Issuer: testIssuer}
		raw, unknown := tokenAt(t, k), tokenAt(t, newEdDSA(t))
		expect(t, v, raw, nil, "at first")

		is.set(func() { is.fail = errors.New("connection refused") })
		time.Sleep(defaultMaxAge)
		expect(t, v, raw, nil, "when the outage begins")
		// What cannot be looked up is not called invalid.
		expect(t, v, unknown, ErrUnavailable, "an unknown key during the outage")
		for range 58 {
			time.Sleep(time.Minute)
			expect(t, v, raw, nil, "during the outage")
		}
		synctest.Wait()
		if n := is.count(); n > 80 {
			t.Errorf("the issuer was asked %d times in an hour of outage", n)
		}
		time.Sleep(2 * time.Minute)
		expect(t, v, raw, ErrUnavailable, "after MaxAge + MaxStale")
		is.set(func() { is.fail = nil })
		time.Sleep(defaultMinInterval)
		expect(t, v, raw, nil, "when the issuer is back")
		expect(t, v, unknown, ErrInvalid, "an unknown key when the issuer is back")
	})
}

func TestNoStaleKeysIfNotWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k}}
		remote := is.remote()
		remote.MaxAge, remote.MaxStale = time.Minute, -1
		v := &Verifier{Keys: remote, Issuer: testIssuer}
		raw := tokenAt(t, k)
		expect(t, v, raw, nil, "at first")
		is.set(func() { is.fail = errors.New("down") })
		time.Sleep(time.Minute - 1)
		expect(t, v, raw, nil, "just within MaxAge")
		time.Sleep(time.Nanosecond)
		expect(t, v, raw, ErrUnavailable, "after MaxAge")
	})
}

// TestSilentIssuerDelaysOnce: an issuer that accepts connections and says nothing
// delays those who come first by the timeout; afterwards nobody waits.
func TestSilentIssuerDelaysOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k}}
		v := &Verifier{Keys: is.remote(), Issuer: testIssuer}
		raw := tokenAt(t, k)
		expect(t, v, raw, nil, "at first")
		is.set(func() { is.delay = time.Hour })
		time.Sleep(defaultMaxAge)
		begin := time.Now()
		expect(t, v, raw, nil, "while the issuer is silent")
		if waited := time.Since(begin); waited != fetchTimeout {
			t.Errorf("the first caller waited %v, want %v", waited, fetchTimeout)
		}
		begin = time.Now()
		for range 30 {
			expect(t, v, raw, nil, "while the issuer is silent")
			time.Sleep(time.Second)
		}
		if waited := time.Since(begin); waited != 30*time.Second {
			t.Errorf("later callers waited %v besides", waited-30*time.Second)
		}
		time.Sleep(time.Minute) // let the last request end
	})
}

func TestNothingFetchedYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k}, fail: errors.New("down")}
		v := &Verifier{Keys: is.remote(), Issuer: testIssuer}
		raw := tokenAt(t, k)
		for range 100 {
			expect(t, v, raw, ErrUnavailable, "while the issuer is down")
		}
		if n := is.count(); n != 1 {
			t.Errorf("the issuer was asked %d times in one instant, want once", n)
		}
		// Retries after 1, 2, 4, 8, then every 10 seconds.
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			expect(t, v, raw, ErrUnavailable, "while the issuer is down")
		}
		if n := is.count(); n != 9 {
			t.Errorf("the issuer was asked %d times in a minute, want 9 times", n)
		}
		is.set(func() { is.fail = nil })
		time.Sleep(defaultMinInterval)
		expect(t, v, raw, nil, "when the issuer is back")
	})
}

// TestOneFlight has many callers arrive at once, some of whom give up.
func TestOneFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k}, delay: 2 * time.Second}
		v := &Verifier{Keys: is.remote(), Issuer: testIssuer}
		raw := tokenAt(t, k)
		var wg sync.WaitGroup
		var good, gaveUp atomic.Int32
		for i := range 64 {
			wg.Go(func() {
				ctx := t.Context()
				if i%4 == 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Second)
					defer cancel()
				}
				switch _, err := v.Verify(ctx, raw); {
				case err == nil:
					good.Add(1)
				case errors.Is(err, ErrUnavailable) && errors.Is(err, context.DeadlineExceeded) && i%4 == 0:
					gaveUp.Add(1)
				default:
					t.Errorf("caller %d: Verify = %v", i, err)
				}
			})
			if i == 0 {
				synctest.Wait() // the one who began the request will be among those who give up
			}
		}
		wg.Wait()
		if good.Load() != 48 || gaveUp.Load() != 16 || is.count() != 1 {
			t.Errorf("%d were served, %d gave up, the issuer was asked %d times; want 48, 16, once", good.Load(), gaveUp.Load(), is.count())
		}
	})
}

// TestLateComersDoNotAskAgain: who looked before a request ended, and acts after,
// takes its outcome.
func TestLateComersDoNotAskAgain(t *testing.T) {
	t.Parallel()
	k := newEdDSA(t)
	is := &issuer{keys: []Key{k}}
	remote := is.remote()
	remote.Now = func() time.Time { return testNow }
	seen := remote.load()
	expect(t, testVerifier(remote), mustSign(t, newRing(t, k), testClaims()), nil, "the first caller")
	if f := remote.begin(t.Context(), seen, testNow); f != nil {
		<-f.done
		t.Error("begin with an outdated state made another request")
	}
	if s, err := remote.newer(t.Context(), seen); err != nil || s != remote.load() {
		t.Errorf("newer = %v, %v, want the state that is there already", s, err)
	}
}

// TestKeyIDFlood sends a thousand invented key IDs a second for a minute.
func TestKeyIDFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newEdDSA(t)
		is := &issuer{keys: []Key{k}}
		v := &Verifier{Keys: is.remote(), Issuer: testIssuer}
		raw := tokenAt(t, k)
		rest := raw[strings.IndexByte(raw, '.'):]
		for i := range 6000 {
			header := fmt.Sprintf(`{"alg":"EdDSA","kid":"invented-%d","typ":"at+jwt"}`, i)
			expect(t, v, b64.EncodeToString([]byte(header))+rest, ErrInvalid, "an invented key ID")
			if i%100 == 0 {
				expect(t, v, raw, nil, "an honest token during the flood")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := is.count(); n > 7 {
			t.Errorf("the issuer was asked %d times in a minute, want at most 7 times", n)
		}
	})
}

func TestClockSetBack(t *testing.T) {
	t.Parallel()
	k := newEdDSA(t)
	is := &issuer{keys: []Key{k}}
	remote := is.remote()
	now := testNow
	remote.Now = func() time.Time { return now }
	v := testVerifier(remote)
	raw := mustSign(t, newRing(t, k), testClaims())
	expect(t, v, raw, nil, "at first")
	now = now.Add(-24 * time.Hour)
	expect(t, v, raw, nil, "after the clock was set back")
	if n := is.count(); n != 2 {
		t.Errorf("the issuer was asked %d times, want twice: a set from the future is not fresh", n)
	}
}
