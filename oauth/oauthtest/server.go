package oauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth"
)

// Endpoint is one address of a [Server], for counting and replacing.
type Endpoint string

// The addresses of a [Server].
const (
	Discovery    Endpoint = "discovery"
	Authorize    Endpoint = "authorize" // of both protocols
	Token        Endpoint = "token"     // of both protocols
	JWKS         Endpoint = "jwks"
	Userinfo     Endpoint = "userinfo"
	GitHubUser   Endpoint = "github user"
	GitHubEmails Endpoint = "github emails"
	// Trap is where hostile redirects lead. A client that comes here has
	// followed one.
	Trap Endpoint = "trap"
)

// Script is what a [Server] does. The zero Script is a well-behaved provider
// with one user.
type Script struct {
	// User is who signs in. Default: Ada Lovelace, ada@example.com.
	User User

	// ClientID and ClientSecret are what clients must present. Default
	// "client" and "client-secret".
	ClientID, ClientSecret string

	// RedirectURLs are the registered ones. Default: any that is absolute.
	RedirectURLs []string

	// EmailInUserinfo leaves address, flag and names out of ID tokens, as
	// some issuers do, so that clients must ask the userinfo endpoint.
	EmailInUserinfo bool

	// NoIssuerInCallback neither promises nor sends iss (RFC 9207).
	NoIssuerInCallback bool

	// Claims may change the claims of an ID token before it is signed.
	Claims func(claims map[string]any)

	// Handlers replace endpoints.
	Handlers map[Endpoint]http.HandlerFunc

	// Key signs ID tokens: an ECDSA P-256, RSA or Ed25519 key. Default: a
	// new P-256 key.
	Key crypto.Signer

	// Timeout is the limit of the providers that [Server.OIDC] and its like
	// return. Shorten it for the behaviors that end in "/slow", which take
	// as long as this. Default 5 s.
	Timeout time.Duration

	// Now is the server's clock. Default time.Now.
	Now func() time.Time
}

// User is an account at the provider. Zero fields other than the booleans and
// HostedDomain get the values of the default user.
type User struct {
	Subject   string // of OpenID Connect
	ID        int64  // of GitHub
	Username  string
	Name      string
	AvatarURL string

	Email           string
	EmailUnverified bool
	HostedDomain    string // hd, of Google Workspace

	// Emails is GitHub's list. Default: Email as the primary address.
	Emails []Email
}

// Email is an entry of GitHub's list of addresses.
type Email struct {
	Address           string
	Primary, Verified bool
}

func (u User) withDefaults() User {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&u.Subject, "248289761001")
	def(&u.Username, "ada")
	def(&u.Name, "Ada Lovelace")
	def(&u.AvatarURL, "https://avatars.example.com/u/583231")
	def(&u.Email, "ada@example.com")
	if u.ID == 0 {
		u.ID = 583231
	}
	if u.Emails == nil {
		u.Emails = []Email{{Address: u.Email, Primary: true, Verified: !u.EmailUnverified}}
	}
	return u
}

// Server is a provider on loopback. It is safe for concurrent use.
type Server struct {
	// URL is the issuer of its OpenID Connect side and the base address of
	// its GitHub side.
	URL string

	http *httptest.Server
	quit chan struct{}

	mu       sync.Mutex
	script   Script
	playing  []Behavior
	requests map[Endpoint]int
	faults   []string
	codes    map[string]*grant
	tokens   map[string]*grant
	key      crypto.Signer
	keyID    string        // its kid
	foreign  crypto.Signer // of somebody else
}

// NewServer starts a server that stops when the test ends.
func NewServer(tb testing.TB, s Script) *Server {
	tb.Helper()
	srv := &Server{
		script:   s,
		quit:     make(chan struct{}),
		requests: make(map[Endpoint]int),
		codes:    make(map[string]*grant),
		tokens:   make(map[string]*grant),
		key:      s.Key,
		keyID:    "key-" + rand.Text(),
		foreign:  newKey(tb),
	}
	if srv.key == nil {
		srv.key = newKey(tb)
	}
	mux := http.NewServeMux()
	for pattern, e := range map[string]struct {
		endpoint Endpoint
		handler  http.HandlerFunc
	}{
		"/.well-known/openid-configuration": {Discovery, srv.discovery},
		"/authorize":                        {Authorize, srv.authorize(OIDC)},
		"/token":                            {Token, srv.token(OIDC)},
		"/jwks":                             {JWKS, srv.jwks},
		"/userinfo":                         {Userinfo, srv.userinfo},
		"/login/oauth/authorize":            {Authorize, srv.authorize(GitHub)},
		"/login/oauth/access_token":         {Token, srv.token(GitHub)},
		"/api/v3/user":                      {GitHubUser, srv.gitHubUser},
		"/api/v3/user/emails":               {GitHubEmails, srv.gitHubEmails},
		"/trap/":                            {Trap, srv.trap},
	} {
		mux.HandleFunc(pattern, srv.counted(e.endpoint, e.handler))
	}
	srv.http = httptest.NewServer(mux)
	srv.URL = srv.http.URL
	tb.Cleanup(srv.close)
	return srv
}

func (s *Server) close() {
	close(s.quit) // ends slow answers
	s.http.CloseClientConnections()
	s.http.Close()
}

func newKey(tb testing.TB) crypto.Signer {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("oauthtest: make key: %v", err)
	}
	return k
}

// counted keeps count, and lets the script take the endpoint over.
func (s *Server) counted(e Endpoint, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[e]++
		other := s.script.Handlers[e]
		s.mu.Unlock()
		if other != nil {
			other(w, r)
			return
		}
		h(w, r)
	}
}

// Play makes the server show the given behaviors and no others from now on. No
// argument means none.
func (s *Server) Play(bs ...Behavior) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.playing = slices.Clone(bs)
}

// Rewrite changes the script between requests. A new Key gets a new key ID, as
// when an issuer replaces its key.
func (s *Server) Rewrite(change func(*Script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.Handlers = maps.Clone(s.script.Handlers) // a running request may have the old one
	change(&s.script)
	if s.script.Key != nil && !sameKey(s.script.Key, s.key) {
		s.key, s.keyID = s.script.Key, "key-"+rand.Text()
	}
}

// SignInAs makes u the user who signs in from now on.
func (s *Server) SignInAs(u User) {
	s.Rewrite(func(sc *Script) { sc.User = u })
}

// Requests is how often an endpoint was asked. "At most one exchange per flow"
// is Requests(Token).
func (s *Server) Requests(e Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[e]
}

// Faults lists what clients did wrong, in the order it happened: a missing
// challenge, a wrong verifier, a code sent twice. It is empty after a correct
// sign-in.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

func (s *Server) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *Server) plays(bs ...Behavior) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(bs, func(b Behavior) bool { return slices.Contains(s.playing, b) })
}

// current is the script with its defaults.
func (s *Server) current() Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := s.script
	sc.User = sc.User.withDefaults()
	if sc.ClientID == "" {
		sc.ClientID = "client"
	}
	if sc.ClientSecret == "" {
		sc.ClientSecret = "client-secret"
	}
	if sc.Timeout == 0 {
		sc.Timeout = 5 * time.Second
	}
	if sc.Now == nil {
		sc.Now = time.Now
	}
	return sc
}

// OIDC is a new provider for the server as an issuer, named "oidc". It does not
// trust addresses; set EmailTrust for that.
func (s *Server) OIDC() *oauth.OIDC {
	sc := s.current()
	return &oauth.OIDC{
		ID: "oidc", Label: "Test issuer", Issuer: s.URL,
		ClientID: sc.ClientID, ClientSecret: sc.ClientSecret,
		Client: &http.Client{Timeout: sc.Timeout}, Now: sc.Now,
	}
}

// Google is a new provider that takes the server for Google.
func (s *Server) Google() *oauth.OIDC {
	sc := s.current()
	p := oauth.Google(sc.ClientID, sc.ClientSecret)
	p.Issuer = s.URL
	p.Client, p.Now = &http.Client{Timeout: sc.Timeout}, sc.Now
	return p
}

// GitHub is a new provider that takes the server for GitHub.
func (s *Server) GitHub() *oauth.GitHubProvider {
	sc := s.current()
	p := oauth.GitHub(sc.ClientID, sc.ClientSecret)
	p.BaseURL = s.URL
	p.Client = &http.Client{Timeout: sc.Timeout}
	return p
}

// Visit opens an address from AuthCodeURL like a browser whose owner agrees at
// once, and returns where the provider sent it back to. The query holds code,
// state and iss, or what the behaviors made of them.
func (s *Server) Visit(tb testing.TB, authCodeURL string) *url.URL {
	tb.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer c.CloseIdleConnections()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, authCodeURL, nil)
	if err != nil {
		tb.Fatalf("oauthtest: visit: %v", err)
	}
	resp, err := c.Do(r)
	if err != nil {
		tb.Fatalf("oauthtest: visit: %v", err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if resp.StatusCode != http.StatusFound || err != nil {
		tb.Fatalf("oauthtest: visit: status %d, want a redirect; faults: %v", resp.StatusCode, s.Faults())
	}
	return to
}
