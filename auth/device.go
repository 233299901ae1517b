package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

const (
	// deviceMarkTTL is how long a browser counts as known after a sign-in.
	deviceMarkTTL = 180 * 24 * time.Hour
	// maxDeviceMarks bounds how many people a shared browser is known to.
	maxDeviceMarks = 4

	deviceMarkPrefix = "1." // the version of the format
	deviceIDBytes    = 16
	deviceBodyBytes  = deviceIDBytes + 8 // and the time of issue
	deviceMarkBytes  = deviceBodyBytes + sha256.Size
)

// deviceMarkLength is the length of one mark in the cookie.
var deviceMarkLength = len(deviceMarkPrefix) + base64.RawURLEncoding.EncodedLen(deviceMarkBytes)

// deviceMarks makes and checks the marks by which a browser shows that somebody
// has signed in with it before. A mark is worth nothing for signing in: all it
// gives its holder is a bucket of failures of their own, so that strangers who
// lock an account do not lock its owner out.
//
// The cookie's value is a list of marks, one for each of the last few users of
// the browser, separated by "~". Each is a random ID and the time of issue,
// authenticated together with the user's ID, which it does not contain.
type deviceMarks struct {
	keys [][]byte // the first signs, all of them verify
}

// verify returns the ID of the device if cookie holds a mark of userID that is
// not older than deviceMarkTTL, else "". It never fails: cookies are what
// strangers send.
func (d *deviceMarks) verify(cookie, userID string, now time.Time) (device string) {
	for mark := range cookieMarks(cookie) {
		raw, ok := decodeMark(mark, now)
		if ok && d.signed(raw, userID) && userID != "" && device == "" {
			device = base64.RawURLEncoding.EncodeToString(raw[:deviceIDBytes])
		}
	}
	return device
}

// renew returns the cookie's value after userID has signed in: a fresh mark, and
// before it the marks of others that cookie held. The fresh one has another ID,
// so that a stolen copy of the old one shares nothing with it.
func (d *deviceMarks) renew(cookie, userID string, now time.Time) string {
	var keep []string
	for mark := range cookieMarks(cookie) {
		if raw, ok := decodeMark(mark, now); ok && !d.signed(raw, userID) {
			keep = append(keep, mark)
		}
	}
	keep = keep[max(0, len(keep)-(maxDeviceMarks-1)):]
	return strings.Join(append(keep, d.issue(userID, now)), "~")
}

func (d *deviceMarks) issue(userID string, now time.Time) string {
	raw := make([]byte, deviceIDBytes, deviceMarkBytes)
	rand.Read(raw)
	raw = binary.BigEndian.AppendUint64(raw, uint64(now.Unix()))
	raw = append(raw, markMAC(d.keys[0], raw, userID)...)
	return deviceMarkPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

func (d *deviceMarks) signed(raw []byte, userID string) bool {
	body, mac := raw[:deviceBodyBytes], raw[deviceBodyBytes:]
	found := false
	for _, key := range d.keys {
		found = hmac.Equal(mac, markMAC(key, body, userID)) || found
	}
	return found
}

// markMAC authenticates body, which has a fixed length, together with userID.
func markMAC(key, body []byte, userID string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("aegis:device:v1:"))
	m.Write(body)
	m.Write([]byte(userID))
	return m.Sum(nil)
}

// cookieMarks yields the first few pieces of a cookie that could be marks.
func cookieMarks(cookie string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(cookie) > maxDeviceMarks*(deviceMarkLength+1) {
			return // none of ours
		}
		for mark := range strings.SplitSeq(cookie, "~") {
			if len(mark) == deviceMarkLength && !yield(mark) {
				return
			}
		}
	}
}

// decodeMark returns the bytes of a mark that has not run out. A clock behind
// the one of the issuer counts as no time passed. Nothing is authenticated yet.
func decodeMark(mark string, now time.Time) (raw []byte, ok bool) {
	text, ok := strings.CutPrefix(mark, deviceMarkPrefix)
	if !ok {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != deviceMarkBytes {
		return nil, false
	}
	issued := int64(binary.BigEndian.Uint64(raw[deviceIDBytes:deviceBodyBytes]))
	if issued < 0 || now.Unix() > issued && now.Unix()-issued >= int64(deviceMarkTTL/time.Second) {
		return nil, false
	}
	return raw, true
}
