package storetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

func TestSameFindsEveryDifference(t *testing.T) {
	t.Parallel()
	whole := func() *store.User {
		return &store.User{
			ID: "id", Email: "a@x", Name: "n", Epoch: 3, CreatedAt: start,
			Metadata: map[string]json.RawMessage{"k": json.RawMessage(`1`)},
		}
	}
	tests := []struct {
		name      string
		got, want any
		diff      string // what the complaint must mention; empty if there is none
	}{
		{"equal", whole(), whole(), ""},
		{"string", edit(whole(), func(u *store.User) { u.Name = "N" }), whole(), `Name = "N", want "n"`},
		{"number", edit(whole(), func(u *store.User) { u.Epoch++ }), whole(), "Epoch = 4, want 3"},
		{"bool", edit(whole(), func(u *store.User) { u.Disabled = true }), whole(), "Disabled = true, want false"},
		{"instant", edit(whole(), func(u *store.User) { u.CreatedAt = start.Add(time.Microsecond) }), whole(), "CreatedAt = "},
		{"zone", edit(whole(), func(u *store.User) { u.CreatedAt = start.In(time.FixedZone("CET", 3600)) }), whole(), "in CET"},
		{"zero time", edit(whole(), func(u *store.User) { u.CreatedAt = time.Time{} }), whole(), "CreatedAt = 0001"},
		{"nothing for a map", edit(whole(), func(u *store.User) { u.Metadata = nil }), whole(), "Metadata.len = 0, want 1"},
		{"value of a map", edit(whole(), func(u *store.User) { u.Metadata["k"] = json.RawMessage(`2`) }), whole(), `Metadata["k"]`},
		{"key of a map", edit(whole(), func(u *store.User) { u.Metadata = map[string]json.RawMessage{"K": json.RawMessage(`1`)} }), whole(), `Metadata["k"]`},
		{"empty map for nil", &store.User{Metadata: map[string]json.RawMessage{}}, &store.User{}, ""},
		{"bytes", &store.Session{Hash: []byte{1}}, &store.Session{Hash: []byte{2}}, "Hash = 01, want 02"},
		{"empty bytes for nil", &store.Session{Hash: []byte{}}, &store.Session{}, ""},
		{"nil pointer", (*store.User)(nil), whole(), "want &{"},
		{"both nil", (*store.User)(nil), (*store.User)(nil), ""},
		{"length", []*store.User{whole()}, []*store.User{whole(), whole()}, "len = 1, want 2"},
		{"order", []string{"a", "b"}, []string{"b", "a"}, `[0] = "a", want "b"`},
		{"nested", []any{whole(), []*store.User{edit(whole(), func(u *store.User) { u.ID = "x" })}}, []any{whole(), []*store.User{whole()}}, `[1][0].ID = "x"`},
		{"type", &store.User{}, &store.Org{}, "store.User"},
		{"unexported fields do not count", marked(), &store.AuditEntry{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{ctx: t.Context()}
			newProbe(r, memstore.New()).same(test.got, test.want, "the call %d", 7)
			if test.diff == "" {
				if len(r.mistakes) > 0 {
					t.Errorf("same complains %q, want nothing", r.mistakes)
				}
				return
			}
			if len(r.mistakes) != 1 || !strings.Contains(r.mistakes[0], test.diff) || !strings.HasPrefix(r.mistakes[0], "the call 7 gave ") {
				t.Errorf("same complains %q, want %q about the call 7", r.mistakes, test.diff)
			}
		})
	}
}

func edit(u *store.User, f func(*store.User)) *store.User {
	f(u)
	return u
}

func marked() *store.AuditEntry {
	e := &store.AuditEntry{}
	e.MarkWritten()
	return e
}
