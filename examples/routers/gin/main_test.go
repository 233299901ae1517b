package main

import (
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/aegis-auth/aegis/examples/routers/routertest"
)

func TestHandler(t *testing.T) {
	gin.SetMode(gin.TestMode)
	t.Parallel()
	routertest.Run(t, handler)
}
