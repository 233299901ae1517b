package auth

import (
	"net/http"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// VerifyEmailHandler answers POST {P}/verify-email.
func VerifyEmailHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, serve: s.serveVerifyEmail})
}

type oneTimeRequest struct {
	Token *string `json:"token"`
}

func (s *Service) serveVerifyEmail(w http.ResponseWriter, r *http.Request) error {
	var in oneTimeRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	keep, err := s.currentSession(r)
	if err != nil {
		return err
	}
	u, err := s.VerifyEmail(r.Context(), value(in.Token), keep)
	if err != nil {
		return err
	}
	return s.writeKept(w, r, u, keep, "The address is verified.")
}

// writeKept answers after a change that ended sessions. The browser that made
// it, if it is signed in as that user, gets fresh tokens as cookies.
func (s *Service) writeKept(w http.ResponseWriter, r *http.Request, u *store.User, keep, text string) error {
	if keep, err := s.sessionOf(r.Context(), u, keep); err == nil && keep != "" {
		if g, err := s.Regrant(r, u, keep); err == nil {
			s.SetCookies(w, g)
		}
	}
	return WriteJSON(w, http.StatusOK, detail{text})
}

type statusJSON struct {
	Status string `json:"status"`
}

// ResendVerificationHandler answers POST {P}/resend-verification.
func ResendVerificationHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, access: signedIn, serve: s.serveResend})
}

func (s *Service) serveResend(w http.ResponseWriter, r *http.Request) error {
	p, _ := middleware.PrincipalFrom(r.Context())
	if p.EmailVerified {
		return WriteJSON(w, http.StatusOK, statusJSON{"already_verified"})
	}
	if err := s.RequestVerification(r.Context(), p.UserID); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, statusJSON{"sent"})
}

// RequestEmailChangeHandler answers POST {P}/email-change/request.
func RequestEmailChangeHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, access: fresh, serve: s.serveRequestEmailChange})
}

func (s *Service) serveRequestEmailChange(w http.ResponseWriter, r *http.Request) error {
	var in emailRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	p, _ := middleware.PrincipalFrom(r.Context())
	if err := s.RequestEmailChange(r.Context(), p.UserID, value(in.Email)); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusAccepted, detail{"Follow the link that was sent to the new address."})
}

// ConfirmEmailChangeHandler answers POST {P}/email-change/confirm.
func ConfirmEmailChangeHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, serve: s.serveConfirmEmailChange})
}

func (s *Service) serveConfirmEmailChange(w http.ResponseWriter, r *http.Request) error {
	var in oneTimeRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	keep, err := s.currentSession(r)
	if err != nil {
		return err
	}
	u, err := s.ConfirmEmailChange(r.Context(), value(in.Token), keep)
	if err != nil {
		return err
	}
	return s.writeKept(w, r, u, keep, "The address is changed.")
}
