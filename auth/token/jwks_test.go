package token

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, k *Keyring, method string, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/jwks.json", nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	JWKSHandler(k).ServeHTTP(w, r)
	return w
}

func TestJWKSHandler(t *testing.T) {
	t.Parallel()
	all := testKeys()
	ring := newRing(t, all[ES256], all[HS256], all[RS256])
	w := serve(t, ring, "GET")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/jwk-set+json" || w.Header().Get("Cache-Control") != "public, max-age=300" ||
		w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("GET = %d %v", w.Code, w.Header())
	}
	var doc struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Keys) != 2 || doc.Keys[0]["kid"] != all[ES256].ID() || doc.Keys[1]["kid"] != all[RS256].ID() {
		t.Fatalf("the set is %s, want the ES256 and the RS256 key", w.Body)
	}
	for _, k := range doc.Keys {
		for name := range k {
			if !slices.Contains([]string{"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}, name) {
				t.Errorf("a published key has the member %q", name)
			}
		}
		if k["use"] != "sig" || k["alg"] == "" {
			t.Errorf("key %v, want use sig and an alg", k)
		}
	}
	if strings.Contains(w.Body.String(), all[HS256].ID()) {
		t.Error("the symmetric key is mentioned")
	}
	// A change shows at once, and under another tag.
	if err := ring.Accept(all[EdDSA]); err != nil {
		t.Fatal(err)
	}
	after := serve(t, ring, "GET", "If-None-Match", w.Header().Get("Etag"))
	if after.Code != 200 || !strings.Contains(after.Body.String(), all[EdDSA].ID()) {
		t.Errorf("GET after Accept = %d %s, want the new key in it", after.Code, after.Body)
	}
}

func TestJWKSOfSymmetricKeysIsEmpty(t *testing.T) {
	t.Parallel()
	for name, ring := range map[string]*Keyring{"HMAC": newRing(t, newHMAC(t), newHMAC(t)), "zero": {}, "nil": nil} {
		if w := serve(t, ring, "GET"); w.Code != 200 || w.Body.String() != `{"keys":[]}` || w.Header().Get("Etag") == "" {
			t.Errorf("%s: GET = %d %s %v, want an empty set", name, w.Code, w.Body, w.Header())
		}
	}
}

func TestJWKSConditionalRequests(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newEdDSA(t))
	etag := serve(t, ring, "GET").Header().Get("Etag")
	for field, want := range map[string]int{
		etag: 304, "W/" + etag: 304, `"x", ` + etag: 304, "*": 304, etag + `,"x"`: 304,
		`"x"`: 200, strings.Trim(etag, `"`): 200, "": 200, `"` + etag + `"`: 200,
	} {
		w := serve(t, ring, "GET", "If-None-Match", field)
		if w.Code != want || (want == 304) != (w.Body.Len() == 0) || w.Header().Get("Etag") != etag || w.Header().Get("Cache-Control") == "" {
			t.Errorf("If-None-Match: %s = %d, %d bytes, %v, want %d", field, w.Code, w.Body.Len(), w.Header(), want)
		}
	}
	head := serve(t, ring, "HEAD")
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") == "0" || head.Header().Get("Etag") != etag {
		t.Errorf("HEAD = %d, %d bytes, %v", head.Code, head.Body.Len(), head.Header())
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		w := serve(t, ring, method)
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" || w.Header().Get("Content-Type") != "application/problem+json" || !json.Valid(w.Body.Bytes()) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s = %d %v %s, want 405", method, w.Code, w.Header(), w.Body)
		}
	}
}

// TestTwoServices is the whole way: one service signs and publishes, another one
// fetches and verifies, and the keys change under them.
func TestTwoServices(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{ES256, EdDSA, RS256} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			ring := newRing(t, testKeys()[alg], newHMAC(t))
			srv := httptest.NewServer(JWKSHandler(ring))
			defer srv.Close()
			now := testNow
			v := testVerifier(&RemoteKeys{URL: srv.URL, Client: srv.Client(), Now: func() time.Time { return now }})
			raw := mustSign(t, ring, testClaims())
			expect(t, v, raw, nil, "signed with the published key")
			if err := ring.Rotate(newEdDSA(t)); err != nil {
				t.Fatal(err)
			}
			now = now.Add(defaultMinInterval)
			expect(t, v, mustSign(t, ring, testClaims()), nil, "after rotation")
			expect(t, v, raw, nil, "signed with the previous key")
			if err := ring.Retire(testKeys()[alg].ID()); err != nil {
				t.Fatal(err)
			}
			now = now.Add(defaultMaxAge)
			expect(t, v, raw, ErrInvalid, "after the previous key was retired")
		})
	}
}
