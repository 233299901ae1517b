package oauthtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// gitHubUser is the user resource. Its address is the public one, which proves
// nothing.
func gitHubUser(u User) map[string]any {
	return map[string]any{
		"login": u.Username, "id": u.ID, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User", "site_admin": false,
		"avatar_url": u.AvatarURL, "name": u.Name, "email": u.Email,
		"created_at": "2011-01-25T18:44:36Z", "updated_at": "2026-01-02T03:04:05Z",
	}
}

// gitHubAllowed checks what GitHub asks of requests to its REST interface.
func (s *Server) gitHubAllowed(w http.ResponseWriter, r *http.Request) *grant {
	g := s.bearer(r)
	message := ""
	switch {
	case r.Header.Get("User-Agent") == "":
		message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
	case r.Header.Get("Accept") != "application/vnd.github+json", r.Header.Get("X-GitHub-Api-Version") != "2022-11-28":
		message = "Accept or X-GitHub-Api-Version is missing."
	case r.URL.Query().Has("access_token"):
		message = "A token in the query."
	case r.Method != http.MethodGet:
		message = "Not a GET."
	}
	if message != "" {
		s.fault("GitHub request: %s", message)
		writeJSON(w, http.StatusForbidden, map[string]any{"message": message})
		return nil
	}
	if g == nil || g.protocol != GitHub {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
		return nil
	}
	return g
}

func (s *Server) gitHubUser(w http.ResponseWriter, r *http.Request) {
	g := s.gitHubAllowed(w, r)
	if g == nil {
		return
	}
	user := gitHubUser(g.user)
	switch {
	case s.plays(GitHubUserErrorWith200):
		writeJSON(w, http.StatusOK, map[string]any{"message": "Bad credentials", "status": "401"})
	case s.plays(GitHubUserUnauthorized):
		writeJSON(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
	case s.plays(GitHubUserLimited):
		writeJSON(w, http.StatusTooManyRequests, map[string]any{"message": "API rate limit exceeded"})
	case s.plays(GitHubUserHTML):
		writeHTML(w)
	case s.plays(GitHubUserRedirect):
		http.Redirect(w, r, "/trap/user", http.StatusFound)
	case s.plays(GitHubUserHuge):
		writeHuge(w, user, false)
	case s.plays(GitHubUserNull):
		writeJSON(w, http.StatusOK, nil)
	case s.plays(GitHubIDTwice):
		body := strings.Replace(string(mustJSON(user)), "{", `{"id":2,`, 1)
		writeBody(w, http.StatusOK, "application/json", []byte(body))
	default:
		for b, id := range gitHubIDs {
			if s.plays(b) {
				user["id"] = id
			}
		}
		if s.plays(GitHubIDMissing) {
			delete(user, "id")
		}
		writeJSON(w, http.StatusOK, user)
	}
}

var gitHubIDs = map[Behavior]json.RawMessage{
	GitHubIDZero:     json.RawMessage(`0`),
	GitHubIDNegative: json.RawMessage(`-583231`),
	GitHubIDString:   json.RawMessage(`"583231"`),
	GitHubIDNull:     json.RawMessage(`null`),
	GitHubIDFraction: json.RawMessage(`583231.5`),
	GitHubIDExponent: json.RawMessage(`5e5`),
	GitHubIDHuge:     json.RawMessage(`99999999999999999999`),
	GitHubIDObject:   json.RawMessage(`{"id":583231}`),
}

func (s *Server) gitHubEmails(w http.ResponseWriter, r *http.Request) {
	g := s.gitHubAllowed(w, r)
	if g == nil {
		return
	}
	var list []map[string]any
	for _, e := range g.user.Emails {
		list = append(list, map[string]any{"email": e.Address, "primary": e.Primary, "verified": e.Verified, "visibility": nil})
	}
	switch {
	case s.plays(GitHubEmailsNotFound):
		writeJSON(w, http.StatusNotFound, map[string]any{"message": "Not Found"})
	case s.plays(GitHubEmailsServerError):
		writeJSON(w, http.StatusInternalServerError, map[string]any{"message": "Server Error"})
	case s.plays(GitHubEmailsNotJSON):
		writeHTML(w)
	case s.plays(GitHubEmailsObject):
		writeJSON(w, http.StatusOK, map[string]any{"email": g.user.Email, "primary": true, "verified": true})
	case s.plays(GitHubEmailsStrings):
		writeJSON(w, http.StatusOK, []string{g.user.Email})
	case s.plays(GitHubEmailsNull):
		writeJSON(w, http.StatusOK, nil)
	case s.plays(GitHubProfileOnly, EmailMissing):
		writeJSON(w, http.StatusOK, []any{})
	default:
		for i, e := range list {
			list[i] = s.spoilEmail(e, "verified")
			if s.plays(GitHubNoPrimary) {
				list[i]["primary"] = false
			}
		}
		if s.plays(GitHubTwoPrimaries) {
			list = append(list, map[string]any{"email": "second@example.com", "primary": true, "verified": true})
		}
		writeJSON(w, http.StatusOK, list)
	}
}

// spoilEmail applies the behaviors about addresses to the members email and
// flag of m.
func (s *Server) spoilEmail(m map[string]any, flag string) map[string]any {
	m = maps.Clone(m)
	email, _ := m["email"].(string)
	for b, value := range map[Behavior]any{
		EmailUnverified:     false,
		EmailVerifiedString: "true",
		EmailVerifiedNumber: 1,
		EmailVerifiedNull:   nil,
	} {
		if s.plays(b) {
			m[flag] = value
		}
	}
	for b, value := range map[Behavior]any{
		EmailNull:        nil,
		EmailList:        []string{email, "mallory@example.com"},
		EmailComma:       email + ",mallory@example.com",
		EmailDisplayName: "Ada <" + email + ">",
		EmailNewline:     email + "\r\nBcc: mallory@example.com",
		EmailLookAlike:   strings.Replace(email, "@", "\u017f@", 1), // long s
		EmailNoReply:     "583231+ada@users.noreply.github.com",
	} {
		if s.plays(b) {
			m["email"] = value
		}
	}
	if s.plays(EmailVerifiedMissing, EmailVerifiedOtherCase) {
		delete(m, flag)
	}
	if s.plays(EmailVerifiedOtherCase) {
		m[strings.ToUpper(flag[:1])+flag[1:]] = true
	}
	if s.plays(EmailMissing) {
		delete(m, "email")
	}
	return m
}
