package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aegis-auth/aegis/store"
)

func scanMember(r row) (*store.Member, error) {
	m := new(store.Member)
	return m, r.Scan(memberDest(m)...)
}

// memberDest is where the memberColumns of a row go.
func memberDest(m *store.Member) []any {
	return []any{&m.OrgID, &m.UserID, &m.Role, timeCol{&m.JoinedAt}}
}

func scanMembership(r row) (*store.Membership, error) {
	m := &store.Membership{Org: new(store.Org), Member: new(store.Member)}
	return m, r.Scan(append(orgDest(m.Org), memberDest(m.Member)...)...)
}

// Membership implements [store.OrgStore].
func (t *OrgTable) Membership(ctx context.Context, orgID, userID string) (m *store.Membership, err error) {
	err = t.h.read(ctx, "membership", func(ctx context.Context, c conn) (err error) {
		m, err = one(ctx, c, t.membership, scanMembership, orgID, userID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// ListMemberships implements [store.OrgStore].
func (t *OrgTable) ListMemberships(ctx context.Context, userID string, after store.Cursor, limit int) (list []*store.Membership, err error) {
	text := "SELECT " + columns("o", orgColumns) + ", " + columns("m", memberColumns) +
		" FROM {members} m JOIN {orgs} o ON o.id = m.org_id WHERE m.user_id = ? AND o.deleted_at = 0"
	args := []any{userID}
	if !after.IsZero() {
		at := micros(after.At)
		text += " AND " + beyond("m.joined_at", "m.org_id", "<")
		args = append(args, at, at, after.ID)
	}
	s := t.h.madeStmt(text + " ORDER BY m.joined_at DESC, m.org_id DESC LIMIT ?")
	args = append(args, pageLimit(limit))
	err = t.h.read(ctx, "list memberships", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, s, scanMembership, args...)
		return err
	})
	return list, err
}

// ListMembers implements [store.OrgStore].
func (t *OrgTable) ListMembers(ctx context.Context, orgID string, after store.Cursor, limit int) (list []*store.Member, err error) {
	text := "SELECT " + memberColumns + " FROM {members} WHERE org_id = ?"
	args := []any{orgID}
	if !after.IsZero() {
		at := micros(after.At)
		text += " AND " + beyond("joined_at", "user_id", ">")
		args = append(args, at, at, after.ID)
	}
	s := t.h.madeStmt(text + " ORDER BY joined_at, user_id LIMIT ?")
	args = append(args, pageLimit(limit))
	err = t.h.read(ctx, "list members", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, s, scanMember, args...)
		return err
	})
	return list, err
}

// UpdateMembers implements [store.OrgStore]. An entry that change adds for a user
// who is not among userIDs is an error, and nothing is written.
func (t *OrgTable) UpdateMembers(ctx context.Context, orgID string, userIDs []string,
	change func(o *store.Org, members map[string]*store.Member) error) error {
	return t.h.inTx(ctx, "update members", func(ctx context.Context, c conn) error {
		o, err := one(ctx, c, t.lock, scanOrg, orgID)
		if err != nil {
			return err
		}
		old, err := t.members(ctx, c, orgID, userIDs)
		if err != nil {
			return err
		}
		now := make(map[string]*store.Member, len(old))
		for id, m := range old {
			now[id] = &m
		}
		if err := change(o, now); err != nil {
			return verbatim{error: err}
		}
		owner := false
		for id, m := range now {
			if !slices.Contains(userIDs, id) {
				return fmt.Errorf("the change names %q, who was not asked for", id)
			}
			owner = owner || m != nil && m.Role == store.OrgOwner
		}
		if err := t.writeMembers(ctx, c, orgID, old, now); err != nil || owner {
			return err
		}
		_, err = one(ctx, c, t.owner, scanInt, orgID)
		if errors.Is(err, store.ErrNotFound) {
			return store.ErrLastOwner
		}
		return err
	})
}

// members returns those of the users who are members, by user ID.
func (t *OrgTable) members(ctx context.Context, c conn, orgID string, userIDs []string) (map[string]store.Member, error) {
	found := make(map[string]store.Member)
	err := inGroups(userIDs, func(group []any) error {
		s := t.h.madeStmt("SELECT " + memberColumns + " FROM {members} WHERE org_id = ? AND user_id IN (" +
			t.h.d.set(len(group)) + ")")
		list, err := all(ctx, c, s, scanMember, append([]any{orgID}, group...)...)
		for _, m := range list {
			found[m.UserID] = *m
		}
		return err
	})
	return found, err
}

// writeMembers makes the rows in old those in now, users in a fixed order.
func (t *OrgTable) writeMembers(ctx context.Context, c conn, orgID string, old map[string]store.Member, now map[string]*store.Member) error {
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if now[id] == nil {
			if _, err := c.exec(ctx, t.dropMember, orgID, id); err != nil {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(now)) {
		m, before := now[id], old[id]
		if m == nil || m.Role == before.Role && m.JoinedAt.Equal(before.JoinedAt) && before.OrgID != "" {
			continue
		}
		var err error
		if before.OrgID != "" {
			_, err = c.exec(ctx, t.putMember, string(m.Role), micros(m.JoinedAt), orgID, id)
		} else {
			err = c.insert(ctx, t.addMember, orgID, id, string(m.Role), micros(m.JoinedAt))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ForgetUser removes the user's memberships, and the organizations that this
// leaves without an owner, for callers who keep users in a table of their own.
// [Store.DeleteUser] does it for the others.
func (t *OrgTable) ForgetUser(ctx context.Context, userID string) error {
	return t.h.inTx(ctx, "forget memberships", func(ctx context.Context, c conn) error {
		return t.forget(ctx, c, userID)
	})
}

// forget leaves one organization after the other, each under its lock, until the
// user is a member of none: somebody may have made them a member meanwhile.
func (t *OrgTable) forget(ctx context.Context, c conn, userID string) error {
	for {
		orgIDs, err := all(ctx, c, t.memberOf, scanString, userID)
		if err != nil || len(orgIDs) == 0 {
			return err
		}
		slices.Sort(orgIDs) // whoever locks several does so in this order
		for _, id := range orgIDs {
			if err := t.leave(ctx, c, id, userID); err != nil {
				return err
			}
		}
	}
}

func (t *OrgTable) leave(ctx context.Context, c conn, orgID, userID string) error {
	if _, err := all(ctx, c, t.lock, scanOrg, orgID); err != nil {
		return err
	}
	if _, err := c.exec(ctx, t.dropMember, orgID, userID); err != nil {
		return err
	}
	_, err := one(ctx, c, t.owner, scanInt, orgID)
	if errors.Is(err, store.ErrNotFound) {
		return t.remove(ctx, c, orgID)
	}
	return err
}
