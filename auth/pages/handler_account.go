package pages

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// activityLength is how many events the account page shows.
const activityLength = 8

// AccountHandler answers /account: profile, address, password, sessions,
// activity, and the end of it all. Each form says with its button what to do.
func AccountHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/account", guard: p.guard.RequireUser, show: p.showAccount, post: p.postAccount})
}

// ChangePasswordHandler answers /.well-known/change-password, by which password
// managers find the form.
func ChangePasswordHandler(p *Pages) http.Handler {
	return p.svc.Harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			p.Fail(w, r, auth.ErrMethodNotAllowed)
			return
		}
		p.goTo(w, r, "/account#password")
	}))
}

func person(u *store.User) Person {
	return Person{
		ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Verified: u.EmailVerified, Active: !u.Disabled,
		HasPassword: u.PasswordHash != "", Created: u.CreatedAt, LastLogin: u.LastLoginAt, Deleted: u.DeletedAt,
	}
}

func (p *Pages) showAccount(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	who, _ := middleware.PrincipalFrom(r.Context())
	p.full(r, v, "account")
	prefill(v, map[string]string{"profile.full_name": who.User.Name})
	var data AccountData
	sessions, err := p.svc.Sessions(r.Context(), who.UserID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		d := Device{ID: s.ID, Device: v.lang.device(s.UserAgent), IP: s.IP, Used: s.RotatedAt, Current: s.ID == who.SessionID}
		if d.Current { // first, and not among those that can be ended
			data.Sessions = append([]Device{d}, data.Sessions...)
			continue
		}
		data.Sessions = append(data.Sessions, d)
		data.Others = true
	}
	if data.Activity, err = p.activity(r.Context(), v.lang, who.UserID); err != nil {
		return err
	}
	if data.Connections, err = p.connections(r.Context(), who.UserID); err != nil {
		return err
	}
	if code := r.URL.Query().Get("oauth_error"); code != "" && v.Form == "" {
		v.Form, v.Failure = "connections", oauthError(v.lang, code)
	}
	v.Data = data
	p.write(w, r, status, "account", v)
	return nil
}

// connections returns every configured provider, and those that are not any more
// but still connected.
func (p *Pages) connections(ctx context.Context, userID string) ([]Connection, error) {
	ids, err := p.svc.Connections(ctx, userID)
	if err != nil {
		return nil, err
	}
	var list []Connection
	for _, link := range p.svc.ProviderLinks() {
		list = append(list, Connection{Provider: provider(link, "")})
	}
	for _, id := range ids {
		i := slices.IndexFunc(list, func(c Connection) bool { return c.Provider.Name == id.Provider })
		if i < 0 {
			i = len(list)
			list = append(list, Connection{Provider: provider(auth.ProviderLink{Name: id.Provider, Label: id.Provider}, "")})
		}
		list[i].Connected, list[i].Since = true, id.CreatedAt
		list[i].Account = cmp.Or(id.Username, id.Email)
	}
	return list, nil
}

// activity returns what happened to a user lately, if there is an audit trail.
func (p *Pages) activity(ctx context.Context, l *language, userID string) ([]Entry, error) {
	if p.settings.Audit == nil {
		return nil, nil
	}
	rows, err := p.svc.AuditTrail(ctx, store.AuditQuery{UserID: userID, Limit: activityLength})
	if err != nil {
		return nil, err
	}
	list := make([]Entry, len(rows))
	for i, e := range rows {
		list[i] = Entry{Time: e.Time, Kind: e.Kind, IP: e.IP, Device: l.device(e.UserAgent)}
	}
	return list, nil
}

func (p *Pages) postAccount(w http.ResponseWriter, r *http.Request, f form) error {
	who, _ := middleware.PrincipalFrom(r.Context())
	if id := f.get("session"); id != "" {
		return p.endSession(w, r, who, id)
	}
	if name := f.get("connect"); name != "" {
		return p.connect(w, r, name)
	}
	if name := f.get("disconnect"); name != "" {
		if err := p.svc.Disconnect(r.Context(), who.UserID, name); err != nil {
			return refuse("connections", err)
		}
		p.goTo(w, r, "/account?done=disconnected#connections")
		return nil
	}
	switch f.get("do") {
	case "profile":
		return p.changeProfile(w, r, who, f)
	case "email":
		return p.changeEmail(w, r, who, f)
	case "password":
		return p.changePassword(w, r, who, f)
	case "sessions":
		if _, err := p.svc.RevokeSessions(r.Context(), who.UserID, who.SessionID); err != nil {
			return refuse("sessions", err)
		}
		p.goTo(w, r, "/account?done=sessions#sessions")
		return nil
	case "delete":
		return p.deleteAccount(w, r, who, f)
	}
	return auth.ErrInvalidRequest
}

// connect sends the browser to a provider to link an account there. Browsers do
// not let a form lead to another site under our policy, not even by a redirect,
// so a page in between does.
func (p *Pages) connect(w http.ResponseWriter, r *http.Request, name string) error {
	target, err := p.svc.BeginLink(w, r, name, "/account?done=connected#connections")
	if err != nil {
		return refuse("connections", err)
	}
	v := p.view(r)
	label := name
	for _, link := range p.svc.ProviderLinks() {
		if link.Name == name {
			label = link.Label
		}
	}
	v.Home = "/account"
	v.Data = MessageData{
		Title: v.lang.textOr("leave.title", "", label), Text: v.lang.textOr("leave.text", ""),
		Button: v.lang.textOr("continue.button", ""), Link: target,
	}
	w.Header().Set("Refresh", "0; url="+target)
	p.write(w, r, http.StatusOK, "confirm", v)
	return nil
}

func (p *Pages) changeProfile(w http.ResponseWriter, r *http.Request, who *middleware.Principal, f form) error {
	if _, err := p.svc.SetName(r.Context(), who.UserID, f.get("full_name")); err != nil {
		return refuse("profile", err)
	}
	p.goTo(w, r, "/account?done=profile")
	return nil
}

func (p *Pages) changeEmail(w http.ResponseWriter, r *http.Request, who *middleware.Principal, f form) error {
	if err := p.prove(w, r, who, f, "email"); err != nil {
		return err
	}
	if err := p.svc.RequestEmailChange(r.Context(), who.UserID, f.get("new_email")); err != nil {
		return refuse("email", err, "email", "new_email")
	}
	p.goTo(w, r, "/account?done=email")
	return nil
}

// prove makes sure that whoever sent a form presented credentials a short while
// ago: it checks the password that is in it, or, for accounts without one, when
// they signed in.
func (p *Pages) prove(w http.ResponseWriter, r *http.Request, who *middleware.Principal, f form, name string) error {
	if who.User.PasswordHash == "" {
		if !p.isFresh(who) {
			return refuse(name, auth.ErrReauthenticate)
		}
		return nil
	}
	g, err := p.svc.Reauthenticate(r.Context(), who.UserID, who.SessionID, f.get("current_password"))
	if err != nil {
		return refuse(name, err, "invalid_credentials", "current_password")
	}
	p.svc.SetCookies(w, g)
	return nil
}

// isFresh reports whether who signed in a short while ago.
func (p *Pages) isFresh(who *middleware.Principal) bool {
	return !who.AuthTime.IsZero() && p.svc.Now().Sub(who.AuthTime) <= p.settings.FreshFor
}

func (p *Pages) changePassword(w http.ResponseWriter, r *http.Request, who *middleware.Principal, f form) error {
	if who.User.PasswordHash == "" && !p.isFresh(who) {
		return refuse("password", auth.ErrReauthenticate)
	}
	u, err := p.svc.ChangePassword(r.Context(), who.UserID, f.get("current_password"), f.get("new_password"), who.SessionID)
	if err != nil {
		return refuse("password", err, "invalid_credentials", "current_password")
	}
	p.keepSignedIn(w, r, u, who.SessionID)
	p.goTo(w, r, "/account?done=password")
	return nil
}

func (p *Pages) endSession(w http.ResponseWriter, r *http.Request, who *middleware.Principal, id string) error {
	if _, ok := store.ParseID(id); !ok || id == who.SessionID {
		return refuse("sessions", auth.ErrNotFound)
	}
	if err := p.svc.RevokeSession(r.Context(), who.UserID, id); err != nil {
		return refuse("sessions", err)
	}
	p.goTo(w, r, "/account?done=session#sessions")
	return nil
}

// errNotSure asks for the tick that stands in for a question without script.
var errNotSure = &problem.Error{Status: http.StatusUnprocessableEntity, Code: "sure", Detail: "Tick the box first."}

func (p *Pages) deleteAccount(w http.ResponseWriter, r *http.Request, who *middleware.Principal, f form) error {
	if f.get("sure") == "" {
		return refuse("delete", errNotSure)
	}
	if err := p.prove(w, r, who, f, "delete"); err != nil {
		return err
	}
	if err := p.svc.DeleteOwnAccount(r.Context(), who.UserID, ""); err != nil {
		return refuse("delete", err)
	}
	p.svc.ClearCookies(w)
	p.goTo(w, r, "/login?done=deleted")
	return nil
}
