package main

import (
	"errors"
	"fmt"

	"github.com/aegis-auth/aegis/oauth"
)

// providers are where people may sign in with accounts they hold elsewhere. One
// without credentials is known, and switched off.
func (s *settings) providers() ([]oauth.Provider, error) {
	github := oauth.GitHub(s.get("GITHUB_OAUTH_CLIENT_ID"), s.get("GITHUB_OAUTH_CLIENT_SECRET"))
	github.BaseURL = s.get("GITHUB_BASE_URL")
	google := oauth.Google(s.get("GOOGLE_OAUTH_CLIENT_ID"), s.get("GOOGLE_OAUTH_CLIENT_SECRET"))
	if issuer := s.get("GOOGLE_ISSUER"); issuer != "" {
		if !loopback(issuer) {
			return nil, errors.New("GOOGLE_ISSUER: is for a test issuer on loopback")
		}
		google.Issuer = issuer
	}
	list := []oauth.Provider{github, google}
	if name := s.get("OIDC_NAME"); name != "" {
		issuer := s.get("OIDC_ISSUER")
		if issuer == "" {
			return nil, errors.New("OIDC_ISSUER: is required with OIDC_NAME")
		}
		list = append(list, &oauth.OIDC{ID: name, Issuer: issuer,
			ClientID: s.get("OIDC_CLIENT_ID"), ClientSecret: s.get("OIDC_CLIENT_SECRET"), EmailTrust: oauth.EmailVerifiedFlag})
	}
	for _, p := range list {
		if err := oauth.Validate(p); err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Name(), err)
		}
	}
	return list, nil
}
