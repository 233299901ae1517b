package problem

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ContentType is the media type of every answer this package writes.
const ContentType = "application/problem+json"

// document is the wire form: RFC 9457 §3.1 plus our extension members. The
// type is "about:blank" because code, not a URI, names the problem; RFC 9457
// §4.2.1 then wants the status text as the title.
type document struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Code      string   `json:"code"`
	RequestID string   `json:"request_id"`
	Errors    *[]Field `json:"errors,omitempty"`

	OAuthError       string `json:"error,omitempty"`
	OAuthDescription string `json:"error_description,omitempty"`
}

// Writer writes problem documents and logs what went wrong on the server's
// side. The zero Writer is ready to use, and safe for concurrent use.
type Writer struct {
	// Logger gets one record, level error, for each answer of status 500 and
	// above that has a cause. Default [slog.Default]; use [slog.DiscardHandler]
	// for silence.
	Logger *slog.Logger
}

// Write answers r with err as a problem document. It is [Writer.Write] of the
// zero Writer.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	Writer{}.Write(w, r, err)
}

// WriteOAuth is [Write] with the members error and error_description of RFC
// 6749 §5.2 added, for routes that OAuth 2.0 clients call.
func WriteOAuth(w http.ResponseWriter, r *http.Request, err error) {
	Writer{}.WriteOAuth(w, r, err)
}

// Write answers r with err as a problem document: status, body, and the fields
// Content-Type, Cache-Control: no-store, X-Content-Type-Options: nosniff,
// X-Request-Id, and where they apply WWW-Authenticate and Retry-After. What err
// is not [From] would show, stays here. Write keeps cookies and every other
// field that was set before, except those that describe another body.
//
// A nil err is a programmer's mistake and answers 500.
func (wr Writer) Write(w http.ResponseWriter, r *http.Request, err error) {
	wr.write(w, r, err, false)
}

// WriteOAuth is [Writer.Write] with the members error and error_description of
// RFC 6749 §5.2 added.
func (wr Writer) WriteOAuth(w http.ResponseWriter, r *http.Request, err error) {
	wr.write(w, r, err, true)
}

func (wr Writer) write(w http.ResponseWriter, r *http.Request, err error, oauth bool) {
	if err == nil {
		err = errors.New("problem: Write called without an error")
	}
	e := From(err)
	status := e.status()
	doc := document{
		Type:      "about:blank",
		Title:     e.title(),
		Status:    status,
		Detail:    e.detail(),
		Code:      e.code(),
		RequestID: requestIDOf(w, r),
	}
	if len(e.Fields) > 0 || status == http.StatusUnprocessableEntity {
		fields := e.Fields
		if fields == nil {
			fields = []Field{} // an empty list, not null
		}
		doc.Errors = &fields
	}
	if oauth {
		doc.OAuthError = e.oauth()
		doc.OAuthDescription = oauthText(doc.Detail)
	}
	wr.log(r.Context(), e, doc.RequestID)

	// Strings and integers only, so this cannot fail; bytes that are no UTF-8
	// come out as U+FFFD.
	body, _ := json.Marshal(doc)
	body = append(body, '\n')
	setHeader(w.Header(), e, doc.RequestID, len(body))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
}

func setHeader(h http.Header, e *Error, requestID string, size int) {
	// The same fields that http.Error drops: they spoke of another body.
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Content-Disposition", "Expires"} {
		h.Del(name)
	}
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(size))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	setDefault(h, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	setDefault(h, "Referrer-Policy", "no-referrer")
	setDefault(h, "Cross-Origin-Resource-Policy", "same-origin")
	h.Set(RequestIDHeader, requestID)

	status := e.status()
	if c := challenge(e.Challenge); c != "" {
		h.Set("WWW-Authenticate", c)
	} else if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 §15.5.2 wants one on every 401
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(wholeSeconds(e.RetryAfter), 10))
	}
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

// wholeSeconds rounds up, so that a client that obeys does not come too early,
// and never says 0, which would mean "at once".
func wholeSeconds(d time.Duration) int64 {
	n := int64(d / time.Second)
	if d%time.Second > 0 {
		n++
	}
	return max(n, 1)
}

// log records what the client is not told. A request that its own client gave
// up on is nobody's fault and only worth a debug record.
func (wr Writer) log(ctx context.Context, e *Error, requestID string) {
	if e.status() < 500 || e.Err == nil {
		return
	}
	l := wr.Logger
	if l == nil {
		l = slog.Default()
	}
	level := slog.LevelError
	if errors.Is(e.Err, context.Canceled) {
		level = slog.LevelDebug
	}
	l.LogAttrs(ctx, level, "request failed",
		slog.String("request_id", requestID),
		slog.Int("status", e.status()),
		slog.String("code", e.code()),
		slog.String("cause", e.Err.Error()))
}

// BearerChallenge returns a WWW-Authenticate value (RFC 6750 §3). errorCode is
// "invalid_token" when a token was presented and does not hold,
// "insufficient_scope" when it does not suffice, and "" when none was
// presented: then the bare scheme is returned, as RFC 6750 §3.1 wants.
func BearerChallenge(errorCode, description string) string {
	if errorCode == "" {
		return "Bearer"
	}
	var b strings.Builder
	b.WriteString(`Bearer error="`)
	b.WriteString(oauthText(errorCode))
	b.WriteByte('"')
	if description != "" {
		b.WriteString(`, error_description="`)
		b.WriteString(oauthText(description))
		b.WriteByte('"')
	}
	return b.String()
}

// challenge returns c if it may stand in a header field, else "".
func challenge(c string) string {
	for i := range len(c) {
		if c[i] < 0x20 || c[i] > 0x7e {
			return ""
		}
	}
	return c
}

// oauth returns the error value of RFC 6749 §5.2. Conflicts and overload get
// "temporarily_unavailable" (§4.1.2.1), because a client that read
// "invalid_grant" would throw a good refresh token away.
func (e *Error) oauth() string {
	if e.OAuth != "" {
		return oauthText(e.OAuth)
	}
	switch status := e.status(); {
	case status == http.StatusUnauthorized:
		return "invalid_grant"
	case status == http.StatusForbidden:
		return "access_denied"
	case status == http.StatusConflict, status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return "temporarily_unavailable"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request"
}

// oauthText keeps the characters RFC 6749 §5.2 and RFC 6750 §3 allow in these
// values, %x20-21 / %x23-5B / %x5D-7E. They need no escaping inside quotes.
func oauthText(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c == '\\':
			return '/'
		case c < 0x20 || c > 0x7e:
			return '?'
		}
		return c
	}, s)
}
