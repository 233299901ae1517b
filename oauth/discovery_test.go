package oauth

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func TestDiscoveryIsFetchedOnceForAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cache metadataCache
		var fetches atomic.Int32
		want := &metadata{tokenURL: "https://issuer.example/token"}
		fetch := func(context.Context) (*metadata, error) {
			fetches.Add(1)
			time.Sleep(3 * time.Second)
			return want, nil
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if md, err := cache.get(t.Context(), time.Now, fetch); md != want || err != nil {
					t.Errorf("get = %v, %v, want the document", md, err)
				}
			})
		}
		wg.Wait()
		if n := fetches.Load(); n != 1 {
			t.Errorf("%d fetches for 100 callers, want 1", n)
		}
	})
}

func TestDiscoveryOutlivesTheCallerWhoBeganIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cache metadataCache
		want := &metadata{}
		fetch := func(ctx context.Context) (*metadata, error) {
			select {
			case <-time.After(3 * time.Second):
				return want, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := cache.get(impatient, time.Now, fetch)
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("impatient get error = %v, want ErrUnavailable and DeadlineExceeded", err)
			}
		})
		synctest.Wait()
		if md, err := cache.get(t.Context(), time.Now, fetch); md != want || err != nil {
			t.Errorf("patient get = %v, %v, want the document", md, err)
		}
		wg.Wait()
	})
}

func TestDiscoveryIsRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cache metadataCache
		fetches, down := 0, false
		fetch := func(context.Context) (*metadata, error) {
			fetches++
			if down {
				return nil, unavailable(stepDiscovery, "status 500")
			}
			return &metadata{tokenURL: strings.Repeat("x", fetches)}, nil
		}
		for _, s := range []struct {
			name    string
			wait    time.Duration
			down    bool
			want    int // which fetch the document came from, 0 for an error
			fetches int // so far, once all is quiet
		}{
			{"the first time", 0, false, 1, 1},
			{"at once again", 0, false, 1, 1},
			{"just before it is old", time.Hour - time.Nanosecond, false, 1, 1},
			{"when it is old, that one while another is fetched", time.Nanosecond, false, 1, 2},
			{"then the other", 0, false, 2, 2},
			{"when the issuer is down, the old one", 2 * time.Hour, true, 2, 3},
			{"without another attempt within the pause", time.Second - time.Nanosecond, true, 2, 3},
			{"with another attempt after it", time.Nanosecond, true, 2, 4},
			{"just before the old one is too old", 22*time.Hour - time.Second - time.Nanosecond, true, 2, 5},
			{"when it is too old, an error", time.Second, true, 0, 6},
			{"the same error within the pause", time.Second - time.Nanosecond, true, 0, 6},
			{"the same error after another attempt", time.Nanosecond, true, 0, 7},
			{"when the issuer is back, a new one", time.Second, false, 8, 8},
		} {
			time.Sleep(s.wait)
			down = s.down
			md, err := cache.get(t.Context(), time.Now, fetch)
			synctest.Wait() // for a fetch in the background
			if (md != nil) != (s.want > 0) || md != nil && len(md.tokenURL) != s.want || (err != nil) != (s.want == 0) {
				t.Errorf("%s: get = %v, %v, want the document of fetch %d", s.name, md, err, s.want)
			}
			if fetches != s.fetches {
				t.Errorf("%s: %d fetches so far, want %d", s.name, fetches, s.fetches)
			}
		}
	})
}

func TestDiscoveryClockMayJumpBack(t *testing.T) {
	t.Parallel()
	var cache metadataCache
	now := testTime
	fetches := 0
	get := func() {
		t.Helper()
		if _, err := cache.get(t.Context(), func() time.Time { return now }, func(context.Context) (*metadata, error) {
			fetches++
			return &metadata{}, nil
		}); err != nil {
			t.Errorf("get error = %v, want none", err)
		}
	}
	get()
	now = now.Add(-48 * time.Hour)
	get()
	if fetches != 2 {
		t.Errorf("%d fetches, want 2: a document from the future is not fresh", fetches)
	}
}

func TestDiscoverySurvivesAPanickingTransport(t *testing.T) {
	t.Parallel()
	var cache metadataCache
	_, err := cache.get(t.Context(), time.Now, func(context.Context) (*metadata, error) { panic("secret") })
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("get error = %v, want ErrUnavailable", err)
	}
}

func TestParseMetadata(t *testing.T) {
	t.Parallel()
	const issuer = "https://issuer.example"
	const missing = "\x00missing"
	for _, tt := range []struct {
		name   string
		issuer string
		change map[string]any
		ok     bool
	}{
		{"as it should be", issuer, nil, true},
		{"without userinfo", issuer, map[string]any{"userinfo_endpoint": missing}, true},
		{"endpoints on other hosts", issuer, map[string]any{"token_endpoint": "https://token.example/"}, true},
		{"another issuer", issuer, map[string]any{"issuer": "https://other.example"}, false},
		{"issuer with a slash", issuer, map[string]any{"issuer": issuer + "/"}, false},
		{"issuer with a slash, as configured", issuer + "/", map[string]any{"issuer": issuer + "/"}, true},
		{"issuer without the slash that is configured", issuer + "/", nil, false},
		{"issuer in capitals", issuer, map[string]any{"issuer": "https://ISSUER.example"}, false},
		{"no issuer", issuer, map[string]any{"issuer": missing}, false},
		{"null issuer", issuer, map[string]any{"issuer": nil}, false},
		{"http to another host", issuer, map[string]any{"token_endpoint": "http://token.example/"}, false},
		{"http to loopback from an https issuer", issuer, map[string]any{"token_endpoint": "http://127.0.0.1/"}, false},
		{"http userinfo", issuer, map[string]any{"userinfo_endpoint": "http://issuer.example/"}, false},
		{"http keys", issuer, map[string]any{"jwks_uri": "http://issuer.example/"}, false},
		{"http authorization", issuer, map[string]any{"authorization_endpoint": "http://issuer.example/"}, false},
		{"http from a loopback issuer", "http://127.0.0.1:1", map[string]any{"issuer": "http://127.0.0.1:1", "token_endpoint": "http://127.0.0.1:2/"}, true},
		{"http to another host from a loopback issuer", "http://127.0.0.1:1", map[string]any{"issuer": "http://127.0.0.1:1", "token_endpoint": "http://token.example/"}, false},
		{"script", issuer, map[string]any{"authorization_endpoint": "javascript:alert(1)"}, false},
		{"a relative address", issuer, map[string]any{"token_endpoint": "/token"}, false},
		{"an address with a fragment", issuer, map[string]any{"authorization_endpoint": "https://issuer.example/a#b"}, false},
		{"no token endpoint", issuer, map[string]any{"token_endpoint": missing}, false},
		{"a list of token endpoints", issuer, map[string]any{"token_endpoint": []string{"https://issuer.example/"}}, false},
		{"no keys", issuer, map[string]any{"jwks_uri": missing}, false},
		{"null userinfo", issuer, map[string]any{"userinfo_endpoint": nil}, false},
		{"neither header nor form", issuer, map[string]any{"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}}, false},
		{"no authentication", issuer, map[string]any{"token_endpoint_auth_methods_supported": []string{"none"}}, false},
		{"null methods", issuer, map[string]any{"token_endpoint_auth_methods_supported": nil}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := map[string]any{
				"issuer": issuer, "authorization_endpoint": issuer + "/a", "token_endpoint": issuer + "/t",
				"jwks_uri": issuer + "/k", "userinfo_endpoint": issuer + "/u",
			}
			maps.Copy(doc, tt.change)
			maps.DeleteFunc(doc, func(_ string, v any) bool { return v == missing })
			md, err := parseMetadata(mustMarshal(doc), tt.issuer)
			if (err == nil) != tt.ok || (md == nil) == tt.ok {
				t.Errorf("parseMetadata = %v, %v, want success %t", md, err, tt.ok)
			}
			if err != nil && !errors.Is(err, ErrRejected) {
				t.Errorf("error = %v, want ErrRejected", err)
			}
		})
	}
}

func TestClientAuthIsChosenOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		offer any // nil for no word on it
		want  oauth2.AuthStyle
		ok    bool
	}{
		"no word":        {nil, oauth2.AuthStyleInHeader, true},
		"both":           {[]string{"client_secret_post", "client_secret_basic"}, oauth2.AuthStyleInHeader, true},
		"header only":    {[]string{"client_secret_basic"}, oauth2.AuthStyleInHeader, true},
		"form only":      {[]string{"client_secret_post", "private_key_jwt"}, oauth2.AuthStyleInParams, true},
		"something else": {[]string{"client_secret_jwt", "tls_client_auth"}, 0, false},
		"nothing":        {[]string{}, 0, false},
	} {
		m := members{}
		if tt.offer != nil {
			m["token_endpoint_auth_methods_supported"] = mustMarshal(tt.offer)
		}
		got, ok := clientAuth(m)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: clientAuth = %v, %t, want %v, %t", name, got, ok, tt.want, tt.ok)
		}
		if ok && got == oauth2.AuthStyleAutoDetect {
			t.Errorf("%s: clientAuth leaves the choice to trial, which sends the code twice", name)
		}
	}
}

func TestWellKnown(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]string{
		"https://issuer.example":        "https://issuer.example/.well-known/openid-configuration",
		"https://issuer.example/":       "https://issuer.example/.well-known/openid-configuration",
		"https://issuer.example/realms": "https://issuer.example/realms/.well-known/openid-configuration",
		"https://issuer.example/r/":     "https://issuer.example/r/.well-known/openid-configuration",
	} {
		if got := wellKnown(issuer); got != want {
			t.Errorf("wellKnown(%s) = %s, want %s", issuer, got, want)
		}
	}
}
