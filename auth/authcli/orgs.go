package authcli

import (
	"errors"
	"fmt"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func (c *call) orgs() (store.OrgStore, error) {
	s, ok := c.Store.(store.OrgStore)
	if !ok {
		return nil, errors.New("this store keeps no organizations")
	}
	return s, nil
}

func listOrgs(c *call) error {
	limit := c.flags.Int("limit", 50, "")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if *limit < 1 {
		return errors.New("--limit must be 1 or more")
	}
	s, err := c.orgs()
	if err != nil {
		return err
	}
	list, err := s.ListOrgs(c.ctx, store.OrgQuery{IncludeDeleted: true, Limit: *limit})
	if err != nil {
		return err
	}
	type row struct {
		ID        string    `json:"id"`
		Slug      string    `json:"slug"`
		Name      string    `json:"name"`
		Active    bool      `json:"is_active"`
		CreatedAt time.Time `json:"created_at"`
	}
	out := make([]row, len(list))
	rows := make([][]string, len(list))
	for i, o := range list {
		state := "active"
		if !o.DeletedAt.IsZero() {
			state = "deleted"
		}
		out[i] = row{o.ID, o.Slug, o.Name, o.DeletedAt.IsZero(), o.CreatedAt}
		rows[i] = []string{o.Slug, o.Name, state, o.CreatedAt.Format(time.DateTime), o.ID}
	}
	if c.json {
		return c.printJSON(out)
	}
	return c.table("SLUG,NAME,STATE,CREATED,ID", rows)
}

func listMembers(c *call) error {
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	s, err := c.orgs()
	if err != nil {
		return err
	}
	o, err := c.findOrg(s, words[0])
	if err != nil {
		return err
	}
	type row struct {
		UserID   string        `json:"user_id"`
		Email    string        `json:"email"`
		Role     store.OrgRole `json:"role"`
		JoinedAt time.Time     `json:"joined_at"`
	}
	out := []row{}
	var rows [][]string
	for after := (store.Cursor{}); ; {
		page, err := s.ListMembers(c.ctx, o.ID, after, 200)
		if err != nil {
			return err
		}
		for _, m := range page {
			email := ""
			if u, err := c.Service.User(c.ctx, m.UserID); err == nil {
				email = u.Email
			}
			out = append(out, row{m.UserID, email, m.Role, m.JoinedAt})
			rows = append(rows, []string{email, string(m.Role), m.JoinedAt.Format(time.DateTime), m.UserID})
		}
		if len(page) < 200 {
			break
		}
		last := page[len(page)-1]
		after = store.Cursor{At: last.JoinedAt, ID: last.UserID}
	}
	if c.json {
		return c.printJSON(out)
	}
	return c.table("EMAIL,ROLE,JOINED,USER ID", rows)
}

// findOrg returns the organization with an ID or a slug.
func (c *call) findOrg(s store.OrgStore, name string) (*store.Org, error) {
	if o, err := s.OrgByID(c.ctx, name); err == nil {
		return o, nil
	}
	for q := (store.OrgQuery{IncludeDeleted: true, Limit: 200}); ; {
		page, err := s.ListOrgs(c.ctx, q)
		if err != nil {
			return nil, err
		}
		for _, o := range page {
			if o.Slug == name {
				return o, nil
			}
		}
		if len(page) < q.Limit {
			return nil, fmt.Errorf("there is no organization %q", name)
		}
		last := page[len(page)-1]
		q.After = store.Cursor{At: last.CreatedAt, ID: last.ID}
	}
}
