package authcli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// made is an account that was made, with the password if it was generated.
type made struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Role     string `json:"role,omitempty"`
	Password string `json:"password,omitempty"` // only if it was generated
}

func (c *call) print(m made) error {
	if c.json {
		return c.printJSON(m)
	}
	fmt.Fprintf(c.Out, "Created %s (%s)\n", m.Email, m.ID)
	if m.Password != "" {
		fmt.Fprintf(c.Out, "Password: %s\nIt is shown this once.\n", m.Password)
	}
	return nil
}

// generated returns a password of 26 random characters.
func generated() string { return strings.ToLower(rand.Text()) }

func createUser(c *call) error {
	role := c.flags.String("role", "", "")
	name := c.flags.String("full-name", "", "")
	fromStdin := c.flags.Bool("password-stdin", false, "")
	verified := c.flags.Bool("verified", false, "")
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	m, err := c.create(words[0], *name, *role, *fromStdin, *verified)
	if err != nil {
		return err
	}
	return c.print(m)
}

// create makes one account.
func (c *call) create(email, name, role string, fromStdin, verified bool) (made, error) {
	m := made{Email: email}
	in := auth.Registrant{Email: email, Name: name}
	if fromStdin {
		password, err := c.readPassword()
		if err != nil {
			return m, err
		}
		in.Password = password
	} else {
		m.Password = generated()
		in.Password = m.Password
	}
	u, err := c.Service.NewAccount(c.ctx, in, role)
	if err != nil {
		return m, err
	}
	if verified {
		_, err = c.Service.UpdateUser(c.ctx, u.ID, func(u *store.User) error {
			u.EmailVerified = true
			return nil
		})
	}
	m.ID, m.Email, m.Role = u.ID, u.Email, u.Role
	return m, err
}

// testFlags are the flags that say which test addresses to use.
type testFlags struct{ prefix, domain *string }

func (c *call) testFlags() testFlags {
	return testFlags{c.flags.String("prefix", "test", ""), c.flags.String("domain", "example.com", "")}
}

// taken returns which numbered test addresses are taken.
func (c *call) taken(f testFlags) (map[string]bool, error) {
	taken := make(map[string]bool)
	q := store.UserQuery{EmailPrefix: *f.prefix, Status: store.StatusNotDeleted, Limit: 200}
	for {
		page, err := c.Service.Users(c.ctx, q)
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			taken[u.Email] = true
		}
		if len(page) < q.Limit {
			return taken, nil
		}
		last := page[len(page)-1]
		q.After = store.Cursor{At: last.CreatedAt, ID: last.ID}
	}
}

// nextFree returns the first address test@, test1@, test2@ … that is free.
func nextFree(f testFlags, taken map[string]bool) string {
	for n := 0; ; n++ {
		email := strings.ToLower(fmt.Sprintf("%s%d@%s", *f.prefix, n, *f.domain))
		if n == 0 {
			email = strings.ToLower(*f.prefix + "@" + *f.domain)
		}
		if !taken[email] {
			taken[email] = true
			return email
		}
	}
}

func createTestUser(c *call) error {
	email := c.flags.String("email", "", "")
	name := c.flags.String("full-name", "Test User", "")
	fromStdin := c.flags.Bool("password-stdin", false, "")
	f := c.testFlags()
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if *email == "" {
		taken, err := c.taken(f)
		if err != nil {
			return err
		}
		*email = nextFree(f, taken)
	}
	m, err := c.create(*email, *name, "", *fromStdin, true)
	if err != nil {
		return err
	}
	return c.print(m)
}

func createTestUsers(c *call) error {
	count := c.flags.Int("count", 0, "")
	f := c.testFlags()
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if *count < 1 || *count > 100_000 {
		return errors.New("--count must be from 1 to 100000")
	}
	taken, err := c.taken(f)
	if err != nil {
		return err
	}
	var all []made
	bar := c.progress(*count)
	for n := range *count {
		bar.at(n)
		m, err := c.create(nextFree(f, taken), fmt.Sprintf("Test User %d", n+1), "", false, true)
		if err != nil {
			bar.done()
			return fmt.Errorf("after %d of %d: %w", n, *count, err)
		}
		all = append(all, m)
	}
	bar.at(*count)
	bar.done()
	if c.json {
		return c.printJSON(all)
	}
	rows := make([][]string, len(all))
	for i, m := range all {
		rows[i] = []string{m.Email, m.Password, m.ID}
	}
	return c.table("EMAIL,PASSWORD,ID", rows)
}

// listed is an account as programs see it.
type listed struct {
	ID        string     `json:"id"`
	Email     string     `json:"email"`
	FullName  string     `json:"full_name"`
	Role      string     `json:"role"`
	Status    string     `json:"status"`
	Verified  bool       `json:"is_verified"`
	LastLogin *time.Time `json:"last_login"`
	CreatedAt time.Time  `json:"created_at"`
}

func status(u *store.User) string {
	switch {
	case !u.DeletedAt.IsZero():
		return "deleted"
	case u.Disabled:
		return "disabled"
	}
	return "active"
}

func listUsers(c *call) error {
	email := c.flags.String("email", "", "")
	role := c.flags.String("role", "", "")
	wanted := c.flags.String("status", "", "")
	limit := c.flags.Int("limit", 50, "")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	switch store.UserStatus(*wanted) {
	case store.StatusNotDeleted, store.StatusActive, store.StatusDisabled, store.StatusDeleted, store.StatusAny:
	default:
		return fmt.Errorf("status %q is none of active, disabled, deleted, any", *wanted)
	}
	if *limit < 1 {
		return errors.New("--limit must be 1 or more")
	}
	users, err := c.Service.Users(c.ctx, store.UserQuery{EmailPrefix: strings.ToLower(*email), Role: *role, Status: store.UserStatus(*wanted), Limit: *limit})
	if err != nil {
		return err
	}
	all := make([]listed, len(users))
	rows := make([][]string, len(users))
	for i, u := range users {
		all[i] = listed{ID: u.ID, Email: u.Email, FullName: u.Name, Role: u.Role, Status: status(u), Verified: u.EmailVerified, CreatedAt: u.CreatedAt}
		last := "never"
		if !u.LastLoginAt.IsZero() {
			all[i].LastLogin = &u.LastLoginAt
			last = u.LastLoginAt.Format(time.DateTime)
		}
		verified := "no"
		if u.EmailVerified {
			verified = "yes"
		}
		rows[i] = []string{u.Email, u.Name, u.Role, status(u), verified, last, u.ID}
	}
	if c.json {
		return c.printJSON(all)
	}
	return c.table("EMAIL,NAME,ROLE,STATUS,VERIFIED,LAST SIGN-IN,ID", rows)
}

func setRole(c *call) error {
	words, err := c.parse(2, 2)
	if err != nil {
		return err
	}
	return c.giveRole(words[0], words[1])
}

func promoteUser(c *call) error {
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	return c.giveRole(words[0], auth.RoleAdmin)
}

func (c *call) giveRole(email, role string) error {
	u, err := c.userByEmail(email)
	if err != nil {
		return err
	}
	if u, err = c.Service.SetRole(c.ctx, u.ID, role); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(made{ID: u.ID, Email: u.Email, Role: u.Role})
	}
	fmt.Fprintf(c.Out, "%s is %s now\n", u.Email, u.Role)
	return nil
}

func revokeSessions(c *call) error {
	all := c.flags.Bool("all", false, "")
	words, err := c.parse(0, 1)
	if err != nil {
		return err
	}
	if *all == (len(words) == 1) {
		return errors.New("name a user, or --all")
	}
	if !*all {
		u, err := c.userByEmail(words[0])
		if err != nil {
			return err
		}
		if err := c.Service.EndSessions(c.ctx, u.ID); err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "Ended every session of %s\n", u.Email)
		return nil
	}
	q := store.UserQuery{Status: store.StatusAny, Limit: 200}
	for n := 0; ; {
		page, err := c.Service.Users(c.ctx, q)
		if err != nil {
			return err
		}
		for _, u := range page {
			if err := c.Service.EndSessions(c.ctx, u.ID); err != nil {
				return fmt.Errorf("after %d users: %w", n, err)
			}
			n++
		}
		if len(page) < q.Limit {
			fmt.Fprintf(c.Out, "Ended every session of %d users\n", n)
			return nil
		}
		last := page[len(page)-1]
		q.After = store.Cursor{At: last.CreatedAt, ID: last.ID}
	}
}

func unlock(c *call) error {
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	u, err := c.userByEmail(words[0])
	if err != nil {
		return err
	}
	if err := c.Service.Unlock(c.ctx, u.ID); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Unlocked %s\n", u.Email)
	return nil
}
