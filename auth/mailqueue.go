package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// errMailQueueFull says that no more jobs are taken for now. Handlers answer it
// alike for everybody, before they look at any account.
var errMailQueueFull = errors.New("auth: mail queue full")

// errMailQueueClosed says that the queue has been closed.
var errMailQueueClosed = errors.New("auth: mail queue closed")

// mailPauses are the pauses before the second, third… attempt.
var mailPauses = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute}

// mailJob is work that ends in mail and that no answer waits for.
type mailJob struct {
	kind MailKind // for the log
	// prepare looks up whom to write to, writes tokens, and renders. It returns
	// nothing if there is nothing to send. If it fails it is called again later,
	// as a message is sent again, unless the error wraps ErrMailRefused. What
	// it returns is sent without asking again, so each token is written once.
	prepare func(ctx context.Context) ([]*Message, error)
}

// mailQueueConfig holds what a queue needs. Only mailer is required.
type mailQueueConfig struct {
	mailer  Mailer
	workers int              // default 4
	size    int              // jobs held at once, waiting for another attempt included; default 1000
	timeout time.Duration    // of one attempt; default 2 minutes
	pauses  []time.Duration  // default mailPauses
	logger  *slog.Logger     // default slog.Default()
	now     func() time.Time // default time.Now
}

// mailQueue runs jobs beside the requests that ask for them, so that what a job
// finds out, and how long it takes, never shows in an answer. It is held in
// memory: a job that was taken is lost if the process is killed.
//
// Nothing runs until the first job arrives. Then there are at most
// mailQueueConfig.workers goroutines, and they end when there is nothing to do.
type mailQueue struct {
	mailQueueConfig
	base   context.Context // of all jobs; ends when Close runs out of time
	cancel context.CancelFunc

	mu      sync.Mutex
	ready   []*mailTask
	later   map[*mailTask]*time.Timer // waiting for another attempt
	held    int                       // ready, later, and being worked on
	running int                       // workers
	closed  bool
	drained chan struct{} // closed when closed and nothing is held
}

// mailTask is a job or, once it is prepared, one message.
type mailTask struct {
	kind     MailKind
	prepare  func(context.Context) ([]*Message, error)
	message  *Message
	attempts int // failed ones
}

func newMailQueue(c mailQueueConfig) *mailQueue {
	c.workers = cmp.Or(max(c.workers, 0), 4)
	c.size = cmp.Or(max(c.size, 0), 1000)
	c.timeout = cmp.Or(max(c.timeout, 0), 2*time.Minute)
	if c.pauses == nil {
		c.pauses = mailPauses
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	if c.now == nil {
		c.now = time.Now
	}
	q := &mailQueue{mailQueueConfig: c, later: make(map[*mailTask]*time.Timer), drained: make(chan struct{})}
	q.base, q.cancel = context.WithCancel(context.Background())
	return q
}

// Enqueue takes job over and returns at once. It returns errMailQueueFull or
// errMailQueueClosed if it does not take it.
func (q *mailQueue) Enqueue(job mailJob) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errMailQueueClosed
	}
	if q.held >= q.size {
		return errMailQueueFull
	}
	q.addLocked(&mailTask{kind: job.kind, prepare: job.prepare})
	return nil
}

// Len returns how many jobs and messages are held.
func (q *mailQueue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held
}

// Close takes no more jobs and waits until those that were taken are done; each
// gets one more attempt at once. When ctx ends before that, what is left is
// given up, attempts under way are told to stop, and the error says how many
// there were.
func (q *mailQueue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		for task, timer := range q.later {
			if timer.Stop() {
				q.readyLocked(task)
			}
		}
		q.endLocked()
	}
	q.mu.Unlock()

	select {
	case <-q.drained:
		q.cancel()
		return nil
	case <-ctx.Done():
	}
	q.cancel()
	q.mu.Lock()
	left := q.held
	q.held -= len(q.ready)
	q.ready = nil
	q.endLocked()
	q.mu.Unlock()
	if left == 0 {
		return nil
	}
	q.logger.Error("auth.mail_dropped", "count", left, "reason", "shutdown")
	return fmt.Errorf("mail queue: %d not sent: %w", left, ctx.Err())
}

func (q *mailQueue) addLocked(task *mailTask) {
	q.held++
	q.ready = append(q.ready, task)
	q.startLocked()
}

// readyLocked moves a task whose pause is over to those that are ready.
func (q *mailQueue) readyLocked(task *mailTask) {
	delete(q.later, task)
	q.ready = append(q.ready, task)
	q.startLocked()
}

// startLocked starts a worker for a task just added, unless enough are at work.
// A worker that is idle has ended already.
func (q *mailQueue) startLocked() {
	if q.running < q.workers {
		q.running++
		go q.work()
	}
}

func (q *mailQueue) endLocked() {
	if q.closed && q.held == 0 {
		select {
		case <-q.drained:
		default:
			close(q.drained)
		}
	}
}

// work does what is ready until nothing is.
func (q *mailQueue) work() {
	exited := true
	defer func() {
		if exited { // a mailer called runtime.Goexit: this goroutine is lost
			q.mu.Lock()
			q.running--
			if len(q.ready) > 0 {
				q.startLocked()
			}
			q.mu.Unlock()
		}
	}()
	for {
		q.mu.Lock()
		if len(q.ready) == 0 {
			q.ready = nil // let go of the array that grew
			q.running--
			q.mu.Unlock()
			exited = false
			return
		}
		task := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		q.mu.Unlock()
		q.do(task)
	}
}

// do makes one attempt at task and settles what becomes of it.
func (q *mailQueue) do(task *mailTask) {
	var made []*Message
	err := errMailPanic // unless attempt returns
	defer func() {
		if v := recover(); v != nil {
			q.logPanic(task, v)
		}
		q.settle(task, made, err)
	}()
	made, err = q.attempt(task)
}

// errMailPanic stands for an attempt that did not return.
var errMailPanic = fmt.Errorf("%w: panic", ErrMailRefused)

func (q *mailQueue) attempt(task *mailTask) ([]*Message, error) {
	ctx, cancel := context.WithTimeout(q.base, q.timeout)
	defer cancel()
	m := task.message
	if m == nil {
		return task.prepare(ctx)
	}
	if !m.ExpiresAt.IsZero() && !q.now().Before(m.ExpiresAt) {
		return nil, fmt.Errorf("%w: its link has expired", ErrMailRefused)
	}
	return nil, q.mailer.Send(ctx, m)
}

// settle records the outcome of an attempt: made are the messages that a job
// turned into.
func (q *mailQueue) settle(task *mailTask, made []*Message, err error) {
	if err == nil {
		if task.message != nil {
			q.log(slog.LevelDebug, "auth.mail_sent", task)
		}
		q.finish(made)
		return
	}
	task.attempts++
	failures := slog.Int("failures", task.attempts) // once postponed, the task is somebody else's
	text := slog.String("error", mailErrorText(err, task.message))
	if !errors.Is(err, ErrMailRefused) && task.attempts <= len(q.pauses) {
		pause := q.pauses[task.attempts-1]
		if q.postpone(task, pause) {
			q.log(slog.LevelWarn, "auth.mail_retry", task, text, failures, slog.Duration("pause", pause))
			return
		}
	}
	q.log(slog.LevelError, "auth.mail_failed", task, text, failures)
	q.finish(nil)
}

// finish lets go of one task, and takes up the messages it was turned into. They
// may be more than the size of the queue allows, by a few.
func (q *mailQueue) finish(made []*Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range made {
		if m != nil {
			q.addLocked(&mailTask{kind: m.Kind, message: m})
		}
	}
	q.held--
	q.endLocked()
}

// postpone makes task ready again after a pause. A queue that is being closed
// has no time for that.
func (q *mailQueue) postpone(task *mailTask, pause time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.later[task] = time.AfterFunc(pause, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.readyLocked(task)
	})
	return true
}

func (q *mailQueue) log(level slog.Level, event string, task *mailTask, attrs ...slog.Attr) {
	if task.message != nil {
		attrs = append(attrs, slog.Any("mail", task.message))
	} else {
		attrs = append(attrs, slog.String("kind", string(task.kind)))
	}
	q.logger.LogAttrs(context.Background(), level, event, attrs...)
}

// logPanic says where a panic came from. Its value is left out, because it may
// hold a message, unless it comes from the runtime.
func (q *mailQueue) logPanic(task *mailTask, v any) {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	q.log(slog.LevelError, "auth.mail_panic", task, slog.String("panic", what), slog.String("stack", string(debug.Stack())))
}
