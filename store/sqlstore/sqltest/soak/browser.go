package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

const (
	sessionCookie = "aegis_session"
	refreshCookie = "aegis_refresh"

	// accessLife is for how long a tab uses an access token: a minute less than it
	// lives.
	accessLife = 14 * time.Minute
	// endMargin keeps an honest client from the end of its session.
	endMargin = 10 * time.Minute
)

type obj = map[string]any

// browser is one honest client: tabs that share a jar.
type browser struct {
	run    *run
	owner  *person
	ip, ua string

	mu     sync.Mutex
	jar    map[string]string
	in     bool      // signed in, as far as the owner knows
	good   time.Time // until when the access token is
	begun  time.Time // when the session began
	used   time.Time // when it was refreshed last
	losses int       // answers that were lost since one arrived
	users  int       // visits under way
}

// answer is what the server answered.
type answer struct {
	request string
	status  int
	header  http.Header
	body    []byte
	cookies []*http.Cookie
}

func (a *answer) String() string {
	return fmt.Sprintf("%s = %d %.300s", a.request, a.status, bytes.TrimSpace(a.body))
}

// text returns a member of the body.
func (a *answer) text(member string) string {
	var m obj
	if json.Unmarshal(a.body, &m) != nil {
		return ""
	}
	s, _ := m[member].(string)
	return s
}

func (r *run) newBrowser(u *person) *browser {
	n := r.addresses.Add(1)
	return &browser{run: r, owner: u, jar: make(map[string]string), ua: fmt.Sprintf("Soak/1.0 (%d)", n%7),
		ip: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)}
}

// copied returns what somebody holds who has stolen the cookies.
func (b *browser) copied() *browser {
	d := b.run.newBrowser(b.owner)
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range b.jar {
		d.jar[name] = value
	}
	d.in, d.good, d.begun, d.used = b.in, b.good, b.begun, b.used
	return d
}

// request makes a request with the cookies there are now.
func (b *browser) request(method, path string, body any) *http.Request {
	req := b.bare(method, path, body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dress(req)
	return req
}

// dress adds the cookies. The caller holds b.mu.
func (b *browser) dress(req *http.Request) {
	for name, value := range b.jar {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
}

// dressForRefresh is dress, if a refresh is needed. A tab that decides, and then
// sends what another tab has just been given, rotates twice in a moment; if the
// answers to the two come in the other order, the jar keeps a token that is spent.
// The library's own script has a lock against that, and here it is decided and sent
// at once. It returns the token that is sent.
func (b *browser) dressForRefresh(req *http.Request, anyway bool) (sent string, needed bool) {
	now := b.run.line.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !anyway && b.in && now.Before(b.good) {
		return "", false
	}
	b.dress(req)
	return b.jar[refreshCookie], true
}

// bare makes a request without cookies.
func (b *browser) bare(method, path string, body any) *http.Request {
	content, contentType, err := sqltest.Body(body)
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequest(method, "http://"+b.run.server.addr+path, content)
	if err != nil {
		panic(err)
	}
	req.Header.Set("User-Agent", b.ua)
	req.Header.Set("X-Forwarded-For", b.ip)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// send sends a request and reads the answer.
func (b *browser) send(req *http.Request) *answer {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a := &answer{request: req.Method + " " + req.URL.Path}
	b.run.requests.Add(1)
	res, err := b.run.transport.RoundTrip(req.WithContext(ctx))
	if err == nil {
		defer res.Body.Close()
		a.status, a.header, a.cookies = res.StatusCode, res.Header, res.Cookies()
		a.body, err = io.ReadAll(res.Body)
	}
	if err != nil {
		a.status, a.body = 0, []byte(err.Error())
	}
	return a
}

// do sends a request with what the jar holds, keeps the cookies of the answer, and
// says so if it is another one than expected.
func (b *browser) do(method, path string, body any, want ...int) *answer {
	a := b.send(b.request(method, path, body))
	b.keep(a)
	return b.run.expect(a, want...)
}

func (b *browser) keep(a *answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range a.cookies {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
			continue
		}
		if c.Name == refreshCookie && older(c.Value, b.jar[c.Name]) {
			b.run.wrong("an older refresh token came after a newer one")
		}
		b.jar[c.Name] = c.Value
		switch c.Name {
		case sessionCookie:
			b.good = b.run.line.now().Add(accessLife)
		case refreshCookie:
			b.used, b.losses = b.run.line.now(), 0
		}
	}
}

// keepRefreshed is keep, and counts what another tab or an earlier try was answered
// as well.
func (b *browser) keepRefreshed(a *answer) {
	before := b.token()
	b.keep(a)
	if b.token() == before {
		b.run.shared.Add(1)
	}
}

// signedIn notes that a session has begun with the answer that was just kept.
func (b *browser) signedIn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in, b.begun = true, b.run.line.now()
}

// out notes that the session is over.
func (b *browser) out() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in = false
	delete(b.jar, sessionCookie)
	delete(b.jar, refreshCookie)
}

// lives reports whether the session should live for a while yet.
func (b *browser) lives() bool {
	now := b.run.line.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.in && now.Before(b.begun.Add(sessionTTL-endMargin)) && now.Before(b.used.Add(refreshTTL-endMargin))
}

// overdue reports whether the session must have ended by itself.
func (b *browser) overdue() bool {
	now := b.run.line.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.in && (now.After(b.begun.Add(sessionTTL+endMargin)) || now.After(b.used.Add(refreshTTL+endMargin)))
}

func (b *browser) fresh() bool {
	now := b.run.line.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.in && now.Before(b.good)
}

// token returns the refresh token in the jar.
func (b *browser) token() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jar[refreshCookie]
}

// older reports whether a refresh token is of an earlier generation than another one
// of the same session: see the format in package auth.
func older(raw, than string) bool {
	var parts [2][]byte
	for i, text := range []string{raw, than} {
		data, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "art1_"))
		if err != nil || len(data) < 20 {
			return false
		}
		parts[i] = data[:20]
	}
	return bytes.Equal(parts[0][:16], parts[1][:16]) && bytes.Compare(parts[0], parts[1]) < 0
}

// sessionID reads the ID of the session from the access token.
func (b *browser) sessionID() string {
	b.mu.Lock()
	raw := b.jar[sessionCookie]
	b.mu.Unlock()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return ""
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct{ SID string }
	if json.Unmarshal(data, &claims) != nil {
		return ""
	}
	return claims.SID
}

// fate is what becomes of the answer to a refresh.
type fate int

const (
	arrives fate = iota
	lost         // on the way back
	hungUp       // the client went away, while the server was at work perhaps
)

// chooseFate loses one answer in thirty, and not more than two before one arrives:
// who asks again and again without an answer runs out of the grace, and is signed
// out by design.
func (b *browser) chooseFate() fate {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.losses >= 2 || mathrand.IntN(30) > 0 {
		return arrives
	}
	b.losses++
	return lost + fate(mathrand.IntN(2))
}

// refresh exchanges the refresh token, as a tab does that finds its access token
// over. It does not return if the session has ended.
func (b *browser) refresh(p *process) { b.exchange(p, false) }

// exchange is refresh, even while the access token is good if that is wanted.
func (b *browser) exchange(p *process, anyway bool) {
	r := b.run
	for range 50 {
		req := b.bare("POST", "/auth/refresh", nil)
		sent, needed := b.dressForRefresh(req, anyway)
		if !needed { // another tab was luckier
			return
		}
		r.refreshes.Add(1)
		switch b.chooseFate() {
		case hungUp:
			r.lost.Add(1)
			b.hangUp(req)
			p.between(500*time.Millisecond, 1500*time.Millisecond)
		case lost:
			r.lost.Add(1)
			r.expect(b.send(req), 200, 409)
			p.between(500*time.Millisecond, 1500*time.Millisecond)
		default:
			a := b.send(req)
			switch a.status {
			case 200:
				b.keepRefreshed(a)
				return
			case 409:
				r.conflicts.Add(1)
				p.between(100*time.Millisecond, 500*time.Millisecond)
			case 401:
				r.signOuts.Add(1)
				r.note("an honest client was signed out: %v; session begun %v and used %v before", a,
					r.line.now().Sub(b.begun), r.line.now().Sub(b.used))
				b.out()
				runtime.Goexit()
			default:
				r.expect(a, 200)
				runtime.Goexit()
			}
		}
		anyway = anyway && b.token() == sent
	}
	r.wrong("50 refreshes did not help")
	runtime.Goexit()
}

// hangUp sends a request and goes away before the answer, or in the middle of it.
// It returns when the server is done with it.
func (b *browser) hangUp(req *http.Request) {
	r := b.run
	id := rand.Text()
	req.Header.Set(doneHeader, id)
	handled := r.server.handled(id)
	r.requests.Add(1)
	conn, err := net.Dial("tcp", r.server.addr)
	if err == nil {
		err = req.Write(conn)
		time.Sleep(mathrand.N(3 * time.Millisecond))
		conn.Close()
	}
	if err == nil {
		select {
		case <-handled:
			return
		case <-time.After(time.Minute):
			err = fmt.Errorf("was not handled within a minute")
		}
	}
	r.wrong("%s %s of a client that hangs up: %v", req.Method, req.URL.Path, err)
}

// call is do for what needs a session. It refreshes first if it has to.
func (b *browser) call(p *process, method, path string, body any, want ...int) *answer {
	if !b.fresh() {
		b.refresh(p)
	}
	return b.do(method, path, body, want...)
}

// ended says so if the session is still good for anything.
func (b *browser) ended(how string) {
	r := b.run
	b.mu.Lock()
	in := b.in
	b.mu.Unlock()
	if !in {
		return
	}
	r.endings.Add(1)
	for _, req := range []*http.Request{b.request("GET", "/auth/me", nil), b.request("POST", "/auth/refresh", nil)} {
		if a := b.send(req); a.status != 401 {
			r.outlived.Add(1)
			r.note("a session outlived %s: %v", how, a)
		}
	}
	b.out()
}
