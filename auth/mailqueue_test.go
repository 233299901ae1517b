package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// mailerFunc is a Mailer made of a function.
type mailerFunc func(ctx context.Context, m *Message) error

func (f mailerFunc) Send(ctx context.Context, m *Message) error { return f(ctx, m) }

// sentMail is a Mailer that remembers whom it wrote to, and when.
type sentMail struct {
	mu   sync.Mutex
	to   []string
	at   []time.Time
	fail func(to string, attempt int) error
}

func (s *sentMail) Send(_ context.Context, m *Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	s.to = append(s.to, m.To)
	if s.fail == nil {
		return nil
	}
	n := 0
	for _, to := range s.to {
		if to == m.To {
			n++
		}
	}
	return s.fail(m.To, n)
}

func mailTo(to ...string) mailJob {
	return mailJob{kind: MailReset, prepare: func(context.Context) ([]*Message, error) {
		var list []*Message
		for _, addr := range to {
			list = append(list, &Message{Kind: MailReset, ID: "id-" + addr, To: addr, Subject: "s", Text: "t"})
		}
		return list, nil
	}}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestMailQueueSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent sentMail
		q := newMailQueue(mailQueueConfig{mailer: &sent, logger: quiet()})
		workers := func() int {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.running
		}
		if got := workers(); got != 0 {
			t.Errorf("newMailQueue started %d workers, want none", got)
		}
		var want []string
		for i := range 100 {
			to := fmt.Sprintf("u%02d@example.com", i)
			want = append(want, to)
			if err := q.Enqueue(mailTo(to)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		slices.Sort(sent.to)
		if !slices.Equal(sent.to, want) {
			t.Errorf("sent to %v, want each once", sent.to)
		}
		if got := q.Len(); got != 0 {
			t.Errorf("Len after everything was sent = %d, want 0", got)
		}
		if got := workers(); got != 0 {
			t.Errorf("%d workers although there is nothing to do, want none", got)
		}
		// And again, after the workers have ended.
		if err := q.Enqueue(mailTo("late@example.com", "second@example.com")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !slices.Contains(sent.to, "late@example.com") || !slices.Contains(sent.to, "second@example.com") {
			t.Errorf("sent to %v, want both messages of the last job too", sent.to[100:])
		}
		if err := q.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestMailQueueNothingToSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent sentMail
		q := newMailQueue(mailQueueConfig{mailer: &sent, logger: quiet()})
		for _, list := range [][]*Message{nil, {}, {nil}} {
			if err := q.Enqueue(mailJob{kind: MailReset, prepare: func(context.Context) ([]*Message, error) { return list, nil }}); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Close(t.Context()); err != nil || len(sent.to) != 0 {
			t.Errorf("Close = %v after %d messages, want none", err, len(sent.to))
		}
	})
}

// TestMailQueueNeverBlocks is what an answer's time rests on: Enqueue returns
// although every worker hangs, and the fake clock shows that no time passed.
func TestMailQueueNeverBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := mailerFunc(func(ctx context.Context, m *Message) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(2 * time.Second)
			return nil
		})
		q := newMailQueue(mailQueueConfig{mailer: slow, workers: 3, size: 50, logger: quiet()})
		start := time.Now()
		for i := range 50 {
			if err := q.Enqueue(mailTo("u@example.com")); err != nil {
				t.Fatalf("Enqueue number %d = %v", i+1, err)
			}
		}
		for range 3 {
			if err := q.Enqueue(mailTo("u@example.com")); !errors.Is(err, errMailQueueFull) {
				t.Fatalf("Enqueue into a full queue = %v, want errMailQueueFull", err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("53 jobs took %v to hand over, want no time at all", took)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		synctest.Wait()
		if got := q.Len(); got != 47 {
			t.Errorf("Len after one round of three workers = %d, want 47", got)
		}
		if err := q.Enqueue(mailTo("u@example.com")); err != nil {
			t.Errorf("Enqueue when there is room again = %v", err)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if got := most.Load(); got != 3 {
			t.Errorf("at most %d messages were sent at once, want 3", got)
		}
	})
}

// TestMailQueueSize: jobs that wait for another attempt, and those being worked
// on, count too. Otherwise a mail server that is down would fill the memory.
func TestMailQueueSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newMailQueue(mailQueueConfig{workers: 2, size: 5, logger: quiet(), mailer: mailerFunc(func(_ context.Context, m *Message) error {
			if m.To == "hangs@example.com" {
				time.Sleep(time.Second)
			}
			return errors.New("later")
		})})
		for _, to := range []string{"a@example.com", "b@example.com", "c@example.com", "hangs@example.com", "hangs@example.com"} {
			if err := q.Enqueue(mailTo(to)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := q.Enqueue(mailTo("d@example.com")); !errors.Is(err, errMailQueueFull) {
			t.Errorf("Enqueue = %v while three jobs wait and two are worked on, want errMailQueueFull", err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := q.Enqueue(mailTo("d@example.com")); err != nil {
			t.Errorf("Enqueue after all were given up = %v", err)
		}
		_ = q.Close(t.Context())
	})
}

func TestMailQueueRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := sentMail{fail: func(to string, n int) error {
			switch {
			case to == "never@example.com", to == "third@example.com" && n < 3:
				return errors.New("421 try later")
			case to == "refused@example.com":
				return fmt.Errorf("550: %w", ErrMailRefused)
			}
			return nil
		}}
		q := newMailQueue(mailQueueConfig{mailer: &sent, logger: quiet(), pauses: []time.Duration{time.Second, 10 * time.Second, time.Minute}})
		start := time.Now()
		prepared := 0
		for _, to := range []string{"never@example.com", "third@example.com", "refused@example.com", "fine@example.com"} {
			job := mailTo(to)
			inner := job.prepare
			job.prepare = func(ctx context.Context) ([]*Message, error) {
				prepared++
				return inner(ctx)
			}
			if err := q.Enqueue(job); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := q.Len(); got != 2 {
			t.Errorf("Len while two wait for another attempt = %d, want 2", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		attempts := make(map[string][]time.Duration)
		for i, to := range sent.to {
			attempts[to] = append(attempts[to], sent.at[i].Sub(start))
		}
		for to, want := range map[string][]time.Duration{
			"never@example.com":   {0, time.Second, 11 * time.Second, 71 * time.Second},
			"third@example.com":   {0, time.Second, 11 * time.Second},
			"refused@example.com": {0},
			"fine@example.com":    {0},
		} {
			if !slices.Equal(attempts[to], want) {
				t.Errorf("attempts for %s at %v, want %v", to, attempts[to], want)
			}
		}
		if prepared != 4 {
			t.Errorf("jobs were prepared %d times, want once each: another try would write another token", prepared)
		}
		if got := q.Len(); got != 0 {
			t.Errorf("Len at the end = %d, want 0", got)
		}
	})
}

// TestMailQueueStoreDown: looking up the account fails at first.
func TestMailQueueStoreDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent sentMail
		q := newMailQueue(mailQueueConfig{mailer: &sent, logger: quiet()})
		tries := 0
		err := q.Enqueue(mailJob{kind: MailReset, prepare: func(ctx context.Context) ([]*Message, error) {
			if tries++; tries < 3 {
				return nil, errors.New("connection refused")
			}
			return mailTo("ann@example.com").prepare(ctx)
		}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if tries != 3 || len(sent.to) != 1 {
			t.Errorf("prepared %d times, sent %d messages, want 3 and 1", tries, len(sent.to))
		}
	})
}

func TestMailQueueExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := sentMail{fail: func(string, int) error { return errors.New("later") }}
		q := newMailQueue(mailQueueConfig{mailer: &sent, logger: quiet(), pauses: slices.Repeat([]time.Duration{10 * time.Minute}, 10)})
		m := &Message{Kind: MailReset, To: "ann@example.com", ExpiresAt: time.Now().Add(30 * time.Minute)}
		if err := q.Enqueue(mailJob{prepare: func(context.Context) ([]*Message, error) { return []*Message{m}, nil }}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if len(sent.to) != 3 || q.Len() != 0 {
			t.Errorf("%d attempts, %d held, want 3 (at 0, 10 and 20 minutes) and 0: at 30 the link is dead", len(sent.to), q.Len())
		}
	})
}

// TestMailQueuePanic: nothing a mailer or a look-up does ends the process or
// costs a worker.
func TestMailQueuePanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var sent sentMail
		evil := mailerFunc(func(ctx context.Context, m *Message) error {
			switch m.To {
			case "panic@example.com":
				panic("canary-panic " + m.To)
			case "nil@example.com":
				var u *Message
				_ = u.To
			case "exit@example.com":
				runtime.Goexit()
			}
			return sent.Send(ctx, m)
		})
		q := newMailQueue(mailQueueConfig{mailer: evil, workers: 1, logger: slog.New(slog.NewJSONHandler(&log, nil))})
		for _, to := range []string{"panic@example.com", "nil@example.com", "exit@example.com", "fine@example.com"} {
			if err := q.Enqueue(mailTo(to)); err != nil {
				t.Fatal(err)
			}
		}
		for _, prepare := range []func(context.Context) ([]*Message, error){
			func(context.Context) ([]*Message, error) { panic(errors.New("canary-panic store")) },
			func(context.Context) ([]*Message, error) { runtime.Goexit(); return nil, nil },
			mailTo("last@example.com").prepare,
		} {
			if err := q.Enqueue(mailJob{kind: MailVerify, prepare: prepare}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		slices.Sort(sent.to)
		if want := []string{"fine@example.com", "last@example.com"}; !slices.Equal(sent.to, want) {
			t.Errorf("sent to %v, want %v", sent.to, want)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		text := log.String()
		if n := strings.Count(text, `"msg":"auth.mail_panic"`); n != 3 {
			t.Errorf("%d panics were logged, want 3\n%s", n, text)
		}
		if n := strings.Count(text, `"msg":"auth.mail_failed"`); n != 5 {
			t.Errorf("%d failures were logged, want 5", n)
		}
		if !strings.Contains(text, "nil pointer dereference") || !strings.Contains(text, "mailqueue_test.go") {
			t.Error("the log does not say where the panic came from")
		}
		if strings.Contains(text, "canary") {
			t.Errorf("the log holds the value of a panic:\n%s", text)
		}
	})
}

// TestMailQueueLog is the canary: whatever goes wrong, the log names no address,
// no token, and no line break of somebody else's making.
func TestMailQueueLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := 0
		q := newMailQueue(mailQueueConfig{
			logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			mailer: mailerFunc(func(_ context.Context, m *Message) error {
				if n++; n < 4 {
					return fmt.Errorf("server said:\r\nlevel=INFO msg=forged <%s> %s token canary-token\x1b[31m %w", m.To, m.Link,
						errors.New(strings.Repeat("x", 5000)))
				}
				return nil
			}),
		})
		m := &Message{Kind: MailReset, ID: "ID1", To: "victim@example.com", Subject: "canary-subject", Text: "canary-text", HTML: "canary-html",
			Link: "https://app.example.com/reset?token=canary-token"}
		if err := q.Enqueue(mailJob{kind: MailReset, prepare: func(context.Context) ([]*Message, error) { return []*Message{m}, nil }}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		text := log.String()
		if n := strings.Count(text, "\n"); n != 4 || strings.Count(text, "auth.mail_retry") != 3 || strings.Count(text, "auth.mail_sent") != 1 {
			t.Errorf("log has %d lines, want three retries and the success:\n%s", n, text)
		}
		for _, bad := range []string{"canary", "victim", "/reset", "\x1b", "\r", "\\r", "\\x1b", strings.Repeat("x", 400)} {
			if strings.Contains(text, bad) {
				t.Errorf("the log holds %q:\n%s", bad, text)
			}
		}
		if !strings.Contains(text, "v***@example.com") || !strings.Contains(text, "mail.id=ID1") {
			t.Errorf("the log does not say which message it is about:\n%s", text)
		}
	})
}
