package auth

import (
	"net/http"
	"strings"
)

// Route is one endpoint. [Service.Routes] is the single table behind Mux, the
// OpenAPI document, the list that the command line prints, and the test that
// every route asks for what it declares.
type Route struct {
	Name    string // "token", "users.delete"
	Pattern string // of [http.ServeMux]: "POST /auth/token"
	Access  string // "public", "user", "fresh", "role:admin", "org:admin"
	Handler http.Handler
	Doc     *Doc // nil: not in the OpenAPI document
}

// Method returns the method of the route's pattern.
func (r Route) Method() string {
	method, _, _ := strings.Cut(r.Pattern, " ")
	return method
}

// Path returns the path of the route's pattern, wildcards included.
func (r Route) Path() string {
	_, path, _ := strings.Cut(r.Pattern, " ")
	return path
}

// Routes returns every endpoint of this service. The metadata document of RFC
// 8414 lies outside Path, so a caller who wants it mounts the table, or that
// route, and not only Mux under Path.
func (s *Service) Routes() []Route {
	var table []Route
	add := func(name, method, path, access string, h http.Handler) {
		table = append(table, Route{name, method + " " + s.path + path, access, h, routeDocs[name]})
	}
	add("register", "POST", "/register", "public", RegisterHandler(s))
	add("token", "POST", "/token", "public", TokenHandler(s))
	add("refresh", "POST", "/refresh", "public", RefreshHandler(s))
	add("logout", "POST", "/logout", "public", LogoutHandler(s))
	add("revoke", "POST", "/revoke", "public", RevokeHandler(s))
	add("me", "GET", "/me", "user", MeHandler(s))
	add("me.update", "PATCH", "/me", "user", UpdateMeHandler(s))
	add("me.delete", "DELETE", "/me", "fresh", DeleteMeHandler(s))
	add("password.change", "POST", "/password", "user", ChangePasswordHandler(s))
	add("password.request_reset", "POST", "/password-reset/request", "public", RequestPasswordResetHandler(s))
	add("password.reset", "POST", "/password-reset/confirm", "public", ConfirmPasswordResetHandler(s))
	add("email.verify", "POST", "/verify-email", "public", VerifyEmailHandler(s))
	add("email.resend", "POST", "/resend-verification", "user", ResendVerificationHandler(s))
	add("email.request_change", "POST", "/email-change/request", "fresh", RequestEmailChangeHandler(s))
	add("email.change", "POST", "/email-change/confirm", "public", ConfirmEmailChangeHandler(s))
	add("sessions", "GET", "/sessions", "user", ListSessionsHandler(s))
	add("sessions.revoke", "DELETE", "/sessions/{id}", "user", RevokeSessionHandler(s))
	add("sessions.revoke_others", "DELETE", "/sessions", "user", RevokeOtherSessionsHandler(s))
	add("reauthenticate", "POST", "/reauthenticate", "user", ReauthenticateHandler(s))
	add("config", "GET", "/config", "public", ConfigHandler(s))
	add("openapi", "GET", "/openapi.json", "public", OpenAPIHandler(s))
	add("jwks", "GET", "/jwks.json", "public", JWKSHandler(s))
	if len(s.cfg.Providers) > 0 {
		add("oauth.start", "GET", "/oauth/{provider}/start", "public", OAuthStartHandler(s))
		add("oauth.link", "POST", "/oauth/{provider}/link", "fresh", OAuthLinkHandler(s))
		add("oauth.callback", "GET", "/oauth/{provider}/callback", "public", OAuthCallbackHandler(s))
		add("oauth.connections", "GET", "/oauth/connections", "user", ListConnectionsHandler(s))
		add("oauth.disconnect", "DELETE", "/oauth/connections/{provider}", "user", DisconnectHandler(s))
	}
	if s.cfg.Roles != nil {
		const admin = "role:admin"
		add("users", "GET", "/users", "role:admin,moderator", ListUsersHandler(s))
		add("users.create", "POST", "/users", admin, CreateUserHandler(s))
		add("users.get", "GET", "/users/{id}", "self or role:admin", GetUserHandler(s))
		add("users.update", "PATCH", "/users/{id}", "self or role:admin", UpdateUserHandler(s))
		add("users.set_role", "PATCH", "/users/{id}/role", admin, SetUserRoleHandler(s))
		add("users.deactivate", "PATCH", "/users/{id}/deactivate", admin, DeactivateUserHandler(s))
		add("users.activate", "PATCH", "/users/{id}/activate", admin, ActivateUserHandler(s))
		add("users.delete", "DELETE", "/users/{id}", admin, DeleteUserHandler(s))
		add("users.restore", "POST", "/users/{id}/restore", admin, RestoreUserHandler(s))
		add("users.revoke_sessions", "DELETE", "/users/{id}/sessions", admin, RevokeUserSessionsHandler(s))
		add("users.unlock", "POST", "/users/{id}/unlock", admin, UnlockUserHandler(s))
		if s.cfg.Audit != nil {
			add("audit", "GET", "/audit", admin, AuditHandler(s))
		}
	}
	table = append(table, Route{"metadata", "GET /.well-known/oauth-authorization-server" + s.path, "public", MetadataHandler(s), routeDocs["metadata"]})
	return table
}

// Mux returns a mux with every route at its full path. What lies below Path and
// is no route is answered with a problem document.
func (s *Service) Mux() *http.ServeMux { return NewMux(s, s.Routes(), s.path) }

// NewMux mounts routes, and answers what else lies below the prefixes with a
// problem document: 405 with Allow if another method would do, else 404.
func NewMux(s *Service, routes []Route, prefixes ...string) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Pattern, r.Handler)
	}
	for _, prefix := range prefixes {
		rest := prefix + "/"
		mux.Handle(rest, s.Harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if allow := allowed(mux, rest, r); len(allow) > 0 {
				w.Header().Set("Allow", strings.Join(allow, ", "))
				s.fail(w, r, ErrMethodNotAllowed)
				return
			}
			s.fail(w, r, ErrNotFound)
		})))
	}
	return mux
}

// allowed returns the methods for which mux has more at r's path than the rest.
func allowed(mux *http.ServeMux, rest string, r *http.Request) []string {
	var methods []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		probe := &http.Request{Method: method, Host: r.Host, URL: r.URL}
		if _, pattern := mux.Handler(probe); pattern != rest && pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}
