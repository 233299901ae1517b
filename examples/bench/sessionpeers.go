package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aarondl/authboss/v3"
	"github.com/aarondl/authboss/v3/defaults"
	"github.com/alexedwards/scs/v2"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/examples/bench/turns"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store/memstore"
)

// The names of contestants that look into a store on every request.
const (
	live      = "aegis, live"
	liveCache = "aegis, live with LiveCache"
)

// unprotected is no middleware at all, and bareRequest what it lets pass.
func unprotected(next http.Handler) http.Handler { return next }

var bareRequest = []func(*http.Request){func(*http.Request) {}}

// sessionTable compares what looks into the memory of the process on every
// request.
func sessionTable(o options, w io.Writer) error {
	peers, end, err := memoryPeers()
	if err != nil {
		return err
	}
	defer end()
	list := []turns.Contestant{peer{name: "bare handler", wrap: unprotected, good: bareRequest}.contestant()}
	for _, p := range peers {
		list = append(list, p.contestant())
	}
	byProcs, err := onEach(o, 0, true, list)
	if err != nil {
		return err
	}
	comparison(w, o, byProcs, live)
	return nil
}

// memoryPeers are the middlewares that find user or session in memory.
func memoryPeers() (list []peer, end func(), err error) {
	s, err := newService(memstore.New(), nil)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := s.signIn()
	if err != nil {
		return nil, nil, err
	}
	good, bad := bearer(tokens)
	scsPeer, err := scsPeer("scs", scs.New())
	if err != nil {
		return nil, nil, err
	}
	return []peer{
		{live, s.Guard().RequireUser, good, bad},
		scsPeer,
		authbossPeer(),
	}, s.end, nil
}

// scsPeer is a session manager with its sessions, behind a handler that asks for
// the user.
func scsPeer(name string, m *scs.SessionManager) (peer, error) {
	ids := make([]string, many)
	for i := range ids {
		ctx, err := m.Load(context.Background(), "")
		if err != nil {
			return peer{}, err
		}
		m.Put(ctx, "user", fmt.Sprintf("user%d", i))
		if ids[i], _, err = m.Commit(ctx); err != nil {
			return peer{}, err
		}
	}
	return peer{name, func(next http.Handler) http.Handler {
		return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.GetString(r.Context(), "user") == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		}))
	}, inCookie("session", ids), inCookie("session", forged(ids))}, nil
}

// authbossPeer keeps sessions and users in memory, behind a lock, as memstore
// does.
func authbossPeer() peer {
	mem := &bossMemory{sessions: map[string]bossState{}, users: map[string]*bossUser{}}
	ids := make([]string, many)
	for i := range ids {
		ids[i] = fmt.Sprintf("%032d", i)
		pid := fmt.Sprintf("user%d@example.com", i)
		mem.sessions[ids[i]] = bossState{authboss.SessionKey: pid}
		mem.users[pid] = &bossUser{pid}
	}
	ab := authboss.New()
	ab.Config.Core.Logger = defaults.NewLogger(io.Discard)
	ab.Config.Storage.Server = mem
	ab.Config.Storage.SessionState = mem
	return peer{"authboss", func(next http.Handler) http.Handler {
		return ab.LoadClientStateMiddleware(authboss.Middleware2(ab, authboss.RequireNone, authboss.RespondUnauthorized)(next))
	}, inCookie("session", ids), inCookie("session", forged(ids))}
}

type bossUser struct{ pid string }

func (u *bossUser) GetPID() string    { return u.pid }
func (u *bossUser) PutPID(pid string) { u.pid = pid }

type bossState map[string]string

func (s bossState) Get(key string) (string, bool) { v, ok := s[key]; return v, ok }

type bossMemory struct {
	mu       sync.RWMutex
	sessions map[string]bossState
	users    map[string]*bossUser
}

func (m *bossMemory) ReadState(r *http.Request) (authboss.ClientState, error) {
	c, err := r.Cookie("session")
	if err != nil {
		return bossState{}, nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.sessions[c.Value], nil
}

func (m *bossMemory) WriteState(http.ResponseWriter, authboss.ClientState, []authboss.ClientStateEvent) error {
	return nil
}

func (m *bossMemory) Load(_ context.Context, key string) (authboss.User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if u := m.users[key]; u != nil {
		return u, nil
	}
	return nil, authboss.ErrUserNotFound
}

func (m *bossMemory) Save(context.Context, authboss.User) error { return nil }

// stateless is the guard that believes the tokens of s alone.
func stateless(s *auth.Service) *middleware.Guard {
	return &middleware.Guard{Authenticator: middleware.Tokens(s.Verifier())}
}

// patience bounds what has to do with databases and servers that are starting.
const patience = 20 * time.Second
