package auth

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// TestJudge is the complete truth table of refresh tokens: what is presented,
// against every state of the row that the rule tells apart.
func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const window = 10 * time.Second
	h := func(gen int64) []byte { return []byte{byte(gen), 0xaa} }
	base := func(change func(*store.Session, *store.User)) (*store.Session, *store.User) {
		u := &store.User{ID: "u", Epoch: 3}
		s := &store.Session{ID: "s", UserID: "u", Generation: 5, Hash: h(5), PrevHash: h(4), Sealed: []byte("sealed"), Epoch: 3,
			CreatedAt: now.Add(-time.Hour), RotatedAt: now.Add(-5 * time.Second), ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour)}
		if change != nil {
			change(s, u)
		}
		return s, u
	}
	aged := func(age time.Duration) func(*store.Session, *store.User) {
		return func(s *store.Session, _ *store.User) { s.RotatedAt = now.Add(-age) }
	}
	for _, tt := range []struct {
		name   string
		change func(*store.Session, *store.User)
		gen    int64
		hash   []byte
		window time.Duration
		racing bool
		want   verdict
	}{
		{"the live token", nil, 5, h(5), window, false, verdictLive},
		{"the live token long after", aged(time.Hour), 5, h(5), window, false, verdictLive},
		{"the live token, strict", nil, 5, h(5), 0, false, verdictLive},

		{"the previous token at once", aged(0), 4, h(4), window, false, verdictSuccessor},
		{"the previous token at the end of the grace", aged(window), 4, h(4), window, false, verdictSuccessor},
		{"the previous token past the grace", aged(window + 1), 4, h(4), window, false, verdictReused},
		{"the previous token, from a node whose clock runs ahead", aged(-5 * time.Second), 4, h(4), window, false, verdictSuccessor},
		{"the previous token in the grace, its successor wiped", func(s *store.Session, _ *store.User) { s.Sealed = nil }, 4, h(4), window, false, verdictConflict},
		{"the previous generation with another secret", nil, 4, h(9), window, false, verdictConflict},

		{"an older token in the grace", nil, 3, h(3), window, false, verdictConflict},
		{"an older token past the grace", aged(window + 1), 3, h(3), window, false, verdictReused},
		{"the first token of all in the grace", nil, 0, h(0), window, false, verdictConflict},
		{"the first token of all past the grace", aged(time.Hour), 0, h(0), window, false, verdictReused},
		{"this generation with another secret", nil, 5, h(9), window, false, verdictReused},
		{"this generation with another secret past the grace", aged(time.Hour), 5, h(9), window, false, verdictReused},

		{"strict: the previous token inside the window", aged(30 * time.Millisecond), 4, h(4), strictWindow, false, verdictSuccessor},
		{"strict: the previous token past the window", aged(strictWindow + 1), 4, h(4), strictWindow, false, verdictReused},
		{"strict: the previous token past the window, but before the winner's answer left", aged(time.Second), 4, h(4), strictWindow, true, verdictSuccessor},
		{"strict: an older token past the window, racing", aged(time.Second), 3, h(3), strictWindow, true, verdictConflict},
		{"strict: an older token", aged(time.Second), 3, h(3), strictWindow, false, verdictReused},

		{"a token newer than the row", nil, 6, h(6), window, false, verdictDead},
		{"the live token of a revoked session", func(s *store.Session, _ *store.User) { s.RevokedAt = now }, 5, h(5), window, false, verdictDead},
		{"a spent token of a revoked session", func(s *store.Session, _ *store.User) { s.RevokedAt = now; s.RotatedAt = now.Add(-time.Hour) }, 4, h(4), window, false, verdictDead},
		{"the live token at the idle limit", func(s *store.Session, _ *store.User) { s.ExpiresAt = now }, 5, h(5), window, false, verdictDead},
		{"the live token a moment before the idle limit", func(s *store.Session, _ *store.User) { s.ExpiresAt = now.Add(1) }, 5, h(5), window, false, verdictLive},
		{"the live token at the absolute limit", func(s *store.Session, _ *store.User) { s.EndsAt = now }, 5, h(5), window, false, verdictDead},
		{"the previous token in the grace, past the absolute limit", func(s *store.Session, _ *store.User) { s.EndsAt = now }, 4, h(4), window, false, verdictDead},
		{"the live token of a disabled user", func(_ *store.Session, u *store.User) { u.Disabled = true }, 5, h(5), window, false, verdictDead},
		{"the live token of a deleted user", func(_ *store.Session, u *store.User) { u.DeletedAt = now }, 5, h(5), window, false, verdictDead},
		{"the live token of an older epoch", func(_ *store.Session, u *store.User) { u.Epoch++ }, 5, h(5), window, false, verdictDead},
		{"the live token of a newer epoch", func(s *store.Session, _ *store.User) { s.Epoch++ }, 5, h(5), window, false, verdictDead},
		{"a session of another user", func(_ *store.Session, u *store.User) { u.ID = "v" }, 5, h(5), window, false, verdictDead},

		{"the only token of a session never rotated", func(s *store.Session, _ *store.User) {
			s.Generation, s.Hash, s.PrevHash, s.Sealed, s.RotatedAt = 0, h(0), nil, nil, s.CreatedAt
		}, 0, h(0), window, false, verdictLive},
		{"another secret for a session never rotated, just begun", func(s *store.Session, _ *store.User) {
			s.Generation, s.Hash, s.PrevHash, s.Sealed, s.RotatedAt = 0, h(0), nil, nil, now
		}, 0, h(9), window, false, verdictReused},
	} {
		s, u := base(tt.change)
		if got := judge(s, u, presented{tt.gen, tt.hash, now, tt.racing}, tt.window); got != tt.want {
			t.Errorf("%s: judge = %v, want %v", tt.name, got, tt.want)
		}
	}
	s, u := base(nil)
	for name, got := range map[string]verdict{
		"no session": judge(nil, u, presented{5, h(5), now, false}, window),
		"no user":    judge(s, nil, presented{5, h(5), now, false}, window),
	} {
		if got != verdictDead {
			t.Errorf("%s: judge = %v, want dead", name, got)
		}
	}
}

func testCodec() refreshCodec {
	return refreshCodec{tagKeys: [][]byte{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)}}
}

func TestRefreshCodec(t *testing.T) {
	t.Parallel()
	c := testCodec()
	in := refreshToken{store.NewID(time.Now()), 7, newRefreshSecret()}
	text, err := c.encode(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != refreshTextLen {
		t.Errorf("a token has %d characters, want %d", len(text), refreshTextLen)
	}
	if out, ok := c.decode(text); !ok || out != in {
		t.Errorf("decode(encode(t)) = %v, %v, want t, true", out, ok)
	}
	rotated := refreshCodec{tagKeys: [][]byte{bytes.Repeat([]byte{3}, 32), c.tagKeys[0]}}
	if _, ok := rotated.decode(text); !ok {
		t.Error("a token made under an old secret is refused")
	}
	foreign := refreshCodec{tagKeys: [][]byte{bytes.Repeat([]byte{9}, 32)}}
	if _, ok := foreign.decode(text); ok {
		t.Error("a token made under another secret is accepted")
	}
	for i := range len(text) {
		for _, b := range []byte{'A', 'x', '_', '=', ' ', 0} {
			if bad := text[:i] + string(b) + text[i+1:]; bad != text {
				if _, ok := c.decode(bad); ok {
					t.Fatalf("a token with character %d changed to %q is accepted", i, b)
				}
			}
		}
	}
	for _, bad := range []string{"", "art1_", text + "A", text[:len(text)-1], strings.ToUpper(text), " " + text, text[5:]} {
		if _, ok := c.decode(bad); ok {
			t.Errorf("%q is accepted", bad)
		}
	}
	if _, err := c.encode(refreshToken{sessionID: "no-uuid"}); err == nil {
		t.Error("a session without a proper ID can be named")
	}
}

func TestSealedSuccessorOpensOnlyWithTheSpentSecret(t *testing.T) {
	t.Parallel()
	spent, next, other := newRefreshSecret(), newRefreshSecret(), newRefreshSecret()
	sealed := sealSuccessor(spent, next, "s", 4)
	if got, err := openSuccessor(spent, sealed, "s", 4); err != nil || got != next {
		t.Fatalf("openSuccessor = %v, %v, want the successor", got, err)
	}
	if bytes.Contains(sealed, next[:]) {
		t.Error("the successor can be read without a key")
	}
	for name, open := range map[string]func() ([32]byte, error){
		"with another secret":    func() ([32]byte, error) { return openSuccessor(other, sealed, "s", 4) },
		"with its own secret":    func() ([32]byte, error) { return openSuccessor(next, sealed, "s", 4) },
		"for another session":    func() ([32]byte, error) { return openSuccessor(spent, sealed, "t", 4) },
		"for another generation": func() ([32]byte, error) { return openSuccessor(spent, sealed, "s", 5) },
		"when it was cut":        func() ([32]byte, error) { return openSuccessor(spent, sealed[:len(sealed)-1], "s", 4) },
		"when there is nothing":  func() ([32]byte, error) { return openSuccessor(spent, nil, "s", 4) },
		"when it was changed": func() ([32]byte, error) {
			return openSuccessor(spent, append([]byte{sealed[0] ^ 1}, sealed[1:]...), "s", 4)
		},
	} {
		if _, err := open(); err == nil {
			t.Errorf("a sealed successor opens %s", name)
		}
	}
}

func TestRacesTellsRacingFromReplay(t *testing.T) {
	t.Parallel()
	var rs races
	a := refreshToken{sessionID: "s", generation: 1}
	racing, leaveFirst := rs.enter(a)
	if racing {
		t.Error("the first is racing")
	}
	racing, leaveSecond := rs.enter(a)
	if !racing {
		t.Error("the second, beside the first, is not racing")
	}
	if racing, leave := rs.enter(refreshToken{sessionID: "s", generation: 2}); racing {
		t.Error("another generation races this one")
	} else {
		leave()
	}
	leaveFirst()
	leaveSecond()
	if racing, leave := rs.enter(a); racing {
		t.Error("racing after all have left")
	} else {
		leave()
	}
	if len(rs.running) != 0 {
		t.Errorf("%d entries are left behind", len(rs.running))
	}
}

func FuzzRefreshToken(f *testing.F) {
	c := testCodec()
	good, err := c.encode(refreshToken{"01955c00-0000-7000-8000-000000000000", 1, [32]byte{1, 2, 3}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("art1_")
	f.Add(strings.Repeat("a", refreshTextLen))
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := c.decode(text)
		if !ok {
			return
		}
		// Only the exact text that encode writes is ever accepted.
		if again, err := c.encode(token); err != nil || again != text && text != reencodeOld(c, token) {
			t.Errorf("decode accepts %q, which encode writes as %q (%v)", text, again, err)
		}
	})
}

func reencodeOld(c refreshCodec, t refreshToken) string {
	text, _ := (&refreshCodec{tagKeys: c.tagKeys[1:]}).encode(t)
	return text
}
