package auth

import (
	"net/http"
	"strconv"
	"time"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// maxPage bounds the length of a page of any list.
const maxPage = 200

// Page reads ?limit= and ?after= of a list. purpose keeps the cursor of one list
// from being used with another.
//
// Errors: ErrValidation.
func (s *Service) Page(r *http.Request, purpose string) (after store.Cursor, limit int, err error) {
	q := r.URL.Query()
	limit = store.DefaultLimit
	if text := q.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxPage {
			return after, 0, invalid("limit", "out_of_range", "A limit is a whole number from 1 to 200.")
		}
	}
	if text := q.Get("after"); text != "" {
		var ok bool
		if after, ok = s.openCursor(purpose, text); !ok {
			return after, 0, invalid("after", "invalid", "This is no cursor of this list.")
		}
	}
	return after, limit, nil
}

// ListUsersHandler answers GET {P}/users for administrators and moderators.
func ListUsersHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, access: signedIn, roles: s.knownRoles(RoleAdmin, RoleModerator), serve: s.serveListUsers})
}

// knownRoles returns those of the roles that are configured; a route for none is
// for administrators.
func (s *Service) knownRoles(roles ...string) []string {
	known := make([]string, 0, len(roles))
	for _, role := range roles {
		if _, ok := s.cfg.Roles[role]; ok {
			known = append(known, role)
		}
	}
	return known
}

var userStatuses = map[string]store.UserStatus{
	"": store.StatusNotDeleted, "active": store.StatusActive, "disabled": store.StatusDisabled,
	"deleted": store.StatusDeleted, "any": store.StatusAny,
}

func (s *Service) serveListUsers(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := s.Page(r, "users")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	status, ok := userStatuses[q.Get("status")]
	if !ok {
		return invalid("status", "unknown", "A status is active, disabled, deleted or any.")
	}
	for _, name := range []string{"email", "role"} {
		if text := q.Get(name); len(text) > 254 || cleanText(text, 254) != text {
			return invalid(name, "invalid", "This filter cannot be used.")
		}
	}
	users, err := s.Users(r.Context(), store.UserQuery{
		EmailPrefix: lowerASCII(q.Get("email")), Role: q.Get("role"), Status: status, After: after, Limit: limit + 1,
	})
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, PageOf(s, "users", users, limit,
		func(u *store.User) store.Cursor { return store.Cursor{At: u.CreatedAt, ID: u.ID} }, s.userView))
}

// CreateUserHandler answers POST {P}/users: it makes an account and mails a link
// that sets its password.
func CreateUserHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, access: signedIn, roles: []string{RoleAdmin}, serve: s.serveCreateUser})
}

type createUserRequest struct {
	Email    *string `json:"email"`
	FullName *string `json:"full_name"`
	Role     *string `json:"role"`
}

func (s *Service) serveCreateUser(w http.ResponseWriter, r *http.Request) error {
	var in createUserRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	u, err := s.CreateUser(r.Context(), Registrant{Email: value(in.Email), Name: value(in.FullName)}, value(in.Role))
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusCreated, s.userView(u))
}

// GetUserHandler answers GET {P}/users/{id} for the user and for administrators.
func GetUserHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, access: signedIn, serve: func(w http.ResponseWriter, r *http.Request) error {
		id, err := s.selfOrAdmin(r)
		if err != nil {
			return err
		}
		u, err := s.anyUser(r.Context(), id)
		if err != nil {
			return err
		}
		return WriteJSON(w, http.StatusOK, s.userView(u))
	}})
}

// selfOrAdmin returns the user that r names, if its sender may act on them.
// Others are refused before it is known whether there is such a user.
func (s *Service) selfOrAdmin(r *http.Request) (string, error) {
	p, _ := middleware.PrincipalFrom(r.Context())
	id := r.PathValue("id")
	if id != p.UserID && p.Role != RoleAdmin {
		return "", middleware.ErrInsufficientRole
	}
	return id, nil
}

// UpdateUserHandler answers PATCH {P}/users/{id} for the user and for
// administrators.
func UpdateUserHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPatch, access: signedIn, serve: s.serveUpdateUser})
}

type updateUserRequest struct {
	FullName *string `json:"full_name"`
}

func (s *Service) serveUpdateUser(w http.ResponseWriter, r *http.Request) error {
	id, err := s.selfOrAdmin(r)
	if err != nil {
		return err
	}
	var in updateUserRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	if in.FullName == nil {
		return ErrNothingToChange
	}
	name, refused := cleanName("full_name", *in.FullName)
	if len(refused) > 0 {
		return ErrValidation.WithFields(refused...)
	}
	u, err := s.UpdateUser(r.Context(), id, func(u *store.User) error {
		u.Name = name
		return nil
	})
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, s.userView(u))
}

// adminUser makes the handlers that change one user and answer with them.
func (s *Service) adminUser(method string, change func(r *http.Request, id string) (*store.User, error)) http.Handler {
	return s.handler(endpoint{method: method, access: signedIn, roles: []string{RoleAdmin}, serve: func(w http.ResponseWriter, r *http.Request) error {
		u, err := change(r, r.PathValue("id"))
		if err != nil {
			return err
		}
		return WriteJSON(w, http.StatusOK, s.userView(u))
	}})
}

type setRoleRequest struct {
	Role *string `json:"role"`
}

// SetUserRoleHandler answers PATCH {P}/users/{id}/role.
func SetUserRoleHandler(s *Service) http.Handler {
	return s.adminUser(http.MethodPatch, func(r *http.Request, id string) (*store.User, error) {
		var in setRoleRequest
		if err := DecodeJSON(r, &in); err != nil {
			return nil, err
		}
		if in.Role == nil {
			return nil, invalid("role", "required", "A role is required.")
		}
		if id == actorOf(r.Context()) {
			return nil, ErrOwnRole
		}
		return s.SetRole(r.Context(), id, *in.Role)
	})
}

// ActivateUserHandler answers PATCH {P}/users/{id}/activate.
func ActivateUserHandler(s *Service) http.Handler {
	return s.adminUser(http.MethodPatch, func(r *http.Request, id string) (*store.User, error) {
		return s.SetDisabled(r.Context(), id, false)
	})
}

// DeactivateUserHandler answers PATCH {P}/users/{id}/deactivate.
func DeactivateUserHandler(s *Service) http.Handler {
	return s.adminUser(http.MethodPatch, func(r *http.Request, id string) (*store.User, error) {
		return s.SetDisabled(r.Context(), id, true)
	})
}

// RestoreUserHandler answers POST {P}/users/{id}/restore.
func RestoreUserHandler(s *Service) http.Handler {
	return s.adminUser(http.MethodPost, func(r *http.Request, id string) (*store.User, error) {
		return s.RestoreUser(r.Context(), id)
	})
}

// adminAct makes the handlers that act on one user and have nothing to say.
func (s *Service) adminAct(method string, act func(r *http.Request, id string) error) http.Handler {
	return s.handler(endpoint{method: method, access: signedIn, roles: []string{RoleAdmin}, serve: func(w http.ResponseWriter, r *http.Request) error {
		if err := act(r, r.PathValue("id")); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}})
}

// DeleteUserHandler answers DELETE {P}/users/{id}, softly unless ?hard=true.
func DeleteUserHandler(s *Service) http.Handler {
	return s.adminAct(http.MethodDelete, func(r *http.Request, id string) error {
		hard, err := BoolParam(r, "hard")
		if err != nil {
			return err
		}
		return s.DeleteUser(r.Context(), id, hard)
	})
}

// BoolParam reads a parameter of the query that is true or false; it is false if
// it is not there.
//
// Errors: ErrValidation.
func BoolParam(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid(name, "invalid", "This parameter is true or false.")
	}
	return b, nil
}

// RevokeUserSessionsHandler answers DELETE {P}/users/{id}/sessions.
func RevokeUserSessionsHandler(s *Service) http.Handler {
	return s.adminAct(http.MethodDelete, func(r *http.Request, id string) error {
		return s.EndSessions(r.Context(), id)
	})
}

// UnlockUserHandler answers POST {P}/users/{id}/unlock.
func UnlockUserHandler(s *Service) http.Handler {
	return s.adminAct(http.MethodPost, func(r *http.Request, id string) error {
		return s.Unlock(r.Context(), id)
	})
}

// AuditHandler answers GET {P}/audit with stored events, newest first.
func AuditHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, access: signedIn, roles: []string{RoleAdmin}, serve: s.serveAudit})
}

type auditJSON struct {
	ID        string            `json:"id"`
	Time      time.Time         `json:"time"`
	Kind      string            `json:"kind"`
	ActorID   *string           `json:"actor_id"`
	UserID    *string           `json:"user_id"`
	OrgID     *string           `json:"organization_id"`
	SessionID *string           `json:"session_id"`
	IP        *string           `json:"ip"`
	UserAgent *string           `json:"user_agent"`
	RequestID *string           `json:"request_id"`
	Attrs     map[string]string `json:"attrs"`
}

func (s *Service) serveAudit(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := s.Page(r, "audit")
	if err != nil {
		return err
	}
	q := store.AuditQuery{UserID: r.URL.Query().Get("user"), Kind: r.URL.Query().Get("kind"), After: after, Limit: limit + 1}
	if text := r.URL.Query().Get("since"); text != "" {
		if q.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return invalid("since", "invalid", "A time is like 2026-01-31T12:00:00Z.")
		}
		q.Since = q.Since.UTC().Truncate(time.Microsecond)
	}
	for name, text := range map[string]string{"user": q.UserID, "kind": q.Kind} {
		if cleanText(text, 64) != text {
			return invalid(name, "invalid", "This filter cannot be used.")
		}
	}
	entries, err := s.AuditTrail(r.Context(), q)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, PageOf(s, "audit", entries, limit,
		func(e *store.AuditEntry) store.Cursor { return store.Cursor{At: e.Time, ID: e.ID} },
		func(e *store.AuditEntry) any {
			attrs := e.Attrs
			if attrs == nil {
				attrs = map[string]string{}
			}
			return auditJSON{e.ID, e.Time, e.Kind, optional(e.ActorID), optional(e.UserID), optional(e.OrgID),
				optional(e.SessionID), optional(e.IP), optional(e.UserAgent), optional(e.RequestID), attrs}
		}))
}
