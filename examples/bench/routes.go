package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/examples/bench/turns"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store/memstore"
)

// routesTable sends requests to every route of the route table, on a store in
// memory, and says what one took. Passwords are hashed as cheaply as possible.
func routesTable(o options, w io.Writer) error {
	s, err := newService(memstore.New(), withProvider)
	if err != nil {
		return err
	}
	s.end()
	var rows [][]string
	for _, route := range s.Routes() {
		cells, err := measureRoute(route.Name, o.rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", route.Pattern, err)
		}
		rows = append(rows, append([]string{"`" + strings.Replace(route.Pattern, " /auth", " {P}", 1) + "`"}, cells...))
	}
	_, err = io.WriteString(w, turns.Table([]string{"route", "answer", "time", "allocations", "bytes"}, rows))
	return err
}

func withProvider(c *auth.Config) { c.Providers = []oauth.Provider{oauth.GitHub("id", "secret")} }

// measureRoute sends rounds requests of rounds administrators to a route, and one
// before them that is not counted: what is done for the first time is done then.
func measureRoute(name string, rounds int) ([]string, error) {
	world, err := newWorld(rounds + 1)
	if err != nil {
		return nil, err
	}
	defer world.end()
	h := world.Mux()
	var times, allocs, bytes []float64
	answer := 0
	for i := range rounds + 1 {
		r, err := world.request(name, i)
		if err != nil {
			return nil, err
		}
		if err := world.Flush(context.Background()); err != nil {
			return nil, err
		}
		w := &sink{header: http.Header{}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		h.ServeHTTP(w, r)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		answer = max(w.status, http.StatusOK)
		if want := refusals[name]; answer >= 400 && answer != want {
			return nil, fmt.Errorf("request %d was answered with %d", i, answer)
		}
		if i > 0 {
			times = append(times, float64(took))
			allocs = append(allocs, float64(after.Mallocs-before.Mallocs))
			bytes = append(bytes, float64(after.TotalAlloc-before.TotalAlloc))
		}
	}
	return []string{fmt.Sprint(answer), turns.Time(turns.Median(times)), turns.Count(turns.Median(allocs)), turns.Count(turns.Median(bytes))}, nil
}

// refusals are the routes whose success would need a provider that answers, and
// that do not say so with a redirect.
var refusals = map[string]int{"oauth.disconnect": 404}

// world is a service with many administrators who are signed in, and as many
// users for them to deal with.
type world struct {
	*service
	admins  []*auth.Grant
	targets []*auth.Grant
}

func newWorld(n int) (*world, error) {
	s, err := newService(memstore.New(), withProvider)
	if err != nil {
		return nil, err
	}
	w := &world{service: s}
	if _, err := s.account("last@example.com", "admin"); err != nil { // who must stay
		return nil, err
	}
	for i := range n {
		admin, err := s.account(email("admin", i), "admin")
		if err != nil {
			return nil, err
		}
		target, err := s.account(email("user", i), "user")
		if err != nil {
			return nil, err
		}
		w.admins, w.targets = append(w.admins, admin), append(w.targets, target)
	}
	return w, nil
}

type object map[string]string

// bodies are of the routes that take JSON which is the same for everybody.
var bodies = map[string]object{
	"me.update":       {"full_name": "New Name"},
	"users.update":    {"full_name": "New Name"},
	"users.set_role":  {"role": "moderator"},
	"me.delete":       {"password": password},
	"reauthenticate":  {"password": password},
	"password.change": {"current_password": password, "new_password": "quite another horse battery"},
}

// request returns the i-th request to a route, and prepares what it needs.
func (w *world) request(name string, i int) (*http.Request, error) {
	ctx := context.Background()
	admin, target := w.admins[i], w.targets[i]
	body, form := bodies[name], url.Values(nil)
	path := strings.NewReplacer("{id}", target.User.ID, "{provider}", "github")
	fresh := fmt.Sprintf("fresh%d@example.com", i)
	var err error
	switch name {
	case "register":
		body = object{"email": fresh, "password": password, "full_name": "Some One"}
	case "users.create":
		body = object{"email": fresh, "role": "user"}
	case "token":
		form = url.Values{"grant_type": {"password"}, "username": {target.User.Email}, "password": {password}}
	case "revoke":
		form = url.Values{"token": {target.RefreshToken}}
	case "password.request_reset":
		body = object{"email": target.User.Email}
	case "password.reset":
		if err = w.RequestPasswordReset(ctx, target.User.Email); err == nil {
			body, err = w.mailed(target.User.Email)
			body["new_password"] = "quite another horse battery"
		}
	case "email.verify":
		if err = w.RequestVerification(ctx, target.User.ID); err == nil {
			body, err = w.mailed(target.User.Email)
		}
	case "email.request_change":
		body = object{"email": fresh}
	case "email.change":
		if err = w.RequestEmailChange(ctx, target.User.ID, fresh); err == nil {
			body, err = w.mailed(fresh)
		}
	case "sessions.revoke":
		var other *auth.Grant
		if other, err = w.StartSession(ctx, admin.User, "password", auth.Device{}); err == nil {
			path = strings.NewReplacer("{id}", other.Session.ID)
		}
	case "users.restore":
		err = w.DeleteUser(ctx, target.User.ID, false)
	}
	if err != nil {
		return nil, err
	}
	return w.build(name, path, body, form, admin)
}

// mailed is the token in the last mail to an address.
func (w *world) mailed(address string) (object, error) {
	if err := w.Flush(context.Background()); err != nil {
		return nil, err
	}
	m := w.outbox.Last(address)
	if m == nil {
		return nil, fmt.Errorf("no mail to %s", address)
	}
	link, err := url.Parse(m.Link)
	if err != nil {
		return nil, err
	}
	return object{"token": link.Query().Get("token")}, nil
}

func (w *world) build(name string, path *strings.Replacer, body object, form url.Values, admin *auth.Grant) (*http.Request, error) {
	for _, route := range w.Routes() {
		if route.Name != name {
			continue
		}
		content, kind := "", ""
		switch {
		case form != nil:
			content, kind = form.Encode(), "application/x-www-form-urlencoded"
		case route.Method() != "GET":
			if body == nil {
				body = object{}
			}
			text, err := json.Marshal(body)
			if err != nil {
				return nil, err
			}
			content, kind = string(text), "application/json"
		}
		r := httptest.NewRequest(route.Method(), path.Replace(route.Path()), strings.NewReader(content))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		if name == "refresh" {
			cookies := httptest.NewRecorder()
			w.SetCookies(cookies, admin)
			for _, c := range cookies.Result().Cookies() {
				r.AddCookie(c)
			}
		} else if route.Access != "public" || name == "logout" {
			r.Header.Set("Authorization", "Bearer "+admin.AccessToken)
		}
		return r, nil
	}
	return nil, fmt.Errorf("there is no route %q", name)
}
