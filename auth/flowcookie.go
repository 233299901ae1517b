package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gorilla/securecookie"

	"github.com/aegis-auth/aegis/oauth"
)

// maxFlows is how many sign-ins with a provider one browser may have under way.
const maxFlows = 5

// flowCookies keeps what a sign-in with a provider must remember in the browser
// that began it: one sealed cookie for each flow, so that several tabs can finish
// in any order. The first codec seals; the others, under old secrets, still open.
type flowCookies struct {
	codecs []securecookie.Codec
	prefix string
}

func (s *Service) initFlows(secrets [][]byte) {
	s.flows.prefix = "aegis_oauth_"
	if s.secure {
		s.flows.prefix = "__Host-aegis_oauth_"
	}
	for _, secret := range secrets {
		c := securecookie.New(deriveKey(secret, labelFlowHash), deriveKey(secret, labelFlowBlock))
		c.SetSerializer(securecookie.JSONEncoder{})
		c.MaxAge(0) // the flow says itself when it is over, by the service's clock
		s.flows.codecs = append(s.flows.codecs, c)
	}
}

// name returns the name of the cookie of the flow with that state.
func (f *flowCookies) name(state string) string {
	sum := sha256.Sum256([]byte(state))
	return f.prefix + base64.RawURLEncoding.EncodeToString(sum[:6])
}

// keep seals flow into the browser.
func (s *Service) keepFlow(w http.ResponseWriter, r *http.Request, flow *oauth.Flow) error {
	name := s.flows.name(flow.State)
	value, err := s.flows.codecs[0].Encode(name, flow)
	if err != nil {
		return err
	}
	var old []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, s.flows.prefix) {
			old = append(old, c.Name)
		}
	}
	for len(old) >= maxFlows { // browsers send the oldest first
		http.SetCookie(w, s.cookie(old[0], "", "/", 0, http.SameSiteLaxMode))
		old = old[1:]
	}
	// Lax, because the callback is a navigation that another site starts.
	http.SetCookie(w, s.cookie(name, value, "/", oauth.FlowLifetime, http.SameSiteLaxMode))
	return nil
}

// takeFlow returns the flow that state names, if this browser began it, and
// deletes its cookie whatever comes of it. What cannot be opened is as good as
// absent.
func (s *Service) takeFlow(w http.ResponseWriter, r *http.Request, state string) *oauth.Flow {
	if state == "" || len(state) > 256 {
		return nil
	}
	name := s.flows.name(state)
	c, err := r.Cookie(name)
	if err != nil {
		return nil
	}
	http.SetCookie(w, s.cookie(name, "", "/", 0, http.SameSiteLaxMode))
	flow := new(oauth.Flow)
	if err := securecookie.DecodeMulti(name, c.Value, flow, s.flows.codecs...); err != nil {
		return nil
	}
	if !flow.Matches(state) || flow.Expired(s.now()) {
		return nil
	}
	return flow
}
