package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// DefaultInviteTTL is the life of an invitation.
const DefaultInviteTTL = 14 * 24 * time.Hour

const retryAfter = 2 * time.Second

// The kinds of events of this package.
const (
	Created              auth.EventKind = "auth.org_created"
	Updated              auth.EventKind = "auth.org_updated"
	Deleted              auth.EventKind = "auth.org_deleted"
	HardDeleted          auth.EventKind = "auth.org_hard_deleted"
	Restored             auth.EventKind = "auth.org_restored"
	OwnershipTransferred auth.EventKind = "auth.org_ownership_transferred"
	MemberAdded          auth.EventKind = "auth.member_added"
	MembersBulkAdded     auth.EventKind = "auth.members_bulk_added"
	MemberRemoved        auth.EventKind = "auth.member_removed"
	MemberRoleUpdated    auth.EventKind = "auth.member_role_updated"
	InviteCreated        auth.EventKind = "auth.invite_created"
	InviteAccepted       auth.EventKind = "auth.invite_accepted"
	InviteDeclined       auth.EventKind = "auth.invite_declined"
	InviteRevoked        auth.EventKind = "auth.invite_revoked"
)

// Config says how organizations are kept. The zero value of each field is its
// default.
type Config struct {
	// Path is where the routes of organizations are. Default: "orgs" beside the
	// routes of package auth, so "/api/v1/orgs" beside "/api/v1/auth".
	Path string
	// InviteTTL is the life of an invitation. Default 14 days.
	InviteTTL time.Duration
	// AcceptByTokenOnly lets anyone who holds the link of an invitation accept it,
	// whatever their address. Default: the address it was sent to must be theirs,
	// and verified.
	AcceptByTokenOnly bool

	// These are found on auth's Store when nil.
	Store   store.OrgStore
	Invites store.InviteStore
}

// Service is organizations, their members and their invitations. Make it with
// [New]. Its methods are safe for concurrent use. Those that take an actor check
// what that user may do; nobody else does.
type Service struct {
	auth    *auth.Service
	cfg     Config
	store   store.OrgStore
	invites store.InviteStore
	users   store.UserLister
	logger  *slog.Logger
}

// New adds organizations to a. Call it once, before serving. Registrations of a
// then accept invitations, and users who delete their account leave their
// organizations.
func New(a *auth.Service, c Config) (*Service, error) {
	ac := a.Config()
	c.Path = cmp.Or(strings.TrimSuffix(c.Path, "/"), path.Join(path.Dir(a.Path()), "orgs"))
	c.InviteTTL = cmp.Or(c.InviteTTL, DefaultInviteTTL)
	s := &Service{auth: a, cfg: c, store: c.Store, invites: c.Invites, users: ac.Users, logger: ac.Logger}
	if s.store == nil {
		s.store, _ = ac.Store.(store.OrgStore)
	}
	if s.invites == nil {
		s.invites, _ = ac.Store.(store.InviteStore)
	}
	var faults []error
	if s.store == nil {
		faults = append(faults, errors.New("auth's Store does not implement store.OrgStore: set Config.Store"))
	}
	if s.invites == nil {
		faults = append(faults, errors.New("auth's Store does not implement store.InviteStore: set Config.Invites"))
	}
	if s.users == nil {
		faults = append(faults, errors.New("auth's Store does not implement store.UserLister: set its Config.Users"))
	}
	if c.Path == a.Path() || !strings.HasPrefix(c.Path, "/") || path.Clean(c.Path) != c.Path || strings.ContainsAny(c.Path, "{} ") {
		faults = append(faults, fmt.Errorf("Config.Path %q is no path of its own", c.Path))
	}
	if c.InviteTTL < time.Minute {
		faults = append(faults, fmt.Errorf("Config.InviteTTL is %v, and must be a minute or more", c.InviteTTL))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("org: %w", errors.Join(faults...))
	}
	a.SetInvites(s)
	a.BeforeDelete(s.leaveAll)
	a.Extend(s.Routes)
	return s, nil
}

// Path returns the path of the routes of organizations.
func (s *Service) Path() string { return s.cfg.Path }

// Auth returns the service that s was added to.
func (s *Service) Auth() *auth.Service { return s.auth }

// Guard returns auth's guard, which then also knows roles in organizations.
func (s *Service) Guard() *middleware.Guard {
	g := s.auth.Guard()
	g.OrgRoles = s
	return g
}

// OrgRole returns the role of a user in an organization, or an error that is
// store.ErrNotFound if there is none. It implements [middleware.OrgRoles].
func (s *Service) OrgRole(ctx context.Context, orgID, userID string) (store.OrgRole, error) {
	m, err := s.store.Membership(ctx, orgID, userID)
	if err != nil {
		return "", err
	}
	if !m.Org.DeletedAt.IsZero() {
		return "", store.ErrNotFound
	}
	return m.Member.Role, nil
}

// membership returns an organization, not deleted, and the user's place in it.
//
// Errors: ErrNotFound, ErrUnavailable.
func (s *Service) membership(ctx context.Context, orgID, userID string) (*store.Membership, error) {
	m, err := s.store.Membership(ctx, orgID, userID)
	if err == nil && !m.Org.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	return m, fromStore("read membership", err)
}

// Mux returns a mux with the routes of auth and of s, each at its full path.
func (s *Service) Mux() *http.ServeMux {
	return auth.NewMux(s.auth, append(s.auth.Routes(), s.Routes()...), s.auth.Path(), s.cfg.Path)
}

// event returns an event of an organization, done by whoever sent the request.
func event(ctx context.Context, kind auth.EventKind, orgID, userID string, attrs ...slog.Attr) auth.Event {
	e := auth.Event{Kind: kind, OrgID: orgID, UserID: userID, Attrs: attrs}
	if p, ok := middleware.PrincipalFrom(ctx); ok {
		e.ActorID = p.UserID
	}
	return e
}
