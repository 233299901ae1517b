package storetest

import (
	"encoding/json"
	"time"

	"github.com/aegis-auth/aegis/store"
)

// The draft functions make rows that are complete, differ from every other, and
// are not written yet. The functions named for a row write one and end the case
// if they cannot.

// draftUser returns a user with every field set.
func (t *probe) draftUser(edit ...func(*store.User)) *store.User {
	u := &store.User{
		ID:            store.NewID(start),
		Email:         t.email(),
		EmailVerified: true,
		Name:          "Zoë Ångström",
		PasswordHash:  "$2a$12$abcdefghijklmnopqrstuv",
		Role:          t.tag,
		Epoch:         3,
		LastLoginAt:   start.Add(-time.Hour),
		CreatedAt:     start.Add(-48 * time.Hour),
		UpdatedAt:     start.Add(-24 * time.Hour),
		Metadata:      map[string]json.RawMessage{"plan": json.RawMessage(`"free"`)},
	}
	for _, f := range edit {
		f(u)
	}
	return u
}

// user writes a user.
func (t *probe) user(edit ...func(*store.User)) *store.User {
	t.Helper()
	u := t.draftUser(edit...)
	t.must(t.CreateUser(t.ctx, u), "CreateUser")
	return u
}

// readUser returns the user as the store has it.
func (t *probe) readUser(id string) *store.User {
	t.Helper()
	u, err := t.UserByID(t.ctx, id)
	t.must(err, "UserByID")
	return u
}

// draftSession returns a session of the user with every field set.
func (t *probe) draftSession(u *store.User, edit ...func(*store.Session)) *store.Session {
	s := &store.Session{
		ID:        store.NewID(start),
		UserID:    u.ID,
		Method:    "password",
		Hash:      t.hash(),
		Epoch:     u.Epoch,
		UserAgent: "Probe/1.0 (“unit”; 测试)",
		IP:        "2001:db8::17",
		AuthTime:  start,
		CreatedAt: start,
		RotatedAt: start,
		ExpiresAt: start.Add(14 * 24 * time.Hour),
		EndsAt:    start.Add(30 * 24 * time.Hour),
	}
	for _, f := range edit {
		f(s)
	}
	return s
}

// session writes a session of the user.
func (t *probe) session(u *store.User, edit ...func(*store.Session)) *store.Session {
	t.Helper()
	s := t.draftSession(u, edit...)
	t.must(t.CreateSession(t.ctx, s), "CreateSession")
	return s
}

// readSession returns the session as the store has it.
func (t *probe) readSession(id string) *store.Session {
	t.Helper()
	s, err := t.SessionByID(t.ctx, id)
	t.must(err, "SessionByID")
	return s
}

// rotation returns an exchange of the live secret of s, an hour after its last.
func (t *probe) rotation(s *store.Session, edit ...func(*store.Rotation)) store.Rotation {
	now := s.RotatedAt.Add(time.Hour)
	r := store.Rotation{
		SessionID: s.ID,
		Old:       s.Hash,
		New:       t.hash(),
		Sealed:    t.hash(),
		Now:       now,
		ExpiresAt: now.Add(14 * 24 * time.Hour),
		UserAgent: "Probe/2.0",
		IP:        "192.0.2.44",
	}
	for _, f := range edit {
		f(&r)
	}
	return r
}

// rotated returns what s becomes by r.
func rotated(s *store.Session, r store.Rotation) *store.Session {
	c := *s
	c.Generation++
	c.PrevHash, c.Hash, c.Sealed = r.Old, r.New, r.Sealed
	c.RotatedAt, c.ExpiresAt = r.Now, r.ExpiresAt
	c.UserAgent, c.IP = r.UserAgent, r.IP
	return &c
}

// draftToken returns a one-time token of the user, good for an hour.
func (t *probe) draftToken(u *store.User, p store.Purpose) *store.OneTimeToken {
	return &store.OneTimeToken{
		Hash:      t.hash(),
		Purpose:   p,
		UserID:    u.ID,
		Email:     u.Email,
		Epoch:     u.Epoch,
		CreatedAt: start,
		ExpiresAt: start.Add(time.Hour),
	}
}

// token writes a one-time token of the user.
func (t *probe) token(u *store.User, p store.Purpose) *store.OneTimeToken {
	t.Helper()
	tok := t.draftToken(u, p)
	t.must(t.PutOneTime(t.ctx, tok), "PutOneTime")
	return tok
}

// draftIdentity returns an account elsewhere that u may link.
func (t *probe) draftIdentity(u *store.User, provider string) *store.Identity {
	return &store.Identity{
		UserID:    u.ID,
		Provider:  provider,
		Subject:   t.name("subject"),
		Username:  "octo“cat”",
		Email:     t.email(),
		AvatarURL: "https://avatars.example.com/u/1?v=4&s=%20",
		CreatedAt: start,
	}
}

// identity links an account elsewhere to u.
func (t *probe) identity(u *store.User, provider string) *store.Identity {
	t.Helper()
	id := t.draftIdentity(u, provider)
	t.must(t.identities.AddIdentity(t.ctx, id), "AddIdentity")
	return id
}

// draftEntry returns the first entry of a chain of its own.
func (t *probe) draftEntry(edit ...func(*store.AuditEntry)) *store.AuditEntry {
	e := &store.AuditEntry{
		ID:        store.NewID(start),
		Chain:     t.name("chain"),
		Seq:       1,
		MAC:       t.hash(),
		Time:      start,
		Kind:      "auth.role_changed",
		ActorID:   t.name("actor"),
		UserID:    t.name("user"),
		OrgID:     t.name("org"),
		SessionID: t.name("session"),
		IP:        "192.0.2.1",
		UserAgent: "Probe/1.0",
		RequestID: t.name("request"),
		Attrs:     map[string]string{"from": "user", "to": "admin", "": "“quoted”"},
	}
	for _, f := range edit {
		f(e)
	}
	return e
}

// chain returns what the store has of a chain.
func (t *probe) chain(name string) []*store.AuditEntry {
	t.Helper()
	list, err := t.audit.AuditChain(t.ctx, name, 0, 500)
	t.must(err, "AuditChain")
	return list
}
