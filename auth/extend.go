package auth

import (
	"context"
	"net/http"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// EndPresented ends the session of a refresh token that came along with a
// sign-in, so that a new sign-in leaves no older session of the same browser
// behind. Handlers that begin sessions themselves call it after StartSession.
// Trouble is logged and no more.
func (s *Service) EndPresented(r *http.Request, g *Grant) { s.endPresented(r, g) }

// AnyUser returns a user, deleted or not, for administrators to look at.
//
// Errors: ErrNotFound, ErrUnavailable.
func (s *Service) AnyUser(ctx context.Context, id string) (*store.User, error) {
	return s.anyUser(ctx, id)
}

// ProviderLink is one provider that people can sign in with.
type ProviderLink struct {
	Name, Label string
	Start       string // local path that begins a sign-in: "/auth/oauth/github/start"
}

// ProviderLinks returns the providers that are configured, in the order of
// Config.Providers.
func (s *Service) ProviderLinks() []ProviderLink {
	var links []ProviderLink
	for _, p := range s.cfg.Providers {
		if oauth.Configured(p) {
			links = append(links, ProviderLink{p.Name(), oauth.DisplayName(p), s.path + "/oauth/" + p.Name() + "/start"})
		}
	}
	return links
}

// SetName changes the full name of a user, who is not deleted.
//
// Errors: ErrValidation for the field full_name, ErrNotFound, ErrUnavailable.
func (s *Service) SetName(ctx context.Context, id, name string) (*store.User, error) {
	name, refused := cleanName("full_name", name)
	if len(refused) > 0 {
		return nil, ErrValidation.WithFields(refused...)
	}
	return s.UpdateUser(ctx, id, func(u *store.User) error {
		u.Name = name
		return nil
	})
}

// MemberUser is a member of an organization together with the account.
type MemberUser struct {
	*store.Member
	User *store.User // nil if the account is gone
}

// OpenInvite is an invitation together with the organization it is to.
type OpenInvite struct {
	*store.Invite
	Org *store.Org
}
