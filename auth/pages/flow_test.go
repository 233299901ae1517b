package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

const (
	ada   = "ada@example.com"
	grace = "grace@example.com"
)

// These tests use the pages as a person without JavaScript does.

func TestRegisterVerifyAndSignIn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	b.get("/account").want(200, "/account", ada, "Unconfirmed", "This device", "Firefox on Linux", "Account created")

	link := e.link(t, ada, auth.MailVerify)
	other := e.browser(t) // a scanner looks at the link, twice, and spends nothing
	other.get(link).want(200, link, "Confirm your email")
	other.get(link)
	if got := other.answer.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy with a token = %q, want no-referrer", got)
	}
	b.get(link).submit("").want(200, "/verify-email?done=verified", "Your address is confirmed.").wantNot("Error:")
	b.get("/account").want(200, "/account", "Confirmed").wantNot("Unconfirmed")
	other.get(link).submit("").want(400, "/auth/pages/verify-email", "<title>Error:", "has expired or was used already")

	b.submit("").want(200, "/login?done=signed_out", "You are signed out.")
	b.get("/account").want(200, "/login?next=%2Faccount")
	b.submit("", "email", ada, "password", "wrong wrong").
		want(401, "/auth/pages/login", "<title>Error: Sign in – Acme", `role="alert"`, `value="`+ada+`"`, `name="next" value="/account"`).
		wantNot("wrong wrong")
	b.submit("", "email", ada, "password", password).want(200, "/account", "Your account")
	b.get("/login").want(200, "/app")
	b.get("/auth/pages/login").want(200, "/app") // reloading what answered a form
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.registered(t, ada)
	b := e.browser(t).get("/register")
	b.submit("", "email", "not an address", "new_password", "tiny-pw", "full_name", "Ada L").
		want(422, "/auth/pages/register", "<title>Error:", `value="not an address"`, `value="Ada L"`,
			`aria-invalid="true"`, `id="register-email-error"`, "This is not an email address.", "Use at least 8 characters.").
		wantNot("tiny-pw")
	b.submit("", "email", ada, "new_password", password).
		want(409, "/auth/pages/register", "There is an account with this address already.").wantNot(password)
	b.submit("", "email", grace, "new_password", password).want(200, "/app")
}

func TestRegistrationPrivateAndClosed(t *testing.T) {
	t.Parallel()
	private := newEnv(t, func(c *auth.Config) { c.Registration = auth.RegistrationPrivate })
	for range 2 { // the second time the address is taken, and it looks the same
		b := private.browser(t).get("/register")
		b.submit("", "email", ada, "new_password", password).want(200, "/verify-pending", "Check your inbox")
		if b.cookie("aegis_session") != "" {
			t.Error("somebody is signed in before the address is proved")
		}
	}
	closed := newEnv(t, func(c *auth.Config) { c.Registration = auth.RegistrationClosed })
	b := closed.browser(t).get("/register").want(403, "/register", "Registration is closed")
	b.get("/login").want(200, "/login").wantNot("/register")
	b.send(http.MethodPost, "/register", url.Values{"email": {ada}, "new_password": {password}}, "same-origin")
	b.want(403, "/register", "Registration is closed")
}

func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	e.link(t, ada, auth.MailVerify)
	visitor := e.browser(t).get("/forgot-password")
	visitor.submit("", "email", "nobody").want(422, "/auth/pages/forgot-password", "This is not an email address.")
	visitor.submit("", "email", "nobody@example.com").want(200, "/forgot-password?done=reset_sent", "If an account has this address")
	unknown := visitor.body
	visitor.get("/forgot-password").submit("", "email", ada).want(200, "/forgot-password?done=reset_sent")
	if visitor.body != unknown {
		t.Error("the answer tells an account from none")
	}
	link := e.link(t, ada, auth.MailReset)
	visitor.get(link).want(200, link, "Choose a new password").
		submit("", "new_password", "12345678").want(422, "/auth/pages/reset-password", "too easy to guess")
	visitor.submit("", "new_password", "a new long password").want(200, "/login?done=reset", "Sign in with the new one.")
	visitor.get(link).submit("", "new_password", "another long one").
		want(400, "/auth/pages/reset-password", "has expired or was used already", "Ask for a new link").wantNot(`name="new_password"`)
	b.expelled() // every session has ended
	b.signIn(ada, password).want(401, "/auth/pages/login")
	b.signIn(ada, "a new long password").want(200, "/app")
	visitor.get("/reset-password").want(200, "/reset-password", "Error:", "Ask for a new link")
}

func TestAccountPassword(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	other := e.browser(t).signIn(ada, password)
	b.get("/.well-known/change-password").want(200, "/account", `id="password"`)
	b.submit("do=password", "current_password", "wrong wrong", "new_password", "a new long password").
		want(401, "/auth/pages/account", "<title>Error:", `id="password-current_password-error"`, "This is not your current password.").
		wantNot("wrong wrong", "a new long password")
	b.submit("do=password", "current_password", password, "new_password", "short").
		want(422, "/auth/pages/account", `id="password-new_password-error"`)
	before := b.cookie("aegis_refresh")
	b.submit("do=password", "current_password", password, "new_password", "a new long password").
		want(200, "/account?done=password", "Your password is changed")
	if after := b.cookie("aegis_refresh"); after == before || after == "" {
		t.Error("the refresh token did not rotate with the password")
	}
	other.expelled()
	other.signIn(ada, "a new long password").want(200, "/app")
}

func TestAccountProfileAndEmail(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	link := e.link(t, ada, auth.MailVerify)
	b.get(link).submit("").get("/account")
	b.submit("do=profile", "full_name", "Ada\u202eLovelace").want(422, "/auth/pages/account", "A name has no control characters.")
	b.submit("do=profile", "full_name", "Ada <b>Lovelace</b>").
		want(200, "/account?done=profile", "Saved.", `value="Ada &lt;b&gt;Lovelace&lt;/b&gt;"`)
	b.submit("do=email", "new_email", "new@example.com", "current_password", "wrong wrong").
		want(401, "/auth/pages/account", `id="email-current_password-error"`, `value="new@example.com"`).wantNot("wrong wrong")
	b.submit("do=email", "new_email", ada, "current_password", password).
		want(422, "/auth/pages/account", "This is your address already.")
	b.submit("do=email", "new_email", "new@example.com", "current_password", password).
		want(200, "/account?done=email", "We sent a link to the new address.", ada)
	link = e.link(t, "new@example.com", auth.MailEmailChange)
	if !strings.HasPrefix(link, "/confirm-email?token=") {
		t.Fatalf("link = %s, want /confirm-email", link)
	}
	b.get(link).want(200, link, "Confirm your new email").submit("").
		want(200, "/confirm-email?done=email_changed", "Your new address is confirmed.")
	b.get("/account").want(200, "/account", "new@example.com").wantNot(ada)
}

func TestAccountSessions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	phone := e.browser(t)
	phone.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1")
	phone.signIn(ada, password)
	tablet := e.browser(t).signIn(ada, password)
	b.get("/account").want(200, "/account", "Safari on iPhone", "Sign out all other devices")
	id := sessionOf(t, b.body, "Safari on iPhone")
	stranger := e.registered(t, grace).get("/account")
	stranger.send(http.MethodPost, "/auth/pages/account", url.Values{"session": {id}}, "same-origin")
	stranger.want(404, "/auth/pages/account", "There is nothing here.")
	phone.get("/account").want(200, "/account")
	b.submit("session="+id).want(200, "/account?done=session", "The device is signed out.").wantNot("Safari on iPhone</b>")
	phone.expelled()
	tablet.get("/account").want(200, "/account")
	b.submit("do=sessions").want(200, "/account?done=sessions").wantNot("Sign out all other devices<")
	tablet.expelled()
	b.get("/account").want(200, "/account")
}

// sessionOf returns the value of the button beside a device.
func sessionOf(tb testing.TB, body, device string) string {
	tb.Helper()
	_, rest, ok := strings.Cut(body, "<b>"+device+"</b>")
	if !ok {
		tb.Fatalf("no device %q", device)
	}
	_, rest, _ = strings.Cut(rest, `name="session" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func TestAccountDelete(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	admin := e.registered(t, ada)
	admin.get("/account")
	admin.send(http.MethodPost, "/auth/pages/account", url.Values{"do": {"delete"}, "sure": {"1"}, "current_password": {password}}, "same-origin")
	admin.want(409, "/auth/pages/account", "This is the last admin.", "<details class=\"panel\" open>")
	b := e.registered(t, grace).get("/account")
	b.send(http.MethodPost, "/auth/pages/account", url.Values{"do": {"delete"}, "current_password": {password}}, "same-origin")
	b.want(422, "/auth/pages/account", "Tick the box first.")
	b.send(http.MethodPost, "/auth/pages/account", url.Values{"do": {"delete"}, "sure": {"1"}, "current_password": {"wrong wrong"}}, "same-origin")
	b.want(401, "/auth/pages/account", `id="delete-current_password-error"`)
	b.send(http.MethodPost, "/auth/pages/account", url.Values{"do": {"delete"}, "sure": {"1"}, "current_password": {password}}, "same-origin")
	b.want(200, "/login?done=deleted", "Your account is deleted.")
	if b.cookie("aegis_session") != "" || b.cookie("aegis_refresh") != "" {
		t.Error("cookies are left after the account is deleted")
	}
	b.signIn(grace, password).want(401, "/auth/pages/login")
}

func TestDeadAccessToken(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]func(*env, *browser){
		"ran out": func(e *env, _ *browser) { e.clock.advance(20 * time.Minute) },
		"gone":    func(_ *env, b *browser) { b.lose() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			b := e.registered(t, ada)

			die(e, b)
			b.get("/account?x=1&y=2").want(200, "/auth/pages/continue?next=%2Faccount%3Fx%3D1%26y%3D2", `data-next="/account?x=1&amp;y=2"`)
			b.submit("").want(200, "/account?x=1&y=2", "Your account")

			die(e, b)
			b.get("/app").submit("").want(200, "/app", "the application")

			b.get("/account")
			die(e, b)
			b.submit("do=profile", "full_name", "Ada").want(200, "/account?done=profile", `value="Ada"`)

			die(e, b) // a form that is posted to the page itself has no refresh cookie
			b.send(http.MethodPost, "/account", url.Values{"do": {"profile"}, "full_name": {"Eve"}}, "same-origin")
			b.want(401, "/account", "nothing was changed").submit("").want(200, "/account")
			b.get("/account").want(200, "/account", `value="Ada"`)

			die(e, b) // neither has the application's own form; it goes back where it was
			b.at = "/app?from=1"
			b.send(http.MethodPost, "/app", url.Values{"a": {"b"}}, "same-origin")
			b.want(401, "/app", "nothing was changed", `data-next="/app?from=1"`)

			die(e, b)
			b.get("/logout").want(200, "/logout", "Sign out?").submit("").want(200, "/login?done=signed_out")
			b.get("/account").want(200, "/login?next=%2Faccount")
		})
	}
}

func TestSessionThatIsOverGoesToSignIn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	e.clock.advance(31 * 24 * time.Hour)
	b.get("/account").want(200, "/auth/pages/continue?next=%2Faccount").submit("").want(200, "/login?next=%2Faccount")
	if b.cookie("aegis_refresh") != "" {
		t.Error("the refresh cookie of a session that is over is left")
	}
	if b.cookie("aegis_device") == "" {
		t.Error("the device cookie is gone")
	}
	// From another site the refresh cookie would not have come along, so the
	// browser is asked; one that never signed in is not.
	b.send(http.MethodGet, "/account", nil, "cross-site")
	b.want(200, "/auth/pages/continue?next=%2Faccount")
	e.browser(t).get("/account").want(200, "/login?next=%2Faccount")
	visitor := e.browser(t)
	visitor.send(http.MethodGet, "/account", nil, "cross-site")
	visitor.want(200, "/login?next=%2Faccount")
}

func TestProgramsGetProblemDocuments(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for name, header := range map[string]http.Header{
		"curl":  {"Accept": {"*/*"}},
		"fetch": {"Accept": {"text/html"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"same-origin"}},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.server.URL+"/app", nil)
		r.Header = header
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Type"); res.StatusCode != 401 || got != "application/problem+json" {
			t.Errorf("%s = %d %s, want 401 and a problem document", name, res.StatusCode, got)
		}
	}
}

func TestSignInEndsTheSessionBefore(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	spare := e.browser(t).signIn(ada, password)
	b.get("/login?again=1").want(200, "/login?again=1").submit("", "email", ada, "password", password).want(200, "/app")
	spare.get("/account")
	if n := strings.Count(spare.body, "Firefox on Linux</b>"); n != 2 {
		t.Errorf("there are %d sessions, want 2: the new one replaces the old one of the same browser", n)
	}
	// Posted to the page itself, where the refresh cookie does not go.
	b.send(http.MethodPost, "/login", url.Values{"email": {ada}, "password": {password}}, "same-origin")
	b.want(200, "/app")
	spare.get("/account")
	if n := strings.Count(spare.body, "Firefox on Linux</b>"); n != 2 {
		t.Errorf("there are %d sessions after a sign-in outside the cookie's path, want 2", n)
	}
}

func TestVerifyPending(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.registered(t, ada)
	first := e.link(t, ada, auth.MailVerify)
	b.get("/verify-pending").want(200, "/verify-pending", ada).submit("", []string{}...).want(200, "/verify-pending?done=sent", "A new message is on its way.")
	second := e.link(t, ada, auth.MailVerify)
	if first == second {
		t.Fatal("the mail was not sent again")
	}
	b.get(second).submit("").want(200, "/verify-email?done=verified")
	b.get("/verify-pending").want(200, "/account?done=already_verified")
	e.browser(t).get("/verify-pending").want(200, "/verify-pending", "We sent you a message.")
}
