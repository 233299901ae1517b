package flows_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/auth/pages"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

// sampled is how many requests the short form sends to each store.
const sampled = 1500

// TestInjection writes the texts of the corpus into every field of every route:
// bodies, forms, queries, paths, headers and cookies. Nothing is answered with a
// failure of the service, nothing of a text shows raw in HTML, a header or a line of
// the log, nobody else's rows change, and what is stored reads back as it was sent,
// or as the documented rule changes it. By default a sample is sent, the same each
// time.
func TestInjection(t *testing.T) {
	t.Parallel()
	texts := corpus(t)
	requests := sampled / stride
	if every := os.Getenv("AEGIS_CORPUS"); every == "all" {
		requests = math.MaxInt
	} else if every != "" {
		requests = number(t, "AEGIS_CORPUS", 0)
	}
	eachStore(t, func(t *testing.T, st store.Store) {
		s := newScene(t, st)
		list := s.fields(t)
		step := max(1, len(texts)*len(list)/requests)
		before := s.bystanders()
		for i, f := range list {
			t.Run(f.String(), func(t *testing.T) {
				s.tb = t
				s.inject(t, f, texts, i, step)
				if after := s.bystanders(); after != before {
					t.Errorf("somebody else's rows changed from\n%s\nto\n%s", before, after)
				}
			})
		}
		s.tb = t
		s.flush()
		s.counted(t)
		t.Logf("%d requests with %d texts in %d fields; %d were done, of which %d were read back", s.sent, len(texts), len(list), s.done, s.read)
		if s.read == 0 {
			t.Error("nothing was read back")
		}
		if _, err := s.VerifyAudit(t.Context()); err != nil {
			t.Errorf("the audit trail: %v", err)
		}
	})
}

// scene is a stage with organizations, pages, and people to act and be acted upon.
type scene struct {
	*stage
	orgs                    *org.Service
	routes                  []auth.Route
	stranger, actor, target *client
	bystander               *client
	org, theirs             string
	log                     lines

	sent, done, read, made, gone int
}

// lines is a log that is read line by line.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

func newScene(t *testing.T, st store.Store) *scene {
	t.Helper()
	s := new(scene)
	w := newWorld(t, st, func(c *auth.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Providers = []oauth.Provider{oauth.GitHub("client", "client secret of the provider")}
		c.MetadataKeys = []string{"theme"}
	})
	s.stage = &stage{w, w.admin()}
	var err error
	s.orgs, err = org.New(s.Service, org.Config{})
	s.must(err)
	p, err := pages.New(s.Service, pages.Config{Organizations: s.orgs})
	s.must(err)
	s.routes = append(append(s.Routes(), s.orgs.Routes()...), p.Routes()...)
	s.handler = auth.NewMux(s.Service, s.routes, s.Path(), "/orgs")
	s.stranger = s.browser()
	s.bystander = s.register()
	s.theirs = s.newOrg(s.bystander, "theirs")
	s.renew()
	return s
}

// renew makes new people to act and be acted upon.
func (s *scene) renew() {
	s.actor, s.target = s.register(), s.register()
	s.clock.advance(time.Microsecond)
	s.org = s.newOrg(s.actor, fmt.Sprintf("org-%d", s.people.Load()))
	s.stranger = s.browser()
	s.boss.refresh().want(s.tb, 200)
}

func (s *scene) newOrg(c *client, slug string) string {
	s.tb.Helper()
	o, err := s.orgs.Create(s.tb.Context(), c.id, "An Organization", slug, "")
	s.must(err)
	return o.ID
}

// bystanders is what is stored of those whom no request is about.
func (s *scene) bystanders() string {
	s.tb.Helper()
	ctx := s.tb.Context()
	u, err := s.config.Store.UserByID(ctx, s.bystander.id)
	s.must(err)
	rows, err := s.Sessions(ctx, s.bystander.id)
	s.must(err)
	o, err := s.config.Store.(store.OrgStore).OrgByID(ctx, s.theirs)
	s.must(err)
	text := fmt.Sprintf("%+v %+v", *u, *o)
	for _, row := range rows {
		text += fmt.Sprintf("\n%+v", *row)
	}
	return text
}

// lasting are the routes after which the same people can go on.
var lasting = map[string]bool{
	"me.update": true, "users.update": true, "orgs.create": true, "orgs.update": true, "register": true, "users.create": true,
	"token": true, "me": true, "sessions": true, "reauthenticate": true, "revoke": true,
}

// inject sends texts in one field.
func (s *scene) inject(t *testing.T, f field, texts []string, offset, step int) {
	t.Helper()
	neutral := s.serve(s.request(f, "neutral"))
	s.renewAfter(f, neutral)
	s.log.take()
	for i := (offset * 7919) % step; i < len(texts); i += step {
		text := texts[i]
		if !f.valid(text) {
			continue
		}
		a := s.serve(s.request(f, text))
		s.sent++
		s.judge(t, f, text, neutral, a)
		if t.Failed() {
			t.Fatalf("text %d, %.200q: %.300v", i, text, a)
		}
		if a.Code/100 == 2 {
			s.done++
			s.readBack(t, f, text, a)
		}
		s.renewAfter(f, a)
	}
	s.flush()
	for _, m := range s.mail.list {
		if strings.ContainsAny(m.Subject+m.To, "\r\n") || m.To != strings.ToLower(m.To) {
			t.Errorf("%v: a mail to %q, subject %q", f, m.To, m.Subject)
		}
	}
	s.forget()
}

// renewAfter makes new people where those there are may have changed.
func (s *scene) renewAfter(f field, a *answer) {
	if a.Code < 400 && f.route.Method() != "GET" && !lasting[f.route.Name] || f.route.Name == "refresh" && len(a.cookies) > 0 {
		s.renew()
	}
}

// forget drops what was kept for checks that are made.
func (s *scene) forget() {
	for _, e := range s.journal.list {
		switch e.Kind {
		case auth.UserRegistered:
			s.made++
		case auth.UserHardDeleted:
			s.gone++
		}
	}
	s.journal.list, s.mail.list, s.handed.families, s.handed.fresh = nil, nil, nil, nil
}

// special reports whether a text, shown as it is, could be more than text.
func special(text string) bool {
	return len(text) >= 4 && (strings.ContainsAny(text, `<>"'`) || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }))
}

// judge checks an answer, and what was logged for it.
func (s *scene) judge(t *testing.T, f field, text string, neutral, a *answer) {
	t.Helper()
	if a.Code >= 500 {
		t.Errorf("%d, want no failure of the service", a.Code)
	}
	kind := a.Header().Get("Content-Type")
	for name, values := range a.Header() {
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") || special(text) && strings.Contains(v, text) {
				t.Errorf("header %s is %q", name, v)
			}
		}
	}
	isHTML := strings.HasPrefix(kind, "text/html")
	if isHTML && special(text) && strings.ContainsAny(text, `<>"'`) &&
		strings.Count(a.Body.String(), text) > strings.Count(neutral.Body.String(), text) {
		t.Errorf("the page shows it raw:\n%.2000s", a.Body)
	}
	if !isHTML && a.Body.Len() > 0 && (a.Code != 405 && !strings.Contains(kind, "json") || a.Header().Get("X-Content-Type-Options") != "nosniff") && a.Code/100 != 3 {
		t.Errorf("Content-Type %q, X-Content-Type-Options %q", kind, a.Header().Get("X-Content-Type-Options"))
	}
	log := s.log.take()
	if log != "" && !strings.HasSuffix(log, "\n") {
		t.Errorf("the log ends within a line: %q", log)
	}
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "time=") || strings.ContainsFunc(line[:len(line)-1], func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("a line of the log is %q", line)
		}
		if special(text) && strings.ContainsAny(text, `"`) && strings.Contains(strings.ReplaceAll(line, `\"`, `\`), text) {
			t.Errorf("the log shows it raw: %q", line)
		}
	}
}

// readBack checks what was stored of a text.
func (s *scene) readBack(t *testing.T, f field, text string, a *answer) {
	t.Helper()
	if f.in == "raw" {
		return
	}
	ctx := t.Context()
	var got, want string
	user := func() *store.User {
		u, err := s.config.Store.UserByID(ctx, a.json(t)["id"].(string))
		s.must(err)
		return u
	}
	ofOrg := func() *store.Org {
		o, err := s.config.Store.(store.OrgStore).OrgByID(ctx, a.json(t)["id"].(string))
		s.must(err)
		return o
	}
	switch f.key() {
	case "register full_name", "users.create full_name", "me.update full_name", "users.update full_name":
		got, want = user().Name, strings.TrimSpace(text)
	case "register email", "users.create email":
		got, want = user().Email, strings.ToLower(text)
	case "me.update metadata":
		got, want = textOf(user().Metadata["theme"]), text
	case "orgs.create name", "orgs.update name":
		got, want = ofOrg().Name, strings.TrimSpace(text)
	case "orgs.create slug", "orgs.update slug":
		got, want = ofOrg().Slug, text
	case "orgs.create description", "orgs.update description":
		got, want = ofOrg().Description, strings.TrimSpace(text)
	case "orgs.invites.create email":
		got, want = fmt.Sprint(a.json(t)["email"]), strings.ToLower(text)
	case "register password":
		got, want = fmt.Sprint(s.browser().signIn(a.json(t)["email"].(string), text).Code), "200"
	case "password.change new_password":
		got, want = fmt.Sprint(s.browser().signIn(s.actor.email, text).Code), "200"
	case "token User-Agent":
		rows, err := s.Sessions(ctx, s.target.id)
		s.must(err)
		found := false
		for _, row := range rows {
			found = found || row.UserAgent == cleaned(text)
		}
		got, want = fmt.Sprint(found), "true"
	default:
		return
	}
	s.read++
	if got != want {
		t.Fatalf("%v: %.300q reads back as %.300q, want %.300q", f, text, got, want)
	}
}

// textOf reads a JSON string.
func textOf(raw json.RawMessage) (text string) {
	if json.Unmarshal(raw, &text) != nil {
		return "no text"
	}
	return text
}

// cleaned is what is kept of a browser's name: what can be printed of it, and 256
// bytes at most.
func cleaned(text string) string {
	var b strings.Builder
	for _, r := range strings.Trim(text, " \t") {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > 256 {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// counted checks that there are as many users as were made, and not deleted for good.
func (s *scene) counted(t *testing.T) {
	t.Helper()
	s.forget()
	rows := 0
	var after store.Cursor
	for {
		list, err := s.config.Store.(store.UserLister).ListUsers(t.Context(), store.UserQuery{Status: store.StatusAny, After: after, Limit: 200})
		s.must(err)
		if rows += len(list); len(list) < 200 {
			break
		}
		last := list[len(list)-1]
		after = store.Cursor{At: last.CreatedAt, ID: last.ID}
	}
	if rows != s.made-s.gone {
		t.Errorf("%d users, want %d: %d were made, and %d deleted for good", rows, s.made-s.gone, s.made, s.gone)
	}
}
