package store_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/store"
)

type address struct {
	Street string   `json:"street"`
	Tags   []string `json:"tags,omitempty"`
}

// roundTrip sets v, reads it, and notes a mistake unless it came back.
func roundTrip[T any](t *testing.T, v T) {
	t.Helper()
	f := store.NewField[T]("key")
	u := &store.User{}
	if err := f.Set(u, v); err != nil {
		t.Errorf("Set(%#v) = %v, want no error", v, err)
		return
	}
	if got, err := f.Get(u); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("Get after Set(%#v) = %#v, %v", v, got, err)
	}
}

func TestFieldGivesBackWhatWasSet(t *testing.T) {
	t.Parallel()
	roundTrip(t, "")
	roundTrip(t, "<\"quoted\"> & \u2028 \U0001F511")
	roundTrip(t, 0)
	roundTrip(t, int64(math.MaxInt64))
	roundTrip(t, uint64(math.MaxUint64))
	roundTrip(t, 0.1)
	roundTrip(t, true)
	roundTrip(t, []string{"a", "b"})
	roundTrip(t, map[string]int{"a": 1})
	roundTrip(t, address{Street: "Main", Tags: []string{"home"}})
	roundTrip(t, &address{Street: "Main"})
	roundTrip(t, (*address)(nil))
	roundTrip(t, time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC))
	roundTrip(t, json.RawMessage(`{"a":1}`))
}

func TestFieldOfAUserWithoutIt(t *testing.T) {
	t.Parallel()
	f := store.NewField[int]("visits")
	for _, u := range []*store.User{{}, {Metadata: map[string]json.RawMessage{"Visits": json.RawMessage("3"), "": json.RawMessage("4")}}} {
		if got, err := f.Get(u); got != 0 || err != nil {
			t.Errorf("Get(%v) = %d, %v, want 0, no error", u.Metadata, got, err)
		}
	}
}

func TestFieldSetLeavesOtherKeysAlone(t *testing.T) {
	t.Parallel()
	u := &store.User{Metadata: map[string]json.RawMessage{"other": json.RawMessage(`"x"`)}}
	f := store.NewField[int]("visits")
	for _, n := range []int{1, 2} {
		if err := f.Set(u, n); err != nil {
			t.Fatalf("Set = %v, want no error", err)
		}
		if got, err := f.Get(u); got != n || err != nil {
			t.Errorf("Get = %d, %v, want %d, no error", got, err, n)
		}
	}
	if len(u.Metadata) != 2 || string(u.Metadata["other"]) != `"x"` {
		t.Errorf("Metadata = %s, want two keys, the other as it was", u.Metadata)
	}
}

func TestFieldGetSaysThatWhatIsStoredIsNotAT(t *testing.T) {
	t.Parallel()
	f := store.NewField[int]("visits")
	for _, raw := range []string{`"three"`, `3.5`, `{}`, `[3]`, `{`, ``, `3 4`, `99999999999999999999`} {
		u := &store.User{Metadata: map[string]json.RawMessage{"visits": json.RawMessage(raw)}}
		_, err := f.Get(u)
		if err == nil {
			t.Errorf("Get(%q) = no error, want one", raw)
			continue
		}
		if !strings.Contains(err.Error(), `metadata "visits"`) {
			t.Errorf("Get(%q) = %v, want the key to be named", raw, err)
		}
		if string(u.Metadata["visits"]) != raw {
			t.Errorf("Get(%q) changed what is stored to %q", raw, u.Metadata["visits"])
		}
	}
	u := &store.User{Metadata: map[string]json.RawMessage{"visits": json.RawMessage(`"x"`)}}
	var typeError *json.UnmarshalTypeError
	if _, err := f.Get(u); !errors.As(err, &typeError) {
		t.Errorf("Get = %v, want an error that wraps json.UnmarshalTypeError", err)
	}
}

func TestFieldSetSaysThatAValueHasNoJSONForm(t *testing.T) {
	t.Parallel()
	u := &store.User{}
	err := store.NewField[float64]("ratio").Set(u, math.NaN())
	var valueError *json.UnsupportedValueError
	if !errors.As(err, &valueError) || !strings.Contains(err.Error(), `metadata "ratio"`) {
		t.Errorf("Set(NaN) = %v, want an error that names the key and wraps json.UnsupportedValueError", err)
	}
	if u.Metadata != nil {
		t.Errorf("Set(NaN) left Metadata %v, want it as it was", u.Metadata)
	}
	if err := store.NewField[chan int]("c").Set(u, nil); err == nil {
		t.Errorf("Set(a channel) = no error, want one")
	}
}

func TestFieldKey(t *testing.T) {
	t.Parallel()
	if got := store.NewField[string]("plan").Key(); got != "plan" {
		t.Errorf("Key() = %q, want %q", got, "plan")
	}
}

func FuzzFieldRoundTrip(f *testing.F) {
	f.Add("key", "value")
	f.Add("", "\U0001F511<>&\u2028")
	f.Fuzz(func(t *testing.T, key, value string) {
		field := store.NewField[string](key)
		u := &store.User{}
		if err := field.Set(u, value); err != nil {
			t.Fatalf("Set(%q) = %v, want no error", value, err)
		}
		got, err := field.Get(u)
		if err != nil {
			t.Errorf("Get after Set(%q) = %v, want no error", value, err)
		}
		if utf8.ValidString(value) && got != value { // JSON has no other strings
			t.Errorf("Get after Set(%q) = %q", value, got)
		}
	})
}
