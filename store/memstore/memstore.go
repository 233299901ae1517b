// Package memstore keeps everything authentication remembers in memory: for
// tests, examples, and tools that run as one process and may forget.
//
//	svc, err := auth.New(auth.Config{Store: memstore.New(), …})
//
// [Store] implements every interface of package store, and is held to the same
// conformance suite (store/storetest) as the SQL store, so that a test over
// memory says something about production. Nothing is written to disk: when the
// process ends, all accounts are gone. What is dead stays until [Store.Prune].
//
// One mutex guards it all. The methods that requests wait for (by ID, address,
// hash, user or organization) take time that does not grow with the number of
// rows; lists of all users or all organizations sort what they select.
package memstore

import (
	"context"
	"sync"

	"github.com/aegis-auth/aegis/store"
)

// Store is a complete store in memory. Make one with [New]. Its methods may be
// called by many goroutines at once, and each of them is one atomic step.
//
// Functions that are handed to a method (the change of UpdateAttempts and
// UpdateMembers, the check of AcceptInvite) run while the store is locked, and
// must not call it.
type Store struct {
	mu sync.Mutex // guards everything below

	version int64 // the last Version given to a row; never given twice

	users   map[string]*store.User
	byEmail map[string]*store.User // users not deleted
	claimed map[string]bool        // roles given by CreateUserClaiming

	sessions     map[string]*store.Session
	userSessions index

	tokens     map[string]*store.OneTimeToken // by hash
	userTokens map[string]map[store.Purpose]*store.OneTimeToken

	identities     map[subject]*store.Identity
	userIdentities map[string]map[string]*store.Identity // user → provider

	attempts map[string]store.Attempts

	trail  []*store.AuditEntry            // by Time, then ID
	chains map[string][]*store.AuditEntry // by Seq
	ids    map[string]bool                // of the entries

	orgs     map[string]*store.Org
	bySlug   map[string]*store.Org               // organizations not deleted
	members  map[string]map[string]*store.Member // organization → user
	memberOf index                               // user → organizations

	invites    map[string]*store.Invite
	byHash     map[string]*store.Invite
	orgInvites index
	pending    map[string]map[string]*store.Invite // address → organization
}

var (
	_ store.Store          = (*Store)(nil)
	_ store.PrincipalStore = (*Store)(nil)
	_ store.UserLister     = (*Store)(nil)
	_ store.RoleStore      = (*Store)(nil)
	_ store.IdentityStore  = (*Store)(nil)
	_ store.AttemptStore   = (*Store)(nil)
	_ store.AuditStore     = (*Store)(nil)
	_ store.OrgStore       = (*Store)(nil)
	_ store.InviteStore    = (*Store)(nil)
	_ store.Pruner         = (*Store)(nil)
	_ store.Migrator       = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		users:          make(map[string]*store.User),
		byEmail:        make(map[string]*store.User),
		claimed:        make(map[string]bool),
		sessions:       make(map[string]*store.Session),
		userSessions:   make(index),
		tokens:         make(map[string]*store.OneTimeToken),
		userTokens:     make(map[string]map[store.Purpose]*store.OneTimeToken),
		identities:     make(map[subject]*store.Identity),
		userIdentities: make(map[string]map[string]*store.Identity),
		attempts:       make(map[string]store.Attempts),
		ids:            make(map[string]bool),
		chains:         make(map[string][]*store.AuditEntry),
		orgs:           make(map[string]*store.Org),
		bySlug:         make(map[string]*store.Org),
		members:        make(map[string]map[string]*store.Member),
		memberOf:       make(index),
		invites:        make(map[string]*store.Invite),
		byHash:         make(map[string]*store.Invite),
		orgInvites:     make(index),
		pending:        make(map[string]map[string]*store.Invite),
	}
}

// Migrate has nothing to do: a store in memory has no schema to bring up to
// date. It returns the error of a context that has ended.
func (s *Store) Migrate(ctx context.Context) error { return ctx.Err() }

// read runs f as one step that changes nothing.
func (s *Store) read(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The wait for the lock may have outlasted the caller.
	if err := ctx.Err(); err != nil {
		return err
	}
	return f()
}

// write runs f as one step, together with the audit entry that ctx carries. f
// must check first and change then: when it returns an error it has changed
// nothing. That the entry can be written is known before f runs, so that there
// is nothing to undo.
func (s *Store) write(ctx context.Context, f func() error) error {
	return s.read(ctx, func() error {
		e := store.AuditFrom(ctx)
		if e == nil {
			return f()
		}
		if err := s.vacant(e); err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
		s.append(e)
		e.MarkWritten()
		return nil
	})
}

// nextVersion returns a Version that no row has had.
func (s *Store) nextVersion() int64 {
	s.version++
	return s.version
}

// index maps an owner to the identifiers of what it owns.
type index map[string]map[string]struct{}

func (x index) add(owner, key string) {
	if x[owner] == nil {
		x[owner] = make(map[string]struct{})
	}
	x[owner][key] = struct{}{}
}

func (x index) remove(owner, key string) {
	delete(x[owner], key)
	if len(x[owner]) == 0 {
		delete(x, owner)
	}
}

// InProcess marks a store that shares nothing with other processes, and so need
// not be asked to share rate limits: package auth counts them in memory of its
// own, which is bounded.
func (s *Store) InProcess() {}
