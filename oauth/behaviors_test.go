package oauth_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

const callbackURL = "https://app.example.com/auth/oauth/callback"

// errStopped is what the owner of a flow makes of a callback that must not
// reach the provider.
var errStopped = errors.New("stopped")

// signIn goes the whole way as a service would, and returns the flow and the
// callback for inspection.
func signIn(t *testing.T, srv *oauthtest.Server, p oauth.Provider) (*oauth.Identity, *oauth.Flow, url.Values, error) {
	t.Helper()
	f := oauth.NewFlow(p.Name(), callbackURL, time.Now())
	address, err := p.AuthCodeURL(t.Context(), f)
	if err != nil {
		return nil, f, nil, err
	}
	q := srv.Visit(t, address).Query()
	if q.Has("error") || !f.Matches(q.Get("state")) {
		return nil, f, q, errStopped
	}
	id, err := p.Identify(t.Context(), f, oauth.Callback{Code: q.Get("code"), Issuer: q.Get("iss")})
	return id, f, q, err
}

// protocols are the two ways to talk to the test server, each with the highest
// trust that an address can have, so that nothing passes for lack of it.
var protocols = []struct {
	name     string
	protocol oauthtest.Protocol
	provider func(*oauthtest.Server) oauth.Provider
}{
	{"oidc", oauthtest.OIDC, func(s *oauthtest.Server) oauth.Provider {
		p := s.OIDC()
		p.EmailTrust = oauth.EmailAuthoritative
		return p
	}},
	{"github", oauthtest.GitHub, func(s *oauthtest.Server) oauth.Provider { return s.GitHub() }},
}

func TestEveryBehaviorIsSurvived(t *testing.T) {
	t.Parallel()
	for _, proto := range protocols {
		for _, b := range oauthtest.Behaviors() {
			if !b.In(proto.protocol) {
				continue
			}
			t.Run(proto.name+"/"+string(b), func(t *testing.T) {
				t.Parallel()
				srv := oauthtest.NewServer(t, oauthtest.Script{Timeout: patience(b)})
				srv.Play(b)
				p := proto.provider(srv)
				id, f, q, err := signIn(t, srv, p)

				switch b.Outcome() {
				case oauthtest.Refused:
					checkRefusal(t, err, f, q)
				case oauthtest.Stopped:
					if !errors.Is(err, errStopped) {
						t.Errorf("sign-in error = %v, want the callback to be stopped", err)
					}
				case oauthtest.NoTrust:
					if err != nil {
						t.Fatalf("sign-in error = %v, want an identity without trust in its address", err)
					}
					if id.EmailVerified || id.EmailAuthoritative {
						t.Errorf("identity has verified = %t, authoritative = %t, want neither", id.EmailVerified, id.EmailAuthoritative)
					}
				}
				if (id == nil) != (err != nil) {
					t.Errorf("identity = %v with error %v, want one of them", id, err)
				}
				if n := srv.Requests(oauthtest.Token); n > 1 {
					t.Errorf("the code was sent %d times, want once at most", n)
				}
				if n := srv.Requests(oauthtest.Trap); n > 0 {
					t.Errorf("%d redirects were followed, want none", n)
				}
				if strings.HasPrefix(string(b), "callback/") && srv.Requests(oauthtest.Token) > 0 {
					t.Errorf("the code was sent although the callback could be refused without")
				}
				if faults := srv.Faults(); len(faults) > 0 {
					t.Errorf("the client was at fault: %v", faults)
				}
			})
		}
	}
}

// patience is short where waiting is all that would happen, and long enough for
// a busy machine everywhere else.
func patience(b oauthtest.Behavior) time.Duration {
	if strings.HasSuffix(string(b), "/slow") {
		return 200 * time.Millisecond
	}
	return 10 * time.Second
}

// checkRefusal wants an error of this package that tells no secrets.
func checkRefusal(t *testing.T, err error, f *oauth.Flow, q url.Values) {
	t.Helper()
	if err == nil {
		t.Fatal("sign-in succeeded, want an error")
	}
	kinds := 0
	for _, kind := range []error{oauth.ErrUnavailable, oauth.ErrRejected, oauth.ErrNotConfigured} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if _, ok := errors.AsType[*oauth.Error](err); !ok || kinds != 1 {
		t.Errorf("error %v is of %d kinds, want an *oauth.Error of exactly one", err, kinds)
	}
	secrets := map[string]string{
		"state": f.State, "verifier": f.Verifier, "nonce": f.Nonce, "code": q.Get("code"),
		"client secret": "client-secret", "access token": "access-token-", "any code": "code_", "ID token": "eyJ", "markup": "<",
		"another host": "attacker",
	}
	// Everything that a logger can get at.
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf(" %v %+v", e, e)
	}
	for what, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("the error tells the %s: %s", what, text)
		}
	}
}

func TestProvidersRecoverWhenTheBehaviorEnds(t *testing.T) {
	t.Parallel()
	for _, proto := range protocols {
		for _, b := range []oauthtest.Behavior{
			oauthtest.TokenServerError, oauthtest.TokenDropped, oauthtest.DiscoveryServerError, oauthtest.DiscoveryOtherIssuer,
			oauthtest.UserinfoServerError, oauthtest.GitHubUserLimited, oauthtest.GitHubEmailsServerError,
		} {
			if !b.In(proto.protocol) {
				continue
			}
			t.Run(proto.name+"/"+string(b), func(t *testing.T) {
				t.Parallel()
				srv := oauthtest.NewServer(t, oauthtest.Script{})
				p := proto.provider(srv)
				ahead := time.Duration(0)
				if o, ok := p.(*oauth.OIDC); ok {
					o.Now = func() time.Time { return time.Now().Add(ahead) }
				}
				srv.Play(b)
				if _, _, _, err := signIn(t, srv, p); err == nil {
					t.Fatal("first sign-in succeeded, want an error")
				}
				srv.Play()
				ahead = 2 * time.Second // past the pause between failing attempts
				if _, _, _, err := signIn(t, srv, p); err != nil {
					t.Errorf("second sign-in error = %v, want success", err)
				}
			})
		}
	}
}

// TestUnavailableAndRejected pins which failures a service may call temporary.
func TestUnavailableAndRejected(t *testing.T) {
	t.Parallel()
	for b, want := range map[oauthtest.Behavior]error{
		oauthtest.TokenServerError:        oauth.ErrUnavailable,
		oauthtest.TokenSlow:               oauth.ErrUnavailable,
		oauthtest.TokenCut:                oauth.ErrUnavailable,
		oauthtest.TokenDropped:            oauth.ErrUnavailable,
		oauthtest.DiscoveryServerError:    oauth.ErrUnavailable,
		oauthtest.DiscoverySlow:           oauth.ErrUnavailable,
		oauthtest.JWKSServerError:         oauth.ErrUnavailable,
		oauthtest.UserinfoServerError:     oauth.ErrUnavailable,
		oauthtest.GitHubUserLimited:       oauth.ErrUnavailable,
		oauthtest.GitHubEmailsServerError: oauth.ErrUnavailable,

		oauthtest.ReplayedCode:           oauth.ErrRejected,
		oauthtest.TokenErrorWith200:      oauth.ErrRejected,
		oauthtest.TokenRedirect307:       oauth.ErrRejected,
		oauthtest.TokenHuge:              oauth.ErrRejected,
		oauthtest.DiscoveryOtherIssuer:   oauth.ErrRejected,
		oauthtest.DiscoveryNotFound:      oauth.ErrRejected,
		oauthtest.WrongNonce:             oauth.ErrRejected,
		oauthtest.ForeignKey:             oauth.ErrRejected,
		oauthtest.UserinfoOtherSubject:   oauth.ErrRejected,
		oauthtest.GitHubIDZero:           oauth.ErrRejected,
		oauthtest.GitHubUserUnauthorized: oauth.ErrRejected,
		oauthtest.CallbackOtherIssuer:    oauth.ErrRejected,
	} {
		for _, proto := range protocols {
			if !b.In(proto.protocol) {
				continue
			}
			t.Run(proto.name+"/"+string(b), func(t *testing.T) {
				t.Parallel()
				srv := oauthtest.NewServer(t, oauthtest.Script{Timeout: patience(b)})
				srv.Play(b)
				if _, _, _, err := signIn(t, srv, proto.provider(srv)); !errors.Is(err, want) {
					t.Errorf("error = %v, want %v", err, want)
				}
			})
		}
	}
}
