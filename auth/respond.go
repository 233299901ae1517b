package auth

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

func field(name, code, detail string) problem.Field {
	return problem.Field{Name: name, Code: code, Detail: detail}
}

// WriteJSON answers with v. Everything this service says about people and
// tokens stays out of caches.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
	return nil
}

// detail is the body of an answer that has nothing to say but that it worked.
type detail struct {
	Detail string `json:"detail"`
}

// listJSON is the body of every list.
type listJSON[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// userJSON is the documented form of a user.
type userJSON struct {
	ID          string     `json:"id"`
	Email       string     `json:"email"`
	FullName    *string    `json:"full_name"`
	IsActive    bool       `json:"is_active"`
	IsVerified  bool       `json:"is_verified"`
	Role        *string    `json:"role"`
	Permissions []string   `json:"permissions"`
	HasPassword bool       `json:"has_password"`
	LastLogin   *time.Time `json:"last_login"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// UserView is the documented JSON form of a user, for callers whose
// Config.UserView adds to it.
func (s *Service) UserView(u *store.User) any {
	return userJSON{
		ID: u.ID, Email: u.Email, FullName: optional(u.Name),
		IsActive: u.Active(), IsVerified: u.EmailVerified,
		Role: optional(u.Role), Permissions: s.permissions(u.Role),
		HasPassword: u.PasswordHash != "", LastLogin: optionalTime(u.LastLoginAt),
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

func (s *Service) userView(u *store.User) any {
	if s.cfg.UserView != nil {
		return s.cfg.UserView(u)
	}
	return s.UserView(u)
}

// permissions returns what role may do, never nil.
func (s *Service) permissions(role string) []string {
	if p := s.cfg.Roles[role]; p != nil {
		return p
	}
	return []string{}
}

// optional returns nil for "", which JSON shows as null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// tokenJSON is the answer of RFC 6749 §5.1.
type tokenJSON struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// writeGrant sets both cookies and answers with the tokens; the refresh token is
// in the body only for clients that are no browser.
func (s *Service) writeGrant(w http.ResponseWriter, r *http.Request, g *Grant) error {
	s.SetCookies(w, g)
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
	body := tokenJSON{
		AccessToken: g.AccessToken, TokenType: "bearer",
		ExpiresIn: secondsUp(g.ExpiresAt.Sub(s.now())),
	}
	if !s.isBrowser(r) {
		body.RefreshToken = g.RefreshToken
	}
	return WriteJSON(w, http.StatusOK, body)
}

// secondsUp returns d in whole seconds, rounded up.
func secondsUp(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
