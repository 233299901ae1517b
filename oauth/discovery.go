package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const stepDiscovery = "discover endpoints"

const (
	metadataMaxAge   = time.Hour       // after that it is fetched again
	metadataMaxStale = 24 * time.Hour  // after that an old one is no longer good enough
	discoveryPause   = 1 * time.Second // between attempts that fail
)

// metadata is what we need of an issuer's discovery document (OpenID Connect
// Discovery, section 3). All addresses have been checked.
type metadata struct {
	authURL, tokenURL, keysURL string
	userinfoURL                string // empty if there is none
	issuerInCallback           bool   // RFC 9207: iss is always sent, so it must be there
	authStyle                  oauth2.AuthStyle
}

// wellKnown is the address of the discovery document; a slash at the end of the
// issuer is dropped here and nowhere else (section 4).
func wellKnown(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// validIssuer reports whether s can be an issuer: https, or http on this
// machine, without query and fragment.
func validIssuer(s string) bool {
	u, ok := parseEndpoint(s)
	return ok && u.RawQuery == "" && !u.ForceQuery
}

// discover fetches and checks an issuer's discovery document.
func discover(ctx context.Context, client *http.Client, issuer string) (*metadata, error) {
	status, body, err := fetchJSON(ctx, client, stepDiscovery, wellKnown(issuer), nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, statusError(stepDiscovery, status)
	}
	return parseMetadata(body, issuer)
}

func parseMetadata(body []byte, issuer string) (*metadata, error) {
	m, ok := parseObject(body)
	if !ok {
		return nil, rejected(stepDiscovery, "the document is not an object")
	}
	// Exactly: a document that speaks for another issuer would let that
	// issuer's tokens in.
	if iss, ok := m.str("issuer"); !ok || iss != issuer {
		return nil, rejected(stepDiscovery, "the document is of another issuer")
	}
	plainHTTP := strings.HasPrefix(issuer, "http:") // then it is a loopback address
	md := &metadata{issuerInCallback: m.isTrue("authorization_response_iss_parameter_supported")}
	for _, e := range []struct {
		name     string
		required bool
		to       *string
	}{
		{"authorization_endpoint", true, &md.authURL},
		{"token_endpoint", true, &md.tokenURL},
		{"jwks_uri", true, &md.keysURL},
		{"userinfo_endpoint", false, &md.userinfoURL},
	} {
		if !e.required && !m.has(e.name) {
			continue
		}
		u, ok := parseEndpoint(m.text(e.name))
		if !ok || u.Scheme == "http" && !plainHTTP {
			return nil, rejected(stepDiscovery, e.name+" is missing or not an https address")
		}
		*e.to = u.String()
	}
	md.authStyle, ok = clientAuth(m)
	if !ok {
		return nil, rejected(stepDiscovery, "the issuer takes client secrets neither in the header nor in the form")
	}
	return md, nil
}

// clientAuth chooses how to present the client secret: in the header, which is
// the default of the protocol, or in the form where only that is on offer.
func clientAuth(m members) (oauth2.AuthStyle, bool) {
	const offer = "token_endpoint_auth_methods_supported"
	if !m.has(offer) {
		return oauth2.AuthStyleInHeader, true
	}
	methods, _ := m.strs(offer)
	switch {
	case slices.Contains(methods, "client_secret_basic"):
		return oauth2.AuthStyleInHeader, true
	case slices.Contains(methods, "client_secret_post"):
		return oauth2.AuthStyleInParams, true
	}
	return oauth2.AuthStyleInHeader, false
}

// metadataCache keeps one issuer's metadata. However many callers wait, one
// request is under way; it belongs to none of them, so that one who gives up
// does not fail the others.
type metadataCache struct {
	mu       sync.Mutex
	current  *metadata
	fetched  time.Time // when current came
	failure  error     // of the last attempt, nil after a success
	failed   time.Time // when failure came
	inFlight *metadataFetch
}

type metadataFetch struct {
	done chan struct{} // closed when the rest is set
	md   *metadata
	err  error
}

// get returns the metadata, fetching it when there is none or it is old. While
// an old document is being replaced, and when that fails, the old one serves
// for up to a day: an issuer's outage need not become ours.
func (c *metadataCache) get(ctx context.Context, now func() time.Time, fetch func(context.Context) (*metadata, error)) (*metadata, error) {
	c.mu.Lock()
	t := now()
	age := t.Sub(c.fetched)
	if c.current != nil && age >= 0 && age < metadataMaxAge {
		defer c.mu.Unlock()
		return c.current, nil
	}
	if c.inFlight == nil {
		pause := t.Sub(c.failed)
		if c.failure == nil || pause < 0 || pause >= discoveryPause {
			c.start(ctx, now, fetch)
		}
	}
	current, flight, failure := c.current, c.inFlight, c.failure
	c.mu.Unlock()

	if current != nil && age >= 0 && age < metadataMaxStale {
		return current, nil
	}
	if flight == nil {
		return nil, failure
	}
	select {
	case <-flight.done:
		return flight.md, flight.err
	case <-ctx.Done():
		return nil, transportError(stepDiscovery, ctx.Err())
	}
}

// start begins a fetch; c.mu is held.
func (c *metadataCache) start(ctx context.Context, now func() time.Time, fetch func(context.Context) (*metadata, error)) {
	flight := &metadataFetch{done: make(chan struct{})}
	c.inFlight = flight
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	go func() {
		defer cancel()
		defer close(flight.done)
		md, err := recovered(ctx, fetch)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inFlight = nil
		flight.md, flight.err = md, err
		c.failure, c.failed = err, now()
		if err == nil {
			c.current, c.fetched = md, now()
		}
	}()
}

// recovered keeps a panic in a caller's transport from ending the program: no
// handler is there to catch it in this goroutine.
func recovered(ctx context.Context, fetch func(context.Context) (*metadata, error)) (md *metadata, err error) {
	defer func() {
		if recover() != nil {
			md, err = nil, unavailable(stepDiscovery, "the HTTP client panicked")
		}
	}()
	md, err = fetch(ctx)
	if err == nil && md == nil {
		err = errors.New("no metadata")
	}
	return md, err
}
