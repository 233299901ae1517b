package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a new identifier for a row made at t: a UUID of version 7 (RFC
// 9562 §5.7), 36 lower-case characters. Its first 48 bits are t in milliseconds,
// so that rows made one after the other lie beside each other in an index; 74
// bits are random, so that it cannot be guessed and is never used again.
func NewID(t time.Time) string {
	var b [16]byte
	rand.Read(b[6:]) // never fails: crypto/rand ends the program instead
	ms := uint64(t.UnixMilli())
	binary.BigEndian.PutUint16(b[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(ms))
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return FormatID(b)
}

// FormatID writes the 16 bytes of an identifier as the text NewID gives.
func FormatID(b [16]byte) string {
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// ParseID is the inverse of FormatID. It accepts that one spelling only, so that
// no identifier has two texts, and reports whether s has it.
func ParseID(s string) (b [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return b, false
	}
	var text [32]byte
	n := copy(text[0:], s[0:8])
	n += copy(text[n:], s[9:13])
	n += copy(text[n:], s[14:18])
	n += copy(text[n:], s[19:23])
	copy(text[n:], s[24:36])
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return b, false
		}
	}
	_, err := hex.Decode(b[:], text[:])
	return b, err == nil
}

// Cursor names a row of a list, so that the next page begins behind it. The zero
// Cursor names none: the list begins at its beginning.
type Cursor struct {
	At time.Time // the time the list is ordered by
	ID string    // the row's identifier, which decides between equal times
}

// IsZero reports whether c names no row.
func (c Cursor) IsZero() bool { return c.ID == "" && c.At.IsZero() }

// DefaultLimit is the length of a page whose query does not say.
const DefaultLimit = 50
