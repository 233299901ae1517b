package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

const (
	maxCode   = 4096
	maxSecret = 16 << 10 // bytes of an access or ID token
)

// Steps named in errors.
const (
	stepStart    = "begin"
	stepCallback = "read callback"
	stepExchange = "exchange code"
)

// checkFlow refuses flows of other providers, whose code must not be sent to
// this one, and flows that would be guessable. [NewFlow] makes 43 characters,
// which RFC 7636, section 4.1 asks for as the least.
func checkFlow(step, provider string, f *Flow, wantNonce bool) error {
	switch {
	case f == nil:
		return rejected(step, "no flow")
	case f.Provider != provider:
		return rejected(step, "the flow was begun with another provider")
	case len(f.State) < 43, len(f.Verifier) < 43, wantNonce && len(f.Nonce) < 43:
		return rejected(step, "state, verifier or nonce of the flow is missing or short")
	case f.RedirectURL == "":
		return rejected(step, "the flow has no redirect address")
	}
	return nil
}

// checkCallback decides, without asking the provider, whether cb may be its
// answer. RFC 9207, section 2.4: an issuer that is there must be the right one,
// and one that was promised must be there.
func checkCallback(cb Callback, issuer string, issuerPromised bool) error {
	switch {
	case cb.Issuer == "" && issuerPromised:
		return rejected(stepCallback, "the issuer is missing")
	case cb.Issuer != "" && cb.Issuer != issuer:
		return rejected(stepCallback, "it names another issuer")
	case cb.Code == "":
		return rejected(stepCallback, "no code")
	case len(cb.Code) > maxCode, strings.ContainsFunc(cb.Code, func(r rune) bool { return r < ' ' || r > '~' }):
		return rejected(stepCallback, "the code is malformed") // RFC 6749, appendix A.11
	}
	return nil
}

// exchange redeems a code. It sends one request: the form of client
// authentication is fixed in conf, because trying both would send the code
// twice, and net/http repeats no POST that may have arrived.
func exchange(ctx context.Context, client *http.Client, conf *oauth2.Config, f *Flow, code string) (*oauth2.Token, error) {
	c := *client
	c.Transport = tokenAnswers{client.Transport}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &c)
	tok, err := conf.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return nil, exchangeError(err)
	}
	if !strings.EqualFold(tok.TokenType, "bearer") {
		return nil, rejected(stepExchange, "the token type is not bearer")
	}
	if !visibleASCII(tok.AccessToken) || len(tok.AccessToken) > maxSecret {
		return nil, rejected(stepExchange, "the access token is malformed")
	}
	return tok, nil
}

func exchangeError(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// Its text quotes the answer, which may quote the request.
		return rejected(stepExchange, errorCode(e.ErrorCode))
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return transportError(stepExchange, err)
	}
	// A complaint of x/oauth2 about what it read.
	return rejected(stepExchange, "the answer has no access token or members of the wrong type")
}

// errorCode repeats the registered codes only: a hostile provider could answer
// with the code or the secret it was sent.
func errorCode(s string) string {
	switch s {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
		"unsupported_grant_type", "invalid_scope", "server_error", "temporarily_unavailable", // RFC 6749
		"bad_verification_code", "incorrect_client_credentials", "redirect_uri_mismatch", "unverified_user_email": // GitHub
		return "the provider answered " + s
	}
	return "the provider answered with an error"
}

// tokenAnswers stands between x/oauth2 and the network and lets pass nothing
// but an answer of status 200 that is one JSON document without duplicate
// members. By itself x/oauth2 reads what it takes for JSON from any content
// type, takes the last of two members, and quotes bodies in errors.
type tokenAnswers struct{ next http.RoundTripper }

func (t tokenAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json") // GitHub answers with a form otherwise
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := readJSON(stepExchange, resp)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if err != nil {
			return nil, statusError(stepExchange, resp.StatusCode)
		}
		return nil, oauthError(resp.StatusCode, body)
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// oauthError reads an error answer, RFC 6749, section 5.2.
func oauthError(status int, body []byte) error {
	err := statusError(stepExchange, status)
	var answer struct {
		Error string `json:"error"`
	}
	if status != http.StatusBadRequest && status != http.StatusUnauthorized ||
		json.Unmarshal(body, &answer) != nil || answer.Error == "" {
		return err
	}
	return rejected(stepExchange, errorCode(answer.Error))
}

func visibleASCII(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
