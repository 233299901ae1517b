package store

import (
	"encoding/json"
	"fmt"
)

// Field is a typed view of one key of [User.Metadata]:
//
//	var plan = store.NewField[string]("plan")
//
// Metadata is for what is shown beside a user. What you query or join belongs in
// a table of your own, keyed by User.ID.
type Field[T any] struct{ key string }

// NewField returns the field kept under key.
func NewField[T any](key string) Field[T] { return Field[T]{key} }

// Key returns the key the field is kept under.
func (f Field[T]) Key() string { return f.key }

// Get returns the value, or the zero value if u has none. The error says that
// what is stored is not a T.
func (f Field[T]) Get(u *User) (v T, err error) {
	raw, ok := u.Metadata[f.key]
	if !ok {
		return v, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("metadata %q: %w", f.key, err)
	}
	return v, nil
}

// Set puts v into u; the change is kept when u is next written to its store. The
// error says that v has no JSON form.
func (f Field[T]) Set(u *User, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("metadata %q: %w", f.key, err)
	}
	if u.Metadata == nil {
		u.Metadata = make(map[string]json.RawMessage)
	}
	u.Metadata[f.key] = raw
	return nil
}
