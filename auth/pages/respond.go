package pages

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
)

const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers of every answer of this package but assets.
func (p *Pages) secure(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	if strings.HasPrefix(p.settings.BaseURL, "https:") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// write answers with a page.
func (p *Pages) write(w http.ResponseWriter, r *http.Request, status int, name string, v *View) {
	h := w.Header()
	p.secure(h)
	lang := p.language(r)
	if v.Token != "" {
		h.Set("Referrer-Policy", "no-referrer") // the address has the token
	}
	body, err := p.render.render(name, lang.tag, v)
	if err != nil {
		p.settings.Logger.ErrorContext(r.Context(), "render page", "page", name, "err", err)
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		w.Write([]byte(lang.textOr("problem.internal", "") + "\n"))
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang.tag)
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// goTo answers with 303, after which a browser asks by GET.
func (p *Pages) goTo(w http.ResponseWriter, r *http.Request, path string) {
	p.secure(w.Header())
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// language is the one of r.
func (p *Pages) language(r *http.Request) *language {
	first := p.cfg.Languages[0]
	if len(p.offered) == 1 {
		return p.offered[first]
	}
	return p.offered[preferred(strings.Join(r.Header["Accept-Language"], ","), first, p.offered)]
}

// view is what every page of r is given.
func (p *Pages) view(r *http.Request) *View {
	v := p.common()
	v.lang = p.language(r)
	if who, ok := middleware.PrincipalFrom(r.Context()); ok && who.User != nil {
		me := person(who.User)
		v.Me, v.Home = &me, p.cfg.AfterSignIn
	}
	return &v
}

// full turns v into a page with the bar, with the link to here marked.
func (p *Pages) full(r *http.Request, v *View, here string) {
	who, _ := middleware.PrincipalFrom(r.Context())
	v.Full, v.Lifetime = true, p.lifetime(r)
	add := func(key, url string) {
		v.Nav = append(v.Nav, Link{Key: "nav." + key, URL: url, Current: key == here})
	}
	add("account", "/account")
	if p.cfg.Organizations != nil {
		add("organizations", orgsPath)
	}
	if p.settings.Roles == nil {
		return
	}
	if who.HasRole(p.userReaders()...) {
		add("users", "/admin/users")
	}
	if who.HasRole(auth.RoleAdmin) && p.settings.Audit != nil {
		add("audit", "/admin/audit")
	}
}

// lifetime returns the seconds that the access token of r has left.
func (p *Pages) lifetime(r *http.Request) int {
	raw, _, err := middleware.Credential(r, p.cookieName("session"))
	if err != nil {
		return 0
	}
	claims, err := p.svc.Verifier().Verify(r.Context(), raw)
	if err != nil {
		return 0
	}
	return max(0, int(claims.ExpiresAt.Sub(p.svc.Now())/time.Second))
}

// cookieName returns a cookie's name as browsers see it.
func (p *Pages) cookieName(which string) string {
	c := p.settings.Cookies
	name, prefix := c.Session, "__Host-"
	switch which {
	case "refresh":
		name, prefix = c.Refresh, "__Secure-"
	case "device":
		name, prefix = c.Device, "__Secure-"
	}
	if c.Hardened {
		return prefix + name
	}
	return name
}

// wantsPage reports whether r comes from a browser that will show the answer: it
// navigates, or sends a form.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return middleware.Navigation(r)
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Fail answers r with err: browsers that show the answer get a page, and
// programs the problem document. What is logged and recorded is the same. Who has
// to verify their address, or to sign in once more, is sent there. It is the
// WriteError of [Pages.Guard].
func (p *Pages) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if !wantsPage(r) {
		p.svc.Fail(w, r, err)
		return
	}
	pr := problem.From(err)
	if r.Method != http.MethodPost {
		switch pr.Code { // what is missing can be made good at once
		case middleware.ErrNotVerified.Code:
			p.goTo(w, r, "/verify-pending")
			return
		case middleware.ErrReauthenticate.Code:
			p.goTo(w, r, "/login?again=1&next="+url.QueryEscape(p.origin(r)))
			return
		}
	}
	p.report(w, r, err)
	v := p.view(r)
	data := MessageData{
		Title: v.lang.textOr("problem.title", ""), Text: p.explain(v.lang, pr),
		Button: v.lang.textOr("back", ""), Link: v.Home,
	}
	if pr.Status >= http.StatusInternalServerError {
		data.Request = problem.RequestID(r.Context())
	}
	v.Data = data
	p.write(w, r, pr.Status, "message", v)
}

// report lets the service log and record err as it does for its own routes, and
// takes over what belongs on any answer: the wait, the challenge, and cookies
// that are cleared.
func (p *Pages) report(w http.ResponseWriter, r *http.Request, err error) {
	s := shadow{header: http.Header{}}
	p.svc.Fail(&s, r, err)
	s.lend(w.Header(), "Retry-After", "WWW-Authenticate", "Set-Cookie", "X-Request-Id")
}

// explain says in words why something was refused.
func (p *Pages) explain(l *language, pr *problem.Error) string {
	otherwise := pr.Detail
	if pr.Status >= http.StatusInternalServerError {
		otherwise = l.textOr("problem.internal", "")
	}
	return l.textOr("problem."+pr.Code, otherwise, l.wait(pr.RetryAfter))
}

// shadow is a ResponseWriter that keeps the head of an answer and drops its
// body: pages use finished handlers for what they do, and show it in their own
// way.
type shadow struct {
	header http.Header
	status int
}

func (s *shadow) Header() http.Header { return s.header }

func (s *shadow) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

func (s *shadow) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return len(b), nil
}

// lend copies fields of the answer to h.
func (s *shadow) lend(h http.Header, names ...string) {
	for _, name := range names {
		for _, value := range s.header.Values(name) {
			if name == "Set-Cookie" {
				h.Add(name, value)
			} else {
				h.Set(name, value)
			}
		}
	}
}

// call runs a finished handler without a body for r.
func call(h http.Handler, r *http.Request) *shadow {
	s := &shadow{header: http.Header{}}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = http.NoBody, 0
	h.ServeHTTP(s, r)
	return s
}
