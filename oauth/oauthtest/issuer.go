package oauthtest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// metadata is the discovery document.
func (s *Server) metadata() map[string]any {
	return map[string]any{
		"issuer":                                         s.URL,
		"authorization_endpoint":                         s.URL + "/authorize",
		"token_endpoint":                                 s.URL + "/token",
		"jwks_uri":                                       s.URL + "/jwks",
		"userinfo_endpoint":                              s.URL + "/userinfo",
		"response_types_supported":                       []string{"code"},
		"subject_types_supported":                        []string{"public"},
		"scopes_supported":                               []string{"openid", "email", "profile"},
		"id_token_signing_alg_values_supported":          []string{s.algorithm()},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": !s.current().NoIssuerInCallback,
	}
}

func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	doc := s.metadata()
	switch {
	case s.plays(DiscoveryOtherIssuer):
		doc["issuer"] = "https://attacker.example"
	case s.plays(DiscoveryMissingIssuer):
		delete(doc, "issuer")
	case s.plays(DiscoveryPlainHTTP):
		doc["token_endpoint"] = "http://attacker.example/token"
	case s.plays(DiscoveryScript):
		doc["authorization_endpoint"] = "javascript:alert(document.domain)//"
	case s.plays(DiscoveryCredentials):
		doc["token_endpoint"] = strings.Replace(s.URL, "://", "://user:password@", 1) + "/token"
	case s.plays(DiscoveryMissingEndpoint):
		delete(doc, "token_endpoint")
	case s.plays(DiscoveryNoClientAuth):
		doc["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
	case s.plays(DiscoveryDuplicateMembers):
		body := strings.Replace(string(mustJSON(doc)), "{", `{"token_endpoint":"https://attacker.example/token",`, 1)
		writeBody(w, http.StatusOK, "application/json", []byte(body))
		return
	case s.plays(DiscoveryHTML):
		writeHTML(w)
		return
	case s.plays(DiscoveryNotFound):
		http.NotFound(w, r)
		return
	case s.plays(DiscoveryServerError):
		writeJSON(w, http.StatusInternalServerError, doc)
		return
	case s.plays(DiscoveryRedirect):
		http.Redirect(w, r, "/trap/discovery", http.StatusFound)
		return
	case s.plays(DiscoveryHuge):
		writeHuge(w, doc, false)
		return
	case s.plays(DiscoverySlow):
		s.writeSlow(w, r)
		return
	}
	writeJSON(w, http.StatusOK, doc)
}

func (s *Server) algorithm() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return algorithm(s.key)
}

func (s *Server) keySet() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{"keys": []any{jwk(s.key, s.keyID)}}
}

func (s *Server) currentKeyID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keyID
}

func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	set := s.keySet()
	switch {
	case s.plays(JWKSGarbage):
		writeBody(w, http.StatusOK, "application/json", []byte(`{"keys":[{"kty":"EC",`))
		return
	case s.plays(JWKSServerError):
		writeJSON(w, http.StatusInternalServerError, set)
		return
	case s.plays(JWKSRedirect):
		http.Redirect(w, r, "/trap/jwks", http.StatusFound)
		return
	case s.plays(JWKSHuge):
		writeHuge(w, set, false)
		return
	case s.plays(JWKSEmpty):
		set["keys"] = []any{}
	case s.plays(JWKSSymmetric):
		set["keys"] = []any{map[string]any{"kty": "oct", "kid": s.currentKeyID(), "use": "sig", "alg": "HS256", "k": b64(sharedSecret)}}
	case s.plays(JWKSEncryptionKey):
		key := set["keys"].([]any)[0].(map[string]any)
		key["use"] = "enc"
		delete(key, "alg")
	}
	writeJSON(w, http.StatusOK, set)
}

// profile are the claims about a user that the scopes email and profile give.
func profile(u User) map[string]any {
	m := map[string]any{
		"email": u.Email, "email_verified": !u.EmailUnverified,
		"name": u.Name, "preferred_username": u.Username, "picture": u.AvatarURL,
	}
	if u.HostedDomain != "" {
		m["hd"] = u.HostedDomain
	}
	return m
}

// asksUserinfo reports whether ID tokens leave the profile to userinfo.
func (s *Server) asksUserinfo() bool {
	return s.current().EmailInUserinfo || s.plays(UserinfoOtherSubject, UserinfoMissingSubject, UserinfoHTML, UserinfoServerError,
		UserinfoRedirect, UserinfoHuge, UserinfoDuplicateMembers, UserinfoFlagElsewhere)
}

func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	g := s.bearer(r)
	if g == nil || g.protocol != OIDC {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := s.spoilEmail(profile(g.user), "email_verified")
	claims["sub"] = g.user.Subject
	switch {
	case s.plays(UserinfoOtherSubject):
		claims["sub"] = "somebody-else"
	case s.plays(UserinfoMissingSubject):
		delete(claims, "sub")
	case s.plays(UserinfoFlagElsewhere):
		delete(claims, "email_verified")
	case s.plays(UserinfoHTML):
		writeHTML(w)
		return
	case s.plays(UserinfoServerError):
		writeJSON(w, http.StatusInternalServerError, claims)
		return
	case s.plays(UserinfoRedirect):
		http.Redirect(w, r, "/trap/userinfo", http.StatusFound)
		return
	case s.plays(UserinfoHuge):
		writeHuge(w, claims, false)
		return
	case s.plays(UserinfoDuplicateMembers):
		body := strings.Replace(string(mustJSON(claims)), "{", `{"email":"mallory@example.com",`, 1)
		writeBody(w, http.StatusOK, "application/json", []byte(body))
		return
	}
	writeJSON(w, http.StatusOK, claims)
}

// number writes a number that encoding/json would not.
func number(s string) json.RawMessage { return json.RawMessage(s) }
