package oauth

import (
	"io"
	"log"
)

// discard is for test servers that are expected to complain.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
