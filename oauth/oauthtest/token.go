package oauthtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// token is the token endpoint of both protocols.
func (s *Server) token(p Protocol) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g, code := s.redeem(p, r)
		if code != "" {
			status := http.StatusBadRequest
			if p == GitHub { // which answers 200 always
				status = http.StatusOK
			}
			if p == GitHub && code == "invalid_grant" {
				code = "bad_verification_code"
			}
			writeError(w, r, status, code)
			return
		}
		answer := map[string]any{"access_token": g.accessToken, "token_type": "bearer"}
		if p == GitHub {
			answer["scope"] = "read:user,user:email"
		} else {
			answer["expires_in"] = 3600
			jwt, err := s.idToken(g)
			if err != nil {
				writeJSON(w, http.StatusInternalServerError, map[string]any{"error": "server_error", "error_description": err.Error()})
				return
			}
			answer["id_token"] = jwt
		}
		s.spoilToken(w, r, answer)
	}
}

// spoilToken applies the behaviors of token endpoints and answers.
func (s *Server) spoilToken(w http.ResponseWriter, r *http.Request, answer map[string]any) {
	switch {
	case s.plays(MissingIDToken):
		delete(answer, "id_token")
	case s.plays(ObjectIDToken):
		answer["id_token"] = map[string]any{"jwt": answer["id_token"]}
	case s.plays(MissingAccessToken):
		delete(answer, "access_token")
	case s.plays(WrongTokenType):
		answer["token_type"] = "mac"
	case s.plays(MissingTokenType):
		delete(answer, "token_type")
	case s.plays(TokenErrorAndToken):
		answer["error"] = "server_error"
	case s.plays(TokenControlCharacters):
		answer["access_token"] = "at\r\nX-Injected: yes"
	case s.plays(TokenHuge):
		writeHuge(w, answer, false)
		return
	case s.plays(TokenHugeDeclared):
		writeHuge(w, answer, true)
		return
	case s.plays(TokenCompressed):
		writeCompressed(w, answer)
		return
	case s.plays(TokenErrorWith200):
		writeError(w, r, http.StatusOK, r.PostForm.Get("code"))
		return
	case s.plays(TokenServerError):
		writeError(w, r, http.StatusInternalServerError, "server_error")
		return
	case s.plays(TokenHTML):
		writeHTML(w)
		return
	case s.plays(TokenRedirect):
		http.Redirect(w, r, "/trap/token", http.StatusFound)
		return
	case s.plays(TokenRedirect307):
		http.Redirect(w, r, "/trap/token", http.StatusTemporaryRedirect)
		return
	case s.plays(TokenSlow):
		s.writeSlow(w, r)
		return
	case s.plays(TokenDropped):
		cut(w, "")
		return
	case s.plays(TokenNotHTTP):
		cut(w, "HTTP/1.1 "+r.PostForm.Encode()+"\r\n\r\n")
		return
	}
	body := string(mustJSON(answer))
	contentType := "application/json; charset=utf-8"
	switch {
	case s.plays(TokenJSONAsHTML):
		contentType = "text/html"
	case s.plays(TokenForm):
		contentType = "application/x-www-form-urlencoded"
		form := url.Values{}
		for name, v := range answer {
			if text, ok := v.(string); ok {
				form.Set(name, text)
			}
		}
		body = form.Encode()
	case s.plays(TokenTruncated):
		body = body[:len(body)/2]
	case s.plays(TokenCut):
		cut(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2]))
		return
	case s.plays(TokenDuplicateMembers):
		body = strings.Replace(body, "{", `{"access_token":"somebody-elses",`, 1)
	case s.plays(TokenTrailingData):
		body += `{"access_token":"somebody-elses"}`
	}
	writeBody(w, http.StatusOK, contentType, []byte(body))
}

// idToken makes and signs an ID token, and applies the behaviors about it.
func (s *Server) idToken(g *grant) (string, error) {
	sc := s.current()
	s.mu.Lock()
	key, keyID, foreign := s.key, s.keyID, s.foreign
	s.mu.Unlock()
	alg := algorithm(key)

	now := sc.Now()
	claims := map[string]any{
		"iss": s.URL, "aud": sc.ClientID, "azp": sc.ClientID, "sub": g.user.Subject, "nonce": g.nonce,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "at_hash": atHash(alg, g.accessToken),
	}
	if !s.asksUserinfo() {
		for name, v := range s.spoilEmail(profile(g.user), "email_verified") {
			claims[name] = v
		}
	}
	s.spoilClaims(claims, now)
	if sc.Claims != nil {
		sc.Claims(claims)
	}
	payload := mustJSON(claims)
	switch {
	case s.plays(DuplicateClaims):
		payload = []byte(strings.Replace(string(payload), "{", `{"sub":"somebody-else",`, 1))
	case s.plays(ArrayClaims):
		payload = []byte("[" + string(payload) + "]")
	}

	header := map[string]any{"alg": alg, "kid": keyID, "typ": "JWT"}
	switch {
	case s.plays(UnknownKey):
		header["kid"] = "key-nobody-has"
		key = foreign
	case s.plays(ForeignKey):
		key = foreign
	case s.plays(EmbeddedKey):
		header["jwk"] = jwk(foreign, keyID)
		header["alg"], key = algorithm(foreign), foreign
	case s.plays(AlgNone):
		header["alg"] = "none"
		return b64(mustJSON(header)) + "." + b64(payload) + ".", nil
	case s.plays(AlgNoneSigned):
		header["alg"] = "nOnE"
	case s.plays(AlgHS256):
		header["alg"] = "HS256"
		return signHS256(publicPEM(key), mustJSON(header), payload), nil
	case s.plays(AlgHS256ClientSecret):
		header["alg"] = "HS256"
		return signHS256([]byte(sc.ClientSecret), mustJSON(header), payload), nil
	case s.plays(JWKSSymmetric):
		header["alg"] = "HS256"
		return signHS256(sharedSecret, mustJSON(header), payload), nil
	case s.plays(AlgMismatch):
		header["alg"] = map[string]string{"ES256": "RS256", "RS256": "PS256", "EdDSA": "ES256"}[alg]
	case s.plays(UnknownCrit):
		header["crit"], header["b65"] = []string{"b65"}, true
	case s.plays(AccessTokenType):
		header["typ"] = "at+jwt"
	}
	text := mustJSON(header)
	if s.plays(DuplicateHeader) {
		text = []byte(strings.Replace(string(text), "{", `{"alg":"none",`, 1))
	}
	jwt, err := signJWS(key, text, payload)
	parts := strings.Split(jwt, ".")
	switch {
	case err != nil:
		return "", err
	case s.plays(TamperedPayload):
		claims["sub"] = "somebody-else"
		parts[1] = b64(mustJSON(claims))
	case s.plays(TruncatedSignature):
		parts[2] = parts[2][:len(parts[2])-4]
	case s.plays(FourParts):
		parts = append(parts, parts[2])
	}
	return strings.Join(parts, "."), nil
}

// spoilClaims applies the behaviors about what ID tokens say.
func (s *Server) spoilClaims(claims map[string]any, now time.Time) {
	const other = "another-client"
	client := claims["aud"]
	for b, spoil := range map[Behavior]func(){
		WrongIssuer:             func() { claims["iss"] = "https://attacker.example" },
		IssuerWithSlash:         func() { claims["iss"] = s.URL + "/" },
		MissingIssuer:           func() { delete(claims, "iss") },
		WrongAudience:           func() { claims["aud"] = other },
		MissingAudience:         func() { delete(claims, "aud") },
		EmptyAudience:           func() { claims["aud"] = []string{} },
		ObjectAudience:          func() { claims["aud"] = map[string]any{"client": client} },
		ManyAudiences:           func() { claims["aud"] = []any{client, other}; delete(claims, "azp") },
		ManyAudiencesOtherParty: func() { claims["aud"] = []any{client, other}; claims["azp"] = other },
		OtherParty:              func() { claims["azp"] = other },
		NullParty:               func() { claims["azp"] = nil },
		WrongNonce:              func() { claims["nonce"] = challengeOf("another flow") },
		MissingNonce:            func() { delete(claims, "nonce") },
		EmptyNonce:              func() { claims["nonce"] = "" },
		Expired:                 func() { claims["exp"] = now.Add(-time.Hour).Unix() },
		MissingExpiry:           func() { delete(claims, "exp") },
		StringExpiry:            func() { claims["exp"] = strconv.FormatInt(now.Add(time.Hour).Unix(), 10) },
		HugeExpiry:              func() { claims["exp"] = number("1e400") },
		IssuedInFuture:          func() { claims["iat"] = now.Add(time.Hour).Unix() },
		MissingIssuedAt:         func() { delete(claims, "iat") },
		NotYetValid:             func() { claims["nbf"] = now.Add(time.Hour).Unix() },
		MissingSubject:          func() { delete(claims, "sub") },
		EmptySubject:            func() { claims["sub"] = "" },
		BlankSubject:            func() { claims["sub"] = " " },
		NullSubject:             func() { claims["sub"] = nil },
		NumericSubject:          func() { claims["sub"] = int64(248289761001) },
		ObjectSubject:           func() { claims["sub"] = map[string]any{"id": claims["sub"]} },
		LongSubject:             func() { claims["sub"] = strings.Repeat("s", 256) },
		ControlSubject:          func() { claims["sub"] = "248289761001\x00" },
		WrongAccessTokenHash:    func() { claims["at_hash"] = atHash("ES256", "another token") },
		UserinfoFlagElsewhere:   func() { claims["email_verified"] = true },
	} {
		if s.plays(b) {
			spoil()
		}
	}
}
