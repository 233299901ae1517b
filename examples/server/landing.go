package main

import (
	"html/template"
	"net/http"

	"github.com/aegis-auth/aegis/middleware"
)

var landingPage = template.Must(template.New("app").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your app</title>
</head>
<body>
<main>
<h1>You are signed in</h1>
<p>{{.Email}}{{with .Role}}, {{.}}{{end}}</p>
<p>This page stands for your own application.</p>
<ul>
<li><a href="/account">Your account</a></li>
<li><a href="/account/organizations">Your organizations</a></li>
{{if eq .Role "admin"}}<li><a href="/admin/users">All users</a></li>{{end}}
</ul>
</main>
</body>
</html>
`))

// landing is where people arrive after signing in. Whoever is not signed in is
// sent to the sign-in page and comes back.
func (a *app) landing() http.Handler {
	return a.svc.Harden(a.pages.Guard().RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := middleware.PrincipalFrom(r.Context())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := landingPage.Execute(w, p); err != nil {
			a.logger.WarnContext(r.Context(), "write page", "err", err)
		}
	})))
}
