package main

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// person is somebody with an account and one to three browsers.
type person struct {
	email, password, id string
	external            bool // signs in at the provider, and has no password
	browsers            []*browser

	mu       sync.Mutex
	busy     int       // what they do now
	mayMail  time.Time // when the next mail may be asked for
	departed bool
}

// borrow notes that u is busy, if they may be: whoever does something that ends
// sessions wants them for himself.
func (u *person) borrow(alone bool) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.departed || u.busy < 0 || alone && u.busy > 0 {
		return false
	}
	if alone {
		u.busy = -1
	} else {
		u.busy++
	}
	return true
}

func (u *person) release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy < 0 {
		u.busy = 0
	} else {
		u.busy--
	}
}

// mail reports whether u may ask for a mail, which the limits allow three times an
// hour.
func (u *person) mail(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Before(u.mayMail) {
		return false
	}
	u.mayMail = now.Add(2 * time.Hour)
	return true
}

// some returns a random person who may be borrowed, and borrows them.
func (r *run) some(alone bool) *person {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 20 {
		if len(r.people) == 0 {
			break
		}
		if u := r.people[mathrand.IntN(len(r.people))]; u.borrow(alone) {
			return u
		}
	}
	return nil
}

// newcomer makes an account for somebody new, with their first browser signed in.
func (r *run) newcomer(p *process, external bool) *person {
	n := r.names.Add(1)
	u := &person{email: fmt.Sprintf("person%d@example.com", n), password: "soaked " + rand.Text()}
	u.busy = 1
	b := r.newBrowser(u)
	u.browsers = append(u.browsers, b)
	for range mathrand.IntN(3) {
		u.browsers = append(u.browsers, r.newBrowser(u))
	}
	if u.external = external; external {
		u.password = ""
		r.enterElsewhere(b)
		u.id = b.call(p, "GET", "/auth/me", nil, 200).text("id")
		return u
	}
	a := b.do("POST", "/auth/register", obj{"email": u.email, "password": u.password, "full_name": "Somebody"}, 201)
	u.id = a.text("id")
	b.signedIn()
	p.between(20*time.Second, 5*time.Minute)
	token, ok := r.server.read("verify", u.email)
	if !ok {
		r.wrong("no mail to verify %s", u.email)
		return u
	}
	b.do("POST", "/auth/verify-email", obj{"token": token}, 200)
	return u
}

// settle lets somebody new live here, and the oldest leave if there are too many.
func (r *run) settle(p *process) {
	u := r.newcomer(p, mathrand.IntN(8) == 0)
	r.mu.Lock()
	r.people = append(r.people, u)
	var oldest *person
	if len(r.people) > r.population {
		oldest = r.people[0]
		r.people = r.people[1:]
	}
	r.mu.Unlock()
	u.release()
	if oldest == nil {
		return
	}
	for !oldest.borrow(true) {
		p.sleep(time.Minute)
	}
	r.leave(p, oldest)
}

// leave ends an account for good: its owner deletes it, and an administrator later
// removes what is left.
func (r *run) leave(p *process, u *person) {
	b := u.browsers[0]
	r.enter(p, b)
	var body any
	if !u.external {
		body = obj{"password": u.password}
	}
	b.do("DELETE", "/auth/me", body, 204)
	for _, b := range u.browsers {
		b.ended("the deletion of its user")
	}
	u.mu.Lock()
	u.departed = true
	u.mu.Unlock()
	p.between(time.Minute, time.Hour)
	r.atTheDesk(p, func(boss *browser) {
		boss.call(p, "DELETE", "/auth/users/"+u.id+"?hard=true", nil, 204)
	})
	r.server.forget(u.email)
}

// atTheDesk lets f act for the administrator, who does one thing at a time.
func (r *run) atTheDesk(p *process, f func(*browser)) {
	for !r.boss.borrow(true) {
		p.sleep(5 * time.Second)
	}
	defer r.boss.release()
	b := r.boss.browsers[0]
	if !b.lives() {
		r.enter(p, b)
	}
	f(b)
}

// enter signs a browser in. Whatever session it has ends by that.
func (r *run) enter(p *process, b *browser) {
	u := b.owner
	if b.overdue() {
		r.overdue.Add(1)
		r.expect(b.send(b.request("POST", "/auth/refresh", nil)), 401)
	}
	if u.external {
		r.enterElsewhere(b)
		return
	}
	if mathrand.IntN(20) == 0 {
		b.do("POST", "/auth/token", url.Values{"username": {u.email}, "password": {"not " + u.password}}, 401)
		p.sleep(3 * time.Second)
	}
	b.do("POST", "/auth/token", url.Values{"username": {u.email}, "password": {u.password}}, 200)
	b.signedIn()
}

// enterElsewhere signs a browser in with the account its owner has at the provider.
func (r *run) enterElsewhere(b *browser) {
	u := b.owner
	target := b.do("GET", "/auth/oauth/oidc/start", nil, 302).header.Get("Location")
	back := r.visitProvider(target, oauthtest.User{Subject: "subject of " + u.email, Username: strings.SplitN(u.email, "@", 2)[0],
		Name: "Somebody", Email: u.email})
	if back == nil {
		runtime.Goexit()
	}
	a := b.do("GET", back.Path+"?"+back.RawQuery, nil, 303)
	if to := a.header.Get("Location"); strings.Contains(to, "oauth_error") {
		r.wrong("a sign-in with the provider ended at %s", to)
		runtime.Goexit()
	}
	r.external.Add(1)
	b.signedIn()
}

// visitProvider signs u in at the provider, which has one user at a time.
func (r *run) visitProvider(target string, u oauthtest.User) *url.URL {
	r.provider.Lock()
	defer r.provider.Unlock()
	r.issuer.SignInAs(u)
	req, err := http.NewRequest("GET", target, nil)
	if err == nil {
		var res *http.Response
		if res, err = r.outside.RoundTrip(req); err == nil {
			res.Body.Close()
			var back *url.URL
			if back, err = res.Location(); err == nil {
				return back
			}
		}
	}
	r.wrong("the provider at %q: %v", target, err)
	return nil
}

// visit is somebody coming back to one of their browsers: tabs ask for something,
// one after the other or all at once, and those that find their access token over
// refresh.
func (r *run) visit(p *process) {
	u := r.some(false)
	if u == nil {
		return
	}
	defer u.release()
	b := u.sit(r, p)
	if b == nil {
		return
	}
	defer b.rise()
	for i := range mathrand.IntN(3) {
		b.sit()
		u.borrow(false)
		r.line.spawn(mathrand.N(2*time.Second), func(p *process) {
			defer u.release()
			defer b.rise()
			b.look(p)
			if i == 0 {
				b.browse(p)
			}
		})
	}
	b.look(p)
	b.browse(p)
}

// sit returns a browser of u that is signed in, or nil if the one of their choice
// is in use and not.
func (u *person) sit(r *run, p *process) *browser {
	b := u.browsers[mathrand.IntN(len(u.browsers))]
	b.mu.Lock()
	idle := b.users == 0
	b.users++
	b.mu.Unlock()
	if b.lives() {
		return b
	}
	if !idle {
		b.rise()
		return nil
	}
	entered := false
	defer func() {
		if !entered {
			b.rise()
		}
	}()
	r.enter(p, b)
	entered = true
	return b
}

func (b *browser) sit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users++
}

func (b *browser) rise() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users--
}

// look asks who is signed in.
func (b *browser) look(p *process) {
	if a := b.call(p, "GET", "/auth/me", nil, 200); a.status == 200 && a.text("id") != b.owner.id {
		b.run.wrong("%s is taken for %v", b.owner.email, a)
	}
}

// browse does a few of the things that change little.
func (b *browser) browse(p *process) {
	for range mathrand.IntN(3) {
		p.between(time.Second, 20*time.Second)
		switch mathrand.IntN(9) {
		case 0, 1:
			b.look(p)
		case 2:
			b.call(p, "GET", "/auth/sessions", nil, 200)
		case 3:
			b.call(p, "PATCH", "/auth/me", obj{"full_name": fmt.Sprintf("Somebody %d", mathrand.IntN(1000))}, 200)
		case 4:
			b.call(p, "GET", "/orgs", nil, 200)
		case 5:
			b.call(p, "GET", "/auth/invites", nil, 200)
		case 6:
			b.call(p, "GET", "/auth/oauth/connections", nil, 200)
		case 7:
			b.call(p, "GET", "/account", nil, 200)
		case 8:
			b.do("GET", "/auth/config", nil, 200)
		}
	}
}

// stranger tries what strangers try, from an address of its own.
func (r *run) stranger(*process) {
	b := r.newBrowser(nil)
	b.do("GET", "/auth/me", nil, 401)
	b.do("GET", "/login", nil, 200)
	b.jar = map[string]string{refreshCookie: "art1_" + strings.Repeat("A", 91)}
	b.do("POST", "/auth/refresh", nil, 401)
	b.jar = make(map[string]string)
	for range 1 + mathrand.IntN(3) {
		b.do("POST", "/auth/token", url.Values{"username": {rand.Text() + "@example.com"}, "password": {"password1234"}}, 401)
	}
}
