package openapitest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/oauth/oauthtest"
	"github.com/aegis-auth/aegis/store"
)

const password = "a fine new password"

// TestAnswersAreDocumented walks through every route, with what succeeds and
// what fails, and holds each answer against the document. At the end every
// operation has been seen to succeed in each way that is documented, and to fail.
func TestAnswersAreDocumented(t *testing.T) {
	t.Parallel()
	issuer := oauthtest.NewServer(t, oauthtest.Script{})
	w := newWorld(t, func(c *auth.Config) {
		c.Providers = []oauth.Provider{issuer.OIDC(), oauth.GitHub("", "")}
		c.MetadataKeys = []string{"theme"}
		c.Now = time.Now // that of the provider
	})
	t.Run("account", w.account)
	t.Run("session", w.session)
	t.Run("mail", w.mails)
	t.Run("provider", func(t *testing.T) { w.providers(t, issuer) })
	t.Run("administration", w.administration)
	t.Run("organizations", w.organizations)
	t.Run("invitations", w.invitations)
	t.Run("private", w.otherRegistrations)
	t.Run("limits", w.limited)
	t.Run("everywhere", w.everywhere)
	w.summary(t)
}

// summary wants every operation to have succeeded in each documented way, and to
// have failed.
func (w *world) summary(t *testing.T) {
	total, unseen := 0, []string{}
	for _, path := range slices.Sorted(maps.Keys(w.doc.Paths.Map())) {
		for _, op := range w.doc.Paths.Value(path).Operations() {
			failed := false
			for status := range op.Responses.Map() {
				n, err := strconv.Atoi(status)
				if err != nil {
					t.Errorf("%s documents the status %q", op.OperationID, status)
				}
				total++
				seen := w.seen[op.OperationID][n]
				failed = failed || n >= 400 && seen
				if n < 400 && !seen {
					t.Errorf("%s was never seen to answer %d", op.OperationID, n)
				}
				if n == 500 {
					total-- // made by panics alone
				} else if !seen {
					unseen = append(unseen, op.OperationID+" "+status)
				}
			}
			if !failed && !slices.Contains(fixed, op.OperationID) {
				t.Errorf("%s was never seen to fail", op.OperationID)
			}
		}
	}
	slices.Sort(unseen)
	t.Logf("%d of %d documented answers seen; not seen: %s", total-len(unseen), total, strings.Join(unseen, ", "))
	if len(unseen) > total/10 {
		t.Errorf("%d of %d documented answers were not seen", len(unseen), total)
	}
}

// as returns a client with the access token of u.
func (w *world) as(t *testing.T, u *store.User) client {
	return client{world: w, bearer: w.Grant(t, u).AccessToken}
}

func (w *world) anyone() client { return client{world: w} }

func (w *world) account(t *testing.T) {
	c := w.anyone()
	alice := obj{"email": "alice@example.com", "password": password, "full_name": "Alice"}
	c.want(t, 201, "POST", "/auth/register", alice)
	c.want(t, 409, "POST", "/auth/register", alice)
	c.want(t, 422, "POST", "/auth/register", obj{"email": "x", "password": "short"})
	c.want(t, 201, "POST", "/auth/register", url.Values{"email": {"form@example.com"}, "password": {password}})
	c.want(t, 200, "GET", "/auth/config", nil)
	c.want(t, 200, "GET", "/auth/openapi.json", nil)
	c.want(t, 200, "GET", "/.well-known/oauth-authorization-server/auth", nil)
	rec := c.send(t, c.request(t, "GET", "/auth/jwks.json", nil))
	c.with("If-None-Match", rec.Header().Get("ETag")).want(t, 304, "GET", "/auth/jwks.json", nil)

	u := w.User(t, "user")
	c = w.as(t, u)
	c.want(t, 200, "GET", "/auth/me", nil)
	c.want(t, 200, "PATCH", "/auth/me", obj{"full_name": "Somebody Else", "metadata": obj{"theme": "dark"}})
	c.want(t, 400, "PATCH", "/auth/me", obj{})
	c.want(t, 422, "PATCH", "/auth/me", obj{"metadata": obj{"plan": "free"}})
	c.want(t, 401, "POST", "/auth/password", obj{"current_password": "not this one", "new_password": password})
	c.want(t, 422, "POST", "/auth/password", obj{"current_password": authtest.Password, "new_password": "short"})
	c.want(t, 200, "POST", "/auth/password", obj{"current_password": authtest.Password, "new_password": password})
	c = w.as(t, u)
	c.want(t, 401, "POST", "/auth/reauthenticate", obj{"password": "not this one"})
	c.want(t, 200, "POST", "/auth/reauthenticate", obj{"password": password})
	c.want(t, 401, "DELETE", "/auth/me", obj{"password": "not this one"})
	c.want(t, 204, "DELETE", "/auth/me", obj{"password": password})
}

func (w *world) session(t *testing.T) {
	u := w.User(t, "user")
	c := w.anyone()
	c.want(t, 200, "POST", "/auth/token", url.Values{"username": {u.Email}, "password": {authtest.Password}})
	grant := c.want(t, 200, "POST", "/auth/token", obj{"username": u.Email, "password": authtest.Password})
	c.want(t, 401, "POST", "/auth/token", url.Values{"username": {u.Email}, "password": {"not this one"}})
	c.want(t, 400, "POST", "/auth/token", url.Values{"username": {u.Email}})
	c.want(t, 400, "POST", "/auth/token", url.Values{"grant_type": {"client_credentials"}})
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {grant["refresh_token"].(string)}}
	next := c.want(t, 200, "POST", "/auth/token", refresh)
	c.want(t, 200, "POST", "/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {next["refresh_token"].(string)}})
	c.want(t, 409, "POST", "/auth/token", refresh) // two steps behind
	c.want(t, 400, "POST", "/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"junk"}})

	c.want(t, 401, "POST", "/auth/refresh", nil)
	g := w.Grant(t, u)
	first := &http.Cookie{Name: "aegis_refresh", Value: g.RefreshToken}
	c.cookies = []*http.Cookie{first}
	for range 2 {
		rec := c.send(t, c.request(t, "POST", "/auth/refresh", nil))
		if rec.Code != 200 {
			t.Fatalf("refresh = %d %s", rec.Code, rec.Body)
		}
		for _, cookie := range rec.Result().Cookies() {
			if cookie.Name == "aegis_refresh" {
				c.cookies = []*http.Cookie{cookie}
			}
		}
	}
	c.cookies = []*http.Cookie{first}
	c.want(t, 409, "POST", "/auth/refresh", nil)
	c.with("Sec-Fetch-Site", "cross-site").want(t, 403, "POST", "/auth/refresh", nil)

	c = w.as(t, u)
	other := w.Grant(t, u)
	c.want(t, 200, "GET", "/auth/sessions", nil)
	c.want(t, 204, "DELETE", "/auth/sessions/"+other.Session.ID, nil)
	c.want(t, 404, "DELETE", "/auth/sessions/"+other.Session.ID, nil)
	c.want(t, 200, "DELETE", "/auth/sessions", nil)
	c.want(t, 200, "POST", "/auth/logout", nil)
	w.anyone().want(t, 401, "POST", "/auth/logout", nil)
	w.anyone().want(t, 200, "POST", "/auth/revoke", url.Values{"token": {w.Grant(t, u).RefreshToken}})
	w.anyone().want(t, 400, "POST", "/auth/revoke", url.Values{})
}

func (w *world) mails(t *testing.T) {
	c := w.anyone()
	c.want(t, 201, "POST", "/auth/register", obj{"email": "mail@example.com", "password": password})
	u, err := w.Store.UserByEmail(t.Context(), "mail@example.com")
	if err != nil {
		t.Fatal(err)
	}
	me := w.as(t, u)
	if got := me.want(t, 200, "POST", "/auth/resend-verification", nil); got["status"] != "sent" {
		t.Errorf("resend = %v, want sent", got)
	}
	token := func() string { return authtest.Token(t, w.Mail(t, u.Email)) }
	c.want(t, 400, "POST", "/auth/verify-email", obj{"token": "junk"})
	c.want(t, 200, "POST", "/auth/verify-email", obj{"token": token()})
	me = w.as(t, u)
	if got := me.want(t, 200, "POST", "/auth/resend-verification", nil); got["status"] != "already_verified" {
		t.Errorf("resend = %v, want already_verified", got)
	}

	c.want(t, 202, "POST", "/auth/password-reset/request", obj{"email": u.Email})
	c.want(t, 422, "POST", "/auth/password-reset/request", obj{"email": "x"})
	c.want(t, 422, "POST", "/auth/password-reset/confirm", obj{"token": token(), "new_password": "short"})
	c.want(t, 200, "POST", "/auth/password-reset/confirm", obj{"token": token(), "new_password": "another fine password"})
	c.want(t, 400, "POST", "/auth/password-reset/confirm", obj{"token": "junk", "new_password": "another fine password"})

	me = w.as(t, u)
	me.want(t, 422, "POST", "/auth/email-change/request", obj{"email": "x"})
	me.want(t, 202, "POST", "/auth/email-change/request", obj{"email": "moved@example.com"})
	c.want(t, 400, "POST", "/auth/email-change/confirm", obj{"token": "junk"})
	c.want(t, 200, "POST", "/auth/email-change/confirm", obj{"token": authtest.Token(t, w.Mail(t, "moved@example.com"))})
	me = w.as(t, u)
	me.want(t, 202, "POST", "/auth/email-change/request", obj{"email": "gone@example.com"})
	late := authtest.Token(t, w.Mail(t, "gone@example.com"))
	c.want(t, 201, "POST", "/auth/register", obj{"email": "gone@example.com", "password": password})
	c.want(t, 409, "POST", "/auth/email-change/confirm", obj{"token": late})
}

func (w *world) providers(t *testing.T, issuer *oauthtest.Server) {
	c := w.anyone()
	name := issuer.OIDC().Name()
	start, callback := "/auth/oauth/"+name+"/start", "/auth/oauth/"+name+"/callback"
	c.want(t, 404, "GET", "/auth/oauth/nobody/start", nil)
	c.want(t, 503, "GET", "/auth/oauth/github/start", nil)
	c.want(t, 404, "GET", "/auth/oauth/nobody/callback", nil)
	c.with("Sec-Fetch-Site", "cross-site").want(t, 303, "GET", start, nil)
	rec := c.send(t, c.request(t, "GET", start+"?next=/app", nil))
	if rec.Code != 302 {
		t.Fatalf("start = %d %s", rec.Code, rec.Body)
	}
	back := issuer.Visit(t, rec.Header().Get("Location"))
	c.cookies = rec.Result().Cookies()
	c.want(t, 303, "GET", callback+"?"+back.RawQuery, nil)
	c.want(t, 303, "GET", callback+"?error=access_denied", nil)

	u, err := w.Store.UserByEmail(t.Context(), "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	me := w.as(t, u)
	me.want(t, 200, "GET", "/auth/oauth/connections", nil)
	me.want(t, 409, "DELETE", "/auth/oauth/connections/"+name, nil)
	me.want(t, 404, "DELETE", "/auth/oauth/connections/github", nil)
	me.want(t, 200, "POST", "/auth/password", obj{"new_password": password})
	me = w.as(t, u)
	me.want(t, 204, "DELETE", "/auth/oauth/connections/"+name, nil)
	me.want(t, 200, "POST", "/auth/oauth/"+name+"/link", nil)
	me.want(t, 503, "POST", "/auth/oauth/github/link", nil)
}

func (w *world) administration(t *testing.T) {
	boss, u := w.User(t, "admin"), w.User(t, "user")
	c, path := w.as(t, boss), "/auth/users/"+u.ID
	c.want(t, 200, "GET", "/auth/users?limit=2&status=any&role=user&email=u", nil)
	c.want(t, 422, "GET", "/auth/users?limit=x", nil)
	c.want(t, 201, "POST", "/auth/users", obj{"email": "made@example.com", "role": "moderator", "full_name": "Made"})
	c.want(t, 409, "POST", "/auth/users", obj{"email": "made@example.com"})
	c.want(t, 422, "POST", "/auth/users", obj{"email": "x"})
	c.want(t, 200, "GET", path, nil)
	c.want(t, 404, "GET", "/auth/users/nobody", nil)
	c.want(t, 200, "PATCH", path, obj{"full_name": "New Name"})
	c.want(t, 400, "PATCH", path, obj{})
	c.want(t, 200, "PATCH", path+"/role", obj{"role": "moderator"})
	c.want(t, 422, "PATCH", path+"/role", obj{"role": "emperor"})
	c.want(t, 403, "PATCH", "/auth/users/"+boss.ID+"/role", obj{"role": "user"})
	c.want(t, 200, "PATCH", path+"/deactivate", nil)
	c.want(t, 200, "PATCH", path+"/activate", nil)
	c.want(t, 409, "PATCH", "/auth/users/"+boss.ID+"/deactivate", nil)
	c.want(t, 409, "DELETE", "/auth/users/"+boss.ID, nil)
	c.want(t, 409, "DELETE", "/auth/me", obj{"password": authtest.Password})
	c.want(t, 204, "DELETE", path+"/sessions", nil)
	c.want(t, 204, "POST", path+"/unlock", nil)
	c.want(t, 404, "POST", path+"/restore", nil)
	c.want(t, 422, "DELETE", path+"?hard=perhaps", nil)
	c.want(t, 204, "DELETE", path, nil)
	w.anyone().want(t, 201, "POST", "/auth/register", obj{"email": u.Email, "password": password})
	c.want(t, 409, "POST", path+"/restore", nil)
	other := w.User(t, "user")
	c.want(t, 204, "DELETE", "/auth/users/"+other.ID, nil)
	c.want(t, 200, "POST", "/auth/users/"+other.ID+"/restore", nil)
	second := w.User(t, "admin")
	c.want(t, 200, "PATCH", "/auth/users/"+second.ID+"/role", obj{"role": "user"})
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(t, 200, "GET", "/auth/audit?limit=100&since="+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), nil)
	c.want(t, 422, "GET", "/auth/audit?since=yesterday", nil)
	w.as(t, second).want(t, 403, "GET", "/auth/audit", nil)
}

func (w *world) organizations(t *testing.T) {
	boss, owner, u, extra := w.User(t, "admin"), w.User(t, "user"), w.User(t, "user"), w.User(t, "user")
	c := w.as(t, owner)
	o := c.want(t, 201, "POST", "/orgs", obj{"name": "Acme", "slug": "acme", "description": "Everything"})
	path := "/orgs/" + o["id"].(string)
	c.want(t, 201, "POST", "/orgs", obj{"name": "Other", "slug": "other"})
	c.want(t, 409, "POST", "/orgs", obj{"name": "Acme", "slug": "acme"})
	c.want(t, 422, "POST", "/orgs", obj{"name": "Acme", "slug": "Acme!"})
	c.want(t, 200, "GET", "/orgs", nil)
	c.want(t, 422, "GET", "/orgs?limit=0", nil)
	c.want(t, 200, "GET", path, nil)
	w.as(t, u).want(t, 404, "GET", path, nil)
	c.want(t, 200, "PATCH", path, obj{"name": "Acme Inc"})
	c.want(t, 409, "PATCH", path, obj{"slug": "other"})
	c.want(t, 400, "PATCH", path, obj{})
	c.want(t, 201, "POST", path+"/members", obj{"user_id": u.ID, "role": "member"})
	c.want(t, 409, "POST", path+"/members", obj{"user_id": u.ID, "role": "member"})
	c.want(t, 404, "POST", path+"/members", obj{"user_id": "nobody", "role": "member"})
	c.want(t, 200, "POST", path+"/members/bulk", obj{"user_ids": []string{u.ID, extra.ID}, "role": "member"})
	c.want(t, 404, "POST", path+"/members/bulk", obj{"user_ids": []string{"nobody"}, "role": "member"})
	c.want(t, 200, "GET", path+"/members?limit=1", nil)
	c.want(t, 422, "GET", path+"/members?after=junk", nil)
	c.want(t, 200, "PATCH", path+"/members/"+u.ID, obj{"role": "admin"})
	c.want(t, 409, "PATCH", path+"/members/"+owner.ID, obj{"role": "member"})
	c.want(t, 409, "DELETE", path+"/members/"+owner.ID, nil)
	w.as(t, extra).want(t, 403, "PATCH", path+"/members/"+u.ID, obj{"role": "member"})
	c.want(t, 204, "DELETE", path+"/members/"+extra.ID, nil)
	c.want(t, 404, "DELETE", path+"/members/"+extra.ID, nil)
	c.want(t, 409, "POST", path+"/leave", nil)
	w.as(t, u).want(t, 403, "POST", path+"/transfer-ownership", obj{"user_id": u.ID})
	c.want(t, 409, "DELETE", "/auth/me", obj{"password": authtest.Password})
	c.want(t, 200, "POST", path+"/transfer-ownership", obj{"user_id": u.ID})
	c.want(t, 204, "POST", path+"/leave", nil)

	admin := w.as(t, boss)
	admin.want(t, 200, "GET", "/orgs/all?deleted=true", nil)
	admin.want(t, 422, "GET", "/orgs/all?deleted=perhaps", nil)
	admin.want(t, 200, "GET", "/orgs/memberships?user="+u.ID, nil)
	admin.want(t, 422, "GET", "/orgs/memberships?user="+u.ID+"&after=junk", nil)
	c = w.as(t, u)
	c.want(t, 422, "DELETE", path+"?hard=perhaps", nil)
	c.want(t, 204, "DELETE", path, nil)
	w.as(t, owner).want(t, 201, "POST", "/orgs", obj{"name": "New Acme", "slug": "acme"})
	admin.want(t, 409, "POST", path+"/restore", nil)
	again := c.want(t, 201, "POST", "/orgs", obj{"name": "Again", "slug": "again"})
	c.want(t, 204, "DELETE", "/orgs/"+again["id"].(string), nil)
	admin.want(t, 200, "POST", "/orgs/"+again["id"].(string)+"/restore", nil)
}

func (w *world) invitations(t *testing.T) {
	owner, guest, stranger := w.User(t, "user"), w.User(t, "user"), w.User(t, "user")
	c := w.as(t, owner)
	path := "/orgs/" + c.want(t, 201, "POST", "/orgs", obj{"name": "Club", "slug": "club"})["id"].(string)
	invite := func(email string) string {
		return c.want(t, 201, "POST", path+"/invites", obj{"email": email, "role": "member"})["id"].(string)
	}
	first := invite(guest.Email)
	c.want(t, 409, "POST", path+"/invites", obj{"email": guest.Email, "role": "member"})
	c.want(t, 422, "POST", path+"/invites", obj{"email": "x", "role": "member"})
	c.want(t, 200, "GET", path+"/invites", nil)
	c.want(t, 422, "GET", path+"/invites?after=junk", nil)
	c.want(t, 200, "POST", path+"/invites/"+first+"/resend", nil)
	c.want(t, 404, "POST", path+"/invites/nobody/resend", nil)
	c.want(t, 204, "DELETE", path+"/invites/"+first, nil)
	c.want(t, 404, "DELETE", path+"/invites/nobody", nil)

	g := w.as(t, guest)
	id := invite(guest.Email)
	g.want(t, 200, "GET", "/auth/invites", nil)
	g.want(t, 200, "POST", "/auth/invites/"+id+"/decline", nil)
	g.want(t, 404, "POST", "/auth/invites/"+id+"/decline", nil)
	id = invite(guest.Email)
	g.want(t, 404, "POST", "/auth/invites/nobody/accept", nil)
	g.want(t, 200, "POST", "/auth/invites/"+id+"/accept", nil)
	invite(stranger.Email)
	token := authtest.Token(t, w.Mail(t, stranger.Email))
	g.want(t, 403, "POST", "/auth/accept-invite", obj{"token": token})
	g.want(t, 400, "POST", "/auth/accept-invite", obj{"token": "junk"})
	c.want(t, 201, "POST", path+"/members", obj{"user_id": stranger.ID, "role": "member"})
	w.as(t, stranger).want(t, 409, "POST", "/auth/accept-invite", obj{"token": token})
	w.as(t, owner).want(t, 204, "DELETE", path+"/members/"+stranger.ID, nil)
	w.as(t, stranger).want(t, 200, "POST", "/auth/accept-invite", obj{"token": token})
}
