package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/storetest"
)

// open returns attempts with keys of their own, which are removed with the test.
func open(t *testing.T) *attempts {
	t.Helper()
	address := cmp.Or(os.Getenv("AEGIS_TEST_REDIS"), "redis://127.0.0.1:6379/0")
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := client.Ping(ctx).Err(); err != nil {
		if os.Getenv("AEGIS_TEST_REQUIRE_SERVERS") == "1" {
			t.Fatalf("there is no Redis at %s: %v", address, err)
		}
		t.Skipf("NOT RUN: there is no Redis at %s (%v). Start one, or name it in AEGIS_TEST_REDIS.", address, err)
	}
	a := &attempts{client: client, prefix: "aegis-test:" + rand.Text() + ":"}
	t.Cleanup(func() {
		ctx := context.Background()
		keys := client.Scan(ctx, 0, a.prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			client.Del(ctx, keys.Val())
		}
	})
	return a
}

// people is the least of a store, with attempts in Redis beside it.
type people struct {
	store.Store
	*attempts
}

// TestConformance says whether the one method keeps its contract, races
// included.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return people{memstore.New(), open(t)} })
}

// TestNodesCountTogether: of the attempts that one node allows, none is left on
// the other.
func TestNodesCountTogether(t *testing.T) {
	t.Parallel()
	shared, users := open(t), memstore.New()
	node := func() http.Handler {
		return authtest.New(t, func(c *auth.Config) {
			c.Store, c.Attempts = users, shared
			c.Limits = auth.Limits{SignIn: []auth.Rate{{Limit: 3, Per: time.Hour}}}
		}).Mux()
	}
	nodes := []http.Handler{node(), node()}
	var got []int
	for i := range 4 {
		form := url.Values{"username": {"nobody@example.com"}, "password": {"wrong"}}
		r := httptest.NewRequest(http.MethodPost, "/auth/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		nodes[i%2].ServeHTTP(w, r)
		got = append(got, w.Code)
	}
	if got[2] != 401 || got[3] != 429 {
		t.Errorf("four sign-ins on two nodes that allow three = %v, want 401 three times and 429", got)
	}
}
