package oauthtest

// Behavior is one way for a provider, or someone in its place, to misbehave.
type Behavior string

// Protocol is what a server can speak. Some behaviors make sense for one only.
type Protocol int

const (
	OIDC   Protocol = 1 << iota // OpenID Connect
	GitHub                      // OAuth 2.0 and GitHub's REST interface
)

// Outcome is what must come of a behavior. None of them may ever lead to a
// panic, to a second use of the code, or to a sign-in as somebody else.
type Outcome int

const (
	// Refused: the provider's AuthCodeURL or Identify returns an error.
	Refused Outcome = iota
	// NoTrust: an identity may come of it, with an address that is neither
	// verified nor authoritative.
	NoTrust
	// Stopped: whoever owns the flow refuses the callback, and the provider
	// is not asked.
	Stopped
)

// What ID tokens say. The signature is good.
const (
	// WrongIssuer: the token is from another issuer.
	WrongIssuer Behavior = "id_token/wrong_issuer"
	// IssuerWithSlash: the issuer is ours with a slash added.
	IssuerWithSlash Behavior = "id_token/issuer_with_slash"
	// MissingIssuer: the token has no iss.
	MissingIssuer Behavior = "id_token/missing_issuer"
	// WrongAudience: the token is for another client.
	WrongAudience Behavior = "id_token/wrong_audience"
	// MissingAudience: the token has no aud.
	MissingAudience Behavior = "id_token/missing_audience"
	// EmptyAudience: aud is an empty list.
	EmptyAudience Behavior = "id_token/empty_audience"
	// ObjectAudience: aud is an object with the client ID as a member.
	ObjectAudience Behavior = "id_token/object_audience"
	// ManyAudiences: aud lists us among others, and nothing says who asked.
	ManyAudiences Behavior = "id_token/many_audiences_without_azp"
	// ManyAudiencesOtherParty: aud lists us, azp says another client asked.
	ManyAudiencesOtherParty Behavior = "id_token/many_audiences_other_azp"
	// OtherParty: aud is us alone, azp says another client asked.
	OtherParty Behavior = "id_token/other_azp"
	// NullParty: azp is null.
	NullParty Behavior = "id_token/null_azp"
	// WrongNonce: the nonce is of another flow.
	WrongNonce Behavior = "id_token/wrong_nonce"
	// MissingNonce: the token has no nonce.
	MissingNonce Behavior = "id_token/missing_nonce"
	// EmptyNonce: the nonce is the empty string.
	EmptyNonce Behavior = "id_token/empty_nonce"
	// Expired: exp was an hour ago.
	Expired Behavior = "id_token/expired"
	// MissingExpiry: the token has no exp.
	MissingExpiry Behavior = "id_token/missing_exp"
	// StringExpiry: exp is a number in a string.
	StringExpiry Behavior = "id_token/string_exp"
	// HugeExpiry: exp is 1e400.
	HugeExpiry Behavior = "id_token/huge_exp"
	// IssuedInFuture: iat is an hour ahead.
	IssuedInFuture Behavior = "id_token/issued_in_future"
	// MissingIssuedAt: the token has no iat.
	MissingIssuedAt Behavior = "id_token/missing_iat"
	// NotYetValid: nbf is an hour ahead.
	NotYetValid Behavior = "id_token/not_yet_valid"
	// MissingSubject: the token has no sub.
	MissingSubject Behavior = "id_token/missing_sub"
	// EmptySubject: sub is the empty string.
	EmptySubject Behavior = "id_token/empty_sub"
	// BlankSubject: sub is a space.
	BlankSubject Behavior = "id_token/blank_sub"
	// NullSubject: sub is null.
	NullSubject Behavior = "id_token/null_sub"
	// NumericSubject: sub is a number.
	NumericSubject Behavior = "id_token/numeric_sub"
	// ObjectSubject: sub is an object.
	ObjectSubject Behavior = "id_token/object_sub"
	// LongSubject: sub has 256 characters.
	LongSubject Behavior = "id_token/long_sub"
	// ControlSubject: sub has a NUL in it.
	ControlSubject Behavior = "id_token/control_sub"
	// DuplicateClaims: sub is there twice, the second time somebody else's.
	DuplicateClaims Behavior = "id_token/duplicate_claims"
	// ArrayClaims: the payload is a list.
	ArrayClaims Behavior = "id_token/array_claims"
	// WrongAccessTokenHash: at_hash is of another access token.
	WrongAccessTokenHash Behavior = "id_token/wrong_at_hash"
)

// How ID tokens are signed.
const (
	// UnknownKey: kid names a key that the issuer does not publish.
	UnknownKey Behavior = "id_token/unknown_key"
	// ForeignKey: kid names the issuer's key, somebody else's key signed.
	ForeignKey Behavior = "id_token/foreign_key"
	// AlgNone: alg is none and there is no signature.
	AlgNone Behavior = "id_token/alg_none"
	// AlgNoneSigned: alg is nOnE and the signature is good.
	AlgNoneSigned Behavior = "id_token/alg_none_signed"
	// AlgHS256: signed with HS256 and the public key as the secret.
	AlgHS256 Behavior = "id_token/alg_hs256_public_key"
	// AlgHS256ClientSecret: signed with HS256 and the client secret, which
	// the protocol knows and we do not accept.
	AlgHS256ClientSecret Behavior = "id_token/alg_hs256_client_secret"
	// AlgMismatch: alg is not the one of the key.
	AlgMismatch Behavior = "id_token/alg_mismatch"
	// UnknownCrit: the header has an extension marked critical.
	UnknownCrit Behavior = "id_token/unknown_crit"
	// EmbeddedKey: the header brings the key, jwk, that signed it.
	EmbeddedKey Behavior = "id_token/embedded_key"
	// DuplicateHeader: alg is there twice, first none.
	DuplicateHeader Behavior = "id_token/duplicate_header"
	// AccessTokenType: typ is at+jwt.
	AccessTokenType Behavior = "id_token/access_token_type"
	// TamperedPayload: the payload was changed after signing.
	TamperedPayload Behavior = "id_token/tampered_payload"
	// TruncatedSignature: the signature lacks its end.
	TruncatedSignature Behavior = "id_token/truncated_signature"
	// FourParts: the token has four parts.
	FourParts Behavior = "id_token/four_parts"
)

// What the token endpoint does.
const (
	// MissingIDToken: there is an access token only.
	MissingIDToken Behavior = "token/missing_id_token"
	// ObjectIDToken: id_token is an object.
	ObjectIDToken Behavior = "token/object_id_token"
	// MissingAccessToken: there is no access token.
	MissingAccessToken Behavior = "token/missing_access_token"
	// WrongTokenType: token_type is mac.
	WrongTokenType Behavior = "token/wrong_token_type"
	// MissingTokenType: there is no token_type.
	MissingTokenType Behavior = "token/missing_token_type"
	// TokenErrorWith200: an error document with status 200. It quotes code
	// and secret, as all errors of this server do.
	TokenErrorWith200 Behavior = "token/error_with_200"
	// TokenErrorAndToken: an error beside an access token, with status 200.
	TokenErrorAndToken Behavior = "token/error_and_token"
	// TokenServerError: status 500.
	TokenServerError Behavior = "token/server_error"
	// TokenHTML: an HTML page with status 200.
	TokenHTML Behavior = "token/html"
	// TokenJSONAsHTML: a good answer labelled text/html.
	TokenJSONAsHTML Behavior = "token/json_as_html"
	// TokenForm: a good answer in form encoding.
	TokenForm Behavior = "token/form"
	// TokenRedirect: status 302 to another place.
	TokenRedirect Behavior = "token/redirect_302"
	// TokenRedirect307: status 307, which asks to repeat the POST elsewhere.
	TokenRedirect307 Behavior = "token/redirect_307"
	// TokenSlow: one byte now and then.
	TokenSlow Behavior = "token/slow"
	// TokenHuge: a good answer in two megabytes, of undeclared length.
	TokenHuge Behavior = "token/huge"
	// TokenHugeDeclared: the same with a Content-Length.
	TokenHugeDeclared Behavior = "token/huge_declared"
	// TokenCompressed: a small answer that unpacks to sixteen megabytes.
	TokenCompressed Behavior = "token/compressed"
	// TokenTruncated: JSON that stops in the middle.
	TokenTruncated Behavior = "token/truncated"
	// TokenCut: the connection is closed in the middle of the body.
	TokenCut Behavior = "token/cut"
	// TokenDropped: the connection is closed without an answer.
	TokenDropped Behavior = "token/dropped"
	// TokenNotHTTP: the answer is not HTTP, and quotes the request.
	TokenNotHTTP Behavior = "token/not_http"
	// TokenDuplicateMembers: access_token is there twice.
	TokenDuplicateMembers Behavior = "token/duplicate_members"
	// TokenTrailingData: a second document follows the first.
	TokenTrailingData Behavior = "token/trailing_data"
	// TokenControlCharacters: the access token would break a header.
	TokenControlCharacters Behavior = "token/control_characters"
	// ReplayedCode: the code was used before.
	ReplayedCode Behavior = "token/replayed_code"
	// SwappedCode: the code is of somebody else's flow; PKCE tells.
	SwappedCode Behavior = "token/swapped_code"
	// SwappedCodeWithoutPKCE: the same at an issuer that ignores PKCE; the
	// nonce tells.
	SwappedCodeWithoutPKCE Behavior = "token/swapped_code_without_pkce"
)

// What discovery and key documents are like.
const (
	// DiscoveryOtherIssuer: the document is of another issuer.
	DiscoveryOtherIssuer Behavior = "discovery/other_issuer"
	// DiscoveryMissingIssuer: the document names no issuer.
	DiscoveryMissingIssuer Behavior = "discovery/missing_issuer"
	// DiscoveryPlainHTTP: the token endpoint is http on another machine.
	DiscoveryPlainHTTP Behavior = "discovery/plain_http"
	// DiscoveryScript: the authorization endpoint is a javascript: address.
	DiscoveryScript Behavior = "discovery/script"
	// DiscoveryCredentials: the token endpoint has a user and password.
	DiscoveryCredentials Behavior = "discovery/credentials"
	// DiscoveryMissingEndpoint: there is no token endpoint.
	DiscoveryMissingEndpoint Behavior = "discovery/missing_endpoint"
	// DiscoveryDuplicateMembers: the token endpoint is there twice.
	DiscoveryDuplicateMembers Behavior = "discovery/duplicate_members"
	// DiscoveryNoClientAuth: only private_key_jwt is on offer.
	DiscoveryNoClientAuth Behavior = "discovery/no_client_auth"
	// DiscoveryHTML: an HTML page with status 200.
	DiscoveryHTML Behavior = "discovery/html"
	// DiscoveryNotFound: status 404.
	DiscoveryNotFound Behavior = "discovery/not_found"
	// DiscoveryServerError: status 500.
	DiscoveryServerError Behavior = "discovery/server_error"
	// DiscoveryRedirect: status 302 to a good document.
	DiscoveryRedirect Behavior = "discovery/redirect"
	// DiscoveryHuge: two megabytes.
	DiscoveryHuge Behavior = "discovery/huge"
	// DiscoverySlow: one byte now and then.
	DiscoverySlow Behavior = "discovery/slow"
	// JWKSGarbage: the key set is not JSON.
	JWKSGarbage Behavior = "jwks/garbage"
	// JWKSEmpty: the key set has no keys.
	JWKSEmpty Behavior = "jwks/empty"
	// JWKSSymmetric: the only key is a shared secret, and signs with HS256.
	JWKSSymmetric Behavior = "jwks/symmetric"
	// JWKSServerError: status 500.
	JWKSServerError Behavior = "jwks/server_error"
	// JWKSRedirect: status 302 to a good key set.
	JWKSRedirect Behavior = "jwks/redirect"
	// JWKSHuge: two megabytes.
	JWKSHuge Behavior = "jwks/huge"
	// JWKSEncryptionKey: the key is marked for encryption (use enc).
	JWKSEncryptionKey Behavior = "jwks/encryption_key"
)

// What the userinfo endpoint does. With these, the ID token has no address, so
// that the endpoint is asked.
const (
	// UserinfoOtherSubject: the answer is about somebody else.
	UserinfoOtherSubject Behavior = "userinfo/other_subject"
	// UserinfoMissingSubject: the answer does not say whom it is about.
	UserinfoMissingSubject Behavior = "userinfo/missing_subject"
	// UserinfoHTML: an HTML page with status 200.
	UserinfoHTML Behavior = "userinfo/html"
	// UserinfoServerError: status 500.
	UserinfoServerError Behavior = "userinfo/server_error"
	// UserinfoRedirect: status 302 to a good answer.
	UserinfoRedirect Behavior = "userinfo/redirect"
	// UserinfoHuge: two megabytes.
	UserinfoHuge Behavior = "userinfo/huge"
	// UserinfoDuplicateMembers: email is there twice.
	UserinfoDuplicateMembers Behavior = "userinfo/duplicate_members"
	// UserinfoFlagElsewhere: the address is in userinfo, email_verified only
	// in the ID token.
	UserinfoFlagElsewhere Behavior = "userinfo/flag_elsewhere"
)

// What is said about addresses.
const (
	// EmailUnverified: the address is not verified.
	EmailUnverified Behavior = "email/unverified"
	// EmailVerifiedString: verified is the string "true".
	EmailVerifiedString Behavior = "email/verified_string"
	// EmailVerifiedNumber: verified is 1.
	EmailVerifiedNumber Behavior = "email/verified_number"
	// EmailVerifiedNull: verified is null.
	EmailVerifiedNull Behavior = "email/verified_null"
	// EmailVerifiedMissing: there is no word on it.
	EmailVerifiedMissing Behavior = "email/verified_missing"
	// EmailVerifiedOtherCase: the flag's name begins with a capital letter.
	EmailVerifiedOtherCase Behavior = "email/verified_other_case"
	// EmailMissing: there is no address at all.
	EmailMissing Behavior = "email/missing"
	// EmailNull: the address is null.
	EmailNull Behavior = "email/null"
	// EmailList: the address is a list of two.
	EmailList Behavior = "email/list"
	// EmailComma: the address is two in one string.
	EmailComma Behavior = "email/comma"
	// EmailDisplayName: the address comes with a display name.
	EmailDisplayName Behavior = "email/display_name"
	// EmailNewline: a header follows the address.
	EmailNewline Behavior = "email/newline"
	// EmailLookAlike: a letter that folds to ASCII stands for one.
	EmailLookAlike Behavior = "email/look_alike"
	// EmailNoReply: the address takes no mail.
	EmailNoReply Behavior = "email/no_reply"
)

// What GitHub's REST interface does.
const (
	// GitHubProfileOnly: the address is in the profile, not in the list.
	GitHubProfileOnly Behavior = "github/profile_email_only"
	// GitHubNoPrimary: the verified address is not the primary one.
	GitHubNoPrimary Behavior = "github/no_primary"
	// GitHubTwoPrimaries: two verified addresses are primary.
	GitHubTwoPrimaries Behavior = "github/two_primaries"
	// GitHubEmailsNotFound: the list answers 404, as without the scope.
	GitHubEmailsNotFound Behavior = "github/emails_not_found"
	// GitHubEmailsServerError: the list answers 500.
	GitHubEmailsServerError Behavior = "github/emails_server_error"
	// GitHubEmailsNotJSON: the list is an HTML page.
	GitHubEmailsNotJSON Behavior = "github/emails_not_json"
	// GitHubEmailsObject: the list is an object.
	GitHubEmailsObject Behavior = "github/emails_object"
	// GitHubEmailsStrings: the list is one of strings.
	GitHubEmailsStrings Behavior = "github/emails_strings"
	// GitHubEmailsNull: the list is null.
	GitHubEmailsNull Behavior = "github/emails_null"
	// GitHubIDZero: the account's ID is 0.
	GitHubIDZero Behavior = "github/id_zero"
	// GitHubIDNegative: the account's ID is negative.
	GitHubIDNegative Behavior = "github/id_negative"
	// GitHubIDString: the account's ID is a string.
	GitHubIDString Behavior = "github/id_string"
	// GitHubIDNull: the account's ID is null.
	GitHubIDNull Behavior = "github/id_null"
	// GitHubIDMissing: the account has no ID.
	GitHubIDMissing Behavior = "github/id_missing"
	// GitHubIDFraction: the account's ID is 583231.5.
	GitHubIDFraction Behavior = "github/id_fraction"
	// GitHubIDExponent: the account's ID is 5e5.
	GitHubIDExponent Behavior = "github/id_exponent"
	// GitHubIDHuge: the account's ID does not fit into 64 bits.
	GitHubIDHuge Behavior = "github/id_huge"
	// GitHubIDObject: the account's ID is an object.
	GitHubIDObject Behavior = "github/id_object"
	// GitHubIDTwice: the account has two IDs.
	GitHubIDTwice Behavior = "github/id_twice"
	// GitHubUserErrorWith200: an error document with status 200.
	GitHubUserErrorWith200 Behavior = "github/user_error_with_200"
	// GitHubUserUnauthorized: status 401.
	GitHubUserUnauthorized Behavior = "github/user_unauthorized"
	// GitHubUserLimited: status 429.
	GitHubUserLimited Behavior = "github/user_limited"
	// GitHubUserHTML: an HTML page with status 200.
	GitHubUserHTML Behavior = "github/user_html"
	// GitHubUserRedirect: status 302 to a good answer.
	GitHubUserRedirect Behavior = "github/user_redirect"
	// GitHubUserHuge: two megabytes.
	GitHubUserHuge Behavior = "github/user_huge"
	// GitHubUserNull: the user is null.
	GitHubUserNull Behavior = "github/user_null"
)

// What comes back with the browser.
const (
	// CallbackOtherIssuer: iss names another issuer.
	CallbackOtherIssuer Behavior = "callback/other_issuer"
	// CallbackMissingIssuer: iss was promised and is missing.
	CallbackMissingIssuer Behavior = "callback/missing_issuer"
	// CallbackMissingCode: there is neither a code nor an error.
	CallbackMissingCode Behavior = "callback/missing_code"
	// CallbackHugeCode: the code has 5000 characters.
	CallbackHugeCode Behavior = "callback/huge_code"
	// CallbackControlCode: the code has control characters.
	CallbackControlCode Behavior = "callback/control_code"
	// CallbackMissingState: there is no state.
	CallbackMissingState Behavior = "callback/missing_state"
	// CallbackOtherState: the state is of another flow.
	CallbackOtherState Behavior = "callback/other_state"
	// CallbackDenied: error=access_denied, the person said no.
	CallbackDenied Behavior = "callback/denied"
	// CallbackErrorScript: error and error_description are script.
	CallbackErrorScript Behavior = "callback/error_script"
	// CallbackErrorAndCode: an error beside a good code.
	CallbackErrorAndCode Behavior = "callback/error_and_code"
)
