package auth

import (
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/middleware"
)

// cookieNames are the names as browsers see them, prefixes included.
type cookieNames struct{ session, refresh, device string }

func (c *Config) cookieNames() cookieNames {
	if !c.Cookies.Hardened {
		return cookieNames{c.Cookies.Session, c.Cookies.Refresh, c.Cookies.Device}
	}
	// __Host- demands Path=/, and the refresh cookie has a narrower one.
	return cookieNames{
		session: "__Host-" + c.Cookies.Session,
		refresh: "__Secure-" + c.Cookies.Refresh,
		device:  "__Secure-" + c.Cookies.Device,
	}
}

func (s *Service) cookie(name, value, path string, age time.Duration, same http.SameSite) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: path, Domain: s.cfg.Cookies.Domain,
		HttpOnly: true, Secure: s.secure, SameSite: same,
		MaxAge: int(age / time.Second), // never more than is left
	}
	if age <= 0 {
		c.MaxAge = -1
	}
	return c
}

// SetCookies gives a browser both tokens of a grant. The access token goes to
// the whole host, the refresh token to the routes of this service alone; neither
// can be read by script.
func (s *Service) SetCookies(w http.ResponseWriter, g *Grant) {
	if s.cfg.Cookies.Disabled {
		return
	}
	now := s.now()
	access := time.Duration(secondsUp(g.ExpiresAt.Sub(now))) * time.Second
	http.SetCookie(w, s.cookie(s.cookies.session, g.AccessToken, "/", access, s.cfg.Cookies.SameSite))
	if g.RefreshToken != "" {
		left := min(g.Session.ExpiresAt.Sub(now), g.Session.EndsAt.Sub(now))
		http.SetCookie(w, s.cookie(s.cookies.refresh, g.RefreshToken, s.path, left, http.SameSiteStrictMode))
	}
	if g.deviceMark != "" {
		http.SetCookie(w, s.cookie(s.cookies.device, g.deviceMark, s.path, deviceMarkTTL, http.SameSiteLaxMode))
	}
}

// ClearCookies makes a browser forget both tokens. It repeats their paths and
// attributes, without which browsers keep them.
func (s *Service) ClearCookies(w http.ResponseWriter) {
	if s.cfg.Cookies.Disabled {
		return
	}
	http.SetCookie(w, s.cookie(s.cookies.session, "", "/", 0, s.cfg.Cookies.SameSite))
	http.SetCookie(w, s.cookie(s.cookies.refresh, "", s.path, 0, http.SameSiteStrictMode))
}

// refreshCookie returns the refresh token that a browser sent.
func (s *Service) refreshCookie(r *http.Request) (raw string, present bool, err error) {
	if s.cfg.Cookies.Disabled {
		return "", false, nil
	}
	return middleware.Cookie(r, s.cookies.refresh)
}

// sentOurCookies reports whether r carries any of our cookies.
func (s *Service) sentOurCookies(r *http.Request) bool {
	for _, c := range r.Cookies() {
		if c.Name == s.cookies.session || c.Name == s.cookies.refresh || c.Name == s.cookies.device {
			return true
		}
	}
	return false
}

// isBrowser reports whether r may come from a browser. Refresh tokens are never
// shown to those in a body, where script could read them. A browser sends Origin
// with every POST, and Sec-Fetch-Site with whatever it sends of that family (Fetch
// Metadata §2); Sec-Fetch-Mode alone comes from programs that run on the fetch of
// Node.
func (s *Service) isBrowser(r *http.Request) bool {
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Dest", "Sec-Fetch-User"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return s.sentOurCookies(r)
}
