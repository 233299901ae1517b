package auth

import (
	"errors"
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// ListSessionsHandler answers GET {P}/sessions.
func ListSessionsHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, access: signedIn, serve: s.serveListSessions})
}

type sessionJSON struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	UserAgent  *string   `json:"user_agent"`
	IP         *string   `json:"ip"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	IsCurrent  bool      `json:"is_current"`
}

func (s *Service) serveListSessions(w http.ResponseWriter, r *http.Request) error {
	p, _ := middleware.PrincipalFrom(r.Context())
	rows, err := s.Sessions(r.Context(), p.UserID)
	if err != nil {
		return err
	}
	out := listJSON[sessionJSON]{Items: []sessionJSON{}}
	for _, row := range rows {
		expires := row.ExpiresAt
		if row.EndsAt.Before(expires) {
			expires = row.EndsAt
		}
		out.Items = append(out.Items, sessionJSON{
			ID: row.ID, Source: row.Method, UserAgent: optional(row.UserAgent), IP: optional(row.IP),
			CreatedAt: row.CreatedAt, LastUsedAt: row.RotatedAt, ExpiresAt: expires, IsCurrent: row.ID == p.SessionID,
		})
	}
	return WriteJSON(w, http.StatusOK, out)
}

// RevokeSessionHandler answers DELETE {P}/sessions/{id}.
func RevokeSessionHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodDelete, access: signedIn, serve: s.serveRevokeSession})
}

func (s *Service) serveRevokeSession(w http.ResponseWriter, r *http.Request) error {
	p, _ := middleware.PrincipalFrom(r.Context())
	id := r.PathValue("id")
	if _, ok := store.ParseID(id); !ok {
		return ErrNotFound
	}
	if err := s.RevokeSession(r.Context(), p.UserID, id); err != nil {
		return err
	}
	if id == p.SessionID {
		s.ClearCookies(w)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type revokedJSON struct {
	Revoked int `json:"revoked"`
}

// RevokeOtherSessionsHandler answers DELETE {P}/sessions: all but this one end.
func RevokeOtherSessionsHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodDelete, access: signedIn, serve: s.serveRevokeOthers})
}

func (s *Service) serveRevokeOthers(w http.ResponseWriter, r *http.Request) error {
	p, _ := middleware.PrincipalFrom(r.Context())
	n, err := s.RevokeSessions(r.Context(), p.UserID, p.SessionID)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, revokedJSON{n})
}

// currentSession returns the session of whoever sent r to a public route, "" if
// nobody is signed in. If that cannot be found out it is ErrUnavailable: what goes
// on without an answer would end the session.
func (s *Service) currentSession(r *http.Request) (string, error) {
	p, err := s.Authenticate(r)
	if errors.Is(err, ErrUnavailable) {
		return "", err
	}
	if err != nil {
		return "", nil
	}
	return p.SessionID, nil
}
