package auth

// linkFacts are all that decides what becomes of somebody who comes back from a
// provider. All but the first are zero if they do not apply.
type linkFacts struct {
	// The identity, provider and subject, belongs to an account here …
	known       bool
	knownActive bool // … that may sign in,
	knownSelf   bool // … and is the one that asked for the link.

	// Somebody signed in asked to link the identity to their account …
	intent       bool
	intentOK     bool // … still is, in the same session,
	intentLinked bool // … and has another identity of this provider.

	// The provider gave an address that can be used …
	email         bool
	verified      bool // … says it was proved,
	authoritative bool // … and is the one to ask whose mailbox it is today.

	// An account here has that address …
	account         bool
	accountActive   bool // … may sign in,
	accountVerified bool // … has proved the address,
	accountLinked   bool // … and has another identity of this provider.

	// Who may register.
	registration Registration
}

// linkDecision is what becomes of them.
type linkDecision int

const (
	linkRefuseFailed   linkDecision = iota // oauth_error=failed
	linkRefuseDisabled                     // oauth_error=disabled
	linkRefuseNoEmail                      // oauth_error=no_email
	linkRefuseClosed                       // oauth_error=signup_closed
	linkRefuseRequired                     // oauth_error=link_required: sign in first, then link
	linkRefuseExpired                      // oauth_error=expired
	linkSignIn                             // as the account that has the identity
	linkDone                               // the identity is linked to the account that asked already
	linkAttach                             // to the account that asked
	linkCreate                             // a new account
	linkAutomatic                          // to the account that has the address
	linkScrub                              // to that account, after dropping what an unproved owner left in it
)

func (d linkDecision) String() string {
	return [...]string{"failed", "disabled", "no_email", "signup_closed", "link_required", "expired",
		"sign in", "done", "attach", "create", "automatic", "scrub"}[d]
}

// refused returns the code of a refusal, "" for what is none.
func (d linkDecision) refused() string {
	if d <= linkRefuseExpired {
		return d.String()
	}
	return ""
}

// decideLink is the whole rule of who a provider's answer signs in as. It links
// an account by its address only if the provider is the authority for that
// mailbox; whoever could not prove the address before loses what they left in
// the account. Everybody else signs in first and asks for the link.
func decideLink(f linkFacts) linkDecision {
	switch {
	case f.intent && !f.intentOK:
		return linkRefuseExpired
	case f.known && f.intent && f.knownSelf:
		return linkDone
	case f.known && f.intent:
		return linkRefuseFailed // it is somebody else's
	case f.known && !f.knownActive:
		return linkRefuseDisabled
	case f.known:
		return linkSignIn
	case f.intent && f.intentLinked:
		return linkRefuseFailed // one identity of each provider
	case f.intent:
		return linkAttach
	case !f.email:
		return linkRefuseNoEmail
	case f.account:
		return decideAccount(f)
	case f.registration != RegistrationOpen && !f.verified:
		// Same answer as for an address that has an account.
		return linkRefuseRequired
	case f.registration == RegistrationClosed:
		return linkRefuseClosed
	}
	return linkCreate
}

// decideAccount is the part of the rule for an address that has an account.
func decideAccount(f linkFacts) linkDecision {
	switch {
	case !f.verified || !f.authoritative:
		return linkRefuseRequired
	case !f.accountActive:
		return linkRefuseDisabled
	case !f.accountVerified:
		return linkScrub
	case f.accountLinked:
		return linkRefuseRequired
	}
	return linkAutomatic
}
