package auth

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

func (s *Service) initMail() (err error) {
	if s.mails, err = newMailTemplates(s.cfg.AppName, s.cfg.MailTemplates); err != nil {
		return err
	}
	s.mailer = s.cfg.Mailer
	if s.mailer == nil {
		s.cfg.Logger.Warn("auth: Config.Mailer is not set: mails, and the secret links in them, go to the log")
		s.mailer = NewOutbox(s.cfg.Logger, 50)
	}
	s.queue = newMailQueue(mailQueueConfig{mailer: s.mailer, logger: s.cfg.Logger, now: s.now})
	return nil
}

// SendMail writes mails beside the request: prepare runs in a worker, so neither
// what it finds out nor how long it takes shows in an answer. It may run more
// than once. The error is ErrUnavailable, and nothing was taken, if too many
// mails wait already. It is for packages that extend this one.
func (s *Service) SendMail(ctx context.Context, kind MailKind, prepare func(ctx context.Context) ([]Mail, error)) error {
	d, id := deviceFrom(ctx), problem.RequestID(ctx)
	err := s.queue.Enqueue(mailJob{kind: kind, prepare: func(ctx context.Context) ([]*Message, error) {
		ctx = problem.WithRequestID(WithDevice(ctx, d), id)
		mails, err := prepare(ctx)
		if err != nil {
			return nil, err
		}
		messages := make([]*Message, 0, len(mails))
		for _, m := range mails {
			message, err := s.mails.render(m, s.now())
			if err != nil {
				return nil, err
			}
			messages = append(messages, message)
		}
		return messages, nil
	}})
	if errors.Is(err, errMailQueueFull) || errors.Is(err, errMailQueueClosed) {
		return unavailable("queue mail", err)
	}
	return err
}

// notify tells a user by mail of something that happened to the account. Trouble
// with it is logged and stops nothing.
func (s *Service) notify(ctx context.Context, u *store.User, kind MailKind, d Device) {
	s.notifyMail(ctx, Mail{Kind: kind, User: u, Link: s.links.SignIn, IP: d.ip(), UserAgent: d.UserAgent, At: s.now()})
}

func (s *Service) notifyMail(ctx context.Context, m Mail) {
	if m.User != nil {
		u := *m.User
		m.User = &u
	}
	err := s.SendMail(ctx, m.Kind, func(context.Context) ([]Mail, error) { return []Mail{m}, nil })
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "notice not sent", "kind", m.Kind, "err", err)
	}
}

// tokenLink returns page with a one-time token.
func tokenLink(page, raw string) string {
	u, err := url.Parse(page)
	if err != nil {
		return page + "?token=" + raw
	}
	q := u.Query()
	q.Set("token", raw)
	u.RawQuery = q.Encode()
	return u.String()
}

// Flush waits until nothing waits to be mailed or written to the audit trail. It
// is for tests, and for programs that end without serving.
func (s *Service) Flush(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.queue.Len() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.trail.close(ctx)
}

// Close waits until mails and audit entries that wait are written, or ctx ends.
// Call it when the server has stopped taking requests.
func (s *Service) Close(ctx context.Context) error {
	return errors.Join(s.queue.Close(ctx), s.trail.close(ctx))
}
