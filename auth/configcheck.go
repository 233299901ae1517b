package auth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// Defaults of [Config].
const (
	DefaultAccessTTL    = 15 * time.Minute
	DefaultRefreshTTL   = 14 * 24 * time.Hour
	DefaultSessionTTL   = 30 * 24 * time.Hour
	DefaultRefreshGrace = 10 * time.Second
	DefaultResetTTL     = time.Hour
	DefaultVerifyTTL    = 24 * time.Hour
	DefaultChangeTTL    = time.Hour
	DefaultFreshFor     = 10 * time.Minute
)

const (
	maxRefreshGrace = time.Minute
	maxLiveCache    = 5 * time.Second
	minSecret       = 32
)

// withDefaults returns a copy of c in which nothing is left open.
func (c Config) withDefaults() Config {
	c.AccessTTL = cmp.Or(c.AccessTTL, DefaultAccessTTL)
	c.RefreshTTL = cmp.Or(c.RefreshTTL, DefaultRefreshTTL)
	c.SessionTTL = cmp.Or(c.SessionTTL, DefaultSessionTTL)
	c.RefreshGrace = cmp.Or(c.RefreshGrace, DefaultRefreshGrace)
	c.ResetTTL = cmp.Or(c.ResetTTL, DefaultResetTTL)
	c.VerifyTTL = cmp.Or(c.VerifyTTL, DefaultVerifyTTL)
	c.ChangeTTL = cmp.Or(c.ChangeTTL, DefaultChangeTTL)
	c.FreshFor = cmp.Or(c.FreshFor, DefaultFreshFor)
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	c.Audience = cmp.Or(c.Audience, c.BaseURL)
	c.Cookies.Session = cmp.Or(c.Cookies.Session, "aegis_session")
	c.Cookies.Refresh = cmp.Or(c.Cookies.Refresh, "aegis_refresh")
	c.Cookies.Device = cmp.Or(c.Cookies.Device, "aegis_device")
	c.Cookies.SameSite = cmp.Or(c.Cookies.SameSite, http.SameSiteLaxMode)
	c.Passwords.MinLength = cmp.Or(c.Passwords.MinLength, minPasswordLength)
	c.Limits = c.Limits.withDefaults()
	c.AfterSignIn = cmp.Or(c.AfterSignIn, "/app")
	if c.Roles != nil {
		c.DefaultRole = cmp.Or(c.DefaultRole, RoleUser)
	}
	if c.ClientIP == nil {
		c.ClientIP = middleware.RemoteAddr
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.OldSecrets = slices.Clone(c.OldSecrets)
	c.Secret = slices.Clone(c.Secret)
	c.Admins = slices.Clone(c.Admins)
	c.findOptionalStores()
	return c
}

// findOptionalStores looks once for the abilities of Store that were not named.
func (c *Config) findOptionalStores() {
	find(&c.Principals, c.Store)
	find(&c.Users, c.Store)
	find(&c.RoleStore, c.Store)
	find(&c.Identities, c.Store)
	if _, mine := c.Store.(interface{ InProcess() }); !mine {
		find(&c.Attempts, c.Store) // otherwise the service's own, bounded memory does it better
	}
	find(&c.Audit, c.Store)
	find(&c.Pruner, c.Store)
}

func find[T comparable](field *T, s store.Store) {
	var none T
	if *field == none {
		if able, ok := s.(T); ok {
			*field = able
		}
	}
}

// check returns every complaint about c at once. c has its defaults.
func (c *Config) check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	if c.Store == nil {
		fault("Config.Store is required: store/memstore and store/sqlstore are ready to use")
	}
	if err := checkSecret(c.Secret); err != nil {
		fault("Config.Secret %w", err)
	}
	for i, old := range c.OldSecrets {
		if err := checkSecret(old); err != nil {
			fault("Config.OldSecrets[%d] %w", i, err)
		}
	}
	if err := c.checkBaseURL(); err != nil {
		faults = append(faults, err)
	}
	c.checkTimes(fault)
	c.checkCookies(fault)
	c.checkRoles(fault)
	c.checkProviders(fault)
	for _, admin := range c.Admins {
		if canonical, err := CanonicalEmail(admin); err != nil || canonical != admin {
			fault("Config.Admins: %q is not a lower-case e-mail address", admin)
		}
	}
	if _, ok := localPath(c.AfterSignIn, &url.URL{Scheme: "https", Host: "example.com"}, "/auth"); !ok {
		fault("Config.AfterSignIn must be a path on this site, such as /app, not %q", c.AfterSignIn)
	}
	for _, origin := range c.TrustedOrigins {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
			fault("Config.TrustedOrigins: %w", err)
		}
	}
	if c.Passwords.MinLength < minPasswordLength || c.Passwords.MinLength > 64 {
		fault("Config.Passwords.MinLength is %d, and must be from %d to 64", c.Passwords.MinLength, minPasswordLength)
	}
	if c.Registration < RegistrationOpen || c.Registration > RegistrationClosed {
		fault("Config.Registration is none of the declared constants")
	}
	faults = append(faults, c.Limits.check()...)
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("auth: %w", errors.Join(faults...))
}

// checkSecret refuses what could be guessed. token.HMAC knows the placeholders.
func checkSecret(secret []byte) error {
	if len(secret) == 0 {
		return fmt.Errorf("is required: %d random bytes, the same on every node and after every restart", minSecret)
	}
	if _, err := token.HMAC(secret); err != nil {
		return fmt.Errorf("is not usable: %w", err)
	}
	return nil
}

func (c *Config) checkBaseURL() error {
	const want = `Config.BaseURL must be like "https://app.example.com/auth"`
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", want, err)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%s, not %q", want, c.BaseURL)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("%s, without user, query and fragment", want)
	case u.Path == "" || path.Clean(u.Path) != u.Path || u.RawPath != "" || strings.ContainsAny(u.Path, " {};,\\\""):
		return fmt.Errorf("%s, with a plain path of its own", want)
	case strings.ToLower(u.Host) != u.Host:
		return fmt.Errorf("%s, in lower case", want)
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !c.Cookies.InsecureAllowHTTP && !c.Cookies.Disabled:
		return fmt.Errorf("Config.BaseURL: plain http on %q would send cookies in the clear; "+
			"use https, or set Cookies.InsecureAllowHTTP", u.Hostname())
	}
	return nil
}

// isLoopback reports whether host can only be this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

func (c *Config) checkTimes(fault func(string, ...any)) {
	for _, t := range []struct {
		field string
		value time.Duration
	}{
		{"AccessTTL", c.AccessTTL}, {"RefreshTTL", c.RefreshTTL}, {"SessionTTL", c.SessionTTL},
		{"ResetTTL", c.ResetTTL}, {"VerifyTTL", c.VerifyTTL}, {"ChangeTTL", c.ChangeTTL}, {"FreshFor", c.FreshFor},
	} {
		if t.value < time.Second {
			fault("Config.%s is %v, and must be a second or more", t.field, t.value)
		}
	}
	if c.AccessTTL > 24*time.Hour {
		fault("Config.AccessTTL is %v: more than a day makes revocation meaningless", c.AccessTTL)
	}
	if c.RefreshTTL > c.SessionTTL {
		fault("Config.RefreshTTL (%v) must not exceed SessionTTL (%v)", c.RefreshTTL, c.SessionTTL)
	}
	if c.RefreshGrace > maxRefreshGrace {
		fault("Config.RefreshGrace is %v, and must be at most %v", c.RefreshGrace, maxRefreshGrace)
	}
	if c.LiveCache < 0 || c.LiveCache > maxLiveCache {
		fault("Config.LiveCache is %v, and must be from 0 to %v", c.LiveCache, maxLiveCache)
	}
}

func (c *Config) checkCookies(fault func(string, ...any)) {
	names := []string{c.Cookies.Session, c.Cookies.Refresh, c.Cookies.Device}
	for _, name := range names {
		if (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
			fault("Config.Cookies: %q is no cookie name", name)
		}
		if strings.HasPrefix(name, "__") {
			fault("Config.Cookies: %q: set Hardened instead of writing the prefix", name)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 3 {
		fault("Config.Cookies: the names must differ")
	}
	if c.Cookies.Hardened && c.Cookies.Domain != "" {
		fault("Config.Cookies.Domain cannot be combined with Hardened")
	}
	if d := c.Cookies.Domain; d != "" && net.ParseIP(d) != nil {
		fault("Config.Cookies.Domain is an address, not a domain")
	}
	if c.Cookies.SameSite == http.SameSiteNoneMode {
		fault("Config.Cookies.SameSite None would send the session to every site; use Lax or Strict")
	}
}

func (c *Config) checkRoles(fault func(string, ...any)) {
	if c.Roles == nil {
		if len(c.Admins) > 0 {
			fault("Config.Admins needs Config.Roles: start with auth.DefaultRoles()")
		}
		if c.FirstUserAdmin {
			fault("Config.FirstUserAdmin needs Config.Roles: start with auth.DefaultRoles()")
		}
		return
	}
	for _, role := range []string{RoleAdmin, c.DefaultRole} {
		if _, ok := c.Roles[role]; !ok {
			fault("Config.Roles has no role %q", role)
		}
	}
	for role := range c.Roles {
		if !validRoleName(role) {
			fault("Config.Roles: %q is no role name: 1 to 64 of a-z 0-9 _ -", role)
		}
	}
	if c.Store == nil {
		return
	}
	if c.Users == nil {
		fault("Config.Roles needs a Store that implements store.UserLister, or Config.Users")
	}
	if c.RoleStore == nil {
		fault("Config.Roles needs a Store that implements store.RoleStore, or Config.RoleStore")
	}
}

func validRoleName(role string) bool {
	if role == "" || len(role) > 64 {
		return false
	}
	for _, r := range []byte(role) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}

func (c *Config) checkProviders(fault func(string, ...any)) {
	seen := make(map[string]bool)
	for i, p := range c.Providers {
		if p == nil {
			fault("Config.Providers[%d] is nil", i)
			continue
		}
		if name := p.Name(); !validRoleName(name) || seen[name] {
			fault("Config.Providers[%d]: name %q is not usable or not unique", i, name)
		}
		seen[p.Name()] = true
		if err := oauth.Validate(p); err != nil {
			fault("Config.Providers[%d]: %w", i, err)
		}
	}
	if len(c.Providers) > 0 && c.Store != nil && c.Identities == nil {
		fault("Config.Providers needs a Store that implements store.IdentityStore, or Config.Identities")
	}
}
