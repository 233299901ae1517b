package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/aegis-auth/aegis/store"
)

const (
	inviteColumns = "id, org_id, email, role, hash, invited_by, status, created_at, expires_at"

	// maxInvitesTo bounds ListInvitesTo.
	maxInvitesTo = 200
)

func (t *OrgTable) prepareInvites() {
	h := t.h
	get := "SELECT " + inviteColumns + " FROM {invites} WHERE "
	t.insertInvite = h.stmt("INSERT INTO {invites} (" + inviteColumns + ") VALUES (" + marks(countOf(inviteColumns)) + ")" +
		h.d.orNothing())
	t.inviteByID = h.stmt(get + "id = ?")
	t.inviteByHash = h.stmt(get + "hash = ?")
	t.pending = h.stmt(get + "org_id = ? AND email = ? AND status = 'pending'")
	t.invitesTo = h.stmt(get + "email = ? AND status = 'pending' ORDER BY created_at DESC, id DESC LIMIT ?")
	t.dropInvite = h.stmt("DELETE FROM {invites} WHERE id = ?")
	t.renewInvite = h.stmt("UPDATE {invites} SET hash = ?, expires_at = ? WHERE id = ? AND org_id = ? AND status = 'pending'")
	t.hasInvite = h.stmt("SELECT 1 FROM {invites} WHERE id = ? AND org_id = ? AND status = 'pending'")
	t.closeInvite = h.stmt("UPDATE {invites} SET status = ? WHERE id = ? AND status = 'pending'")
	t.lockByInvite = h.stmt("SELECT " + orgColumns + " FROM {orgs} WHERE id = (SELECT org_id FROM {invites} WHERE id = ?)" +
		h.d.lock())
	t.lockInvite = h.stmt("SELECT " + columns("i", inviteColumns) + ", m.role, m.joined_at, u.user_id" +
		" FROM {invites} i" +
		" LEFT JOIN {members} m ON m.org_id = i.org_id AND m.user_id = i.invited_by" +
		" LEFT JOIN {members} u ON u.org_id = i.org_id AND u.user_id = ?" +
		" WHERE i.id = ?" + h.d.lockOf("i"))
	t.pruneInvites = h.stmt("DELETE FROM {invites} WHERE " + h.d.batch("{invites}", "id", "expires_at < ?"))
}

func scanInvite(r row) (*store.Invite, error) {
	i := new(store.Invite)
	return i, r.Scan(inviteDest(i)...)
}

// inviteDest is where the inviteColumns of a row go.
func inviteDest(i *store.Invite) []any {
	return []any{&i.ID, &i.OrgID, &i.Email, &i.Role, &i.Hash, &i.InvitedBy, &i.Status, timeCol{&i.CreatedAt},
		timeCol{&i.ExpiresAt}}
}

// CreateInvite implements [store.InviteStore]. It returns store.ErrConflict also
// if the ID or the hash is taken.
func (t *OrgTable) CreateInvite(ctx context.Context, i *store.Invite) error {
	return t.h.inTx(ctx, "create invite", func(ctx context.Context, c conn) error {
		if _, err := one(ctx, c, t.lock, scanOrg, i.OrgID); err != nil {
			return err
		}
		pending, err := all(ctx, c, t.pending, scanInvite, i.OrgID, i.Email)
		if err != nil {
			return err
		}
		for _, old := range pending {
			if old.Open(i.CreatedAt) {
				return store.ErrConflict
			}
			if _, err := c.exec(ctx, t.dropInvite, old.ID); err != nil {
				return err
			}
		}
		return c.insert(ctx, t.insertInvite, i.ID, i.OrgID, i.Email, string(i.Role), notNull(i.Hash), i.InvitedBy,
			string(store.InvitePending), micros(i.CreatedAt), micros(i.ExpiresAt))
	})
}

// InviteByID implements [store.InviteStore].
func (t *OrgTable) InviteByID(ctx context.Context, id string) (*store.Invite, error) {
	return t.oneInvite(ctx, "invite by ID", t.inviteByID, id)
}

// InviteByHash implements [store.InviteStore].
func (t *OrgTable) InviteByHash(ctx context.Context, hash []byte) (*store.Invite, error) {
	return t.oneInvite(ctx, "invite by hash", t.inviteByHash, notNull(hash))
}

func (t *OrgTable) oneInvite(ctx context.Context, op string, s *stmt, key any) (i *store.Invite, err error) {
	err = t.h.read(ctx, op, func(ctx context.Context, c conn) (err error) {
		i, err = one(ctx, c, s, scanInvite, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// ListInvites implements [store.InviteStore].
func (t *OrgTable) ListInvites(ctx context.Context, orgID string, after store.Cursor, limit int) (list []*store.Invite, err error) {
	text := "SELECT " + inviteColumns + " FROM {invites} WHERE org_id = ?"
	args := []any{orgID}
	if !after.IsZero() {
		at := micros(after.At)
		text += " AND " + beyond("created_at", "id", "<")
		args = append(args, at, at, after.ID)
	}
	s := t.h.madeStmt(text + " ORDER BY created_at DESC, id DESC LIMIT ?")
	args = append(args, pageLimit(limit))
	err = t.h.read(ctx, "list invites", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, s, scanInvite, args...)
		return err
	})
	return list, err
}

// ListInvitesTo implements [store.InviteStore].
func (t *OrgTable) ListInvitesTo(ctx context.Context, email string) (list []*store.Invite, err error) {
	err = t.h.read(ctx, "list invites to an address", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, t.invitesTo, scanInvite, email, maxInvitesTo)
		return err
	})
	return list, err
}

// RenewInvite implements [store.InviteStore]. It returns store.ErrConflict if the
// hash is that of another invite.
func (t *OrgTable) RenewInvite(ctx context.Context, orgID, id string, hash []byte, expiresAt time.Time) error {
	return t.h.write(ctx, "renew invite", func(ctx context.Context, c conn) error {
		n, err := c.exec(ctx, t.renewInvite, notNull(hash), micros(expiresAt), id, orgID)
		switch {
		case err != nil && t.h.d.fault(err) == takenFault:
			return store.ErrConflict
		case err != nil || n > 0:
			return err
		}
		return c.unchanged(ctx, t.hasInvite, id, orgID)
	})
}

// CloseInvite implements [store.InviteStore].
func (t *OrgTable) CloseInvite(ctx context.Context, id string, status store.InviteStatus) error {
	return t.h.write(ctx, "close invite", func(ctx context.Context, c conn) error {
		if status != store.InviteDeclined && status != store.InviteRevoked {
			return errors.New("an invite is closed as declined or revoked")
		}
		n, err := c.exec(ctx, t.closeInvite, string(status), id)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// inviteAnswer is what decides about the answer to an invite.
type inviteAnswer struct {
	invite  *store.Invite
	inviter *store.Member // nil if they are no member any more
	member  bool          // whoever answers is one already
}

func scanAnswer(r row) (a inviteAnswer, err error) {
	a.invite = new(store.Invite)
	var role, member sql.NullString
	var joined sql.NullInt64
	if err := r.Scan(append(inviteDest(a.invite), &role, &joined, &member)...); err != nil {
		return a, err
	}
	a.member = member.Valid
	if role.Valid {
		a.inviter = &store.Member{OrgID: a.invite.OrgID, UserID: a.invite.InvitedBy, Role: store.OrgRole(role.String)}
		err = timeCol{&a.inviter.JoinedAt}.Scan(joined.Int64)
	}
	return a, err
}

// AcceptInvite implements [store.InviteStore]. An organization that is deleted is
// as good as gone.
func (t *OrgTable) AcceptInvite(ctx context.Context, id, userID string, now time.Time,
	check func(i *store.Invite, o *store.Org, inviter *store.Member) error) error {
	return t.h.inTx(ctx, "accept invite", func(ctx context.Context, c conn) error {
		o, err := one(ctx, c, t.lockByInvite, scanOrg, id)
		if err != nil {
			return err
		}
		a, err := one(ctx, c, t.lockInvite, scanAnswer, userID, id)
		switch {
		case err != nil:
			return err
		case a.invite.Status != store.InvitePending, !o.DeletedAt.IsZero():
			return store.ErrNotFound
		case !a.invite.Open(now):
			return store.ErrExpired
		case a.member:
			return store.ErrConflict
		}
		orgID, role := a.invite.OrgID, a.invite.Role // check gets copies to do with as it likes
		if err := check(a.invite, o, a.inviter); err != nil {
			return verbatim{error: err}
		}
		if err := c.insert(ctx, t.addMember, orgID, userID, string(role), micros(now)); err != nil {
			return err
		}
		n, err := c.exec(ctx, t.closeInvite, string(store.InviteAccepted), id)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		return err
	})
}
