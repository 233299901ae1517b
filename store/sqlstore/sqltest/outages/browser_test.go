package outages_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
)

const (
	sessionCookie = "aegis_session"
	refreshCookie = "aegis_refresh"
	password      = "correct horse battery"
)

type obj = map[string]any

// browser is one browser, the tabs of which share its cookies.
type browser struct {
	s     *site
	email string

	mu      sync.Mutex
	cookies map[string]string
}

var people atomic.Int64

func (s *site) browser() *browser {
	return &browser{s: s, email: fmt.Sprintf("person%d@example.com", people.Add(1)), cookies: make(map[string]string)}
}

// answer is what came over the socket.
type answer struct {
	request string
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
	tries   int // how often it took to get another answer than 503
}

func (a *answer) String() string { return fmt.Sprintf("%s = %d %s", a.request, a.status, a.body) }

// send sends one request with the cookies of the moment. body is nil, a form, or
// anything that becomes JSON.
func (b *browser) send(method, path string, body any) (*answer, error) {
	return b.sendTo(b.s, method, path, body)
}

func (b *browser) sendTo(s *site, method, path string, body any) (*answer, error) {
	r, contentType, err := sqltest.Body(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, s.front.URL+"/auth"+path, r)
	if err != nil {
		return nil, err
	}
	req.Host = strings.TrimPrefix(place, "http://")
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	b.mu.Lock()
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{request: method + " " + path, status: res.StatusCode, header: res.Header, body: strings.TrimSpace(string(text)), cookies: res.Cookies()}
	s.note(a.request, a.status)
	return a, nil
}

// keep does with the cookies of an answer what a browser does.
func (b *browser) keep(a *answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range a.cookies {
		if k.MaxAge < 0 {
			delete(b.cookies, k.Name)
		} else {
			b.cookies[k.Name] = k.Value
		}
	}
}

func (b *browser) clone() *browser {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &browser{s: b.s, email: b.email, cookies: maps.Clone(b.cookies)}
}

func (b *browser) cookie(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cookies[name]
}

// persist sends a request until it is answered with something else than 503, as
// the client that comes with this library does, and returns that answer, or nil if
// none came within a minute. Anything that is not success, nor among also, fails
// the test.
func (b *browser) persist(method, path string, body any, also ...int) *answer {
	begin := time.Now()
	for tries := 1; ; tries++ {
		a, err := b.send(method, path, body)
		switch {
		case err != nil:
			b.s.tb.Errorf("%s %s is not answered: %v", method, path, err)
			return nil
		case a.status == http.StatusServiceUnavailable:
			if a.header.Get("Retry-After") == "" || len(a.cookies) != 0 {
				b.s.tb.Errorf("%v with Retry-After %q and cookies %v, want Retry-After and no cookies", a, a.header.Get("Retry-After"), a.cookies)
			}
			if time.Since(begin) > time.Minute {
				b.s.tb.Errorf("%v for a minute", a)
				return nil
			}
			time.Sleep(20*time.Millisecond + rand.N(80*time.Millisecond))
			continue
		case a.status/100 != 2 && !slices.Contains(also, a.status):
			b.s.tb.Errorf("%v after %d answers with 503, want success", a, tries-1)
		}
		b.keep(a)
		a.tries = tries
		return a
	}
}

// ok reports whether a is an answer of success.
func (a *answer) ok() bool { return a != nil && a.status/100 == 2 }

// register makes an account, by which one is signed in. If the answer to the first
// try was lost the account may be there.
func (b *browser) register() bool {
	a := b.persist("POST", "/register", obj{"email": b.email, "password": password}, http.StatusConflict)
	if a == nil || a.status == http.StatusCreated {
		return a != nil
	}
	if a.tries == 1 {
		b.s.tb.Errorf("%v at the first try", a)
	}
	return b.signIn(password).ok()
}

// signIn signs in with what the form sends.
func (b *browser) signIn(password string, also ...int) *answer {
	return b.persist("POST", "/token", url.Values{"username": {b.email}, "password": {password}}, also...)
}

// tokenParts are the documented parts of a refresh token: the ID of the session
// and the generation.
func tokenParts(raw string) (session string, generation int64) {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(raw, "art1_"))
	if err != nil || len(data) < 20 {
		return "", 0
	}
	return store.FormatID([16]byte(data[:16])), int64(binary.BigEndian.Uint32(data[16:20]))
}
