package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/oauth2"
)

// GitHubBaseURL is where GitHub for everybody lives.
const GitHubBaseURL = "https://github.com"

// GitHubProvider signs people in with GitHub, or with a GitHub Enterprise
// Server. Make one with [GitHub]; fields may be set before first use and not
// after. It is safe for concurrent use.
//
// The subject is the numeric account ID: a user name is free for others to
// take as soon as its owner gives it up. The address is the account's primary
// one and counts only when GitHub lists it as verified; the public address of
// the profile is anything the person typed. GitHub's no-reply addresses take no
// mail from others and are left out.
type GitHubProvider struct {
	// ID is the provider's name in routes and rows, see [Provider]. Default
	// "github". A second GitHub beside the first needs another one.
	ID string
	// Label is its name for people. Default "GitHub".
	Label string

	ClientID     string
	ClientSecret string

	// BaseURL is the address of the server: [GitHubBaseURL], a company's
	// *.ghe.com address, or a GitHub Enterprise Server, whose REST interface
	// is then expected under BaseURL/api/v3. It must be https; http is
	// accepted for loopback addresses, for tests. Default [GitHubBaseURL].
	BaseURL string

	// Issuer is what the server calls itself in the iss parameter of
	// callbacks (RFC 9207). It is compared when the parameter is there.
	// Default BaseURL/login/oauth.
	Issuer string

	// EmailNotAuthoritative keeps addresses from connecting to existing
	// accounts without the person signing in there first. Set it for an
	// Enterprise Server that lets people enter addresses without proving
	// them.
	EmailNotAuthoritative bool

	// Client gives the transport, for a proxy or a private certificate
	// authority, and may shorten the time limit of ten seconds. Redirects
	// are never followed. Default: a transport with TLS 1.2 or later.
	Client *http.Client

	once   sync.Once
	client *http.Client
}

var _ Provider = (*GitHubProvider)(nil)

// GitHub signs people in with github.com. It asks for the scopes read:user and
// user:email.
func GitHub(clientID, clientSecret string) *GitHubProvider {
	return &GitHubProvider{ClientID: clientID, ClientSecret: clientSecret}
}

// Name is the ID, or "github".
func (p *GitHubProvider) Name() string { return cmp.Or(p.ID, "github") }

// DisplayName is the label, or "GitHub".
func (p *GitHubProvider) DisplayName() string { return cmp.Or(p.Label, "GitHub") }

// Configured reports whether there are a client ID and a secret.
func (p *GitHubProvider) Configured() bool { return hasCredentials(p.ClientID, p.ClientSecret) }

// String names the provider and keeps the secret.
func (p *GitHubProvider) String() string { return describeProvider(p) }

// GoString is [GitHubProvider.String].
func (p *GitHubProvider) GoString() string { return describeProvider(p) }

// LogValue is [GitHubProvider.String].
func (p *GitHubProvider) LogValue() slog.Value { return slog.StringValue(describeProvider(p)) }

// Validate reports a BaseURL that cannot work.
func (p *GitHubProvider) Validate() error {
	if _, err := p.base(); err != nil {
		return fmt.Errorf("oauth: %s: BaseURL %q: give an https address without query, for example %q", p.Name(), p.BaseURL, GitHubBaseURL)
	}
	return nil
}

// AuthCodeURL implements [Provider]. It asks nobody.
func (p *GitHubProvider) AuthCodeURL(_ context.Context, f *Flow) (string, error) {
	conf, _, err := p.config(stepStart, f)
	if err != nil {
		return "", named(p.Name(), err)
	}
	return conf.AuthCodeURL(f.State, oauth2.S256ChallengeOption(f.Verifier)), nil
}

// Identify implements [Provider]. It makes three requests: it redeems the code
// and reads the user and their addresses.
func (p *GitHubProvider) Identify(ctx context.Context, f *Flow, cb Callback) (*Identity, error) {
	id, err := p.identify(ctx, f, cb)
	return id, named(p.Name(), err)
}

func (p *GitHubProvider) identify(ctx context.Context, f *Flow, cb Callback) (*Identity, error) {
	conf, base, err := p.config(stepCallback, f)
	if err != nil {
		return nil, err
	}
	issuer := cmp.Or(p.Issuer, base.JoinPath("login/oauth").String())
	if err := checkCallback(cb, issuer, false); err != nil {
		return nil, err
	}
	p.once.Do(func() { p.client = bounded(p.Client) })
	tok, err := exchange(ctx, p.client, conf, f, cb.Code)
	if err != nil {
		return nil, err
	}
	api := gitHubAPI(base)
	profile, err := p.get(ctx, "read user", api.JoinPath("user"), tok.AccessToken)
	if err != nil {
		return nil, err
	}
	id, err := gitHubIdentity(profile)
	if err != nil {
		return nil, err
	}
	emails := api.JoinPath("user/emails")
	emails.RawQuery = "per_page=100"
	list, err := p.get(ctx, "read addresses", emails, tok.AccessToken)
	if errors.Is(err, errNoAddresses) {
		return id, nil
	}
	if err != nil {
		return nil, err
	}
	if id.Email, err = gitHubEmail(list); err != nil {
		return nil, err
	}
	id.EmailVerified = id.Email != ""
	id.EmailAuthoritative = id.EmailVerified && !p.EmailNotAuthoritative
	return id, nil
}

// errNoAddresses: the token may not see addresses, because the scope was not
// granted or the GitHub App lacks the permission. People who are known already
// can sign in all the same.
var errNoAddresses = errors.New("addresses withheld")

func (p *GitHubProvider) get(ctx context.Context, step string, u *url.URL, accessToken string) ([]byte, error) {
	status, body, err := fetchJSON(ctx, p.client, step, u.String(), http.Header{
		"Accept":               {"application/vnd.github+json"},
		"X-Github-Api-Version": {"2022-11-28"},
		"Authorization":        {"Bearer " + accessToken},
	})
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK:
		return body, nil
	case strings.HasSuffix(u.Path, "/emails") && (status == http.StatusNotFound || status == http.StatusForbidden):
		return nil, errNoAddresses
	}
	return nil, statusError(step, status)
}

func (p *GitHubProvider) config(step string, f *Flow) (*oauth2.Config, *url.URL, error) {
	base, err := p.base()
	if err != nil || !p.Configured() {
		return nil, nil, notConfigured(step, "credentials or base address missing")
	}
	if err := checkFlow(step, p.Name(), f, false); err != nil {
		return nil, nil, err
	}
	return &oauth2.Config{
		ClientID:     p.ClientID,
		ClientSecret: p.ClientSecret,
		RedirectURL:  f.RedirectURL,
		Scopes:       []string{"read:user", "user:email"},
		Endpoint: oauth2.Endpoint{
			AuthURL:   base.JoinPath("login/oauth/authorize").String(),
			TokenURL:  base.JoinPath("login/oauth/access_token").String(),
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}, base, nil
}

var errBaseURL = errors.New("base address")

func (p *GitHubProvider) base() (*url.URL, error) {
	s := p.BaseURL
	if s == "" {
		s = GitHubBaseURL
	}
	u, ok := parseEndpoint(s)
	if !ok || u.RawQuery != "" || u.ForceQuery {
		return nil, errBaseURL
	}
	return u, nil
}

// gitHubAPI is the root of the REST interface: on a host of its own where
// GitHub runs the server, below the server's address otherwise.
func gitHubAPI(base *url.URL) *url.URL {
	host := lowerASCII(base.Host)
	if host == "github.com" || strings.HasSuffix(host, ".ghe.com") {
		return &url.URL{Scheme: base.Scheme, Host: "api." + host}
	}
	return base.JoinPath("api/v3")
}

// gitHubIdentity reads the user resource. It sets no address.
func gitHubIdentity(profile []byte) (*Identity, error) {
	const step = "read user"
	m, ok := parseObject(profile)
	if !ok {
		return nil, rejected(step, "the answer is not an object")
	}
	id, ok := gitHubID(m["id"])
	if !ok {
		return nil, rejected(step, "the account has no ID")
	}
	return &Identity{
		Subject:   id,
		Username:  cleanText(m.text("login")),
		Name:      cleanText(m.text("name")),
		AvatarURL: cleanAvatar(m.text("avatar_url")),
		Raw:       profile,
	}, nil
}

// gitHubID accepts a positive JSON integer in its plain form and nothing that
// would have to be interpreted: no string, fraction, exponent, null or zero.
func gitHubID(raw json.RawMessage) (string, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n <= 0 {
		return "", false
	}
	if s := strconv.FormatInt(n, 10); s == string(raw) {
		return s, true
	}
	return "", false
}

// gitHubEmail picks the primary address if it is verified. A list with two
// primary addresses gives none: there is no telling which one is meant.
func gitHubEmail(list []byte) (string, error) {
	const step = "read addresses"
	var entries []json.RawMessage
	if json.Unmarshal(list, &entries) != nil || entries == nil {
		return "", rejected(step, "the answer is not a list")
	}
	var found []string
	for _, raw := range entries {
		m, ok := parseObject(raw)
		if !ok {
			return "", rejected(step, "an entry is not an object")
		}
		if m.isTrue("primary") {
			email := ""
			if m.isTrue("verified") {
				email = cleanEmail(m.text("email"))
			}
			found = append(found, email)
		}
	}
	if len(found) != 1 || isNoReply(domainOf(found[0])) {
		return "", nil
	}
	return found[0], nil
}

// isNoReply knows the addresses that GitHub gives to people who hide their own:
// users.noreply.github.com, and users.noreply.HOST on an Enterprise Server.
func isNoReply(domain string) bool {
	return domain == "noreply.github.com" || strings.HasSuffix(domain, ".noreply.github.com") ||
		strings.HasPrefix(domain, "users.noreply.")
}
