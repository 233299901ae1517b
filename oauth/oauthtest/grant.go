package oauthtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// grant is what one authorization request led to.
type grant struct {
	protocol    Protocol
	user        User
	redirectURL string
	challenge   string
	nonce       string
	code        string
	accessToken string
	used        bool
}

// authorize agrees to every well-formed request at once. A malformed one is
// answered with 400 and noted as a fault.
func (s *Server) authorize(p Protocol) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if why := s.malformed(p, q); why != "" {
			s.fault("authorization request: %s", why)
			http.Error(w, why, http.StatusBadRequest)
			return
		}
		g := &grant{
			protocol:    p,
			user:        s.current().User,
			redirectURL: q.Get("redirect_uri"),
			challenge:   q.Get("code_challenge"),
			nonce:       q.Get("nonce"),
			code:        "code_" + rand.Text(),
		}
		if s.plays(SwappedCode, SwappedCodeWithoutPKCE) {
			g.challenge, g.nonce = challengeOf(rand.Text()), rand.Text()
			g.user = User{Subject: "somebody-else", ID: 2, Email: "mallory@example.com"}.withDefaults()
		}
		if s.plays(ReplayedCode) {
			g.used = true
		}
		s.mu.Lock()
		s.codes[g.code] = g
		s.mu.Unlock()

		back, _ := url.Parse(g.redirectURL) // checked above
		answer := back.Query()
		answer.Set("code", g.code)
		answer.Set("state", q.Get("state"))
		if !s.current().NoIssuerInCallback {
			answer.Set("iss", s.issuer(p))
		}
		s.spoilCallback(answer)
		back.RawQuery = answer.Encode()
		http.Redirect(w, r, back.String(), http.StatusFound)
	}
}

// issuer is what the server calls itself in iss.
func (s *Server) issuer(p Protocol) string {
	if p == GitHub {
		return s.URL + "/login/oauth"
	}
	return s.URL
}

// malformed says what is wrong with an authorization request.
func (s *Server) malformed(p Protocol, q url.Values) string {
	sc := s.current()
	for name, values := range q {
		if len(values) != 1 {
			return name + " is there more than once"
		}
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("client_id") != sc.ClientID:
		return "unknown client_id"
	case q.Get("response_type") != "code":
		return "response_type is not code"
	case err != nil || redirect.Host == "" || redirect.Fragment != "":
		return "redirect_uri is not an absolute address"
	case sc.RedirectURLs != nil && !slices.Contains(sc.RedirectURLs, q.Get("redirect_uri")):
		return "redirect_uri is not registered"
	case len(q.Get("state")) < 43:
		return "state is missing or short"
	case q.Get("code_challenge_method") != "S256":
		return "code_challenge_method is not S256"
	case len(q.Get("code_challenge")) != 43:
		return "code_challenge is not a SHA-256 in base64url"
	}
	scopes := strings.Fields(q.Get("scope"))
	switch {
	case p == OIDC && !slices.Contains(scopes, "openid"):
		return "scope lacks openid"
	case p == OIDC && len(q.Get("nonce")) < 43:
		return "nonce is missing or short"
	case p == GitHub && !slices.Contains(scopes, "user:email"):
		return "scope lacks user:email"
	}
	return ""
}

// spoilCallback applies the behaviors of callbacks.
func (s *Server) spoilCallback(q url.Values) {
	const script = `"><script>alert(document.domain)</script>`
	refuse := func(code, description string) {
		q.Del("code")
		q.Set("error", code)
		q.Set("error_description", description)
	}
	for behavior, spoil := range map[Behavior]func(){
		CallbackOtherIssuer:   func() { q.Set("iss", "https://attacker.example") },
		CallbackMissingIssuer: func() { q.Del("iss") },
		CallbackMissingCode:   func() { q.Del("code") },
		CallbackHugeCode:      func() { q.Set("code", strings.Repeat("c", 5000)) },
		CallbackControlCode:   func() { q.Set("code", "code\r\n\x00"+q.Get("code")) },
		CallbackMissingState:  func() { q.Del("state") },
		CallbackOtherState:    func() { q.Set("state", rand.Text()+rand.Text()) },
		CallbackDenied:        func() { refuse("access_denied", "The person said no.") },
		CallbackErrorScript:   func() { refuse(script, script+" javascript:alert(1)") },
		CallbackErrorAndCode:  func() { q.Set("error", "server_error") },
	} {
		if s.plays(behavior) {
			spoil()
		}
	}
}

// redeem finds the grant for a token request, checks everything about the
// request and spends the code. Otherwise it says which error to answer with.
func (s *Server) redeem(p Protocol, r *http.Request) (*grant, string) {
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.URL.RawQuery != "" {
		s.fault("token request: not a POST form")
		return nil, "invalid_request"
	}
	if why := s.clientUnknown(p, r); why != "" {
		s.fault("token request: %s", why)
		return nil, "invalid_client"
	}
	form := r.PostForm
	ignorePKCE := s.plays(SwappedCodeWithoutPKCE)

	s.mu.Lock()
	g := s.codes[form.Get("code")]
	again := g != nil && g.used
	if g != nil {
		g.used = true
	}
	s.mu.Unlock()

	switch {
	case form.Get("grant_type") != "authorization_code":
		s.fault("token request: grant_type is not authorization_code")
		return nil, "unsupported_grant_type"
	case g == nil || g.protocol != p:
		return nil, "invalid_grant"
	case again:
		if !s.plays(ReplayedCode) {
			s.fault("token request: a code was sent twice")
		}
		return nil, "invalid_grant"
	case form.Get("redirect_uri") != g.redirectURL:
		s.fault("token request: redirect_uri is not the one of the authorization request")
		return nil, "invalid_grant"
	case !ignorePKCE && challengeOf(form.Get("code_verifier")) != g.challenge:
		if !s.plays(SwappedCode) {
			s.fault("token request: code_verifier does not fit code_challenge")
		}
		return nil, "invalid_grant"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g.accessToken = "access-token-" + rand.Text()
	s.tokens[g.accessToken] = g
	return g, ""
}

// clientUnknown checks client authentication: in the header or in the form, not
// both, and for GitHub in the form.
func (s *Server) clientUnknown(p Protocol, r *http.Request) string {
	sc := s.current()
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	user, pass, basic := r.BasicAuth()
	if basic {
		if secret != "" {
			return "client secret in both header and form"
		}
		// RFC 6749, section 2.3.1: form-encoded before base64.
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(pass)
	}
	switch {
	case basic && p == GitHub:
		return "client secret in the header"
	case id != sc.ClientID || secret != sc.ClientSecret:
		return "wrong client credentials"
	}
	return ""
}

// bearer finds the grant of an access token.
func (s *Server) bearer(r *http.Request) *grant {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		return nil
	}
	return s.tokens[raw]
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
