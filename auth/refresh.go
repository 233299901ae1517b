package auth

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// A refresh token is "art1_" and base64url of
//
//	session ID (16) ‖ generation (4) ‖ secret (32) ‖ tag (16)
//
// It is opaque to clients. The tag is keyed, so junk, and a known session ID
// with an invented secret, are told from genuine tokens without asking the
// store, and never count as theft.
const (
	refreshPrefix  = "art1_"
	refreshTagged  = 16 + 4 + 32
	refreshSize    = refreshTagged + 16
	refreshTextLen = len(refreshPrefix) + (refreshSize*8+5)/6
)

// refreshToken is a genuine token, taken apart.
type refreshToken struct {
	sessionID  string
	generation int64
	secret     [32]byte
}

func (t refreshToken) hash() []byte { return hashSecret(hashRefresh, t.secret[:]) }

// newRefreshSecret returns 256 fresh random bits.
func newRefreshSecret() (secret [32]byte) {
	rand.Read(secret[:])
	return secret
}

// refreshCodec writes and reads refresh tokens. tagKeys has the current key
// first; the others still verify.
type refreshCodec struct{ tagKeys [][]byte }

func refreshTag(key, tagged []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(tagged)
	return mac.Sum(nil)[:16]
}

// encode writes a token. The session ID is one of store.NewID.
func (c *refreshCodec) encode(t refreshToken) (string, error) {
	id, ok := store.ParseID(t.sessionID)
	if !ok || t.generation < 0 || t.generation > math.MaxUint32 {
		return "", errors.New("auth: session cannot be named in a refresh token")
	}
	raw := make([]byte, 0, refreshSize)
	raw = append(raw, id[:]...)
	raw = binary.BigEndian.AppendUint32(raw, uint32(t.generation))
	raw = append(raw, t.secret[:]...)
	raw = append(raw, refreshTag(c.tagKeys[0], raw)...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

// decode reads a token and reports whether it is genuine: made under one of our
// keys. It says nothing about whether the session lives.
func (c *refreshCodec) decode(text string) (t refreshToken, ok bool) {
	if len(text) != refreshTextLen || !strings.HasPrefix(text, refreshPrefix) {
		return t, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text[len(refreshPrefix):])
	if err != nil || len(raw) != refreshSize {
		return t, false
	}
	tagged, tag := raw[:refreshTagged], raw[refreshTagged:]
	genuine := false
	for _, key := range c.tagKeys {
		if hmac.Equal(tag, refreshTag(key, tagged)) {
			genuine = true
		}
	}
	if !genuine {
		return t, false
	}
	t.sessionID = store.FormatID([16]byte(raw[:16]))
	t.generation = int64(binary.BigEndian.Uint32(raw[16:20]))
	copy(t.secret[:], raw[20:52])
	return t, true
}

// successorAEAD is keyed by the spent secret: only a holder of the spent token
// can open what was sealed, and a dump of the database cannot.
func successorAEAD(spent [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(deriveKey(spent[:], labelSuccessor))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func successorAAD(sessionID string, generation int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(sessionID), uint64(generation))
}

// sealSuccessor seals the secret of the given generation under the one before.
func sealSuccessor(spent, next [32]byte, sessionID string, generation int64) []byte {
	return successorAEAD(spent).Seal(nil, nil, next[:], successorAAD(sessionID, generation))
}

// openSuccessor is the inverse of sealSuccessor.
func openSuccessor(spent [32]byte, sealed []byte, sessionID string, generation int64) (next [32]byte, err error) {
	plain, err := successorAEAD(spent).Open(nil, nil, sealed, successorAAD(sessionID, generation))
	if err != nil {
		return next, err
	}
	if len(plain) != len(next) {
		return next, errors.New("auth: sealed successor has a wrong length")
	}
	copy(next[:], plain)
	return next, nil
}

// verdict is what a genuine refresh token is worth.
type verdict int

const (
	verdictDead      verdict = iota // the session is over, or never knew this token: 401
	verdictLive                     // the live token: rotate
	verdictSuccessor                // spent just now: the same successor again
	verdictConflict                 // older, while a rotation is fresh: 409
	verdictReused                   // spent long ago: theft, end the session
)

func (v verdict) String() string {
	return [...]string{"dead", "live", "successor", "conflict", "reused"}[v]
}

// presented is what a refresh request brought.
type presented struct {
	generation int64
	hash       []byte
	arrived    time.Time // by the service clock, before anything was looked up
	racing     bool      // it arrived before the winner's answer was released (strict only)
}

// judge decides on a genuine refresh token from what the store says: the whole
// rule of refresh reuse in one pure function. s and u are nil if they are gone.
// window is how long after a rotation the spent token is still answered.
//
// Age is measured from RotatedAt with the service clock; a negative age, from a
// node whose clock runs ahead, counts as zero.
func judge(s *store.Session, u *store.User, p presented, window time.Duration) verdict {
	switch {
	case s == nil || u == nil || s.UserID != u.ID,
		!s.Live(p.arrived),
		!u.Active(),
		s.Epoch != u.Epoch,
		p.generation > s.Generation: // the row comes from a restored backup
		return verdictDead
	case p.generation == s.Generation && bytes.Equal(p.hash, s.Hash):
		return verdictLive
	}
	fresh := p.racing || s.Generation > 0 && p.arrived.Sub(s.RotatedAt) <= window
	isPrevious := p.generation == s.Generation-1 && bytes.Equal(p.hash, s.PrevHash)
	switch {
	case fresh && isPrevious && len(s.Sealed) > 0:
		return verdictSuccessor
	case fresh && p.generation < s.Generation:
		return verdictConflict
	}
	return verdictReused
}

// strictWindow is how long the winner of a strict rotation holds its answer, so
// that everyone who raced it has arrived before anyone can replay.
const strictWindow = 50 * time.Millisecond

// maxStrictHold bounds how long a stream of racers can keep the winner waiting.
const maxStrictHold = time.Second

// races remembers which refresh tokens are being exchanged in this process, so
// that in strict mode a request that arrived before the winner's answer left is
// told from a replay after it, however slow the store is.
type races struct {
	mu      sync.Mutex
	running map[raceKey]*race
}

type raceKey struct {
	sessionID  string
	generation int64
}

type race struct {
	requests int
	latest   time.Time // when the last of them arrived
}

// enter notes that a request with the token is under way, reports whether
// another one already was, and returns what ends it.
func (rs *races) enter(t refreshToken) (racing bool, leave func()) {
	k := raceKey{t.sessionID, t.generation}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.running[k]
	if r == nil {
		if rs.running == nil {
			rs.running = make(map[raceKey]*race)
		}
		r = new(race)
		rs.running[k] = r
	}
	racing = r.requests > 0
	r.requests++
	r.latest = time.Now()
	return racing, func() {
		rs.mu.Lock()
		defer rs.mu.Unlock()
		if r.requests--; r.requests == 0 {
			delete(rs.running, k)
		}
	}
}

// hold keeps the winner's answer back until nobody has joined the race for the
// length of window. The winner itself is still in it.
func (rs *races) hold(ctx context.Context, t refreshToken, window time.Duration) {
	k := raceKey{t.sessionID, t.generation}
	end := time.Now().Add(max(window, maxStrictHold))
	for wait := window; wait > 0; {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = min(window-rs.quiet(k), time.Until(end))
	}
}

// quiet returns how long ago the last request joined.
func (rs *races) quiet(k raceKey) time.Duration {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.running[k]; r != nil {
		return time.Since(r.latest)
	}
	return maxStrictHold
}
