package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aegis-auth/aegis/auth/authcli"
)

// setting is one line of the help.
type setting struct{ name, fallback, help string }

var settingHelp = []setting{
	{"ADDR", "localhost:8000", "where to listen"},
	{"BASE_URL", "http://localhost:8000", "the public address"},
	{"API_PREFIX", "", "in front of /auth and /orgs, such as /api/v1"},
	{"DATABASE_URL", "sqlite:aegis.db", "sqlite:PATH, sqlite::memory:, postgres://…, mysql://…, memory:"},
	{"JWT_SECRET_KEY", "generated in development", "at least 32 random bytes"},
	{"JWT_OLD_SECRET_KEYS", "", "still accepted, separated by commas"},
	{"JWT_ALGORITHM", "HS256", "HS256, or the algorithm of the private key"},
	{"JWT_PRIVATE_KEY_FILE", "", "PEM or JWK: signs access tokens, public half at jwks.json"},
	{"ACCESS_TOKEN_EXPIRE_MINUTES", "15", ""},
	{"REFRESH_TOKEN_EXPIRE_DAYS", "14", "idle limit of a session"},
	{"SESSION_MAX_DAYS", "30", "absolute limit of a session"},
	{"REFRESH_REUSE_GRACE_SECONDS", "10", "0 is strict"},
	{"GITHUB_OAUTH_CLIENT_ID, _SECRET", "", "blank switches the provider off"},
	{"GITHUB_BASE_URL", "https://github.com", "or a server of GitHub Enterprise"},
	{"GOOGLE_OAUTH_CLIENT_ID, _SECRET", "", "blank switches the provider off"},
	{"GOOGLE_ISSUER", "Google's", "a test issuer on loopback"},
	{"OIDC_NAME, OIDC_ISSUER", "", "any other OpenID Connect issuer"},
	{"OIDC_CLIENT_ID, _SECRET", "", ""},
	{"OAUTH_SESSION_SECRET", "derived", "accepted for compatibility: every key is derived from JWT_SECRET_KEY"},
	{"REGISTRATION", "open", "open, private or closed"},
	{"ADMIN_EMAILS", "", "become administrators once verified, separated by commas"},
	{"FIRST_USER_ADMIN", "1 in development", "the first user of all becomes administrator"},
	{"PASSWORD_MIN_LENGTH", "8", ""},
	{"BCRYPT_COST", "12", "10 to 15"},
	{"SMTP_URL", "development mailer", "smtp://user:password@host:587 or smtps://…:465"},
	{"MAIL_FROM", "", "sender of mails"},
	{"RATE_LIMITS", "on", "on or off; off only on loopback"},
	{"TRUSTED_PROXIES", "", "networks whose X-Forwarded-For is believed, separated by commas"},
	{"TRUSTED_ORIGINS", "", "other origins that may send requests with cookies"},
	{"COOKIES_HARDENED", "0", "1: __Host- and __Secure- names"},
	{"AUTH_ENABLED", "1", "0: everybody is DEV_USER_ROLE; loopback only"},
	{"DEV_USER_ROLE", "admin", "with AUTH_ENABLED=0"},
	{"LOG_FORMAT", "text", "text or json"},
	{"LOG_LEVEL", "info", "debug, info, warn or error"},
}

func usage(flags *flag.FlagSet) {
	w := flags.Output()
	fmt.Fprint(w, "Usage: server [-env file] [command [arguments]]\n\n"+
		"Without a command it serves; the commands are listed below. Settings come from the environment, or from the file:\n\n")
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, s := range settingHelp {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.name, s.fallback, s.help)
	}
	table.Flush()
	fmt.Fprint(w, "\nCommands:\n\n")
	authcli.Usage(w)
	fmt.Fprint(w, "\nFlags:\n\n")
	flags.PrintDefaults()
}

// settings are the settings, read and checked one by one; auth.New checks them
// as a whole.
type settings struct {
	addr, baseURL, prefix, database string
	secret                          []byte
	oldSecrets                      [][]byte
	algorithm, keyFile              string
	accessTTL, refreshTTL           time.Duration
	sessionTTL, grace               time.Duration
	registration                    string
	admins                          []string
	firstUserAdmin                  bool
	minLength, cost                 int
	smtpURL, mailFrom               string
	limits                          bool
	proxies                         []netip.Prefix
	origins                         []string
	hardened, authEnabled           bool
	devRole, logFormat, logLevel    string
	development                     bool // the public address is this machine alone
	notices                         []string

	get    func(string) string
	faults []error
}

// loadSettings reads the environment, and file for what it does not say.
func loadSettings(file string, env func(string) (string, bool)) (*settings, error) {
	fromFile, err := readEnvFile(file)
	if err != nil {
		return nil, err
	}
	s := &settings{get: func(name string) string {
		if v, ok := env(name); ok {
			return strings.TrimSpace(v)
		}
		return fromFile[name]
	}}
	s.addr = s.text("ADDR", "localhost:8000")
	s.baseURL = strings.TrimSuffix(s.text("BASE_URL", "http://localhost:8000"), "/")
	s.prefix = strings.TrimSuffix(s.text("API_PREFIX", ""), "/")
	s.database = s.text("DATABASE_URL", "sqlite:aegis.db")
	s.development = loopback(s.baseURL)
	s.algorithm = s.oneOf("JWT_ALGORITHM", "HS256", "EdDSA", "ES256", "RS256")
	s.keyFile = s.text("JWT_PRIVATE_KEY_FILE", "")
	s.accessTTL = s.duration("ACCESS_TOKEN_EXPIRE_MINUTES", 15, time.Minute)
	s.refreshTTL = s.duration("REFRESH_TOKEN_EXPIRE_DAYS", 14, 24*time.Hour)
	s.sessionTTL = s.duration("SESSION_MAX_DAYS", 30, 24*time.Hour)
	s.grace = s.duration("REFRESH_REUSE_GRACE_SECONDS", 10, time.Second)
	s.registration = s.oneOf("REGISTRATION", "open", "private", "closed")
	s.admins = s.words("ADMIN_EMAILS")
	s.firstUserAdmin = s.boolean("FIRST_USER_ADMIN", s.development)
	s.minLength = s.number("PASSWORD_MIN_LENGTH", 8)
	s.cost = s.number("BCRYPT_COST", 12)
	s.smtpURL, s.mailFrom = s.text("SMTP_URL", ""), s.text("MAIL_FROM", "")
	s.limits = s.oneOf("RATE_LIMITS", "on", "off") == "on"
	s.origins = s.words("TRUSTED_ORIGINS")
	s.hardened = s.boolean("COOKIES_HARDENED", false)
	s.authEnabled = s.boolean("AUTH_ENABLED", true)
	s.devRole = s.text("DEV_USER_ROLE", "admin")
	s.logFormat = s.oneOf("LOG_FORMAT", "text", "json")
	s.logLevel = s.oneOf("LOG_LEVEL", "info", "debug", "warn", "error")
	for _, word := range s.words("TRUSTED_PROXIES") {
		p, err := parseNetwork(word)
		s.fault("TRUSTED_PROXIES", err)
		s.proxies = append(s.proxies, p)
	}
	if !s.development && !s.limits {
		s.fault("RATE_LIMITS", errors.New("off is for development on loopback"))
	}
	if !s.development && !s.authEnabled {
		s.fault("AUTH_ENABLED", errors.New("0 is for development on loopback"))
	}
	s.loadSecrets()
	if len(s.faults) > 0 {
		return nil, errors.Join(s.faults...)
	}
	return s, nil
}

// secretFile is where development keeps its secret, so that sessions survive a
// restart.
const secretFile = "aegis.secret"

func (s *settings) loadSecrets() {
	for _, old := range s.words("JWT_OLD_SECRET_KEYS") {
		s.oldSecrets = append(s.oldSecrets, []byte(old))
	}
	if secret := s.get("JWT_SECRET_KEY"); secret != "" {
		s.secret = []byte(secret)
		return
	}
	if !s.development {
		s.fault("JWT_SECRET_KEY", errors.New("is required: try the command new-secret"))
		return
	}
	secret, err := os.ReadFile(secretFile)
	if errors.Is(err, os.ErrNotExist) {
		random := make([]byte, 32)
		rand.Read(random)
		secret = []byte(base64.RawURLEncoding.EncodeToString(random))
		err = os.WriteFile(secretFile, append(secret, '\n'), 0o600)
		s.notices = append(s.notices, "Generated a development secret in ./"+secretFile+" (mode 0600). Set JWT_SECRET_KEY in production.")
	}
	s.fault("JWT_SECRET_KEY", err)
	s.secret = []byte(strings.TrimSpace(string(secret)))
}

func (s *settings) fault(name string, err error) {
	if err != nil {
		s.faults = append(s.faults, fmt.Errorf("%s: %w", name, err))
	}
}

func (s *settings) text(name, fallback string) string {
	if v := s.get(name); v != "" {
		return v
	}
	return fallback
}

// oneOf returns the setting, which must be one of the choices; the first is the
// default.
func (s *settings) oneOf(name string, choices ...string) string {
	v := s.text(name, choices[0])
	for _, choice := range choices {
		if strings.EqualFold(v, choice) {
			return choice
		}
	}
	s.fault(name, fmt.Errorf("%q is none of %s", v, strings.Join(choices, ", ")))
	return choices[0]
}

func (s *settings) number(name string, fallback int) int {
	v := s.get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		s.fault(name, fmt.Errorf("%q is not a whole number", v))
	}
	return n
}

func (s *settings) duration(name string, fallback int, unit time.Duration) time.Duration {
	n := s.number(name, fallback)
	if n > 100_000 {
		s.fault(name, errors.New("is too large"))
		n = 0
	}
	return time.Duration(n) * unit
}

func (s *settings) boolean(name string, fallback bool) bool {
	v := s.get(name)
	if v == "" {
		return fallback
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		s.fault(name, fmt.Errorf("%q is neither 1 nor 0", v))
	}
	return b
}

func (s *settings) words(name string) (list []string) {
	for word := range strings.SplitSeq(s.get(name), ",") {
		if word = strings.TrimSpace(word); word != "" {
			list = append(list, word)
		}
	}
	return list
}

func parseNetwork(word string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(word); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(word)
}

// loopback reports whether the public address is this machine alone.
func loopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	if host := u.Hostname(); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}

// readEnvFile reads NAME=value lines; a file that is not there has none.
func readEnvFile(name string) (map[string]string, error) {
	values := make(map[string]string)
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return values, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: want NAME=value", name, n)
		}
		value = strings.TrimSpace(value)
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		values[strings.TrimSpace(key)] = value
	}
	return values, lines.Err()
}
