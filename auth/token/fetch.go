package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/internal/strictjson"
)

const (
	fetchTimeout = 5 * time.Second
	// maxJWKS bounds the answer. Sets of large issuers have some 10 KiB.
	maxJWKS       = 256 << 10
	maxRemoteKeys = 256
)

// fetch asks the issuer once.
func (k *RemoteKeys) fetch(ctx context.Context) (*remoteSet, error) {
	if err := checkKeyURL(k.URL, k.InsecureAllowHTTP); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	var client http.Client
	if k.Client != nil {
		client = *k.Client
	}
	// A redirect would let whoever controls one path of the issuer choose the keys.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the issuer answered %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxJWKS {
		return nil, fmt.Errorf("the key set has more than %d bytes", maxJWKS)
	}
	return parseSet(body)
}

func checkKeyURL(raw string, insecure bool) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("RemoteKeys.URL is not an absolute address without credentials")
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (insecure || isLoopback(u.Hostname())):
		return nil
	}
	return errors.New("RemoteKeys.URL must be https; see InsecureAllowHTTP")
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// remoteSet is a fetched JWK Set: the keys we can use, under the issuer's IDs.
type remoteSet struct {
	keys        []remoteKey
	fingerprint string // equal for sets with the same keys
}

type remoteKey struct {
	*key
	kid string // the issuer's, "" if it gave none
}

// parseSet reads a JWK Set. Keys of unknown kinds are left out (RFC 7517 §5), and
// so are symmetric ones, private ones, which anybody could sign with by now, and
// different keys under one ID and algorithm, of which nobody can say which is meant.
func parseSet(body []byte) (*remoteSet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := strictjson.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("the key set is malformed: %w", err)
	}
	if doc.Keys == nil {
		return nil, errors.New("the key set is malformed: it has no list of keys")
	}
	if len(doc.Keys) > maxRemoteKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", maxRemoteKeys)
	}
	var all []remoteKey
	for _, raw := range doc.Keys {
		r, ok := usableKey(raw)
		if ok && !slices.ContainsFunc(all, func(o remoteKey) bool { return o.kid == r.kid && o.id == r.id }) {
			all = append(all, r)
		}
	}
	s := &remoteSet{}
	var names []string
	for _, r := range all {
		if r.kid != "" && slices.ContainsFunc(all, func(o remoteKey) bool {
			return o.kid == r.kid && o.alg == r.alg && o.id != r.id
		}) {
			continue
		}
		s.keys = append(s.keys, r)
		names = append(names, fmt.Sprintf("%q %s", r.kid, r.id))
	}
	slices.Sort(names)
	s.fingerprint = strings.Join(names, "\n")
	return s, nil
}

func usableKey(raw []byte) (remoteKey, bool) {
	f, err := readJWK(raw)
	if err != nil {
		return remoteKey{}, false
	}
	k, err := PublicKey(f.raw) // refuses symmetric and private ones by their type
	if err != nil || f.alg != "" && f.alg != k.Algorithm() {
		return remoteKey{}, false
	}
	return remoteKey{k.k, f.kid}, true
}

// find returns the one key a header means.
func (s *remoteSet) find(h *head) (*key, error) {
	var found *key
	known := false
	for _, r := range s.keys {
		if h.kid != "" && r.kid != h.kid {
			continue
		}
		known = true
		if r.alg != h.alg {
			continue
		}
		if found != nil && found.id != r.id {
			return nil, errAmbiguousKey
		}
		found = r.key
	}
	switch {
	case found != nil:
		return found, nil
	case h.kid == "":
		return nil, errNoKeyID
	case known:
		return nil, errAlgorithm
	}
	return nil, errUnknownKey
}
