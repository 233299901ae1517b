package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// Cursors of lists are opaque and authenticated: a client can neither make one
// up nor use that of another list.
const cursorTag = 16

// SealCursor writes a cursor for the list named purpose.
func (s *Service) SealCursor(purpose string, c store.Cursor) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(c.At.UnixMicro()))
	plain = append(plain, c.ID...)
	return base64.RawURLEncoding.EncodeToString(append(plain, cursorMAC(s.cursors[0], purpose, plain)...))
}

// openCursor reads what SealCursor wrote.
func (s *Service) openCursor(purpose, text string) (c store.Cursor, ok bool) {
	if len(text) > 512 {
		return c, false
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) < 8+cursorTag {
		return c, false
	}
	plain, tag := data[:len(data)-cursorTag], data[len(data)-cursorTag:]
	for _, key := range s.cursors {
		ok = ok || hmac.Equal(tag, cursorMAC(key, purpose, plain))
	}
	if !ok {
		return c, false
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(plain[:8]))).UTC()
	return store.Cursor{At: at, ID: string(plain[8:])}, true
}

func cursorMAC(key []byte, purpose string, plain []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write(plain)
	return mac.Sum(nil)[:cursorTag]
}

// PageOf makes the JSON form of one page of a list from rows, which were asked
// for with a limit of one more than the page has, so that it is known whether
// another page follows.
func PageOf[T any](s *Service, purpose string, rows []T, limit int, at func(T) store.Cursor, view func(T) any) any {
	out := listJSON[any]{Items: make([]any, 0, len(rows))}
	if len(rows) > limit {
		rows = rows[:limit]
		next := s.SealCursor(purpose, at(rows[limit-1]))
		out.Next = &next
	}
	for _, row := range rows {
		out.Items = append(out.Items, view(row))
	}
	return out
}
