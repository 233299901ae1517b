// Package pages is the sign-in, registration, recovery, account and
// administration pages of a program that uses package auth, and the small
// browser client that keeps people signed in.
//
//	p, err := pages.New(svc, pages.Config{AppName: "Acme"})
//	…
//	for _, r := range p.Routes() {
//		mux.Handle(r.Pattern, r.Handler)
//	}
//	mux.Handle("GET /app", p.Guard().RequireUser(app))
//
// The pages are server-rendered and complete without JavaScript. With it they
// are better: a password can be shown, a form is not sent twice, times are
// local, and an access token that ran out is renewed without anybody noticing.
//
// # Where things are
//
// Pages are at the root of the site, "/login" and "/account" for instance. Their
// forms post to the same path below {P}/pages, where {P} is the path of
// auth.Config.BaseURL, because browsers send the refresh and the device cookie
// there alone: the one ends the right session and carries a form over a dead
// access token, the other keeps an attacker from locking anybody out. Posting to
// the pages themselves works as well.
//
// # Changing how they look
//
// Colours and shapes are CSS variables. A file static/theme.css in
// Config.Templates is appended to the style sheet:
//
//	:root { --accent: #6b2fb3; --accent-up: #55238f; --tint: #f1e9fa }
//
// Any file of [Files] can be replaced by one of the same name: one page, the
// layout, or a catalogue of texts. A file locales/fr.json adds a language; what
// it leaves out is English. Templates are executed with a [*View] and have these
// functions beside those of html/template: t (a text of the catalogue and its
// arguments), lang, date, event, role, orgRole, field and choice. [New] renders
// every page in every language with invented content, so that a broken override
// stops the program when it starts.
//
// # What the pages promise
//
// Every answer has a strict Content-Security-Policy: no inline script or style,
// nothing from another host, no framing. A GET changes nothing: the links of
// mails show a page whose button posts. Every POST passes the cross-origin
// check. Texts on pages are the catalogue's; what a query says is never shown.
package pages
