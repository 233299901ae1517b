package token

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestNothingWrongIsEverServed drives a verifier with a tiny cache through random
// histories of signing, waiting, rotating, retiring, revoking and presenting tokens,
// true and false, and compares every verdict with a model that remembers nothing.
func TestNothingWrongIsEverServed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 1))
			m := newModel(t, rnd)
			verdicts := map[error]int{}
			for range 3000 {
				m.act()
				raw, claims, want := m.present()
				got, err := m.v.Verify(t.Context(), raw)
				if want == nil && (err != nil || got.ID != claims.ID || got.ExpiresAt != claims.ExpiresAt) || want != nil && (got != nil || !errors.Is(err, want)) {
					t.Fatalf("Verify = %+v, %v; the model says %v for %+v", got, err, want, claims)
				}
				verdicts[want]++
			}
			for _, v := range []error{nil, ErrInvalid, ErrExpired, ErrRevoked} {
				if verdicts[v] < 30 {
					t.Errorf("only %d presentations were judged %v; the history proves little", verdicts[v], v)
				}
			}
		})
	}
}

type model struct {
	t       *testing.T
	rnd     *rand.Rand
	now     time.Time
	ring    *Keyring
	v       *Verifier
	issued  []issued
	revoked map[string]bool
	dead    map[string]bool // key IDs that are no longer accepted
}

type issued struct {
	raw    string
	claims *Claims
	key    string
}

func newModel(t *testing.T, rnd *rand.Rand) *model {
	m := &model{t: t, rnd: rnd, now: testNow, ring: newRing(t, newHMAC(t)), revoked: map[string]bool{}, dead: map[string]bool{}}
	m.v = &Verifier{
		Keys: m.ring, Issuer: testIssuer, Leeway: -1, CacheSize: []int{8, 16, 64, 1000}[rnd.IntN(4)],
		Now:     func() time.Time { return m.now },
		Revoked: func(c *Claims) bool { return m.revoked[c.SessionID] },
	}
	return m
}

func (m *model) act() {
	switch n := m.rnd.IntN(100); {
	case n < 25 || len(m.issued) == 0:
		c := testClaims()
		c.ID = fmt.Sprint("jti-", len(m.issued))
		c.SessionID = fmt.Sprint("session-", m.rnd.IntN(1+len(m.issued)))
		c.IssuedAt = m.now.Truncate(time.Second)
		c.ExpiresAt = c.IssuedAt.Add(time.Duration(1+m.rnd.IntN(900)) * time.Second)
		m.issued = append(m.issued, issued{mustSign(m.t, m.ring, c), c, m.ring.Keys()[0].ID()})
	case n < 45:
		m.now = m.now.Add(time.Duration(m.rnd.IntN(4000)) * time.Millisecond)
	case n < 47:
		m.now = m.now.Add(-time.Duration(m.rnd.IntN(3000)) * time.Millisecond) // a clock that is set back
	case n < 50:
		m.revoked[m.pick().claims.SessionID] = true
	case n < 51:
		m.revoked[m.pick().claims.SessionID] = false
	case n < 52:
		if err := m.ring.Rotate(newHMAC(m.t)); err != nil {
			m.t.Fatal(err)
		}
	case n < 53:
		keys := m.ring.Keys()
		if id := keys[m.rnd.IntN(len(keys))].ID(); id != keys[0].ID() {
			if err := m.ring.Retire(id); err != nil {
				m.t.Fatal(err)
			}
			m.dead[id] = true
		}
	}
}

// pick prefers recent tokens, as clients do.
func (m *model) pick() issued {
	n := len(m.issued)
	return m.issued[n-1-min(m.rnd.IntN(n), m.rnd.IntN(n), m.rnd.IntN(n))]
}

// present returns a token and what should be said about it now.
func (m *model) present() (raw string, claims *Claims, want error) {
	p := m.pick()
	if m.rnd.IntN(8) == 0 { // tampered with, often while the true one is remembered
		b := []byte(p.raw)
		i := m.rnd.IntN(len(b))
		if b[i] = b64.EncodeToString([]byte{byte(m.rnd.Uint32())})[0]; string(b) != p.raw {
			return string(b), p.claims, ErrInvalid
		}
	}
	switch {
	case m.dead[p.key], p.claims.IssuedAt.After(m.now):
		want = ErrInvalid
	case !m.now.Before(p.claims.ExpiresAt):
		want = ErrExpired
	case m.revoked[p.claims.SessionID]:
		want = ErrRevoked
	}
	return p.raw, p.claims, want
}

// TestCollisionIsAMiss puts a token where another one belongs, under that one's
// tag, as a collision of hashes would.
func TestCollisionIsAMiss(t *testing.T) {
	t.Parallel()
	var c cache
	mine := &parsed{claims: *testClaims()}
	c.put(mine, "mine", 1, 8, testNow)
	if got := c.get("mine", 1); got != mine {
		t.Fatal("the token that was put is not found")
	}
	b, tag := c.table.Load().place("yours")
	for i := range b.tags {
		b.tokens[i].Store(mine)
		b.tags[i].Store(tag)
	}
	if got := c.get("yours", 1); got != nil {
		t.Errorf("get(yours) = the claims of %q", got.raw)
	}
}

// TestExpiredTokensAreLetGo lets many tokens come, each for a minute, of which few
// live at a time.
func TestExpiredTokensAreLetGo(t *testing.T) {
	t.Parallel()
	const size = 64 * ways
	var c cache
	now := testNow
	for i := range 10_000 {
		p := &parsed{claims: *testClaims()}
		p.claims.ExpiresAt = now.Add(time.Minute)
		c.put(p, fmt.Sprint("token ", i), 1, size, now)
		now = now.Add(4 * time.Second)
	}
	held := 0
	for i := range c.table.Load().buckets {
		for j := range ways {
			if c.table.Load().buckets[i].tokens[j].Load() != nil {
				held++
			}
		}
	}
	// Fifteen live; each of 64 buckets keeps what lived when it was written to last.
	if held > 128 {
		t.Errorf("%d tokens are held, want about 80", held)
	}
}

// counting is a key set that counts how often it is consulted, and can change
// between the check and its return.
type counting struct {
	*Keyring
	calls  int
	change func()
}

func (c *counting) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	c.calls++
	p, err := c.Keyring.VerifySignature(ctx, jwt)
	if c.change != nil {
		c.change()
	}
	return p, err
}

// check hides the one of Keyring, so that the Verifier takes the public way.
//
//lint:ignore U1000 it is there to be in the way
func (c *counting) check() {}

// plain is a key set that cannot tell when its keys change.
type plain struct{ set KeySet }

func (p plain) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	return p.set.VerifySignature(ctx, jwt)
}

func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	k := newHMAC(t)
	for name, tt := range map[string]struct {
		size  int
		wrap  func(*counting) KeySet
		calls int // of three presentations
	}{
		"by default":                    {0, func(c *counting) KeySet { return c }, 1},
		"eight":                         {8, func(c *counting) KeySet { return c }, 1},
		"one":                           {1, func(c *counting) KeySet { return c }, 1},
		"nothing":                       {-1, func(c *counting) KeySet { return c }, 3},
		"nothing of an unknown key set": {0, func(c *counting) KeySet { return plain{c} }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &counting{Keyring: newRing(t, k)}
			v := testVerifier(tt.wrap(c))
			v.CacheSize = tt.size
			raw := mustSign(t, c.Keyring, testClaims())
			for range 3 {
				if _, err := v.Verify(t.Context(), raw); err != nil {
					t.Fatal(err)
				}
			}
			if c.calls != tt.calls {
				t.Errorf("the key set was consulted %d times, want %d", c.calls, tt.calls)
			}
		})
	}
}

// TestKeyChangeDuringVerification: a token that was checked under keys that
// changed meanwhile is not remembered under the new ones.
func TestKeyChangeDuringVerification(t *testing.T) {
	t.Parallel()
	k := newHMAC(t)
	c := &counting{Keyring: newRing(t, newHMAC(t), k)}
	raw := mustSign(t, newRing(t, k), testClaims())
	c.change = func() {
		c.change = nil
		if err := c.Retire(k.ID()); err != nil {
			t.Error(err)
		}
	}
	v := testVerifier(c)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatalf("Verify of a token that was good when asked = %v", err)
	}
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) {
		t.Errorf("Verify after its key was retired = %v, want ErrInvalid", err)
	}
}

func TestCacheStaysBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 8, 1000, 4096} {
		var c cache
		bound := (size + ways - 1) / ways * ways
		for i := range 20 * bound {
			c.put(&parsed{claims: Claims{ExpiresAt: testNow.Add(time.Hour)}}, fmt.Sprint("token ", i), 1, size, testNow)
		}
		held := 0
		for i := range c.table.Load().buckets {
			for j := range ways {
				if c.table.Load().buckets[i].tokens[j].Load() != nil {
					held++
				}
			}
		}
		if held > bound || held < bound*9/10 {
			t.Errorf("size %d: %d tokens are held, want nearly %d and no more", size, held, bound)
		}
	}
}

// TestRememberedTokensKeepNothingElseAlive: a token is usually cut out of a longer
// header field.
func TestRememberedTokensKeepNothingElseAlive(t *testing.T) {
	var c cache
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 1000 {
		field := strings.Repeat("x", 100_000) + fmt.Sprint("token ", i)
		c.put(&parsed{}, field[100_000:], 1, 8192, testNow)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("the heap grew by %d MiB for 1,000 short tokens", grown>>20)
	}
	runtime.KeepAlive(&c)
}

func TestExpiredTokensMakeRoom(t *testing.T) {
	t.Parallel()
	for range 50 { // places are as good as random
		var c cache
		put := func(name string, exp time.Time) {
			c.put(&parsed{claims: Claims{ExpiresAt: exp}}, name, 1, 8, testNow)
		}
		for i := range 7 {
			put(fmt.Sprint("live ", i), testNow.Add(time.Hour))
		}
		put("dead", testNow)
		put("new", testNow.Add(time.Hour))
		put("new", testNow.Add(time.Hour)) // the same again takes no second place
		for i := range 7 {
			if c.get(fmt.Sprint("live ", i), 1) == nil {
				t.Fatalf("live token %d was dropped although a dead one was there", i)
			}
		}
		if c.get("new", 1) == nil || c.get("dead", 1) != nil {
			t.Fatal("the dead token was kept instead of the new one")
		}
	}
}

func TestOlderGenerationsComeTooLate(t *testing.T) {
	t.Parallel()
	var c cache
	c.put(&parsed{}, "a", 2, 8, testNow)
	c.put(&parsed{}, "b", 1, 8, testNow)
	if c.get("a", 2) == nil || c.get("b", 1) != nil || c.get("b", 2) != nil || c.get("a", 1) != nil {
		t.Error("a token of an older generation was remembered, or replaced newer ones")
	}
	c.put(&parsed{}, "c", 3, 8, testNow)
	if c.get("a", 2) != nil || c.get("a", 3) != nil || c.get("c", 3) == nil {
		t.Error("a newer generation did not empty the cache")
	}
}

func TestHitAllocatesNothing(t *testing.T) {
	for alg, k := range testKeys() {
		ring := newRing(t, k)
		v := testVerifier(ring)
		raw := mustSign(t, ring, testClaims())
		ctx := t.Context()
		allocs := testing.AllocsPerRun(200, func() {
			if _, err := v.Verify(ctx, raw); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: a hit allocates %v times, want 0", alg, allocs)
		}
	}
}

// TestVerifyUnderLoad shares few places between many tokens and goroutines; each
// must get the claims of its own token.
func TestVerifyUnderLoad(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	v := testVerifier(ring)
	v.CacheSize = 16
	raws := make([]string, 64)
	for i := range raws {
		c := testClaims()
		c.ID = fmt.Sprint(i)
		raws[i] = mustSign(t, ring, c)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 2))
			for range 2000 {
				i := rnd.IntN(len(raws))
				if c, err := v.Verify(t.Context(), raws[i]); err != nil || c.ID != fmt.Sprint(i) {
					t.Errorf("Verify(token %d) = %+v, %v", i, c, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkCacheFlood puts ever new tokens and reports what stays in memory. Run
// it with -benchtime=10000000x for ten million.
func BenchmarkCacheFlood(b *testing.B) {
	k := newHMAC(b)
	raw := mustSign(b, newRing(b, k), testClaims())
	payload := goodPayload()
	var c cache
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	i := 0
	for b.Loop() {
		p := &parsed{}
		if err := p.parse(strings.Clone(payload)); err != nil {
			b.Fatal(err)
		}
		c.put(p, raw+fmt.Sprint(i), 1, defaultCacheSize, testNow)
		i++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB-held")
	runtime.KeepAlive(&c)
}

// lenient takes every signature for a good one.
type lenient struct{ payload []byte }

func (l lenient) VerifySignature(context.Context, string) ([]byte, error) { return l.payload, nil }

// The middleware leaves it to the Verifier to look at each character.
func TestNoKeySetMakesAnOddSpellingGood(t *testing.T) {
	t.Parallel()
	raw := mustSign(t, newRing(t, newHMAC(t)), testClaims())
	c, err := split(raw, maxToken)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := decode(nil, c.payload)
	if err != nil {
		t.Fatal(err)
	}
	v := testVerifier(lenient{payload})
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatalf("Verify(as it was signed) = %v", err)
	}
	for name, odd := range map[string]string{
		"a space in the signature":   c.signed() + ". " + c.signature[1:],
		"padding of the signature":   raw + "=",
		"a quote in the signature":   raw[:len(raw)-1] + `"`,
		"a tab in the payload":       c.header + ".\t" + c.payload[1:] + "." + c.signature,
		"a NUL behind the payload":   c.header + "." + c.payload + "\x00." + c.signature,
		"another byte in the header": "é" + c.header[2:] + "." + c.payload + "." + c.signature,
	} {
		if _, err := v.Verify(t.Context(), odd); !errors.Is(err, ErrInvalid) {
			t.Errorf("Verify(%s) = %v, want %v", name, err, ErrInvalid)
		}
	}
}
