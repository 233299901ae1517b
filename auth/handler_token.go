package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
)

// TokenHandler answers POST {P}/token, the token endpoint of OAuth2 with the
// grants password and refresh_token (RFC 6749 §4.3, §6).
func TokenHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, oauth: true, serve: s.serveToken})
}

type tokenRequest struct {
	GrantType    *string `json:"grant_type"`
	Username     *string `json:"username"`
	Password     *string `json:"password"`
	RefreshToken *string `json:"refresh_token"`
}

func (s *Service) serveToken(w http.ResponseWriter, r *http.Request) error {
	var in tokenRequest
	if err := decodeInput(r, &in); err != nil {
		return err
	}
	switch grant := value(in.GrantType); grant {
	case "", "password":
		return s.servePasswordGrant(w, r, in)
	case "refresh_token":
		return s.serveRefreshGrant(w, r, in)
	}
	return ErrUnsupportedGrant
}

func (s *Service) servePasswordGrant(w http.ResponseWriter, r *http.Request, in tokenRequest) error {
	if in.Username == nil {
		return ErrInvalidRequest.WithFields(field("username", "required", "A user name is required."))
	}
	if in.Password == nil {
		return ErrInvalidRequest.WithFields(field("password", "required", "A password is required."))
	}
	ctx := r.Context()
	g, err := s.SignIn(ctx, *in.Username, *in.Password, deviceFrom(ctx))
	if err != nil {
		return err
	}
	s.endPresented(r, g)
	return s.writeGrant(w, r, g)
}

// serveRefreshGrant is for clients that are no browser; those have the cookie
// and POST {P}/refresh.
func (s *Service) serveRefreshGrant(w http.ResponseWriter, r *http.Request, in tokenRequest) error {
	if s.isBrowser(r) {
		return ErrInvalidRequest.With(errors.New("refresh_token grant from a browser"))
	}
	if value(in.RefreshToken) == "" {
		return ErrInvalidRequest.WithFields(field("refresh_token", "required", "A refresh token is required."))
	}
	if err := s.spendRefresh(r.Context(), *in.RefreshToken); err != nil {
		return err
	}
	g, err := s.Refresh(r.Context(), *in.RefreshToken, deviceFrom(r.Context()))
	if p := problem.From(err); p != nil && p.Status == http.StatusUnauthorized {
		return ErrInvalidGrant.With(err) // RFC 6749 §5.2 wants 400 here
	}
	if err != nil {
		return err
	}
	w.Header().Set("Pragma", "no-cache")
	return s.writeGrant(w, r, g)
}

// RefreshHandler answers POST {P}/refresh: it exchanges the refresh cookie. The
// cookies are cleared only when the session is known to be dead.
func RefreshHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, oauth: true, serve: s.serveRefresh})
}

func (s *Service) serveRefresh(w http.ResponseWriter, r *http.Request) error {
	raw, present, err := s.refreshCookie(r)
	if err != nil {
		return err
	}
	if !present {
		return ErrRefreshMissing
	}
	if err := s.spendRefresh(r.Context(), raw); err != nil {
		return err
	}
	g, err := s.Refresh(r.Context(), raw, deviceFrom(r.Context()))
	if errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrSessionReused) {
		s.ClearCookies(w)
	}
	if err != nil {
		return err
	}
	return s.writeGrant(w, r, g)
}

// LogoutHandler answers POST {P}/logout: it ends the whole session of any proof
// the request has, an access token, which may have run out, or a refresh token.
func LogoutHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, serve: s.serveLogout})
}

func (s *Service) serveLogout(w http.ResponseWriter, r *http.Request) error {
	ended, err := s.endProved(r)
	if problem.From(err) != nil && problem.From(err).Status >= 500 {
		return err // the session may live, so the client keeps what ends it
	}
	s.ClearCookies(w)
	if !ended {
		if err == nil {
			err = middleware.ErrNoCredentials
		}
		return err
	}
	return WriteJSON(w, http.StatusOK, detail{"Signed out."})
}

// endProved ends the sessions that r proves to hold. It reports whether there
// was any proof.
func (s *Service) endProved(r *http.Request) (ended bool, err error) {
	ctx, d := r.Context(), deviceFrom(r.Context())
	raw, viaCookie, err := s.credential(r)
	if err == nil {
		var c *token.Claims
		if c, err = s.verifier.VerifyExpired(ctx, raw); err == nil {
			if err := s.signOut(ctx, c.SessionID, d); err != nil {
				return false, err
			}
			ended = true
		} else {
			err = middleware.ErrInvalidToken.With(err)
		}
		if !viaCookie {
			return ended, err // a bearer token decides alone
		}
	}
	if refresh, present, cookieErr := s.refreshCookie(r); cookieErr != nil {
		err = cookieErr
	} else if present {
		switch outErr := s.SignOut(ctx, refresh, d); {
		case outErr == nil:
			ended = true
		case problem.From(outErr).Status >= 500:
			return false, outErr
		}
	}
	if ended {
		return true, nil
	}
	return false, err
}

// endPresented ends the session of a refresh token that came along with a
// sign-in: a new sign-in never leaves an older session of this browser behind,
// nor takes over one that was planted.
func (s *Service) endPresented(r *http.Request, g *Grant) {
	raw, present, err := s.refreshCookie(r)
	if err != nil || !present {
		return
	}
	t, ok := s.codec.decode(raw)
	if !ok || t.sessionID == g.Session.ID {
		return
	}
	if err := s.signOut(r.Context(), t.sessionID, deviceFrom(r.Context())); err != nil {
		s.cfg.Logger.WarnContext(r.Context(), "end session of presented refresh token", "err", err)
	}
}

// RevokeHandler answers POST {P}/revoke (RFC 7009): it ends the session of a
// refresh or access token, and answers 200 whatever it was given.
func RevokeHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, oauth: true, serve: s.serveRevoke})
}

type revokeRequest struct {
	Token *string `json:"token"`
}

func (s *Service) serveRevoke(w http.ResponseWriter, r *http.Request) error {
	var in revokeRequest
	if err := decodeInput(r, &in); err != nil {
		return err
	}
	if value(in.Token) == "" {
		return ErrInvalidRequest.WithFields(field("token", "required", "A token is required."))
	}
	if err := s.spendAddr(r.Context(), rateConfirm); err != nil {
		return err
	}
	if err := s.revokeToken(r.Context(), *in.Token); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, detail{"Revoked."})
}

func (s *Service) revokeToken(ctx context.Context, raw string) error {
	if t, ok := s.codec.decode(raw); ok {
		return s.signOut(ctx, t.sessionID, deviceFrom(ctx))
	}
	if c, err := s.verifier.VerifyExpired(ctx, raw); err == nil {
		return s.signOut(ctx, c.SessionID, deviceFrom(ctx))
	}
	return nil // RFC 7009 §2.2: an invalid token is no error
}
