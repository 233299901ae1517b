package storetest

import (
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func oneTimeCases() []testCase { return slices.Concat(putCases(), takeCases(), dropCases()) }

// purposes are those of package store.
var purposes = []store.Purpose{store.PurposeVerifyEmail, store.PurposeResetPassword, store.PurposeChangeEmail}

// takes notes a mistake unless the token can be taken.
func (t *probe) takes(tok *store.OneTimeToken, what string) {
	t.Helper()
	got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, start)
	if err != nil {
		t.Errorf("TakeOneTime(%s) = %v, want no error", what, err)
		return
	}
	t.same(got, tok, "TakeOneTime(%s)", what)
}

// lacks notes a mistake unless the token is not there.
func (t *probe) lacks(tok *store.OneTimeToken, what string) {
	t.Helper()
	got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, start)
	t.refused(err, store.ErrNotFound, "TakeOneTime(%s)", what)
	if got != nil {
		t.Errorf("TakeOneTime(%s) gave a token, want nil", what)
	}
}

func putCases() []testCase {
	return []testCase{
		{proves: "PutOneTime keeps every field", run: func(t *probe) {
			tok := t.draftToken(t.user(), store.PurposeChangeEmail)
			tok.Email, tok.Epoch, tok.CreatedAt = "new-"+tok.Email, 12, start.Add(-time.Second)
			t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
			t.takes(tok, "as put")
		}},
		{proves: "PutOneTime keeps fields that are zero", run: func(t *probe) {
			tok := &store.OneTimeToken{Hash: t.hash(), Purpose: store.PurposeVerifyEmail, UserID: t.user().ID, ExpiresAt: start.Add(time.Microsecond)}
			t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
			t.takes(tok, "as put")
		}},
		{proves: "PutOneTime removes the earlier token of the same user and purpose", run: func(t *probe) {
			u := t.user()
			first := t.token(u, store.PurposeResetPassword)
			second := t.token(u, store.PurposeResetPassword)
			t.lacks(first, "the earlier")
			t.takes(second, "the later")
		}},
		{proves: "PutOneTime leaves tokens of other purposes and other users alone", run: func(t *probe) {
			u, other := t.user(), t.user()
			var kept []*store.OneTimeToken
			for _, p := range purposes[1:] {
				kept = append(kept, t.token(u, p))
			}
			kept = append(kept, t.token(other, purposes[0]))
			kept = append(kept, t.token(u, purposes[0]))
			for _, tok := range kept {
				t.takes(tok, string(tok.Purpose))
			}
		}},
		{proves: "PutOneTime returns ErrConflict for the hash of another user's token, and changes nothing", run: func(t *probe) {
			u, other := t.user(), t.user()
			theirs, mine := t.token(other, store.PurposeVerifyEmail), t.token(u, store.PurposeVerifyEmail)
			tok := t.draftToken(u, store.PurposeVerifyEmail)
			tok.Hash = theirs.Hash
			t.refused(t.PutOneTime(t.ctx, tok), store.ErrConflict, "PutOneTime(the other's hash)")
			t.takes(theirs, "the other's")
			t.takes(mine, "the user's own, from before")
		}},
		{proves: "PutOneTime returns ErrConflict for the hash of a token of another purpose, and changes nothing", run: func(t *probe) {
			u := t.user()
			first := t.token(u, store.PurposeVerifyEmail)
			tok := t.draftToken(u, store.PurposeResetPassword)
			tok.Hash = first.Hash
			t.refused(t.PutOneTime(t.ctx, tok), store.ErrConflict, "PutOneTime(the hash of another purpose)")
			t.lacks(tok, "refused")
			t.takes(first, "from before")
		}},
	}
}

func takeCases() []testCase {
	return []testCase{
		{proves: "TakeOneTime gives a token once", run: func(t *probe) {
			tok := t.token(t.user(), store.PurposeResetPassword)
			t.takes(tok, "first time")
			t.lacks(tok, "second time")
		}},
		{proves: "TakeOneTime returns ErrNotFound for a hash that is not there", run: func(t *probe) {
			tok := t.token(t.user(), store.PurposeResetPassword)
			for _, hash := range [][]byte{nil, {}, t.hash(), tok.Hash[:31], append(slices.Clone(tok.Hash), 0)} {
				other := *tok
				other.Hash = hash
				t.lacks(&other, "another hash")
			}
			t.takes(tok, "the right hash")
		}},
		{proves: "TakeOneTime never finds a token under another purpose, and leaves it there", run: func(t *probe) {
			for _, p := range purposes {
				tok := t.token(t.user(), p)
				for _, q := range append(slices.Clone(purposes), "", "RESET_PASSWORD", "reset_password ") {
					if q != p {
						_, err := t.TakeOneTime(t.ctx, q, tok.Hash, start)
						t.refused(err, store.ErrNotFound, "TakeOneTime(%q, a token of %q)", q, p)
					}
				}
				t.takes(tok, "its own purpose")
			}
		}},
		{proves: "TakeOneTime gives ErrExpired to the caller who removes a token past its time", run: func(t *probe) {
			tok := t.token(t.user(), store.PurposeVerifyEmail)
			got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, tok.ExpiresAt.Add(time.Hour))
			t.refused(err, store.ErrExpired, "TakeOneTime(late)")
			if got != nil {
				t.Errorf("TakeOneTime(late) gave a token, want nil with ErrExpired")
			}
			_, err = t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, tok.ExpiresAt.Add(time.Hour))
			t.refused(err, store.ErrNotFound, "TakeOneTime(late, again)")
			t.lacks(tok, "removed, the clock set back")
		}},
		{proves: "a one-time token is expired from the very moment of ExpiresAt on", run: func(t *probe) {
			u := t.user()
			tok := t.token(u, store.PurposeVerifyEmail)
			_, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, tok.ExpiresAt)
			t.refused(err, store.ErrExpired, "TakeOneTime(at ExpiresAt)")
			tok = t.token(u, store.PurposeVerifyEmail)
			got, err := t.TakeOneTime(t.ctx, tok.Purpose, tok.Hash, tok.ExpiresAt.Add(-time.Microsecond))
			t.must(err, "TakeOneTime(1 µs before ExpiresAt)")
			t.same(got, tok, "TakeOneTime(1 µs before ExpiresAt)")
		}},
		{proves: "TakeOneTime takes no other token", run: func(t *probe) {
			u := t.user()
			first, second := t.token(u, store.PurposeVerifyEmail), t.token(u, store.PurposeChangeEmail)
			t.takes(first, "the first")
			t.takes(second, "the second")
		}},
	}
}

func dropCases() []testCase {
	return []testCase{
		{proves: "DropOneTime removes the user's tokens of the purposes it names", run: func(t *probe) {
			u, other := t.user(), t.user()
			dropped := []*store.OneTimeToken{t.token(u, store.PurposeVerifyEmail), t.token(u, store.PurposeChangeEmail)}
			kept := []*store.OneTimeToken{t.token(u, store.PurposeResetPassword), t.token(other, store.PurposeVerifyEmail)}
			t.must(t.DropOneTime(t.ctx, u.ID, store.PurposeVerifyEmail, store.PurposeChangeEmail), "DropOneTime")
			for _, tok := range dropped {
				t.lacks(tok, "dropped")
			}
			for _, tok := range kept {
				t.takes(tok, "kept")
			}
		}},
		{proves: "DropOneTime removes all of the user's tokens if it names no purpose", run: func(t *probe) {
			u, other := t.user(), t.user()
			var dropped []*store.OneTimeToken
			for _, p := range purposes {
				dropped = append(dropped, t.token(u, p))
			}
			kept := t.token(other, store.PurposeVerifyEmail)
			t.must(t.DropOneTime(t.ctx, u.ID), "DropOneTime")
			for _, tok := range dropped {
				t.lacks(tok, "dropped")
			}
			t.takes(kept, "the other's")
		}},
		{proves: "DropOneTime is no error if there is nothing to remove", run: func(t *probe) {
			u := t.user()
			t.must(t.DropOneTime(t.ctx, u.ID), "DropOneTime(no tokens)")
			t.must(t.DropOneTime(t.ctx, u.ID, purposes...), "DropOneTime(no tokens, by purpose)")
			t.must(t.DropOneTime(t.ctx, "nobody"), "DropOneTime(no user)")
			tok := t.token(u, store.PurposeVerifyEmail)
			t.must(t.DropOneTime(t.ctx, u.ID, store.PurposeResetPassword), "DropOneTime(another purpose)")
			t.takes(tok, "kept")
		}},
	}
}
