package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
)

// LoginHandler answers /login. Whoever is signed in already goes on at once,
// unless ?again= asks for credentials that are fresh.
func LoginHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/login", show: p.showLogin, post: p.postLogin})
}

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	q := r.URL.Query()
	if v.Next == "" {
		v.Next = p.svc.ReturnPath(q.Get("next"), "")
	}
	code := q.Get("oauth_error")
	if v.Me != nil && v.Form == "" && !q.Has("again") {
		to := p.svc.ReturnPath(v.Next, p.cfg.AfterSignIn)
		if code != "" { // connecting an account did not work
			to = "/account?oauth_error=" + url.QueryEscape(code) + "#connections"
		}
		p.goTo(w, r, to)
		return nil
	}
	if code != "" && v.Form == "" {
		v.Failure = oauthError(v.lang, code)
	}
	v.Providers = p.providers(v.Next)
	p.write(w, r, status, "login", v)
	return nil
}

// oauthError is the text for a code of what went wrong at a provider. Unknown
// codes have one text: nothing of the query is shown.
func oauthError(l *language, code string) string {
	return l.textOr("oauth."+code, l.textOr("oauth.failed", ""))
}

func (p *Pages) postLogin(w http.ResponseWriter, r *http.Request, f form) error {
	g, err := p.svc.SignIn(r.Context(), f.get("email"), f.get("password"), auth.DeviceOf(p.svc, r))
	if err != nil {
		return refuse("login", err)
	}
	p.signedIn(w, r, g, f)
	return nil
}

// signedIn ends what session the browser had before, hands out the cookies of
// the new one and goes on.
func (p *Pages) signedIn(w http.ResponseWriter, r *http.Request, g *auth.Grant, f form) {
	p.endCurrent(r, g)
	p.svc.SetCookies(w, g)
	p.goTo(w, r, p.svc.ReturnPath(f.get("next"), p.cfg.AfterSignIn))
}

// endCurrent ends the session that r belongs to: the one of its refresh cookie
// and, if the form was posted outside the path of that cookie, the one of its
// access token. Trouble is logged: the sign-in has happened.
func (p *Pages) endCurrent(r *http.Request, g *auth.Grant) {
	p.svc.EndPresented(r, g)
	who, ok := middleware.PrincipalFrom(r.Context())
	if !ok || who.SessionID == g.Session.ID {
		return
	}
	err := p.svc.RevokeSession(r.Context(), who.UserID, who.SessionID)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		p.settings.Logger.WarnContext(r.Context(), "end session of this browser", "err", err)
	}
}

// providers are the links to sign in with accounts elsewhere.
func (p *Pages) providers(next string) []Provider {
	var list []Provider
	for _, link := range p.svc.ProviderLinks() {
		list = append(list, provider(link, next))
	}
	return list
}

// icons are the marks that the style sheet has.
var icons = map[string]bool{"github": true, "google": true}

func provider(link auth.ProviderLink, next string) Provider {
	pr := Provider{Name: link.Name, Label: link.Label, URL: withNext(link.Start, next)}
	if icons[link.Name] {
		pr.Icon = link.Name
	}
	return pr
}

// RegisterHandler answers /register. In auth.RegistrationOpen the new user is
// signed in and goes on; in auth.RegistrationPrivate everybody sees the same page
// and has to look into their mail.
func RegisterHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/register", show: p.showRegister, post: p.postRegister})
}

func (p *Pages) showRegister(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	q := r.URL.Query()
	if v.Next == "" {
		v.Next = p.svc.ReturnPath(q.Get("next"), "")
	}
	if v.Me != nil && v.Form == "" {
		p.goTo(w, r, p.svc.ReturnPath(v.Next, p.cfg.AfterSignIn))
		return nil
	}
	if !v.CanRegister {
		v.Data = MessageData{
			Title: v.lang.textOr("register.closed.title", ""), Text: v.lang.textOr("register.closed.text", ""),
			Button: v.lang.textOr("back.login", ""), Link: withNext("/login", v.Next),
		}
		p.write(w, r, http.StatusForbidden, "message", v)
		return nil
	}
	if v.Form == "" && p.cfg.Organizations != nil && q.Get("invite") != "" {
		// The address is that of the mail: whoever has the link has read it there.
		if i, err := p.cfg.Organizations.Peek(r.Context(), q.Get("invite")); err == nil {
			v.Token = q.Get("invite")
			prefill(v, map[string]string{"register.email": i.Email})
		}
	}
	v.Providers = p.providers(v.Next)
	p.write(w, r, status, "register", v)
	return nil
}

func (p *Pages) postRegister(w http.ResponseWriter, r *http.Request, f form) error {
	ctx := r.Context()
	u, err := p.svc.Register(ctx, auth.Registrant{
		Email: f.get("email"), Password: f.get("new_password"), Name: f.get("full_name"), Invite: f.get("invite"),
	})
	if err != nil {
		return refuse("register", err, "password", "new_password", "email_taken", "email")
	}
	if u == nil { // Same answer whether or not the address was free.
		p.goTo(w, r, "/verify-pending")
		return nil
	}
	g, err := p.svc.StartSession(ctx, u, "password", auth.DeviceOf(p.svc, r))
	if err != nil {
		return refuse("register", err)
	}
	p.signedIn(w, r, g, f)
	return nil
}

// LogoutHandler answers /logout: a GET asks, a POST ends the session.
func LogoutHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/logout", show: p.showLogout, post: p.postLogout})
}

func (p *Pages) showLogout(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	v.Data = MessageData{
		Title: v.lang.textOr("signout.title", ""), Text: v.lang.textOr("signout.text", ""),
		Button: v.lang.textOr("signout.button", ""), Action: "/logout",
	}
	p.write(w, r, status, "confirm", v)
	return nil
}

func (p *Pages) postLogout(w http.ResponseWriter, r *http.Request, f form) error {
	s := call(p.logout, r)
	s.lend(w.Header(), "Set-Cookie", "Retry-After")
	if s.status >= http.StatusInternalServerError { // the session may live
		return auth.ErrUnavailable
	}
	to := p.cfg.AfterSignOut
	if to == "/login" {
		to += "?done=signed_out"
	}
	p.goTo(w, r, to)
	return nil
}
