package org_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/org"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// exampleUsers makes a service, and users with these names.
func exampleUsers(names ...string) (*auth.Service, []*store.User) {
	svc, err := auth.New(auth.Config{
		Store:   memstore.New(),
		Secret:  []byte("6b1f0c3e9a7d4528b0e2f4a1c8d9e7350f5a"),
		BaseURL: "http://localhost:8000/auth",
		Hasher:  auth.InsecureBcrypt(4),
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	var users []*store.User
	for _, name := range names {
		u, err := svc.NewAccount(context.Background(), auth.Registrant{Email: name + "@example.com"}, "")
		if err != nil {
			log.Fatal(err)
		}
		users = append(users, u)
	}
	return svc, users
}

// Organizations are added to a service that is there already. Their guard admits
// by rank in the organization whose ID stands in the path.
func ExampleNew() {
	svc, _ := exampleUsers()
	orgs, err := org.New(svc, org.Config{})
	if err != nil {
		log.Fatal(err)
	}
	report := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.PathValue("org")) })
	mux := http.NewServeMux()
	mux.Handle("/", orgs.Mux())
	mux.Handle("GET /reports/{org}", orgs.Guard().RequireOrgRole(store.OrgAdmin, "org")(report))
	fmt.Println(orgs.Path(), orgs.Auth().Path())
	// Output: /orgs /auth
}

// Operations check what their actor may do, as the routes do.
func ExampleService_Add() {
	svc, users := exampleUsers("owner", "member", "stranger")
	owner, member, stranger := users[0], users[1], users[2]
	orgs, err := org.New(svc, org.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	acme, err := orgs.Create(ctx, owner.ID, "Acme", "acme", "")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := orgs.Add(ctx, owner.ID, acme.ID, member.ID, store.OrgMember); err != nil {
		log.Fatal(err)
	}
	_, err = orgs.Add(ctx, member.ID, acme.ID, stranger.ID, store.OrgMember)
	fmt.Println("a member adds somebody:", errors.Is(err, org.ErrRank))
	_, err = orgs.Membership(ctx, acme.ID, stranger.ID)
	fmt.Println("to a stranger it is not there:", errors.Is(err, org.ErrNotFound))
	fmt.Println("the last owner leaves:", errors.Is(orgs.Leave(ctx, owner.ID, acme.ID), org.ErrLastOwner))
	// Output:
	// a member adds somebody: true
	// to a stranger it is not there: true
	// the last owner leaves: true
}
