package oauthtest

import "slices"

// traits say for each behavior who can show it and what must come of it.
type traits struct {
	behavior  Behavior
	protocols Protocol
	outcome   Outcome
}

var behaviors = []traits{
	{WrongIssuer, OIDC, Refused},
	{IssuerWithSlash, OIDC, Refused},
	{MissingIssuer, OIDC, Refused},
	{WrongAudience, OIDC, Refused},
	{MissingAudience, OIDC, Refused},
	{EmptyAudience, OIDC, Refused},
	{ObjectAudience, OIDC, Refused},
	{ManyAudiences, OIDC, Refused},
	{ManyAudiencesOtherParty, OIDC, Refused},
	{OtherParty, OIDC, Refused},
	{NullParty, OIDC, Refused},
	{WrongNonce, OIDC, Refused},
	{MissingNonce, OIDC, Refused},
	{EmptyNonce, OIDC, Refused},
	{Expired, OIDC, Refused},
	{MissingExpiry, OIDC, Refused},
	{StringExpiry, OIDC, Refused},
	{HugeExpiry, OIDC, Refused},
	{IssuedInFuture, OIDC, Refused},
	{MissingIssuedAt, OIDC, Refused},
	{NotYetValid, OIDC, Refused},
	{MissingSubject, OIDC, Refused},
	{EmptySubject, OIDC, Refused},
	{BlankSubject, OIDC, Refused},
	{NullSubject, OIDC, Refused},
	{NumericSubject, OIDC, Refused},
	{ObjectSubject, OIDC, Refused},
	{LongSubject, OIDC, Refused},
	{ControlSubject, OIDC, Refused},
	{DuplicateClaims, OIDC, Refused},
	{ArrayClaims, OIDC, Refused},
	{WrongAccessTokenHash, OIDC, Refused},

	{UnknownKey, OIDC, Refused},
	{ForeignKey, OIDC, Refused},
	{AlgNone, OIDC, Refused},
	{AlgNoneSigned, OIDC, Refused},
	{AlgHS256, OIDC, Refused},
	{AlgHS256ClientSecret, OIDC, Refused},
	{AlgMismatch, OIDC, Refused},
	{UnknownCrit, OIDC, Refused},
	{EmbeddedKey, OIDC, Refused},
	{DuplicateHeader, OIDC, Refused},
	{AccessTokenType, OIDC, Refused},
	{TamperedPayload, OIDC, Refused},
	{TruncatedSignature, OIDC, Refused},
	{FourParts, OIDC, Refused},

	{MissingIDToken, OIDC, Refused},
	{ObjectIDToken, OIDC, Refused},
	{MissingAccessToken, OIDC | GitHub, Refused},
	{WrongTokenType, OIDC | GitHub, Refused},
	{MissingTokenType, OIDC | GitHub, Refused},
	{TokenErrorWith200, OIDC | GitHub, Refused},
	{TokenErrorAndToken, OIDC | GitHub, Refused},
	{TokenServerError, OIDC | GitHub, Refused},
	{TokenHTML, OIDC | GitHub, Refused},
	{TokenJSONAsHTML, OIDC | GitHub, Refused},
	{TokenForm, OIDC | GitHub, Refused},
	{TokenRedirect, OIDC | GitHub, Refused},
	{TokenRedirect307, OIDC | GitHub, Refused},
	{TokenSlow, OIDC | GitHub, Refused},
	{TokenHuge, OIDC | GitHub, Refused},
	{TokenHugeDeclared, OIDC | GitHub, Refused},
	{TokenCompressed, OIDC | GitHub, Refused},
	{TokenTruncated, OIDC | GitHub, Refused},
	{TokenCut, OIDC | GitHub, Refused},
	{TokenDropped, OIDC | GitHub, Refused},
	{TokenNotHTTP, OIDC | GitHub, Refused},
	{TokenDuplicateMembers, OIDC | GitHub, Refused},
	{TokenTrailingData, OIDC | GitHub, Refused},
	{TokenControlCharacters, OIDC | GitHub, Refused},
	{ReplayedCode, OIDC | GitHub, Refused},
	{SwappedCode, OIDC | GitHub, Refused},
	{SwappedCodeWithoutPKCE, OIDC, Refused},

	{DiscoveryOtherIssuer, OIDC, Refused},
	{DiscoveryMissingIssuer, OIDC, Refused},
	{DiscoveryPlainHTTP, OIDC, Refused},
	{DiscoveryScript, OIDC, Refused},
	{DiscoveryCredentials, OIDC, Refused},
	{DiscoveryMissingEndpoint, OIDC, Refused},
	{DiscoveryDuplicateMembers, OIDC, Refused},
	{DiscoveryNoClientAuth, OIDC, Refused},
	{DiscoveryHTML, OIDC, Refused},
	{DiscoveryNotFound, OIDC, Refused},
	{DiscoveryServerError, OIDC, Refused},
	{DiscoveryRedirect, OIDC, Refused},
	{DiscoveryHuge, OIDC, Refused},
	{DiscoverySlow, OIDC, Refused},
	{JWKSGarbage, OIDC, Refused},
	{JWKSEmpty, OIDC, Refused},
	{JWKSSymmetric, OIDC, Refused},
	{JWKSServerError, OIDC, Refused},
	{JWKSRedirect, OIDC, Refused},
	{JWKSHuge, OIDC, Refused},
	{JWKSEncryptionKey, OIDC, Refused},

	{UserinfoOtherSubject, OIDC, Refused},
	{UserinfoMissingSubject, OIDC, Refused},
	{UserinfoHTML, OIDC, Refused},
	{UserinfoServerError, OIDC, Refused},
	{UserinfoRedirect, OIDC, Refused},
	{UserinfoHuge, OIDC, Refused},
	{UserinfoDuplicateMembers, OIDC, Refused},
	{UserinfoFlagElsewhere, OIDC, NoTrust},

	{EmailUnverified, OIDC | GitHub, NoTrust},
	{EmailVerifiedString, OIDC | GitHub, NoTrust},
	{EmailVerifiedNumber, OIDC | GitHub, NoTrust},
	{EmailVerifiedNull, OIDC | GitHub, NoTrust},
	{EmailVerifiedMissing, OIDC | GitHub, NoTrust},
	{EmailVerifiedOtherCase, OIDC | GitHub, NoTrust},
	{EmailMissing, OIDC | GitHub, NoTrust},
	{EmailNull, OIDC | GitHub, NoTrust},
	{EmailList, OIDC | GitHub, NoTrust},
	{EmailComma, OIDC | GitHub, NoTrust},
	{EmailDisplayName, OIDC | GitHub, NoTrust},
	{EmailNewline, OIDC | GitHub, NoTrust},
	{EmailLookAlike, OIDC | GitHub, NoTrust},
	{EmailNoReply, GitHub, NoTrust},

	{GitHubProfileOnly, GitHub, NoTrust},
	{GitHubNoPrimary, GitHub, NoTrust},
	{GitHubTwoPrimaries, GitHub, NoTrust},
	{GitHubEmailsNotFound, GitHub, NoTrust},
	{GitHubEmailsServerError, GitHub, Refused},
	{GitHubEmailsNotJSON, GitHub, Refused},
	{GitHubEmailsObject, GitHub, Refused},
	{GitHubEmailsStrings, GitHub, Refused},
	{GitHubEmailsNull, GitHub, Refused},
	{GitHubIDZero, GitHub, Refused},
	{GitHubIDNegative, GitHub, Refused},
	{GitHubIDString, GitHub, Refused},
	{GitHubIDNull, GitHub, Refused},
	{GitHubIDMissing, GitHub, Refused},
	{GitHubIDFraction, GitHub, Refused},
	{GitHubIDExponent, GitHub, Refused},
	{GitHubIDHuge, GitHub, Refused},
	{GitHubIDObject, GitHub, Refused},
	{GitHubIDTwice, GitHub, Refused},
	{GitHubUserErrorWith200, GitHub, Refused},
	{GitHubUserUnauthorized, GitHub, Refused},
	{GitHubUserLimited, GitHub, Refused},
	{GitHubUserHTML, GitHub, Refused},
	{GitHubUserRedirect, GitHub, Refused},
	{GitHubUserHuge, GitHub, Refused},
	{GitHubUserNull, GitHub, Refused},

	{CallbackOtherIssuer, OIDC | GitHub, Refused},
	{CallbackMissingIssuer, OIDC, Refused},
	{CallbackMissingCode, OIDC | GitHub, Refused},
	{CallbackHugeCode, OIDC | GitHub, Refused},
	{CallbackControlCode, OIDC | GitHub, Refused},
	{CallbackMissingState, OIDC | GitHub, Stopped},
	{CallbackOtherState, OIDC | GitHub, Stopped},
	{CallbackDenied, OIDC | GitHub, Stopped},
	{CallbackErrorScript, OIDC | GitHub, Stopped},
	{CallbackErrorAndCode, OIDC | GitHub, Stopped},
}

// Behaviors lists every behavior once, for tests that walk all of them.
func Behaviors() []Behavior {
	list := make([]Behavior, len(behaviors))
	for i, t := range behaviors {
		list[i] = t.behavior
	}
	return list
}

// In reports whether a provider speaking p can show b.
func (b Behavior) In(p Protocol) bool { return b.traits().protocols&p != 0 }

// Outcome is what must come of b.
func (b Behavior) Outcome() Outcome { return b.traits().outcome }

func (b Behavior) traits() traits {
	if i := slices.IndexFunc(behaviors, func(t traits) bool { return t.behavior == b }); i >= 0 {
		return behaviors[i]
	}
	return traits{behavior: b}
}
