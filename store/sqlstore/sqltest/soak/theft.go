package main

import (
	mathrand "math/rand/v2"
	"time"
)

// theft plays one theft. Somebody new is robbed of their cookies, owner and thief
// both refresh, and whoever comes second, and not within the grace, is found out:
// the session ends for both. Then the owner leaves.
func (r *run) theft(p *process) {
	u := r.newcomer(p, false)
	owner := u.browsers[0]
	for range mathrand.IntN(4) {
		p.between(time.Minute, time.Hour)
		owner.exchange(p, true)
	}
	thief := owner.copied()
	thief.ua = owner.ua
	first, second := owner, thief
	if mathrand.IntN(2) == 0 {
		first, second = thief, owner
	}
	r.thefts.Add(1)
	for range 1 + mathrand.IntN(3) {
		p.between(20*time.Second, 30*time.Minute)
		first.do("POST", "/auth/refresh", nil, 200)
	}
	p.between(15*time.Second, 20*time.Minute) // the grace is over
	attempt := second.do("POST", "/auth/refresh", nil, 401)
	if attempt.text("code") == "session_reused" {
		r.found.Add(1)
	} else {
		r.note("a theft was not found: %v", attempt)
	}
	thief.ended("a theft")
	owner.ended("a theft")
	r.open("session_reused", u.email)
	u.release()
	if !u.borrow(true) {
		panic("somebody nobody knows is busy")
	}
	r.leave(p, u)
}
