package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// app is the program, wired.
type app struct {
	set    *settings
	logger *slog.Logger
	db     *database
	svc    *auth.Service
	orgs   *org.Service
	pages  *pages.Pages
	outbox *auth.Outbox // nil with a real mailer
}

// newApp opens the database and makes the services. It brings the schema up to
// date, unless that is what the command is about.
func newApp(ctx context.Context, set *settings, command string, stderr io.Writer) (*app, error) {
	if command != "" && set.get("LOG_LEVEL") == "" {
		set.logLevel = "warn" // a command says itself what it did
	}
	a := &app{set: set, logger: newLogger(set, stderr)}
	var err error
	if a.db, err = openDatabase(ctx, set.database, command != "migrate"); err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if err := a.wire(); err != nil {
		a.db.close()
		return nil, err
	}
	return a, nil
}

// wire makes the services: accounts, organizations on top of them, and pages on
// top of both.
func (a *app) wire() error {
	config, err := a.config()
	if err != nil {
		return err
	}
	if a.svc, err = auth.New(config); err != nil {
		return err
	}
	if a.orgs, err = org.New(a.svc, org.Config{}); err != nil {
		return err
	}
	a.pages, err = pages.New(a.svc, pages.Config{Organizations: a.orgs})
	return err
}

func (a *app) close() { a.db.close() }

func newLogger(set *settings, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(set.logLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if set.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// config turns settings into the service's configuration.
func (a *app) config() (auth.Config, error) {
	set := a.set
	c := auth.Config{
		Store: a.db.store, Secret: set.secret, OldSecrets: set.oldSecrets,
		BaseURL: set.baseURL + set.prefix + "/auth", AppName: "Aegis",
		AccessTTL: set.accessTTL, RefreshTTL: set.refreshTTL, SessionTTL: set.sessionTTL, RefreshGrace: set.grace,
		Cookies:   auth.Cookies{Hardened: set.hardened},
		Passwords: auth.Passwords{MinLength: set.minLength},
		Limits:    auth.Limits{InsecureOff: !set.limits},
		Roles:     auth.DefaultRoles(), Admins: set.admins, FirstUserAdmin: set.firstUserAdmin,
		TrustedOrigins: set.origins, Logger: a.logger,
	}
	if set.grace == 0 {
		c.RefreshGrace = -1
	}
	switch set.registration {
	case "private":
		c.Registration = auth.RegistrationPrivate
	case "closed":
		c.Registration = auth.RegistrationClosed
	}
	if len(set.proxies) > 0 {
		c.ClientIP = middleware.ForwardedFor(set.proxies...)
	}
	var err error
	if c.Hasher, err = auth.Bcrypt(set.cost); err != nil {
		return c, fmt.Errorf("BCRYPT_COST: %w", err)
	}
	if c.Keys, err = a.keys(); err != nil {
		return c, err
	}
	if c.Providers, err = set.providers(); err != nil {
		return c, err
	}
	c.Mailer, err = a.mailer()
	return c, err
}

// keys returns what signs access tokens, nil for HS256 under the secret.
func (a *app) keys() (*token.Keyring, error) {
	if a.set.keyFile == "" {
		if a.set.algorithm != "HS256" {
			return nil, fmt.Errorf("JWT_ALGORITHM: %s needs JWT_PRIVATE_KEY_FILE: try the command new-key", a.set.algorithm)
		}
		return nil, nil
	}
	data, err := os.ReadFile(a.set.keyFile)
	if err != nil {
		return nil, fmt.Errorf("JWT_PRIVATE_KEY_FILE: %w", err)
	}
	key, err := token.ParseKey(data)
	if err != nil {
		return nil, fmt.Errorf("JWT_PRIVATE_KEY_FILE: %w", err)
	}
	if a.set.get("JWT_ALGORITHM") != "" && key.Algorithm() != a.set.algorithm {
		return nil, fmt.Errorf("JWT_ALGORITHM: the private key is for %s, not %s", key.Algorithm(), a.set.algorithm)
	}
	return token.NewKeyring(key)
}

func (a *app) mailer() (auth.Mailer, error) {
	if a.set.smtpURL != "" {
		m, err := auth.NewSMTP(auth.SMTPConfig{URL: a.set.smtpURL, From: a.set.mailFrom})
		if err != nil {
			return nil, fmt.Errorf("SMTP_URL: %w", err)
		}
		return m, nil
	}
	if !a.set.development {
		return nil, fmt.Errorf("SMTP_URL: is required where the public address is not this machine")
	}
	a.outbox = auth.NewOutbox(a.logger, 100)
	return a.outbox, nil
}

// routes is every route of the services.
func (a *app) routes() []auth.Route {
	return slices.Concat(a.svc.Routes(), a.orgs.Routes(), a.pages.Routes())
}

// handler is every route of the program.
func (a *app) handler() http.Handler {
	mux := auth.NewMux(a.svc, a.routes(), a.svc.Path(), a.orgs.Path())
	guard := a.guard()
	guard.OrgRoles = a.orgs
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /api/hello", guard.RequireUser(http.HandlerFunc(hello)))
	mux.Handle("GET /api/admin", guard.RequireRole(auth.RoleAdmin)(http.HandlerFunc(hello)))
	mux.Handle("GET /api/orgs/{org}/report", guard.RequireOrgRole(store.OrgAdmin, "org")(http.HandlerFunc(hello)))
	mux.Handle("GET /app", a.landing())
	mux.Handle("GET /{$}", http.RedirectHandler("/app", http.StatusSeeOther))
	if a.outbox != nil {
		mux.Handle("/dev/outbox", a.outbox)
		mux.Handle("/dev/outbox/", a.outbox)
	}
	return mux
}

// guard admits signed-in users; with AUTH_ENABLED=0 everybody is the developer.
func (a *app) guard() *middleware.Guard {
	guard := a.svc.Guard()
	if !a.set.authEnabled {
		developer := &middleware.Principal{UserID: "developer", Email: "developer@localhost", EmailVerified: true,
			Role: a.set.devRole, AuthTime: time.Now(), User: &store.User{ID: "developer", Email: "developer@localhost"}}
		guard.Authenticator = middleware.AuthenticatorFunc(func(*http.Request) (*middleware.Principal, error) {
			p := *developer
			return &p, nil
		})
	}
	return guard
}

func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.db.ping(ctx); err != nil {
		a.logger.WarnContext(ctx, "database does not answer", "err", err)
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func hello(w http.ResponseWriter, r *http.Request) {
	p, _ := middleware.PrincipalFrom(r.Context())
	writeJSON(w, http.StatusOK, map[string]string{"message": "hello " + p.Email, "role": p.Role})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// banner says where everything is.
func (a *app) banner(w io.Writer) {
	base := a.set.baseURL
	fmt.Fprintf(w, "Aegis is listening on %s\n  sign in  %s/login\n  routes   %s%s/auth\n", base, base, base, a.set.prefix)
	if a.outbox != nil {
		fmt.Fprintf(w, "  mails    %s/dev/outbox\n", base)
	}
	fmt.Fprintf(w, "  database %s\n", a.db.label)
	if !a.set.authEnabled {
		fmt.Fprintf(w, "  AUTH_ENABLED=0: everybody is %s\n", a.set.devRole)
	}
}
