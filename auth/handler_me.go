package auth

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/auth/token"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// MeHandler answers GET {P}/me with the signed-in user.
func MeHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, access: signedIn, serve: func(w http.ResponseWriter, r *http.Request) error {
		return WriteJSON(w, http.StatusOK, s.userView(middleware.UserFrom(r.Context())))
	}})
}

// UpdateMeHandler answers PATCH {P}/me: it changes the user's name, and those
// keys of metadata that Config.MetadataKeys allows.
func UpdateMeHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodPatch, access: signedIn, serve: s.serveUpdateMe})
}

type updateMeRequest struct {
	FullName *string                    `json:"full_name"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// maxMetadata bounds what a user may store of themselves, in bytes of JSON.
const maxMetadata = 8 << 10

func (s *Service) serveUpdateMe(w http.ResponseWriter, r *http.Request) error {
	var in updateMeRequest
	if err := DecodeJSON(r, &in); err != nil {
		return err
	}
	if in.FullName == nil && len(in.Metadata) == 0 {
		return ErrNothingToChange
	}
	var refused []problem.Field
	name, bad := cleanName("full_name", value(in.FullName))
	refused = append(refused, bad...)
	size := 0
	for key, raw := range in.Metadata {
		size += len(key) + len(raw)
		if !slices.Contains(s.cfg.MetadataKeys, key) {
			refused = append(refused, field("metadata."+cleanText(key, 64), "not_allowed", "This key cannot be changed here."))
		}
	}
	if size > maxMetadata {
		refused = append(refused, field("metadata", "too_long", "The metadata is too large."))
	}
	if len(refused) > 0 {
		return ErrValidation.WithFields(refused...)
	}
	p, _ := middleware.PrincipalFrom(r.Context())
	u, err := s.UpdateUser(r.Context(), p.UserID, func(u *store.User) error {
		if in.FullName != nil {
			u.Name = name
		}
		for key, raw := range in.Metadata {
			if u.Metadata == nil {
				u.Metadata = make(map[string]json.RawMessage)
			}
			if string(raw) == "null" {
				delete(u.Metadata, key)
			} else {
				u.Metadata[key] = raw
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, s.userView(u))
}

// ConfigHandler answers GET {P}/config with what a sign-in form needs to know.
func ConfigHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, serve: s.serveConfig})
}

type configJSON struct {
	AppName      string         `json:"app_name"`
	Registration string         `json:"registration"`
	Password     passwordRules  `json:"password"`
	Providers    []providerJSON `json:"providers"`
}

type passwordRules struct {
	MinLength int `json:"min_length"`
	MaxLength int `json:"max_length"`
}

type providerJSON struct {
	Name     string `json:"name"`
	Label    string `json:"label"`
	StartURL string `json:"start_url"`
}

func (s *Service) serveConfig(w http.ResponseWriter, r *http.Request) error {
	out := configJSON{
		AppName: s.cfg.AppName, Registration: s.cfg.Registration.String(),
		Password:  passwordRules{s.cfg.Passwords.MinLength, maxPasswordLength},
		Providers: []providerJSON{},
	}
	for _, p := range s.cfg.Providers {
		if oauth.Configured(p) {
			out.Providers = append(out.Providers, providerJSON{p.Name(), oauth.DisplayName(p), s.path + "/oauth/" + p.Name() + "/start"})
		}
	}
	return WriteJSON(w, http.StatusOK, out)
}

// JWKSHandler answers GET {P}/jwks.json with the public keys; there are none
// with HS256.
func JWKSHandler(s *Service) http.Handler {
	return s.Method(http.MethodGet, token.JWKSHandler(s.keys))
}

// MetadataHandler answers GET /.well-known/oauth-authorization-server{P} (RFC
// 8414), from which OAuth2 clients find the other routes.
func MetadataHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, serve: s.serveMetadata})
}

type metadataJSON struct {
	Issuer             string   `json:"issuer"`
	TokenEndpoint      string   `json:"token_endpoint"`
	RevocationEndpoint string   `json:"revocation_endpoint"`
	JWKSURI            string   `json:"jwks_uri"`
	GrantTypes         []string `json:"grant_types_supported"`
	ResponseTypes      []string `json:"response_types_supported"`
	TokenAuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	RevokeAuthMethods  []string `json:"revocation_endpoint_auth_methods_supported"`
}

func (s *Service) serveMetadata(w http.ResponseWriter, r *http.Request) error {
	none := []string{"none"}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return WriteJSON(w, http.StatusOK, metadataJSON{
		Issuer: s.cfg.BaseURL, TokenEndpoint: s.cfg.BaseURL + "/token",
		RevocationEndpoint: s.cfg.BaseURL + "/revoke", JWKSURI: s.cfg.BaseURL + "/jwks.json",
		GrantTypes: []string{"password", "refresh_token"}, ResponseTypes: []string{},
		TokenAuthMethods: none, RevokeAuthMethods: none,
	})
}
