package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/store"
)

// maxSessions is how many sessions a user may have; a further sign-in ends the
// oldest.
const maxSessions = 50

// Grant is what a sign-in or a refresh hands to the client.
type Grant struct {
	AccessToken  string
	RefreshToken string    // empty if only the access token is new
	ExpiresAt    time.Time // of the access token
	User         *store.User
	Session      *store.Session

	deviceMark string
}

// LogValue shows whose grant g is, and no token.
func (g *Grant) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user_id", g.User.ID), slog.String("session_id", g.Session.ID))
}

// String shows no token.
func (g *Grant) String() string { return "grant of session " + g.Session.ID }

// StartSession begins a session of u on d and returns its tokens. method says
// how u proved who they are: "password", "oauth:github" …. It always makes a new
// session; no token that came with the request is taken over.
//
// Errors: those of Hooks.BeforeSignIn and Hooks.Claims as they are, and
// ErrUnavailable.
func (s *Service) StartSession(ctx context.Context, u *store.User, method string, d Device) (*Grant, error) {
	if !u.Active() {
		return nil, ErrInvalidCredentials
	}
	if hook := s.cfg.Hooks.BeforeSignIn; hook != nil {
		if err := hook(ctx, u); err != nil {
			return nil, err
		}
	}
	now := s.now()
	secret := newRefreshSecret()
	row := &store.Session{
		ID: store.NewID(now), UserID: u.ID, Method: method,
		Hash: hashSecret(hashRefresh, secret[:]), Epoch: u.Epoch,
		UserAgent: d.UserAgent, IP: d.ip(),
		AuthTime: now, CreatedAt: now, RotatedAt: now,
		ExpiresAt: now.Add(s.cfg.RefreshTTL), EndsAt: now.Add(s.cfg.SessionTTL),
	}
	g, err := s.grant(ctx, u, row, refreshToken{row.ID, 0, secret})
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Store.CreateSession(ctx, row); err != nil {
		return nil, unavailable("start session", err)
	}
	if !s.cfg.Cookies.Disabled {
		g.deviceMark = s.marks.renew(d.Mark, u.ID, now)
	}
	s.endOldest(ctx, row, now)
	s.touchSignIn(ctx, u)
	return g, nil
}

// endOldest keeps a user's sessions within maxSessions, the new one among them,
// which is never the one to go. Trouble is logged and no more: the sign-in itself
// has happened.
func (s *Service) endOldest(ctx context.Context, newest *store.Session, now time.Time) {
	rows, err := s.cfg.Store.ListSessions(ctx, newest.UserID)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "list sessions", "err", err)
		return
	}
	others := slices.DeleteFunc(rows, func(row *store.Session) bool { return row.ID == newest.ID })
	for _, old := range others[min(len(others), maxSessions-1):] {
		if err := s.cfg.Store.RevokeSession(ctx, old.ID, now); err != nil {
			s.cfg.Logger.WarnContext(ctx, "end oldest session", "err", err)
		}
	}
}

// grant signs an access token for a session and writes its refresh token.
func (s *Service) grant(ctx context.Context, u *store.User, row *store.Session, t refreshToken) (*Grant, error) {
	refresh, err := s.codec.encode(t)
	if err != nil {
		return nil, fmt.Errorf("write refresh token: %w", err)
	}
	g, err := s.accessGrant(ctx, u, row)
	if err != nil {
		return nil, err
	}
	g.RefreshToken = refresh
	return g, nil
}

// accessGrant signs an access token alone. The token carries the session's
// epoch, not the user's: if the user's was raised meanwhile, it is born dead.
func (s *Service) accessGrant(ctx context.Context, u *store.User, row *store.Session) (*Grant, error) {
	now := s.now()
	issued := now.Truncate(time.Second) // JWT times are whole seconds
	expires := issued.Add(s.cfg.AccessTTL)
	if row.EndsAt.Before(expires) {
		expires = row.EndsAt.Truncate(time.Second)
	}
	c := &token.Claims{
		ID: store.NewID(now), Issuer: s.cfg.BaseURL, Audience: []string{s.cfg.Audience},
		Subject: u.ID, SessionID: row.ID, IssuedAt: issued, ExpiresAt: expires,
		AuthTime: row.AuthTime, Role: u.Role, Epoch: row.Epoch, Methods: methods(row.Method),
	}
	if hook := s.cfg.Hooks.Claims; hook != nil {
		if err := hook(ctx, u, c); err != nil {
			return nil, err
		}
	}
	raw, err := s.keys.Sign(c)
	if err != nil {
		return nil, fmt.Errorf("sign access token: %w", err)
	}
	return &Grant{AccessToken: raw, ExpiresAt: expires, User: u, Session: row}, nil
}

// methods returns the authentication methods (RFC 8176) of a sign-in.
func methods(method string) []string {
	if method == "password" {
		return []string{"pwd"}
	}
	if provider, ok := strings.CutPrefix(method, "oauth:"); ok {
		return []string{"fed", provider}
	}
	return []string{method}
}

// userWithSession reads a session and its user, in one read if the store can.
// Both are nil if either is gone.
func (s *Service) userWithSession(ctx context.Context, sessionID string) (*store.User, *store.Session, error) {
	u, row, err := s.readUserWithSession(ctx, sessionID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, unavailable("read session", err)
	}
	return u, row, nil
}

func (s *Service) readUserWithSession(ctx context.Context, sessionID string) (*store.User, *store.Session, error) {
	if s.cfg.Principals != nil {
		return s.cfg.Principals.UserWithSession(ctx, sessionID)
	}
	row, err := s.cfg.Store.SessionByID(ctx, sessionID)
	if err != nil {
		return nil, nil, err
	}
	u, err := s.cfg.Store.UserByID(ctx, row.UserID)
	return u, row, err
}

// Refresh exchanges a refresh token for new tokens. It follows one rule, judge,
// and changes nothing unless that rule says so.
//
// Errors: ErrSessionExpired if the session is over or the token is not genuine,
// ErrSessionReused if the token was spent before (the session is then ended),
// ErrRefreshConflict if the caller should use the newer token it holds by now,
// and ErrUnavailable if the store did not answer, which is never taken for theft.
func (s *Service) Refresh(ctx context.Context, raw string, d Device) (*Grant, error) {
	t, ok := s.codec.decode(raw)
	if !ok {
		return nil, ErrSessionExpired // without asking the store
	}
	p := presented{generation: t.generation, hash: t.hash(), arrived: s.now()}
	strict := s.cfg.RefreshGrace < 0
	window := s.cfg.RefreshGrace
	if strict {
		window = s.strictWindow
		var leave func()
		p.racing, leave = s.races.enter(t)
		defer leave()
	}
	u, row, err := s.userWithSession(ctx, t.sessionID)
	if err != nil {
		return nil, err
	}
	v := judge(row, u, p, window)
	if v == verdictLive {
		next := newRefreshSecret()
		var swapped bool
		row, swapped, err = s.rotate(ctx, row, t, next, p.arrived, d)
		if err != nil {
			return nil, err
		}
		if swapped {
			g, err := s.grant(ctx, u, row, refreshToken{row.ID, row.Generation, next})
			if strict {
				s.races.hold(ctx, t, s.strictWindow)
			}
			return g, err
		}
		v = judge(row, u, p, window)
	}
	return s.settle(ctx, v, t, u, row, d)
}

// rotate swaps the live secret of a session for next. A session that is gone is
// nil.
func (s *Service) rotate(ctx context.Context, row *store.Session, spent refreshToken, next [32]byte, now time.Time, d Device) (*store.Session, bool, error) {
	expires := now.Add(s.cfg.RefreshTTL)
	if row.EndsAt.Before(expires) {
		expires = row.EndsAt
	}
	row, swapped, err := s.cfg.Store.Rotate(ctx, store.Rotation{
		SessionID: row.ID, Old: spent.hash(), New: hashSecret(hashRefresh, next[:]),
		Sealed: sealSuccessor(spent.secret, next, row.ID, spent.generation+1),
		Now:    now, ExpiresAt: expires, UserAgent: d.UserAgent, IP: d.ip(),
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, unavailable("rotate session", err)
	}
	return row, swapped, nil
}

// settle answers a refresh token that is not the live one.
func (s *Service) settle(ctx context.Context, v verdict, t refreshToken, u *store.User, row *store.Session, d Device) (*Grant, error) {
	switch v {
	case verdictSuccessor:
		next, err := openSuccessor(t.secret, row.Sealed, row.ID, row.Generation)
		if err != nil {
			return nil, unavailable("open successor", err)
		}
		if row.UserAgent != d.UserAgent {
			s.Emit(ctx, Event{Kind: GraceMismatch, UserID: u.ID, SessionID: row.ID, Device: d,
				Attrs: []slog.Attr{slog.String("rotated_by", row.UserAgent)}})
		}
		return s.grant(ctx, u, row, refreshToken{row.ID, row.Generation, next})
	case verdictConflict:
		s.Emit(ctx, Event{Kind: RefreshConflicted, UserID: u.ID, SessionID: row.ID, Device: d})
		return nil, ErrRefreshConflict
	case verdictReused:
		return nil, s.endReused(ctx, u, row, d)
	case verdictLive: // it lost the swap, and yet the row says that it is live
		return nil, ErrUnavailable.WithRetryAfter(retryAfterTrouble)
	}
	return nil, ErrSessionExpired
}

// endReused ends a session whose spent refresh token was presented again.
func (s *Service) endReused(ctx context.Context, u *store.User, row *store.Session, d Device) error {
	if err := s.cfg.Store.RevokeSession(ctx, row.ID, s.now()); err != nil {
		return unavailable("end reused session", err)
	}
	s.forget(row.ID)
	s.Emit(ctx, Event{Kind: RefreshReused, UserID: u.ID, SessionID: row.ID, Device: d,
		Attrs: []slog.Attr{slog.String("rotated_by", row.UserAgent), slog.String("rotated_from", row.IP)}})
	s.notify(ctx, u, MailSessionReused, d)
	return ErrSessionReused
}

// SignOut ends the session that a refresh token belongs to, whichever of its
// tokens it is. A token that is not genuine is ErrSessionExpired.
func (s *Service) SignOut(ctx context.Context, raw string, d Device) error {
	t, ok := s.codec.decode(raw)
	if !ok {
		return ErrSessionExpired
	}
	return s.signOut(ctx, t.sessionID, d)
}

// signOut ends a session; one that is over is no error.
func (s *Service) signOut(ctx context.Context, sessionID string, d Device) error {
	row, err := s.cfg.Store.SessionByID(ctx, sessionID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !row.RevokedAt.IsZero() {
		return nil
	}
	if err != nil {
		return unavailable("read session", err)
	}
	if err := s.cfg.Store.RevokeSession(ctx, sessionID, s.now()); err != nil {
		return unavailable("end session", err)
	}
	s.forget(sessionID)
	s.Emit(ctx, Event{Kind: SignedOut, ActorID: row.UserID, UserID: row.UserID, SessionID: sessionID, Device: d})
	return nil
}

// Sessions returns the sessions of a user that live, newest first.
func (s *Service) Sessions(ctx context.Context, userID string) ([]*store.Session, error) {
	u, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	rows, err := s.cfg.Store.ListSessions(ctx, userID)
	if err != nil {
		return nil, unavailable("list sessions", err)
	}
	now := s.now()
	live := rows[:0]
	for _, row := range rows {
		if row.Live(now) && row.Epoch == u.Epoch {
			live = append(live, row)
		}
	}
	return live, nil
}

// RevokeSession ends one session of a user. A session of somebody else is
// ErrNotFound, as one that is over.
func (s *Service) RevokeSession(ctx context.Context, userID, sessionID string) error {
	row, err := s.cfg.Store.SessionByID(ctx, sessionID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (row.UserID != userID || !row.Live(s.now())) {
		return ErrNotFound
	}
	if err != nil {
		return unavailable("read session", err)
	}
	if err := s.cfg.Store.RevokeSession(ctx, sessionID, s.now()); err != nil {
		return unavailable("end session", err)
	}
	s.forget(sessionID)
	s.Emit(ctx, Event{Kind: SessionRevoked, ActorID: userID, UserID: userID, SessionID: sessionID})
	return nil
}

// RevokeSessions ends all sessions of a user but the one with exceptID, and
// returns how many.
func (s *Service) RevokeSessions(ctx context.Context, userID, exceptID string) (int, error) {
	n, err := s.cfg.Store.RevokeSessions(ctx, userID, exceptID, s.now())
	if err != nil {
		return 0, unavailable("end sessions", err)
	}
	s.forgetUser(userID)
	s.Emit(ctx, Event{Kind: SessionRevoked, ActorID: actorOf(ctx), UserID: userID, SessionID: exceptID,
		Attrs: []slog.Attr{slog.Int("revoked", n), slog.Bool("all_but_this", exceptID != "")}})
	return n, nil
}
