package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// OAuthError is why somebody who came back from a provider is not signed in. Code
// is one of denied, expired, no_email, signup_closed, link_required, disabled and
// failed; pages have a text for each.
type OAuthError struct {
	Code string
	Err  error // for the log
}

// Error returns code and cause, for logs.
func (e *OAuthError) Error() string {
	if e.Err == nil {
		return "oauth: " + e.Code
	}
	return fmt.Sprintf("oauth: %s: %v", e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *OAuthError) Unwrap() error { return e.Err }

// External is who a provider says somebody is, and what they came for.
type External struct {
	Provider string
	Identity *oauth.Identity
	// LinkTo is the signed-in user who asked for the identity to be linked, and
	// SessionID the session in which they asked. Empty for a sign-in.
	LinkTo, SessionID string
}

// SignInExternal signs in, registers or links somebody whom a provider has
// identified. For a link the grant is nil.
//
// Errors: *OAuthError, ErrUnavailable, those of the hooks.
func (s *Service) SignInExternal(ctx context.Context, in External, d Device) (*Grant, error) {
	g, err := s.signInExternal(ctx, in, d)
	if err != nil {
		s.tellFailed(ctx, in.Provider, in.LinkTo, d, err)
	}
	return g, err
}

// signInExternal is SignInExternal without the event of a failure.
func (s *Service) signInExternal(ctx context.Context, in External, d Device) (*Grant, error) {
	in, ok := in.sound()
	if !ok {
		return nil, &OAuthError{Code: "failed", Err: errors.New("the provider names no usable subject")}
	}
	u, err := s.resolveExternal(ctx, in)
	if err != nil {
		return nil, err
	}
	if in.LinkTo != "" {
		return nil, nil
	}
	g, err := s.StartSession(ctx, u, "oauth:"+in.Provider, d)
	if err != nil {
		return nil, err
	}
	s.Emit(ctx, Event{Kind: OAuthSignedIn, ActorID: u.ID, UserID: u.ID, SessionID: g.Session.ID, Device: d,
		Attrs: []slog.Attr{slog.String("provider", in.Provider)}})
	return g, nil
}

// tellFailed emits the event of a sign-in or link that came to nothing.
func (s *Service) tellFailed(ctx context.Context, provider, linkTo string, d Device, err error) {
	s.Emit(ctx, Event{Kind: OAuthFailed, ActorID: linkTo, Device: d,
		Attrs: []slog.Attr{slog.String("provider", provider), slog.String("reason", oauthCode(err))}})
}

// oauthCode returns what people are told of err.
func oauthCode(err error) string {
	if e, ok := errors.AsType[*OAuthError](err); ok && e.Code != "" {
		return e.Code
	}
	return "failed"
}

// sound returns in with the address in its one spelling, or without one, and
// false if there is no subject to know the person by. Providers need not be those
// of package oauth, and an address that people could not register with would
// never be found again.
func (in External) sound() (External, bool) {
	if in.Identity == nil {
		return in, false
	}
	id := *in.Identity
	if id.Subject == "" || cleanText(id.Subject, 255) != id.Subject {
		return in, false
	}
	var err error
	if id.Email, err = CanonicalEmail(id.Email); err != nil {
		id.Email = ""
	}
	id.EmailVerified = id.EmailVerified && id.Email != ""
	id.EmailAuthoritative = id.EmailAuthoritative && id.EmailVerified
	in.Identity = &id
	return in, true
}

// resolveExternal does what there is to do for whoever came. What somebody else
// changed meanwhile makes it begin anew, so two callbacks at once make one
// account.
func (s *Service) resolveExternal(ctx context.Context, in External) (u *store.User, err error) {
	for range maxTries {
		u, err = s.tryExternal(ctx, in)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrStale) {
			return u, err
		}
	}
	return nil, unavailable("link identity", err)
}

// tryExternal gathers the facts, decides, and carries the decision out.
// store.ErrConflict and store.ErrStale mean that the facts have changed.
func (s *Service) tryExternal(ctx context.Context, in External) (*store.User, error) {
	u, account, f, err := s.linkFacts(ctx, in)
	if err != nil {
		return nil, err
	}
	decision := decideLink(f)
	if code := decision.refused(); code != "" {
		return nil, &OAuthError{Code: code}
	}
	return s.carryOut(ctx, decision, in, u, account)
}

// linkFacts reads what the decision needs: u is the account that has the identity
// or asked for the link, account the one that has the address.
func (s *Service) linkFacts(ctx context.Context, in External) (u, account *store.User, f linkFacts, err error) {
	id := in.Identity
	f = linkFacts{
		email: id.Email != "", verified: id.EmailVerified, authoritative: id.EmailAuthoritative,
		intent: in.LinkTo != "", registration: s.cfg.Registration,
	}
	known, err := s.cfg.Identities.IdentityBySubject(ctx, in.Provider, id.Subject)
	switch {
	case err == nil:
		f.known, f.knownSelf = true, known.UserID == in.LinkTo
		if u, err = s.anyUser(ctx, known.UserID); err != nil {
			return nil, nil, f, err
		}
		f.knownActive = u.Active()
	case !errors.Is(err, store.ErrNotFound):
		return nil, nil, f, unavailable("read identity", err)
	}
	if f.intent {
		asked, row, err := s.userWithSession(ctx, in.SessionID)
		if err != nil {
			return nil, nil, f, err
		}
		if f.intentOK = s.asksStill(in, asked, row); f.intentOK {
			u = asked
		}
		if f.intentOK && !f.known {
			if f.intentLinked, err = s.hasAnother(ctx, asked.ID, in); err != nil {
				return nil, nil, f, err
			}
		}
		return u, nil, f, nil
	}
	if f.email && !f.known {
		if account, err = s.userByEmail(ctx, id.Email); err != nil {
			return nil, nil, f, err
		}
	}
	if account != nil {
		f.account, f.accountActive, f.accountVerified = true, account.Active(), account.EmailVerified
		if f.accountLinked, err = s.hasAnother(ctx, account.ID, in); err != nil {
			return nil, nil, f, err
		}
	}
	return u, account, f, nil
}

// asksStill reports whether the session in which a link was asked for is one of
// the user who asked, and lives.
func (s *Service) asksStill(in External, u *store.User, row *store.Session) bool {
	return u != nil && u.ID == in.LinkTo && u.Active() && row.Live(s.now()) && row.Epoch == u.Epoch
}

// hasAnother reports whether a user has another identity of the provider.
// store.ErrStale means that they have this one, which nobody had a moment ago.
func (s *Service) hasAnother(ctx context.Context, userID string, in External) (bool, error) {
	ids, err := s.cfg.Identities.ListIdentities(ctx, userID)
	if err != nil {
		return false, unavailable("list identities", err)
	}
	for _, id := range ids {
		if id.Provider != in.Provider {
			continue
		}
		if id.Subject == in.Identity.Subject {
			return false, store.ErrStale
		}
		return true, nil
	}
	return false, nil
}

// carryOut does what was decided. store.ErrConflict and store.ErrStale mean that
// the facts have changed.
func (s *Service) carryOut(ctx context.Context, d linkDecision, in External, u, account *store.User) (*store.User, error) {
	switch d {
	case linkSignIn, linkDone:
		return u, nil
	case linkAttach:
		return u, s.attach(ctx, in, u, false)
	case linkCreate:
		return s.createExternal(ctx, in)
	case linkAutomatic:
		return account, s.attach(ctx, in, account, true)
	case linkScrub:
		scrubbed, err := s.scrub(ctx, account)
		if err != nil {
			return nil, err
		}
		return scrubbed, s.attach(ctx, in, scrubbed, true)
	}
	panic("auth: undecided link")
}

func (s *Service) identityRow(in External, userID string) *store.Identity {
	return &store.Identity{
		UserID: userID, Provider: in.Provider, Subject: in.Identity.Subject, Username: cleanText(in.Identity.Username, 255),
		Email: in.Identity.Email, AvatarURL: in.Identity.AvatarURL, CreatedAt: s.now(),
	}
}

// attach links the identity to u and tells them.
func (s *Service) attach(ctx context.Context, in External, u *store.User, automatic bool) error {
	if hook := s.cfg.Hooks.BeforeLink; hook != nil {
		if err := hook(ctx, u, in.Identity); err != nil {
			return err
		}
	}
	err := s.cfg.Identities.AddIdentity(ctx, s.identityRow(in, u.ID))
	if errors.Is(err, store.ErrConflict) {
		return err
	}
	if err != nil {
		return unavailable("link identity", err)
	}
	if in.LinkTo != "" {
		if err := s.confirmLink(ctx, in); err != nil {
			return err
		}
	}
	s.Emit(ctx, Event{Kind: IdentityLinked, ActorID: u.ID, UserID: u.ID,
		Attrs: []slog.Attr{slog.String("provider", in.Provider), slog.Bool("automatic", automatic)}})
	s.end(ctx, IdentityLinked, u, "")
	s.notifyProvider(ctx, MailAccountLinked, u, in.Provider)
	return nil
}

// confirmLink takes a link back if the session that asked for it has ended
// meanwhile. Whoever ended it, by a new password or by proving the address, has
// dropped the identities they did not know: this one was not there yet.
func (s *Service) confirmLink(ctx context.Context, in External) error {
	u, row, err := s.userWithSession(ctx, in.SessionID)
	if err == nil && s.asksStill(in, u, row) {
		return nil
	}
	if err == nil {
		err = &OAuthError{Code: "expired"}
	}
	undo := s.cfg.Identities.RemoveIdentity(context.WithoutCancel(ctx), in.LinkTo, in.Provider, false)
	if undo != nil && !errors.Is(undo, store.ErrNotFound) {
		s.cfg.Logger.ErrorContext(ctx, "take link back", "user_id", in.LinkTo, "provider", in.Provider, "err", undo)
	}
	return err
}

func (s *Service) notifyProvider(ctx context.Context, kind MailKind, u *store.User, provider string) {
	d := deviceFrom(ctx)
	name := provider
	if p := s.provider(provider); p != nil {
		name = oauth.DisplayName(p)
	}
	s.notifyMail(ctx, Mail{Kind: kind, User: u, Provider: name, Link: s.links.SignIn, IP: d.ip(), UserAgent: d.UserAgent, At: s.now()})
}

// scrub makes an account whose address was never proved safe for the owner of
// the mailbox, who has proved it now: password, sessions, identities and pending
// tokens may all be somebody else's, and go. They go before the address counts as
// proved, so that a scrub which fails halfway is begun anew by the next sign-in.
func (s *Service) scrub(ctx context.Context, account *store.User) (*store.User, error) {
	if err := s.dropIdentities(ctx, account.ID); err != nil {
		return nil, err
	}
	if err := s.cfg.Store.DropOneTime(ctx, account.ID); err != nil {
		return nil, unavailable("drop one-time tokens", err)
	}
	u := *account
	u.PasswordHash = ""
	s.markVerified(&u)
	u.UpdatedAt = s.now()
	raise(EmailVerified, &u)
	if err := s.cfg.Store.UpdateUser(ctx, &u); err != nil {
		if errors.Is(err, store.ErrStale) {
			return nil, err
		}
		return nil, unavailable("scrub account", err)
	}
	// Once more, for what the sessions have added that ended just now.
	if err := s.dropIdentities(ctx, u.ID); err != nil {
		return nil, err
	}
	s.Emit(ctx, Event{Kind: EmailVerified, ActorID: u.ID, UserID: u.ID, Attrs: []slog.Attr{slog.Bool("scrubbed", true)}})
	s.end(ctx, EmailVerified, &u, "")
	return &u, nil
}

// createExternal makes an account for somebody who has none.
func (s *Service) createExternal(ctx context.Context, in External) (*store.User, error) {
	now := s.now()
	name, refused := cleanName("full_name", in.Identity.Name)
	if len(refused) > 0 {
		name = ""
	}
	u := &store.User{Email: in.Identity.Email, Name: name, Role: s.defaultRole(), CreatedAt: now, UpdatedAt: now}
	if in.Identity.EmailVerified {
		s.markVerified(u)
	}
	if hook := s.cfg.Hooks.BeforeRegister; hook != nil {
		if err := hook(ctx, u); err != nil {
			return nil, err
		}
	}
	err := s.cfg.Identities.CreateUserWithIdentity(ctx, u, s.identityRow(in, ""))
	if errors.Is(err, store.ErrConflict) {
		return nil, err
	}
	if err != nil {
		return nil, unavailable("create user", err)
	}
	s.Emit(ctx, Event{Kind: UserRegistered, ActorID: u.ID, UserID: u.ID, Attrs: []slog.Attr{slog.String("provider", in.Provider)}})
	if !u.EmailVerified {
		s.sendVerification(ctx, u)
	}
	return u, nil
}

// Connections returns the accounts elsewhere that are linked to a user.
func (s *Service) Connections(ctx context.Context, userID string) ([]*store.Identity, error) {
	if s.cfg.Identities == nil {
		return nil, nil
	}
	ids, err := s.cfg.Identities.ListIdentities(ctx, userID)
	if err != nil {
		return nil, unavailable("list identities", err)
	}
	return ids, nil
}

// Disconnect unlinks a user's account at provider.
//
// Errors: ErrNotFound, ErrLastSignInMethod if it is the only way left to sign
// in, ErrUnavailable.
func (s *Service) Disconnect(ctx context.Context, userID, provider string) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	switch err := s.cfg.Identities.RemoveIdentity(ctx, userID, provider, u.PasswordHash == ""); {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrLastCredential):
		return ErrLastSignInMethod
	case err != nil:
		return unavailable("unlink identity", err)
	}
	s.Emit(ctx, Event{Kind: IdentityUnlinked, ActorID: actorOf(ctx), UserID: userID, Attrs: []slog.Attr{slog.String("provider", provider)}})
	s.end(ctx, IdentityUnlinked, u, "")
	s.notifyProvider(ctx, MailAccountUnlinked, u, provider)
	return nil
}

// provider returns the configured provider of that name, or nil.
func (s *Service) provider(name string) oauth.Provider {
	for _, p := range s.cfg.Providers {
		if p.Name() == name {
			return p
		}
	}
	return nil
}
