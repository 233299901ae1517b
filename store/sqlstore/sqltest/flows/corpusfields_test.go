package flows_test

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
)

// field is one place of a request in which a client may write a text.
type field struct {
	route auth.Route
	in    string // "json", "raw" (as JSON, not as a string in it), "form", "query", "path", "header", "cookie"
	name  string
	rest  map[string]string // the other members of the body
	at    string            // the path, if it is not that of the route
}

func (f field) String() string { return f.route.Pattern + " " + f.in + " " + f.name }

// key names a field of a body as the checks do.
func (f field) key() string { return f.route.Name + " " + f.name }

// usual are values that a field can have.
var usual = map[string]string{
	"email": "newcomer@example.com", "password": password, "current_password": password, "new_password": another,
	"full_name": "A Name", "name": "A Name", "slug": "a-slug", "description": "Words.", "role": "user",
	"username": "nobody@example.com", "grant_type": "password", "token": "x", "refresh_token": "x", "invite_token": "",
	"limit": "5", "hard": "false", "deleted": "false", "next": "/app",
}

// bodyNames are the members of the struct that a body is decoded into.
func bodyNames(request any) (names []string) {
	t := reflect.TypeOf(request)
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// headers are those that something reads, or might.
var headers = []string{
	"User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Host",
	"Origin", "Referer", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "X-Request-Id",
	"If-None-Match", "If-Modified-Since", "Sec-Fetch-Site", "Sec-Fetch-Mode", "X-Http-Method-Override", "Range", "Traceparent",
}

// fields are all fields of all routes.
func (s *scene) fields(tb testing.TB) (list []field) {
	tb.Helper()
	for _, r := range s.routes {
		for part := range strings.SplitSeq(r.Path(), "/") {
			if name := strings.Trim(part, "{}"); name != part {
				list = append(list, field{route: r, in: "path", name: name})
			}
		}
		if r.Doc == nil {
			continue
		}
		for _, name := range r.Doc.Query {
			list = append(list, field{route: r, in: "query", name: name})
		}
		if r.Doc.Request != nil {
			names := bodyNames(r.Doc.Request)
			rest := make(map[string]string)
			for _, required := range r.Doc.Required {
				rest[required] = usual[required]
			}
			if r.Name == "token" {
				rest = map[string]string{"username": usual["username"], "password": password}
			}
			for i, name := range names {
				list = append(list, field{route: r, in: "json", name: name, rest: rest})
				if i == 0 {
					list = append(list, field{route: r, in: "raw", name: name, rest: rest})
				}
				if r.Doc.Form {
					list = append(list, field{route: r, in: "form", name: name, rest: rest})
				}
			}
		}
		switch r.Name {
		case "token", "sessions", "refresh":
			for _, name := range headers {
				list = append(list, field{route: r, in: "header", name: name})
			}
			for _, name := range []string{sessionCookie, refreshCookie, "aegis_device", "aegis_flow"} {
				list = append(list, field{route: r, in: "cookie", name: name})
			}
		}
	}
	return append(list, s.pageFields(tb)...)
}

var (
	forms   = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)".*?</form>`)
	inputs  = regexp.MustCompile(`<(?:input|select|textarea|button)\b[^>]*>`)
	nameOf  = regexp.MustCompile(` name="([^"]*)"`)
	valueOf = regexp.MustCompile(` value="([^"]*)"`)
)

// pageFields are the fields of the forms that pages show, and what their queries
// may say.
func (s *scene) pageFields(tb testing.TB) (list []field) {
	tb.Helper()
	seen := make(map[string]bool)
	for _, r := range s.routes {
		if !strings.HasPrefix(r.Name, "pages.") || r.Method() != "GET" || strings.HasPrefix(r.Path(), "/auth/") {
			continue
		}
		names := []string{"next", "token", "done", "oauth_error"}
		if strings.HasPrefix(r.Path(), "/admin") {
			names = []string{"email", "role", "status", "after", "kind", "user", "since"}
		}
		for _, name := range names {
			list = append(list, field{route: r, in: "query", name: name})
		}
		list = append(list, field{route: r, in: "header", name: "Accept-Language"})
		answered := s.serve(s.request(field{route: r, in: "query", name: "token"}, "x"))
		for _, form := range forms.FindAllStringSubmatch(answered.Body.String(), -1) {
			post := r
			post.Pattern = "POST " + r.Path()
			rest := make(map[string]string)
			var names []string
			for _, input := range inputs.FindAllString(form[0], -1) {
				if name := nameOf.FindStringSubmatch(input); name != nil {
					value := valueOf.FindStringSubmatch(input)
					rest[name[1]] = usual[name[1]]
					if value != nil && value[1] != "" {
						rest[name[1]] = value[1]
					}
					names = append(names, name[1])
				}
			}
			for _, name := range names {
				f := field{route: post, in: "form", name: name, rest: rest, at: form[1]}
				if id := f.String() + form[1] + rest["do"]; !seen[id] {
					seen[id] = true
					list = append(list, f)
				}
			}
		}
	}
	return list
}

// valid reports whether a field can arrive with that text: a server does not read
// headers with controls, nor hosts of other characters.
func (f field) valid(text string) bool {
	if f.in != "header" && f.in != "cookie" {
		return true
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' && c != '\t', c == 0x7f:
			return false
		case f.name == "Host" && (c >= 0x80 || strings.IndexByte(" \"<>\\^`{|}/?#@", c) >= 0):
			return false
		}
	}
	return len(text) < 8<<10
}

// request makes a request with a text in a field, by whoever may send it.
func (s *scene) request(f field, text string) *http.Request {
	path := f.at
	if path == "" {
		path = f.route.Path()
		for name, value := range map[string]string{"id": s.target.id, "user": s.target.id, "org": s.org, "provider": "github"} {
			if f.in == "path" && f.name == name {
				value = url.PathEscape(text)
			}
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
	}
	if f.in == "query" {
		path += "?" + url.Values{f.name: {text}}.Encode()
	}
	r := s.sender(f).request(f.route.Method(), "", nil)
	u, err := url.Parse("http://localhost:8000" + path)
	s.must(err)
	r.URL, r.RequestURI = u, path
	switch f.in {
	case "json", "raw":
		setBody(r, "application/json", f.json(text))
	case "form":
		values := url.Values{}
		for name, value := range f.rest {
			values.Set(name, value)
		}
		values.Set(f.name, text)
		setBody(r, "application/x-www-form-urlencoded", values.Encode())
	case "header":
		switch f.name {
		case "Host":
			r.Host = text
		default:
			r.Header.Set(f.name, strings.Trim(text, " \t")) // as it is read
		}
		if f.route.Name == "token" {
			body := formOf("username", s.target.email, "password", password).Encode()
			if f.name != "Content-Type" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			r.Body, r.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
		}
	case "cookie":
		r.Header.Set("Cookie", f.name+"="+strings.Trim(text, " \t"))
	}
	return r
}

func setBody(r *http.Request, kind, body string) {
	r.Header.Set("Content-Type", kind)
	r.Body, r.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
}

// json writes a body by hand, so that what is no UTF-8 stays none.
func (f field) json(text string) string {
	var b strings.Builder
	b.WriteString("{")
	for name, value := range f.rest {
		if name != f.name {
			b.WriteString(quoted(name) + ":" + quoted(value) + ",")
		}
	}
	value := quoted(text)
	switch {
	case f.in == "raw":
		value = text
	case f.name == "metadata":
		value = `{"theme":` + value + `}`
	case f.name == "user_ids":
		value = "[" + value + "]"
	}
	b.WriteString(quoted(f.name) + ":" + value + "}")
	return b.String()
}

func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			b.WriteString(`\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// sender is who may send a request to the route of a field.
func (s *scene) sender(f field) *client {
	access := f.route.Access
	switch {
	case f.route.Name == "sessions" || f.route.Name == "refresh":
		return s.actor
	case access == "public":
		return s.stranger
	case strings.Contains(access, "role:") && !strings.Contains(access, "org:"):
		return s.boss
	}
	return s.actor
}
