package pages

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
)

// Config says how the pages look and where they lead. Its zero value is fine.
type Config struct {
	// Templates override the files of [Files], one by one. Default: none.
	Templates fs.FS
	// AppName is what the pages call the application. Default: that of
	// auth.Config.
	AppName string
	// AfterSignIn is the local path to go to after a sign-in that did not begin
	// at another page. Default: that of auth.Config.
	AfterSignIn string
	// AfterSignOut is the local path to go to after signing out. Default "/login".
	AfterSignOut string
	// Organizations brings the pages of organizations: the service of package
	// auth/org. Default nil: there are none.
	Organizations Organizations
	// Languages are offered, the first to whoever asks for none of them. One
	// alone is everybody's. Default: all there are, English first.
	Languages []string
	// Catalogs add languages, or replace texts of those there are, by language
	// tag such as "fr" or "pt-br".
	Catalogs map[string]Catalog
}

// Pages makes the handlers. It is safe for concurrent use.
type Pages struct {
	svc      *auth.Service
	cfg      Config
	settings auth.Config
	render   *renderer
	offered  map[string]*language
	assets   assets
	guard    *middleware.Guard
	csrf     *http.CrossOriginProtection
	act      string // prefix of the paths that forms post to
	refresh  http.Handler
	logout   http.Handler
}

// New reads, parses and renders every page in every language, and returns one
// error that names everything that is wrong with an override.
func New(svc *auth.Service, c Config) (*Pages, error) {
	settings := svc.Config()
	if settings.Cookies.Disabled {
		return nil, errors.New("pages: auth.Config.Cookies.Disabled leaves pages without a way to stay signed in")
	}
	c.AppName = cmp.Or(c.AppName, settings.AppName)
	c.AfterSignIn = cmp.Or(c.AfterSignIn, settings.AfterSignIn, "/app")
	c.AfterSignOut = cmp.Or(c.AfterSignOut, "/login")
	p := &Pages{
		svc: svc, cfg: c, settings: settings, act: svc.Path() + "/pages",
		refresh: auth.RefreshHandler(svc), logout: auth.LogoutHandler(svc),
	}
	var wrong []error
	for name, path := range map[string]string{"AfterSignIn": c.AfterSignIn, "AfterSignOut": c.AfterSignOut} {
		if svc.ReturnPath(path, "") == "" {
			wrong = append(wrong, fmt.Errorf("pages: Config.%s: %q is no path on this site", name, path))
		}
	}
	l := layers{builtin}
	if c.Templates != nil {
		l = layers{c.Templates, builtin}
	}
	var err error
	if p.render, err = newRenderer(l, c.Catalogs); err != nil {
		return nil, errors.Join(append(wrong, fmt.Errorf("pages: %w", err))...)
	}
	if p.assets, err = newAssets(l); err != nil {
		wrong = append(wrong, fmt.Errorf("pages: %w", err))
	}
	wrong = append(wrong, p.offer(), p.renderSamples())
	p.guard = p.Guard()
	p.csrf = p.guard.CrossOrigin
	return p, errors.Join(wrong...)
}

// offer checks and fills in Config.Languages.
func (p *Pages) offer() error {
	if len(p.cfg.Languages) == 0 {
		p.cfg.Languages = []string{"en"}
		p.offered = p.render.languages
		return nil
	}
	p.offered = map[string]*language{}
	p.cfg.Languages = slices.Clone(p.cfg.Languages)
	for i, tag := range p.cfg.Languages {
		tag = strings.ToLower(tag)
		l := p.render.languages[tag]
		if l == nil {
			return fmt.Errorf("pages: Config.Languages: there is no catalogue for %q, only for %q", tag, slices.Sorted(maps.Keys(p.render.languages)))
		}
		p.cfg.Languages[i], p.offered[tag] = tag, l
	}
	return nil
}

// renderSamples executes every page with invented content. It reports one error
// for each file, and what is wrong in one language alone if nothing else is.
func (p *Pages) renderSamples() error {
	for _, tag := range slices.Sorted(maps.Keys(p.render.languages)) {
		var wrong []error
		broken := map[string]bool{}
		for _, s := range samples(p.common(), p.render.languages[tag]) {
			if broken[s.page] {
				continue
			}
			if _, err := p.render.render(s.page, tag, &s.view); err != nil {
				broken[s.page] = true
				wrong = append(wrong, fmt.Errorf("pages: templates/%s.html in language %q: %w", s.page, tag, err))
			}
		}
		if len(wrong) > 0 {
			return errors.Join(wrong...)
		}
	}
	return nil
}

// common is what every page is given.
func (p *Pages) common() View {
	return View{
		App: p.cfg.AppName, CSS: p.assets.css.url(p.svc.Path()), JS: p.assets.js.url(p.svc.Path()),
		Act: p.act, Home: "/login", AfterSignIn: p.cfg.AfterSignIn,
		Refresh: p.svc.Path() + "/refresh", Logout: p.svc.Path() + "/logout",
		CanRegister: p.settings.Registration != auth.RegistrationClosed,
		MinLength:   p.settings.Passwords.MinLength,
	}
}

// Guard returns a guard for the application's own pages. It admits as
// auth.Service.Guard does. Browsers that navigate without a live access token
// are sent to renew it, silently if they can, and to "/login" if the session is
// over; after that they are where they wanted to go. Programs get the problem
// document. Change its fields before use; each call returns another one.
func (p *Pages) Guard() *middleware.Guard {
	g := p.svc.Guard()
	g.LoginURL = "/login"
	g.Unauthenticated = p.unauthenticated
	g.WriteError = p.Fail
	return g
}

// Routes returns every page, form and asset with its full path.
func (p *Pages) Routes() []auth.Route {
	var table []auth.Route
	add := func(name, pattern, access string, h http.Handler) {
		table = append(table, auth.Route{Name: "pages." + name, Pattern: pattern, Access: access, Handler: h})
	}
	// A page with a form answers at its path and, for the form, below {P}/pages.
	form := func(name, path, access string, h http.Handler) {
		add(name, "GET "+path, access, h)
		add(name+".post", "POST "+path, access, h)
		add(name+".form", "POST "+p.act+path, access, h)
		add(name+".back", "GET "+p.act+path, access, h)
	}
	form("login", "/login", "public", LoginHandler(p))
	form("logout", "/logout", "public", LogoutHandler(p))
	form("register", "/register", "public", RegisterHandler(p))
	form("forgot_password", "/forgot-password", "public", ForgotPasswordHandler(p))
	form("reset_password", "/reset-password", "public", ResetPasswordHandler(p))
	form("verify_email", "/verify-email", "public", VerifyEmailHandler(p))
	form("confirm_email", "/confirm-email", "public", ConfirmEmailHandler(p))
	form("verify_pending", "/verify-pending", "public", VerifyPendingHandler(p))
	form("account", "/account", "user", AccountHandler(p))
	add("change_password", "GET /.well-known/change-password", "public", ChangePasswordHandler(p))
	if p.cfg.Organizations != nil {
		form("organizations", orgsPath, "user", OrganizationsHandler(p))
		form("organization", orgsPath+"/{org}", "org:member", OrganizationHandler(p))
		form("accept_invite", "/accept-invite", "public", AcceptInviteHandler(p))
	}
	if p.settings.Roles != nil {
		readers := p.userReaders()
		form("users", "/admin/users", "role:"+strings.Join(readers, ","), UsersHandler(p))
		form("user", "/admin/users/{user}", "role:"+strings.Join(readers, ","), UserHandler(p))
		if p.settings.Audit != nil {
			add("audit", "GET /admin/audit", "role:"+auth.RoleAdmin, AuditHandler(p))
		}
	}
	add("continue", "GET "+p.act+"/continue", "public", ContinueHandler(p))
	add("continue.post", "POST "+p.act+"/continue", "public", ContinueHandler(p))
	add("script", "GET "+p.svc.Path()+"/auth.js", "public", p.assets.js)
	add("style", "GET "+p.svc.Path()+"/auth.css", "public", p.assets.css)
	return table
}

// userReaders are the roles that may look at users: those of the JSON route.
func (p *Pages) userReaders() []string {
	roles := []string{auth.RoleAdmin}
	if _, ok := p.settings.Roles[auth.RoleModerator]; ok {
		roles = append(roles, auth.RoleModerator)
	}
	return roles
}
