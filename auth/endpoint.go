package auth

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
)

// access says who may use an endpoint.
type access int

const (
	public access = iota
	signedIn
	fresh // signed in a short while ago
)

// endpoint is one route as its handler needs it. A handler made from it is
// finished: it checks method, origin, rate, credentials and size itself, so that
// it can be mounted anywhere.
type endpoint struct {
	method string
	access access
	roles  []string // any of them; empty: no role is asked for
	oauth  bool     // errors have the members of RFC 6749 §5.2
	serve  func(w http.ResponseWriter, r *http.Request) error
}

type deviceKey struct{}

// WithDevice returns a context that says where a request came from. Operations
// put that into their events and mails.
func WithDevice(ctx context.Context, d Device) context.Context {
	return context.WithValue(ctx, deviceKey{}, d)
}

func deviceFrom(ctx context.Context) Device {
	d, _ := ctx.Value(deviceKey{}).(Device)
	return d
}

// handler makes the finished handler of an endpoint.
func (s *Service) handler(e endpoint) http.Handler {
	fail := s.fail
	if e.oauth {
		fail = s.failOAuth
	}
	var inner http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Endpoints for signed-in users had their origin checked by the guard, which
		// knows about bearer tokens.
		if e.access == public && len(e.roles) == 0 {
			if err := s.csrf.Check(r); err != nil {
				fail(w, r, middleware.ErrCrossOrigin.With(err))
				return
			}
		}
		if err := e.serve(w, r); err != nil {
			fail(w, r, err)
		}
	})
	switch {
	case len(e.roles) > 0:
		inner = s.guard.RequireRole(e.roles...)(inner)
	case e.access == fresh:
		inner = s.guard.RequireFresh(s.cfg.FreshFor)(inner)
	case e.access == signedIn:
		inner = s.guard.RequireUser(inner)
	}
	return s.onlyMethod(e.method, inner, fail)
}

// Method hardens next and answers every method but the given one with 405. It is
// for packages that add handlers.
func (s *Service) Method(method string, next http.Handler) http.Handler {
	return s.onlyMethod(method, next, s.fail)
}

func (s *Service) onlyMethod(method string, next http.Handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	return s.Harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && !(r.Method == http.MethodHead && method == http.MethodGet) {
			w.Header().Set("Allow", allow)
			fail(w, r, ErrMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// Harden prepares every answer of next: the request's ID, its device, the
// security headers, a bounded body, and an error document instead of a broken
// connection if next panics. A path that is not UTF-8, or has a zero in it, is not
// found. The handlers of this package are hardened already;
// it is for packages that add their own.
func (s *Service) Harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = problem.EnsureRequestID(w, r)
		s.secureHeaders(w.Header())
		r = r.WithContext(WithDevice(r.Context(), DeviceOf(s, r)))
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.cfg.Logger.ErrorContext(r.Context(), "panic", "value", p,
				"request_id", problem.RequestID(r.Context()), "stack", string(debug.Stack()))
			s.problems.Write(w, r, problem.ErrInternal)
		}()
		if !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) {
			// Nothing has such a name, and not every database takes it as a value.
			s.problems.Write(w, r, ErrNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secureHeaders are on every answer, redirects and errors included.
func (s *Service) secureHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	if s.origin.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// fail answers a request with the problem document of err, which logs what the
// client is not told, and tells of what the audit trail should have.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.report(w, r, err)
	s.problems.Write(w, r, err)
}

// failOAuth is fail for the endpoints that OAuth2 clients use.
func (s *Service) failOAuth(w http.ResponseWriter, r *http.Request, err error) {
	s.report(w, r, err)
	s.problems.WriteOAuth(w, r, err)
}

// Fail is what the handlers of this service do with an error, for packages that
// add their own.
func (s *Service) Fail(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, err) }

func (s *Service) report(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.From(err)
	ctx := r.Context()
	switch {
	case isAmbiguous(err):
		s.ClearCookies(w)
	case p.Code == middleware.ErrCrossOrigin.Code:
		s.emitRefusal(ctx, Event{Kind: CrossOriginRefused, ActorID: actorOf(ctx),
			Attrs: []slog.Attr{slog.String("path", notedPath(r)), slog.String("origin", cleanText(r.Header.Get("Origin"), 128))}})
	case p.Status == http.StatusForbidden:
		s.emitRefusal(ctx, Event{Kind: AccessDenied, ActorID: actorOf(ctx),
			Attrs: []slog.Attr{slog.String("path", notedPath(r)), slog.String("code", p.Code)}})
	case p.Status == http.StatusTooManyRequests:
		s.emitRefusal(ctx, Event{Kind: RateLimited, ActorID: actorOf(ctx),
			Attrs: []slog.Attr{slog.String("path", notedPath(r)), slog.Duration("wait", p.RetryAfter.Round(time.Second))}})
	}
}

// notedPath returns the path of r for logs and the audit trail. What is longer than
// an ID is left out: it may be a token that somebody put there.
func notedPath(r *http.Request) string {
	segments := strings.Split(r.URL.Path, "/")
	for i, segment := range segments {
		if len(segment) > 40 {
			segments[i] = "…"
		}
	}
	return cleanText(strings.Join(segments, "/"), 128)
}

func isAmbiguous(err error) bool {
	return problem.From(err).Code == middleware.ErrAmbiguousCookie.Code
}
