package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/oauth"
)

// ErrProviderNotConfigured says that a provider has no credentials.
var ErrProviderNotConfigured = &problem.Error{Status: http.StatusServiceUnavailable, Code: "provider_not_configured",
	Detail: "Signing in with this provider is not set up.", RetryAfter: time.Hour}

// OAuthStartHandler answers GET {P}/oauth/{provider}/start: it sends the browser
// to the provider. A navigation that another site started is sent to the sign-in
// page instead, where a person decides.
func OAuthStartHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, serve: s.serveOAuthStart})
}

func (s *Service) serveOAuthStart(w http.ResponseWriter, r *http.Request) error {
	p, err := s.configuredProvider(r.PathValue("provider"))
	if err != nil {
		return err
	}
	next := s.ReturnPath(r.URL.Query().Get("next"), s.cfg.AfterSignIn)
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		http.Redirect(w, r, withQuery(s.links.SignIn, "next", next), http.StatusSeeOther)
		return nil
	}
	if err := s.spendAddr(r.Context(), rateOAuth); err != nil {
		return err
	}
	target, err := s.beginFlow(w, r, p, &oauth.Flow{ReturnTo: next})
	if err != nil {
		return s.oauthTrouble(w, r, p.Name(), err)
	}
	http.Redirect(w, r, target, http.StatusFound)
	return nil
}

func (s *Service) configuredProvider(name string) (oauth.Provider, error) {
	p := s.provider(name)
	if p == nil {
		return nil, ErrNotFound
	}
	if !oauth.Configured(p) {
		return nil, ErrProviderNotConfigured
	}
	return p, nil
}

// beginFlow keeps a new flow in the browser and returns where to send it.
func (s *Service) beginFlow(w http.ResponseWriter, r *http.Request, p oauth.Provider, want *oauth.Flow) (string, error) {
	flow := oauth.NewFlow(p.Name(), s.cfg.BaseURL+"/oauth/"+p.Name()+"/callback", s.now())
	flow.ReturnTo, flow.LinkTo, flow.SessionID = want.ReturnTo, want.LinkTo, want.SessionID
	target, err := p.AuthCodeURL(r.Context(), flow)
	if err != nil {
		return "", err
	}
	return target, s.keepFlow(w, r, flow)
}

// OAuthLinkHandler answers POST {P}/oauth/{provider}/link with the address that
// links an account there to the signed-in user.
func OAuthLinkHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPost, access: fresh, serve: s.serveOAuthLink})
}

type urlJSON struct {
	URL string `json:"url"`
}

func (s *Service) serveOAuthLink(w http.ResponseWriter, r *http.Request) error {
	next := r.URL.Query().Get("next")
	target, err := s.BeginLink(w, r, r.PathValue("provider"), next)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, urlJSON{target})
}

// BeginLink begins linking an account at provider to the signed-in user of r, who
// must have signed in a short while ago. It returns the address to send the
// browser to, and keeps what the callback needs in the browser.
//
// Errors: ErrNotFound, ErrProviderNotConfigured, ErrReauthenticate,
// ErrRateLimited, ErrUnavailable.
func (s *Service) BeginLink(w http.ResponseWriter, r *http.Request, provider, next string) (string, error) {
	p, err := s.configuredProvider(provider)
	if err != nil {
		return "", err
	}
	who, ok := middleware.PrincipalFrom(r.Context())
	if !ok || !s.isFresh(who) {
		return "", ErrReauthenticate
	}
	if err := s.spendAddr(r.Context(), rateOAuth); err != nil {
		return "", err
	}
	target, err := s.beginFlow(w, r, p, &oauth.Flow{ReturnTo: s.ReturnPath(next, s.cfg.AfterSignIn), LinkTo: who.UserID, SessionID: who.SessionID})
	if err != nil {
		return "", unavailable("begin link", err)
	}
	return target, nil
}

// OAuthCallbackHandler answers GET {P}/oauth/{provider}/callback. Whatever the
// provider or an attacker sends, it ends in a redirect: to where the person
// wanted to go, or to the sign-in page with an error code.
func OAuthCallbackHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, serve: s.serveOAuthCallback})
}

func (s *Service) serveOAuthCallback(w http.ResponseWriter, r *http.Request) error {
	p, err := s.configuredProvider(r.PathValue("provider"))
	if err != nil {
		return err
	}
	if err := s.spendAddr(r.Context(), rateCallback); err != nil {
		return err
	}
	q := r.URL.Query()
	flow := s.takeFlow(w, r, single(q, "state"))
	if flow == nil || flow.Provider != p.Name() {
		return s.oauthTrouble(w, r, p.Name(), &OAuthError{Code: "expired"})
	}
	trouble := func(err error) error {
		s.tellFailed(r.Context(), p.Name(), flow.LinkTo, deviceFrom(r.Context()), err)
		return s.oauthTrouble(w, r, p.Name(), err)
	}
	if code := single(q, "error"); code != "" || len(q["error"]) > 0 {
		outcome := "failed"
		if code == "access_denied" {
			outcome = "denied"
		}
		return trouble(&OAuthError{Code: outcome})
	}
	code := single(q, "code")
	if code == "" || len(code) > 4096 || len(q["iss"]) > 1 {
		return trouble(&OAuthError{Code: "failed"})
	}
	if flow.LinkTo != "" && !s.samePerson(r, flow) {
		return trouble(&OAuthError{Code: "expired"})
	}
	id, err := p.Identify(r.Context(), flow, oauth.Callback{Code: code, Issuer: q.Get("iss")})
	if err != nil {
		return trouble(&OAuthError{Code: "failed", Err: err})
	}
	in := External{Provider: p.Name(), Identity: id, LinkTo: flow.LinkTo, SessionID: flow.SessionID}
	g, err := s.signInExternal(r.Context(), in, deviceFrom(r.Context()))
	if err != nil {
		return trouble(err)
	}
	if g != nil {
		s.endReplaced(r, g)
		s.SetCookies(w, g)
		if raw := s.inviteIn(flow.ReturnTo); raw != "" && g.User.EmailVerified {
			s.acceptInvite(r.Context(), raw, g.User)
		}
	}
	http.Redirect(w, r, s.ReturnPath(flow.ReturnTo, s.cfg.AfterSignIn), http.StatusSeeOther)
	return nil
}

// endReplaced ends the session whose place g takes in the browser. The refresh
// token, by which other sign-ins know it, is not sent by browsers that come from
// another site.
func (s *Service) endReplaced(r *http.Request, g *Grant) {
	s.endPresented(r, g)
	p, err := s.Authenticate(r)
	if err != nil || p.SessionID == g.Session.ID {
		return
	}
	if err := s.signOut(r.Context(), p.SessionID, deviceFrom(r.Context())); err != nil {
		s.cfg.Logger.WarnContext(r.Context(), "end session of presented access token", "err", err)
	}
}

// inviteIn returns the token of the invitation whose page next is, "" if it is
// another page: who follows an invitation and signs in with a provider has
// joined when they come back.
func (s *Service) inviteIn(next string) string {
	u, err := url.Parse(next)
	page, pageErr := url.Parse(s.links.AcceptInvite)
	if s.invites == nil || err != nil || pageErr != nil || u.Path != page.Path {
		return ""
	}
	return u.Query().Get("token")
}

// single returns the value of a parameter that came exactly once.
func single(q url.Values, name string) string {
	if len(q[name]) != 1 {
		return ""
	}
	return q[name][0]
}

// samePerson reports whether whoever comes back is signed in as who asked for
// the link, in the same session.
func (s *Service) samePerson(r *http.Request, flow *oauth.Flow) bool {
	p, err := s.Authenticate(r)
	return err == nil && p.UserID == flow.LinkTo && p.SessionID == flow.SessionID
}

// oauthTrouble sends a browser to the sign-in page with the code of what went
// wrong. Nothing that the provider said is repeated.
func (s *Service) oauthTrouble(w http.ResponseWriter, r *http.Request, provider string, err error) error {
	code := oauthCode(err)
	level := slog.LevelInfo
	if errors.Is(err, oauth.ErrUnavailable) || errors.Is(err, ErrUnavailable) {
		level = slog.LevelWarn
	}
	s.cfg.Logger.Log(context.WithoutCancel(r.Context()), level, "sign-in with provider failed", "provider", provider, "code", code, "err", err)
	http.Redirect(w, r, withQuery(s.links.SignIn, "oauth_error", code), http.StatusSeeOther)
	return nil
}

// withQuery returns page with one more parameter.
func withQuery(page, name, value string) string {
	u, err := url.Parse(page)
	if err != nil {
		return page
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// ListConnectionsHandler answers GET {P}/oauth/connections.
func ListConnectionsHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, access: signedIn, serve: s.serveConnections})
}

type connectionJSON struct {
	Provider  string    `json:"provider"`
	Username  *string   `json:"username"`
	Email     *string   `json:"email"`
	AvatarURL *string   `json:"avatar_url"`
	CreatedAt time.Time `json:"created_at"`
}

func (s *Service) serveConnections(w http.ResponseWriter, r *http.Request) error {
	p, _ := middleware.PrincipalFrom(r.Context())
	ids, err := s.Connections(r.Context(), p.UserID)
	if err != nil {
		return err
	}
	out := listJSON[connectionJSON]{Items: []connectionJSON{}}
	for _, id := range ids {
		out.Items = append(out.Items, connectionJSON{id.Provider, optional(id.Username), optional(id.Email), optional(id.AvatarURL), id.CreatedAt})
	}
	return WriteJSON(w, http.StatusOK, out)
}

// DisconnectHandler answers DELETE {P}/oauth/connections/{provider}.
func DisconnectHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodDelete, access: signedIn, serve: func(w http.ResponseWriter, r *http.Request) error {
		p, _ := middleware.PrincipalFrom(r.Context())
		if err := s.Disconnect(r.Context(), p.UserID, r.PathValue("provider")); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}})
}
