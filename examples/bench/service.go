package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

const (
	baseURL  = "http://localhost:8000/auth"
	password = "correct horse battery staple"
)

// service is one of ours, with hashes as cheap as possible and no rate limits
// unless it is configured otherwise.
type service struct {
	*auth.Service
	outbox *auth.Outbox
}

func newService(st store.Store, change func(*auth.Config)) (*service, error) {
	quiet := slog.New(slog.DiscardHandler)
	s := &service{outbox: auth.NewOutbox(quiet, 1000)}
	c := auth.Config{
		Store: st, Secret: secret, BaseURL: baseURL, AppName: "Bench", Roles: auth.DefaultRoles(),
		Hasher: auth.InsecureBcrypt(4), Mailer: s.outbox, Limits: auth.Limits{InsecureOff: true}, Logger: quiet,
	}
	if change != nil {
		change(&c)
	}
	var err error
	s.Service, err = auth.New(c)
	return s, err
}

func (s *service) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.Close(ctx) // what is lost is a benchmark's
}

func email(kind string, i int) string { return fmt.Sprintf("%s%d@example.com", kind, i) }

// account makes a user of that role and begins a session.
func (s *service) account(address, role string) (*auth.Grant, error) {
	ctx := context.Background()
	u, err := s.NewAccount(ctx, auth.Registrant{Email: address, Password: password, Name: "Some One"}, role)
	if err != nil {
		return nil, err
	}
	return s.StartSession(ctx, u, "password", auth.Device{})
}

// signIn makes many users with a session each, and returns the access tokens.
func (s *service) signIn() ([]string, error) {
	tokens := make([]string, many)
	for i := range tokens {
		g, err := s.account(email("user", i), "user")
		if err != nil {
			return nil, err
		}
		tokens[i] = g.AccessToken
	}
	return tokens, nil
}
