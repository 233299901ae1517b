package token_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aegis-auth/aegis/auth/token"
)

// newSecret stands for a secret that comes from a file or the environment.
func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return secret
}

func newClaims(now time.Time) *token.Claims {
	return &token.Claims{
		ID: rand.Text(), Issuer: "https://app.example.com/auth", Subject: "user-17", SessionID: "session-4",
		Audience: []string{"https://app.example.com/auth"},
		IssuedAt: now, ExpiresAt: now.Add(15 * time.Minute), Role: "admin",
	}
}

// One service signs and verifies with a secret.
func Example() {
	key, err := token.HMAC(newSecret())
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	raw, err := keys.Sign(newClaims(time.Now()))
	if err != nil {
		log.Fatal(err)
	}

	verifier := &token.Verifier{Keys: keys, Issuer: "https://app.example.com/auth"}
	claims, err := verifier.Verify(context.Background(), raw)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject, claims.Role)

	_, err = verifier.Verify(context.Background(), raw[:len(raw)-1])
	fmt.Println(errors.Is(err, token.ErrInvalid))
	// Output:
	// user-17 admin
	// true
}

// A second service holds no secret. It fetches the public keys.
func ExampleRemoteKeys() {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := token.PrivateKey(private)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/jwks.json", token.JWKSHandler(keys))
	app := httptest.NewServer(mux)
	defer app.Close()
	raw, err := keys.Sign(newClaims(time.Now()))
	if err != nil {
		log.Fatal(err)
	}

	reports := &token.Verifier{
		Keys:   &token.RemoteKeys{URL: app.URL + "/auth/jwks.json"},
		Issuer: "https://app.example.com/auth",
	}
	claims, err := reports.Verify(context.Background(), raw)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		fmt.Println("503: try again") // the token may be good
	case err != nil:
		fmt.Println("401:", err)
	default:
		fmt.Println("200:", claims.Subject)
	}
	// Output:
	// 200: user-17
}

// Keys change while the program runs, and nobody is signed out.
func ExampleKeyring_Rotate() {
	old, err := token.HMAC(newSecret())
	if err != nil {
		log.Fatal(err)
	}
	next, err := token.HMAC(newSecret())
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewKeyring(old)
	if err != nil {
		log.Fatal(err)
	}
	raw, err := keys.Sign(newClaims(time.Now()))
	if err != nil {
		log.Fatal(err)
	}
	verifier := &token.Verifier{Keys: keys, Issuer: "https://app.example.com/auth"}
	check := func(when string) {
		_, err := verifier.Verify(context.Background(), raw)
		fmt.Println(when, err == nil)
	}

	// Each step is taken by all processes before the next one.
	if err := keys.Accept(next); err != nil {
		log.Fatal(err)
	}
	check("accepted:")
	if err := keys.Rotate(next); err != nil {
		log.Fatal(err)
	}
	check("rotated:")
	if err := keys.Retire(old.ID()); err != nil { // after the longest lifetime of a token
		log.Fatal(err)
	}
	check("retired:")
	// Output:
	// accepted: true
	// rotated: true
	// retired: false
}

// Signing out works with a token whose time is over.
func ExampleVerifier_VerifyExpired() {
	key, err := token.HMAC(newSecret())
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	raw, err := keys.Sign(newClaims(time.Now().Add(-time.Hour)))
	if err != nil {
		log.Fatal(err)
	}
	verifier := &token.Verifier{Keys: keys, Issuer: "https://app.example.com/auth"}
	_, err = verifier.Verify(context.Background(), raw)
	fmt.Println(err)
	claims, err := verifier.VerifyExpired(context.Background(), raw)
	fmt.Println("end", claims.SessionID, err)
	// Output:
	// token: expired
	// end session-4 <nil>
}
