package oauth

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

const stepIDToken = "check ID token"

// leeway is how far the provider's clock and ours may be apart.
const leeway = 30 * time.Second

// idTokenRules is what one ID token must satisfy besides its signature.
type idTokenRules struct {
	issuers  []string // any of them, exactly
	clientID string
	nonce    string
	now      time.Time
}

// check applies OpenID Connect Core, sections 2 and 3.1.3.7, to the payload of
// a token whose signature holds.
func (r idTokenRules) check(payload []byte) (claims members, subject string, err error) {
	if strictjson.Check(payload) != nil {
		return nil, "", rejected(stepIDToken, "the claims are malformed JSON or repeat a member")
	}
	m, ok := parseObject(payload)
	if !ok {
		return nil, "", rejected(stepIDToken, "the claims are not an object")
	}
	for _, rule := range []struct {
		holds bool
		claim string
	}{
		{r.issuerHolds(m), "iss"},
		{r.audienceHolds(m), "aud"},
		{r.partyHolds(m), "azp"},
		{r.nonceHolds(m), "nonce"},
		{r.expiryHolds(m), "exp"},
		{r.startHolds(m, "iat", true), "iat"},
		{r.startHolds(m, "nbf", false), "nbf"},
	} {
		if !rule.holds {
			return nil, "", rejected(stepIDToken, "claim "+rule.claim+" is missing or wrong")
		}
	}
	subject, ok = m.str("sub")
	if !ok || !validSubject(subject) {
		return nil, "", rejected(stepIDToken, "claim sub is missing or wrong")
	}
	return m, subject, nil
}

func (r idTokenRules) issuerHolds(m members) bool {
	iss, ok := m.str("iss")
	return ok && iss != "" && slices.Contains(r.issuers, iss)
}

func (r idTokenRules) audienceHolds(m members) bool {
	aud, ok := m.strs("aud")
	return ok && r.clientID != "" && slices.Contains(aud, r.clientID)
}

// partyHolds: the party the token was issued to is we, and that must be said
// when the token is meant for others as well.
func (r idTokenRules) partyHolds(m members) bool {
	if !m.has("azp") {
		aud, ok := m.strs("aud")
		return ok && len(aud) == 1
	}
	azp, ok := m.str("azp")
	return ok && azp == r.clientID
}

// nonceHolds ties the token to this flow: without it, a token or code taken
// from another sign-in would do.
func (r idTokenRules) nonceHolds(m members) bool {
	nonce, ok := m.str("nonce")
	return ok && r.nonce != "" && subtle.ConstantTimeCompare([]byte(nonce), []byte(r.nonce)) == 1
}

func (r idTokenRules) expiryHolds(m members) bool {
	exp, ok := m.unix("exp")
	return ok && r.now.Before(exp.Add(leeway))
}

// startHolds is for iat and nbf: not in the future.
func (r idTokenRules) startHolds(m members, name string, required bool) bool {
	if !m.has(name) {
		return !required
	}
	t, ok := m.unix(name)
	return ok && !t.After(r.now.Add(leeway))
}

// tokenAlgorithm reads the header of a signed token and refuses every kind that
// can never be an ID token of ours: unsigned, signed with a shared secret, or an
// access token (RFC 9068). That the algorithm fits the issuer's key is decided
// where the key is.
func tokenAlgorithm(jwt string) (string, error) {
	// Go's base64 skips line breaks wherever they are, so look for them first.
	if len(jwt) > maxSecret || !visibleASCII(jwt) || strings.Count(jwt, ".") != 2 {
		return "", rejected(stepIDToken, "it is not a signed token")
	}
	encoded, _, _ := strings.Cut(jwt, ".")
	header, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strictjson.Check(header) != nil {
		return "", rejected(stepIDToken, "the header is malformed")
	}
	m, ok := parseObject(header)
	if !ok {
		return "", rejected(stepIDToken, "the header is malformed")
	}
	if m.has("typ") && !strings.EqualFold(m.text("typ"), "JWT") {
		return "", rejected(stepIDToken, "it is another type of token")
	}
	if m.has("crit") {
		return "", rejected(stepIDToken, "it has extensions that must be understood") // RFC 7515, section 4.1.11
	}
	switch alg := m.text("alg"); alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519":
		return alg, nil
	}
	return "", rejected(stepIDToken, "the algorithm is not an asymmetric one")
}

// checkAccessTokenHash compares at_hash, where there is one, with the access
// token (OpenID Connect Core, section 3.1.3.6).
func checkAccessTokenHash(m members, alg, accessToken string) error {
	if !m.has("at_hash") {
		return nil
	}
	want := accessTokenHash(alg, accessToken)
	got, ok := m.str("at_hash")
	if !ok || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return rejected(stepIDToken, "claim at_hash is wrong")
	}
	return nil
}

// accessTokenHash is the left half of the hash that goes with the algorithm;
// for Ed25519 that is SHA-512, the one it uses inside.
func accessTokenHash(alg, accessToken string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(alg, "256"):
		h := sha256.Sum256([]byte(accessToken))
		sum = h[:]
	case strings.HasSuffix(alg, "384"):
		h := sha512.Sum384([]byte(accessToken))
		sum = h[:]
	default:
		h := sha512.Sum512([]byte(accessToken))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
