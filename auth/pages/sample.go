package pages

import "time"

// sample is a page with invented content. New renders all of them, so that a
// template that cannot be rendered is found before the first visitor comes.
type sample struct {
	page, variant string
	view          View
}

func samples(common View, l *language) []sample {
	day := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	me := &Person{ID: "u1", Email: "ada@example.com", Name: "Ada Lovelace", Role: "admin", Verified: true, Active: true, HasPassword: true, Created: day, LastLogin: day}
	fresh := &Person{ID: "u2", Email: "grace@example.com", Name: "", Role: "user", Active: true, Created: day}
	common.Providers = []Provider{
		{Name: "github", Label: "GitHub", Icon: "github", URL: common.Refresh + "/../oauth/github/start"},
		{Name: "google", Label: "Google", Icon: "google", URL: common.Refresh + "/../oauth/google/start"},
		{Name: "acme", Label: "Acme SSO", URL: common.Refresh + "/../oauth/acme/start"},
	}
	common.CanRegister = true
	common.MinLength = 8
	links := []Link{
		{Key: "nav.account", URL: "/account"}, {Key: "nav.organizations", URL: "/account/organizations"},
		{Key: "nav.users", URL: "/admin/users"}, {Key: "nav.audit", URL: "/admin/audit"},
	}

	var all []sample
	add := func(page, variant string, change func(v *View)) {
		v := common
		change(&v)
		all = append(all, sample{page, variant, v})
	}
	full := func(page, variant string, current int, change func(v *View)) {
		add(page, variant, func(v *View) {
			v.Full, v.Me, v.Lifetime = true, me, 900
			v.Nav = append([]Link(nil), links...)
			v.Nav[current].Current = true
			change(v)
		})
	}
	text := func(key string, args ...any) string { return l.textOr(key, key, args...) }

	add("login", "", func(v *View) {})
	add("login", "failed", func(v *View) {
		v.Next, v.Form, v.Failure = "/reports?year=2026", "login", text("problem.invalid_credentials")
		v.Values = map[string]string{"login.email": me.Email}
	})
	add("login", "bare", func(v *View) { v.Providers, v.CanRegister, v.Done = nil, false, text("done.reset") })
	add("register", "", func(v *View) { v.Token = "sample" })
	add("register", "failed", func(v *View) {
		v.Form = "register"
		v.Values = map[string]string{"register.email": "ada@example", "register.full_name": me.Name}
		v.Errors = map[string]string{"register.email": text("field.email.invalid"), "register.new_password": text("field.too_common")}
	})
	add("forgot-password", "", func(v *View) {})
	add("forgot-password", "done", func(v *View) { v.Done = text("done.reset_sent") })
	add("reset-password", "", func(v *View) { v.Token = "sample" })
	add("reset-password", "dead", func(v *View) { v.Failure = text("problem.invalid_token") })
	verify := VerifyData{Title: "verify.title", Text: "verify.text", Button: "verify.button", Action: "/verify-email"}
	add("verify-email", "", func(v *View) { v.Token, v.Data = "sample", verify })
	add("verify-email", "done", func(v *View) { v.Done, v.Data = text("done.verified"), verify })
	add("verify-pending", "", func(v *View) { v.Me = fresh })
	add("verify-pending", "anyone", func(v *View) {})
	add("accept-invite", "", func(v *View) { v.Me, v.Token, v.Data = me, "sample", InviteData{Org: "Analytical Engines"} })
	add("accept-invite", "anyone", func(v *View) { v.Token, v.Next, v.Data = "sample", "/accept-invite?token=sample", InviteData{} })
	add("accept-invite", "dead", func(v *View) { v.Me, v.Failure, v.Data = me, text("problem.email_mismatch"), InviteData{} })
	add("continue", "", func(v *View) { v.Next, v.Data = "/account", ContinueData{Action: "/auth/continue"} })
	add("continue", "posted", func(v *View) { v.Next, v.Data = "/account", ContinueData{Action: "/auth/continue", Posted: true} })
	add("confirm", "", func(v *View) {
		v.Data = MessageData{Title: text("leave.title", "GitHub"), Text: text("leave.text"), Button: text("continue.button"), Link: "https://github.com/login/oauth/authorize"}
	})
	add("confirm", "post", func(v *View) {
		v.Data = MessageData{Title: text("signout.title"), Text: text("signout.text"), Button: text("signout.button"), Action: "/logout"}
	})
	add("message", "", func(v *View) {
		v.Data = MessageData{Title: text("problem.title"), Text: text("problem.internal"), Button: text("back"), Link: "/", Request: "0123456789abcdef"}
	})

	account := AccountData{
		Connections: []Connection{
			{Provider: common.Providers[0], Connected: true, Account: "ada-l", Since: day},
			{Provider: common.Providers[1]}, {Provider: common.Providers[2]},
		},
		Sessions: []Device{
			{ID: "s1", Device: text("device.on", "Firefox", "Linux"), IP: "203.0.113.7", Used: day, Current: true},
			{ID: "s2", Device: text("device.on", "Safari", "iPhone"), IP: "2001:db8::7", Used: day.Add(-50 * time.Hour)},
			{ID: "s3", IP: "198.51.100.23", Used: day.Add(-200 * time.Hour)},
		},
		Others: true,
		Activity: []Entry{
			{Time: day, Kind: "auth.login_success", IP: "203.0.113.7", Device: text("device.on", "Firefox", "Linux")},
			{Time: day.Add(-time.Hour), Kind: "auth.login_failed", IP: "198.51.100.23"},
			{Time: day.Add(-50 * time.Hour), Kind: "auth.password_changed", IP: "2001:db8::7", Device: text("device.on", "Safari", "iPhone")},
			{Time: day.Add(-60 * time.Hour), Kind: "shop.order_placed", IP: "2001:db8::7"},
		},
	}
	full("account", "", 0, func(v *View) {
		v.Values, v.Data = map[string]string{"profile.full_name": me.Name}, account
	})
	full("account", "failed", 0, func(v *View) {
		v.Form, v.Data = "password", account
		v.Errors = map[string]string{"password.current_password": text("field.current_password.invalid_credentials"), "password.new_password": text("field.new_password.too_short", 8)}
	})
	full("account", "new", 0, func(v *View) {
		v.Me, v.Done, v.Data = fresh, text("done.profile"), AccountData{Sessions: account.Sessions[:1]}
	})
	full("account", "stale", 0, func(v *View) {
		v.Form, v.Failure, v.Again, v.Data = "connections", text("problem.reauthentication_required"), "/login?again=1&next=%2Faccount", account
	})
	full("account", "refused", 0, func(v *View) { v.Form, v.Failure, v.Data = "delete", text("problem.last_owner"), account })

	org := Organization{ID: "o1", Name: "Analytical Engines", Slug: "analytical-engines", Description: "Mills and stores.", Role: "owner"}
	full("organizations", "", 1, func(v *View) {
		v.Data = OrganizationsData{
			Orgs:    []Organization{org, {ID: "o2", Name: "Royal Society", Slug: "royal-society", Role: "member"}},
			Invites: []Invite{{ID: "i1", Org: "Compilers United", Role: "admin", Status: "pending", Open: true, Expires: day}},
		}
	})
	full("organizations", "empty", 1, func(v *View) {
		v.Form, v.Data = "new", OrganizationsData{More: "/account/organizations?after=x"}
		v.Values = map[string]string{"new.slug": "Analytical Engines"}
		v.Errors = map[string]string{"new.slug": text("field.slug.invalid")}
	})
	roles := func(selected string) []Option {
		return []Option{
			{Value: "member", Label: text("orgrole.member"), Selected: selected == "member"},
			{Value: "admin", Label: text("orgrole.admin"), Selected: selected == "admin"},
			{Value: "owner", Label: text("orgrole.owner"), Selected: selected == "owner"},
		}
	}
	full("organization", "", 1, func(v *View) {
		v.Values = map[string]string{"details.name": org.Name, "details.slug": org.Slug, "details.description": org.Description}
		v.Data = OrganizationData{
			Org: org, CanInvite: true, CanEdit: true, CanDelete: true, InviteRoles: roles(""), Heirs: []Option{{Value: "u2", Label: fresh.Email}},
			Members: []Member{
				{UserID: "u1", Email: me.Email, Name: me.Name, Role: "owner", Joined: day, You: true},
				{UserID: "u2", Email: fresh.Email, Role: "admin", Joined: day, CanRemove: true, Options: roles("admin")},
			},
			Invites: []Invite{
				{ID: "i2", Email: "charles@example.com", Role: "member", Status: "pending", Open: true, Expires: day},
				{ID: "i3", Email: "mary@example.com", Role: "admin", Status: "expired", Expires: day},
			},
			More: "/account/organizations/o1?after=x",
		}
	})
	full("organization", "member", 1, func(v *View) {
		org := org
		org.Role = "member"
		v.Form, v.Failure = "leave", text("problem.last_owner")
		v.Data = OrganizationData{Org: org, Members: []Member{{UserID: "u1", Email: me.Email, Role: "member", Joined: day, You: true}}}
	})

	choices := []Option{{Label: text("any")}, {Value: "admin", Label: text("role.admin")}, {Value: "user", Label: text("role.user"), Selected: true}}
	full("users", "", 2, func(v *View) {
		gone := *fresh
		gone.ID, gone.Email, gone.Deleted = "u3", "tom@example.com", day
		off := *me
		off.ID, off.Email, off.Active = "u4", "mallory@example.com", false
		v.Data = UsersData{Users: []Person{*me, *fresh, gone, off}, Roles: choices, Statuses: choices[:1], CanCreate: true, More: "/admin/users?after=x"}
	})
	full("users", "empty", 2, func(v *View) {
		v.Values = map[string]string{"find.prefix": "zz"}
		v.Data = UsersData{Roles: choices, Statuses: choices[:1]}
	})
	full("user", "", 2, func(v *View) { v.Data = UserData{User: *me, Roles: choices[1:], CanManage: true} })
	full("user", "deleted", 2, func(v *View) {
		gone := *fresh
		gone.Deleted = day
		v.Failure, v.Data = text("problem.email_taken"), UserData{User: gone, Roles: choices[1:], CanManage: true}
	})
	full("user", "watched", 2, func(v *View) { v.Data = UserData{User: *fresh} })
	full("audit", "", 3, func(v *View) {
		v.Data = AuditData{
			Entries: []Entry{
				{Time: day, Kind: "auth.role_changed", UserID: "u2", ActorID: "u1", Detail: "role=moderator", IP: "203.0.113.7", Device: text("device.on", "Firefox", "Linux")},
				{Time: day.Add(-time.Hour), Kind: "auth.login_failed", IP: "198.51.100.23"},
				{Time: day.Add(-2 * time.Hour), Kind: "auth.login_success", UserID: "u1", ActorID: "u1", IP: "203.0.113.7"},
			},
			Kinds: choices[:1], More: "/admin/audit?after=x", names: map[string]string{"u1": me.Email, "u2": fresh.Email},
		}
	})
	full("audit", "empty", 3, func(v *View) { v.Data = AuditData{Kinds: choices[:1]} })
	return all
}
