package sqlstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// micros is how a time is kept, on every engine alike: microseconds since
// 1970-01-01 UTC. The zero Time is the year 1, and sorts as that.
func micros(t time.Time) int64 { return t.UnixMicro() }

// timeCol scans what micros made.
type timeCol struct{ t *time.Time }

func (c timeCol) Scan(v any) error {
	us, err := asInt(v)
	*c.t = time.UnixMicro(us).UTC()
	return err
}

// never is the zero Time in a column for what may never happen: deleted_at,
// revoked_at, last_login_at. It is what statements and indexes compare with.
// epochItself stands for the moment that has the number 0 elsewhere.
const (
	never       = 0
	epochItself = math.MinInt64
)

// orNever is micros for such a column.
func orNever(t time.Time) int64 {
	us := t.UnixMicro()
	switch {
	case t.IsZero():
		return never
	case us == 0:
		return epochItself
	}
	return us
}

// eventCol scans what orNever made.
type eventCol struct{ t *time.Time }

func (c eventCol) Scan(v any) error {
	us, err := asInt(v)
	switch us {
	case never:
		*c.t = time.Time{}
	case epochItself:
		*c.t = time.UnixMicro(0).UTC()
	default:
		*c.t = time.UnixMicro(us).UTC()
	}
	return err
}

// asInt returns an integer column, whichever of its forms the driver chose.
func asInt(v any) (int64, error) {
	if n, ok := v.(int64); ok {
		return n, nil
	}
	n, err := strconv.ParseInt(asText(v), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("time: %w", err)
	}
	return n, nil
}

// asText returns a textual column, whichever of its two forms the driver chose.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// orNull keeps an empty blob as NULL.
func orNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// notNull keeps a nil blob as an empty one, for columns that are never NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// metadataText is the JSON object kept for m. Values are kept byte for byte, so
// that they are not handed to json.Marshal, which would rewrite them.
func metadataText(m map[string]json.RawMessage) (string, error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b := []byte{'{'}
	for i, k := range keys {
		v := m[k]
		if len(v) == 0 {
			v = json.RawMessage("null") // as json.Marshal has it
		}
		if !json.Valid(v) {
			return "", fmt.Errorf("metadata %q is not JSON", k)
		}
		key, err := json.Marshal(k)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, key...), ':'), v...)
	}
	return string(append(b, '}')), nil
}

// jsonCol scans a JSON object into a map; the empty object gives nil.
type jsonCol[V any] struct{ m *map[string]V }

func (c jsonCol[V]) Scan(v any) error {
	*c.m = nil
	text := asText(v)
	if text == "{}" || text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), c.m)
}

// cloneUser returns a deep copy.
func cloneUser(u *store.User) *store.User {
	c := *u
	c.Metadata = maps.Clone(u.Metadata)
	for k, v := range c.Metadata {
		c.Metadata[k] = bytes.Clone(v)
	}
	return &c
}

// columns puts the alias of a table before each name of a list.
func columns(alias, list string) string {
	return alias + "." + strings.ReplaceAll(list, ", ", ", "+alias+".")
}

// marks is a list of n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// countOf returns how many names a list of columns has.
func countOf(list string) int { return strings.Count(list, ",") + 1 }

func pageLimit(n int) int {
	if n <= 0 {
		return store.DefaultLimit
	}
	return n
}

// maxGroup is how many values go into one statement.
const maxGroup = 256

// inGroups hands f the values in groups of at most maxGroup, the last one filled
// up: lists of any length make do with nine statements.
func inGroups(values []string, f func(group []any) error) error {
	for len(values) > 0 {
		n := min(len(values), maxGroup)
		var group []any
		for _, v := range filledUp(values[:n]) {
			group = append(group, v)
		}
		if err := f(group); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// filledUp returns a copy of list, which is not empty, with its last value repeated
// until their number is a power of two: statements for lists come in few sizes.
func filledUp[T any](list []T) []T {
	full := slices.Clone(list)
	for len(full)&(len(full)-1) != 0 {
		full = append(full, list[len(list)-1])
	}
	return full
}
