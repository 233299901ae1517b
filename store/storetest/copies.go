package storetest

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// copyCases prove that values are copied in and out: what the suite does to a
// value after it handed it over, or was given it, is not seen in the store.
func copyCases() []testCase {
	var cases []testCase
	for _, r := range reads() {
		cases = append(cases, testCase{
			proves: "what " + r.name + " gives belongs to the caller",
			needs:  r.needs,
			run: func(t *probe) {
				get := r.setUp(t)
				mine, err := get(t.ctx)
				t.must(err, "%s", r.name)
				want := snapshot(mine)
				scribble(reflect.ValueOf(mine))
				got, err := get(t.ctx)
				t.must(err, "%s", r.name)
				t.same(got, want, "%s(again)", r.name)
			},
		})
	}
	return append(append(cases, keptCases()...), rotateCopyCases()...)
}

// A handing is one method that is handed a value, and the value's way back.
type handing struct {
	name  string
	needs capability
	setUp func(t *probe) (value any, hand func() error, read func() any)
}

// keptCases hand a value over, scribble on it, and read it back.
func keptCases() []testCase {
	var cases []testCase
	for _, h := range handings() {
		cases = append(cases, testCase{
			proves: h.name + " keeps nothing that it was handed",
			needs:  h.needs,
			run: func(t *probe) {
				value, hand, read := h.setUp(t)
				t.must(hand(), "%s", h.name)
				want := snapshot(read())
				scribble(reflect.ValueOf(value))
				t.same(read(), want, "reading back what %s wrote", h.name)
			},
		})
	}
	return cases
}

func handings() []handing {
	return []handing{
		{name: "CreateUser", setUp: func(t *probe) (any, func() error, func() any) {
			u := t.draftUser()
			id := u.ID
			return u, func() error { return t.CreateUser(t.ctx, u) }, func() any { return t.readUser(id) }
		}},
		{name: "UpdateUser", setUp: func(t *probe) (any, func() error, func() any) {
			u := t.user()
			id := u.ID
			u.Metadata = map[string]json.RawMessage{"new": json.RawMessage(`{"a":[1,2,3]}`)}
			return u, func() error { return t.UpdateUser(t.ctx, u) }, func() any { return t.readUser(id) }
		}},
		{name: "CreateSession", setUp: func(t *probe) (any, func() error, func() any) {
			s := t.draftSession(t.user(), func(s *store.Session) { s.PrevHash, s.Sealed = t.hash(), t.hash() })
			id := s.ID
			return s, func() error { return t.CreateSession(t.ctx, s) }, func() any { return t.readSession(id) }
		}},
		{name: "PutOneTime", setUp: func(t *probe) (any, func() error, func() any) {
			tok := t.draftToken(t.user(), store.PurposeVerifyEmail)
			hash := append([]byte(nil), tok.Hash...)
			return tok, func() error { return t.PutOneTime(t.ctx, tok) }, func() any {
				got, err := t.TakeOneTime(t.ctx, store.PurposeVerifyEmail, hash, start)
				t.must(err, "TakeOneTime")
				back := *got
				back.Hash = append([]byte(nil), hash...)
				t.must(t.PutOneTime(t.ctx, &back), "PutOneTime(back again)")
				return got
			}
		}},
		{name: "AddIdentity", needs: identities, setUp: func(t *probe) (any, func() error, func() any) {
			id := t.draftIdentity(t.user(), "github")
			user := id.UserID
			return id, func() error { return t.identities.AddIdentity(t.ctx, id) }, func() any { return t.linked(user) }
		}},
		{name: "CreateUserWithIdentity", needs: identities, setUp: func(t *probe) (any, func() error, func() any) {
			u := t.draftUser()
			id := t.draftIdentity(u, "github")
			user := u.ID
			both := []any{u, id}
			return both, func() error { return t.identities.CreateUserWithIdentity(t.ctx, u, id) },
				func() any { return []any{t.readUser(user), t.linked(user)} }
		}},
		{name: "AppendAudit", needs: audit, setUp: func(t *probe) (any, func() error, func() any) {
			e := t.draftEntry()
			chain := e.Chain
			return e, func() error { return t.audit.AppendAudit(t.ctx, e) }, func() any { return []any{t.chain(chain), t.head(chain)} }
		}},
		{name: "a change that writes the audit entry of its context", needs: audit, setUp: func(t *probe) (any, func() error, func() any) {
			u, e := t.user(), t.draftEntry()
			chain := e.Chain
			return e, func() error { return t.UpdateUser(store.WithAudit(t.ctx, e), u) },
				func() any { return []any{t.chain(chain), t.head(chain)} }
		}},
		{name: "CreateOrg", needs: orgs, setUp: func(t *probe) (any, func() error, func() any) {
			u, o := t.user(), t.draftOrg()
			id, owner := o.ID, place(o, u, store.OrgOwner, start)
			return []any{o, owner}, func() error { return t.orgs.CreateOrg(t.ctx, o, owner) },
				func() any { return []any{t.readOrg(id), t.members(id)} }
		}},
		{name: "UpdateOrg", needs: orgs, setUp: func(t *probe) (any, func() error, func() any) {
			o := t.org(t.user())
			id := o.ID
			return o, func() error { return t.orgs.UpdateOrg(t.ctx, o) }, func() any { return t.readOrg(id) }
		}},
		{name: "UpdateMembers", needs: orgs, setUp: func(t *probe) (any, func() error, func() any) {
			u := t.user()
			o := t.org(t.user())
			m := place(o, u, store.OrgMember, start)
			ids := []string{u.ID}
			return []any{m, ids}, func() error {
				return t.orgs.UpdateMembers(t.ctx, o.ID, ids, func(_ *store.Org, members map[string]*store.Member) error {
					members[u.ID] = m
					return nil
				})
			}, func() any { return t.members(o.ID) }
		}},
		{name: "CreateInvite", needs: orgs | invites, setUp: func(t *probe) (any, func() error, func() any) {
			u := t.user()
			i := t.draftInvite(t.org(u), u)
			id := i.ID
			return i, func() error { return t.invites.CreateInvite(t.ctx, i) }, func() any { return t.readInvite(id) }
		}},
		{name: "RenewInvite", needs: orgs | invites, setUp: func(t *probe) (any, func() error, func() any) {
			i, hash := t.newInvite(), t.hash()
			return hash, func() error { return t.invites.RenewInvite(t.ctx, i.OrgID, i.ID, hash, i.ExpiresAt) },
				func() any { return t.readInvite(i.ID) }
		}},
	}
}

func rotateCopyCases() []testCase {
	return []testCase{
		{proves: "Rotate keeps nothing that it was handed, and what it gives belongs to the caller", run: func(t *probe) {
			s := t.session(t.user())
			r := t.rotation(s)
			mine := t.wins(r, "the live hash")
			want := snapshot(t.readSession(s.ID)).(*store.Session)
			scribble(reflect.ValueOf(&r))
			scribble(reflect.ValueOf(mine))
			t.same(t.readSession(s.ID), want, "SessionByID")
			lost := t.rotation(want, func(r *store.Rotation) { r.Old = t.hash() })
			mine, _, err := t.Rotate(t.ctx, lost)
			t.must(err, "Rotate")
			scribble(reflect.ValueOf(mine))
			t.same(t.readSession(s.ID), want, "SessionByID")
		}},
		{proves: "UpdateMembers hands over copies", needs: orgs, run: func(t *probe) {
			owner := t.user()
			o := t.org(owner)
			want := snapshot(t.members(o.ID))
			err := t.orgs.UpdateMembers(t.ctx, o.ID, []string{owner.ID}, func(_ *store.Org, m map[string]*store.Member) error {
				m[owner.ID].Role, m[owner.ID].JoinedAt = "scribbled", time.Time{}
				return errVeto
			})
			t.refused(err, errVeto, "UpdateMembers")
			t.same(t.members(o.ID), want, "ListMembers")
		}},
	}
}

// snapshot returns a copy of v that shares no memory with it.
func snapshot(v any) any {
	if v == nil {
		return nil
	}
	return deepCopy(reflect.ValueOf(v)).Interface()
}

func deepCopy(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(deepCopy(v.Elem()))
		}
	case reflect.Interface:
		if !v.IsNil() {
			c.Set(deepCopy(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				c.Index(i).Set(deepCopy(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			c.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for _, k := range v.MapKeys() {
				c.SetMapIndex(k, deepCopy(v.MapIndex(k)))
			}
		}
	}
	return c
}

// scribble overwrites whatever can be reached through v.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
		if v.CanSet() && v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			scribble(v.MapIndex(k))
		}
		if v.Type().Key().Kind() == reflect.String && !v.IsNil() {
			v.SetMapIndex(reflect.ValueOf("scribbled"), reflect.Zero(v.Type().Elem()))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString("scribbled")
		}
	case reflect.Uint8:
		if v.CanSet() {
			v.SetUint(v.Uint() ^ 0xff)
		}
	case reflect.Int64:
		if v.CanSet() {
			v.SetInt(v.Int() + 1)
		}
	case reflect.Bool:
		if v.CanSet() {
			v.SetBool(!v.Bool())
		}
	}
}
