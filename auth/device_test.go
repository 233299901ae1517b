package auth

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

func testMarks(keys ...string) *deviceMarks {
	d := &deviceMarks{}
	for _, k := range keys {
		d.keys = append(d.keys, bytes.Repeat([]byte(k), 32))
	}
	return d
}

func TestDeviceMark(t *testing.T) {
	t.Parallel()
	d := testMarks("a")
	cookie := d.renew("", "user", limitStart)
	tests := []struct {
		name   string
		d      *deviceMarks
		cookie string
		userID string
		after  time.Duration
		want   bool
	}{
		{"at once", d, cookie, "user", 0, true},
		{"after 179 days", d, cookie, "user", 179 * 24 * time.Hour, true},
		{"a second before 180 days", d, cookie, "user", 180*24*time.Hour - time.Second, true},
		{"after 180 days", d, cookie, "user", 180 * 24 * time.Hour, false},
		{"after ten years", d, cookie, "user", 10 * 365 * 24 * time.Hour, false},
		{"on a node whose clock is behind", d, cookie, "user", -5 * time.Second, true},
		{"for another user", d, cookie, "user2", 0, false},
		{"for a user whose ID is a part", d, cookie, "use", 0, false},
		{"for no user", d, cookie, "", 0, false},
		{"of no user, for none", d, d.renew("", "", limitStart), "", 0, false},
		{"under another key", testMarks("b"), cookie, "user", 0, false},
		{"under a key that was replaced", testMarks("b", "a"), cookie, "user", 0, true},
		{"without keys", testMarks(), cookie, "user", 0, false},
		{"no cookie", d, "", "user", 0, false},
		{"without the version", d, strings.TrimPrefix(cookie, "1."), "user", 0, false},
		{"another version", d, "2." + strings.TrimPrefix(cookie, "1."), "user", 0, false},
		{"cut", d, cookie[:len(cookie)-1], "user", 0, false},
		{"longer", d, cookie + "A", "user", 0, false},
		{"with a line break", d, cookie[:40] + "\n" + cookie[40:], "user", 0, false},
		{"after junk", d, "junk~~" + cookie, "user", 0, true},
		{"behind many", d, strings.Repeat(cookie+"~", 5) + cookie, "user", 0, false},
		{"huge", d, strings.Repeat("~", 1<<20), "user", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.d.verify(tt.cookie, tt.userID, limitStart.Add(tt.after))
			if (got != "") != tt.want {
				t.Errorf("verify = %q, want known = %v", got, tt.want)
			}
		})
	}
}

// No bit of a mark can be changed: not the ID, so that nobody makes themselves a
// fresh bucket, and not the time.
func TestDeviceMarkIsAuthenticatedWhole(t *testing.T) {
	t.Parallel()
	d := testMarks("a")
	mark := d.issue("user", limitStart)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(mark, "1."))
	if err != nil || len(raw) != 56 {
		t.Fatalf("mark %q decodes to %d bytes, %v, want 56", mark, len(raw), err)
	}
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		if got := d.verify("1."+base64.RawURLEncoding.EncodeToString(raw), "user", limitStart); got != "" {
			t.Errorf("verify(bit %d changed) = %q, want none", i, got)
		}
		raw[i/8] ^= 1 << (i % 8)
	}
	// Nor spelled in another way: the last character has two bits to spare.
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", mark[len(mark)-1])
	for spare := 1; spare < 4; spare++ {
		respelled := mark[:len(mark)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last|spare])
		if respelled != mark && d.verify(respelled, "user", limitStart) != "" {
			t.Errorf("verify(%q) accepts a second spelling of %q", respelled, mark)
		}
	}
}

func TestDeviceMarksOfASharedBrowser(t *testing.T) {
	t.Parallel()
	d := testMarks("a")
	cookie := ""
	for _, user := range []string{"one", "two", "three", "one", "four"} {
		cookie = d.renew(cookie, user, limitStart)
	}
	for _, user := range []string{"one", "two", "three", "four"} {
		if d.verify(cookie, user, limitStart) == "" {
			t.Errorf("the browser is not known for %q, want all four", user)
		}
	}
	cookie = d.renew(cookie, "five", limitStart)
	for user, want := range map[string]bool{"one": true, "two": false, "three": true, "four": true, "five": true} {
		if got := d.verify(cookie, user, limitStart) != ""; got != want {
			t.Errorf("after a fifth: known for %q = %v, want %v", user, got, want)
		}
	}
	if n := strings.Count(cookie, "~") + 1; n != 4 {
		t.Errorf("the cookie holds %d marks, want 4", n)
	}
	// It is a cookie's value as it is, and short.
	if err := (&http.Cookie{Name: "aegis_device", Value: cookie}).Valid(); err != nil || len(cookie) > 320 {
		t.Errorf("cookie of %d bytes: %v", len(cookie), err)
	}
	if strings.Contains(cookie, "one") {
		t.Error("the cookie shows a user's ID")
	}
}

func TestDeviceMarkIsRenewed(t *testing.T) {
	t.Parallel()
	d := testMarks("a")
	old := d.renew("", "user", limitStart)
	fresh := d.renew(old, "user", limitStart.Add(time.Hour))
	one, two := d.verify(old, "user", limitStart), d.verify(fresh, "user", limitStart)
	if one == two || one == "" || two == "" {
		t.Errorf("devices before and after renewal = %q and %q, want two different ones", one, two)
	}
	if strings.Contains(fresh, "~") {
		t.Errorf("renewed cookie = %q, want the old mark of the same user gone", fresh)
	}
	// What has run out, and what is none of ours, is not carried along.
	cookie := d.renew(old+"~"+strings.Repeat("x", deviceMarkLength), "other", limitStart.Add(deviceMarkTTL))
	if strings.Contains(cookie, "~") {
		t.Errorf("cookie = %q, want the fresh mark alone", cookie)
	}
}

func FuzzDeviceMark(f *testing.F) {
	d := testMarks("a", "b")
	good := d.issue("user", limitStart)
	f.Add(good, "user")
	f.Add(good+"~"+d.issue("other", limitStart), "other")
	f.Add("1.~~1."+strings.Repeat("A", 75), "user")
	f.Fuzz(func(t *testing.T, cookie, userID string) {
		device := d.verify(cookie, userID, limitStart)
		if device != "" && (userID == "" || len(device) != 22) {
			t.Errorf("verify(%q, %q) = %q", cookie, userID, device)
		}
		renewed := d.renew(cookie, "someone", limitStart)
		if d.verify(renewed, "someone", limitStart) == "" || strings.Count(renewed, "~") >= maxDeviceMarks {
			t.Errorf("renew(%q) = %q", cookie, renewed)
		}
		if err := (&http.Cookie{Name: "d", Value: renewed}).Valid(); err != nil {
			t.Errorf("renew(%q) = %q: %v", cookie, renewed, err)
		}
	})
}
