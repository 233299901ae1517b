package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// Limits are the rates that keep guessing and flooding out. Each list holds
// rates that all must allow; nil means the default, and an empty list none.
// Limits by client address count an IPv6 network of 64 bits as one.
type Limits struct {
	// InsecureOff switches every limit and the lockout off.
	InsecureOff bool
	// SignIn bounds sign-ins by client address. Default 10 a minute, 100 an hour.
	SignIn []Rate
	// Register bounds registrations by client address. Default 5 a minute, 20 an
	// hour.
	Register []Rate
	// Refresh bounds refreshes by client address. Default 600 a minute.
	Refresh []Rate
	// SessionRefresh bounds refreshes of one session. Default 120 a minute.
	SessionRefresh []Rate
	// MailFrom bounds requests that send mail by client address. Default 10 an
	// hour.
	MailFrom []Rate
	// MailTo bounds mails of that kind by recipient. Default 3 an hour, 20 a day.
	MailTo []Rate
	// Confirm bounds uses of one-time tokens by client address. Default 20 a
	// minute.
	Confirm []Rate
	// OAuth bounds starts and callbacks by client address. Default 30 a minute
	// each.
	OAuth []Rate
	// Invites bounds invitations by organization. Default 50 a day.
	Invites []Rate
}

func (l Limits) withDefaults() Limits {
	def := func(rates *[]Rate, defaults ...Rate) {
		if *rates == nil {
			*rates = defaults
		}
	}
	def(&l.SignIn, Rate{10, time.Minute}, Rate{100, time.Hour})
	def(&l.Register, Rate{5, time.Minute}, Rate{20, time.Hour})
	def(&l.Refresh, Rate{600, time.Minute})
	def(&l.SessionRefresh, Rate{120, time.Minute})
	def(&l.MailFrom, Rate{10, time.Hour})
	def(&l.MailTo, Rate{3, time.Hour}, Rate{20, 24 * time.Hour})
	def(&l.Confirm, Rate{20, time.Minute})
	def(&l.OAuth, Rate{30, time.Minute})
	def(&l.Invites, Rate{50, 24 * time.Hour})
	return l
}

func (l *Limits) check() (faults []error) {
	for name, rates := range map[string][]Rate{
		"SignIn": l.SignIn, "Register": l.Register, "Refresh": l.Refresh, "SessionRefresh": l.SessionRefresh,
		"MailFrom": l.MailFrom, "MailTo": l.MailTo, "Confirm": l.Confirm, "OAuth": l.OAuth, "Invites": l.Invites,
	} {
		for i, r := range rates {
			if r.Limit < 1 || r.Per < time.Second {
				faults = append(faults, fmt.Errorf("Config.Limits.%s[%d] must allow at least one in at least a second", name, i))
			}
		}
	}
	return faults
}

// The limits by client address that routes name.
const (
	rateSignIn   = "signin"
	rateRegister = "register"
	rateRefresh  = "refresh"
	rateMail     = "mail"
	rateConfirm  = "confirm"
	rateOAuth    = "oauth"
	rateCallback = "callback"
)

// initLimits makes the limiters. What guards passwords and mailboxes is shared
// between processes if the store can; what is met on every page is counted in
// this process, so that it costs no query.
func (s *Service) initLimits() {
	key := deriveKey(s.cfg.Secret, labelLimiter)
	memory := newMemAttempts(0, s.now)
	s.local = newLimiter(memory, key, s.now)
	s.shared = s.local
	if s.cfg.Attempts != nil {
		s.shared = newLimiter(s.cfg.Attempts, key, s.now)
	}
	s.lockout = newLockout(s.shared)
}

// addrRates returns the limiter and the rates of what name stands for.
func (s *Service) addrRates(name string) (*limiter, []Rate) {
	l := &s.cfg.Limits
	switch name {
	case rateSignIn:
		return s.shared, l.SignIn
	case rateRegister:
		return s.shared, l.Register
	case rateMail:
		return s.shared, l.MailFrom
	case rateRefresh:
		return s.local, l.Refresh
	case rateConfirm:
		return s.local, l.Confirm
	case rateOAuth, rateCallback:
		return s.local, l.OAuth
	}
	panic("auth: no limit is called " + name)
}

// spendAddr takes one from the budget that the client's address has. If it is
// not known what is left, nothing is allowed.
func (s *Service) spendAddr(ctx context.Context, name string) error {
	_, err := s.takeAddr(ctx, name, deviceFrom(ctx))
	return err
}

// takeAddr is spendAddr; refund takes it back.
func (s *Service) takeAddr(ctx context.Context, name string, d Device) (refund func(), err error) {
	l, rates := s.addrRates(name)
	return s.take(ctx, l, l.addrBuckets(name, d.IP, rates...))
}

func (s *Service) take(ctx context.Context, l *limiter, buckets []bucket) (refund func(), err error) {
	if s.cfg.Limits.InsecureOff {
		return func() {}, nil
	}
	now := s.now()
	wait, err := l.take(ctx, now, buckets...)
	if wait > 0 {
		return nil, ErrRateLimited.WithRetryAfter(wait).With(err)
	}
	if err != nil {
		return nil, unavailable("count request", err)
	}
	return func() {
		if err := l.refund(ctx, now, buckets...); err != nil {
			s.cfg.Logger.WarnContext(ctx, "refund limit", "err", err)
		}
	}, nil
}

// Spend takes one from the budget that subject has for purpose, in each of the
// rates. It is for packages that add routes of their own.
//
// Errors: ErrRateLimited, ErrUnavailable.
func (s *Service) Spend(ctx context.Context, purpose, subject string, rates []Rate) error {
	_, err := s.take(ctx, s.shared, s.shared.buckets(purpose, subject, rates...))
	return err
}

// spendMail takes one from what a mailbox may be sent. It counts unknown
// addresses like known ones.
func (s *Service) spendMail(ctx context.Context, email string) error {
	return s.Spend(ctx, "mail-to", email, s.cfg.Limits.MailTo)
}

// spendRefresh takes one from what an address, and a session, may refresh. Junk
// counts against the address alone.
func (s *Service) spendRefresh(ctx context.Context, raw string) error {
	if err := s.spendAddr(ctx, rateRefresh); err != nil {
		return err
	}
	t, ok := s.codec.decode(raw)
	if !ok {
		return nil
	}
	_, err := s.take(ctx, s.local, s.local.buckets("session", t.sessionID, s.cfg.Limits.SessionRefresh...))
	return err
}

// prove checks a password within the limits of its account. The attempt counts
// as failed before the password is looked at, so that guesses made at once
// cannot pass together. usable is false if no password may pass; the work is the
// same. u is nil if there is no such user.
func (s *Service) prove(ctx context.Context, email string, u *store.User, password string, usable bool, d Device) (ok, rehash bool, err error) {
	subject, stored := lockSubject{email: email}, ""
	if u != nil {
		subject.userID, stored = u.ID, u.PasswordHash
	}
	subject.device = s.marks.verify(d.Mark, subject.userID, s.now())
	if !s.cfg.Limits.InsecureOff {
		place, uncounted := s.lockout.reserve(ctx, subject, s.now())
		if uncounted != nil {
			return false, false, unavailable("count sign-in", uncounted)
		}
		usable = usable && place.allowed
		defer func() { s.settleAttempt(ctx, place, u, ok, err) }()
	}
	if !usable {
		stored = "" // Same work as for a password that is wrong.
	}
	ok, rehash, err = s.passwords.verify(ctx, stored, password)
	if err != nil {
		return false, false, s.hashTrouble(err)
	}
	return ok && usable, rehash, nil
}

// settleAttempt keeps, forgets or takes back what an attempt was counted for.
func (s *Service) settleAttempt(ctx context.Context, place *reservation, u *store.User, ok bool, err error) {
	var trouble error
	switch {
	case err != nil: // the password was not looked at
		trouble = place.refund(ctx)
	case ok:
		trouble = place.succeed(ctx)
	case place.allowed && place.locks && u != nil:
		s.locked(ctx, u, place)
	case !place.allowed && u != nil:
		s.Emit(ctx, Event{Kind: SignInLocked, UserID: u.ID})
	}
	if trouble != nil {
		s.cfg.Logger.WarnContext(ctx, "settle attempt", "err", trouble)
	}
}

// locked tells of a lock that a failure began, by mail at most once an hour. All
// of it but the event happens beside the request, because there is nothing to
// mail about addresses without an account.
func (s *Service) locked(ctx context.Context, u *store.User, place *reservation) {
	s.Emit(ctx, Event{Kind: AccountLocked, UserID: u.ID,
		Attrs: []slog.Attr{slog.Time("until", place.until), slog.Bool("for_good", place.dead)}})
	if !u.Active() {
		return
	}
	about := *u
	d := deviceFrom(ctx)
	m := Mail{Kind: MailLocked, User: &about, Link: s.links.SignIn, Lifetime: place.until.Sub(s.now()),
		IP: d.ip(), UserAgent: d.UserAgent, At: s.now()}
	err := s.SendMail(ctx, MailLocked, func(ctx context.Context) ([]Mail, error) {
		if err := s.Spend(ctx, "lock-mail", about.ID, []Rate{{1, time.Hour}}); err != nil {
			if errors.Is(err, ErrRateLimited) {
				err = nil
			}
			return nil, err
		}
		return []Mail{m}, nil
	})
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "notice not sent", "kind", MailLocked, "err", err)
	}
}

func (s *Service) unlockAccount(ctx context.Context, u *store.User) error {
	if err := s.lockout.unlock(ctx, u.ID); err != nil {
		return unavailable("unlock account", err)
	}
	return nil
}
