package auth

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMailQueueClose(t *testing.T) {
	t.Parallel()
	t.Run("an unused queue", func(t *testing.T) {
		t.Parallel()
		q := newMailQueue(mailQueueConfig{mailer: &sentMail{}, logger: quiet()})
		for range 2 {
			if err := q.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		if err := q.Enqueue(mailTo("a@example.com")); !errors.Is(err, errMailQueueClosed) {
			t.Errorf("Enqueue after Close = %v, want errMailQueueClosed", err)
		}
	})
	t.Run("drains what was taken", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			q := newMailQueue(mailQueueConfig{workers: 2, logger: quiet(), mailer: mailerFunc(func(context.Context, *Message) error {
				time.Sleep(time.Second)
				n.Add(1)
				return nil
			})})
			for range 10 {
				if err := q.Enqueue(mailTo("a@example.com", "b@example.com")); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			if err := q.Close(ctx); err != nil {
				t.Errorf("Close = %v", err)
			}
			if n.Load() != 20 || time.Since(start) != 10*time.Second {
				t.Errorf("sent %d messages in %v, want 20 in 10 s", n.Load(), time.Since(start))
			}
		})
	})
	t.Run("tries at once what waits, and only once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			sent := sentMail{fail: func(to string, n int) error {
				if to == "down@example.com" || n == 1 {
					return errors.New("later")
				}
				return nil
			}}
			q := newMailQueue(mailQueueConfig{mailer: &sent, logger: quiet(), pauses: slices.Repeat([]time.Duration{time.Hour}, 5)})
			for _, to := range []string{"down@example.com", "up@example.com"} {
				if err := q.Enqueue(mailTo(to)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			start := time.Now()
			if err := q.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
			slices.Sort(sent.to)
			if want := []string{"down@example.com", "down@example.com", "up@example.com", "up@example.com"}; !slices.Equal(sent.to, want) {
				t.Errorf("attempts for %v, want %v", sent.to, want)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("Close took %v, want no time", took)
			}
		})
	})
	t.Run("gives up at the deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var told atomic.Int64
			q := newMailQueue(mailQueueConfig{workers: 2, timeout: time.Hour, logger: quiet(), mailer: mailerFunc(func(ctx context.Context, _ *Message) error {
				<-ctx.Done()
				told.Add(1)
				return ctx.Err()
			})})
			for range 10 {
				if err := q.Enqueue(mailTo("a@example.com")); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			err := q.Close(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "10 not sent") {
				t.Errorf("Close = %v, want the deadline and 10 not sent", err)
			}
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("Close took %v, want 5 s", took)
			}
			synctest.Wait()
			if told.Load() != 2 || q.Len() != 0 {
				t.Errorf("%d attempts were told to stop, %d held, want 2 and 0", told.Load(), q.Len())
			}
			if err := q.Close(t.Context()); err != nil {
				t.Errorf("second Close = %v", err)
			}
		})
	})
}

// TestMailQueueCloseRace closes while jobs arrive and pauses end: whatever was
// taken and can be sent is sent, and nothing hangs.
func TestMailQueueCloseRace(t *testing.T) {
	t.Parallel()
	for range 50 {
		var taken, done atomic.Int64
		q := newMailQueue(mailQueueConfig{workers: 3, size: 1000, logger: quiet(), pauses: []time.Duration{1, 1},
			mailer: mailerFunc(func(_ context.Context, m *Message) error {
				if m.To == "down@example.com" {
					return errors.New("later")
				}
				done.Add(1)
				return nil
			})})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 50 {
					to := "a@example.com"
					if i%5 == 0 {
						to = "down@example.com"
					}
					if q.Enqueue(mailTo(to)) != nil {
						return
					}
					if i%5 != 0 {
						taken.Add(1)
					}
				}
			})
		}
		wg.Go(func() {
			runtime.Gosched()
			_ = q.Close(t.Context())
		})
		wg.Wait()
		if err := q.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := done.Load(), taken.Load(); got != want || q.Len() != 0 {
			t.Fatalf("%d of %d sent, %d held", got, want, q.Len())
		}
	}
}
