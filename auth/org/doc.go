// Package org adds organizations to package auth: members with roles, and
// invitations by mail.
//
//	orgs, err := org.New(svc, org.Config{})
//	…
//	mux.Handle("/auth/", orgs.Mux()) // the routes of auth and of org
//	mux.Handle("/orgs/", orgs.Mux())
//	mux.Handle("GET /orgs/{org}/books", orgs.Guard().RequireOrgRole(store.OrgMember, "org")(books))
//
// An owner stands above an admin, and an admin above a member. Nobody grants more
// than they have, nobody but an owner acts on their equals, and no organization
// is ever without an owner; the store decides each of these in one step, whatever
// happens at the same time. People outside an organization cannot tell it from
// one that does not exist. Nobody becomes a member by an invitation without
// having proved the address it was sent to.
package org
