package memstore

import (
	"bytes"
	"encoding/json"
	"maps"

	"github.com/aegis-auth/aegis/store"
)

// Rows are copied when they come in and when they go out, so that neither side
// can reach into the other's. Strings and times cannot be changed and are
// shared; slices, maps and what pointers lead to are not.

func cloneUser(u *store.User) *store.User {
	c := *u
	c.Metadata = nil
	if u.Metadata != nil {
		c.Metadata = make(map[string]json.RawMessage, len(u.Metadata))
		for k, v := range u.Metadata {
			c.Metadata[k] = bytes.Clone(v)
		}
	}
	return &c
}

func cloneSession(s *store.Session) *store.Session {
	c := *s
	c.Hash = bytes.Clone(s.Hash)
	c.PrevHash = bytes.Clone(s.PrevHash)
	c.Sealed = bytes.Clone(s.Sealed)
	return &c
}

func cloneToken(t *store.OneTimeToken) *store.OneTimeToken {
	c := *t
	c.Hash = bytes.Clone(t.Hash)
	return &c
}

func cloneIdentity(id *store.Identity) *store.Identity {
	c := *id
	return &c
}

func cloneEntry(e *store.AuditEntry) *store.AuditEntry {
	c := *e
	c.MAC = bytes.Clone(e.MAC)
	c.Attrs = maps.Clone(e.Attrs)
	return &c
}

func cloneOrg(o *store.Org) *store.Org {
	c := *o
	return &c
}

func cloneMember(m *store.Member) *store.Member {
	c := *m
	return &c
}

func cloneInvite(i *store.Invite) *store.Invite {
	c := *i
	c.Hash = bytes.Clone(i.Hash)
	return &c
}

// cloneAll copies every row of a list.
func cloneAll[R any](rows []*R, clone func(*R) *R) []*R {
	out := make([]*R, len(rows))
	for i, r := range rows {
		out[i] = clone(r)
	}
	return out
}
