package sqlstore

import (
	"context"
	"database/sql"

	"github.com/aegis-auth/aegis/store"
)

// OrgTable keeps organizations, their members and their invites. It implements
// [store.OrgStore] and [store.InviteStore] and is safe for concurrent use.
//
// Whatever changes the members of an organization, or decides by them, locks the
// organization's row first, so that no two such steps run at once.
type OrgTable struct {
	h *handle

	insert, byID, lock, update, delete                  *stmt
	addMember, membership, owner, putMember, dropMember *stmt
	dropMembers, dropInvites, memberOf                  *stmt
	insertInvite, inviteByID, inviteByHash, pending     *stmt
	dropInvite, renewInvite, hasInvite, closeInvite     *stmt
	lockByInvite, lockInvite, invitesTo, pruneInvites   *stmt
}

var (
	_ store.OrgStore    = (*OrgTable)(nil)
	_ store.InviteStore = (*OrgTable)(nil)
)

// NewOrgTable returns the table alone. The error names what is wrong with db or c,
// as that of [New] does.
func NewOrgTable(db *sql.DB, c Config) (*OrgTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newOrgTable(h), nil
}

const (
	orgColumns    = "id, name, slug, description, created_at, updated_at, deleted_at, version"
	memberColumns = "org_id, user_id, role, joined_at"
)

func newOrgTable(h *handle) *OrgTable {
	t := &OrgTable{
		h:      h,
		insert: h.stmt("INSERT INTO {orgs} (" + orgColumns + ") VALUES (" + marks(countOf(orgColumns)) + ")" + h.d.orNothing()),
		byID:   h.stmt("SELECT " + orgColumns + " FROM {orgs} WHERE id = ?"),
		lock:   h.stmt("SELECT " + orgColumns + " FROM {orgs} WHERE id = ?" + h.d.lock()),
		update: h.stmt("UPDATE {orgs} SET name = ?, slug = ?, description = ?, updated_at = ?, deleted_at = ?, " +
			"version = version + 1 WHERE id = ? AND version = ?"),
		delete: h.stmt("DELETE FROM {orgs} WHERE id = ?"),

		addMember: h.stmt("INSERT INTO {members} (" + memberColumns + ") VALUES (" + marks(countOf(memberColumns)) + ")" +
			h.d.orNothing()),
		putMember:  h.stmt("UPDATE {members} SET role = ?, joined_at = ? WHERE org_id = ? AND user_id = ?"),
		dropMember: h.stmt("DELETE FROM {members} WHERE org_id = ? AND user_id = ?"),
		membership: h.stmt("SELECT " + columns("o", orgColumns) + ", " + columns("m", memberColumns) +
			" FROM {members} m JOIN {orgs} o ON o.id = m.org_id WHERE m.org_id = ? AND m.user_id = ?"),
		owner:       h.stmt("SELECT 1 FROM {members} WHERE org_id = ? AND role = 'owner' LIMIT 1"),
		memberOf:    h.stmt("SELECT org_id FROM {members} WHERE user_id = ?"),
		dropMembers: h.stmt("DELETE FROM {members} WHERE org_id = ?"),
		dropInvites: h.stmt("DELETE FROM {invites} WHERE org_id = ?"),
	}
	t.prepareInvites()
	return t
}

func scanOrg(r row) (*store.Org, error) {
	o := new(store.Org)
	return o, r.Scan(orgDest(o)...)
}

// orgDest is where the orgColumns of a row go.
func orgDest(o *store.Org) []any {
	return []any{&o.ID, &o.Name, &o.Slug, &o.Description, timeCol{&o.CreatedAt}, timeCol{&o.UpdatedAt},
		eventCol{&o.DeletedAt}, &o.Version}
}

// CreateOrg implements [store.OrgStore].
func (t *OrgTable) CreateOrg(ctx context.Context, o *store.Org, owner *store.Member) error {
	err := t.h.inTx(ctx, "create organization", func(ctx context.Context, c conn) error {
		if err := c.insert(ctx, t.insert, o.ID, o.Name, o.Slug, o.Description, micros(o.CreatedAt),
			micros(o.UpdatedAt), orNever(o.DeletedAt), int64(1)); err != nil {
			return err
		}
		return c.insert(ctx, t.addMember, o.ID, owner.UserID, string(owner.Role), micros(owner.JoinedAt))
	})
	if err == nil {
		o.Version = 1
	}
	return err
}

// OrgByID implements [store.OrgStore].
func (t *OrgTable) OrgByID(ctx context.Context, id string) (o *store.Org, err error) {
	err = t.h.read(ctx, "organization by ID", func(ctx context.Context, c conn) (err error) {
		o, err = one(ctx, c, t.byID, scanOrg, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// UpdateOrg implements [store.OrgStore].
func (t *OrgTable) UpdateOrg(ctx context.Context, o *store.Org) error {
	err := t.h.write(ctx, "update organization", func(ctx context.Context, c conn) error {
		n, err := c.exec(ctx, t.update, o.Name, o.Slug, o.Description, micros(o.UpdatedAt), orNever(o.DeletedAt), o.ID, o.Version)
		switch {
		case err != nil && t.h.d.fault(err) == takenFault:
			return store.ErrConflict
		case err != nil:
			return err
		case n == 0:
			return store.ErrStale
		}
		return nil
	})
	if err == nil {
		o.Version++
	}
	return err
}

// DeleteOrg implements [store.OrgStore].
func (t *OrgTable) DeleteOrg(ctx context.Context, id string) error {
	return t.h.inTx(ctx, "delete organization", func(ctx context.Context, c conn) error {
		if _, err := all(ctx, c, t.lock, scanOrg, id); err != nil {
			return err
		}
		return t.remove(ctx, c, id)
	})
}

// remove removes an organization whose row is locked.
func (t *OrgTable) remove(ctx context.Context, c conn, id string) error {
	for _, s := range []*stmt{t.dropInvites, t.dropMembers, t.delete} {
		if _, err := c.exec(ctx, s, id); err != nil {
			return err
		}
	}
	return nil
}

// ListOrgs implements [store.OrgStore].
func (t *OrgTable) ListOrgs(ctx context.Context, q store.OrgQuery) (list []*store.Org, err error) {
	text := "SELECT " + orgColumns + " FROM {orgs}"
	word := " WHERE "
	var args []any
	if !q.IncludeDeleted {
		text += word + "deleted_at = 0"
		word = " AND "
	}
	if !q.After.IsZero() {
		at := micros(q.After.At)
		text += word + beyond("created_at", "id", "<")
		args = append(args, at, at, q.After.ID)
	}
	s := t.h.madeStmt(text + " ORDER BY created_at DESC, id DESC LIMIT ?")
	args = append(args, pageLimit(q.Limit))
	err = t.h.read(ctx, "list organizations", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, s, scanOrg, args...)
		return err
	})
	return list, err
}
