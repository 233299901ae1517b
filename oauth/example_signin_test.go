package oauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aegis-auth/aegis/oauth"
)

// The start of a sign-in without the authentication service: keep the flow
// where only this browser can bring it back, and send the browser off.
func ExampleNewFlow() {
	p := oauth.GitHub("client-id", "client-secret")
	f := oauth.NewFlow(p.Name(), "https://app.example.com/auth/oauth/github/callback", time.Now())
	f.ReturnTo = "/app"
	address, err := p.AuthCodeURL(context.Background(), f)
	if err != nil {
		fmt.Println(err)
		return
	}
	u, _ := url.Parse(address)
	fmt.Println(u.Host, u.Path)
	fmt.Println(u.Query().Get("scope"))
	fmt.Println(u.Query().Get("code_challenge_method"))
	fmt.Println(f) // its secrets do not end up in logs
	// Output:
	// github.com /login/oauth/authorize
	// read:user user:email
	// S256
	// oauth flow with github [secrets withheld]
}

// The end of a sign-in: the flow comes from where the start put it, and decides
// whether the provider is asked at all.
func ExampleProvider_identify() {
	finish := func(p oauth.Provider, f *oauth.Flow, r *http.Request) (*oauth.Identity, error) {
		q := r.URL.Query()
		switch {
		case f == nil, f.Provider != p.Name(), f.Expired(time.Now()), !f.Matches(q.Get("state")):
			return nil, fmt.Errorf("begin again")
		case q.Has("error"):
			return nil, fmt.Errorf("the person said no")
		}
		return p.Identify(r.Context(), f, oauth.Callback{Code: q.Get("code"), Issuer: q.Get("iss")})
	}

	p := oauth.GitHub("client-id", "client-secret")
	f := oauth.NewFlow(p.Name(), "https://app.example.com/callback", time.Now())
	r, _ := http.NewRequest("GET", "/callback?code=stolen&state=guessed", nil)
	_, err := finish(p, f, r)
	fmt.Println(err)
	r, _ = http.NewRequest("GET", "/callback?code=c&iss=https://attacker.example&state="+f.State, nil)
	_, err = finish(p, f, r)
	fmt.Println(err)
	// Output:
	// begin again
	// oauth: github: read callback: answer refused: it names another issuer
}
