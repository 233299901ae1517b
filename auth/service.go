package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// retryAfterTrouble is what clients are asked to wait when something this
// service depends on did not answer.
const retryAfterTrouble = 2 * time.Second

// Service is people, their credentials and their sessions. Make it with [New].
// Its methods are safe for concurrent use.
type Service struct {
	cfg     Config
	path    string // of BaseURL: where the routes are
	origin  *url.URL
	secure  bool
	cookies cookieNames
	links   Links

	keys      *token.Keyring
	verifier  *token.Verifier
	codec     refreshCodec
	marks     deviceMarks
	cursors   [][]byte // keys of list cursors
	flows     flowCookies
	passwords *passwords
	shared    *limiter // between processes, if the store can
	lockout   *lockout
	local     *limiter // in this process, for what must not cost a query
	mails     *mailTemplates
	queue     *mailQueue
	mailer    Mailer
	trail     *auditTrail
	csrf      *http.CrossOriginProtection
	problems  problem.Writer
	guard     *middleware.Guard
	liveCache liveCache

	strictWindow time.Duration
	races        races
	subscribers  []func(context.Context, Event)
	beforeDelete []func(context.Context, *store.User) error
	invites      Invites
	extensions   []func() []Route

	openapiOnce sync.Once
	openapi     []byte
	openapiErr  error
}

// New checks c as a whole, and returns one error that names every fault in it.
// It starts nothing and asks the store nothing.
func New(c Config) (*Service, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("auth: Config.BaseURL: %w", err)
	}
	if c.AppName == "" {
		c.AppName = base.Hostname()
	}
	s := &Service{
		cfg: c, path: base.Path, secure: base.Scheme == "https",
		origin:       &url.URL{Scheme: base.Scheme, Host: base.Host},
		cookies:      c.cookieNames(),
		strictWindow: strictWindow,
		liveCache:    liveCache{ttl: c.LiveCache},
		problems:     problem.Writer{Logger: c.Logger},
	}
	s.secure = s.secure || c.Cookies.Hardened // the prefixes demand it, and browsers allow it on loopback
	s.links = c.Links.withDefaults(s.origin.String())
	if err := errors.Join(s.initKeys(), s.initMail(), s.initPasswords()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	s.initLimits()
	s.initAudit()
	s.initGuard()
	return s, nil
}

func (s *Service) initKeys() error {
	secrets := append([][]byte{s.cfg.Secret}, s.cfg.OldSecrets...)
	s.codec = refreshCodec{tagKeys: deriveKeys(secrets, labelRefreshTag)}
	s.marks = deviceMarks{keys: deriveKeys(secrets, labelDevice)}
	s.cursors = deriveKeys(secrets, labelCursor)
	s.initFlows(secrets)
	s.keys = s.cfg.Keys
	if s.keys == nil {
		keys := make([]token.Key, len(secrets))
		for i, secret := range secrets {
			key, err := token.HMAC(secret)
			if err != nil {
				return err
			}
			keys[i] = key
		}
		ring, err := token.NewKeyring(keys[0], keys[1:]...)
		if err != nil {
			return err
		}
		s.keys = ring
	}
	s.verifier = &token.Verifier{
		Keys: s.keys, Issuer: s.cfg.BaseURL, Audience: s.cfg.Audience,
		MaxTTL: s.cfg.AccessTTL, Now: s.now,
	}
	return nil
}

func (s *Service) initPasswords() (err error) {
	if s.cfg.Hasher == nil {
		if s.cfg.Hasher, err = Bcrypt(DefaultBcryptCost); err != nil {
			return err
		}
	}
	s.passwords, err = newPasswords(s.cfg.Hasher, newGate(0), s.cfg.Passwords.Normalize)
	return err
}

// initGuard makes the guard that every route of this service uses.
func (s *Service) initGuard() {
	s.csrf = http.NewCrossOriginProtection()
	for _, origin := range append([]string{s.origin.String()}, s.cfg.TrustedOrigins...) {
		if err := s.csrf.AddTrustedOrigin(origin); err != nil {
			panic(err) // checked before
		}
	}
	s.guard = &middleware.Guard{
		Authenticator: s, CrossOrigin: s.csrf, WriteError: s.fail, Now: s.now, Roles: s.cfg.Roles,
	}
}

// Guard returns a guard that admits by what the store says at the moment of the
// request. Change its fields before use; each call returns another one.
func (s *Service) Guard() *middleware.Guard {
	g := *s.guard
	return &g
}

// Keyring returns the keys that sign and verify access tokens.
func (s *Service) Keyring() *token.Keyring { return s.keys }

// Verifier returns what checks the access tokens of this service without asking
// the store: with [middleware.Tokens] it makes a guard that sees revocation only
// when a token runs out.
func (s *Service) Verifier() *token.Verifier { return s.verifier }

// Config returns a copy of the configuration, with its defaults.
func (s *Service) Config() Config { return s.cfg }

// Path returns the path of BaseURL, under which the routes are.
func (s *Service) Path() string { return s.path }

// now is the clock: UTC, in the whole microseconds that stores keep.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// Links returns where mails and redirects point, with defaults.
func (s *Service) Links() Links { return s.links }

// Now returns the time by the clock of this service, UTC, in whole microseconds.
func (s *Service) Now() time.Time { return s.now() }

// withDefaults fills in the pages at the root of origin.
func (l Links) withDefaults(origin string) Links {
	for _, link := range []struct {
		field *string
		page  string
	}{
		{&l.SignIn, "/login"}, {&l.VerifyEmail, "/verify-email"}, {&l.ResetPassword, "/reset-password"},
		{&l.ChangeEmail, "/confirm-email"}, {&l.AcceptInvite, "/accept-invite"},
	} {
		if *link.field == "" {
			*link.field = origin + link.page
		}
	}
	return l
}
