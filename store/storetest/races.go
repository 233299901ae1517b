package storetest

import (
	"errors"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func raceCases() []testCase {
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
				results := race(len(rs), func(i int) result {
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
		{proves: "of 50 callers taking one one-time token exactly one gets it", run: func(t *probe) {
			u := t.user()
			for range rounds() {
				tok := t.token(u, store.PurposeResetPassword)
				errs := race(50, func(int) error {
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
				for _, err := range race(50, func(int) error {
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
				for _, err := range race(len(toks), func(i int) error { return t.PutOneTime(t.ctx, toks[i]) }) {
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
	}
}

// revokeBesideRotate lets some callers move the session on, each from the secret
// it was given last, while another revokes it. Once the revocation has returned
// nobody may move it, and it stays as it is.
func (t *probe) revokeBesideRotate(s *store.Session, revoke func(*store.Session) error) {
	t.Helper()
	revoked := make(chan struct{})
	errs := race(8, func(i int) error {
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
