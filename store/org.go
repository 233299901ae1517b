package store

import (
	"context"
	"time"
)

// OrgRole is what a member may do in an organization.
type OrgRole string

// The roles in an organization, by rising rank.
const (
	OrgMember OrgRole = "member"
	OrgAdmin  OrgRole = "admin"
	OrgOwner  OrgRole = "owner"
)

// Rank returns 1 for a member, 2 for an admin, 3 for an owner, and 0 for
// anything else.
func (r OrgRole) Rank() int {
	switch r {
	case OrgMember:
		return 1
	case OrgAdmin:
		return 2
	case OrgOwner:
		return 3
	}
	return 0
}

// AtLeast reports whether r is min or stands above it. Unknown roles never do,
// and nothing is at least an unknown role.
func (r OrgRole) AtLeast(min OrgRole) bool {
	return min.Rank() > 0 && r.Rank() >= min.Rank()
}

// Org is one organization.
type Org struct {
	ID          string // minted by the caller
	Name        string
	Slug        string // unique among organizations not deleted
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	DeletedAt   time.Time // zero unless soft-deleted
	Version     int64     // changes on every write
}

// Member is one user's place in one organization.
type Member struct {
	OrgID, UserID string
	Role          OrgRole
	JoinedAt      time.Time
}

// Membership is an organization together with one user's place in it.
type Membership struct {
	Org    *Org
	Member *Member
}

// OrgQuery selects organizations for a list.
type OrgQuery struct {
	IncludeDeleted bool
	After          Cursor // of CreatedAt
	Limit          int
}

// OrgStore keeps organizations and their members.
type OrgStore interface {
	// CreateOrg writes the organization and its first owner, both or neither, and
	// sets o.Version. It returns ErrConflict if an organization that is not
	// deleted has o.Slug, or the ID is taken. On any error o is as it was.
	CreateOrg(ctx context.Context, o *Org, owner *Member) error

	// OrgByID returns the organization, deleted or not, or ErrNotFound.
	OrgByID(ctx context.Context, id string) (*Org, error)

	// UpdateOrg writes all fields of o but ID and CreatedAt, if the stored Version
	// still equals o.Version; otherwise, and if the organization is gone, it
	// returns ErrStale. It returns ErrConflict if o is not deleted and another
	// organization that is not deleted has o.Slug. On success o.Version is the new
	// one; on any error o is as it was.
	UpdateOrg(ctx context.Context, o *Org) error

	// DeleteOrg removes the organization, its members and its invites. One that
	// is not there is no error.
	DeleteOrg(ctx context.Context, id string) error

	// ListOrgs returns organizations by CreatedAt, newest first, equal times by
	// ID, highest first.
	ListOrgs(ctx context.Context, q OrgQuery) ([]*Org, error)

	// ListMemberships returns the organizations, not deleted, of which the user
	// is a member, by JoinedAt, newest first, equal times by organization ID,
	// highest first. A cursor holds JoinedAt and the organization's ID.
	ListMemberships(ctx context.Context, userID string, after Cursor, limit int) ([]*Membership, error)

	// Membership returns the organization, deleted or not, and the user's place
	// in it, as they are at one moment, or ErrNotFound if either is missing.
	Membership(ctx context.Context, orgID, userID string) (*Membership, error)

	// ListMembers returns the members by JoinedAt, oldest first, equal times by
	// user ID, lowest first. A cursor holds JoinedAt and the user's ID.
	ListMembers(ctx context.Context, orgID string, after Cursor, limit int) ([]*Member, error)

	// UpdateMembers changes members of one organization in one atomic step. It
	// hands change the organization, deleted or not, and those of the named users
	// who are members, by user ID; change may set, add and remove entries of those
	// users in the map, and nothing else. What it leaves is written, unless change
	// returns an error, which is returned as it is, or no owner would remain,
	// which is ErrLastOwner. ErrNotFound if there is no such organization. No two
	// changes of one organization start from the same members and both hold.
	// change must be a pure function: it may run more than once, and the last run
	// decides.
	UpdateMembers(ctx context.Context, orgID string, userIDs []string,
		change func(o *Org, members map[string]*Member) error) error
}
