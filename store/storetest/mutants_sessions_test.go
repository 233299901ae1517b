package storetest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func sessionMutants() []mutant {
	return []mutant{
		{"Rotate ignores Old", func(m *memstore.Store) store.Store { return ignoresOld{m} },
			[]string{
				"Rotate makes no exchange for a secret that is spent",
				"Rotate makes no exchange for a hash that is not the live one",
				"of 64 callers rotating one session exactly one makes the exchange, and all read the same session",
			}},
		{"Rotate accepts the hash before the live one", func(m *memstore.Store) store.Store { return acceptsPrev{m} },
			[]string{"Rotate makes no exchange for a secret that is spent"}},
		{"Rotate compares Old before it writes, not while", func(m *memstore.Store) store.Store { return rotatesInTwoSteps{m} },
			[]string{"of 64 callers rotating one session exactly one makes the exchange, and all read the same session"}},
		{"Rotate never looks at the rows affected", func(m *memstore.Store) store.Store { return alwaysSwapped{m} },
			[]string{
				"Rotate makes no exchange for a secret that is spent",
				"of 64 callers rotating one session exactly one makes the exchange, and all read the same session",
			}},
		{"losing a Rotate is an error", func(m *memstore.Store) store.Store { return losingIsAnError{m} },
			[]string{"Rotate makes no exchange for a secret that is spent"}},
		{"Rotate gives the session as it was before", func(m *memstore.Store) store.Store { return givesBefore{m} },
			[]string{"Rotate exchanges the secret and changes what it says, nothing else"}},
		{"Rotate goes on past the limits", func(m *memstore.Store) store.Store { return ignoresLimits{m} },
			[]string{
				"Rotate makes no exchange from the very moment of ExpiresAt on",
				"Rotate makes no exchange from the very moment of EndsAt on",
			}},
		{"a session lives at the very moment of its limit", func(m *memstore.Store) store.Store { return aMomentLonger{m} },
			[]string{"Rotate makes no exchange from the very moment of ExpiresAt on"}},
		{"Rotate reads the clock", func(m *memstore.Store) store.Store { return readsTheClock{m} },
			[]string{"stores never read the clock: a session lives in any year its caller says it is"}},
		{"Rotate moves every session with the hash", func(m *memstore.Store) store.Store { return &movesAll{Store: m} },
			[]string{"Rotate moves no other session, not even one with the same hash"}},
		{"CreateSession replaces a session with the same ID", func(m *memstore.Store) store.Store { return &replacesSession{Store: m} },
			[]string{"CreateSession returns ErrConflict for an ID that is taken, and changes nothing"}},
		{"RevokeSession returns before it is done", func(m *memstore.Store) store.Store { return revokesLater{m} },
			[]string{"no Rotate succeeds once RevokeSession has returned", "RevokeSession sets RevokedAt and nothing else"}},
		{"RevokeSession of no session is an error", func(m *memstore.Store) store.Store { return revokesStrictly{m} },
			[]string{"RevokeSession of a session that is not there is no error"}},
		{"RevokeSessions spares nobody", func(m *memstore.Store) store.Store { return sparesNobody{m} },
			[]string{"RevokeSessions revokes all sessions of the user but one, and returns how many"}},
		{"RevokeSessions counts before it revokes", func(m *memstore.Store) store.Store { return countsFirst{m} },
			[]string{"sessions that many revoke at once are counted once"}},
		{"RenewSession renews revoked sessions", func(m *memstore.Store) store.Store { return renewsRevoked{m} },
			[]string{"RenewSession returns ErrNotFound for a session that is not there or revoked, and changes nothing"}},
		{"ListSessions hides sessions that ran out", func(m *memstore.Store) store.Store { return hidesPast{m} },
			[]string{"ListSessions leaves out sessions that are revoked, not those past their limits"}},
		{"ListSessions stops at 50", func(m *memstore.Store) store.Store { return stopsAt50{m} },
			[]string{"ListSessions lists the 200 newest sessions and no more"}},
		{"UserWithSession reads one row after the other", func(m *memstore.Store) store.Store { return readsTwice{m} },
			[]string{"UserWithSession reads both rows as they are at one moment"}},
	}
}

type ignoresOld struct{ *memstore.Store }

func (s ignoresOld) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	for {
		live, err := s.Store.SessionByID(ctx, r.SessionID)
		if err != nil {
			return nil, false, err
		}
		r.Old = live.Hash
		if got, swapped, err := s.Store.Rotate(ctx, r); err != nil || swapped || !live.Live(r.Now) {
			return got, swapped, err
		}
	}
}

type acceptsPrev struct{ *memstore.Store }

func (s acceptsPrev) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	if live, err := s.Store.SessionByID(ctx, r.SessionID); err == nil && bytes.Equal(live.PrevHash, r.Old) {
		r.Old = live.Hash
	}
	return s.Store.Rotate(ctx, r)
}

type rotatesInTwoSteps struct{ *memstore.Store }

func (s rotatesInTwoSteps) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	seen, err := s.Store.SessionByID(ctx, r.SessionID)
	if err != nil || !bytes.Equal(seen.Hash, r.Old) {
		return seen, false, err
	}
	window()
	return ignoresOld(s).Rotate(ctx, r)
}

type alwaysSwapped struct{ *memstore.Store }

func (s alwaysSwapped) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	got, _, err := s.Store.Rotate(ctx, r)
	return got, err == nil, err
}

type losingIsAnError struct{ *memstore.Store }

func (s losingIsAnError) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	got, swapped, err := s.Store.Rotate(ctx, r)
	if err == nil && !swapped {
		err = store.ErrStale
	}
	return got, swapped, err
}

type givesBefore struct{ *memstore.Store }

func (s givesBefore) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	before, err := s.Store.SessionByID(ctx, r.SessionID)
	if err != nil {
		return nil, false, err
	}
	_, swapped, err := s.Store.Rotate(ctx, r)
	return before, swapped, err
}

type ignoresLimits struct{ *memstore.Store }

func (s ignoresLimits) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	r.Now = time.Unix(1, 0).UTC()
	return s.Store.Rotate(ctx, r)
}

type aMomentLonger struct{ *memstore.Store }

func (s aMomentLonger) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	r.Now = r.Now.Add(-time.Microsecond)
	return s.Store.Rotate(ctx, r)
}

type readsTheClock struct{ *memstore.Store }

func (s readsTheClock) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	got, err := s.Store.SessionByID(ctx, r.SessionID)
	if err == nil && !got.Live(time.Now()) {
		return got, false, nil
	}
	return s.Store.Rotate(ctx, r)
}

// movesAll remembers which session has which hash, as a statement without the
// session's ID would find them.
type movesAll struct {
	*memstore.Store
	ids []string
}

func (s *movesAll) CreateSession(ctx context.Context, se *store.Session) error {
	s.ids = append(s.ids, se.ID)
	return s.Store.CreateSession(ctx, se)
}

func (s *movesAll) Rotate(ctx context.Context, r store.Rotation) (*store.Session, bool, error) {
	for _, id := range s.ids {
		if id != r.SessionID {
			other := r
			other.SessionID = id
			if _, _, err := s.Store.Rotate(ctx, other); err != nil {
				return nil, false, err
			}
		}
	}
	return s.Store.Rotate(ctx, r)
}

// replacesSession keeps what came last under an ID.
type replacesSession struct {
	*memstore.Store
	last sync.Map
}

func (s *replacesSession) CreateSession(ctx context.Context, se *store.Session) error {
	err := s.Store.CreateSession(ctx, se)
	if errors.Is(err, store.ErrConflict) {
		c := *se
		s.last.Store(se.ID, &c)
		return nil
	}
	return err
}

func (s *replacesSession) SessionByID(ctx context.Context, id string) (*store.Session, error) {
	if se, ok := s.last.Load(id); ok {
		return se.(*store.Session), nil
	}
	return s.Store.SessionByID(ctx, id)
}

type revokesLater struct{ *memstore.Store }

func (s revokesLater) RevokeSession(ctx context.Context, id string, now time.Time) error {
	go func() {
		window()
		_ = s.Store.RevokeSession(context.WithoutCancel(ctx), id, now)
	}()
	return nil
}

type revokesStrictly struct{ *memstore.Store }

func (s revokesStrictly) RevokeSession(ctx context.Context, id string, now time.Time) error {
	if _, err := s.Store.SessionByID(ctx, id); err != nil {
		return err
	}
	return s.Store.RevokeSession(ctx, id, now)
}

type sparesNobody struct{ *memstore.Store }

func (s sparesNobody) RevokeSessions(ctx context.Context, userID, _ string, now time.Time) (int, error) {
	return s.Store.RevokeSessions(ctx, userID, "", now)
}

type countsFirst struct{ *memstore.Store }

func (s countsFirst) RevokeSessions(ctx context.Context, userID, exceptID string, now time.Time) (int, error) {
	list, err := s.Store.ListSessions(ctx, userID)
	if err != nil {
		return 0, err
	}
	window()
	_, err = s.Store.RevokeSessions(ctx, userID, exceptID, now)
	return len(list), err
}

type renewsRevoked struct{ *memstore.Store }

func (s renewsRevoked) RenewSession(ctx context.Context, id string, epoch int64, authTime time.Time) error {
	err := s.Store.RenewSession(ctx, id, epoch, authTime)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

type hidesPast struct{ *memstore.Store }

func (s hidesPast) ListSessions(ctx context.Context, userID string) ([]*store.Session, error) {
	list, err := s.Store.ListSessions(ctx, userID)
	var live []*store.Session
	for _, se := range list {
		if se.Live(start) {
			live = append(live, se)
		}
	}
	return live, err
}

type stopsAt50 struct{ *memstore.Store }

func (s stopsAt50) ListSessions(ctx context.Context, userID string) ([]*store.Session, error) {
	list, err := s.Store.ListSessions(ctx, userID)
	return list[:min(50, len(list))], err
}

type readsTwice struct{ *memstore.Store }

func (s readsTwice) UserWithSession(ctx context.Context, id string) (*store.User, *store.Session, error) {
	se, err := s.Store.SessionByID(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	window()
	u, err := s.Store.UserByID(ctx, se.UserID)
	return u, se, err
}
