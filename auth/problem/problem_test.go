package problem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
)

var errTaken = &problem.Error{Status: http.StatusConflict, Code: "email_taken", Detail: "This address is registered already."}

func TestErrorIsComparesCodes(t *testing.T) {
	t.Parallel()
	cause := errors.New("duplicate key")
	other := &problem.Error{Status: http.StatusConflict, Code: "slug_taken"}
	tests := []struct {
		name   string
		err    error
		target error
		want   bool
	}{
		{"itself", errTaken, errTaken, true},
		{"a copy with a cause", errTaken.With(cause), errTaken, true},
		{"a copy that was wrapped", fmt.Errorf("register: %w", errTaken.With(cause)), errTaken, true},
		{"the cause inside", errTaken.With(cause), cause, true},
		{"another code of the same status", errTaken, other, false},
		{"an error of another kind", errTaken, cause, false},
		{"the reverse", cause, errTaken, false},
		{"codes made from the status", &problem.Error{Status: 404}, &problem.Error{Status: 404, Detail: "No such user."}, true},
		{"a made code and the same written out", &problem.Error{Status: 404}, &problem.Error{Code: "not_found"}, true},
		{"a typed nil target", errTaken, (*problem.Error)(nil), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errors.Is(tt.err, tt.target); got != tt.want {
				t.Errorf("errors.Is(%v, %v) = %v, want %v", tt.err, tt.target, got, tt.want)
			}
		})
	}
}

func TestCopiesLeaveTheSentinelAlone(t *testing.T) {
	t.Parallel()
	sentinel := &problem.Error{Status: 422, Code: "invalid_input", Fields: make([]problem.Field, 1, 8)}
	sentinel.Fields[0] = problem.Field{Name: "email", Code: "missing"}

	a := sentinel.WithFields(problem.Field{Name: "a"})
	b := sentinel.WithFields(problem.Field{Name: "b"})
	if a.Fields[1].Name != "a" || b.Fields[1].Name != "b" {
		t.Errorf("copies have the fields %v and %v, want each its own", a.Fields, b.Fields)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			f := problem.Field{Name: fmt.Sprint("field", i), Code: "bad"}
			c := sentinel.WithFields(f).With(io.EOF).WithRetryAfter(time.Second)
			if len(c.Fields) != 2 || c.Fields[1] != f {
				t.Errorf("copy %d has fields %v, want its own %v last", i, c.Fields, f)
			}
			if !errors.Is(c, io.EOF) || c.RetryAfter != time.Second {
				t.Errorf("copy %d = %+v lost its cause or its wait", i, c)
			}
		})
	}
	wg.Wait()
	if len(sentinel.Fields) != 1 || sentinel.Err != nil || sentinel.RetryAfter != 0 {
		t.Errorf("the sentinel became %+v", sentinel)
	}
}

func TestWithKeepsEarlierCauses(t *testing.T) {
	t.Parallel()
	e := errTaken.With(io.EOF).With(io.ErrClosedPipe)
	if !errors.Is(e, io.EOF) || !errors.Is(e, io.ErrClosedPipe) {
		t.Errorf("With(twice) = %v, want both causes kept", e)
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"ours", errTaken, 409, "email_taken"},
		{"ours, wrapped", fmt.Errorf("register: %w", errTaken), 409, "email_taken"},
		{"ours, joined", errors.Join(io.EOF, errTaken), 409, "email_taken"},
		{"unknown", io.ErrUnexpectedEOF, 500, "internal"},
		{"cancelled", context.Canceled, 503, "unavailable"},
		{"timed out", fmt.Errorf("read user: %w", context.DeadlineExceeded), 503, "unavailable"},
		{"body over its cap", fmt.Errorf("read body: %w", &http.MaxBytesError{Limit: 10}), 413, "body_too_large"},
		{"ours, caused by a cancelled context", errTaken.With(context.Canceled), 409, "email_taken"},
		{"a typed nil", (*problem.Error)(nil), 500, "internal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := problem.From(tt.err)
			if e.Status != tt.status || e.Code != tt.code {
				t.Errorf("From(%v) = %d %s, want %d %s", tt.err, e.Status, e.Code, tt.status, tt.code)
			}
			if !errors.Is(e, tt.err) && e.Err == nil {
				t.Errorf("From(%v) lost its cause", tt.err)
			}
		})
	}
	if e := problem.From(nil); e != nil {
		t.Errorf("From(nil) = %v, want nil", e)
	}
	if e := problem.From(errTaken); e != errTaken {
		t.Errorf("From(sentinel) = %p, want the sentinel itself", e)
	}
}

func TestFromKeepsTheWholeStory(t *testing.T) {
	t.Parallel()
	e := problem.From(fmt.Errorf("accept invite 7: %w", errTaken.With(io.EOF)))
	if !strings.Contains(e.Error(), "accept invite 7") || !errors.Is(e, io.EOF) {
		t.Errorf("From(wrapped) = %v, want the wrapping text and the first cause in it", e)
	}
}

func TestErrorTextAndLogValue(t *testing.T) {
	t.Parallel()
	e := errTaken.WithFields(problem.Field{Name: "email", Code: "taken"}, problem.Field{Name: "slug", Code: "taken"}).With(io.EOF)
	if got, want := e.Error(), "email_taken: This address is registered already. (email taken, slug taken): EOF"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "err", e)
	for _, want := range []string{"err.status=409", "err.code=email_taken", "err.cause=EOF"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("log line %q does not contain %q", b.String(), want)
		}
	}
	var none *problem.Error
	if got := none.Error(); got != "<nil>" {
		t.Errorf("(*Error)(nil).Error() = %q, want <nil>", got)
	}
}
