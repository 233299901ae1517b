package token

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wycheproof is a file of vectors from Project Wycheproof; testdata/wycheproof
// says where they come from.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Private, Public json.RawMessage
		Tests           []struct {
			TcID         int
			Comment, JWS string
			Result       string
		}
	}
}

func readWycheproof(t *testing.T, name string) (w wycheproof) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	if err == nil {
		err = json.Unmarshal(data, &w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// vectorKeys is the keys of one group as we read them: public ones as an issuer's
// key set is read, and secret ones, which no issuer may publish, under the IDs that
// their JWKs give them.
type vectorKeys struct {
	*remoteSet
	secret map[string]*key
}

// readVectorKeys reads a JWK or a JWK set. With weak, secrets are used that HMAC
// refuses, so that what is signed with them is judged by the signature.
func readVectorKeys(t *testing.T, body json.RawMessage, weak bool) vectorKeys {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	err := json.Unmarshal(body, &set)
	if set.Keys == nil {
		set.Keys = []json.RawMessage{body}
	}
	published, err2 := json.Marshal(map[string]any{"keys": set.Keys})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	k := vectorKeys{secret: make(map[string]*key)}
	if k.remoteSet, err = parseSet(published); err != nil {
		t.Fatal(err)
	}
	twice := make(map[string]bool)
	for _, raw := range set.Keys {
		f, err := readJWK(raw)
		if err != nil {
			continue
		}
		secret, ok := f.raw.([]byte)
		if !ok {
			continue
		}
		parsed, err := ParseKey(raw)
		switch {
		case twice[f.kid]: // a keyring, whose IDs are its own, has no such thing
			delete(k.secret, f.kid)
		case err == nil:
			k.secret[f.kid] = parsed.k
		case weak && f.alg == HS256:
			k.secret[f.kid] = &key{alg: HS256, macs: newMACs(secret)}
		}
		twice[f.kid] = true
	}
	if len(k.keys) > 0 {
		k.secret = nil // a set of public keys has no secret ones
	}
	return k
}

func (k vectorKeys) check(_ context.Context, c compact) error {
	if found, ok := k.secret[c.head.kid]; ok {
		return found.verify(&c)
	}
	found, err := k.find(&c.head)
	if err != nil {
		return err
	}
	return found.verify(&c)
}

// refusal is a reason why vectors that are marked valid are refused.
type refusal struct {
	reason  string
	err     error
	vectors []int
}

var wycheproofFiles = []struct {
	name     string
	weak     bool // secrets that HMAC refuses are used
	refusals []refusal
}{
	{"json_web_signature_test.json", true, []refusal{
		{"nothing we sign or accept has an empty payload", errForm, []int{259, 264, 268, 272, 320, 325}},
		{"RS384 and RS512 are not supported", errUnknownKey, []int{265, 266, 267, 269, 270, 271}},
		{"PS256, PS384 and PS512 are not supported", errUnknownKey, []int{
			273, 274, 275, 287, 288, 321, 322, 323, 326, 327, 328, 346, 350}},
		{"ES512 is not supported", errUnknownKey, []int{347, 351}},
		{"a letter in the header that is not of base64url", errForm, []int{372}},
		{"a letter in the payload that was not there when it was signed", errSignature, []int{373}},
	}},
	{"json_web_key_test.json", false, []refusal{
		{"the secret is a row of numbers", errUnknownKey, []int{13}},
		{"HS384 and HS512 are not supported", errUnknownKey, []int{14, 15}},
	}},
}

// TestWycheproof judges every vector by its signature alone, as VerifySignature
// does: none that is marked invalid is accepted, and of those marked valid only
// those are refused that we refuse on purpose.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	for _, file := range wycheproofFiles {
		t.Run(file.name, func(t *testing.T) {
			t.Parallel()
			onPurpose := make(map[int]refusal)
			for _, r := range file.refusals {
				for _, id := range r.vectors {
					onPurpose[id] = r
				}
			}
			w := readWycheproof(t, file.name)
			var seen, accepted, refused, contradicted int
			for _, g := range w.TestGroups {
				body := g.Public
				if body == nil {
					body = g.Private
				}
				keys := readVectorKeys(t, body, file.weak)
				valid := make(map[string]bool)
				for _, v := range g.Tests {
					valid[v.JWS] = valid[v.JWS] || v.Result == "valid"
				}
				for _, v := range g.Tests {
					seen++
					_, err := verifySignature(t.Context(), keys, v.JWS)
					if err != nil {
						refused++
					} else {
						accepted++
					}
					switch {
					case err != nil && !errors.Is(err, ErrInvalid):
						t.Errorf("%d %s: got %v, want ErrInvalid", v.TcID, v.Comment, err)
					case v.Result == "valid":
						r := onPurpose[v.TcID]
						delete(onPurpose, v.TcID)
						if !errors.Is(err, r.err) {
							t.Errorf("%d %s, marked valid: got %v, want %v (%s)", v.TcID, v.Comment, err, r.err, r.reason)
						}
					case valid[v.JWS]:
						contradicted++ // letter for letter what is marked valid before
					case err == nil:
						t.Errorf("%d %s, marked %s, is accepted", v.TcID, v.Comment, v.Result)
					}
				}
			}
			if seen != w.NumberOfTests || seen == 0 || accepted == 0 {
				t.Errorf("%d vectors, of which %d were accepted, want %d and some", seen, accepted, w.NumberOfTests)
			}
			for id := range onPurpose {
				t.Errorf("there is no vector %d that is marked valid", id)
			}
			t.Logf("%d vectors: %d accepted, %d refused; %d are marked both valid and invalid", seen, accepted, refused, contradicted)
		})
	}
}

// TestROCA: a key of the generator is refused as it is read, in any form, and keys
// of others are not.
func TestROCA(t *testing.T) {
	t.Parallel()
	for _, g := range readWycheproof(t, "json_web_key_test.json").TestGroups {
		if g.Comment != "jws_rsa_roca_key" {
			continue
		}
		for _, body := range []json.RawMessage{g.Public, g.Private} {
			var set struct{ Keys []json.RawMessage }
			if err := json.Unmarshal(body, &set); err != nil {
				t.Fatal(err)
			}
			if _, err := ParseKey(set.Keys[0]); err == nil || !strings.Contains(err.Error(), "CVE-2017-15361") {
				t.Errorf("ParseKey(%.60s…) = %v, want it refused", set.Keys[0], err)
			}
		}
		return
	}
	t.Error("there is no such key among the vectors")
}
