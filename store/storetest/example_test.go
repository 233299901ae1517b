package storetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
	"github.com/aegis-auth/aegis/store/storetest"
)

// A store of your own proves itself with one test. open returns an empty store
// each time; with a database, that is a schema of its own.
func ExampleRun() {
	// func TestStore(t *testing.T) {
	_ = func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			return countingStore{Store: memstore.New()}
		})
	}
	// Output:
}

// A store may be the bare [store.Store]: the suite leaves out the interfaces
// which are not there, and says so.
func ExampleRun_bareStore() {
	var s store.Store = countingStore{Store: memstore.New()}
	_, ok := s.(store.OrgStore)
	fmt.Println("keeps organizations:", ok)
	// Output: keeps organizations: false
}

// countingStore stands for a store of your own. Embedding the interface, not the
// type, it has the methods of store.Store and no others.
type countingStore struct{ store.Store }

func (s countingStore) UserByID(ctx context.Context, id string) (*store.User, error) {
	return s.Store.UserByID(ctx, id)
}
