package oauth_test

import (
	"fmt"

	"github.com/aegis-auth/aegis/oauth"
)

// Providers are settings. Nothing is fetched until somebody signs in.
func Example_configure() {
	providers := []oauth.Provider{
		oauth.GitHub("github-client-id", "github-client-secret"),
		oauth.Google("", ""), // its environment variables are not set
		&oauth.OIDC{
			ID:           "work",
			Label:        "Work account",
			Issuer:       "https://login.example.com/realms/staff",
			ClientID:     "aegis",
			ClientSecret: "work-client-secret",
			EmailTrust:   oauth.EmailAuthoritative, // it runs our mailboxes
		},
	}
	for _, p := range providers {
		if err := oauth.Validate(p); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%s (%s): configured %t\n", oauth.DisplayName(p), p.Name(), oauth.Configured(p))
	}
	// Output:
	// GitHub (github): configured true
	// Google (google): configured false
	// Work account (work): configured true
}

// A mistake in the settings is found at start-up, not by the first visitor.
func ExampleValidate() {
	err := oauth.Validate(&oauth.OIDC{ID: "Work!", Issuer: "http://login.example.com"})
	fmt.Println(err)
	// Output:
	// oauth: provider name "Work!": use up to 32 characters of a-z, 0-9, - and _, beginning with a letter or digit
	// oauth: Work!: Issuer "http://login.example.com": give the issuer's https address without query
}

// A GitHub Enterprise Server has its own address.
func ExampleGitHub_enterpriseServer() {
	p := oauth.GitHub("client-id", "client-secret")
	p.BaseURL = "https://git.example.com"
	fmt.Println(oauth.Validate(p))
	// Output: <nil>
}
