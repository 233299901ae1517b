package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func raceCases() []testCase {
	return slices.Concat(sessionRaceCases(), tokenRaceCases(), userRaceCases(), attemptRaceCases(),
		orgRaceCases(), auditRaceCases(), pruneRaceCases(), momentCases())
}

func sessionRaceCases() []testCase {
	return []testCase{
		{proves: "of 64 callers rotating one session exactly one makes the exchange, and all read the same session", run: func(t *probe) {
			type result struct {
				s       *store.Session
				swapped bool
				err     error
			}
			u := t.user()
			for range rounds() {
				s := t.session(u)
				rs := make([]store.Rotation, 64)
				for i := range rs {
					rs[i] = t.rotation(s)
				}
				won := -1
				results := race(t, len(rs), func(i int) result {
					got, swapped, err := t.Rotate(t.ctx, rs[i])
					return result{got, swapped, err}
				})
				for i, r := range results {
					t.must(r.err, "Rotate")
					if r.swapped && won >= 0 {
						t.Fatalf("Rotate swapped = true for callers %d and %d, want one", won, i)
					}
					if r.swapped {
						won = i
					}
				}
				if won < 0 {
					t.Fatalf("Rotate swapped = false for all 64 callers, want one true")
				}
				want := rotated(s, rs[won])
				for _, r := range results {
					t.same(r.s, want, "Rotate(among 64)")
				}
				t.same(t.readSession(s.ID), want, "SessionByID(after 64 rotations)")
			}
		}},
		{proves: "no Rotate succeeds once RevokeSession has returned", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				t.revokeBesideRotate(t.session(u), func(s *store.Session) error {
					return t.RevokeSession(t.ctx, s.ID, start)
				})
			}
		}},
		{proves: "no Rotate succeeds once RevokeSessions has returned", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				t.revokeBesideRotate(t.session(u), func(s *store.Session) error {
					_, err := t.RevokeSessions(t.ctx, s.UserID, "", start)
					return err
				})
			}
		}},
		{proves: "of 20 sessions created at once with one ID exactly one is", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				id := store.NewID(start)
				all := make([]*store.Session, 20)
				for i := range all {
					all[i] = t.draftSession(u, func(s *store.Session) { s.ID = id })
				}
				errs := race(t, len(all), func(i int) error { return t.CreateSession(t.ctx, all[i]) })
				t.oneWinner(errs, store.ErrConflict, "CreateSession(one ID)")
				for i, s := range all {
					if errs[i] == nil {
						t.same(t.readSession(id), s, "SessionByID")
					}
				}
			}
		}},
		{proves: "RenewSession, Rotate and reading at once lose nothing of each other's", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				s := t.session(u)
				r := t.rotation(s)
				want := rotated(s, r)
				want.Epoch, want.AuthTime = 88, start.Add(time.Hour)
				for _, err := range race(t, 3, func(i int) error {
					switch i {
					case 0:
						return t.RenewSession(t.ctx, s.ID, want.Epoch, want.AuthTime)
					case 1:
						_, _, err := t.Rotate(t.ctx, r)
						return err
					}
					_, err := t.ListSessions(t.ctx, u.ID)
					return err
				}) {
					t.must(err, "RenewSession beside Rotate")
				}
				t.same(t.readSession(s.ID), want, "SessionByID")
			}
		}},
		{proves: "RenewSession beside RevokeSession leaves the session revoked", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				s := t.session(u)
				for _, err := range race(t, 6, func(i int) error {
					if i == 0 {
						return t.RevokeSession(t.ctx, s.ID, start)
					}
					err := t.RenewSession(t.ctx, s.ID, 88, time.Time{})
					if errors.Is(err, store.ErrNotFound) {
						return nil
					}
					return err
				}) {
					t.must(err, "RenewSession beside RevokeSession")
				}
				if got := t.readSession(s.ID); !got.RevokedAt.Equal(start) {
					t.Errorf("RevokedAt = %v, want %v", got.RevokedAt, start)
				}
			}
		}},
		{proves: "sessions that many revoke at once are counted once", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				for range 10 {
					t.session(u)
				}
				sum := 0
				for _, n := range race(t, 8, func(int) int {
					n, err := t.RevokeSessions(t.ctx, u.ID, "", start)
					if err != nil {
						return -1000
					}
					return n
				}) {
					sum += n
				}
				if sum != 10 {
					t.Errorf("RevokeSessions by 8 callers revoked %d sessions in all, want 10", sum)
				}
			}
		}},
		{proves: "a user deleted while their session rotates leaves no session", run: func(t *probe) {
			for range rounds() {
				u := t.user()
				s := t.session(u)
				for _, err := range race(t, 4, func(i int) error {
					if i == 0 {
						return t.DeleteUser(t.ctx, u.ID)
					}
					_, _, err := t.Rotate(t.ctx, t.rotation(s))
					if errors.Is(err, store.ErrNotFound) {
						return nil
					}
					return err
				}) {
					t.must(err, "DeleteUser beside Rotate")
				}
				_, err := t.SessionByID(t.ctx, s.ID)
				t.refused(err, store.ErrNotFound, "SessionByID")
			}
		}},
	}
}

func tokenRaceCases() []testCase {
	return []testCase{
		{proves: "of 50 callers taking one one-time token exactly one gets it", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				tok := t.token(u, store.PurposeResetPassword)
				errs := race(t, 50, func(int) error {
					got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, start)
					if err == nil && got.UserID != u.ID {
						return errors.New("gave another user's token")
					}
					return err
				})
				t.oneWinner(errs, store.ErrNotFound, "TakeOneTime")
			}
		}},
		{proves: "of 50 callers taking one expired token exactly one gets ErrExpired", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				tok := t.token(u, store.PurposeResetPassword)
				expired := 0
				for _, err := range race(t, 50, func(int) error {
					_, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, tok.ExpiresAt)
					return err
				}) {
					if errors.Is(err, store.ErrExpired) {
						expired++
						continue
					}
					t.refused(err, store.ErrNotFound, "TakeOneTime(late)")
				}
				if expired != 1 {
					t.Errorf("TakeOneTime(late) = ErrExpired for %d of 50 callers, want 1", expired)
				}
			}
		}},
		{proves: "of 50 tokens put at once for one user and purpose exactly one is left", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				toks := make([]*store.OneTimeToken, 50)
				for i := range toks {
					toks[i] = t.draftToken(u, store.PurposeVerifyEmail)
				}
				for _, err := range race(t, len(toks), func(i int) error { return t.PutOneTime(t.ctx, toks[i]) }) {
					t.must(err, "PutOneTime")
				}
				left := 0
				for _, tok := range toks {
					_, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, start)
					if err == nil {
						left++
						continue
					}
					t.refused(err, store.ErrNotFound, "TakeOneTime")
				}
				if left != 1 {
					t.Errorf("%d of 50 tokens are left, want 1", left)
				}
			}
		}},
		{proves: "of 20 tokens put at once with one hash exactly one is", run: func(t *probe) {
			users := make([]*store.User, 20)
			for i := range users {
				users[i] = t.user()
			}
			for range rounds() {
				hash := t.hash()
				errs := race(t, len(users), func(i int) error {
					tok := t.draftToken(users[i], store.PurposeVerifyEmail)
					tok.Hash = hash
					return t.PutOneTime(t.ctx, tok)
				})
				t.oneWinner(errs, store.ErrConflict, "PutOneTime(one hash)")
				got, err := t.TakeOneTime(t.ctx, store.PurposeVerifyEmail, hash, start)
				t.must(err, "TakeOneTime")
				for i, u := range users {
					if won := errs[i] == nil; (got.UserID == u.ID) != won {
						t.Errorf("caller %d has the token = %v, want %v", i, !won, won)
					}
				}
			}
		}},
	}
}

func attemptRaceCases() []testCase {
	return []testCase{
		{proves: "64 callers counting attempts of one key at once lose none", needs: attempts, run: func(t *probe) {
			for range rounds() {
				key := t.name("key")
				seen := make(map[int64]bool)
				for _, n := range race(t, 64, func(int) int64 {
					a, err := t.attempts.UpdateAttempts(t.ctx, key, func(a store.Attempts) store.Attempts {
						a.Count++
						return a
					})
					if err != nil {
						return -1
					}
					return a.Count
				}) {
					if n < 1 || seen[n] {
						t.Errorf("UpdateAttempts gave Count %d, want each of 1 to 64 once", n)
					}
					seen[n] = true
				}
				t.same(t.readAttempts(key), store.Attempts{Count: 64}, "UpdateAttempts(afterwards)")
			}
		}},
		{proves: "of callers who reserve the last of a limit at once no more get it than there are", needs: attempts, run: func(t *probe) {
			const limit = 5
			for range rounds() {
				key := t.name("key")
				got := 0
				for _, ok := range race(t, 32, func(int) bool {
					var reserved bool
					_, err := t.attempts.UpdateAttempts(t.ctx, key, func(a store.Attempts) store.Attempts {
						if reserved = a.Count < limit; reserved {
							a.Count++
						}
						return a
					})
					return err == nil && reserved
				}) {
					if ok {
						got++
					}
				}
				if got != limit {
					t.Errorf("%d of 32 callers reserved one of %d, want %d", got, limit, limit)
				}
			}
		}},
	}
}

// revokeBesideRotate lets some callers move the session on, each from the secret
// it was given last, while another revokes it. Once the revocation has returned
// nobody may move it, and it stays as it is.
func (t *probe) revokeBesideRotate(s *store.Session, revoke func(*store.Session) error) {
	t.Helper()
	revoked := make(chan struct{})
	errs := race(t, 8, func(i int) error {
		if i == 0 {
			defer close(revoked)
			return revoke(s)
		}
		live := s
		for range 200 {
			var over bool
			select {
			case <-revoked:
				over = true
			default:
			}
			r := t.rotation(live, func(r *store.Rotation) { r.Now = start.Add(time.Second) })
			got, swapped, err := t.Rotate(t.ctx, r)
			switch {
			case err != nil:
				return err
			case over && swapped:
				return errors.New("swapped = true after the revocation returned")
			case over && got.RevokedAt.IsZero():
				return errors.New("gave a session that is not revoked after the revocation returned")
			case over:
				return nil
			}
			live = got
		}
		return nil
	})
	t.must(errs[0], "the revocation")
	for _, err := range errs[1:] {
		t.must(err, "Rotate(beside the revocation)")
	}
	got := t.readSession(s.ID)
	if !got.RevokedAt.Equal(start) {
		t.Errorf("RevokedAt = %v after the revocation, want %v", got.RevokedAt, start)
	}
	t.loses(t.rotation(got, func(r *store.Rotation) { r.Now = start.Add(time.Second) }), got, "after the revocation")
}
