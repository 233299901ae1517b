package oauth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// mustSignIn fails the test unless sign-in works and the client made no mistake.
func mustSignIn(t *testing.T, srv *oauthtest.Server, p oauth.Provider) *oauth.Identity {
	t.Helper()
	id, _, _, err := signIn(t, srv, p)
	if err != nil {
		t.Fatalf("sign-in error = %v, want an identity; faults: %v", err, srv.Faults())
	}
	if faults := srv.Faults(); len(faults) > 0 {
		t.Fatalf("the client was at fault: %v", faults)
	}
	return id
}

func TestSignInWithOpenIDConnect(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ES256": nil, "RS256": rsaKey, "EdDSA": edKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{Key: key})
			p := srv.OIDC()
			id := mustSignIn(t, srv, p)
			if id.Subject != "248289761001" || id.Email != "ada@example.com" || id.Username != "ada" || id.Name != "Ada Lovelace" ||
				id.AvatarURL != "https://avatars.example.com/u/583231" {
				t.Errorf("identity = %+v, want Ada's", id)
			}
			if id.EmailVerified || id.EmailAuthoritative {
				t.Errorf("an issuer without declared trust has verified = %t, authoritative = %t, want neither", id.EmailVerified, id.EmailAuthoritative)
			}
			var raw map[string]any
			if err := json.Unmarshal(id.Raw, &raw); err != nil || raw["sub"] != id.Subject {
				t.Errorf("Raw = %s, error %v, want the claims", id.Raw, err)
			}
			mustSignIn(t, srv, p)
			for endpoint, want := range map[oauthtest.Endpoint]int{
				oauthtest.Discovery: 1, oauthtest.JWKS: 1, oauthtest.Token: 2, oauthtest.Userinfo: 0,
			} {
				if n := srv.Requests(endpoint); n != want {
					t.Errorf("%d requests to %s for two sign-ins, want %d", n, endpoint, want)
				}
			}
		})
	}
}

func TestSignInWithGitHub(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{User: oauthtest.User{
		ID: 42, Username: "octo", Email: "public@example.com",
		Emails: []oauthtest.Email{
			{Address: "42+octo@users.noreply.github.com", Verified: true},
			{Address: "old@example.com", Verified: true},
			{Address: "Octo@Example.com", Primary: true, Verified: true},
		},
	}})
	id := mustSignIn(t, srv, srv.GitHub())
	if id.Subject != "42" || id.Username != "octo" || id.Email != "octo@example.com" || !id.EmailVerified || !id.EmailAuthoritative {
		t.Errorf("identity = %+v, want account 42 with its primary address", id)
	}
	for endpoint, want := range map[oauthtest.Endpoint]int{oauthtest.Token: 1, oauthtest.GitHubUser: 1, oauthtest.GitHubEmails: 1} {
		if n := srv.Requests(endpoint); n != want {
			t.Errorf("%d requests to %s, want %d", n, endpoint, want)
		}
	}

	p := srv.GitHub()
	p.EmailNotAuthoritative = true
	if id := mustSignIn(t, srv, p); !id.EmailVerified || id.EmailAuthoritative {
		t.Errorf("with EmailNotAuthoritative: verified = %t, authoritative = %t, want only verified", id.EmailVerified, id.EmailAuthoritative)
	}
}

// TestGitHubNamesAreNotIdentities: a freed user name and address in other hands
// is another person.
func TestGitHubNamesAreNotIdentities(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	p := srv.GitHub()
	first := mustSignIn(t, srv, p)
	srv.SignInAs(oauthtest.User{ID: 7})
	second := mustSignIn(t, srv, p)
	if first.Username != second.Username || first.Email != second.Email || first.Subject == second.Subject {
		t.Errorf("subjects %q and %q of two accounts with the same name, want different ones", first.Subject, second.Subject)
	}
}

func TestSignInWithGoogle(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		user                    oauthtest.User
		verified, authoritative bool
	}{
		"gmail":                  {oauthtest.User{Email: "Ada@gmail.com"}, true, true},
		"workspace":              {oauthtest.User{Email: "ada@example.com", HostedDomain: "example.com"}, true, true},
		"another domain":         {oauthtest.User{Email: "ada@example.com"}, true, false},
		"workspace of another":   {oauthtest.User{Email: "ada@example.com", HostedDomain: "example.org"}, true, false},
		"unverified gmail":       {oauthtest.User{Email: "ada@gmail.com", EmailUnverified: true}, false, false},
		"unverified in own home": {oauthtest.User{Email: "ada@example.com", HostedDomain: "example.com", EmailUnverified: true}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{User: tt.user})
			p := srv.Google()
			id := mustSignIn(t, srv, p)
			if id.EmailVerified != tt.verified || id.EmailAuthoritative != tt.authoritative || id.Email != strings.ToLower(tt.user.Email) {
				t.Errorf("identity = %+v, want verified %t, authoritative %t", id, tt.verified, tt.authoritative)
			}
			if p.Name() != "google" || p.DisplayName() != "Google" {
				t.Errorf("names = %q, %q, want google, Google", p.Name(), p.DisplayName())
			}
		})
	}
}

func TestUserinfoIsAskedWhenTheTokenHasNoAddress(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{EmailInUserinfo: true})
	p := srv.OIDC()
	p.EmailTrust = oauth.EmailVerifiedFlag
	id := mustSignIn(t, srv, p)
	if id.Email != "ada@example.com" || !id.EmailVerified || id.EmailAuthoritative || id.Name != "Ada Lovelace" {
		t.Errorf("identity = %+v, want the profile of userinfo, verified", id)
	}
	if n := srv.Requests(oauthtest.Userinfo); n != 1 {
		t.Errorf("%d requests to userinfo, want 1", n)
	}
}

func TestCallbackIssuer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		promised bool
		iss      func(own string) string
		ok       bool
	}{
		"promised and there":                {true, func(own string) string { return own }, true},
		"promised and missing":              {true, func(string) string { return "" }, false},
		"not promised and missing":          {false, func(string) string { return "" }, true},
		"not promised, there all the same":  {false, func(own string) string { return own }, true},
		"not promised, and another's":       {false, func(string) string { return "https://attacker.example" }, false},
		"another's":                         {true, func(string) string { return "https://attacker.example" }, false},
		"with a slash":                      {true, func(own string) string { return own + "/" }, false},
		"in capitals":                       {true, func(own string) string { return strings.ToUpper(own) }, false},
		"the issuer of another of its ways": {true, func(own string) string { return own + "/login/oauth" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{NoIssuerInCallback: !tt.promised})
			p := srv.OIDC()
			f := oauth.NewFlow(p.Name(), callbackURL, time.Now())
			address, err := p.AuthCodeURL(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			code := srv.Visit(t, address).Query().Get("code")
			_, err = p.Identify(t.Context(), f, oauth.Callback{Code: code, Issuer: tt.iss(srv.URL)})
			if (err == nil) != tt.ok || !tt.ok && !errors.Is(err, oauth.ErrRejected) {
				t.Errorf("Identify error = %v, want success %t", err, tt.ok)
			}
			if n := srv.Requests(oauthtest.Token); !tt.ok && n != 0 {
				t.Errorf("the code was sent %d times, want none", n)
			}
		})
	}
}

func TestGitHubIssuerMayBeSet(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	p := srv.GitHub()
	p.Issuer = "https://github.com/login/oauth"
	f := oauth.NewFlow(p.Name(), callbackURL, time.Now())
	address, err := p.AuthCodeURL(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	code := srv.Visit(t, address).Query().Get("code")
	if _, err := p.Identify(t.Context(), f, oauth.Callback{Code: code, Issuer: srv.URL + "/login/oauth"}); !errors.Is(err, oauth.ErrRejected) {
		t.Errorf("Identify with the default issuer error = %v, want ErrRejected", err)
	}
	if _, err := p.Identify(t.Context(), f, oauth.Callback{Code: code, Issuer: p.Issuer}); err != nil {
		t.Errorf("Identify with the issuer set error = %v, want none", err)
	}
}

func TestAuthCodeURL(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	withScopes := srv.OIDC()
	withScopes.Scopes = []string{"groups", "email"}
	for name, tt := range map[string]struct {
		p           oauth.Provider
		path, scope string
		nonce       bool
	}{
		"github":            {srv.GitHub(), "/login/oauth/authorize", "read:user user:email", false},
		"google":            {srv.Google(), "/authorize", "openid email profile", true},
		"oidc":              {srv.OIDC(), "/authorize", "openid email profile", true},
		"oidc, own scopes":  {withScopes, "/authorize", "openid groups email", true},
		"github dot com":    {oauth.GitHub("client", "secret"), "/login/oauth/authorize", "read:user user:email", false},
		"enterprise server": {&oauth.GitHubProvider{ClientID: "client", ClientSecret: "s", BaseURL: "https://example.com/git/"}, "/git/login/oauth/authorize", "read:user user:email", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := oauth.NewFlow(tt.p.Name(), callbackURL+"?a=b&c", time.Now())
			address, err := tt.p.AuthCodeURL(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(address)
			if err != nil || u.Path != tt.path {
				t.Errorf("address %s, error %v, want path %s", address, err, tt.path)
			}
			want := url.Values{
				"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {f.RedirectURL}, "scope": {tt.scope},
				"state": {f.State}, "code_challenge_method": {"S256"}, "code_challenge": u.Query()["code_challenge"],
			}
			if tt.nonce {
				want.Set("nonce", f.Nonce)
			}
			if got := u.Query().Encode(); got != want.Encode() {
				t.Errorf("query = %s, want %s", got, want.Encode())
			}
			if len(u.Query().Get("code_challenge")) != 43 || strings.Contains(address, f.Verifier) || strings.Contains(address, "secret") {
				t.Errorf("address %s lacks the challenge, or tells the verifier or the secret", address)
			}
		})
	}
}

func TestClientCredentialsAreEncoded(t *testing.T) {
	t.Parallel()
	const id, secret = "cli:ent id%+", "se:cret&=%2B +/é"
	for name, inForm := range map[string]bool{"in the header": false, "in the form": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := oauthtest.NewServer(t, oauthtest.Script{ClientID: id, ClientSecret: secret})
			p := srv.OIDC()
			p.SecretInForm = inForm
			mustSignIn(t, srv, p)
			mustSignIn(t, srv, srv.GitHub())
		})
	}
}

func TestBlankCredentialsAreNotConfigured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id, secret string
		want       bool
	}{
		{"id", "secret", true}, {"", "secret", false}, {"id", "", false}, {"", "", false}, {" ", "secret", false}, {"id", "\t\n", false},
	} {
		for _, p := range []oauth.Provider{
			oauth.GitHub(tt.id, tt.secret), oauth.Google(tt.id, tt.secret),
			&oauth.OIDC{ID: "x", Issuer: "https://issuer.example", ClientID: tt.id, ClientSecret: tt.secret},
		} {
			if got := oauth.Configured(p); got != tt.want {
				t.Errorf("Configured(%s with %q, %q) = %t, want %t", p.Name(), tt.id, tt.secret, got, tt.want)
			}
			if err := oauth.Validate(p); err != nil {
				t.Errorf("Validate(%s) = %v, want none: credentials are another matter", p.Name(), err)
			}
			if tt.want {
				continue
			}
			f := oauth.NewFlow(p.Name(), callbackURL, time.Now())
			if _, err := p.AuthCodeURL(t.Context(), f); !errors.Is(err, oauth.ErrNotConfigured) {
				t.Errorf("%s AuthCodeURL error = %v, want ErrNotConfigured", p.Name(), err)
			}
			if _, err := p.Identify(t.Context(), f, oauth.Callback{Code: "code"}); !errors.Is(err, oauth.ErrNotConfigured) {
				t.Errorf("%s Identify error = %v, want ErrNotConfigured", p.Name(), err)
			}
		}
	}
}

func TestWeakAndForeignFlowsAreRefused(t *testing.T) {
	t.Parallel()
	for _, proto := range protocols {
		srv := oauthtest.NewServer(t, oauthtest.Script{})
		p := proto.provider(srv)
		for name, weaken := range map[string]func(*oauth.Flow){
			"no state":       func(f *oauth.Flow) { f.State = "" },
			"short state":    func(f *oauth.Flow) { f.State = "1234" },
			"no verifier":    func(f *oauth.Flow) { f.Verifier = "" },
			"short verifier": func(f *oauth.Flow) { f.Verifier = f.Verifier[:42] },
			"no redirect":    func(f *oauth.Flow) { f.RedirectURL = "" },
			"no provider":    func(f *oauth.Flow) { f.Provider = "" },
			"mixed up":       func(f *oauth.Flow) { f.Provider = "another" },
		} {
			f := oauth.NewFlow(p.Name(), callbackURL, time.Now())
			weaken(f)
			if address, err := p.AuthCodeURL(t.Context(), f); !errors.Is(err, oauth.ErrRejected) || address != "" {
				t.Errorf("%s, %s: AuthCodeURL = %q, %v, want ErrRejected", proto.name, name, address, err)
			}
			if _, err := p.Identify(t.Context(), f, oauth.Callback{Code: "code"}); !errors.Is(err, oauth.ErrRejected) {
				t.Errorf("%s, %s: Identify error = %v, want ErrRejected", proto.name, name, err)
			}
		}
		if _, err := p.AuthCodeURL(t.Context(), nil); !errors.Is(err, oauth.ErrRejected) {
			t.Errorf("%s: AuthCodeURL(nil) error = %v, want ErrRejected", proto.name, err)
		}
		if _, err := p.Identify(t.Context(), nil, oauth.Callback{Code: "code"}); !errors.Is(err, oauth.ErrRejected) {
			t.Errorf("%s: Identify(nil) error = %v, want ErrRejected", proto.name, err)
		}
		if n := srv.Requests(oauthtest.Token); n != 0 {
			t.Errorf("%s: the code was sent %d times, want none", proto.name, n)
		}
	}
	f := oauth.NewFlow("oidc", callbackURL, time.Now())
	f.Nonce = ""
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	if _, err := srv.OIDC().AuthCodeURL(t.Context(), f); !errors.Is(err, oauth.ErrRejected) {
		t.Errorf("without nonce: AuthCodeURL error = %v, want ErrRejected", err)
	}
}

func TestManyFlowsAtOnce(t *testing.T) {
	t.Parallel()
	for _, proto := range protocols {
		srv := oauthtest.NewServer(t, oauthtest.Script{Timeout: 10 * time.Second})
		p := proto.provider(srv)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if _, _, _, err := signIn(t, srv, p); err != nil {
					t.Errorf("%s: sign-in error = %v, want none", proto.name, err)
				}
			})
		}
		wg.Wait()
		if n := srv.Requests(oauthtest.Discovery); proto.protocol == oauthtest.OIDC && n != 1 {
			t.Errorf("%d requests for discovery, want 1", n)
		}
		if n := srv.Requests(oauthtest.Token); n != 32 {
			t.Errorf("%s: %d codes sent for 32 flows, want one each", proto.name, n)
		}
	}
}

func TestIssuerMayReplaceItsKey(t *testing.T) {
	t.Parallel()
	srv := oauthtest.NewServer(t, oauthtest.Script{})
	p := srv.OIDC()
	mustSignIn(t, srv, p)
	_, next, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	srv.Rewrite(func(s *oauthtest.Script) { s.Key = next })
	p.Now = func() time.Time { return time.Now().Add(15 * time.Second) } // past the pause between key requests
	mustSignIn(t, srv, p)
	if n := srv.Requests(oauthtest.JWKS); n != 2 {
		t.Errorf("%d requests for keys, want 2", n)
	}
}
