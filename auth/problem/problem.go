// Package problem holds errors that are safe to show, and writes them to
// clients as RFC 9457 problem details.
//
// Declare every failure a client may see once, as a package variable:
//
//	var ErrEmailTaken = &problem.Error{
//		Status: 409, Code: "email_taken", Detail: "This address is registered already.",
//	}
//
// Return it as it is, or as a copy with a cause, [Error.With]; recognise it
// with [errors.Is], which compares codes; end every handler's failing branch
// with [Write]. Any other error becomes 500 "internal": its text goes to the
// log and never to the client.
//
// An Error is safe for concurrent use as long as nobody assigns to its fields.
// All methods of this package that change something work on a copy, so a
// sentinel never does.
package problem

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Error is a failure that is safe to show: everything except Err is meant for
// the client.
type Error struct {
	// Status is the HTTP status, 400 to 599. Anything else counts as 500.
	Status int
	// Code names the failure for programs. It is stable for ever, lower-case
	// with underscores: "invalid_credentials". If empty, it is made from the
	// status: 404 gives "not_found".
	Code string
	// Detail is one English sentence for people. If empty, it is the status
	// text.
	Detail string
	// Fields says which inputs were refused and why, usually with status 422.
	Fields []Field
	// RetryAfter is the time that really is left until another try makes sense.
	// [Write] rounds it up to whole seconds; with status 429 and 503 it sends
	// at least one.
	RetryAfter time.Duration
	// Challenge is the value of WWW-Authenticate (RFC 9110 §11.6.1); see
	// [BearerChallenge]. A 401 without one says "Bearer".
	Challenge string
	// OAuth is the error value of RFC 6749 §5.2, such as "invalid_grant", used
	// by [WriteOAuth] alone. If empty, one is chosen by status.
	OAuth string
	// Err is the cause. It is logged and never sent.
	Err error
}

// Field is one refused input.
type Field struct {
	Name   string `json:"field"`  // as the client sent it: "email", "items[2].id"
	Code   string `json:"code"`   // stable, like Error.Code: "too_short"
	Detail string `json:"detail"` // one English sentence
}

// The failures that [From] makes of errors that are none of ours.
var (
	// ErrInternal is what any unknown error becomes.
	ErrInternal = &Error{Status: http.StatusInternalServerError, Code: "internal",
		Detail: "Something went wrong on our side."}
	// ErrUnavailable is what a cancelled or timed-out context becomes: the
	// outcome is unknown, and nothing follows from it about the request.
	ErrUnavailable = &Error{Status: http.StatusServiceUnavailable, Code: "unavailable",
		Detail: "The service is busy or being restarted. Try again shortly."}
	// ErrBodyTooLarge is what an [http.MaxBytesError] becomes.
	ErrBodyTooLarge = &Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large",
		Detail: "The request body is too large."}
)

// Error returns code, detail and cause, for logs. Clients never see it.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	b.WriteString(e.code())
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	for i, f := range e.Fields {
		if i == 0 {
			b.WriteString(" (")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(f.Name)
		b.WriteByte(' ')
		b.WriteString(f.Code)
	}
	if len(e.Fields) > 0 {
		b.WriteByte(')')
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is reports whether target is an Error with the same Code, so that copies
// made by [Error.With] match the sentinel they came from.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || t == nil || e == nil {
		return false
	}
	return e == t || e.code() == t.code()
}

// With returns a copy of e with a cause, which is logged and never sent. A
// cause that e has already is kept beside it.
func (e *Error) With(cause error) *Error {
	c := e.clone()
	if c.Err == nil {
		c.Err = cause
	} else {
		c.Err = errors.Join(cause, c.Err)
	}
	return c
}

// WithFields returns a copy of e with further refused inputs.
func (e *Error) WithFields(fields ...Field) *Error {
	c := e.clone()
	c.Fields = append(c.Fields, fields...)
	return c
}

// WithRetryAfter returns a copy of e that asks the client to wait for d.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := e.clone()
	c.RetryAfter = d
	return c
}

// LogValue shows an Error to [slog] as a group of status, code and cause.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.StringValue("<nil>")
	}
	attrs := []slog.Attr{slog.Int("status", e.status()), slog.String("code", e.code())}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// From finds the Error in err's tree. What wraps it becomes its cause, so that
// the log shows the whole story. A cancelled or timed-out context becomes
// [ErrUnavailable], an [http.MaxBytesError] [ErrBodyTooLarge], and any other
// error [ErrInternal]. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		if error(e) == err {
			return e
		}
		c := e.clone()
		c.Err = err
		return c
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ErrBodyTooLarge.With(err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ErrUnavailable.With(err)
	}
	return ErrInternal.With(err)
}

func (e *Error) clone() *Error {
	if e == nil {
		e = ErrInternal
	}
	c := *e
	c.Fields = slices.Clone(e.Fields)
	return &c
}

func (e *Error) status() int {
	if e.Status < 400 || e.Status > 599 {
		return http.StatusInternalServerError
	}
	return e.Status
}

func (e *Error) code() string {
	if e.Code != "" {
		return e.Code
	}
	return strings.ReplaceAll(strings.ToLower(e.title()), " ", "_")
}

func (e *Error) title() string {
	if t := http.StatusText(e.status()); t != "" {
		return t
	}
	return http.StatusText(e.status() / 100 * 100)
}

func (e *Error) detail() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.title() + "."
}
