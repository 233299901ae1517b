package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func ExampleNew() {
	ctx := context.Background()
	s := memstore.New()
	ada := &store.User{Email: "ada@example.com"}
	fmt.Println(s.CreateUser(ctx, ada))

	err := s.CreateUser(ctx, &store.User{Email: "ada@example.com"})
	fmt.Println(errors.Is(err, store.ErrConflict))

	u, err := s.UserByEmail(ctx, "ada@example.com")
	fmt.Println(u.ID == ada.ID, err)
	// Output:
	// <nil>
	// true
	// true <nil>
}
