package oauth

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/aegis-auth/aegis/auth/token"
)

// EmailTrust says what the addresses of an issuer are worth. Anyone can run an
// issuer, and some well-known ones let administrators or the people themselves
// put any address into a token, so the answer has to come from whoever
// configures it.
type EmailTrust int

const (
	// EmailUntrusted, the default: addresses are shown and prove nothing.
	EmailUntrusted EmailTrust = iota
	// EmailVerifiedFlag: email_verified means that the person controlled
	// the mailbox at some time. A new account starts with a verified
	// address; an existing account is only connected after signing in to it.
	EmailVerifiedFlag
	// EmailAuthoritative: the issuer runs the mailboxes, or is as good as
	// that: a verified address may lead to an existing account. Whoever
	// controls the issuer can then sign in as anybody.
	EmailAuthoritative

	emailGoogle // by Google's own rule, see Google
)

// OIDC signs people in with any OpenID Connect issuer, found by discovery on
// first use. Set the fields before first use and not after; use it by pointer.
// It is safe for concurrent use.
//
// The address is taken from the ID token. Only when the token has none is the
// userinfo endpoint asked.
type OIDC struct {
	// ID is the provider's name in routes and rows, see [Provider]. Required.
	ID string
	// Label is its name for people. Default ID.
	Label string

	// Issuer is the issuer's address, exactly as it calls itself, including
	// or not including a slash at the end. It must be https; http is
	// accepted for loopback addresses. Addresses that stand for many issuers
	// at once, such as Microsoft's "common", are refused: name the tenant.
	// Required.
	Issuer string

	ClientID     string
	ClientSecret string

	// SecretInForm sends the client secret in the form instead of the
	// header. Set it for an issuer that offers both and gets the header
	// wrong. Default: the header, if the issuer offers it.
	SecretInForm bool

	// Scopes to ask for. "openid" is added when missing. Default openid,
	// email, profile.
	Scopes []string

	// EmailTrust says what an address is worth. Default [EmailUntrusted].
	EmailTrust EmailTrust

	// Client gives the transport and may shorten the time limit of ten
	// seconds, see [GitHubProvider].
	Client *http.Client

	// Keys verifies signatures. Default: the keys the issuer publishes,
	// cached and fetched again when an unknown one is used.
	Keys token.KeySet

	// Now is the clock. Default time.Now.
	Now func() time.Time

	once   sync.Once
	client *http.Client
	cache  metadataCache

	keysMu sync.Mutex
	keys   *token.RemoteKeys
}

var _ Provider = (*OIDC)(nil)

// Name is the ID.
func (p *OIDC) Name() string { return p.ID }

// DisplayName is the label, or the ID.
func (p *OIDC) DisplayName() string { return cmp.Or(p.Label, p.ID) }

// Configured reports whether there are a client ID and a secret.
func (p *OIDC) Configured() bool { return hasCredentials(p.ClientID, p.ClientSecret) }

// String names the provider and keeps the secret.
func (p *OIDC) String() string { return describeProvider(p) }

// GoString is [OIDC.String].
func (p *OIDC) GoString() string { return describeProvider(p) }

// LogValue is [OIDC.String].
func (p *OIDC) LogValue() slog.Value { return slog.StringValue(describeProvider(p)) }

// Validate reports an issuer that cannot work.
func (p *OIDC) Validate() error {
	var errs []error
	if !validIssuer(p.Issuer) {
		errs = append(errs, fmt.Errorf("oauth: %s: Issuer %q: give the issuer's https address without query", p.ID, p.Issuer))
	} else if !p.issuerAllowed() {
		errs = append(errs, fmt.Errorf("oauth: %s: Issuer %q: only a loopback address may stand in for %s", p.ID, p.Issuer, GoogleIssuer))
	}
	if p.EmailTrust < EmailUntrusted || p.EmailTrust > emailGoogle {
		errs = append(errs, fmt.Errorf("oauth: %s: EmailTrust %d: use one of the constants", p.ID, p.EmailTrust))
	}
	return errors.Join(errs...)
}

// AuthCodeURL implements [Provider].
func (p *OIDC) AuthCodeURL(ctx context.Context, f *Flow) (string, error) {
	conf, _, err := p.config(ctx, stepStart, f)
	if err != nil {
		return "", named(p.ID, err)
	}
	return conf.AuthCodeURL(f.State,
		oauth2.S256ChallengeOption(f.Verifier),
		oauth2.SetAuthURLParam("nonce", f.Nonce)), nil
}

// Identify implements [Provider].
func (p *OIDC) Identify(ctx context.Context, f *Flow, cb Callback) (*Identity, error) {
	id, err := p.identify(ctx, f, cb)
	return id, named(p.ID, err)
}

func (p *OIDC) identify(ctx context.Context, f *Flow, cb Callback) (*Identity, error) {
	conf, md, err := p.config(ctx, stepCallback, f)
	if err != nil {
		return nil, err
	}
	if err := checkCallback(cb, p.Issuer, md.issuerInCallback); err != nil {
		return nil, err
	}
	tok, err := exchange(ctx, p.client, conf, f, cb.Code)
	if err != nil {
		return nil, err
	}
	jwt, ok := tok.Extra("id_token").(string)
	if !ok {
		return nil, rejected(stepExchange, "the answer has no ID token")
	}
	payload, claims, subject, err := p.verify(ctx, md, f, jwt, tok.AccessToken)
	if err != nil {
		return nil, err
	}
	id := &Identity{Subject: subject, Raw: payload}
	describe(id, claims)
	id.judgeEmail(claims, p.EmailTrust)
	if claims.has("email") || md.userinfoURL == "" {
		return id, nil
	}
	more, err := p.userinfo(ctx, md, subject, tok.AccessToken)
	if err != nil {
		return nil, err
	}
	describe(id, more)
	id.judgeEmail(more, p.EmailTrust)
	return id, nil
}

// verify checks the ID token, signature first.
func (p *OIDC) verify(ctx context.Context, md *metadata, f *Flow, jwt, accessToken string) (payload []byte, claims members, subject string, err error) {
	alg, err := tokenAlgorithm(jwt)
	if err != nil {
		return nil, nil, "", err
	}
	payload, err = p.keySet(md).VerifySignature(ctx, jwt)
	if err != nil {
		return nil, nil, "", signatureError(err)
	}
	rules := idTokenRules{issuers: p.issuers(), clientID: p.ClientID, nonce: f.Nonce, now: p.now()}
	claims, subject, err = rules.check(payload)
	if err != nil {
		return nil, nil, "", err
	}
	return bytes.Clone(payload), claims, subject, checkAccessTokenHash(claims, alg, accessToken)
}

// signatureError tells a key set that could not be fetched from a signature that
// does not hold.
func signatureError(err error) error {
	if errors.Is(err, token.ErrUnavailable) {
		e := unavailable("fetch keys", "the issuer's keys are not to be had")
		e.ctxErr = contextError(err)
		return e
	}
	return rejected(stepIDToken, "the signature does not hold")
}

// userinfo asks for the claims that the ID token left out. Its answer is not
// signed and could be about somebody else, so the subject must be the same
// (OpenID Connect Core, section 5.3.2).
func (p *OIDC) userinfo(ctx context.Context, md *metadata, subject, accessToken string) (members, error) {
	const step = "read userinfo"
	status, body, err := fetchJSON(ctx, p.client, step, md.userinfoURL, http.Header{"Authorization": {"Bearer " + accessToken}})
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, statusError(step, status)
	}
	m, ok := parseObject(body)
	if !ok {
		return nil, rejected(step, "the answer is not an object")
	}
	if sub, ok := m.str("sub"); !ok || sub != subject {
		return nil, rejected(step, "it is about another subject")
	}
	return m, nil
}

// describe fills in what is only shown, as far as it is not known yet.
func describe(id *Identity, m members) {
	id.Username = cmp.Or(id.Username, cleanText(m.text("preferred_username")))
	id.Name = cmp.Or(id.Name, cleanText(m.text("name")))
	id.AvatarURL = cmp.Or(id.AvatarURL, cleanAvatar(m.text("picture")))
}

// judgeEmail takes address and flag from the same document, and decides what
// they are worth.
func (id *Identity) judgeEmail(m members, trust EmailTrust) {
	id.Email = cleanEmail(m.text("email"))
	verified := id.Email != "" && m.isTrue("email_verified")
	switch trust {
	case EmailVerifiedFlag:
		id.EmailVerified = verified
	case EmailAuthoritative:
		id.EmailVerified, id.EmailAuthoritative = verified, verified
	case emailGoogle:
		id.EmailVerified = verified
		id.EmailAuthoritative = verified && googleOwns(domainOf(id.Email), m.text("hd"))
	}
}

func (p *OIDC) config(ctx context.Context, step string, f *Flow) (*oauth2.Config, *metadata, error) {
	if !p.Configured() {
		return nil, nil, notConfigured(step, "no credentials")
	}
	if p.Validate() != nil {
		return nil, nil, notConfigured(step, "the issuer's address cannot be used")
	}
	if err := checkFlow(step, p.ID, f, true); err != nil {
		return nil, nil, err
	}
	p.once.Do(func() { p.client = bounded(p.Client) })
	md, err := p.cache.get(ctx, p.now, func(ctx context.Context) (*metadata, error) {
		return discover(ctx, p.client, p.Issuer)
	})
	if err != nil {
		return nil, nil, err
	}
	style := md.authStyle
	if p.SecretInForm {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     p.ClientID,
		ClientSecret: p.ClientSecret,
		RedirectURL:  f.RedirectURL,
		Scopes:       p.scopes(),
		Endpoint:     oauth2.Endpoint{AuthURL: md.authURL, TokenURL: md.tokenURL, AuthStyle: style},
	}, md, nil
}

func (p *OIDC) scopes() []string {
	switch {
	case len(p.Scopes) == 0:
		return []string{"openid", "email", "profile"}
	case slices.Contains(p.Scopes, "openid"):
		return p.Scopes
	}
	return append([]string{"openid"}, p.Scopes...)
}

// keySet is Keys, or the issuer's keys. The latter are kept, with what they
// have cached, until the issuer publishes them elsewhere.
func (p *OIDC) keySet(md *metadata) token.KeySet {
	if p.Keys != nil {
		return p.Keys
	}
	p.keysMu.Lock()
	defer p.keysMu.Unlock()
	if p.keys == nil || p.keys.URL != md.keysURL {
		p.keys = &token.RemoteKeys{URL: md.keysURL, Client: p.client, Now: p.now}
	}
	return p.keys
}

func (p *OIDC) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// issuers are the values of iss in ID tokens.
func (p *OIDC) issuers() []string {
	if p.EmailTrust == emailGoogle && p.Issuer == GoogleIssuer {
		return []string{GoogleIssuer, googleOldIssuer}
	}
	return []string{p.Issuer}
}

// issuerAllowed keeps the trust in Google's addresses with Google.
func (p *OIDC) issuerAllowed() bool {
	if p.EmailTrust != emailGoogle || p.Issuer == GoogleIssuer {
		return true
	}
	u, err := url.Parse(p.Issuer)
	return err == nil && isLoopback(u.Hostname())
}
