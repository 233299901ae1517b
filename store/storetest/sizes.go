package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/aegis-auth/aegis/store"
)

// repeat returns n bytes.
func repeat(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// long returns a string of n bytes that no other case uses.
func (t *probe) long(n int) string {
	s := t.name("long") + "-"
	return s + strings.Repeat("x", n-len(s))
}

func byteCases() []testCase {
	return []testCase{
		{proves: "byte slices come back as they were, whatever is in them", run: func(t *probe) {
			u := t.user()
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			for _, b := range [][]byte{every[:64], every[128:192], every[192:], repeat(0, 32), repeat(0xff, 64), repeat(' ', 16), {0}, []byte("\\x41"), []byte("0x41")} {
				s := t.session(u, func(s *store.Session) { s.Hash, s.PrevHash, s.Sealed = b, b, b })
				t.same(t.readSession(s.ID), s, "SessionByID")
				r := t.rotation(s, func(r *store.Rotation) { r.New, r.Sealed = append(bytes.Clone(b[1:]), b[0]), every })
				t.same(t.wins(r, "strange bytes"), rotated(s, r), "Rotate")
			}
		}},
		{proves: "hashes are told apart byte for byte", run: func(t *probe) {
			base := t.hash()
			var all []*store.OneTimeToken
			for i := range 6 {
				tok := t.draftToken(t.user(), store.PurposeVerifyEmail)
				switch i {
				case 1:
					tok.Hash = append(bytes.Clone(base), 0)
				case 2:
					tok.Hash = append(bytes.Clone(base), ' ')
				case 3:
					tok.Hash = base[:31]
				case 4:
					tok.Hash = bytes.Clone(base)
					tok.Hash[15] ^= 0x20
				case 5:
					tok.Hash = append([]byte{0}, base...)
				default:
					tok.Hash = base
				}
				t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
				all = append(all, tok)
			}
			for _, tok := range all {
				t.takes(tok, "one of several that are alike")
			}
		}},
		{proves: "empty byte slices and maps come back empty", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.Metadata = map[string]json.RawMessage{} })
			t.same(t.readUser(u.ID), u, "UserByID")
			s := t.session(u, func(s *store.Session) { s.PrevHash, s.Sealed = []byte{}, []byte{} })
			t.same(t.readSession(s.ID), s, "SessionByID")
		}},
	}
}

func sizeCases() []testCase {
	return []testCase{
		{proves: "strings that name a user, a session or a token may be 255 bytes long", run: func(t *probe) {
			u := t.user(func(u *store.User) { u.ID, u.Email, u.Role = t.long(255), t.long(255), t.long(255) })
			t.same(t.readUser(u.ID), u, "UserByID")
			got, err := t.UserByEmail(t.ctx, u.Email)
			t.must(err, "UserByEmail")
			t.same(got, u, "UserByEmail")
			s := t.session(u, func(s *store.Session) { s.ID = t.long(255) })
			t.same(t.readSession(s.ID), s, "SessionByID")
			tok := t.token(u, store.Purpose(t.long(255)))
			t.takes(tok, "long purpose")
			// The last byte counts.
			for _, other := range []string{u.Email[:254], u.Email[:254] + "y"} {
				_, err := t.UserByEmail(t.ctx, other)
				t.refused(err, store.ErrNotFound, "UserByEmail(differs in the last byte)")
				t.user(func(v *store.User) { v.Email = other })
			}
		}},
		{proves: "strings that name an identity, attempts or an audit chain may be 255 bytes long", needs: identities | attempts | audit, run: func(t *probe) {
			id := t.draftIdentity(t.user(), t.long(255))
			id.Subject = t.long(255)
			t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity")
			got, err := t.identities.IdentityBySubject(t.ctx, id.Provider, id.Subject)
			t.must(err, "IdentityBySubject")
			t.same(got, id, "IdentityBySubject")
			key := t.long(255)
			t.setAttempts(key, store.Attempts{Count: 5})
			t.same(t.readAttempts(key), store.Attempts{Count: 5}, "UpdateAttempts")
			t.same(t.readAttempts(key[:254]), store.Attempts{}, "UpdateAttempts(a byte less)")
			e := t.draftEntry(func(e *store.AuditEntry) {
				e.ID, e.Chain, e.Kind = t.long(255), t.long(255), t.long(255)
				e.ActorID, e.UserID, e.OrgID, e.SessionID = t.long(255), t.long(255), t.long(255), t.long(255)
			})
			t.must(t.audit.AppendAudit(t.ctx, e), "AppendAudit")
			t.same(t.chain(e.Chain), []*store.AuditEntry{e}, "AuditChain")
		}},
		{proves: "strings that name an organization, a member or an invite may be 255 bytes long", needs: orgs | invites, run: func(t *probe) {
			u := t.user(func(u *store.User) { u.ID = t.long(255) })
			o := t.org(u, func(o *store.Org) { o.ID, o.Slug = t.long(255), t.long(255) })
			t.same(t.readOrg(o.ID), o, "OrgByID")
			t.same(t.members(o.ID), []*store.Member{place(o, u, store.OrgOwner, start)}, "ListMembers")
			i := t.invite(o, u, func(i *store.Invite) { i.ID, i.Email = t.long(255), t.long(255) })
			t.same(t.invitesTo(i.Email), []*store.Invite{i}, "ListInvitesTo")
		}},
		{proves: "hashes may be 64 bytes long, Sealed 1,024, and Metadata takes 32 KiB", run: func(t *probe) {
			value, err := json.Marshal(strings.Repeat("m", 32<<10-40))
			t.must(err, "json.Marshal")
			u := t.user(func(u *store.User) { u.Metadata = map[string]json.RawMessage{"k": value} })
			t.same(t.readUser(u.ID), u, "UserByID")
			s := t.session(u, func(s *store.Session) {
				s.Hash, s.PrevHash, s.Sealed = append(t.hash(), t.hash()...), append(t.hash(), t.hash()...), repeat(7, 1024)
			})
			t.same(t.readSession(s.ID), s, "SessionByID")
			tok := t.draftToken(u, store.PurposeVerifyEmail)
			tok.Hash = append(t.hash(), t.hash()...)
			t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
			t.takes(tok, "64 bytes")
		}},
		{proves: "a string that is too long is refused or kept whole, never cut", run: func(t *probe) {
			for _, n := range []int{256, 1024, 5000, 70_000, 1 << 20} {
				for _, edit := range []func(u *store.User, s string){
					func(u *store.User, s string) { u.Name = s },
					func(u *store.User, s string) { u.Role = s },
					func(u *store.User, s string) { u.Email = s },
					func(u *store.User, s string) { u.PasswordHash = s },
				} {
					u := t.draftUser(func(u *store.User) { edit(u, t.long(n)) })
					err := t.CreateUser(context.WithoutCancel(t.ctx), u)
					got, readErr := t.UserByID(t.ctx, u.ID)
					if err == nil {
						t.must(readErr, "UserByID(%d bytes, kept)", n)
						t.same(got, u, "UserByID(%d bytes)", n)
						continue
					}
					t.refused(readErr, store.ErrNotFound, "UserByID(%d bytes, refused with %v)", n, err)
				}
			}
		}},
	}
}

func metadataCases() []testCase {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	return []testCase{
		{proves: "Metadata in the form json.Marshal writes comes back byte for byte", run: func(t *probe) {
			m := map[string]json.RawMessage{"": raw(`""`), "empty": raw(`{}`), "none": raw(`null`)}
			for _, s := range append(texts, "key with spaces", "日本") {
				b, err := json.Marshal(s)
				t.must(err, "json.Marshal")
				m[clip("v"+s)] = b
			}
			for _, number := range []string{"0", "-0", "1.0", "1e2", "9007199254740993", "123456789012345678901234567890", "0.1000", "-1.5E-7"} {
				m["n"+number] = raw(number)
			}
			m["nested"] = raw(`{"b":[1,2,{"z":null,"a":true}],"a":"\u003cb\u003e \u0026 \u2028"}`)
			u := t.user(func(u *store.User) { u.Metadata = m })
			t.same(t.readUser(u.ID), u, "UserByID")
			u.Metadata = map[string]json.RawMessage{"nested": m["nested"], "n": raw("1.0")}
			t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
			t.same(t.readUser(u.ID), u, "UserByID(after UpdateUser)")
		}},
		{proves: "Metadata in any other form comes back as the same JSON value", run: func(t *probe) {
			m := map[string]json.RawMessage{
				"spaces":  raw(" { \"b\" :\t[ 1 , 2.50 ] ,\n \"a\" : \"x y\" } "),
				"escapes": raw(`"\u00e9\/<&>\ud83d\udd11"`),
				"literal": raw("\"é<&>\U0001F511\""),
				"big":     raw("[ 9007199254740993, 0.10 ]"),
			}
			u := t.user(func(u *store.User) { u.Metadata = m })
			got := t.readUser(u.ID).Metadata
			if len(got) != len(m) {
				t.Errorf("UserByID gave %d metadata keys, want %d", len(got), len(m))
			}
			for k, want := range m {
				if !reflect.DeepEqual(t.decode(got[k]), t.decode(want)) {
					t.Errorf("UserByID gave Metadata[%q] = %s, want the value of %s", k, got[k], want)
				}
			}
		}},
		{proves: "UpdateUser replaces Metadata as a whole", run: func(t *probe) {
			u := t.user(func(u *store.User) {
				u.Metadata = map[string]json.RawMessage{"a": raw(`{"x":1}`), "b": raw(`2`)}
			})
			for _, m := range []map[string]json.RawMessage{{"a": raw(`{"y":2}`)}, nil, {"c": raw(`3`)}} {
				u.Metadata = m
				t.must(t.UpdateUser(t.ctx, u), "UpdateUser")
				t.same(t.readUser(u.ID), u, "UserByID")
			}
		}},
		{proves: "keys of Metadata are told apart byte for byte", run: func(t *probe) {
			m := map[string]json.RawMessage{}
			for i, key := range t.variants("plan") {
				m[key] = t.number(i)
			}
			u := t.user(func(u *store.User) { u.Metadata = m })
			t.same(t.readUser(u.ID), u, "UserByID")
		}},
	}
}

// number returns n as JSON.
func (t *probe) number(n int) json.RawMessage {
	b, err := json.Marshal(n)
	t.must(err, "json.Marshal")
	return b
}

// decode returns what raw says, with numbers as they are written.
func (t *probe) decode(raw json.RawMessage) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Errorf("metadata %q is no JSON: %v", raw, err)
	}
	return v
}
