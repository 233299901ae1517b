package token

import (
	"net/http"
	"strconv"
	"strings"
)

// jwksMaxAge is how long others may keep the published keys, in seconds. A key
// must be accepted for at least that long before it signs.
const jwksMaxAge = 300

// JWKSHandler serves the public halves of the keyring's keys as a JWK Set
// (RFC 7517 §5), those that only verify included, so that other services know the
// next key before it signs. Symmetric keys are never shown: a keyring that holds no
// others publishes an empty set. The answer follows every change of the keyring
// at once.
func JWKSHandler(k *Keyring) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			h.Set("Content-Type", "application/problem+json")
			h.Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusMethodNotAllowed)
			_, _ = w.Write([]byte(`{"type":"about:blank","title":"Method Not Allowed","status":405,` +
				`"detail":"Use GET.","code":"method_not_allowed"}` + "\n"))
			return
		}
		s := k.load()
		h.Set("Etag", s.etag)
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(jwksMaxAge))
		if matches(r.Header.Get("If-None-Match"), s.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Content-Length", strconv.Itoa(len(s.jwks)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(s.jwks)
		}
	})
}

// matches compares weakly, as RFC 9110 §13.1.2 wants for If-None-Match.
func matches(ifNoneMatch, etag string) bool {
	if strings.TrimSpace(ifNoneMatch) == "*" {
		return true
	}
	for tag := range strings.SplitSeq(ifNoneMatch, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag {
			return true
		}
	}
	return false
}
