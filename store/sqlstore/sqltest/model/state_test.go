package model_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// The limits of the service, in seconds. The model has its own copy of the rules,
// in the smallest numbers that say all: a session is its index, a secret its place
// in the list of all that were ever seen.
const (
	grace      = 10
	refreshTTL = 14 * 24 * 3600
	sessionTTL = 30 * 24 * 3600
	resetTTL   = 3600
)

// unseen is the secret of a rotation whose answer was lost.
const unseen = 0

// family is one session as clients can know it.
type family struct {
	made, revoked          bool
	epoch, gen             int
	live, prev             int
	rotated, expires, ends int64
}

// begun is an operation that has made some of its steps: stage 1 or 2, with what
// it found in the first.
type begun struct {
	op, stage, epoch int
	ends             int64
}

// state is one user with their sessions and the token of a reset.
type state struct {
	now             int64
	over, active    bool
	epoch, password int
	token           int // 0: none
	tokenEpoch      int
	tokenEnds       int64
	families        []family
	begun           []begun
}

func (s *state) clone() *state {
	c := *s
	c.families, c.begun = slices.Clone(s.families), slices.Clone(s.begun)
	return &c
}

func (s *state) equal(o *state) bool {
	return s.now == o.now && s.over == o.over && s.active == o.active && s.epoch == o.epoch && s.password == o.password &&
		s.token == o.token && s.tokenEpoch == o.tokenEpoch && s.tokenEnds == o.tokenEnds &&
		slices.Equal(s.families, o.families) && slices.Equal(s.begun, o.begun)
}

func (s *state) family(id int) *family {
	for len(s.families) <= id {
		s.families = append(s.families, family{})
	}
	return &s.families[id]
}

func (s *state) stage(op int) *begun {
	for i := range s.begun {
		if s.begun[i].op == op {
			return &s.begun[i]
		}
	}
	return nil
}

// begin keeps the operations in order, so that states that mean the same are equal.
func (s *state) begin(b begun) {
	at, _ := slices.BinarySearchFunc(s.begun, b, func(x, y begun) int { return x.op - y.op })
	s.begun = slices.Insert(s.begun, at, b)
}

func (s *state) within(f *family) bool {
	return f.made && !f.revoked && s.now < f.expires && s.now < f.ends
}

func (s *state) alive(f *family) bool { return s.within(f) && s.active && f.epoch == s.epoch }

// worth is what a refresh token is worth.
func (s *state) worth(f *family, in step) string {
	switch {
	case !s.alive(f) || in.gen > f.gen:
		return dead
	case in.gen == f.gen && in.secret == f.live:
		return "live"
	}
	fresh := f.gen > 0 && s.now-f.rotated <= grace
	switch {
	case fresh && in.gen == f.gen-1 && in.secret == f.prev:
		return "successor"
	case fresh && in.gen < f.gen:
		return conflict
	}
	return reused
}

// kind is one step of an operation. What clients see as one operation may be
// several steps: a reset takes its token, then writes the account, then tidies up.
// Each is atomic, all lie between call and answer, and they come in order.
type kind int

const (
	advance kind = iota
	signIn
	refresh
	refreshEnds // of a token used twice: the session is ended
	signOut
	revoke
	revokeEnds
	revokeAll
	me
	request
	requestPuts
	reset
	resetWrites
	resetPutsBack
	deactivate
	activate
	sweep // what ends with the epoch: the rows
	drop  // and the one-time tokens
	last  // of all: what is left never happened
)

func (k kind) String() string {
	return [...]string{"advance", "sign in", "refresh", "…ends the reused session", "sign out", "revoke", "…ends the session",
		"revoke all but", "me", "request reset", "…puts the token", "reset", "…writes the account", "…puts the token back",
		"deactivate", "activate", "…ends the sessions", "…drops the tokens", "over"}[k]
}

// step is what a step is asked to do: all numbers that do not apply are zero.
type step struct {
	kind             kind
	op               int
	sid, gen, secret int
	arg              int64 // password, seconds, or when an access token ends
}

// The answers.
const (
	unknown  = "unknown" // trouble: it may have happened or not
	ok       = "ok"
	conflict = "conflict"
	reused   = "reused"
	dead     = "dead" // or not found, or not valid
	none     = "none"
)

// answer is what the client was told.
type answer struct {
	text             string
	sid, gen, secret int
}

// sequential is the model that porcupine checks histories against.
func sequential(start int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return &state{now: start, active: true, password: 1} },
		Step: func(st, in, out any) (bool, any) {
			before := st.(*state)
			lost := out.(answer).text == unknown
			if lost && before.over {
				return true, before
			}
			next := before.clone()
			fits := next.apply(in.(step), out.(answer))
			// A step that may not have happened and changes nothing is the same as
			// one that did not: leaving it for the end spares the search.
			return fits && !(lost && next.equal(before)), next
		},
		Equal: func(a, b any) bool { return a.(*state).equal(b.(*state)) },
		DescribeOperation: func(in, out any) string {
			return describe(in.(step), out.(answer))
		},
	}
}

func describe(in step, out answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %v", in.op, in.kind)
	if in.secret != 0 || in.sid != 0 {
		fmt.Fprintf(&b, " s%d/%d/x%d", in.sid, in.gen, in.secret)
	}
	if in.arg != 0 {
		fmt.Fprintf(&b, " (%d)", in.arg)
	}
	fmt.Fprintf(&b, " = %s", out.text)
	if out.secret != 0 {
		fmt.Fprintf(&b, " s%d/%d/x%d", out.sid, out.gen, out.secret)
	}
	return b.String()
}

// apply makes a step, and reports whether it can be what was answered.
func (s *state) apply(in step, out answer) bool {
	switch in.kind {
	case advance:
		s.now += in.arg
	case last:
		s.over = true
	case signIn:
		return s.signIn(in, out)
	case refresh:
		return s.refresh(in, out)
	case refreshEnds, revokeEnds:
		if s.stage(in.op) == nil {
			return out.text == unknown
		}
		s.family(in.sid).revoked = true
	case signOut:
		s.family(in.sid).revoked = true
	case revoke:
		return s.revoke(in, out)
	case revokeAll:
		s.revokeAll(in.sid)
	case me:
		alive := s.alive(s.family(in.sid)) && s.now < in.arg
		return alive == (out.text == ok)
	case activate:
		s.active = true
	default:
		return s.account(in, out)
	}
	return true
}

func (s *state) signIn(in step, out answer) bool {
	right := s.active && int64(s.password) == in.arg
	if out.text != ok {
		return !right
	}
	f := s.family(out.sid)
	*f = family{made: true, epoch: s.epoch, live: out.secret, prev: -1, rotated: s.now,
		expires: s.now + refreshTTL, ends: s.now + sessionTTL}
	return right
}

func (s *state) refresh(in step, out answer) bool {
	f := s.family(in.sid)
	worth := s.worth(f, in)
	switch {
	case worth == "live" && (out.text == ok || out.text == unknown):
		if out.text == ok && (out.sid != in.sid || out.gen != f.gen+1) {
			return false
		}
		f.prev, f.live = f.live, out.secret // unseen if the answer was lost
		f.gen++
		f.rotated, f.expires = s.now, min(s.now+refreshTTL, f.ends)
	case worth == "successor" && out.text == ok:
		if out.sid != in.sid || out.gen != f.gen || f.live != unseen && f.live != out.secret {
			return false
		}
		f.live = out.secret
	case worth == reused && (out.text == reused || out.text == unknown):
		s.begin(begun{op: in.op, stage: 1})
	default:
		return out.text == worth || out.text == unknown
	}
	return true
}

// revoke looks at the row alone: one that outlived its epoch may be there still or
// not.
func (s *state) revoke(in step, out answer) bool {
	f := s.family(in.sid)
	if out.text != dead {
		s.begin(begun{op: in.op, stage: 1})
	}
	return out.text == unknown || f.epoch != s.epoch || s.within(f) == (out.text == ok)
}

func (s *state) revokeAll(except int) {
	for i := range s.families {
		if i != except && s.families[i].made {
			s.families[i].revoked = true
		}
	}
}

// account makes the steps of what changes the account.
func (s *state) account(in step, out answer) bool {
	b := s.stage(in.op)
	switch in.kind {
	case request:
		if out.text == ok {
			s.begin(begun{op: in.op, stage: 1, epoch: s.epoch})
		}
		return s.active == (out.text == ok)
	case requestPuts:
		if b == nil {
			return false
		}
		s.token, s.tokenEpoch, s.tokenEnds = out.secret, b.epoch, s.now+resetTTL
	case reset:
		good := s.token == in.secret && s.now < s.tokenEnds
		if good {
			s.begin(begun{op: in.op, stage: 1, epoch: s.tokenEpoch, ends: s.tokenEnds})
			s.token = 0
		}
		return good || out.text != ok
	case resetWrites:
		good := b != nil && s.active && b.epoch == s.epoch
		if good && out.text != dead {
			s.password, s.epoch, b.stage = int(in.arg), s.epoch+1, 2
		}
		return out.text == unknown || good == (out.text == ok)
	case resetPutsBack:
		if b != nil {
			s.token, s.tokenEpoch, s.tokenEnds = in.secret, b.epoch, b.ends
		}
	case deactivate:
		s.active, s.epoch = false, s.epoch+1
		s.begin(begun{op: in.op, stage: 2})
	case sweep, drop:
		if b == nil || b.stage < 2 {
			return out.text == unknown
		}
		if in.kind == sweep {
			s.revokeAll(-1)
		} else {
			s.token = 0
		}
	}
	return true
}
