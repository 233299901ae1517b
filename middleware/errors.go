package middleware

import (
	"errors"
	"net/http"

	"github.com/aegis-auth/aegis/auth/problem"
)

// The failures of this package. Compare with [errors.Is]; the codes are stable.
var (
	// ErrNoCredentials says that a request carries no credential at all.
	ErrNoCredentials = &problem.Error{Status: http.StatusUnauthorized, Code: "unauthenticated",
		Detail: "Sign in to continue.", Challenge: problem.BearerChallenge("", "")}

	// ErrInvalidToken is the one answer to a credential that does not hold:
	// malformed, forged, expired, or revoked (RFC 6750 §3.1).
	ErrInvalidToken = &problem.Error{Status: http.StatusUnauthorized, Code: "invalid_token",
		Detail: "The session or token is not valid any more. Sign in again.", Challenge: problem.BearerChallenge("invalid_token", "")}

	// ErrAmbiguousCookie says that one cookie came with two different values, so
	// that at least one was planted by somebody else.
	ErrAmbiguousCookie = &problem.Error{Status: http.StatusUnauthorized, Code: "ambiguous_cookie",
		Detail: "The browser sent two different session cookies. Delete this site's cookies and sign in again.", Challenge: problem.BearerChallenge("invalid_token", "")}

	// ErrCrossOrigin says that a request with a cookie would change something
	// and was started by another site.
	ErrCrossOrigin = &problem.Error{Status: http.StatusForbidden, Code: "cross_origin",
		Detail: "This request came from another site and was refused."}

	// ErrNotVerified asks for a verified e-mail address.
	ErrNotVerified = &problem.Error{Status: http.StatusForbidden, Code: "email_not_verified",
		Detail: "Verify your email address first."}

	// ErrInsufficientRole says that the user has none of the roles, or not the
	// rank in the organization, that the route wants.
	ErrInsufficientRole = &problem.Error{Status: http.StatusForbidden, Code: "insufficient_role",
		Detail: "Your role does not allow this.", Challenge: problem.BearerChallenge("insufficient_scope", "")}

	// ErrInsufficientPermission says that the user lacks a permission.
	ErrInsufficientPermission = &problem.Error{Status: http.StatusForbidden, Code: "insufficient_permission",
		Detail: "You do not have permission to do this.", Challenge: problem.BearerChallenge("insufficient_scope", "")}

	// ErrReauthenticate asks for credentials that were presented a short while
	// ago. The challenge is that of RFC 9470.
	ErrReauthenticate = &problem.Error{Status: http.StatusForbidden, Code: "reauthentication_required",
		Detail: "Confirm that it is you: sign in once more, then repeat this.", Challenge: problem.BearerChallenge("insufficient_user_authentication", "")}

	// ErrOrgNotFound is the one answer to an organization that does not exist
	// and to one the user is no member of.
	ErrOrgNotFound = &problem.Error{Status: http.StatusNotFound, Code: "not_found",
		Detail: "There is nothing here."}
)

// Copies of [ErrInvalidToken] with the reason for the log, made once so that
// malformed input costs no memory.
var (
	errBearerTwice   = ErrInvalidToken.With(errors.New("more than one Authorization header"))
	errBearerForm    = ErrInvalidToken.With(errors.New(`the Authorization header is not "Bearer", one space, and a token`))
	errBearerLong    = ErrInvalidToken.With(errors.New("the bearer token is too long"))
	errCookieLong    = ErrInvalidToken.With(errors.New("the cookie is too long"))
	errCookieCharset = ErrInvalidToken.With(errors.New("the cookie contains characters no credential has"))
)
