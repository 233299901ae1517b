package org

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// Every failure of this package that a client can see, besides those of package
// auth.
var (
	// ErrNotFound is the one answer to an organization that does not exist and to
	// one the user is no member of.
	ErrNotFound = middleware.ErrOrgNotFound
	// ErrRank says that the user's role in the organization does not allow it.
	ErrRank = &problem.Error{Status: http.StatusForbidden, Code: "rank",
		Detail: "Your role in this organization does not allow this."}
	ErrSlugTaken = &problem.Error{Status: http.StatusConflict, Code: "slug_taken",
		Detail: "This short name is taken."}
	ErrMember = &problem.Error{Status: http.StatusConflict, Code: "already_member",
		Detail: "This user is a member already."}
	ErrInvited = &problem.Error{Status: http.StatusConflict, Code: "already_invited",
		Detail: "There is an open invitation to this address. Send it again or withdraw it."}
	ErrEmailMismatch = &problem.Error{Status: http.StatusForbidden, Code: "email_mismatch",
		Detail: "This invitation was sent to another address, or yours is not verified yet."}
	ErrLastOwner    = auth.ErrLastOwner
	ErrInvalidToken = auth.ErrInvalidToken
	ErrUnavailable  = auth.ErrUnavailable
)

func invalid(field, code, detail string) error {
	return auth.ErrValidation.WithFields(problem.Field{Name: field, Code: code, Detail: detail})
}

// fromStore turns what a store says into what a client is told. Failures that a
// policy returned pass as they are.
func fromStore(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*problem.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrLastOwner):
		return ErrLastOwner
	}
	return ErrUnavailable.WithRetryAfter(retryAfter).With(fmt.Errorf("%s: %w", doing, err))
}
