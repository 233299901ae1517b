package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
)

// EventKind names what happened. Kinds are stable.
type EventKind string

// The kinds of events of this package. Package auth/org adds its own.
const (
	UserRegistered         EventKind = "auth.user_registered"
	SignedIn               EventKind = "auth.login_success"
	SignInFailed           EventKind = "auth.login_failed"
	SignInLocked           EventKind = "auth.login_locked"
	AccountLocked          EventKind = "auth.account_locked"
	AccountUnlocked        EventKind = "auth.account_unlocked"
	SignedOut              EventKind = "auth.logout"
	RefreshReused          EventKind = "auth.refresh_reused"
	RefreshConflicted      EventKind = "auth.refresh_conflict"
	GraceMismatch          EventKind = "auth.grace_ua_mismatch"
	SessionRevoked         EventKind = "auth.session_revoked"
	Reauthenticated        EventKind = "auth.reauthenticated"
	PasswordChanged        EventKind = "auth.password_changed"
	PasswordResetRequested EventKind = "auth.password_reset_requested"
	PasswordResetCompleted EventKind = "auth.password_reset_completed"
	EmailVerified          EventKind = "auth.email_verified"
	VerificationSent       EventKind = "auth.verification_sent"
	EmailChangeRequested   EventKind = "auth.email_change_requested"
	EmailChanged           EventKind = "auth.email_changed"
	UserUpdated            EventKind = "auth.user_updated"
	UserDeactivated        EventKind = "auth.user_deactivated"
	UserActivated          EventKind = "auth.user_activated"
	UserDeleted            EventKind = "auth.user_deleted"
	UserHardDeleted        EventKind = "auth.user_hard_deleted"
	UserRestored           EventKind = "auth.user_restored"
	RoleChanged            EventKind = "auth.role_changed"
	IdentityLinked         EventKind = "auth.identity_linked"
	IdentityUnlinked       EventKind = "auth.identity_unlinked"
	OAuthSignedIn          EventKind = "auth.oauth_login"
	OAuthFailed            EventKind = "auth.oauth_failed"
	RateLimited            EventKind = "auth.rate_limited"
	AccessDenied           EventKind = "auth.access_denied"
	CrossOriginRefused     EventKind = "auth.cross_origin_refused"
	CookieAmbiguous        EventKind = "auth.ambiguous_cookie"
)

// Event is something that happened. It never holds a secret.
type Event struct {
	Kind      EventKind
	Time      time.Time
	ActorID   string // who did it; empty if nobody was signed in
	UserID    string // whom it was done to
	OrgID     string
	SessionID string
	Device    Device
	RequestID string
	Attrs     []slog.Attr
}

// LogValue shows e to [slog], without what is empty.
func (e Event) LogValue() slog.Value { return slog.GroupValue(e.logAttrs()...) }

func (e Event) logAttrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 8+len(e.Attrs))
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("user_id", e.UserID)
	text("actor_id", e.ActorID)
	text("org_id", e.OrgID)
	text("session_id", e.SessionID)
	if e.Device.IP.IsValid() {
		attrs = append(attrs, slog.String("ip", e.Device.IP.String()))
	}
	text("user_agent", e.Device.UserAgent)
	text("request_id", e.RequestID)
	return append(attrs, e.Attrs...)
}

// warnings are the events that somebody should look at.
var warnings = map[EventKind]bool{
	SignInLocked: true, AccountLocked: true, RefreshReused: true, GraceMismatch: true,
	CookieAmbiguous: true, CrossOriginRefused: true, RateLimited: true,
}

// Emit tells the log, the subscribers and the audit trail of an event. Time and
// RequestID are set if empty. It is for packages that extend this one.
func (s *Service) Emit(ctx context.Context, e Event) {
	s.complete(ctx, &e)
	s.announce(ctx, e)
	s.trail.record(e)
}

// refusalRate is how many refusals of a kind the audit trail keeps of one address.
var refusalRate = Rate{10, time.Minute}

// emitRefusal is Emit for what strangers can cause as often as they like. Log and
// subscribers hear of each; the audit trail, which nothing ever shortens, of a few.
func (s *Service) emitRefusal(ctx context.Context, e Event) {
	s.complete(ctx, &e)
	s.announce(ctx, e)
	wait, err := s.local.take(ctx, s.now(), s.local.addrBuckets("refused-"+string(e.Kind), e.Device.IP, refusalRate)...)
	if wait == 0 && err == nil {
		s.trail.record(e)
	}
}

func (s *Service) complete(ctx context.Context, e *Event) {
	if e.Device == (Device{}) {
		e.Device = deviceFrom(ctx)
	}
	if e.Time.IsZero() {
		e.Time = s.now()
	}
	if e.RequestID == "" {
		e.RequestID = problem.RequestID(ctx)
	}
}

// announce logs e and hands it to the subscribers.
func (s *Service) announce(ctx context.Context, e Event) {
	level := slog.LevelInfo
	if warnings[e.Kind] {
		level = slog.LevelWarn
	}
	s.cfg.Logger.LogAttrs(ctx, level, string(e.Kind), e.logAttrs()...)
	for _, fn := range s.subscribers {
		s.guarded(ctx, "subscriber", func() { fn(ctx, e) })
	}
}

// guarded runs fn and logs a panic in it instead of passing it on.
func (s *Service) guarded(ctx context.Context, what string, fn func()) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.ErrorContext(ctx, "panic", "in", what, "value", p)
		}
	}()
	fn()
}

// Subscribe calls fn for every event, in the request that caused it and before
// it is answered, so a slow fn slows answers down; for what happens beside a
// request, such as a mail that was sent, in the worker that does it. Call it
// before serving.
func (s *Service) Subscribe(fn func(context.Context, Event)) {
	s.subscribers = append(s.subscribers, fn)
}
