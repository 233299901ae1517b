package flows_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// canaries are secrets, and the places where they must not be.
type canaries struct {
	mu      sync.Mutex
	secrets map[string]string // of windowSize bytes of a secret, what it is
	places  []place
}

type place struct{ name, text string }

// windowSize is how many bytes of a secret that stand together count as a leak.
const windowSize = 16

// secret makes every part of text a canary, and every part of what it is when it is
// read as base64url: of the bytes themselves and of their hexadecimal form.
func (c *canaries) secret(what, text string) {
	forms := []string{text}
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(raw) >= windowSize {
		forms = append(forms, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, form := range forms {
		for i := 0; i+windowSize <= len(form); i++ {
			c.secrets[form[i:i+windowSize]] = what
		}
	}
}

func (c *canaries) place(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places = append(c.places, place{name, text})
}

// search returns where canaries are.
func (c *canaries) search() (hits []string) {
	for _, p := range c.places {
		for i := 0; i+windowSize <= len(p.text); i++ {
			if what, ok := c.secrets[p.text[i:i+windowSize]]; ok {
				hits = append(hits, fmt.Sprintf("%s is in %s: …%q…", what, p.name, p.text[max(0, i-200):min(len(p.text), i+20)]))
				break
			}
		}
	}
	return hits
}

// note learns from an answer which secrets there are, and keeps the rest of it as a
// place where none may be.
func (c *canaries) note(r *http.Request, a *answer) {
	c.place("a URL", r.URL.String())
	for _, k := range a.cookies {
		switch {
		case k.MaxAge < 0:
		case k.Name == refreshCookie:
			c.refreshToken(k.Value)
		case k.Name == sessionCookie:
			c.accessToken(k.Value)
		default:
			c.secret("a device mark", strings.TrimPrefix(k.Value, "1."))
		}
	}
	body := a.Body.String()
	var grant struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(a.Body.Bytes(), &grant) == nil && grant.Access != "" {
		c.accessToken(grant.Access)
		body = strings.ReplaceAll(body, grant.Access, "") // what was asked for
		if grant.Refresh != "" {
			c.refreshToken(grant.Refresh)
			body = strings.ReplaceAll(body, grant.Refresh, "")
		}
	}
	header := a.Header().Clone()
	header.Del("Set-Cookie")
	c.place("the answer of "+a.request, body+fmt.Sprint(header))
}

// refreshToken notes a refresh token but for the ID of its session, which is none.
func (c *canaries) refreshToken(raw string) {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(raw, "art1_"))
	if err == nil {
		c.secret("a refresh token", base64.RawURLEncoding.EncodeToString(data[20:]))
		c.secret("a refresh token", raw[len("art1_")+28:])
	}
}

// accessToken notes what makes an access token valid. The rest can be read by
// whoever holds it, and says who they are.
func (c *canaries) accessToken(raw string) {
	c.secret("an access token", raw[strings.LastIndexByte(raw, '.')+1:])
}

// TestSecretsDoNotShow goes through every flow, and through what can go wrong in
// them, and then looks for every password and token in logs, rows, URLs, answers
// and mails.
func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, sqltest.Engines()[0], sqlstore.Config{})
	c := &canaries{secrets: make(map[string]string)}
	var log bytes.Buffer
	s := newStage(t, d, func(k *auth.Config) {
		k.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		k.Providers = []oauth.Provider{oauth.GitHub("client", "client secret of the provider")}
	})
	s.seen = c.note
	for _, text := range []string{secret, password, another, "client secret of the provider"} {
		c.secret("the secret "+text, text)
	}
	for _, f := range append(flows, adminFlows...) {
		a := f.prepare(s)
		a.send().want(t, a.done)
		if a.after != nil {
			a.after(t)
		}
	}
	s.clumsy(c)
	s.broken(d)
	s.flush()
	for _, f := range adminFlows[:1] { // somebody an administrator makes an account for
		f.prepare(s).send()
	}
	s.flush()

	c.place("the log", log.String())
	s.mails(c)
	s.hashes(t, c, d)
	for _, table := range sqltest.Tables {
		for _, text := range rowsOf(t, d.DB(), d.prefix+table) {
			c.place("table "+table, text)
		}
	}
	hits := c.search()
	for i, hit := range hits {
		if i == 20 {
			t.Errorf("and %d more", len(hits)-i)
			break
		}
		t.Error(hit)
	}
	t.Logf("%d parts of secrets looked for in %d places, %d bytes of log", len(c.secrets), len(c.places), log.Len())

	// The search finds what is there.
	c.refreshToken(s.boss.jar[refreshCookie])
	c.place("here", "x"+s.boss.jar[refreshCookie]+"x")
	if more := c.search(); len(more) != len(hits)+1 {
		t.Errorf("a token that was put there is found %d times, want once", len(more)-len(hits))
	}
}

// clumsy sends secrets to where they do not belong.
func (s *stage) clumsy(c *canaries) {
	s.tb.Helper()
	const typed = "this was typed in the wrong field"
	c.secret("a password in the wrong field", typed)
	p := s.register()
	b := s.browser()
	b.signIn(typed, password)
	b.signIn(p.email, typed)
	b.signIn(typed+"@example.com", typed)
	b.post("/token?password="+url.QueryEscape(typed), formOf("username", p.email, "password", password))
	b.post("/register", obj{"email": typed, "password": typed})
	b.post("/register", obj{"email": "somebody@example.com", "password": []string{typed}})
	b.post("/register", obj{"email": "somebody@example.com", "password": password, typed: typed})
	b.post("/register", obj{"email": p.email, "password": password})
	b.post("/password-reset/request", obj{"email": typed})
	b.post("/password-reset/confirm", obj{"token": typed, "new_password": password})
	b.post("/verify-email", obj{"token": typed})
	b.post("/verify-email?token="+url.QueryEscape(typed), obj{})
	b.post("/revoke", formOf("token", typed, "token_type_hint", typed))
	p.post("/password", obj{"current_password": typed, "new_password": typed})
	p.post("/password", obj{"current_password": password, "new_password": "short"})
	p.post("/reauthenticate", obj{"password": typed})
	p.do("DELETE", "/me", obj{"password": typed})
	b.get("/oauth/github/callback?code=" + url.QueryEscape(typed) + "&state=" + url.QueryEscape(typed))
	b.get("/users/" + url.PathEscape(p.jar[refreshCookie]))
	junk := s.browser()
	junk.jar = map[string]string{sessionCookie: p.jar[sessionCookie] + "x", refreshCookie: flip(p.jar[refreshCookie], 70)}
	junk.get("/me")
	junk.refresh()
	junk.bearer = p.jar[refreshCookie]
	junk.get("/me")
	for _, body := range []string{`{"email":"a@example.com","password":"` + typed, `{"password":"` + typed + `","password":"` + typed + `"}`, typed} {
		r := b.request("POST", "/register", nil)
		r.Header.Set("Content-Type", "application/json")
		r.Body = http.NoBody
		r = r.Clone(r.Context())
		r.Body = readCloser{strings.NewReader(body)}
		s.serve(r)
	}
	// The URLs above were the client's idea; what matters is that nobody repeats them.
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range c.places {
		if p.name == "a URL" && strings.ContainsAny(p.text, "?%") || strings.Contains(p.text, "/users/art1_") && p.name == "a URL" {
			c.places[i].text = ""
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// broken goes through the flows with a database that fails at one moment or
// another, so that its errors are logged as well.
func (s *stage) broken(d *database) {
	for i, f := range append(flows, adminFlows...) {
		s.clock.advance(time.Second)
		a := f.prepare(s)
		s.flush()
		d.faults.Nth(1+i%5, faultdriver.Trips, faultKinds[0].fault)
		a.send()
		d.faults.Clear()
	}
}

// hashes looks for the hashes of passwords, which belong into their table alone.
func (s *stage) hashes(t *testing.T, c *canaries, d *database) {
	t.Helper()
	kept := &canaries{secrets: make(map[string]string), places: c.places}
	rows, err := d.DB().Query("SELECT password_hash FROM " + d.prefix + "users WHERE password_hash <> ''")
	s.must(err)
	defer rows.Close()
	for rows.Next() {
		var hash string
		s.must(rows.Scan(&hash))
		kept.secret("a password's hash", hash)
	}
	s.must(rows.Err())
	if len(kept.secrets) == 0 {
		t.Error("nobody has a password")
	}
	for _, hit := range kept.search() {
		t.Error(hit)
	}
}

// mails notes the tokens in mails, and what else mails say.
func (s *stage) mails(c *canaries) {
	for _, m := range s.mail.list {
		text := m.Subject + m.Text + m.HTML
		if u, err := url.Parse(m.Link); err == nil && u.Query().Get("token") != "" {
			raw := u.Query().Get("token")
			c.secret("a one-time token", raw)
			text = strings.ReplaceAll(text, raw, "")
		}
		c.place("a mail of kind "+string(m.Kind), text)
		c.place("a mail that is printed", fmt.Sprintf("%v %+v %#v", m, *m, *m))
	}
}

// rowsOf returns the rows of a table, with the bytes of every column as they are.
func rowsOf(tb testing.TB, db *sql.DB, table string) (list []string) {
	tb.Helper()
	rows, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		tb.Fatal(err)
	}
	for rows.Next() {
		values := make([]sql.RawBytes, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatal(err)
		}
		var text strings.Builder
		for i, v := range values {
			text.WriteString(names[i] + "=" + string(v) + "\n")
		}
		list = append(list, text.String())
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return list
}
