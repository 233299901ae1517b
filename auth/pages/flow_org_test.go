package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// newOrg makes an organization with the pages, and returns the path of its page.
func newOrg(b *browser, slug string) string {
	b.tb.Helper()
	b.get("/account/organizations").want(200, "/account/organizations")
	b.submit("do=new", "name", "Engines "+slug, "slug", slug, "description", "Mills & stores")
	path, ok := strings.CutSuffix(b.at, "?done=created")
	if !ok || b.status != 200 {
		b.tb.Fatalf("creating an organization ends at %s with %d:\n%s", b.at, b.status, b.body)
	}
	return path
}

// verified returns a browser of a new user whose address is proved.
func (e *env) verified(tb testing.TB, email string) *browser {
	tb.Helper()
	b := e.registered(tb, email)
	b.get(e.link(tb, email, auth.MailVerify)).submit("").want(200, "/verify-email?done=verified")
	return b
}

func TestOrganizationCreateAndEdit(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.verified(t, ada)
	b.get("/account/organizations").want(200, "/account/organizations", "You are in no organization yet.")
	b.submit("do=new", "name", "Engines", "slug", "Not A Slug").
		want(422, "/auth/pages/account/organizations", `id="new-slug-error"`, `value="Not A Slug"`, `value="Engines"`)
	path := newOrg(b, "engines")
	b.want(200, path+"?done=created", "Engines engines", "Owner", "Mills &amp; stores", "Delete the organization")
	b.get("/account/organizations").want(200, "/account/organizations", path)
	b.submit("do=new", "name", "Again", "slug", "engines").
		want(409, "/auth/pages/account/organizations", `id="new-slug-error"`, "This short name is taken.")
	b.get(path).submit("do=details", "name", "Other", "slug", "other", "description", "").
		want(200, path+"?done=saved", "Saved.", "<h1>Other</h1>")

	stranger := e.verified(t, grace)
	stranger.get(path).want(404, path, "There is nothing here.")
	stranger.send(http.MethodPost, "/auth/pages"+path, url.Values{"do": {"delete"}, "sure": {"1"}}, "same-origin")
	stranger.want(404, "/auth/pages"+path)
	b.get(path)
	b.send(http.MethodPost, "/auth/pages"+path, url.Values{"do": {"leave"}, "sure": {"1"}}, "same-origin")
	b.want(409, "/auth/pages"+path, "An organization needs an owner.")
	b.send(http.MethodPost, "/auth/pages"+path, url.Values{"do": {"delete"}}, "same-origin")
	b.want(422, "/auth/pages"+path, "Tick the box first.")
	b.send(http.MethodPost, "/auth/pages"+path, url.Values{"do": {"delete"}, "sure": {"1"}}, "same-origin")
	b.want(200, "/account/organizations?done=org_deleted", "The organization is deleted.").wantNot("Other")
	b.get("/auth/pages"+path).want(404, path)
}

func TestOrganizationInvite(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	owner := e.verified(t, ada)
	path := newOrg(owner, "engines")
	owner.submit("do=invite", "email", "nobody", "role", "member").want(422, "/auth/pages"+path, `id="invite-email-error"`)
	owner.submit("do=invite", "email", grace, "role", "admin").want(200, path+"?done=invited", grace, "Waiting")
	owner.submit("do=invite", "email", grace, "role", "admin").
		want(409, "/auth/pages"+path, `id="invite-email-error"`, "They have an invitation already.")
	link := e.link(t, grace, auth.MailInvite)

	// Somebody without an account: registering by the link proves the address and
	// joins. Looking at it spends nothing.
	visitor := e.browser(t)
	visitor.get(link).want(200, link, "Join Engines engines", "/register?invite=")
	_, token, _ := strings.Cut(link, "token=")
	visitor.get("/register?invite="+token).want(200, "/register?invite="+token, `value="`+grace+`"`)
	visitor.submit("", "email", "else@example.com", "new_password", password).
		want(422, "/auth/pages/register", "The invitation was sent to another address.", `name="invite" value="`+token+`"`)
	visitor.submit("", "email", grace, "new_password", password).want(200, "/app")
	visitor.get("/account").want(200, "/account", "Confirmed").wantNot("Unconfirmed")
	visitor.get(path).want(200, path, "Engines engines", `<span class="tag">Admin</span>`)
	e.browser(t).get(link).want(400, link, "Error:", "has expired or was used already")
}

func TestOrganizationAcceptAndDecline(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	owner := e.verified(t, ada)
	guest := e.verified(t, grace)
	first := newOrg(owner, "first")
	owner.submit("do=invite", "email", grace, "role", "member").want(200, first+"?done=invited")
	second := newOrg(owner, "second")
	owner.submit("do=invite", "email", grace, "role", "member").want(200, second+"?done=invited")
	third := newOrg(owner, "third")
	owner.submit("do=invite", "email", grace, "role", "member").want(200, third+"?done=invited")
	link := e.link(t, grace, auth.MailInvite)

	guest.get("/account/organizations").want(200, "/account/organizations", "Invitations for you", "Engines first", "Engines second", "Engines third")
	guest.submit("accept="+idBeside(t, guest.body, "Engines first", "accept")).want(200, first+"?done=joined", "You are a member now.")
	guest.get("/account/organizations").submit("decline="+idBeside(t, guest.body, "Engines second", "decline")).
		want(200, "/account/organizations?done=declined").wantNot("Engines second")

	// By the link, signed out: sign in on the way, and end where one began.
	guest.get("/logout").submit("").want(200, "/login?done=signed_out")
	guest.get(link).want(200, link, "I have an account")
	signIn := findIn(t, guest.body, `href="(/login\?next=[^"]*)"`)
	guest.get(strings.ReplaceAll(signIn, "&amp;", "&")).submit("", "email", grace, "password", password).
		want(200, link, "Join Engines third", "You are signed in as "+grace)
	other := e.verified(t, "eve@example.com")
	other.get(link).submit("").want(403, "/auth/pages/accept-invite", "This invitation is for another address.")
	guest.submit("").want(200, third+"?done=joined")
}

// idBeside returns the value of a button in the row of an organization.
func idBeside(tb testing.TB, body, row, button string) string {
	tb.Helper()
	_, rest, ok := strings.Cut(body, "<b>"+row+"</b>")
	if !ok {
		tb.Fatalf("no row %q in\n%s", row, body)
	}
	return findIn(tb, rest, `name="`+button+`" value="([^"]*)"`)
}

func TestOrganizationMembers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	owner := e.verified(t, ada)
	path := newOrg(owner, "engines")
	id := path[strings.LastIndex(path, "/")+1:]
	people := map[string]*browser{}
	ids := map[string]string{}
	for _, email := range []string{grace, "joan@example.com"} {
		people[email] = e.verified(t, email)
		users, err := e.Users(t.Context(), store.UserQuery{EmailPrefix: email, Limit: 1})
		if err != nil || len(users) != 1 {
			t.Fatalf("Users = %v, %v", users, err)
		}
		ids[email] = users[0].ID
		me, err := e.Users(t.Context(), store.UserQuery{EmailPrefix: ada, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.orgs.Add(t.Context(), me[0].ID, id, users[0].ID, store.OrgMember); err != nil {
			t.Fatal(err)
		}
	}
	post := func(b *browser, pairs ...string) *browser {
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		b.get(path)
		b.send(http.MethodPost, "/auth/pages"+path, form, "same-origin")
		return b
	}
	member := people[grace].get(path)
	member.want(200, path, ada, "joan@example.com").wantNot(`value="invite"`, `value="details"`, `value="remove"`, "Hand over")
	post(member, "do", "role", "user", ids["joan@example.com"], "role", "admin").
		want(403, "/auth/pages"+path, "Your role in the organization does not allow this.")
	post(member, "do", "invite", "email", "x@example.com", "role", "member").want(403, "/auth/pages"+path)
	post(owner, "do", "role", "user", ids[grace], "role", "admin").want(200, path+"?done=saved")
	admin := member.get(path).want(200, path, `value="invite"`, `value="details"`).wantNot("Hand over", `<option value="owner"`)
	post(admin, "do", "role", "user", ids["joan@example.com"], "role", "owner").want(403, "/auth/pages"+path)
	post(admin, "do", "remove", "user", ids["joan@example.com"]).want(200, path+"?done=removed").wantNot("joan@example.com")
	people["joan@example.com"].get(path).want(404, path)
	post(owner, "do", "transfer", "user", ids[grace]).want(200, path+"?done=saved").wantNot("Delete the organization")
	admin.get(path).want(200, path, "Delete the organization", "Hand over")
	post(owner, "do", "leave", "sure", "1").want(200, "/account/organizations?done=left")
	owner.get(path).want(404, path)
}

func TestOrganizationInvitesExpireAndAreManaged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	owner := e.verified(t, ada)
	path := newOrg(owner, "engines")
	owner.submit("do=invite", "email", grace, "role", "member").want(200, path+"?done=invited")
	first := e.link(t, grace, auth.MailInvite)
	e.clock.advance(15 * 24 * time.Hour)
	owner.signIn(ada, password)
	owner.get(path).want(200, path, "Expired")
	e.browser(t).get(first).want(400, first)
	owner.submit("resend="+idBeside(t, owner.body, grace, "resend")).want(200, path+"?done=invited", "Waiting")
	second := e.link(t, grace, auth.MailInvite)
	e.browser(t).get(second).want(200, second)
	owner.submit("revoke="+idBeside(t, owner.body, grace, "revoke")).want(200, path+"?done=revoked", "Revoked")
	e.browser(t).get(second).want(400, second)
}
