package pages

import "time"

// AccountData is the Data of account.html.
type AccountData struct {
	Connections []Connection // one for each configured provider
	Sessions    []Device
	Others      bool // there are sessions besides this one
	Activity    []Entry
}

// Connection is a provider and whether the person has connected it.
type Connection struct {
	Provider  Provider
	Connected bool
	Account   string // what the provider calls them
	Since     time.Time
}

// Device is one session.
type Device struct {
	ID, Device, IP string // Device: "Firefox on Linux", or ""
	Used           time.Time
	Current        bool
}

// Entry is one line of the audit trail.
type Entry struct {
	Time                          time.Time
	Kind, UserID, ActorID, Detail string
	IP, Device                    string
}

// VerifyData is the Data of verify-email.html: keys of texts, and where the
// button posts to.
type VerifyData struct{ Title, Text, Button, Action string }

// InviteData is the Data of accept-invite.html. Org is empty when unknown.
type InviteData struct{ Org string }

// ContinueData is the Data of continue.html. Posted is set when a form arrived
// without a live token and nothing was done, Late when the session could not be
// renewed just now.
type ContinueData struct {
	Action       string
	Posted, Late bool
}

// MessageData is the Data of message.html and confirm.html: finished texts. With
// a Link the button leads there, otherwise it posts to Action.
type MessageData struct {
	Title, Text          string
	Button, Link, Action string
	Request              string // the request's ID, shown when something broke
}

// Organization is an organization and the role in it of whoever looks.
type Organization struct{ ID, Name, Slug, Description, Role string }

// OrganizationsData is the Data of organizations.html.
type OrganizationsData struct {
	Orgs    []Organization
	Invites []Invite
	More    string // address of the next page, or ""
}

// OrganizationData is the Data of organization.html.
type OrganizationData struct {
	Org                           Organization
	Members                       []Member
	Invites                       []Invite
	InviteRoles                   []Option
	Heirs                         []Option // who can be handed the ownership
	CanInvite, CanEdit, CanDelete bool
	More                          string
}

// Member is one person's place in an organization. Options are the roles whoever
// looks may give them; none if they may not.
type Member struct {
	UserID, Email, Name, Role string
	Joined                    time.Time
	You, CanRemove            bool
	Options                   []Option
}

// Invite is an invitation, to whoever looks or from their organization.
type Invite struct {
	ID, Org, Email, Role, Status string
	Open                         bool
	Expires                      time.Time
}

// UsersData is the Data of users.html.
type UsersData struct {
	Users           []Person
	Roles, Statuses []Option
	CanCreate       bool
	More            string
}

// UserData is the Data of user.html.
type UserData struct {
	User      Person
	Roles     []Option
	CanManage bool
}

// AuditData is the Data of audit.html.
type AuditData struct {
	Entries []Entry
	Kinds   []Option
	More    string

	names map[string]string
}

// Name returns the address of the user, or the ID if it is not known.
func (d AuditData) Name(id string) string {
	if name := d.names[id]; name != "" {
		return name
	}
	return id
}
