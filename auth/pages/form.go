package pages

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
)

// form is what a browser posted.
type form url.Values

func (f form) get(name string) string { return url.Values(f).Get(name) }

// readForm reads a urlencoded body, which is bounded already. The query is never
// merged in, and no field may come twice.
func readForm(r *http.Request) (form, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, auth.ErrMediaType
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, err
		}
		return nil, auth.ErrMalformed.With(err)
	}
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, auth.ErrMalformed.With(err)
	}
	for name, v := range values {
		if len(v) != 1 || !utf8.ValidString(v[0]) || strings.ContainsRune(v[0], 0) || !utf8.ValidString(name) {
			return nil, auth.ErrMalformed
		}
	}
	return form(values), nil
}

// refusal is an error together with the form to show again.
type refusal struct {
	form string
	// names says what the page calls a field that the operation calls otherwise,
	// and to which field the code of a whole problem belongs.
	names map[string]string
	err   error
}

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

// refuse marks err as concerning a form; pairs are names of fields, or codes of
// problems, and the page's name for the field.
func refuse(form string, err error, pairs ...string) error {
	if err == nil {
		return nil
	}
	e := &refusal{form: form, err: err, names: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		e.names[pairs[i]] = pairs[i+1]
	}
	return e
}

// page is one page as its handler needs it.
type page struct {
	path string // of the page, as in its pattern
	// guard wraps pages that are not for everybody. nil: whoever is signed in is
	// known, and nobody has to be.
	guard func(http.Handler) http.Handler
	// show answers a GET, and a refused POST: status then says how, and v what
	// was typed and what is wrong.
	show func(w http.ResponseWriter, r *http.Request, status int, v *View) error
	// post does what a form asks for and answers with [Pages.goTo]. nil: there is
	// no form.
	post func(w http.ResponseWriter, r *http.Request, f form) error
	// renew carries a form over a dead access token. It is for pages that do more
	// for whoever is signed in; those with a guard always do it.
	renew bool
}

// handler makes the finished handler of a page.
func (p *Pages) handler(pg page) http.Handler {
	guard := pg.guard
	if guard == nil {
		guard = p.guard.OptionalUser
	}
	inner := guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.serve(w, r, pg); err != nil {
			p.Fail(w, r, err)
		}
	}))
	return p.svc.Harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.secure(w.Header())
		below := strings.HasPrefix(r.URL.Path, p.act+"/")
		switch {
		case r.Method == http.MethodPost && pg.post != nil:
			if err := p.csrf.Check(r); err != nil {
				p.Fail(w, r, middleware.ErrCrossOrigin.With(err))
				return
			}
			if below && (pg.renew || pg.guard != nil) {
				r = p.renewed(w, r)
			}
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			if below { // somebody reloads what answered a form
				p.goTo(w, r, strings.TrimPrefix(r.URL.EscapedPath(), p.act))
				return
			}
		default:
			allow := "GET, HEAD"
			if pg.post != nil {
				allow += ", POST"
			}
			w.Header().Set("Allow", allow)
			p.Fail(w, r, auth.ErrMethodNotAllowed)
			return
		}
		inner.ServeHTTP(w, r)
	}))
}

// serve shows a page or posts its form; a refused form is shown again, with what
// was typed except passwords.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, pg page) error {
	if r.Method != http.MethodPost {
		v := p.view(r)
		v.Done = p.done(r, v)
		return pg.show(w, r, http.StatusOK, v)
	}
	f, err := readForm(r)
	if err != nil {
		return err
	}
	err = pg.post(w, r, f)
	e, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	p.report(w, r, err)
	v := p.view(r)
	v.Form, v.Values = e.form, map[string]string{}
	v.Next, v.Token = p.svc.ReturnPath(f.get("next"), ""), cmp.Or(f.get("token"), f.get("invite"))
	for name := range f {
		if known := fields[name]; !known.Password {
			v.Values[e.form+"."+name] = f.get(name)
		}
	}
	pr := problem.From(e.err)
	p.blame(v, e, pr)
	return pg.show(w, r, pr.Status, v)
}

// blame puts what is wrong beside the fields, and what belongs to none of them
// over the form.
func (p *Pages) blame(v *View, e *refusal, pr *problem.Error) {
	v.Errors = map[string]string{}
	l := v.lang
	least := p.settings.Passwords.MinLength
	for _, f := range pr.Fields {
		name := cmp.Or(e.names[f.Name], f.Name)
		text := l.textOr("field."+name+"."+f.Code, l.textOr("field."+f.Code, f.Detail, least), least)
		if _, ok := fields[name]; ok || name == "role" {
			v.Errors[e.form+"."+name] = text
		} else {
			v.Failure = text
		}
	}
	if name := e.names[pr.Code]; name != "" {
		v.Errors[e.form+"."+name] = l.textOr("field."+name+"."+pr.Code, p.explain(l, pr))
	}
	if pr.Code == auth.ErrReauthenticate.Code {
		v.Again = "/login?again=1&next=" + url.QueryEscape("/account#"+e.form)
	}
	if len(v.Errors) == 0 && v.Failure == "" {
		v.Failure = p.explain(l, pr)
	}
}

// isStatus reports whether err is shown with that status.
func isStatus(err error, status int) bool {
	return err != nil && problem.From(err).Status == status
}

// done is the notice that ?done= names. Only names of texts are taken from the
// query, never text.
func (p *Pages) done(r *http.Request, v *View) string {
	return v.lang.textOr("done."+r.URL.Query().Get("done"), "")
}

// prefill shows forms filled in with values, unless something was typed there.
func prefill(v *View, values map[string]string) {
	if v.Values == nil {
		v.Values = map[string]string{}
	}
	for key, value := range values {
		if _, typed := v.Values[key]; !typed {
			v.Values[key] = value
		}
	}
}
