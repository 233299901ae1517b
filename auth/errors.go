package auth

import (
	"fmt"
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
)

// Every failure a client can see is declared here, once. Compare with
// [errors.Is]; the codes are stable.
var (
	// ErrInvalidCredentials is the one answer to every failed sign-in, whatever
	// the reason, with the same bytes and after the same work.
	ErrInvalidCredentials = &problem.Error{Status: http.StatusUnauthorized, Code: "invalid_credentials",
		Detail: "Incorrect email or password, or too many attempts.", OAuth: "invalid_grant"}
	ErrWrongPassword = &problem.Error{Status: http.StatusUnauthorized, Code: "invalid_credentials",
		Detail: "The current password is not correct."}
	ErrEmailTaken = &problem.Error{Status: http.StatusConflict, Code: "email_taken",
		Detail: "An account with this email already exists."}
	ErrRegistrationClosed = &problem.Error{Status: http.StatusForbidden, Code: "registration_closed",
		Detail: "Registration is closed."}

	// ErrRefreshMissing leaves the cookies alone: nothing is known to be dead.
	ErrRefreshMissing = &problem.Error{Status: http.StatusUnauthorized, Code: "refresh_missing",
		Detail: "There is no refresh token in this request.", OAuth: "invalid_grant"}
	// ErrSessionExpired says that the session is over for good.
	ErrSessionExpired = &problem.Error{Status: http.StatusUnauthorized, Code: "session_expired",
		Detail: "The session has ended. Sign in again.", OAuth: "invalid_grant"}
	// ErrSessionReused says that a spent refresh token was presented, which ends
	// its session (RFC 9700 §4.14.2).
	ErrSessionReused = &problem.Error{Status: http.StatusUnauthorized, Code: "session_reused",
		Detail: "The session was ended to protect the account. Sign in again.", OAuth: "invalid_grant"}
	// ErrRefreshConflict changes nothing: the caller holds a newer token by now.
	ErrRefreshConflict = &problem.Error{Status: http.StatusConflict, Code: "refresh_conflict",
		Detail: "The session was refreshed meanwhile. Try again with the newest token.", OAuth: "invalid_request"}

	// ErrReauthenticate asks for a sign-in that is not older than ten minutes.
	ErrReauthenticate = middleware.ErrReauthenticate
	// ErrInvalidToken is the one answer to a one-time token that is unknown,
	// spent, expired, or void.
	ErrInvalidToken = &problem.Error{Status: http.StatusBadRequest, Code: "invalid_token",
		Detail: "This link is invalid or has expired."}

	ErrNotFound = &problem.Error{Status: http.StatusNotFound, Code: "not_found",
		Detail: "There is nothing here."}
	ErrMethodNotAllowed = &problem.Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Detail: "This address does not answer to that method."}
	ErrMediaType = &problem.Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
		Detail: "The body has a media type that is not accepted here."}
	ErrMalformed = &problem.Error{Status: http.StatusBadRequest, Code: "malformed",
		Detail: "The request could not be read.", OAuth: "invalid_request"}
	ErrValidation = &problem.Error{Status: http.StatusUnprocessableEntity, Code: "validation_failed",
		Detail: "Some of the input is not acceptable.", OAuth: "invalid_request"}
	// ErrBreachedPassword refuses a password that is known from a data breach; see
	// [BreachedPasswords].
	ErrBreachedPassword = &problem.Error{Status: http.StatusUnprocessableEntity, Code: "breached",
		Detail: "This password is known from a data breach elsewhere. Choose another one."}
	ErrNothingToChange = &problem.Error{Status: http.StatusBadRequest, Code: "nothing_to_change",
		Detail: "The request names nothing to change."}
	ErrInvalidRequest = &problem.Error{Status: http.StatusBadRequest, Code: "invalid_request",
		Detail: "The request is incomplete or contradicts itself.", OAuth: "invalid_request"}
	ErrUnsupportedGrant = &problem.Error{Status: http.StatusBadRequest, Code: "unsupported_grant_type",
		Detail: "Only the grant types password and refresh_token are supported.", OAuth: "unsupported_grant_type"}
	ErrInvalidGrant = &problem.Error{Status: http.StatusBadRequest, Code: "invalid_grant",
		Detail: "The refresh token is invalid, expired or revoked.", OAuth: "invalid_grant"}

	// ErrRateLimited carries the time really left in RetryAfter.
	ErrRateLimited = &problem.Error{Status: http.StatusTooManyRequests, Code: "rate_limited",
		Detail: "Too many requests. Try again later.", OAuth: "temporarily_unavailable"}
	// ErrBusy says that a password was not looked at, because too many others wait
	// to have theirs hashed. It is the same for every account.
	ErrBusy = &problem.Error{Status: http.StatusServiceUnavailable, Code: "busy",
		Detail: "Too many sign-ins at once. Try again in a moment.", RetryAfter: time.Second}
	// ErrUnavailable says that nothing was decided: something this service needs
	// did not answer. Nothing was changed by it, and nobody was signed out.
	ErrUnavailable = problem.ErrUnavailable

	ErrLastAdmin = &problem.Error{Status: http.StatusConflict, Code: "last_admin",
		Detail: "There must be at least one active administrator."}
	ErrLastOwner = &problem.Error{Status: http.StatusConflict, Code: "last_owner",
		Detail: "An organization must have at least one owner."}
	ErrLastSignInMethod = &problem.Error{Status: http.StatusConflict, Code: "last_sign_in_method",
		Detail: "This is the only way left to sign in. Set a password first."}
	ErrOwnRole = &problem.Error{Status: http.StatusForbidden, Code: "own_role",
		Detail: "Nobody changes their own role."}
	ErrForbidden = &problem.Error{Status: http.StatusForbidden, Code: "forbidden",
		Detail: "This is not yours to see or change."}
)

// invalid returns ErrValidation with one refused field.
func invalid(field, code, detail string) *problem.Error {
	return ErrValidation.WithFields(problem.Field{Name: field, Code: code, Detail: detail})
}

// unavailable marks a failure of something this service depends on. The client
// is told to try again, and nothing is concluded from it.
func unavailable(doing string, err error) error {
	return ErrUnavailable.WithRetryAfter(retryAfterTrouble).With(fmt.Errorf("%s: %w", doing, err))
}
