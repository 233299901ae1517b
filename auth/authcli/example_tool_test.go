package authcli_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authcli"
	"github.com/aegis-auth/aegis/store/memstore"
)

// A program hands its arguments on, and says itself how a command ended.
func ExampleTool_Run() {
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
	tool := authcli.Tool{Service: svc}
	var out strings.Builder
	streams := authcli.Streams{In: strings.NewReader("correct horse battery\n"), Out: &out, Err: os.Stderr}
	if err := tool.Run(context.Background(), []string{"create-user", "--password-stdin", "ann@example.com"}, streams); err != nil {
		log.Fatal(err)
	}
	made, _, _ := strings.Cut(out.String(), " (")
	fmt.Println(made)
	err = tool.Run(context.Background(), []string{"unlock", "nobody@example.com"}, streams)
	fmt.Println(err)
	// Output:
	// Created ann@example.com
	// unlock: there is no user nobody@example.com
}
