package auth_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// Messages go out through a mail server. Check finds out at start-up whether
// address, certificate and password are right.
func ExampleNewSMTP() {
	mailer, err := auth.NewSMTP(auth.SMTPConfig{
		URL:  "smtp://mailer:s3cret@mail.example.com:587",
		From: "Example <no-reply@example.com>",
	})
	if err != nil {
		log.Fatal(err)
	}
	// if err := mailer.Check(ctx); err != nil { … }
	fmt.Println(mailer)
	// Output: smtp://mailer:***@mail.example.com:587
}

// In development messages are kept, logged with their link, and shown on a page
// for browsers on the same machine.
func ExampleNewOutbox() {
	outbox := auth.NewOutbox(slog.New(slog.DiscardHandler), 50)
	mux := http.NewServeMux()
	mux.Handle("/dev/outbox", outbox)

	_ = outbox.Send(context.Background(), &auth.Message{
		Kind: auth.MailVerify, ID: "1", To: "ann@example.com", Subject: "Confirm your email address",
		Link: "http://localhost:8000/verify-email?token=…",
	})
	fmt.Println(outbox.Last("ann@example.com").Link)
	// Output: http://localhost:8000/verify-email?token=…
}

// printer is all there is to a mailer of one's own.
type printer struct{}

func (printer) Send(ctx context.Context, m *auth.Message) error {
	raw, err := m.MIME("Example <no-reply@example.com>")
	if err != nil {
		return err // wraps ErrMailRefused: trying again would not help
	}
	fmt.Println(m)
	fmt.Println(len(raw) > 0)
	return ctx.Err()
}

func ExampleMailer() {
	var mailer auth.Mailer = printer{}
	err := mailer.Send(context.Background(), &auth.Message{
		Kind: auth.MailReset, ID: "42", To: "ann@example.com", Subject: "Choose a new password",
		Text: "https://app.example.com/reset-password?token=…", CreatedAt: time.Now(),
	})
	fmt.Println(err)
	// Output:
	// mail reset 42 to a***@example.com
	// true
	// <nil>
}
