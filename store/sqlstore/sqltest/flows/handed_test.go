package flows_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// handed are the refresh tokens that clients were given in answers of success. Each
// has to be the live secret of its session or one that was spent before it: a
// family of tokens is a line without forks.
type handed struct {
	mu       sync.Mutex
	families map[string]*family // by session
	fresh    map[string]*family // those with tokens that were not checked yet
	forks    []string
}

// family is what was handed out of one session.
type family struct {
	user   string
	hashes map[int64]string // by generation
	last   int64
}

// note keeps the refresh token of an answer, if it has one.
func (h *handed) note(tb testing.TB, a *answer) {
	raw, access := a.cookie(refreshCookie), a.cookie(sessionCookie)
	if raw == "" && strings.Contains(a.Body.String(), `"refresh_token"`) {
		var grant struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if json.Unmarshal(a.Body.Bytes(), &grant) == nil {
			raw, access = grant.Refresh, grant.Access
		}
	}
	if a.Code/100 != 2 || raw == "" {
		return
	}
	p := takeApart(tb, raw)
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.families[p.session]
	if f == nil {
		f = &family{user: subject(access), hashes: make(map[int64]string)}
		if h.families == nil {
			h.families = make(map[string]*family)
		}
		h.families[p.session] = f
	}
	if known, ok := f.hashes[p.generation]; ok && known != p.hash {
		h.forks = append(h.forks, fmt.Sprintf("session %s has two tokens of generation %d: %v", p.session, p.generation, a))
	}
	f.hashes[p.generation] = p.hash
	f.last = max(f.last, p.generation)
	if h.fresh == nil {
		h.fresh = make(map[string]*family)
	}
	h.fresh[p.session] = f
}

// subject returns who an access token is about.
func subject(raw string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct{ Sub string }
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return ""
	}
	return claims.Sub
}

// checkHanded checks the sessions of which a token was handed out since it was
// called last.
func (w *world) checkHanded(tb testing.TB) {
	tb.Helper()
	w.handed.mu.Lock()
	fresh := w.handed.fresh
	w.handed.fresh = nil
	w.handed.mu.Unlock()
	w.checkFamilies(tb, fresh)
}

// checkAllHanded checks every session of which a token was handed out.
func (w *world) checkAllHanded(tb testing.TB) {
	tb.Helper()
	w.handed.mu.Lock()
	all := maps.Clone(w.handed.families)
	w.handed.mu.Unlock()
	w.checkFamilies(tb, all)
}

func (w *world) checkFamilies(tb testing.TB, families map[string]*family) {
	tb.Helper()
	w.handed.mu.Lock()
	defer w.handed.mu.Unlock()
	for _, fork := range w.handed.forks {
		tb.Error(fork)
	}
	for id, f := range families {
		row, err := w.config.Store.SessionByID(tb.Context(), id)
		if errors.Is(err, store.ErrNotFound) {
			if _, err := w.config.Store.UserByID(tb.Context(), f.user); !errors.Is(err, store.ErrNotFound) {
				tb.Errorf("a token was handed out of session %s, which is not there, but user %q is: %v", id, f.user, err)
			}
			continue
		}
		if err != nil {
			tb.Fatalf("session %s: %v", id, err)
		}
		switch hash, spent := f.hashes[row.Generation], f.hashes[row.Generation-1]; {
		case f.last > row.Generation:
			tb.Errorf("session %s is at generation %d, and a token of generation %d was handed out", id, row.Generation, f.last)
		case hash != "" && hash != string(row.Hash):
			tb.Errorf("session %s: the token of generation %d that was handed out is not the live one", id, row.Generation)
		case spent != "" && spent != string(row.PrevHash):
			tb.Errorf("session %s: the token of generation %d that was handed out is not the one spent last", id, row.Generation-1)
		}
	}
}

// complaints counts errors in place of failing.
type complaints struct {
	testing.TB
	n int
}

func (c *complaints) Helper()               {}
func (c *complaints) Error(...any)          { c.n++ }
func (c *complaints) Errorf(string, ...any) { c.n++ }

// TestHandedTokensThatAreUnknown: the check finds a token that the store does not
// know, one of another line, and one of a session that is gone.
func TestHandedTokensThatAreUnknown(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world, f *family, session string){
		"nothing":                  nil,
		"a live one that is not":   func(_ *world, f *family, _ string) { f.hashes[2] = "another" },
		"a spent one that was not": func(_ *world, f *family, _ string) { f.hashes[1] = "another" },
		"one of the future":        func(_ *world, f *family, _ string) { f.last = 3 },
		"one of no session": func(w *world, f *family, session string) {
			delete(w.handed.families, session)
			w.handed.families[store.NewID(w.clock.now())] = f
		},
		"two of one generation": func(_ *world, f *family, _ string) { f.hashes[0] = "another" },
	} {
		w := newWorld(t, newMemory())
		c := w.browser()
		first := c.post("/register", obj{"email": "person@example.com", "password": password}).want(t, 201)
		session := takeApart(t, c.jar[refreshCookie]).session
		c.refresh().want(t, 200)
		w.clock.advance(time.Minute)
		c.refresh().want(t, 200)
		want := 0
		if spoil != nil {
			want = 1
			spoil(w, w.handed.families[session], session)
		}
		if w.handed.families[session] != nil {
			w.handed.note(t, first) // once more
		}
		got := &complaints{TB: t}
		w.checkAllHanded(got)
		if got.n != want {
			t.Errorf("%s: %d complaints, want %d", name, got.n, want)
		}
	}
}
