package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// UsersHandler answers /admin/users for administrators and moderators: a list to
// search, and a form that makes an account.
func UsersHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/admin/users", guard: p.guard.RequireRole(p.userReaders()...), show: p.showUsers, post: p.postUsers})
}

var statuses = []store.UserStatus{store.StatusNotDeleted, store.StatusActive, store.StatusDisabled, store.StatusDeleted}

func (p *Pages) showUsers(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.full(r, v, "users")
	after, limit, err := p.svc.Page(r, "users")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	find := store.UserQuery{
		EmailPrefix: asciiLower(filter(q, "prefix")), Role: filter(q, "role"),
		Status: store.UserStatus(filter(q, "status")), After: after, Limit: limit + 1,
	}
	if !slices.Contains(statuses, find.Status) {
		find.Status = store.StatusNotDeleted
	}
	rows, err := p.svc.Users(r.Context(), find)
	if err != nil {
		return err
	}
	data := UsersData{
		Roles:     append([]Option{{Label: v.lang.textOr("any", "")}}, p.roles(v.lang, find.Role)...),
		CanCreate: isAdmin(r),
	}
	for _, s := range statuses {
		key := "status." + string(s)
		if s == store.StatusNotDeleted {
			key = "any"
		}
		data.Statuses = append(data.Statuses, Option{Value: string(s), Label: v.lang.textOr(key, string(s)), Selected: s == find.Status})
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		data.More = more("/admin/users", q, p.svc.SealCursor("users", store.Cursor{At: last.CreatedAt, ID: last.ID}))
	}
	for _, u := range rows {
		data.Users = append(data.Users, person(u))
	}
	prefill(v, map[string]string{"find.prefix": find.EmailPrefix})
	v.Data = data
	p.write(w, r, status, "users", v)
	return nil
}

// filter returns a parameter of a search, or "" if it cannot match anything.
func filter(q url.Values, name string) string {
	text := q.Get(name)
	if len(text) > 254 || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return ""
	}
	return text
}

// asciiLower lowers as addresses are lowered: ASCII alone.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// more is the address of a list's next page, with the same search.
func more(path string, q url.Values, after string) string {
	next := url.Values{"after": {after}}
	for _, name := range []string{"prefix", "role", "status", "kind", "user", "since", "limit"} {
		if q.Get(name) != "" {
			next.Set(name, q.Get(name))
		}
	}
	return path + "?" + next.Encode()
}

// roles are the choices of a role.
func (p *Pages) roles(l *language, selected string) []Option {
	var options []Option
	for _, role := range slices.Sorted(maps.Keys(p.settings.Roles)) {
		options = append(options, Option{Value: role, Label: l.textOr("role."+role, role), Selected: role == selected})
	}
	return options
}

func isAdmin(r *http.Request) bool {
	who, _ := middleware.PrincipalFrom(r.Context())
	return who.HasRole(auth.RoleAdmin)
}

func (p *Pages) postUsers(w http.ResponseWriter, r *http.Request, f form) error {
	if !isAdmin(r) {
		return middleware.ErrInsufficientRole
	}
	u, err := p.svc.CreateUser(r.Context(), auth.Registrant{Email: f.get("email"), Name: f.get("full_name")}, "")
	if err != nil {
		return refuse("new", err, "email_taken", "email")
	}
	p.goTo(w, r, "/admin/users/"+url.PathEscape(u.ID)+"?done=created")
	return nil
}

// UserHandler answers /admin/users/{user}: one account, and for administrators
// what can be done with it.
func UserHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/admin/users/{user}", guard: p.guard.RequireRole(p.userReaders()...), show: p.showUser, post: p.postUser})
}

func (p *Pages) showUser(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.full(r, v, "users")
	u, err := p.svc.AnyUser(r.Context(), r.PathValue("user"))
	if err != nil {
		return err
	}
	v.Data = UserData{User: person(u), Roles: p.roles(v.lang, u.Role), CanManage: isAdmin(r)}
	p.write(w, r, status, "user", v)
	return nil
}

func (p *Pages) postUser(w http.ResponseWriter, r *http.Request, f form) error {
	if !isAdmin(r) {
		return middleware.ErrInsufficientRole
	}
	who, _ := middleware.PrincipalFrom(r.Context())
	ctx, id, do := r.Context(), r.PathValue("user"), f.get("do")
	var err error
	done := "saved"
	switch do {
	case "role":
		if err = auth.ErrOwnRole; id != who.UserID {
			_, err = p.svc.SetRole(ctx, id, f.get("role"))
		}
	case "deactivate", "activate":
		_, err = p.svc.SetDisabled(ctx, id, do == "deactivate")
	case "sessions":
		err, done = p.svc.EndSessions(ctx, id), "user_sessions"
	case "unlock":
		err, done = p.svc.Unlock(ctx, id), "unlocked"
	case "restore":
		_, err = p.svc.RestoreUser(ctx, id)
		done = "restored"
	case "delete":
		hard := f.get("hard") != ""
		if err = p.svc.DeleteUser(ctx, id, hard); err == nil && hard {
			p.goTo(w, r, "/admin/users?done=removed")
			return nil
		}
		done = "removed"
	default:
		err = auth.ErrInvalidRequest
	}
	if err != nil {
		return refuse(do, err)
	}
	p.goTo(w, r, "/admin/users/"+url.PathEscape(id)+"?done="+done)
	return nil
}

// AuditHandler answers /admin/audit for administrators: the stored events,
// newest first.
func AuditHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/admin/audit", guard: p.guard.RequireRole(auth.RoleAdmin), show: p.showAudit})
}

func (p *Pages) showAudit(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.full(r, v, "audit")
	after, limit, err := p.svc.Page(r, "audit")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	find := store.AuditQuery{Kind: filter(q, "kind"), After: after, Limit: limit + 1}
	if find.Kind != "" && !strings.Contains(find.Kind, ".") {
		find.Kind = kindPrefix + find.Kind // as the choices have it
	}
	since, err := time.Parse(time.DateOnly, q.Get("since"))
	if err == nil {
		find.Since = since
	}
	var rows []*store.AuditEntry
	if find.UserID, err = p.personNamed(r, filter(q, "user")); err != nil {
		return err
	}
	if find.UserID != "" || filter(q, "user") == "" {
		if rows, err = p.svc.AuditTrail(r.Context(), find); err != nil {
			return err
		}
	}
	data := AuditData{Kinds: kinds(v.lang, find.Kind)}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		data.More = more("/admin/audit", q, p.svc.SealCursor("audit", store.Cursor{At: last.Time, ID: last.ID}))
	}
	for _, e := range rows {
		data.Entries = append(data.Entries, Entry{
			Time: e.Time, Kind: e.Kind, UserID: e.UserID, ActorID: e.ActorID, IP: e.IP,
			Device: v.lang.device(e.UserAgent), Detail: details(e.Attrs),
		})
	}
	if data.names, err = p.addresses(r, rows); err != nil {
		return err
	}
	prefill(v, map[string]string{"find.user": filter(q, "user")})
	if !find.Since.IsZero() {
		prefill(v, map[string]string{"find.since": q.Get("since")})
	}
	v.Data = data
	p.write(w, r, status, "audit", v)
	return nil
}

// personNamed turns what was typed, an address or an ID, into an ID, or "" if
// nobody has that address.
func (p *Pages) personNamed(r *http.Request, text string) (string, error) {
	if !strings.Contains(text, "@") {
		return text, nil
	}
	address := asciiLower(text)
	users, err := p.svc.Users(r.Context(), store.UserQuery{EmailPrefix: address, Status: store.StatusAny, Limit: 2})
	if err != nil {
		return "", err
	}
	for _, u := range users {
		if u.Email == address {
			return u.ID, nil
		}
	}
	return "", nil
}

// addresses returns the addresses of the people in entries, by ID.
func (p *Pages) addresses(r *http.Request, rows []*store.AuditEntry) (map[string]string, error) {
	seen := map[string]bool{}
	for _, e := range rows {
		seen[e.UserID], seen[e.ActorID] = true, true
	}
	delete(seen, "")
	names := make(map[string]string, len(seen))
	if len(seen) == 0 || p.settings.Users == nil {
		return names, nil
	}
	users, err := p.settings.Users.UsersByIDs(r.Context(), slices.Sorted(maps.Keys(seen)))
	if err != nil {
		return nil, auth.ErrUnavailable.With(err)
	}
	for _, u := range users {
		names[u.ID] = u.Email
	}
	return names, nil
}

// kindPrefix begins the kinds of all events that have a name here.
const kindPrefix = "auth."

// kinds are the events that can be searched for: those that have a name.
func kinds(l *language, selected string) []Option {
	options := []Option{{Label: l.textOr("any", "")}}
	for _, key := range slices.Sorted(maps.Keys(l.texts)) {
		if name, ok := strings.CutPrefix(key, "event."); ok {
			options = append(options, Option{Value: name, Label: l.texts[key], Selected: kindPrefix+name == selected})
		}
	}
	return options
}

// details shows what else an entry says.
func details(attrs map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		parts = append(parts, key+"="+attrs[key])
	}
	return strings.Join(parts, ", ")
}
