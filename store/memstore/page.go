package memstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// place is where a row stands in a list: by time, then by identifier.
type place struct {
	at time.Time
	id string
}

func (p place) compare(q place) int {
	return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.id, q.id))
}

// order is the direction of a list.
type order int

const (
	ascending  order = 1
	descending order = -1
)

// page puts rows in order and returns the first limit of them that stand behind
// after. It works in place.
func page[R any](rows []*R, at func(*R) place, dir order, after store.Cursor, limit int) []*R {
	if !after.IsZero() {
		from := place{after.At, after.ID}
		rows = slices.DeleteFunc(rows, func(r *R) bool {
			return int(dir)*at(r).compare(from) <= 0
		})
	}
	slices.SortFunc(rows, func(a, b *R) int { return int(dir) * at(a).compare(at(b)) })
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	return rows[:min(limit, len(rows))]
}
