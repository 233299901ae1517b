package main

import (
	"testing"

	"github.com/aegis-auth/aegis/examples/routers/routertest"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	routertest.Run(t, handler)
}
