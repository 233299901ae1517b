// Pocketbase compares a route behind svc.Guard() on SQLite with one of PocketBase,
// which reads the user from SQLite on every request as well. It is a module of its
// own, as what it needs takes longer to build than all the other contestants.
//
//	go run ./examples/bench/pocketbase
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/examples/bench/turns"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

func main() {
	rounds := flag.Int("rounds", 20, "`turns` of each contestant")
	slice := flag.Duration("slice", 20*time.Millisecond, "length of a turn")
	flag.Parse()
	text, err := table(*rounds, *slice)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pocketbase:", err)
		os.Exit(1)
	}
	fmt.Print(text)
}

// route is a handler behind a guard, and tokens that it lets pass.
type route struct {
	name    string
	handler http.Handler
	tokens  []string
}

// many is how many users take turns: PocketBase hashes a password for each, and not
// cheaply.
const many = 8

// routes are the two contestants, which protect next. end removes what they
// wrote.
func routes(next http.Handler) (ours, theirs route, end func() error, err error) {
	dir, err := os.MkdirTemp("", "aegis-bench-")
	if err != nil {
		return ours, theirs, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	ours, endOurs, err := aegis(filepath.Join(dir, "aegis.db"), next)
	if err != nil {
		return ours, theirs, nil, errors.Join(err, remove())
	}
	theirs, endTheirs, err := pocketBase(filepath.Join(dir, "pocketbase"), next)
	if err != nil {
		return ours, theirs, nil, errors.Join(err, endOurs(), remove())
	}
	return ours, theirs, func() error { return errors.Join(endOurs(), endTheirs(), remove()) }, nil
}

func aegis(path string, next http.Handler) (r route, end func() error, err error) {
	ctx := context.Background()
	st, err := sqlstore.Open("sqlite", path, sqlstore.Config{})
	if err != nil {
		return r, nil, err
	}
	if err := st.Migrate(ctx); err != nil {
		return r, nil, errors.Join(err, st.Close())
	}
	svc, err := auth.New(auth.Config{
		Store: st, Secret: []byte("V7kQ2mZp9xLr4Tn8Wc3Yb6Jd1Hs5Gf0A-bench"), BaseURL: "http://localhost:8000/auth",
		Hasher: auth.InsecureBcrypt(4), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return r, nil, errors.Join(err, st.Close())
	}
	end = func() error { return errors.Join(svc.Close(ctx), st.Close()) }
	r = route{name: "aegis, live", handler: svc.Guard().RequireUser(next)}
	for i := range many {
		u, err := svc.NewAccount(ctx, auth.Registrant{Email: fmt.Sprintf("user%d@example.com", i), Password: "correct horse battery staple"}, "")
		if err != nil {
			return r, nil, errors.Join(err, end())
		}
		g, err := svc.StartSession(ctx, u, "password", auth.Device{})
		if err != nil {
			return r, nil, errors.Join(err, end())
		}
		r.tokens = append(r.tokens, g.AccessToken)
	}
	return r, end, nil
}

func pocketBase(dir string, next http.Handler) (r route, end func() error, err error) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return r, nil, err
	}
	end = app.ResetBootstrapState
	r.name = "pocketbase"
	if err := app.RunAllMigrations(); err != nil {
		return r, nil, errors.Join(err, end())
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return r, nil, errors.Join(err, end())
	}
	for i := range many {
		u := core.NewRecord(users)
		u.SetEmail(fmt.Sprintf("user%d@example.com", i))
		u.SetRandomPassword()
		if err := app.SaveNoValidate(u); err != nil {
			return r, nil, errors.Join(err, end())
		}
		raw, err := u.NewAuthToken()
		if err != nil {
			return r, nil, errors.Join(err, end())
		}
		r.tokens = append(r.tokens, raw)
	}
	router, err := apis.NewRouter(app)
	if err != nil {
		return r, nil, errors.Join(err, end())
	}
	// Its log of requests would be written by nobody else.
	router.GET("/hello", apis.WrapStdHandler(next)).Bind(apis.SkipSuccessActivityLog()).Bind(apis.RequireAuth())
	if r.handler, err = router.BuildMux(); err != nil {
		return r, nil, errors.Join(err, end())
	}
	return r, end, nil
}

// request is one that carries a token.
func request(token string) *http.Request {
	r := httptest.NewRequest("GET", "/hello", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func (r route) contestant() turns.Contestant {
	return turns.Contestant{Name: r.name, Worker: func() func() error {
		var list []*http.Request
		for _, raw := range r.tokens {
			list = append(list, request(raw))
		}
		i := 0
		return func() error {
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, list[i%len(list)])
			i++
			if w.Code != http.StatusOK {
				return fmt.Errorf("refused with %d: %s", w.Code, w.Body)
			}
			return nil
		}
	}}
}

func table(rounds int, slice time.Duration) (text string, err error) {
	ours, theirs, end, err := routes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, end()) }()
	results, err := turns.Run(turns.Settings{Rounds: rounds, Slice: slice, Procs: 1, CPU: true}, []turns.Contestant{ours.contestant(), theirs.contestant()})
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, r := range results {
		rows = append(rows, []string{r.Name, turns.Time(r.Median()), turns.Ratio(r.Over(results[0])), turns.Count(r.Allocs), turns.Count(r.Bytes)})
	}
	return turns.Table([]string{"SQLite, time of the processor", "1 processor", "÷ live", "allocations", "bytes"}, rows), nil
}
