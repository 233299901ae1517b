package store_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func TestNewIDIsAUUIDOfVersion7(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.UnixMilli(1), epoch, epoch.In(time.FixedZone("", 7200)),
		time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.UnixMilli(1<<48 - 1), time.UnixMilli(-1),
	} {
		id := store.NewID(at)
		b, ok := store.ParseID(id)
		if !ok {
			t.Errorf("ParseID(NewID(%v) = %q) ok = false, want true", at, id)
		}
		if got := b[6] >> 4; got != 7 {
			t.Errorf("NewID(%v) = %q has version %d, want 7", at, id, got)
		}
		if got := b[8] >> 6; got != 0b10 {
			t.Errorf("NewID(%v) = %q has variant %b, want 10", at, id, got)
		}
		got := binary.BigEndian.Uint64(append([]byte{0, 0}, b[:6]...))
		if want := uint64(at.UnixMilli()) & (1<<48 - 1); got != want {
			t.Errorf("NewID(%v) = %q holds %d ms, want %d", at, id, got, want)
		}
	}
}

func TestNewIDIsNeverUsedAgain(t *testing.T) {
	t.Parallel()
	const n = 20_000 // all made within one millisecond, as far as they know
	seen := make(map[string]bool, n)
	for range n {
		id := store.NewID(epoch)
		if seen[id] {
			t.Fatalf("NewID gave %q twice", id)
		}
		seen[id] = true
	}
}

// TestNewIDUsesAllRandomBits finds every bit but those of time, version and
// variant both set and clear. For a bit that is random the chance to look stuck
// is 2 to the power of -199.
func TestNewIDUsesAllRandomBits(t *testing.T) {
	t.Parallel()
	var ones, zeros [16]byte
	for range 200 {
		b, _ := store.ParseID(store.NewID(epoch))
		for i, c := range b {
			ones[i] |= c
			zeros[i] |= ^c
		}
	}
	var want [16]byte
	for i := range want {
		switch {
		case i == 6:
			want[i] = 0x0f
		case i == 8:
			want[i] = 0x3f
		case i > 6:
			want[i] = 0xff
		}
	}
	for i := range want {
		if got := ones[i] & zeros[i]; got != want[i] {
			t.Errorf("byte %d of NewID varies in the bits %08b, want %08b", i, got, want[i])
		}
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 500 {
		ids = append(ids, store.NewID(epoch.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("identifiers made a millisecond apart are not in order")
	}
}

func TestFormatID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		b    [16]byte
		want string
	}{
		{[16]byte{}, "00000000-0000-0000-0000-000000000000"},
		{[16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10}, "01234567-89ab-cdef-fedc-ba9876543210"},
		{[16]byte(bytes.Repeat([]byte{0xff}, 16)), "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	}
	for _, test := range tests {
		if got := store.FormatID(test.b); got != test.want {
			t.Errorf("FormatID(%x) = %q, want %q", test.b, got, test.want)
		}
		if got, ok := store.ParseID(test.want); !ok || got != test.b {
			t.Errorf("ParseID(%q) = %x, %v, want %x, true", test.want, got, ok, test.b)
		}
	}
}

func TestParseIDAcceptsOneSpellingOnly(t *testing.T) {
	t.Parallel()
	const good = "019592a1-b2c3-7d4e-8f01-23456789abcd"
	if _, ok := store.ParseID(good); !ok {
		t.Fatalf("ParseID(%q) ok = false, want true", good)
	}
	for _, bad := range []string{
		"", " ", good[:35], good + "0", good + "\n", " " + good, strings.ToUpper(good), "{" + good + "}", "urn:uuid:" + good,
		strings.ReplaceAll(good, "-", ""), strings.ReplaceAll(good, "-", "_"), strings.ReplaceAll(good, "-", "0"),
		strings.Replace(good, "a", "A", 1), strings.Replace(good, "a", "g", 1), strings.Replace(good, "0", "\x00", 1),
		strings.Replace(good, "a1", "é", 1), "0195-92a1b2c3-7d4e-8f01-23456789abcd", "019592a1-b2c3-7d4e-8f01_23456789abcd",
		strings.Replace(good, "0", "+", 1), strings.Replace(good, "b2c3-7", "b2c3--", 1), "-" + good[1:], good[:35] + "-",
	} {
		if b, ok := store.ParseID(bad); ok || b != [16]byte{} {
			t.Errorf("ParseID(%q) = %x, %v, want zero, false", bad, b, ok)
		}
	}
	for i := range good { // no place takes a character that is not its own
		for _, c := range []byte("gG-/:@`{ \x80") {
			bad := []byte(good)
			if bad[i] == c {
				continue
			}
			bad[i] = c
			if _, ok := store.ParseID(string(bad)); ok {
				t.Errorf("ParseID(%q) ok = true, want false", bad)
			}
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("019592a1-b2c3-7d4e-8f01-23456789abcd")
	f.Add("019592A1-B2C3-7D4E-8F01-23456789ABCD")
	f.Add("00000000-0000-0000-0000-00000000000")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		b, ok := store.ParseID(s)
		if ok && store.FormatID(b) != s {
			t.Errorf("ParseID(%q) = %x, which is written %q", s, b, store.FormatID(b))
		}
		if !ok && b != [16]byte{} {
			t.Errorf("ParseID(%q) = %x, false, want zero with false", s, b)
		}
	})
}

func FuzzFormatID(f *testing.F) {
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) != 16 {
			return // an identifier has 16 bytes
		}
		b := [16]byte(raw)
		s := store.FormatID(b)
		if got, ok := store.ParseID(s); !ok || got != b {
			t.Errorf("ParseID(FormatID(%x) = %q) = %x, %v, want the same, true", b, s, got, ok)
		}
	})
}

func TestCursorIsZero(t *testing.T) {
	t.Parallel()
	tests := []struct {
		c    store.Cursor
		want bool
	}{
		{store.Cursor{}, true},
		{store.Cursor{ID: "x"}, false},
		{store.Cursor{At: epoch}, false},
		{store.Cursor{At: time.Time{}.Local()}, true},
		{store.Cursor{At: time.Unix(0, 0)}, false},
		{store.Cursor{At: epoch, ID: "x"}, false},
	}
	for _, test := range tests {
		if got := test.c.IsZero(); got != test.want {
			t.Errorf("%+v.IsZero() = %v, want %v", test.c, got, test.want)
		}
	}
}

func BenchmarkNewID(b *testing.B) {
	for b.Loop() {
		store.NewID(epoch)
	}
}
