package auth

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// A real hash of every form that is let in, each made from "correct horse".
func hashOf(tb testing.TB, cost int, password string) string {
	tb.Helper()
	h, err := InsecureBcrypt(cost).Hash(password)
	if err != nil {
		tb.Fatalf("Hash(%d bytes) at cost %d: %v", len(password), cost, err)
	}
	return h
}

func TestBcryptCost(t *testing.T) {
	t.Parallel()
	for cost := -1; cost <= 32; cost++ {
		_, err := Bcrypt(cost)
		if want := cost >= 10 && cost <= 15; (err == nil) != want {
			t.Errorf("Bcrypt(%d) error = %v, want accepted = %v", cost, err, want)
		}
	}
}

func TestInsecureBcryptPanicsOnCostOutOfRange(t *testing.T) {
	t.Parallel()
	for _, cost := range []int{-1, 0, 3, 16, 31} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("InsecureBcrypt(%d) returned, want a panic", cost)
				}
			}()
			InsecureBcrypt(cost)
		}()
	}
}

func TestDefaultCostIsInTheHash(t *testing.T) {
	t.Parallel()
	h, err := Bcrypt(DefaultBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := h.Hash("secure123")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$2a$12$") {
		t.Errorf("Hash = %.10s…, want it to start with $2a$12$", stored)
	}
	if err := h.Compare(stored, "secure123"); err != nil {
		t.Errorf("Compare(own hash) = %v, want nil", err)
	}
}

// The 72-byte rule, on both sides of the limit, counted in bytes.
func TestBcryptInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		password string
		long     bool
	}{
		{"one byte", "a", false},
		{"71 bytes", strings.Repeat("a", 71), false},
		{"72 bytes", strings.Repeat("a", 72), false},
		{"73 bytes", strings.Repeat("a", 73), true},
		{"1024 bytes", strings.Repeat("a", 1024), true},
		{"36 two-byte letters are 72 bytes", strings.Repeat("é", 36), false},
		{"37 two-byte letters are 74 bytes", strings.Repeat("é", 37), true},
		{"24 three-byte letters are 72 bytes", strings.Repeat("漢", 24), false},
		{"24 three-byte letters and one byte", strings.Repeat("漢", 24) + "a", true},
		{"18 emoji are 72 bytes", strings.Repeat("🔑", 18), false},
		{"a letter across the limit", strings.Repeat("a", 71) + "é", true},
		{"64 emoji are 256 bytes", strings.Repeat("🔑", 64), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			input, long := bcryptInput(tt.password)
			if long != tt.long {
				t.Errorf("bcryptInput long = %v, want %v", long, tt.long)
			}
			if !long && string(input) != tt.password {
				t.Errorf("bcryptInput changed a password of %d bytes", len(tt.password))
			}
			if long && (len(input) != 43 || strings.ContainsRune(string(input), 0)) {
				t.Errorf("bcryptInput = %d bytes %q, want 43 without NUL", len(input), input)
			}
			stored := hashOf(t, 4, tt.password)
			if got := strings.HasPrefix(stored, "$aegis1$$2a$04$"); got != tt.long {
				t.Errorf("Hash = %.16s…, tagged = %v, want %v", stored, got, tt.long)
			}
		})
	}
}

// The pre-hash is part of what is stored: it must never change.
func TestPreHashIsStable(t *testing.T) {
	t.Parallel()
	input, _ := bcryptInput(strings.Repeat("a", 73))
	const want = "AldjzW9yBPDmlZk-T1OiVwWO-Cx4mB0g5vmgwXBRtms"
	if string(input) != want {
		t.Errorf("pre-hash of 73 times a = %s, want %s", input, want)
	}
}

func TestCompareIsExact(t *testing.T) {
	t.Parallel()
	h := InsecureBcrypt(4)
	a72, emoji64 := strings.Repeat("a", 72), strings.Repeat("🔑", 64)
	tests := []struct {
		name            string
		stored, attempt string
	}{
		{"a byte after the 72nd", a72, a72 + "b"},
		{"without what follows the 72nd byte", a72 + "b", a72},
		{"other 73rd byte", a72 + "b", a72 + "c"},
		{"last emoji of 64", emoji64, strings.Repeat("🔑", 63) + "🔒"},
		{"one emoji less", emoji64, strings.Repeat("🔑", 63)},
		{"repetition through NUL", "ab", "ab\x00ab"},
		{"NUL at the end", "ab", "ab\x00"},
		{"empty", "ab", ""},
		{"only NUL", "ab", "\x00"},
		{"long with NUL", a72 + "b", a72 + "b\x00"},
		{"case", "secure123", "Secure123"},
		{"space around", "secure123", " secure123"},
		{"more than 1024 bytes", strings.Repeat("a", 1024), strings.Repeat("a", 1025)},
		{"the pre-hash itself", a72 + "b", preHash(a72 + "b")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stored := hashOf(t, 4, tt.stored)
			if err := h.Compare(stored, tt.attempt); !errors.Is(err, errMismatch) {
				t.Errorf("Compare(other password) = %v, want %v", err, errMismatch)
			}
			if err := h.Compare(stored, tt.stored); err != nil {
				t.Errorf("Compare(same password) = %v, want nil", err)
			}
		})
	}
}

func preHash(password string) string {
	input, _ := bcryptInput(password)
	return string(input)
}

// A hash that carries the wrong tag never verifies, though the bcrypt below the
// tag would.
func TestWrongClassNeverVerifies(t *testing.T) {
	t.Parallel()
	h := InsecureBcrypt(4)
	short, long := "secure123", strings.Repeat("secure123", 9) // 81 bytes
	tagged := longTag + hashOf(t, 4, short)
	untagged := strings.TrimPrefix(hashOf(t, 4, long), longTag)
	if err := h.Compare(tagged, short); !errors.Is(err, errMismatch) {
		t.Errorf("Compare(tagged hash of a short password) = %v, want %v", err, errMismatch)
	}
	if err := h.Compare(untagged, long); !errors.Is(err, errMismatch) {
		t.Errorf("Compare(untagged hash of a long password) = %v, want %v", err, errMismatch)
	}
	// What an importer that truncates would have stored.
	cut, err := bcrypt.GenerateFromPassword([]byte(long[:72]), 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Compare(string(cut), long); !errors.Is(err, errMismatch) {
		t.Errorf("Compare(hash of the first 72 bytes) = %v, want %v", err, errMismatch)
	}
}

func TestHashRefusesWhatBcryptConfuses(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", "\x00", "ab\x00", "ab\x00ab", strings.Repeat("a", 1025)} {
		if stored, err := InsecureBcrypt(4).Hash(p); err == nil {
			t.Errorf("Hash(%.10q, %d bytes) = %q, want an error", p, len(p), stored)
		}
	}
}

func TestParseHash(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("a", 22) + strings.Repeat("B", 29) + "./"
	tests := []struct {
		name string
		in   string
		cost int // 0: unusable
		long bool
	}{
		{"2a", "$2a$12$" + body, 12, false},
		{"2b", "$2b$10$" + body, 10, false},
		{"2y", "$2y$11$" + body, 11, false},
		{"tagged", "$aegis1$$2a$12$" + body, 12, true},
		{"least cost", "$2a$04$" + body, 4, false},
		{"greatest cost", "$2a$15$" + body, 15, false},
		{"empty", "", 0, false},
		{"the tag alone", "$aegis1$", 0, false},
		{"tag twice", "$aegis1$$aegis1$$2a$12$" + body, 0, false},
		{"unknown tag", "$aegis2$$2a$12$" + body, 0, false},
		{"cost 3", "$2a$03$" + body, 0, false},
		{"cost 16", "$2a$16$" + body, 0, false},
		{"cost 31", "$2a$31$" + body, 0, false},
		{"cost 99", "$2a$99$" + body, 0, false},
		{"cost with a sign", "$2a$+9$" + body, 0, false},
		{"cost of one digit", "$2a$9$a" + body, 0, false},
		{"2x, the broken one", "$2x$12$" + body, 0, false},
		{"no minor", "$2$12$a" + body, 0, false},
		{"a newer version", "$3a$12$" + body, 0, false},
		{"too short", "$2a$12$" + body[1:], 0, false},
		{"too long", "$2a$12$" + body + "a", 0, false},
		{"line break at the end", "$2a$12$" + body[1:] + "\n", 0, false},
		{"outside the alphabet", "$2a$12$+" + body[1:], 0, false},
		{"not ASCII", "$2a$12$é" + body[2:], 0, false},
		{"space in front", " $2a$12$" + body[1:], 0, false},
		{"argon2", "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b9dWRWJTmaaJObG", 0, false},
		{"not a hash", "!", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, ok := parseHash(tt.in)
			if ok != (tt.cost != 0) || h.cost != tt.cost || h.long != tt.long {
				t.Errorf("parseHash(%q) = cost %d, long %v, %v, want cost %d, long %v", tt.in, h.cost, h.long, ok, tt.cost, tt.long)
			}
			if !ok {
				b := InsecureBcrypt(4)
				if err := b.Compare(tt.in, "secure123"); !errors.Is(err, errUnusableHash) {
					t.Errorf("Compare(%q) = %v, want %v", tt.in, err, errUnusableHash)
				}
				if !b.(Rehasher).NeedsRehash(tt.in) {
					t.Errorf("NeedsRehash(%q) = false, want true", tt.in)
				}
			}
		})
	}
}

// Hashes of "correct horse" as other software writes them.
func TestImportedHashesVerify(t *testing.T) {
	t.Parallel()
	h := InsecureBcrypt(5)
	made := hashOf(t, 4, "correct horse")
	for _, version := range []string{"$2a$", "$2b$", "$2y$"} {
		stored := version + made[4:]
		if err := h.Compare(stored, "correct horse"); err != nil {
			t.Errorf("Compare(%s…, same password) = %v, want nil", version, err)
		}
		if err := h.Compare(stored, "correct house"); !errors.Is(err, errMismatch) {
			t.Errorf("Compare(%s…, other password) = %v, want %v", version, err, errMismatch)
		}
		if !h.(Rehasher).NeedsRehash(stored) {
			t.Errorf("NeedsRehash(%s04…) with cost 5 = false, want true", version)
		}
		if InsecureBcrypt(4).(Rehasher).NeedsRehash(stored) {
			t.Errorf("NeedsRehash(%s04…) with cost 4 = true, want false", version)
		}
	}
	// Published vectors, so that not only this library's output is proved.
	for _, v := range []struct{ hash, password string }{
		{"$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", "abc"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
	} {
		_, usable := parseHash(v.hash)
		if err := h.Compare(v.hash, v.password); err != nil {
			t.Errorf("Compare(%s, %q) = %v (usable %v), want nil", v.hash, v.password, err, usable)
		}
	}
}

// The dummy has to pass the parser of bcrypt, or it would cost nothing.
func TestBurnIsAFullCompare(t *testing.T) {
	t.Parallel()
	if _, ok := parseHash(dummyHash(4)); !ok {
		t.Fatalf("dummyHash(4) = %q is no hash", dummyHash(4))
	}
	err := bcrypt.CompareHashAndPassword([]byte(dummyHash(4)), []byte(dummyPassword))
	if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("compare against the dummy = %v, want a mismatch", err)
	}
	for cost := bcrypt.MinCost; cost <= MaxBcryptCost; cost++ {
		if got, err := bcrypt.Cost([]byte(dummyHash(cost))); err != nil || got != cost {
			t.Errorf("cost of dummyHash(%d) = %d, %v", cost, got, err)
		}
	}
}

// For random p and q, as byte strings: verify(hash(p), q) if and only if p == q.
func TestVerifyIsEquality(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	h := InsecureBcrypt(4)
	for i := range 60 {
		p := randomPassword(rng)
		stored, err := h.Hash(p)
		if hashable(p) != (err == nil) {
			t.Fatalf("round %d: Hash(%q) error = %v, want accepted = %v", i, p, err, hashable(p))
		}
		if err != nil {
			continue
		}
		for _, q := range []string{p, mutate(rng, p), mutate(rng, p), randomPassword(rng)} {
			if got := h.Compare(stored, q) == nil; got != (p == q) {
				t.Fatalf("round %d: Compare(hash of %q, %q) verified = %v, want %v", i, p, q, got, p == q)
			}
		}
	}
}

// randomPassword favours lengths around the limits and a small alphabet with
// NUL in it, where collisions would be.
func randomPassword(rng *rand.Rand) string {
	lengths := []int{0, 1, 2, 3, 8, 35, 36, 43, 70, 71, 72, 73, 74, 143, 144, 145, 300}
	b := make([]byte, lengths[rng.IntN(len(lengths))])
	for i := range b {
		b[i] = "abc\x00\xffé🔑"[rng.IntN(11)]
		if rng.IntN(30) > 0 && b[i] == 0 {
			b[i] = 'a'
		}
	}
	return string(b)
}

func mutate(rng *rand.Rand, p string) string {
	switch rng.IntN(6) {
	case 0:
		return p + "a"
	case 1:
		return p + "\x00"
	case 2:
		return p + "\x00" + p
	case 3:
		return p[:len(p)-1]
	case 4:
		return p[:min(len(p), 72)]
	}
	i := rng.IntN(len(p))
	return p[:i] + string(p[i]^1) + p[i+1:]
}

func FuzzParseHash(f *testing.F) {
	body := strings.Repeat("a", 53)
	for _, s := range []string{"", "$", "$2a$12$" + body, "$aegis1$$2b$04$" + body, "$2y$31$" + body, "$aegis1$", "$2a$\x00\x00$" + body} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := parseHash(s)
		if !ok {
			if h != (storedHash{}) {
				t.Errorf("parseHash(%q) = %+v with false, want the zero value", s, h)
			}
			return
		}
		again := h.bcrypt
		if h.long {
			again = longTag + again
		}
		if again != s {
			t.Errorf("parseHash(%q) lost something: %q", s, again)
		}
		if cost, err := bcrypt.Cost([]byte(h.bcrypt)); err != nil || cost != h.cost || cost > MaxBcryptCost {
			t.Errorf("parseHash(%q) cost = %d, bcrypt says %d, %v", s, h.cost, cost, err)
		}
	})
}

func FuzzPasswordVerify(f *testing.F) {
	a72 := strings.Repeat("a", 72)
	for _, pair := range [][2]string{
		{"secure123", "secure123"}, {"secure123", "secure124"}, {"ab", "ab\x00ab"}, {"", "\x00"},
		{a72, a72 + "b"}, {a72 + "b", a72}, {a72 + "b", a72 + "c"}, {"é", "é"}, {"\xff", "\xfe"},
	} {
		f.Add(pair[0], pair[1])
	}
	h := InsecureBcrypt(4)
	f.Fuzz(func(t *testing.T, p, q string) {
		stored, err := h.Hash(p)
		if hashable(p) != (err == nil) {
			t.Fatalf("Hash(%q) error = %v, want accepted = %v", p, err, hashable(p))
		}
		if err != nil {
			return
		}
		if err := h.Compare(stored, p); err != nil {
			t.Errorf("Compare(hash of %q, same) = %v, want nil", p, err)
		}
		if got := h.Compare(stored, q) == nil; got != (p == q) {
			t.Errorf("Compare(hash of %q, %q) verified = %v, want %v", p, q, got, p == q)
		}
	})
}

// What a sign-in costs, for the documentation of the costs above.
func BenchmarkCompare(b *testing.B) {
	for _, cost := range []int{4, 10, 12} {
		h := InsecureBcrypt(cost)
		stored := hashOf(b, cost, "secure123")
		b.Run(fmt.Sprintf("cost %d", cost), func(b *testing.B) {
			for b.Loop() {
				_ = h.Compare(stored, "wrong password")
			}
		})
	}
}
