package auth

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// Authenticate finds out who sent r, from its bearer token or else its session
// cookie, and checks with the store that user and session live. It implements
// [middleware.Authenticator].
func (s *Service) Authenticate(r *http.Request) (*middleware.Principal, error) {
	raw, viaCookie, err := s.credential(r)
	if err != nil {
		if viaCookie || isAmbiguous(err) {
			s.emitRefusal(r.Context(), Event{Kind: CookieAmbiguous, Device: DeviceOf(s, r)})
		}
		return nil, err
	}
	c, err := s.verifier.Verify(r.Context(), raw)
	if err != nil {
		return nil, middleware.ErrInvalidToken.With(err)
	}
	u, row, err := s.live(r.Context(), c)
	if err != nil {
		return nil, err
	}
	return s.principal(u, row, viaCookie), nil
}

// credential returns the access token of r. A bearer token decides alone.
func (s *Service) credential(r *http.Request) (raw string, viaCookie bool, err error) {
	if s.cfg.Cookies.Disabled {
		return middleware.Credential(r)
	}
	return middleware.Credential(r, s.cookies.session)
}

func (s *Service) principal(u *store.User, row *store.Session, viaCookie bool) *middleware.Principal {
	return &middleware.Principal{
		UserID: u.ID, Email: u.Email, Role: u.Role, SessionID: row.ID,
		EmailVerified: u.EmailVerified, AuthTime: row.AuthTime,
		Permissions: s.permissions(u.Role), User: u, ViaCookie: viaCookie,
	}
}

// live returns the user and session of c if both are alive, else
// ErrInvalidToken.
func (s *Service) live(ctx context.Context, c *token.Claims) (*store.User, *store.Session, error) {
	now := s.now()
	u, row, ok := s.liveCache.get(c.SessionID, now)
	if !ok {
		var err error
		if u, row, err = s.userWithSession(ctx, c.SessionID); err != nil {
			return nil, nil, err
		}
		s.liveCache.put(c.SessionID, u, row, now)
	}
	if !alive(u, row, c, now) {
		return nil, nil, middleware.ErrInvalidToken
	}
	return u, row, nil
}

// alive is the rule of live checks: what the store says against what the token
// says. u and row are nil if they are gone.
func alive(u *store.User, row *store.Session, c *token.Claims, now time.Time) bool {
	return u != nil && row != nil &&
		u.Active() && row.Live(now) &&
		row.UserID == u.ID && c.Subject == u.ID && c.SessionID == row.ID &&
		row.Epoch == u.Epoch && c.Epoch == row.Epoch
}

// liveCache remembers for a short while what the store said of a session. The
// zero value remembers nothing.
type liveCache struct {
	ttl time.Duration
	mu  sync.Mutex
	m   map[string]liveEntry
}

type liveEntry struct {
	u     *store.User
	row   *store.Session
	until time.Time
}

// maxLiveEntries bounds the cache; it is emptied when full.
const maxLiveEntries = 100_000

func (c *liveCache) get(sessionID string, now time.Time) (*store.User, *store.Session, bool) {
	if c.ttl <= 0 {
		return nil, nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[sessionID]
	if !ok || !now.Before(e.until) {
		return nil, nil, false
	}
	u := *e.u // callers may change what they are given
	return &u, e.row, true
}

func (c *liveCache) put(sessionID string, u *store.User, row *store.Session, now time.Time) {
	if c.ttl <= 0 || u == nil || row == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxLiveEntries {
		c.m = make(map[string]liveEntry)
	}
	kept := *u
	c.m[sessionID] = liveEntry{&kept, row, now.Add(c.ttl)}
}

// forget makes this process see at once that a session has ended; other
// processes see it when their entry runs out.
func (s *Service) forget(sessionID string) {
	s.liveCache.mu.Lock()
	defer s.liveCache.mu.Unlock()
	delete(s.liveCache.m, sessionID)
}

// forgetUser is forget for all sessions of a user.
func (s *Service) forgetUser(userID string) {
	s.liveCache.mu.Lock()
	defer s.liveCache.mu.Unlock()
	for id, e := range s.liveCache.m {
		if e.u.ID == userID {
			delete(s.liveCache.m, id)
		}
	}
}

// actorOf returns the user who sent the request that ctx belongs to, if any.
func actorOf(ctx context.Context) string {
	if p, ok := middleware.PrincipalFrom(ctx); ok {
		return p.UserID
	}
	return ""
}
