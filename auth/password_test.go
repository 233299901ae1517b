package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// counted returns a cheap hasher that adds up the rounds of its compares.
func counted(cost int) (h *bcryptHasher, rounds *int) {
	rounds = new(int)
	h = newBcrypt(cost)
	h.compare = func(hash, password []byte) error {
		c, err := bcrypt.Cost(hash)
		if err != nil {
			return err
		}
		*rounds += 1 << c
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	return h, rounds
}

func testPasswords(tb testing.TB, h Hasher) *passwords {
	tb.Helper()
	p, err := newPasswords(h, newGate(1), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Every failure does exactly 2^cost rounds, whatever the reason and whatever is
// stored.
func TestEveryFailureCostsTheSame(t *testing.T) {
	t.Parallel()
	const target = 6
	long := strings.Repeat("secure123", 9)
	stored := map[string]string{
		"nothing":               "",
		"no hash":               "!",
		"a hash too costly":     "$2a$31$" + strings.Repeat("a", 53),
		"a hash of other kind":  "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsg",
		"cost 4":                hashOf(t, 4, "secure123"),
		"cost 5":                hashOf(t, 5, "secure123"),
		"cost 6 from elsewhere": "$2y$" + hashOf(t, 6, "secure123")[4:],
		"cost 6":                hashOf(t, 6, "secure123"),
		"cost 4, long":          hashOf(t, 4, long),
		"cost 6, long":          hashOf(t, 6, long),
	}
	attempts := map[string]string{
		"wrong":                "secure124",
		"empty":                "",
		"NUL":                  "secure123\x00",
		"invalid UTF-8":        "\xff\xfe",
		"wrong and long":       long + "4",
		"1024 bytes":           strings.Repeat("a", 1024),
		"1025 bytes":           strings.Repeat("a", 1025),
		"a megabyte":           strings.Repeat("é", 1<<19),
		"the stored string":    stored["cost 6"],
		"right for cut hashes": long[:72],
	}
	for what, hash := range stored {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h, rounds := counted(target)
			p := testPasswords(t, h)
			for name, attempt := range attempts {
				*rounds = 0
				ok, rehash, err := p.verify(t.Context(), hash, attempt)
				if ok || rehash || err != nil {
					t.Errorf("verify(%s, %s) = %v, %v, %v, want false, false, nil", what, name, ok, rehash, err)
				}
				if *rounds != 1<<target {
					t.Errorf("verify(%s, %s) took %d rounds, want %d", what, name, *rounds, 1<<target)
				}
			}
			idle(t, p.gate, 1)
		})
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	p := testPasswords(t, InsecureBcrypt(5))
	long := strings.Repeat("🔑", 64)
	tests := []struct {
		name             string
		stored, password string
		ok, rehash       bool
	}{
		{"right", hashOf(t, 5, "secure123"), "secure123", true, false},
		{"right and long", hashOf(t, 5, long), long, true, false},
		{"right, of a lower cost", hashOf(t, 4, "secure123"), "secure123", true, true},
		{"right, of a higher cost", hashOf(t, 6, "secure123"), "secure123", true, true},
		{"right, long, of a lower cost", hashOf(t, 4, long), long, true, true},
		{"right, imported with the cost of today", "$2b$" + hashOf(t, 5, "secure123")[4:], "secure123", true, false},
		{"wrong, of a lower cost", hashOf(t, 4, "secure123"), "secure124", false, false},
		{"nothing stored", "", "secure123", false, false},
		{"nothing stored, nothing given", "", "", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ok, rehash, err := p.verify(t.Context(), tt.stored, tt.password)
			if ok != tt.ok || rehash != tt.rehash || err != nil {
				t.Errorf("verify = %v, %v, %v, want %v, %v, nil", ok, rehash, err, tt.ok, tt.rehash)
			}
		})
	}
}

func TestHashThenVerify(t *testing.T) {
	t.Parallel()
	p := testPasswords(t, InsecureBcrypt(4))
	stored, err := p.hash(t.Context(), "secure123")
	if err != nil {
		t.Fatalf("hash: %v", err)
	}
	if ok, _, err := p.verify(t.Context(), stored, "secure123"); !ok || err != nil {
		t.Errorf("verify(own hash) = %v, %v, want true", ok, err)
	}
	for _, bad := range []string{"", "a\x00b", strings.Repeat("a", 1025)} {
		if got, err := p.hash(t.Context(), bad); err == nil || got != "" {
			t.Errorf("hash(%.8q, %d bytes) = %q, %v, want an error", bad, len(bad), got, err)
		}
	}
	idle(t, p.gate, 1)
}

// Nothing is computed, and nothing said about the password, unless the gate
// lets it in.
func TestPasswordsStandBehindTheGate(t *testing.T) {
	t.Parallel()
	h, rounds := counted(4)
	p := testPasswords(t, h)
	stored := hashOf(t, 4, "secure123")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, rehash, err := p.verify(ctx, stored, "secure123"); ok || rehash || !errors.Is(err, context.Canceled) {
		t.Errorf("verify(ended context) = %v, %v, %v, want false, false, %v", ok, rehash, err, context.Canceled)
	}
	if got, err := p.hash(ctx, "secure123"); got != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("hash(ended context) = %q, %v, want %v", got, err, context.Canceled)
	}
	p.gate.maxQueue = 0
	if err := p.gate.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ok, _, err := p.verify(t.Context(), stored, "secure123"); ok || !errors.Is(err, ErrBusy) {
		t.Errorf("verify(busy) = %v, %v, want false, %v", ok, err, ErrBusy)
	}
	if _, err := p.hash(t.Context(), "secure123"); !errors.Is(err, ErrBusy) {
		t.Errorf("hash(busy) = %v, want %v", err, ErrBusy)
	}
	if *rounds != 0 {
		t.Errorf("%d rounds were spent, want none", *rounds)
	}
}

func TestNormalizeIsAppliedEverywhere(t *testing.T) {
	t.Parallel()
	seen := 0
	p, err := newPasswords(InsecureBcrypt(4), newGate(1), func(s string) string {
		seen = max(seen, len(s))
		return strings.ReplaceAll(s, "e\u0301", "é")
	})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := p.hash(t.Context(), "caf\u00e9 noir")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := p.verify(t.Context(), stored, "cafe\u0301 noir"); !ok || err != nil {
		t.Errorf("verify(decomposed spelling) = %v, %v, want true", ok, err)
	}
	if ok, _, err := p.verify(t.Context(), stored, strings.Repeat("a", 1<<20)); ok || err != nil {
		t.Errorf("verify(a megabyte) = %v, %v, want false, nil", ok, err)
	}
	if seen > maxPasswordBytes {
		t.Errorf("the normalizer was given %d bytes, want at most %d", seen, maxPasswordBytes)
	}
}

// plainHasher is a caller's own: it counts its compares and stores nothing safe.
type plainHasher struct {
	compares *[]string
	fail     error
}

func (p plainHasher) Hash(password string) (string, error) { return "plain:" + password, p.fail }

func (p plainHasher) Compare(hash, password string) error {
	*p.compares = append(*p.compares, hash)
	if hash != "plain:"+password {
		return errors.New("no")
	}
	return nil
}

func TestCustomHasherComparesOnceAlways(t *testing.T) {
	t.Parallel()
	var compares []string
	p := testPasswords(t, plainHasher{compares: &compares})
	for _, tt := range []struct {
		name, stored, password string
		ok                     bool
		against                string
	}{
		{"right", "plain:secure123", "secure123", true, "plain:secure123"},
		{"wrong", "plain:secure123", "secure124", false, "plain:secure123"},
		{"nothing stored", "", "secure123", false, p.dummy},
		{"too long", "plain:" + strings.Repeat("a", 1024), strings.Repeat("a", 1025), false, p.dummy},
	} {
		compares = nil
		ok, rehash, err := p.verify(t.Context(), tt.stored, tt.password)
		if ok != tt.ok || rehash || err != nil {
			t.Errorf("%s: verify = %v, %v, %v, want %v, false, nil", tt.name, ok, rehash, err, tt.ok)
		}
		if len(compares) != 1 || compares[0] != tt.against {
			t.Errorf("%s: compared against %q, want once against %q", tt.name, compares, tt.against)
		}
	}
	// Even the password of the dummy opens nothing.
	compares = nil
	if ok, _, _ := p.verify(t.Context(), "", strings.TrimPrefix(p.dummy, "plain:")); ok {
		t.Error("verify(nothing stored, password of the dummy) = true, want false")
	}
}

func TestCustomHasherThatCannotHash(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if _, err := newPasswords(plainHasher{fail: broken}, newGate(1), nil); !errors.Is(err, broken) {
		t.Errorf("newPasswords = %v, want it to wrap %v", err, broken)
	}
}
