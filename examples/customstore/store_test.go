package main

import (
	"path/filepath"
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/storetest"
)

// TestConformance says whether the five methods keep their contracts.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		a, err := open(t.Context(), filepath.Join(t.TempDir(), "people.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.db.Close() })
		return a
	})
}
