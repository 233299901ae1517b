package sqltest_test

import (
	"testing"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/storetest"
)

func TestConformance(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) store.Store { return e.Open(t, sqlstore.Config{}) })
	})
}
