package main

import (
	"html/template"
	"net/http"

	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// landingPage borrows the style sheet and the script of the pages.
var landingPage = template.Must(template.New("app").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your application</title>
<link rel="stylesheet" href="{{.Routes}}/auth.css">
<script type="module" src="{{.Routes}}/auth.js" data-aegis-refresh="{{.Routes}}/refresh" data-aegis-logout="{{.Routes}}/logout"></script>
</head>
<body class="solo">
<main>
<a class="brand" href="/app">Your application</a>
<div class="card stack">
<h1>Hello{{with .User.Name}}, {{.}}{{end}}</h1>
<p>You are signed in as {{.User.Email}}{{with .User.Role}} <span class="tag">{{.}}</span>{{end}}</p>
<p class="soft">This page stands for your own application.</p>
<a class="button wide" href="/account">Your account</a>
<a class="button plain wide" href="/account/organizations">Your organizations</a>
{{if eq .User.Role "admin"}}<a class="button plain wide" href="/admin/users">All users</a>
{{end}}<form method="post" action="{{.Routes}}/pages/logout"><button class="quiet slim">Sign out</button></form>
</div>
</main>
</body>
</html>
`))

// landing is where people arrive after signing in. Whoever is not signed in is
// sent to the sign-in page and comes back.
func (a *app) landing() http.Handler {
	return a.svc.Harden(a.pages.Guard().RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		err := landingPage.Execute(w, struct {
			Routes string
			User   *store.User
		}{a.svc.Path(), middleware.UserFrom(r.Context())})
		if err != nil {
			a.logger.WarnContext(r.Context(), "write page", "err", err)
		}
	})))
}
