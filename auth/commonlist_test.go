package auth

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCommonListIsWellFormed(t *testing.T) {
	t.Parallel()
	if len(commonPasswords)%commonPrefix != 0 {
		t.Fatalf("the list has %d bytes, not a multiple of %d", len(commonPasswords), commonPrefix)
	}
	n := len(commonPasswords) / commonPrefix
	if n < 10_000 {
		t.Errorf("the list has %d entries, want at least 10,000", n)
	}
	for i := 1; i < n; i++ {
		if commonPasswords[(i-1)*commonPrefix:i*commonPrefix] >= commonPasswords[i*commonPrefix:(i+1)*commonPrefix] {
			t.Fatalf("entry %d is not greater than the one before", i)
		}
	}
}

func TestIsCommon(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"password", "password1", "PassWord1", "qwertyuiop", "QWERTYUIOP", "12345678", "1234567890",
		"iloveyou1", "password123", "11111111", "abcd1234", "sunshine", "1q2w3e4r5t",
	} {
		if !isCommon(p) {
			t.Errorf("isCommon(%q) = false, want true", p)
		}
	}
	for _, p := range []string{
		"secure123", "newpassword1", "correct horse battery staple", "", "a", "pässword1", "passw0rd-7GQ2",
		strings.Repeat("🔑", 64), "password1 ", " password1",
	} {
		if isCommon(p) {
			t.Errorf("isCommon(%q) = true, want false", p)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2)) // always the same: a prefix may match by chance
	for range 10_000 {
		if p := fmt.Sprintf("%016x", rng.Uint64()); isCommon(p) {
			t.Errorf("isCommon(random %q) = true, want false", p)
		}
	}
}
