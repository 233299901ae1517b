package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// pruneRaceCases are about housekeeping beside other work.
func pruneRaceCases() []testCase {
	cases := []testCase{
		{proves: "Prune never removes a session that Rotate keeps alive", alone: true, run: func(t *probe) {
			u := t.user()
			for range rounds() {
				all := make([]*store.Session, 16)
				for i := range all { // each ran out before the moment, and lived an hour before that
					all[i] = t.session(u, func(s *store.Session) { s.ExpiresAt = start.Add(2 * time.Hour) })
				}
				swapped := make([]bool, len(all))
				for _, err := range race(t, len(all)+2, func(i int) error {
					if i >= len(all) {
						_, err := t.pruner.Prune(t.ctx, start.Add(3*time.Hour), 5)
						return err
					}
					_, won, err := t.Rotate(t.ctx, t.rotation(all[i]))
					swapped[i] = won
					if errors.Is(err, store.ErrNotFound) { // Prune came first
						return nil
					}
					return err
				}) {
					t.must(err, "Prune beside Rotate")
				}
				for i, s := range all {
					if swapped[i] {
						t.readSession(s.ID)
					}
				}
			}
		}},
		{proves: "Prune never removes attempts that UpdateAttempts keeps alive", needs: attempts, alone: true, run: func(t *probe) {
			for range rounds() {
				keys := make([]string, 16)
				for i := range keys {
					keys[i] = t.name("key")
					t.setAttempts(keys[i], store.Attempts{Count: 1, Expires: start.Add(-time.Hour)})
				}
				states := make([]store.Attempts, len(keys))
				for _, err := range race(t, len(keys)+2, func(i int) error {
					if i >= len(keys) {
						_, err := t.pruner.Prune(t.ctx, start, 5)
						return err
					}
					a, err := t.attempts.UpdateAttempts(t.ctx, keys[i], func(a store.Attempts) store.Attempts {
						return store.Attempts{Count: a.Count + 1, Expires: start.Add(time.Hour)}
					})
					states[i] = a
					return err
				}) {
					t.must(err, "Prune beside UpdateAttempts")
				}
				for i, key := range keys {
					t.same(t.readAttempts(key), states[i], "UpdateAttempts(after Prune)")
				}
			}
		}},
		{proves: "WipeSealed never empties what a Rotate beside it sealed", alone: true, run: func(t *probe) {
			u := t.user()
			for range rounds() {
				all := make([]*store.Session, 16)
				for i := range all {
					all[i] = t.session(u, func(s *store.Session) { s.Sealed, s.PrevHash = t.hash(), t.hash() })
				}
				want := make([]*store.Session, len(all))
				for _, err := range race(t, len(all)+2, func(i int) error {
					if i >= len(all) {
						_, err := t.pruner.WipeSealed(t.ctx, start.Add(time.Minute), 100)
						return err
					}
					r := t.rotation(all[i])
					want[i] = rotated(all[i], r)
					_, swapped, err := t.Rotate(t.ctx, r)
					if err == nil && !swapped {
						return errors.New("swapped = false, want true")
					}
					return err
				}) {
					t.must(err, "WipeSealed beside Rotate")
				}
				for i, s := range all {
					t.same(t.readSession(s.ID), want[i], "SessionByID")
				}
			}
		}},
		{proves: "rows that many prune at once are counted once", alone: true, run: func(t *probe) {
			u := t.user()
			for range rounds() {
				for range 20 {
					t.session(u, func(s *store.Session) { s.ExpiresAt = start.Add(-time.Hour) })
				}
				sum := 0
				for _, n := range race(t, 6, func(int) int {
					n, err := t.pruner.Prune(t.ctx, start, 30)
					if err != nil {
						return -1000
					}
					return n
				}) {
					sum += n
				}
				if sum != 20 {
					t.Errorf("Prune by 6 callers removed %d rows in all, want 20", sum)
				}
			}
		}},
	}
	for i := range cases {
		cases[i].needs |= pruner
	}
	return cases
}

// momentCases are about reading two rows as they are at one moment.
func momentCases() []testCase {
	return []testCase{
		{proves: "UserWithSession reads both rows as they are at one moment", needs: principal, run: func(t *probe) {
			// The writer raises the one Epoch, then the other, so that at no
			// moment the second is ahead. Reading one row after the other would
			// show it ahead, in one of the two directions.
			t.readBesideWriter(true)
			t.readBesideWriter(false)
		}},
	}
}

// readBesideWriter lets one goroutine raise the Epoch of a user and that of their
// session in turn, while others read both. Each of its steps begins together with
// a read.
func (t *probe) readBesideWriter(userFirst bool) {
	t.Helper()
	u := t.user(func(u *store.User) { u.Epoch = 0 })
	s := t.session(u)
	begin, stop := make(chan struct{}), make(chan struct{})
	read := func() error {
		gotUser, gotSession, err := t.principals.UserWithSession(t.ctx, s.ID)
		if err != nil {
			return err
		}
		first, second := gotUser.Epoch, gotSession.Epoch
		if !userFirst {
			first, second = second, first
		}
		if second > first {
			return fmt.Errorf("gave user Epoch %d and session Epoch %d, which were never there together", gotUser.Epoch, gotSession.Epoch)
		}
		return nil
	}
	for _, err := range race(t, 5, func(i int) error {
		if i == 0 {
			defer close(stop)
			return t.raiseEpochs(*u, s.ID, userFirst, func() { <-begin })
		}
		var err error
		for {
			select {
			case begin <- struct{}{}:
				if err == nil { // after a mistake it only keeps the writer going
					err = read()
				}
			case <-stop:
				return err
			}
		}
	}) {
		t.must(err, "UserWithSession beside a writer")
	}
}

// raiseEpochs raises the Epoch of the user and that of the session in turn, and
// calls before ahead of each.
func (t *probe) raiseEpochs(u store.User, session string, userFirst bool, before func()) error {
	user := func() error { return t.UpdateUser(t.ctx, &u) }
	sess := func() error { return t.RenewSession(t.ctx, session, u.Epoch, time.Time{}) }
	steps := []func() error{user, sess}
	if !userFirst {
		steps = []func() error{sess, user}
	}
	for range 20 * rounds() {
		u.Epoch++
		for _, step := range steps {
			before()
			if err := step(); err != nil {
				return err
			}
		}
	}
	return nil
}
