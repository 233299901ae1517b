package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
)

// findIn returns what the first group of a pattern matches in text.
func findIn(tb testing.TB, text, pattern string) string {
	tb.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		tb.Fatalf("nothing matches %s in\n%s", pattern, text)
	}
	return m[1]
}

func TestAdminUsers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	admin := e.registered(t, ada) // the first user
	user := e.registered(t, grace)
	user.get("/admin/users").want(403, "/admin/users", "Your role does not allow this.")
	user.get("/admin/audit").want(403, "/admin/audit")
	user.get("/account").wantNot("/admin/users")

	admin.get("/admin/users").want(200, "/admin/users", ada, grace)
	admin.get("/admin/users?prefix=GRA&role=&status=active").want(200, "/admin/users?prefix=GRA&role=&status=active", grace).wantNot(ada + "</b>")
	admin.get("/admin/users?prefix=%00&role=%3Cscript%3E&status=nonsense").want(200, "/admin/users?prefix=%00&role=%3Cscript%3E&status=nonsense").wantNot("<script>")
	admin.get("/admin/users?after=nonsense").want(422, "/admin/users?after=nonsense")

	admin.get("/admin/users").submit("", "email", "bad", "full_name", "Joan").want(422, "/auth/pages/admin/users", `id="new-email-error"`, `value="Joan"`)
	admin.submit("", "email", grace, "full_name", "Joan").want(409, "/auth/pages/admin/users", `id="new-email-error"`)
	admin.submit("", "email", "joan@example.com", "full_name", "Joan")
	if admin.status != 200 || !strings.HasSuffix(admin.at, "?done=created") {
		t.Fatalf("creating a user ends at %s with %d", admin.at, admin.status)
	}
	link := e.link(t, "joan@example.com", auth.MailSetPassword)
	joan := e.browser(t).get(link).submit("", "new_password", password).want(200, "/login?done=reset")
	joan.signIn("joan@example.com", password).want(200, "/app")

	page := strings.TrimSuffix(admin.at, "?done=created")
	admin.get(page).want(200, page, "Joan", "joan@example.com")
	admin.submit("do=role", "role", "moderator").want(200, page+"?done=saved")
	joan.get("/admin/users").want(200, "/admin/users", ada).wantNot("New user")
	joan.get(page).want(200, page).wantNot("Delete user", `value="role"`)
	joan.send(http.MethodPost, "/auth/pages"+page, url.Values{"do": {"delete"}}, "same-origin")
	joan.want(403, "/auth/pages"+page)
	joan.send(http.MethodPost, "/auth/pages/admin/users", url.Values{"email": {"x@example.com"}}, "same-origin")
	joan.want(403, "/auth/pages/admin/users")
	admin.get(page).submit("do=role", "role", "nonsense").want(422, "/auth/pages"+page, "Error:", "Choose one from the list.")
	admin.get(page).submit("do=sessions").want(200, page+"?done=user_sessions")
	joan.expelled()
	joan.submit("", "email", "joan@example.com", "password", password).want(200, "/account")
	admin.submit("do=deactivate").want(200, page+"?done=saved", "Deactivated", "Activate")
	joan.expelled()
	joan.submit("", "email", "joan@example.com", "password", password).want(401, "/auth/pages/login")
	admin.submit("do=activate").want(200, page+"?done=saved")
	admin.submit("do=unlock").want(200, page+"?done=unlocked")
	admin.submit("do=delete").want(200, page+"?done=removed", "Deleted", "Restore")
	admin.get("/admin/users?status=deleted").want(200, "/admin/users?status=deleted", "joan@example.com").wantNot(grace)
	admin.get(page).submit("do=restore").want(200, page+"?done=restored")
	admin.send(http.MethodPost, "/auth/pages"+page, url.Values{"do": {"delete"}, "hard": {"1"}}, "same-origin")
	admin.want(200, "/admin/users?done=removed").wantNot("joan@example.com")
	admin.get(page).want(404, page, "There is nothing here.")

	own := findIn(t, admin.get("/admin/users").body, `href="(/admin/users/[^"]*)"><b>`+regexp.QuoteMeta(ada))
	admin.get(own).submit("do=role", "role", "user").want(403, "/auth/pages"+own, "You cannot change your own role.")
	admin.submit("do=deactivate").want(409, "/auth/pages"+own, "This is the last admin.")
}

func TestAdminAudit(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	admin := e.registered(t, ada)
	e.registered(t, grace)
	e.browser(t).signIn(grace, "wrong wrong")
	admin.get("/admin/users")
	page := findIn(t, admin.body, `href="(/admin/users/[^"]*)"><b>`+regexp.QuoteMeta(grace))
	admin.get(page).submit("do=role", "role", "moderator")
	if err := e.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	admin.get("/admin/audit").want(200, "/admin/audit", "Role changed", "role=moderator", grace, "by "+ada, "Sign-in failed", "Firefox on Linux")
	path := "/admin/audit?kind=auth.role_changed&user=" + url.QueryEscape(grace) + "&since=2026-01-01"
	admin.get(path).want(200, path, "role=moderator", `value="role_changed" selected`, `value="2026-01-01"`).
		wantNot("<b>Sign-in failed</b>")
	admin.get("/admin/audit?kind=role_changed").want(200, "/admin/audit?kind=role_changed", "role=moderator").wantNot("<b>Sign-in failed</b>")
	admin.get("/admin/audit?since=2030-01-01").want(200, "/admin/audit?since=2030-01-01", "Nothing matches.")
	admin.get("/admin/audit?user=nobody@example.com").want(200, "/admin/audit?user=nobody@example.com", "Nothing matches.")
	admin.get("/admin/audit?limit=1").want(200, "/admin/audit?limit=1", "Next page")
	first := findIn(t, admin.body, `<td role="cell"><b>([^<]*)`)
	next := strings.ReplaceAll(findIn(t, admin.body, `class="tool" href="([^"]*)"`), "&amp;", "&")
	admin.get(next)
	if admin.status != 200 || !strings.Contains(admin.body, "<tbody") {
		t.Fatalf("next page = %d, after %q:\n%s", admin.status, first, admin.body)
	}
}

func TestUsersArePaged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	admin := e.registered(t, "a0@example.com")
	for i := range 5 {
		if _, err := e.NewAccount(t.Context(), auth.Registrant{Email: fmt.Sprintf("b%d@example.com", i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	admin.get("/admin/users?prefix=b&limit=2")
	for range 5 {
		for _, m := range regexp.MustCompile(`<b>(b\d@example.com)</b>`).FindAllStringSubmatch(admin.body, -1) {
			seen[m[1]]++
		}
		more := regexp.MustCompile(`class="tool" href="([^"]*)"`).FindStringSubmatch(admin.body)
		if more == nil {
			break
		}
		admin.get(strings.ReplaceAll(more[1], "&amp;", "&"))
	}
	if len(seen) != 5 {
		t.Errorf("pages show %v, want each of five users once", seen)
	}
	for email, n := range seen {
		if n != 1 {
			t.Errorf("%s is shown %d times, want once", email, n)
		}
	}
}
