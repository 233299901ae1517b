package store

import (
	"context"
	"time"
)

// InviteStatus says what became of an invite. Expiry is not a status: a pending
// invite past its ExpiresAt is expired.
type InviteStatus string

// The statuses of an invite.
const (
	InvitePending  InviteStatus = "pending"
	InviteAccepted InviteStatus = "accepted"
	InviteDeclined InviteStatus = "declined"
	InviteRevoked  InviteStatus = "revoked"
)

// Invite asks the holder of an address to join an organization.
type Invite struct {
	ID        string // minted by the caller
	OrgID     string
	Email     string // canonical
	Role      OrgRole
	Hash      []byte // of the token that was mailed; unique
	InvitedBy string // user ID
	Status    InviteStatus
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Open reports whether the invite can be answered at now.
func (i *Invite) Open(now time.Time) bool {
	return i.Status == InvitePending && now.Before(i.ExpiresAt)
}

// InviteStore keeps invites. It is implemented together with OrgStore, since
// accepting an invite makes a member.
type InviteStore interface {
	// CreateInvite writes a pending invite. It returns ErrConflict if one to the
	// same address in the same organization is Open at i.CreatedAt; a pending one
	// that has expired by then is removed in the same step. ErrConflict, too, if
	// the ID or i.Hash is taken, and ErrNotFound if there is no such organization.
	CreateInvite(ctx context.Context, i *Invite) error

	// InviteByID and InviteByHash return the invite, open or not, or ErrNotFound.
	InviteByID(ctx context.Context, id string) (*Invite, error)
	InviteByHash(ctx context.Context, hash []byte) (*Invite, error)

	// ListInvites returns the organization's invites by CreatedAt, newest first,
	// equal times by ID, highest first.
	ListInvites(ctx context.Context, orgID string, after Cursor, limit int) ([]*Invite, error)

	// ListInvitesTo returns the pending invites to the address, expired or not,
	// in the order of ListInvites; at most 200.
	ListInvitesTo(ctx context.Context, email string) ([]*Invite, error)

	// RenewInvite gives a pending invite, expired or not, another token and
	// expiry. The old token is dead. It returns ErrNotFound if there is no such
	// pending invite in the organization, and ErrConflict if another invite has
	// the hash.
	RenewInvite(ctx context.Context, orgID, id string, hash []byte, expiresAt time.Time) error

	// CloseInvite moves a pending invite, expired or not, to declined or revoked.
	// It returns ErrNotFound if the invite is not there or not pending.
	CloseInvite(ctx context.Context, id string, status InviteStatus) error

	// AcceptInvite moves an open invite to accepted and makes the user a member
	// with the invite's role, joined at now, in one step. Before that it hands
	// check the invite, the organization, and the inviter's place in it (nil if
	// they have none any more); an error from check is returned as it is. It
	// returns ErrNotFound if the invite is not there or not pending or the
	// organization is deleted or gone, ErrExpired if the invite is past its time,
	// and ErrConflict if the user is a member already. check must be a pure
	// function: it may run more than once, and the last run decides.
	AcceptInvite(ctx context.Context, id, userID string, now time.Time,
		check func(i *Invite, o *Org, inviter *Member) error) error
}
