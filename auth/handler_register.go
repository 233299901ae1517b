package auth

import (
	"net/http"
)

// RegisterHandler answers POST {P}/register: it makes an account and, in open
// mode, signs in at once.
func RegisterHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, serve: s.serveRegister})
}

type registerRequest struct {
	Email    string  `json:"email"`
	Password string  `json:"password"`
	FullName *string `json:"full_name"`
	Invite   *string `json:"invite_token"`
}

func (s *Service) serveRegister(w http.ResponseWriter, r *http.Request) error {
	var in registerRequest
	if err := decodeInput(r, &in); err != nil {
		return err
	}
	ctx := r.Context()
	u, err := s.Register(ctx, Registrant{Email: in.Email, Password: in.Password, Name: value(in.FullName), Invite: value(in.Invite)})
	if err != nil {
		return err
	}
	if u == nil { // Same answer whether or not the address was free.
		return WriteJSON(w, http.StatusAccepted, detail{"Check your email to finish signing up."})
	}
	g, err := s.StartSession(ctx, u, "password", deviceFrom(ctx))
	if err != nil {
		return err
	}
	s.endPresented(r, g)
	s.SetCookies(w, g)
	return WriteJSON(w, http.StatusCreated, s.userView(g.User))
}

// value returns what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
