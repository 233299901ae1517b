package storetest

import (
	"math"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// setAttempts replaces the state of key.
func (t *probe) setAttempts(key string, a store.Attempts) {
	t.Helper()
	got, err := t.attempts.UpdateAttempts(t.ctx, key, func(store.Attempts) store.Attempts { return a })
	t.must(err, "UpdateAttempts")
	t.same(got, a, "UpdateAttempts")
}

// readAttempts returns the state of key, which it writes back as it is.
func (t *probe) readAttempts(key string) store.Attempts {
	t.Helper()
	var seen store.Attempts
	_, err := t.attempts.UpdateAttempts(t.ctx, key, func(a store.Attempts) store.Attempts {
		seen = a
		return a
	})
	t.must(err, "UpdateAttempts")
	return seen
}

func attemptCases() []testCase {
	some := store.Attempts{
		Count: 4, Since: start, Until: start.Add(time.Minute), Expires: start.Add(time.Hour),
	}
	cases := []testCase{
		{proves: "UpdateAttempts hands the zero Attempts to the first change of a key", run: func(t *probe) {
			calls := 0
			got, err := t.attempts.UpdateAttempts(t.ctx, t.name("key"), func(a store.Attempts) store.Attempts {
				calls++
				if a != (store.Attempts{}) {
					t.Errorf("change was handed %+v, want the zero Attempts", a)
				}
				return some
			})
			t.must(err, "UpdateAttempts")
			if calls == 0 {
				t.Errorf("UpdateAttempts did not call change")
			}
			t.same(got, some, "UpdateAttempts")
		}},
		{proves: "UpdateAttempts keeps every field and returns the state now stored", run: func(t *probe) {
			key := t.name("key")
			for _, a := range []store.Attempts{
				some, {Count: 1}, {Since: start}, {Until: start}, {Expires: start},
				{Count: math.MaxInt64, Since: start, Until: start, Expires: start}, {Count: -1},
			} {
				t.setAttempts(key, a)
				t.same(t.readAttempts(key), a, "UpdateAttempts(the next change)")
			}
		}},
		{proves: "UpdateAttempts stores what change made of the state before", run: func(t *probe) {
			key := t.name("key")
			t.setAttempts(key, some)
			for i := range 5 {
				got, err := t.attempts.UpdateAttempts(t.ctx, key, func(a store.Attempts) store.Attempts {
					a.Count++
					return a
				})
				t.must(err, "UpdateAttempts")
				want := some
				want.Count += int64(i + 1)
				t.same(got, want, "UpdateAttempts")
			}
		}},
		{proves: "UpdateAttempts removes a key whose state becomes the zero Attempts", run: func(t *probe) {
			key := t.name("key")
			t.setAttempts(key, some)
			t.setAttempts(key, store.Attempts{})
			t.same(t.readAttempts(key), store.Attempts{}, "UpdateAttempts(removed)")
			t.setAttempts(key, some) // and it can come back
			t.same(t.readAttempts(key), some, "UpdateAttempts(set again)")
		}},
		{proves: "UpdateAttempts changes no other key", run: func(t *probe) {
			one, two := t.name("key"), t.name("key")
			t.setAttempts(one, some)
			t.setAttempts(two, store.Attempts{Count: 1})
			t.setAttempts(two, store.Attempts{})
			t.same(t.readAttempts(one), some, "UpdateAttempts(the other)")
		}},
		{proves: "UpdateAttempts hands over a state that has expired: only callers judge the time", run: func(t *probe) {
			key := t.name("key")
			old := store.Attempts{Count: 3, Since: start.AddDate(-40, 0, 0), Expires: start.AddDate(-40, 0, 1)}
			t.setAttempts(key, old)
			t.same(t.readAttempts(key), old, "UpdateAttempts")
		}},
		{proves: "UpdateAttempts tells keys apart byte for byte", run: func(t *probe) {
			keys := t.variants("ip:2001:db8::/64|user@example.com")
			for i, key := range keys {
				t.setAttempts(key, store.Attempts{Count: int64(i + 1)})
			}
			for i, key := range keys {
				t.same(t.readAttempts(key), store.Attempts{Count: int64(i + 1)}, "UpdateAttempts(%q)", key)
			}
		}},
	}
	for i := range cases {
		cases[i].needs = attempts
	}
	return cases
}
