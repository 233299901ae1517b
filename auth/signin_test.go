package auth_test

import (
	"context"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// failingSignIns prepares one account for each way in which a sign-in can fail,
// and returns the address and password of each.
func failingSignIns(t *testing.T, e *env) map[string][2]string {
	t.Helper()
	c := e.client(t)
	cases := map[string][2]string{"unknown address": {"nobody@example.com", aliceWords}, "no address": {"not an address", aliceWords}}
	add := func(name string, change func(u *store.User)) {
		email := strings.ReplaceAll(name, " ", "-") + "@example.com"
		id := c.register(email, aliceWords).json(t)["id"].(string)
		if change != nil {
			if _, err := e.UpdateUser(t.Context(), id, func(u *store.User) error { change(u); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		password := aliceWords
		if change == nil {
			password = "not the password"
		}
		cases[name] = [2]string{email, password}
	}
	add("wrong password", nil)
	add("no password", func(u *store.User) { u.PasswordHash = "" })
	add("disabled", func(u *store.User) { u.Disabled = true })
	add("deleted", func(u *store.User) { u.DeletedAt = e.clock.Now() })
	return cases
}

// TestFailedSignInsLookAlike compares whole responses, headers and their order
// included, but for what no two responses share.
func TestFailedSignInsLookAlike(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var first, firstName string
	for name, in := range failingSignIns(t, e) {
		a := e.client(t).form("/auth/token", "username", in[0], "password", in[1])
		a.Header.Del("Date")
		id := a.Header.Get("X-Request-Id")
		var raw strings.Builder
		a.Header.Write(&raw)
		whole := strings.ReplaceAll(a.Status+"\n"+raw.String()+string(a.body), id, "ID")
		if a.StatusCode != 401 || a.code(t) != "invalid_credentials" {
			t.Errorf("%s = %d %s, want 401 invalid_credentials", name, a.StatusCode, a.body)
		}
		if first == "" {
			first, firstName = whole, name
		} else if whole != first {
			t.Errorf("%s and %s differ:\n%s\n%s", name, firstName, whole, first)
		}
	}
}

// TestFailedSignInsAreTold: the log says why nobody was signed in, and a password
// that is right counts as wrong where it may not pass.
func TestFailedSignInsAreTold(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	reasons := map[string]string{"unknown address": "unknown", "no address": "unknown", "wrong password": "wrong_password",
		"no password": "no_password", "disabled": "inactive", "deleted": "unknown"}
	var got []string
	e.Subscribe(func(_ context.Context, ev auth.Event) {
		if ev.Kind == auth.SignInFailed {
			got = append(got, ev.Attrs[0].Value.String())
		} else {
			got = append(got, string(ev.Kind))
		}
	})
	for name, in := range failingSignIns(t, e) {
		got = nil
		e.client(t).form("/auth/token", "username", in[0], "password", in[1])
		if want := []string{reasons[name]}; !slices.Equal(got, want) {
			t.Errorf("%s is told as %q, want %q", name, got, want)
		}
	}
}

// countingHasher counts what is compared.
type countingHasher struct {
	auth.Hasher
	compared atomic.Int64
}

func (h *countingHasher) Compare(hash, password string) error {
	h.compared.Add(1)
	return h.Hasher.Compare(hash, password)
}

// TestFailedSignInsDoTheSameWork counts the passwords that are compared, which
// is all the work that matters.
func TestFailedSignInsDoTheSameWork(t *testing.T) {
	t.Parallel()
	h := &countingHasher{Hasher: auth.InsecureBcrypt(4)}
	e := newEnv(t, func(c *auth.Config) {
		c.Hasher = h
		c.Limits = auth.Limits{SignIn: []auth.Rate{{Limit: 1000, Per: time.Minute}}, Register: []auth.Rate{{Limit: 1000, Per: time.Minute}}}
	})
	cases := failingSignIns(t, e)
	locked := cases["wrong password"]
	for range 6 { // until the account is locked
		e.client(t).form("/auth/token", "username", locked[0], "password", locked[1])
	}
	cases["locked, with the right password"] = [2]string{locked[0], aliceWords}
	for name, in := range cases {
		before := h.compared.Load()
		if a := e.client(t).form("/auth/token", "username", in[0], "password", in[1]); a.StatusCode != 401 {
			t.Errorf("%s = %d %s, want 401", name, a.StatusCode, a.body)
		}
		if n := h.compared.Load() - before; n != 1 {
			t.Errorf("%s compares %d passwords, want 1", name, n)
		}
	}
}

// TestParallelGuessesNeverPassTheLimit sends 200 guesses at once, the right
// password among them, from as many addresses as it takes.
func TestParallelGuessesNeverPassTheLimit(t *testing.T) {
	t.Parallel()
	h := &countingHasher{Hasher: auth.InsecureBcrypt(4)}
	open := []auth.Rate{{Limit: 100000, Per: time.Minute}}
	e := newEnv(t, func(c *auth.Config) { c.Hasher = h; c.Limits = auth.Limits{SignIn: open, Register: open} })
	e.client(t).register(alice, aliceWords)
	var mu sync.Mutex
	var ok int
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			password := "wrong guess"
			if i >= 190 {
				password = aliceWords
			}
			_, err := e.SignIn(t.Context(), alice, password, auth.Device{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ok++
			}
		})
	}
	wg.Wait()
	// Five guesses are looked at, or, if a right one was among them and cleared
	// the count, those up to it and five more.
	if ok > 10 {
		t.Errorf("%d of 10 right guesses passed", ok)
	}
	if n := strings.Count(e.log.String(), `"reason":"wrong_password"`); n > 200 || n == 0 {
		t.Errorf("%d failures logged", n)
	}
}

// TestLockedOutStrangersDoNotLockTheOwnerOut: the owner's browser has a mark.
func TestLockedOutStrangersDoNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	open := []auth.Rate{{Limit: 100000, Per: time.Minute}}
	e := newEnv(t, func(c *auth.Config) { c.Limits = auth.Limits{SignIn: open, Register: open} })
	owner := e.browser(t)
	owner.register(alice, aliceWords)
	owner.want(owner.post("/auth/logout", nil), 200)
	stranger := e.client(t)
	for range 20 {
		stranger.form("/auth/token", "username", alice, "password", "a guess of mine")
	}
	if a := stranger.form("/auth/token", "username", alice, "password", aliceWords); a.StatusCode != 401 {
		t.Errorf("the right password without a mark during a lock = %d, want 401", a.StatusCode)
	}
	owner.signIn(alice, aliceWords)
	if err := e.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	locked := 0
	for _, m := range e.mail.Messages() {
		if m.Kind == auth.MailLocked {
			locked++
		}
	}
	if locked != 1 {
		t.Errorf("%d mails tell of the lock, want one an hour", locked)
	}
	e.clock.Advance(time.Minute + time.Second)
	stranger.signIn(alice, aliceWords) // the lock ends by itself
}

func TestSignInLimitByAddressIsHonest(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Limits = auth.Limits{} })
	c := e.client(t)
	var limited *answer
	for i := range 11 {
		a := c.form("/auth/token", "username", "someone@example.com", "password", "whatever it is")
		if i < 10 && a.StatusCode != 401 || i == 10 && a.StatusCode != 429 {
			t.Fatalf("try %d = %d %s", i+1, a.StatusCode, a.body)
		}
		limited = a
	}
	if limited.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After = %q, want what is left of the minute, 60", limited.Header.Get("Retry-After"))
	}
	e.clock.Advance(60 * time.Second)
	if a := c.form("/auth/token", "username", "someone@example.com", "password", "whatever it is"); a.StatusCode != 401 {
		t.Errorf("after the wait = %d, want 401", a.StatusCode)
	}
}

func TestAnOwnSuccessDoesNotRefillTheAddress(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Limits = auth.Limits{} })
	c := e.client(t)
	c.register("attacker@example.com", aliceWords)
	var codes []int
	for range 3 {
		for range 4 {
			codes = append(codes, c.form("/auth/token", "username", alice, "password", "a guess of mine").StatusCode)
		}
		c.form("/auth/token", "username", "attacker@example.com", "password", aliceWords)
	}
	if n := sort.SearchInts(codes, 429); n > 10 {
		t.Errorf("%d guesses passed, want 10 at most: %v", n, codes)
	}
}

func TestRehashAtSignIn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	old, err := auth.InsecureBcrypt(5).Hash(aliceWords)
	if err != nil {
		t.Fatal(err)
	}
	id := e.client(t).register(alice, aliceWords).json(t)["id"].(string)
	if _, err := e.UpdateUser(t.Context(), id, func(u *store.User) error { u.PasswordHash = old; return nil }); err != nil {
		t.Fatal(err)
	}
	e.client(t).signIn(alice, aliceWords)
	u, err := e.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(u.PasswordHash, "$2a$04$") {
		t.Errorf("the hash after a sign-in is %.7s…, want the configured cost", u.PasswordHash)
	}
	e.client(t).signIn(alice, aliceWords)
}

func TestPrivateRegistrationTellsNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Registration = auth.RegistrationPrivate })
	c := e.client(t)
	var bodies []string
	for range 2 {
		a := c.want(c.post("/auth/register", obj{"email": alice, "password": aliceWords}), 202)
		if len(a.Cookies()) != 0 {
			t.Errorf("a private registration sets %v", a.Cookies())
		}
		bodies = append(bodies, string(a.body))
		if err := e.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if bodies[0] != bodies[1] {
		t.Errorf("a free and a taken address are answered %q and %q", bodies[0], bodies[1])
	}
	msgs := e.mail.Messages()
	kinds := make(map[auth.MailKind]*auth.Message)
	for _, m := range msgs {
		kinds[m.Kind] = m
	}
	if len(msgs) != 2 || kinds[auth.MailVerify] == nil || kinds[auth.MailAlreadyRegistered] == nil {
		t.Fatalf("mails = %v, want one to verify and one that says that there is an account", msgs)
	}
	if a := c.form("/auth/token", "username", alice, "password", aliceWords); a.StatusCode != 401 {
		t.Errorf("sign-in before the address is proved = %d, want 401", a.StatusCode)
	}
	c.want(c.post("/auth/verify-email", obj{"token": tokenIn(t, kinds[auth.MailVerify])}), 200)
	c.signIn(alice, aliceWords)
}

func TestClosedRegistration(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *auth.Config) { c.Registration = auth.RegistrationClosed })
	if a := e.client(t).post("/auth/register", obj{"email": alice, "password": aliceWords}); a.StatusCode != 403 || a.code(t) != "registration_closed" {
		t.Errorf("register = %d %s, want 403 registration_closed", a.StatusCode, a.body)
	}
}

func TestOneAddressOneAccount(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var created, taken atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			a := e.client(t).post("/auth/register", obj{"email": "Alice@Example.com", "password": aliceWords})
			for a.StatusCode == http.StatusServiceUnavailable { // more at once than the gate lets wait
				a = e.client(t).post("/auth/register", obj{"email": "Alice@Example.com", "password": aliceWords})
			}
			switch a.StatusCode {
			case http.StatusCreated:
				created.Add(1)
			case http.StatusConflict:
				taken.Add(1)
			default:
				t.Errorf("register = %d %s", a.StatusCode, a.body)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 || taken.Load() != 49 {
		t.Errorf("%d created and %d refused, want 1 and 49", created.Load(), taken.Load())
	}
}

// TestNewDevices: a user is told of a browser that was not seen before, and of no
// other sign-in.
func TestNewDevices(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	notices := func() (n int) {
		t.Helper()
		if err := e.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, m := range e.mail.Messages() {
			if m.Kind == auth.MailNewDevice {
				n++
			}
		}
		return n
	}
	first := e.browser(t)
	first.register(alice, aliceWords)
	first.want(first.post("/auth/logout", nil), 200)
	first.signIn(alice, aliceWords)
	if n := notices(); n != 0 {
		t.Errorf("%d notices of the browser that registered, want none", n)
	}
	e.client(t).signIn(alice, aliceWords)
	if n := notices(); n != 0 {
		t.Errorf("%d notices of a program, want none", n)
	}
	second := e.browser(t)
	second.signIn(alice, aliceWords)
	second.signIn(alice, aliceWords)
	if n := notices(); n != 1 {
		t.Errorf("%d notices of another browser that signed in twice, want one", n)
	}
}
