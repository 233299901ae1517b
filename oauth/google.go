package oauth

// GoogleIssuer is what Google calls itself.
const GoogleIssuer = "https://accounts.google.com"

// googleOldIssuer is what it called itself once; its documentation still lists
// it as a value of iss in ID tokens.
const googleOldIssuer = "accounts.google.com"

// Google signs people in with Google. It asks for the scopes openid, email and
// profile.
//
// Google verifies every address and is the one to ask about some: those at
// gmail.com, and those of a Workspace domain, which the hd claim names. Any
// other address belonged to the person when they made their Google account and
// may have changed hands since, so it is verified and not authoritative.
//
// Fields of the result may be set before first use. Issuer may only become a
// loopback address, for tests.
func Google(clientID, clientSecret string) *OIDC {
	return &OIDC{
		ID:           "google",
		Label:        "Google",
		Issuer:       GoogleIssuer,
		ClientID:     clientID,
		ClientSecret: clientSecret,
		EmailTrust:   emailGoogle,
	}
}

// googleOwns reports whether Google decides who reads mail at domain, given the
// hosted domain of the account.
func googleOwns(domain, hostedDomain string) bool {
	return domain == "gmail.com" || domain != "" && domain == lowerASCII(hostedDomain)
}
