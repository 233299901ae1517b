package sqlstore

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/store"
)

// ListUsers implements [store.UserLister].
func (t *UserTable) ListUsers(ctx context.Context, q store.UserQuery) (list []*store.User, err error) {
	text, args, none := userListText(q)
	if none {
		return nil, ctx.Err()
	}
	s := t.h.madeStmt(text)
	err = t.h.read(ctx, "list users", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, s, scanUser, args...)
		return err
	})
	return list, err
}

// userListText returns the statement for q and its values; none says that no user
// can match.
func userListText(q store.UserQuery) (text string, args []any, none bool) {
	var where []string
	also := func(cond string, values ...any) {
		where = append(where, cond)
		args = append(args, values...)
	}
	switch q.Status {
	case store.StatusNotDeleted:
		also("deleted_at = 0")
	case store.StatusActive:
		also("deleted_at = 0 AND NOT disabled")
	case store.StatusDisabled:
		also("deleted_at = 0 AND disabled")
	case store.StatusDeleted:
		also("deleted_at <> 0")
	case store.StatusAny:
	default:
		return "", nil, true
	}
	if q.Role != "" {
		also("role = ?", q.Role)
	}
	if q.EmailPrefix != "" {
		// A range of keys, not LIKE: no wildcards, no folding, and the index serves.
		also("email >= ?", q.EmailPrefix)
		if end, ok := after(q.EmailPrefix); ok {
			also("email < ?", end)
		}
	}
	if !q.After.IsZero() {
		at := micros(q.After.At)
		also(beyond("created_at", "id", "<"), at, at, q.After.ID)
	}
	text = "SELECT " + userColumns + " FROM {users}"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text + " ORDER BY created_at DESC, id DESC LIMIT ?", append(args, pageLimit(q.Limit)), false
}

// after returns the least text above all that begin with prefix. UTF-8 keeps the
// order of code points, so that it is the prefix with its last code point raised
// by one, which is valid UTF-8 again. There is none if every code point is the
// highest.
func after(prefix string) (string, bool) {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // the surrogates behind it are not characters
			r = 0xE000
		default:
			r++
		}
		return prefix + string(r), true
	}
	return "", false
}

// UsersByIDs implements [store.UserLister].
func (t *UserTable) UsersByIDs(ctx context.Context, ids []string) (list []*store.User, err error) {
	err = t.h.read(ctx, "users by IDs", func(ctx context.Context, c conn) error {
		list = nil
		seen := make(map[string]bool, len(ids))
		return inGroups(ids, func(group []any) error {
			s := t.h.madeStmt("SELECT " + userColumns + " FROM {users} WHERE id IN (" + marks(len(group)) + ")")
			users, err := all(ctx, c, s, scanUser, group...)
			for _, u := range users {
				if !seen[u.ID] {
					seen[u.ID] = true
					list = append(list, u)
				}
			}
			return err
		})
	})
	return list, err
}
