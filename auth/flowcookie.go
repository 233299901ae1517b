package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/securecookie"

	"github.com/aegis-auth/aegis/oauth"
)

const (
	// maxFlows is how many sign-ins with a provider one browser may have under way.
	maxFlows = 5
	// maxFlowValue is how long a sealed flow may be: browsers drop a cookie of
	// which name and value together exceed 4096 bytes.
	maxFlowValue = 4000
	// maxSpent bounds the memory of spent flows: half a megabyte.
	maxSpent = 1 << 13
)

// flowCookies keeps what a sign-in with a provider must remember in the browser
// that began it: one sealed cookie for each flow, so that several tabs can finish
// in any order. The first codec seals; the others, under old secrets, still open.
type flowCookies struct {
	codecs []securecookie.Codec
	prefix string
	spent  spentFlows
}

// spentFlows remembers which flows have come back, for as long as they could come
// again. The browser is told to forget a flow that comes back; this is for two
// callbacks at once and for whoever kept a copy of the cookie, so that a code is
// exchanged once. A copy that reaches another process is left to the provider.
type spentFlows struct {
	mu           sync.Mutex
	newer, older map[[sha256.Size]byte]bool
	newerSince   time.Time
}

// take notes that the flow with that state has come back, and reports whether it
// had not before.
func (f *spentFlows) take(state string, now time.Time) bool {
	key := sha256.Sum256([]byte(state))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newer == nil || now.Sub(f.newerSince) >= oauth.FlowLifetime || len(f.newer) >= maxSpent {
		f.newer, f.older, f.newerSince = make(map[[sha256.Size]byte]bool), f.newer, now
	}
	if f.newer[key] || f.older[key] {
		return false
	}
	f.newer[key] = true
	return true
}

func (s *Service) initFlows(secrets [][]byte) {
	s.flows.prefix = "aegis_oauth_"
	if s.secure {
		s.flows.prefix = "__Host-aegis_oauth_"
	}
	for _, secret := range secrets {
		c := securecookie.New(deriveKey(secret, labelFlowHash), deriveKey(secret, labelFlowBlock))
		c.SetSerializer(securecookie.JSONEncoder{})
		c.MaxLength(maxFlowValue)
		c.MaxAge(0) // the flow says itself when it is over, by the service's clock
		s.flows.codecs = append(s.flows.codecs, c)
	}
}

// name returns the name of the cookie of the flow with that state.
func (f *flowCookies) name(state string) string {
	sum := sha256.Sum256([]byte(state))
	return f.prefix + base64.RawURLEncoding.EncodeToString(sum[:6])
}

// flowCookie returns a flow's cookie. It has no domain, whatever the others have: its
// name forbids one, and the callback comes to this host. Lax, because that is a
// navigation which another site starts.
func (s *Service) flowCookie(name, value string, age time.Duration) *http.Cookie {
	c := s.cookie(name, value, "/", age, http.SameSiteLaxMode)
	c.Domain = ""
	return c
}

// keepFlow seals flow into the browser. A return path that is too long for a
// cookie is forgotten, which is better than not signing in.
func (s *Service) keepFlow(w http.ResponseWriter, r *http.Request, flow *oauth.Flow) error {
	name := s.flows.name(flow.State)
	value, err := s.flows.codecs[0].Encode(name, flow)
	if err != nil && flow.ReturnTo != "" {
		flow.ReturnTo = ""
		value, err = s.flows.codecs[0].Encode(name, flow)
	}
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
		http.SetCookie(w, s.flowCookie(old[0], "", 0))
		old = old[1:]
	}
	http.SetCookie(w, s.flowCookie(name, value, oauth.FlowLifetime))
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
	http.SetCookie(w, s.flowCookie(name, "", 0))
	flow := new(oauth.Flow)
	if err := securecookie.DecodeMulti(name, c.Value, flow, s.flows.codecs...); err != nil {
		return nil
	}
	if !flow.Matches(state) || flow.Expired(s.now()) || !s.flows.spent.take(state, s.now()) {
		return nil
	}
	return flow
}
