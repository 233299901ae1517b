package main

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"time"
)

// change lets somebody do one of the things that end sessions, and looks that they
// ended and no others.
func (r *run) change(p *process) {
	u := r.some(true)
	if u == nil {
		return
	}
	defer u.release()
	b := u.browsers[mathrand.IntN(len(u.browsers))]
	if !b.lives() {
		r.enter(p, b)
	}
	acts := []func(*process, *browser){r.signOut, r.revokeOne, r.revokeOthers, r.endByAdmin}
	if !u.external {
		acts = append(acts, r.changePassword, r.resetPassword, r.changeAddress, r.deactivate)
	}
	acts[mathrand.IntN(len(acts))](p, b)
}

// others checks that every other browser of b's owner is signed out.
func (b *browser) othersEnded(how string) {
	for _, other := range b.owner.browsers {
		if other != b {
			other.ended(how)
		}
	}
}

func (b *browser) allEnded(how string) {
	b.othersEnded(how)
	b.ended(how)
}

func (r *run) signOut(p *process, b *browser) {
	left := b.copied()
	b.do("POST", "/auth/logout", nil, 200)
	b.out()
	left.ended("a sign-out")
}

func (r *run) revokeOne(p *process, b *browser) {
	for _, other := range b.owner.browsers {
		if id := other.sessionID(); other != b && id != "" && other.lives() {
			b.call(p, "DELETE", "/auth/sessions/"+id, nil, 204)
			other.ended("its revocation")
			break
		}
	}
	b.look(p)
}

func (r *run) revokeOthers(p *process, b *browser) {
	b.call(p, "DELETE", "/auth/sessions", nil, 200)
	b.othersEnded("the revocation of all others")
	b.look(p)
}

func (r *run) endByAdmin(p *process, b *browser) {
	r.atTheDesk(p, func(boss *browser) {
		boss.call(p, "GET", "/auth/users?limit=50", nil, 200)
		boss.call(p, "DELETE", "/auth/users/"+b.owner.id+"/sessions", nil, 200, 204)
	})
	b.allEnded("the administrator")
}

func (r *run) deactivate(p *process, b *browser) {
	u := b.owner
	r.atTheDesk(p, func(boss *browser) {
		boss.call(p, "PATCH", "/auth/users/"+u.id+"/deactivate", nil, 200)
	})
	b.allEnded("a deactivation")
	b.do("POST", "/auth/token", url.Values{"username": {u.email}, "password": {u.password}}, 401)
	p.between(time.Minute, 10*time.Minute)
	r.atTheDesk(p, func(boss *browser) {
		boss.call(p, "PATCH", "/auth/users/"+u.id+"/activate", nil, 200)
		boss.call(p, "POST", "/auth/users/"+u.id+"/unlock", nil, 204)
		boss.call(p, "GET", "/auth/audit", nil, 200)
	})
	r.enter(p, b)
}

func (r *run) changePassword(p *process, b *browser) {
	u := b.owner
	next := "soaked " + rand.Text()
	b.call(p, "POST", "/auth/password", obj{"current_password": u.password, "new_password": next}, 200)
	u.password = next
	b.othersEnded("a change of the password")
	b.look(p)
	b.exchange(p, true)
	b.look(p)
}

func (r *run) resetPassword(p *process, b *browser) {
	u := b.owner
	if !u.mail(r.line.now()) {
		return
	}
	b.do("POST", "/auth/password-reset/request", obj{"email": u.email}, 202)
	token := r.open("reset", u.email)
	p.between(10*time.Second, 3*time.Minute)
	next := "soaked " + rand.Text()
	b.do("POST", "/auth/password-reset/confirm", obj{"token": token, "new_password": next}, 200)
	b.do("POST", "/auth/password-reset/confirm", obj{"token": token, "new_password": next}, 400)
	u.password = next
	b.allEnded("a reset of the password")
	r.enter(p, b)
}

func (r *run) changeAddress(p *process, b *browser) {
	u := b.owner
	if !u.mail(r.line.now()) {
		return
	}
	r.enter(p, b) // what is delicate wants a fresh sign-in
	next := fmt.Sprintf("moved%d@example.com", r.names.Add(1))
	b.do("POST", "/auth/email-change/request", obj{"email": next}, 202)
	token := r.open("email_change", next)
	p.between(10*time.Second, 3*time.Minute)
	b.do("POST", "/auth/email-change/confirm", obj{"token": token}, 200)
	r.server.forget(u.email)
	u.email = next
	b.othersEnded("a change of the address")
	b.look(p)
}

// open waits for a mail and returns its token.
func (r *run) open(kind, email string) string {
	token, ok := r.server.read(kind, email)
	if !ok {
		r.wrong("no mail of kind %s to %s", kind, email)
		runtime.Goexit()
	}
	return token
}

// organize plays the life of an organization, from its foundation to its end.
func (r *run) organize(p *process) {
	founder, guest := r.some(false), r.some(false)
	if founder != nil {
		defer founder.release()
	}
	if guest != nil {
		defer guest.release()
	}
	if founder == nil || guest == nil || founder == guest {
		return
	}
	b := founder.sit(r, p)
	if b == nil {
		return
	}
	defer b.rise()
	slug := "soak-" + strings.ToLower(rand.Text()[:16])
	id := b.call(p, "POST", "/orgs", obj{"name": "Soak", "slug": slug}, 201).text("id")
	path := "/orgs/" + id
	b.call(p, "POST", path+"/invites", obj{"email": guest.email, "role": "member"}, 201)
	token := r.open("invite", guest.email)
	p.between(time.Minute, 8*time.Minute)
	if g := guest.sit(r, p); g != nil {
		defer g.rise()
		r.join(p, b, g, path, token)
	}
	b.call(p, "GET", path+"/members", nil, 200)
	b.call(p, "GET", path+"/invites", nil, 200)
	b.call(p, "DELETE", path+"?hard=true", nil, 204)
}

// join lets a guest into an organization, and out of it.
func (r *run) join(p *process, host, guest *browser, path, token string) {
	guest.call(p, "GET", "/auth/invites", nil, 200)
	guest.call(p, "POST", "/auth/accept-invite", obj{"token": token}, 200)
	guest.call(p, "GET", path, nil, 200)
	host.call(p, "PATCH", path+"/members/"+guest.owner.id, obj{"role": "admin"}, 200)
	if mathrand.IntN(2) == 0 {
		guest.call(p, "POST", path+"/leave", nil, 200, 204)
	} else {
		host.call(p, "DELETE", path+"/members/"+guest.owner.id, nil, 200, 204)
	}
	guest.call(p, "GET", path, nil, 404)
}
