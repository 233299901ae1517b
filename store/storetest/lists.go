package storetest

import (
	"cmp"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

// direction is the order of a list.
type direction int

const (
	ascending  direction = 1
	descending direction = -1
)

// sortBy puts rows in the order of a list: by time, then by ID, byte by byte.
func sortBy[R any](rows []R, d direction, key func(R) store.Cursor) {
	slices.SortFunc(rows, func(a, b R) int {
		x, y := key(a), key(b)
		return int(d) * cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
}
