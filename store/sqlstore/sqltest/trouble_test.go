package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/sqlstore"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest"
	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/faultdriver"
)

// TestStalledDatabaseIsAnError has the database answer nothing any more. Every
// method ends by itself, and works again when the database does.
func TestStalledDatabaseIsAnError(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		var f faultdriver.Faults
		prefix := sqltest.Prefix()
		patient := e.OpenFaulty(t, &f, sqlstore.Config{Prefix: prefix})
		// In SQLite it reads where it writes, which makes no difference here.
		hasty, err := sqlstore.New(patient.DB(), sqlstore.Config{Dialect: e.Dialect, Prefix: prefix, QueryTimeout: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, patient)
		for _, m := range methodCosts {
			t.Run(m.name, func(t *testing.T) {
				w.t = t
				w.Store = patient
				call := m.do(w)
				w.Store = hasty
				f.From(1, faultdriver.Any, faultdriver.Fault{Stall: true})
				err := call(t.Context())
				f.Clear()
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want an error that wraps context.DeadlineExceeded", err)
				}
			})
		}
		if n := f.Stalled(); n != 0 {
			t.Errorf("%d calls still hang", n)
		}
		if _, err := patient.UserByID(t.Context(), w.user.ID); err != nil {
			t.Errorf("UserByID afterwards = %v, want the user", err)
		}
	})
}

// TestEndedContextIsNamed: whatever a driver calls it, the error wraps the
// context's.
func TestEndedContextIsNamed(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		var f faultdriver.Faults
		w := newWorld(t, e.OpenFaulty(t, &f, sqlstore.Config{}))
		for _, m := range methodCosts {
			t.Run(m.name, func(t *testing.T) {
				w.t = t
				call := m.do(w)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := call(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("before: got %v, want an error that wraps context.Canceled", err)
				}
				ctx, cancel = context.WithCancel(t.Context())
				f.Handle(func(c faultdriver.Call) *faultdriver.Fault {
					cancel() // the driver notices, or has its own idea of what went wrong
					return &faultdriver.Fault{Err: errors.New("interrupted")}
				})
				err := call(ctx)
				f.Clear()
				if !errors.Is(err, context.Canceled) {
					t.Errorf("amid: got %v, want an error that wraps context.Canceled", err)
				}
			})
		}
	})
}

// TestRealDeadlockIsSettled has two transactions lock two rows in opposite order.
// The database undoes one of them; its caller does not notice.
func TestRealDeadlockIsSettled(t *testing.T) {
	for _, name := range []string{"postgres", "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := engine(t, name)
			prefix := sqltest.Prefix()
			row := fmt.Sprintf("UPDATE %srow SET n = n + 1 WHERE id = ", prefix)
			var runs atomic.Int64
			var met sync.WaitGroup
			met.Add(2)
			s, err := sqlstore.Open(e.Driver, e.DSN(t), sqlstore.Config{
				Prefix: prefix, MaxConns: 4, QueryTimeout: time.Minute,
				UserCreated: func(ctx context.Context, tx *sql.Tx, u *store.User) error {
					first, second := "1", "2"
					if u.ID == "b" {
						first, second = second, first
					}
					if _, err := tx.ExecContext(ctx, row+first); err != nil {
						return err
					}
					if runs.Add(1) <= 2 {
						met.Done()
						met.Wait() // both hold their first row
					}
					_, err := tx.ExecContext(ctx, row+second)
					return err
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, q := range []string{"CREATE TABLE %srow (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO %srow VALUES (1, 0), (2, 0)"} {
				if _, err := s.DB().Exec(fmt.Sprintf(q, prefix)); err != nil {
					t.Fatal(err)
				}
			}
			var wg sync.WaitGroup
			for _, id := range []string{"a", "b"} {
				wg.Go(func() {
					u := &store.User{ID: id, Email: id + "@example.com", CreatedAt: epoch}
					if err := s.CreateUser(t.Context(), u); err != nil {
						t.Errorf("CreateUser(%s) = %v, want no error", id, err)
					}
				})
			}
			wg.Wait()
			if n := runs.Load(); n < 3 {
				t.Errorf("the hook ran %d times: there was no deadlock", n)
			}
			var n int
			if err := s.DB().QueryRow(fmt.Sprintf("SELECT sum(n) FROM %srow", prefix)).Scan(&n); err != nil || n != 4 {
				t.Errorf("the rows were changed %d times, %v, want 4: each hook once", n, err)
			}
		})
	}
}

// TestHookIsPartOfTheTransaction checks what Config.UserCreated promises.
func TestHookIsPartOfTheTransaction(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		prefix := sqltest.Prefix()
		refuse := errors.New("no")
		var seen []store.User
		s, err := sqlstore.Open(e.Driver, e.DSN(t), sqlstore.Config{
			Prefix: prefix, MaxConns: 2,
			UserCreated: func(ctx context.Context, tx *sql.Tx, u *store.User) error {
				seen = append(seen, *u)
				if u.Name == "refused" {
					return refuse
				}
				_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %sprofile VALUES ('%s')", prefix, u.ID))
				u.Email = "changed"
				return err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB().Exec(fmt.Sprintf("CREATE TABLE %sprofile (user_id VARCHAR(100) PRIMARY KEY)", prefix)); err != nil {
			t.Fatal(err)
		}
		w := &world{Store: s, t: t}

		one, two, three, refused := w.draftUser(), w.draftUser(), w.draftUser(), w.draftUser()
		one.ID, refused.Name = "", "refused"
		if err := s.CreateUser(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateUserWithIdentity(t.Context(), two, w.draftIdentity(two)); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateUserClaiming(t.Context(), three, "admin"); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateUser(t.Context(), refused); err != refuse {
			t.Errorf("CreateUser(refused by the hook) = %v, want the hook's error as it is", err)
		}
		if _, err := s.UserByID(t.Context(), refused.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("UserByID(refused) = %v, want ErrNotFound", err)
		}
		if refused.Version != 0 {
			t.Errorf("refused.Version = %d, want 0: it is as it was", refused.Version)
		}
		if len(seen) != 4 || seen[0].ID != one.ID || one.ID == "" || seen[0].Version != 1 {
			t.Errorf("the hook saw %+v, want the four users with their IDs", seen)
		}
		if u, err := s.UserByID(t.Context(), one.ID); err != nil || u.Email != one.Email {
			t.Errorf("UserByID = %+v, %v, want the address the caller gave", u, err)
		}
		var n int
		if err := s.DB().QueryRow(fmt.Sprintf("SELECT count(*) FROM %sprofile", prefix)).Scan(&n); err != nil || n != 3 {
			t.Errorf("%d profiles, %v, want 3", n, err)
		}
	})
}

// TestTwoPoolsOnOneDatabase races two stores that share nothing but the database,
// as two processes do.
func TestTwoPoolsOnOneDatabase(t *testing.T) {
	onDisk(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		dsn, prefix := e.DSN(t), sqltest.Prefix()
		pools := []*sqlstore.Store{open(t, e, dsn, prefix), open(t, e, dsn, prefix)}
		if err := pools[0].Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, pools[0])
		const racers = 16
		for range 10 {
			s := w.newSession()
			tok := w.newToken()
			var swapped, taken atomic.Int64
			var wg sync.WaitGroup
			for i := range racers {
				p := pools[i%len(pools)]
				wg.Go(func() {
					r := next(s)
					r.New = fmt.Appendf(nil, "%s/racer-%d", s.ID, i)
					got, ok, err := p.Rotate(t.Context(), r)
					switch {
					case err != nil:
						t.Error(err)
					case ok:
						swapped.Add(1)
					case string(got.PrevHash) != string(s.Hash):
						t.Errorf("a loser got %+v, which did not beat it", got)
					}
				})
				wg.Go(func() {
					_, err := p.TakeOneTime(t.Context(), tok.Purpose, tok.Hash, epoch)
					switch {
					case err == nil:
						taken.Add(1)
					case !errors.Is(err, store.ErrNotFound):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if swapped.Load() != 1 || taken.Load() != 1 {
				t.Fatalf("%d rotations and %d takings won, want one of each", swapped.Load(), taken.Load())
			}
		}
	})
}

// TestOthersChangeWhatOneKnows rotates a session in one process, changes it in
// another, and rotates it in the first again, which may remember what it was.
func TestOthersChangeWhatOneKnows(t *testing.T) {
	changes := []struct {
		name    string
		change  func(ctx context.Context, other *sqlstore.Store, s *store.Session) error
		swapped bool
		err     error
	}{
		{"nothing", func(context.Context, *sqlstore.Store, *store.Session) error { return nil }, true, nil},
		{"renewed", func(ctx context.Context, other *sqlstore.Store, s *store.Session) error {
			return other.RenewSession(ctx, s.ID, s.Epoch+1, epoch.Add(time.Second))
		}, true, nil},
		{"wiped", func(ctx context.Context, other *sqlstore.Store, s *store.Session) error {
			return second(other.WipeSealed(ctx, epoch.Add(time.Hour), 100))
		}, true, nil},
		{"rotated", func(ctx context.Context, other *sqlstore.Store, s *store.Session) error {
			r := next(s)
			r.New = []byte("by the other")
			return rotates(other.Rotate(ctx, r))(true)
		}, false, nil},
		{"revoked", func(ctx context.Context, other *sqlstore.Store, s *store.Session) error {
			return other.RevokeSession(ctx, s.ID, epoch)
		}, false, nil},
		{"removed", func(ctx context.Context, other *sqlstore.Store, s *store.Session) error {
			return other.SessionTable.ForgetUser(ctx, s.UserID)
		}, false, store.ErrNotFound},
	}
	onDisk(t, func(t *testing.T, e *sqltest.Engine) {
		t.Parallel()
		dsn, prefix := e.DSN(t), sqltest.Prefix()
		one, other := open(t, e, dsn, prefix), open(t, e, dsn, prefix)
		if err := one.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, one)
		for _, c := range changes {
			s, _, err := one.Rotate(t.Context(), next(w.newSession()))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.change(t.Context(), other, s); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got, swapped, err := one.Rotate(t.Context(), next(s))
			if swapped != c.swapped || !errors.Is(err, c.err) {
				t.Errorf("%s: Rotate = %v, %v, want %v, %v", c.name, swapped, err, c.swapped, c.err)
			}
			if c.err != nil {
				continue
			}
			want, err := other.SessionByID(t.Context(), s.ID)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: Rotate gave\n%+v, want the row as it is:\n%+v, %v", c.name, got, want, err)
			}
		}
	})
}

// TestManyWritersOfOneFile is the load under which SQLite's defaults fail: many
// goroutines, two pools, and transactions that read before they write.
func TestManyWritersOfOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	e := engine(t, "sqlite")
	one := open(t, e, path, "")
	if err := one.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The second one has the pool of somebody who set things right, but for the
	// transactions, which begin as readers.
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	two, err := sqlstore.New(db, sqlstore.Config{Dialect: sqlstore.SQLite})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, one)
	var wg sync.WaitGroup
	for i := range 16 {
		s := []*sqlstore.Store{one, two}[i%2]
		wg.Go(func() {
			for n := range 20 {
				id := fmt.Sprintf("member-%d-%d", i, n)
				if err := s.UpdateMembers(t.Context(), w.org.ID, []string{id}, func(_ *store.Org, m map[string]*store.Member) error {
					m[id] = &store.Member{Role: store.OrgMember, JoinedAt: epoch}
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.UpdateAttempts(t.Context(), "key", count); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	list, err := one.ListMembers(t.Context(), w.org.ID, store.Cursor{}, 1000)
	if err != nil || len(list) != 16*20+1 {
		t.Errorf("%d members, %v, want %d", len(list), err, 16*20+1)
	}
	a, err := two.UpdateAttempts(t.Context(), "key", func(a store.Attempts) store.Attempts { return a })
	if err != nil || a.Count != 16*20 {
		t.Errorf("%d attempts, %v, want %d", a.Count, err, 16*20)
	}
}
