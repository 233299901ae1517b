package org

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aegis-auth/aegis/store"
)

const maxTries = 10

// Create makes an organization and its first owner.
//
// Errors: auth.ErrValidation, ErrSlugTaken, ErrUnavailable.
func (s *Service) Create(ctx context.Context, userID, name, slug, description string) (*store.Org, error) {
	now := s.auth.Now()
	o := &store.Org{ID: store.NewID(now), Name: name, Slug: slug, Description: description, CreatedAt: now, UpdatedAt: now}
	if err := check(o); err != nil {
		return nil, err
	}
	err := s.auth.Privileged(ctx, event(ctx, Created, o.ID, userID, slog.String("slug", slug)), func(ctx context.Context) error {
		err := s.store.CreateOrg(ctx, o, &store.Member{OrgID: o.ID, UserID: userID, Role: store.OrgOwner, JoinedAt: now})
		if errors.Is(err, store.ErrConflict) {
			return ErrSlugTaken
		}
		return fromStore("create organization", err)
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// check cleans and validates what people write about an organization.
func check(o *store.Org) (err error) {
	if o.Name, err = cleanText("name", o.Name, maxName, false); err != nil {
		return err
	}
	if o.Name == "" {
		return invalid("name", "required", "A name is required.")
	}
	if o.Description, err = cleanText("description", o.Description, maxDescription, true); err != nil {
		return err
	}
	if !ValidSlug(o.Slug) {
		return invalid("slug", "invalid", "A short name has 1 to 63 of a-z, 0-9 and -, and begins and ends with a letter or digit.")
	}
	return nil
}

// Update changes name, slug or description of an organization on behalf of an
// admin of it. change may be applied again if somebody else changed it meanwhile.
//
// Errors: ErrNotFound, ErrRank, auth.ErrValidation, ErrSlugTaken, ErrUnavailable.
func (s *Service) Update(ctx context.Context, actorID, orgID string, change func(*store.Org)) (*store.Org, error) {
	m, err := s.membership(ctx, orgID, actorID)
	if err != nil {
		return nil, err
	}
	if !m.Member.Role.AtLeast(store.OrgAdmin) {
		return nil, ErrRank
	}
	var o *store.Org
	err = s.auth.Privileged(ctx, event(ctx, Updated, orgID, ""), func(ctx context.Context) (err error) {
		o, err = s.modify(ctx, orgID, func(o *store.Org) error {
			if !o.DeletedAt.IsZero() {
				return ErrNotFound
			}
			change(o)
			return check(o)
		})
		return err
	})
	return o, err
}

// modify is the one loop that changes an organization.
func (s *Service) modify(ctx context.Context, orgID string, change func(*store.Org) error) (*store.Org, error) {
	for range maxTries {
		o, err := s.store.OrgByID(ctx, orgID)
		if err != nil {
			return nil, fromStore("read organization", err)
		}
		if err := change(o); err != nil {
			return nil, err
		}
		o.UpdatedAt = s.auth.Now()
		switch err := s.store.UpdateOrg(ctx, o); {
		case err == nil:
			return o, nil
		case errors.Is(err, store.ErrConflict):
			return nil, ErrSlugTaken
		case !errors.Is(err, store.ErrStale):
			return nil, fromStore("update organization", err)
		}
	}
	return nil, ErrUnavailable.WithRetryAfter(retryAfter)
}

// Delete deletes an organization on behalf of an owner of it or, with asAdmin, of
// a global administrator: softly, so that Restore brings it back, or hard, with
// its members and invitations.
//
// Errors: ErrNotFound, ErrRank, ErrUnavailable.
func (s *Service) Delete(ctx context.Context, actorID, orgID string, asAdmin, hard bool) error {
	if !asAdmin {
		m, err := s.membership(ctx, orgID, actorID)
		if err != nil {
			return err
		}
		if m.Member.Role != store.OrgOwner {
			return ErrRank
		}
	}
	if hard {
		if _, err := s.store.OrgByID(ctx, orgID); err != nil {
			return fromStore("read organization", err)
		}
		return s.auth.Privileged(ctx, event(ctx, HardDeleted, orgID, ""), func(ctx context.Context) error {
			return fromStore("delete organization", s.store.DeleteOrg(ctx, orgID))
		})
	}
	return s.auth.Privileged(ctx, event(ctx, Deleted, orgID, ""), func(ctx context.Context) error {
		_, err := s.modify(ctx, orgID, func(o *store.Org) error {
			if !o.DeletedAt.IsZero() {
				return ErrNotFound
			}
			o.DeletedAt = s.auth.Now()
			return nil
		})
		return err
	})
}

// Restore brings a softly deleted organization back, with the members it had. It
// is for global administrators.
//
// Errors: ErrNotFound, ErrSlugTaken, ErrUnavailable.
func (s *Service) Restore(ctx context.Context, orgID string) (o *store.Org, err error) {
	err = s.auth.Privileged(ctx, event(ctx, Restored, orgID, ""), func(ctx context.Context) (err error) {
		o, err = s.modify(ctx, orgID, func(o *store.Org) error {
			if o.DeletedAt.IsZero() {
				return ErrNotFound
			}
			o.DeletedAt = time.Time{}
			return nil
		})
		return err
	})
	return o, err
}

// Memberships returns a page of the organizations of a user, newest first.
func (s *Service) Memberships(ctx context.Context, userID string, after store.Cursor, limit int) ([]*store.Membership, error) {
	ms, err := s.store.ListMemberships(ctx, userID, after, limit)
	return ms, fromStore("list memberships", err)
}

// All returns a page of all organizations, newest first. It is for global
// administrators.
func (s *Service) All(ctx context.Context, q store.OrgQuery) ([]*store.Org, error) {
	os, err := s.store.ListOrgs(ctx, q)
	return os, fromStore("list organizations", err)
}

// Membership returns an organization and a user's place in it.
//
// Errors: ErrNotFound if the user has none, ErrUnavailable.
func (s *Service) Membership(ctx context.Context, orgID, userID string) (*store.Membership, error) {
	return s.membership(ctx, orgID, userID)
}
