package middleware

import (
	"net/http"
	"strings"
)

// maxCredential bounds a bearer token, and a cookie's name and value together,
// in bytes. Browsers keep no longer cookies (RFC 6265bis §5.6).
const maxCredential = 4096

// Credential returns the one credential by which a request wants to be judged,
// and whether a browser sent it by itself: then cross-origin checks apply.
//
// An Authorization: Bearer header decides alone. If it is malformed, so is the
// request, and cookies are not looked at; falling back would let a request that
// was exempted from the cross-origin check be judged by its cookie after all.
// Without one, the first of the named cookies that is present decides. Nothing
// else in a request, neither query nor form, is ever a credential (RFC 6750 §2.3,
// RFC 9700 §4.3.2).
//
// The error is [ErrNoCredentials], [ErrInvalidToken] or [ErrAmbiguousCookie].
// What is returned is well-formed and no more; somebody must still verify it.
func Credential(r *http.Request, cookies ...string) (raw string, viaCookie bool, err error) {
	raw, viaCookie, err = credential(r, cookies)
	switch {
	case err != nil:
		return "", viaCookie, err
	case viaCookie && !isCookieValue(raw):
		return "", true, errCookieCharset
	case !viaCookie && !isB64Token(raw):
		return "", false, errBearerForm
	}
	return raw, viaCookie, nil
}

// credential is Credential without a look at the characters, for a reader that
// compares every one of them, or refuses those that are not base64url.
func credential(r *http.Request, cookies []string) (raw string, viaCookie bool, err error) {
	raw, present, err := bearer(r)
	if present {
		return raw, false, err
	}
	for _, name := range cookies {
		raw, present, err = cookie(r, name)
		if present {
			return raw, true, err
		}
	}
	return "", false, ErrNoCredentials
}

// Bearer returns the token of the Authorization: Bearer header (RFC 6750 §2.1):
// the scheme in any case, one space, and a b64token of at most 4,096 bytes.
//
// present reports that the request speaks Bearer at all. If it is true and err
// is not nil, then the header is malformed, or there is a second one, and the
// request must be refused with err, an [ErrInvalidToken], not judged by its
// cookies. An Authorization header of another scheme, such as Basic, is none of
// ours: it is not present, and is left to whoever understands it.
func Bearer(r *http.Request) (raw string, present bool, err error) {
	raw, present, err = bearer(r)
	if present && err == nil && !isB64Token(raw) {
		return "", true, errBearerForm
	}
	return raw, present, err
}

// bearer is Bearer without a look at the characters.
func bearer(r *http.Request) (raw string, present bool, err error) {
	lines := r.Header["Authorization"]
	for _, line := range lines {
		if isBearer(line) {
			present = true
		}
	}
	switch {
	case !present:
		return "", false, nil
	case len(lines) > 1:
		// Authorization is a singleton (RFC 9110 §5.3, §11.6.2); which of two a
		// proxy in front of us looked at cannot be known.
		return "", true, errBearerTwice
	}
	const prefix = len("Bearer ")
	line := lines[0]
	if len(line) <= prefix || line[prefix-1] != ' ' || line[0] == ' ' || line[0] == '\t' {
		return "", true, errBearerForm
	}
	raw = line[prefix:]
	if len(raw) > maxCredential {
		return "", true, errBearerLong
	}
	return raw, true, nil
}

// isBearer reports whether an Authorization field is of the scheme Bearer, well
// or badly formed. "BearerX abc" is of another scheme, "Bearer\tabc" and
// "Bearer:abc" are of this one.
func isBearer(line string) bool {
	line = strings.TrimLeft(line, " \t")
	const n = len("Bearer")
	if len(line) < n || !strings.EqualFold(line[:n], "Bearer") {
		return false
	}
	return len(line) == n || classes[line[n]]&tchar == 0
}

// Cookie returns the value of the named cookie. Unlike [http.Request.Cookie] it
// looks at all of them: if two differ, the error is [ErrAmbiguousCookie], because
// a sibling subdomain can plant a cookie that browsers send first, and signing a
// visitor in as somebody else unseen is worse than turning the request away.
// Equal duplicates are fine. Names are compared exactly.
//
// Name and value together must not exceed 4,096 bytes, and the value must
// consist of the characters of a b64token (RFC 6750 §2.1), with "=" anywhere,
// as every value this module sets does; if not, the error is an
// [ErrInvalidToken]. An empty value is an absent cookie.
func Cookie(r *http.Request, name string) (value string, present bool, err error) {
	value, present, err = cookie(r, name)
	if present && err == nil && !isCookieValue(value) {
		return "", true, errCookieCharset
	}
	return value, present, err
}

// cookie is Cookie without a look at the characters.
func cookie(r *http.Request, name string) (value string, present bool, err error) {
	seen := false
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			// White space is dropped where net/http drops it, so that no other
			// code in the process sees a value that this one did not.
			key, v, ok := strings.Cut(strings.Trim(pair, space), "=")
			if !ok || strings.Trim(key, space) != name {
				continue
			}
			if seen && v != value {
				return "", true, ErrAmbiguousCookie
			}
			value, seen = v, true
		}
	}
	switch {
	case value == "":
		return "", false, nil
	case len(name)+len(value) > maxCredential:
		return "", true, errCookieLong
	}
	return value, true, nil
}

const space = " \t\r\n"

// Classes of bytes.
const (
	tchar   byte = 1 << iota // RFC 9110 §5.6.2: what a scheme's name is made of
	b64char                  // RFC 6750 §2.1: b64token without its padding
)

var classes = func() (c [256]byte) {
	for b := range c {
		alnum := '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
		if alnum || b < 0x80 && strings.ContainsRune("!#$%&'*+-.^_`|~", rune(b)) {
			c[b] |= tchar
		}
		if alnum || b < 0x80 && strings.ContainsRune("-._~+/", rune(b)) {
			c[b] |= b64char
		}
	}
	return c
}()

// isB64Token reports whether s is 1*b64char *"=".
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		if classes[s[i]]&b64char == 0 {
			return false
		}
	}
	return s != ""
}

// isCookieValue is like isB64Token, with "=" anywhere: values that several
// parts were joined to have padding in their middle.
func isCookieValue(s string) bool {
	for i := range len(s) {
		if classes[s[i]]&b64char == 0 && s[i] != '=' {
			return false
		}
	}
	return true
}
