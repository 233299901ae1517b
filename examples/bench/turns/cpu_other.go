//go:build !unix

package turns

import "time"

// processor is the time on the wall where there is no better one.
func processor() time.Duration { return wall() }
