package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
)

// withNext adds a path to return to.
func withNext(page, next string) string {
	if next == "" {
		return page
	}
	return page + "?next=" + url.QueryEscape(next)
}

// unauthenticated answers browsers that show the answer and have no live access
// token. The refresh cookie is not in this request: its path is that of the
// routes. So a navigation is sent to a page below there, which knows whether
// this browser may hold a session, and comes back when that is renewed. What a
// form has typed cannot be carried along; the person is told so.
func (p *Pages) unauthenticated(w http.ResponseWriter, r *http.Request, err error) bool {
	if !wantsPage(r) {
		return false
	}
	if errors.Is(err, middleware.ErrAmbiguousCookie) {
		p.report(w, r, err) // clears them
		p.goTo(w, r, withNext("/login", p.origin(r)))
		return true
	}
	if r.Method == http.MethodPost {
		if err := p.csrf.Check(r); err != nil {
			p.Fail(w, r, middleware.ErrCrossOrigin.With(err))
			return true
		}
		p.showContinue(w, r, http.StatusUnauthorized, p.origin(r), ContinueData{Posted: true})
		return true
	}
	p.goTo(w, r, withNext(p.act+"/continue", p.origin(r)))
	return true
}

// origin is the page that r asks for or, if it is a form, comes from.
func (p *Pages) origin(r *http.Request) string {
	if r.Method != http.MethodPost {
		return p.svc.ReturnPath(middleware.RequestedPath(r), "")
	}
	if page, ok := strings.CutPrefix(r.URL.EscapedPath(), p.act); ok {
		return p.svc.ReturnPath(page, "")
	}
	from, err := url.Parse(r.Referer())
	if err != nil {
		return ""
	}
	q := from.Query()
	if q.Has("done") { // what it told of was before
		q.Del("done")
		from.RawQuery = q.Encode()
	}
	return p.svc.ReturnPath(from.RequestURI(), "")
}

func (p *Pages) showContinue(w http.ResponseWriter, r *http.Request, status int, next string, data ContinueData) {
	v := p.view(r)
	data.Action = p.act + "/continue"
	v.Next, v.Data = p.svc.ReturnPath(next, p.cfg.AfterSignIn), data
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", problem.BearerChallenge("", ""))
	}
	p.write(w, r, status, "continue", v)
}

// ContinueHandler answers {P}/pages/continue?next=, the page that stands in for
// one whose access token has died: script, or without it a button, renews the
// session and goes on. Browsers that hold no session go to sign in at once.
func ContinueHandler(p *Pages) http.Handler {
	return p.svc.Harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.secure(w.Header())
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			next := p.svc.ReturnPath(r.URL.Query().Get("next"), p.cfg.AfterSignIn)
			if !p.mayRenew(r) {
				p.goTo(w, r, withNext("/login", next))
				return
			}
			if _, err := p.svc.Authenticate(r); err == nil { // another tab was faster
				p.goTo(w, r, next)
				return
			}
			p.showContinue(w, r, http.StatusOK, next, ContinueData{})
		case http.MethodPost:
			p.postContinue(w, r)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			p.Fail(w, r, auth.ErrMethodNotAllowed)
		}
	}))
}

func (p *Pages) postContinue(w http.ResponseWriter, r *http.Request) {
	f, err := readForm(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	next := p.svc.ReturnPath(f.get("next"), p.cfg.AfterSignIn)
	s := call(p.refresh, r) // checks the origin too
	s.lend(w.Header(), "Set-Cookie", "Retry-After")
	switch s.status {
	case http.StatusOK:
		p.goTo(w, r, next)
	case http.StatusUnauthorized:
		p.goTo(w, r, withNext("/login", next))
	case http.StatusForbidden:
		p.Fail(w, r, middleware.ErrCrossOrigin)
	default: // nothing is known to be over
		p.showContinue(w, r, s.status, next, ContinueData{Late: s.status != http.StatusConflict})
	}
}

// mayRenew reports whether the browser that sent r may hold a refresh cookie. r
// is at the path of that cookie, which is SameSite=Strict: coming from another
// site the browser keeps it back, and then the device cookie, which is Lax, tells
// whether anybody has signed in here.
func (p *Pages) mayRenew(r *http.Request) bool {
	if _, err := r.Cookie(p.cookieName("refresh")); err == nil {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "none", "same-origin", "same-site":
		return false
	}
	_, err := r.Cookie(p.cookieName("device"))
	return err == nil
}

// renewed returns r with a live access token if it has a dead one, or none, and a
// refresh cookie. The new cookies are on the answer. Otherwise it returns r, and
// whoever guards the page decides.
func (p *Pages) renewed(w http.ResponseWriter, r *http.Request) *http.Request {
	if _, err := p.svc.Authenticate(r); err == nil || problem.From(err).Status != http.StatusUnauthorized {
		return r
	}
	if c, err := r.Cookie(p.cookieName("refresh")); err != nil || c.Value == "" {
		return r
	}
	s := call(p.refresh, r)
	s.lend(w.Header(), "Set-Cookie")
	if s.status != http.StatusOK {
		return r
	}
	return withCookies(r, s.header)
}

// withCookies returns r as the browser would send it after an answer with these
// Set-Cookie fields.
func withCookies(r *http.Request, answer http.Header) *http.Request {
	fresh := map[string]string{}
	for _, c := range (&http.Response{Header: answer}).Cookies() {
		fresh[c.Name] = c.Value
	}
	sent := r.Cookies()
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	for _, c := range sent {
		if _, replaced := fresh[c.Name]; !replaced {
			r.AddCookie(c)
		}
	}
	for name, value := range fresh {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}
