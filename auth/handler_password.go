package auth

import (
	"net/http"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// ChangePasswordHandler answers POST {P}/password. All other sessions end; this
// one goes on with fresh tokens.
func ChangePasswordHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, access: signedIn, serve: s.serveChangePassword})
}

type changePasswordRequest struct {
	CurrentPassword *string `json:"current_password"`
	NewPassword     *string `json:"new_password"`
}

func (s *Service) serveChangePassword(w http.ResponseWriter, r *http.Request) error {
	var in changePasswordRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	if in.NewPassword == nil {
		return invalid("new_password", "required", "A new password is required.")
	}
	p, _ := middleware.PrincipalFrom(r.Context())
	if p.User.PasswordHash == "" {
		if !s.isFresh(p) {
			return ErrReauthenticate
		}
	} else if in.CurrentPassword == nil {
		return invalid("current_password", "required", "The current password is required.")
	}
	u, err := s.ChangePassword(r.Context(), p.UserID, value(in.CurrentPassword), *in.NewPassword, p.SessionID)
	if err != nil {
		return err
	}
	return s.writeRegrant(w, r, u, p.SessionID)
}

// isFresh reports whether p presented credentials a short while ago.
func (s *Service) isFresh(p *middleware.Principal) bool {
	age := s.now().Sub(p.AuthTime)
	return !p.AuthTime.IsZero() && age <= s.cfg.FreshFor
}

// writeRegrant answers with fresh tokens for the session that lives on.
func (s *Service) writeRegrant(w http.ResponseWriter, r *http.Request, u *store.User, sessionID string) error {
	g, err := s.Regrant(r, u, sessionID)
	if err != nil {
		return err
	}
	return s.writeGrant(w, r, g)
}

// Regrant returns fresh tokens for the session of r, which lives on after its
// user was changed. It is for handlers that build on the operations.
//
// Errors: ErrSessionExpired, ErrUnavailable.
func (s *Service) Regrant(r *http.Request, u *store.User, sessionID string) (*Grant, error) {
	raw, _, err := s.refreshCookie(r)
	if err != nil {
		raw = "" // an ambiguous one: the access token alone is renewed
	}
	return s.regrant(r.Context(), u, sessionID, raw, deviceFrom(r.Context()))
}

// RequestPasswordResetHandler answers POST {P}/password-reset/request, always
// with the same words.
func RequestPasswordResetHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, serve: s.serveRequestReset})
}

type emailRequest struct {
	Email *string `json:"email"`
}

func (s *Service) serveRequestReset(w http.ResponseWriter, r *http.Request) error {
	var in emailRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	if err := s.RequestPasswordReset(r.Context(), value(in.Email)); err != nil {
		return err
	}
	// Same answer whether or not there is such an account.
	return WriteJSON(w, http.StatusAccepted, detail{"If there is an account with this address, a link is on its way."})
}

// ConfirmPasswordResetHandler answers POST {P}/password-reset/confirm.
func ConfirmPasswordResetHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, serve: s.serveConfirmReset})
}

type confirmResetRequest struct {
	Token       *string `json:"token"`
	NewPassword *string `json:"new_password"`
}

func (s *Service) serveConfirmReset(w http.ResponseWriter, r *http.Request) error {
	var in confirmResetRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	if in.NewPassword == nil {
		return invalid("new_password", "required", "A new password is required.")
	}
	if _, err := s.ResetPassword(r.Context(), value(in.Token), *in.NewPassword); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, detail{"The password is set. Sign in with it."})
}

// ReauthenticateHandler answers POST {P}/reauthenticate: the password once more,
// for what needs a sign-in that is not long ago.
func ReauthenticateHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, access: signedIn, serve: s.serveReauthenticate})
}

type reauthenticateRequest struct {
	Password *string `json:"password"`
}

func (s *Service) serveReauthenticate(w http.ResponseWriter, r *http.Request) error {
	var in reauthenticateRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	if in.Password == nil {
		return invalid("password", "required", "The password is required.")
	}
	p, _ := middleware.PrincipalFrom(r.Context())
	g, err := s.Reauthenticate(r.Context(), p.UserID, p.SessionID, *in.Password)
	if err != nil {
		return err
	}
	return s.writeGrant(w, r, g)
}

// DeleteMeHandler answers DELETE {P}/me: it deletes the user's own account.
func DeleteMeHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodDelete, access: fresh, serve: s.serveDeleteMe})
}

func (s *Service) serveDeleteMe(w http.ResponseWriter, r *http.Request) error {
	var in reauthenticateRequest
	if r.ContentLength != 0 {
		if err := DecodeJSON(r, &in); err != nil {
			return err
		}
	}
	p, _ := middleware.PrincipalFrom(r.Context())
	if err := s.DeleteOwnAccount(r.Context(), p.UserID, value(in.Password)); err != nil {
		return err
	}
	s.ClearCookies(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
