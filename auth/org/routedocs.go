package org

import "github.com/aegis-auth/aegis/auth"

// page is the form of a list in the OpenAPI document.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

type detailJSON struct {
	Detail string `json:"detail"`
}

var listQuery = []string{"limit", "after"}

// routeDocs describe the routes of this package, by name without "orgs.".
var routeDocs = map[string]*auth.Doc{
	"create":      {Summary: "Make an organization.", Request: orgRequest{}, Required: []string{"name", "slug"}, Status: 201, Response: orgJSON{}, Errors: []int{409}},
	"list":        {Summary: "The own organizations.", Query: listQuery, Status: 200, Response: page[orgJSON]{}, Errors: []int{422}},
	"all":         {Summary: "All organizations.", Query: []string{"deleted", "limit", "after"}, Status: 200, Response: page[orgJSON]{}, Errors: []int{422}},
	"memberships": {Summary: "The organizations of one user.", Query: []string{"user", "limit", "after"}, Status: 200, Response: page[userMembershipJSON]{}, Errors: []int{422}},
	"restore":     {Summary: "Bring a deleted organization back.", Status: 200, Response: orgJSON{}, Errors: []int{409}},
	"get":         {Summary: "One organization.", Status: 200, Response: orgJSON{}},
	"update":      {Summary: "Change an organization.", Request: orgRequest{}, Status: 200, Response: orgJSON{}, Errors: []int{409}},
	"delete":      {Summary: "Delete an organization, softly unless hard.", Query: []string{"hard"}, Status: 204, Errors: []int{422}},
	"transfer":    {Summary: "Hand the ownership to a member.", Request: memberRequest{}, Required: []string{"user_id"}, Status: 200, Response: orgJSON{}},
	"leave":       {Summary: "Leave an organization.", Status: 204, Errors: []int{409}},
	"members":     {Summary: "The members.", Query: listQuery, Status: 200, Response: page[memberJSON]{}, Errors: []int{422}},
	"members.add": {Summary: "Add a user.", Request: memberRequest{}, Required: []string{"user_id", "role"}, Status: 201, Response: memberJSON{}, Errors: []int{409}},
	"members.add_all": {Summary: "Add up to 500 users, or none if one is unknown.", Request: bulkRequest{}, Required: []string{"user_ids", "role"},
		Status: 200, Response: bulkJSON{}},
	"members.set_role": {Summary: "Give a member another role.", Request: memberRequest{}, Required: []string{"role"}, Status: 200, Response: memberJSON{}, Errors: []int{409}},
	"members.remove":   {Summary: "Take a member out.", Status: 204, Errors: []int{409}},
	"invites":          {Summary: "The invitations.", Query: listQuery, Status: 200, Response: page[inviteJSON]{}, Errors: []int{422}},
	"invites.create": {Summary: "Invite the holder of an address.", Request: inviteRequest{}, Required: []string{"email", "role"},
		Status: 201, Response: inviteJSON{}, Errors: []int{409, 429}},
	"invites.revoke":       {Summary: "Withdraw an invitation.", Status: 204},
	"invites.resend":       {Summary: "Mail an invitation again, with another link.", Status: 200, Response: inviteJSON{}, Errors: []int{429}},
	"invites.mine":         {Summary: "The open invitations to the own, proved address.", Status: 200, Response: page[inviteJSON]{}},
	"invites.accept":       {Summary: "Accept an invitation to the own address.", Status: 200, Response: orgJSON{}, Errors: []int{409}},
	"invites.decline":      {Summary: "Decline an invitation.", Status: 200, Response: detailJSON{}},
	"invites.accept_token": {Summary: "Accept an invitation by its token.", Request: acceptRequest{}, Required: []string{"token"}, Status: 200, Response: orgJSON{}, Errors: []int{409}},
}
