package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store"
)

func TestSessionLive(t *testing.T) {
	t.Parallel()
	const us = time.Microsecond
	var never time.Time
	tests := []struct {
		name                  string
		expires, ends, revoke time.Time
		want                  bool
	}{
		{"before both limits", epoch.Add(us), epoch.Add(us), never, true},
		{"long before both limits", epoch.Add(time.Hour), epoch.Add(2 * time.Hour), never, true},
		{"at the idle limit", epoch, epoch.Add(us), never, false},
		{"past the idle limit", epoch.Add(-us), epoch.Add(us), never, false},
		{"at the absolute limit", epoch.Add(us), epoch, never, false},
		{"past the absolute limit", epoch.Add(us), epoch.Add(-us), never, false},
		{"past both", epoch.Add(-us), epoch.Add(-us), never, false},
		{"revoked before", epoch.Add(us), epoch.Add(us), epoch.Add(-us), false},
		{"revoked now", epoch.Add(us), epoch.Add(us), epoch, false},
		{"revoked by a clock that is ahead", epoch.Add(us), epoch.Add(us), epoch.Add(us), false},
		{"revoked and past", epoch, epoch, epoch, false},
		{"no limits at all", never, never, never, false},
		{"no idle limit", never, epoch.Add(us), never, false},
		{"no absolute limit", epoch.Add(us), never, never, false},
	}
	for _, test := range tests {
		s := &store.Session{ExpiresAt: test.expires, EndsAt: test.ends, RevokedAt: test.revoke}
		if got := s.Live(epoch); got != test.want {
			t.Errorf("%s: Live = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestInviteOpen(t *testing.T) {
	t.Parallel()
	for _, status := range []store.InviteStatus{
		store.InvitePending, store.InviteAccepted, store.InviteDeclined, store.InviteRevoked, "", "PENDING", "expired",
	} {
		for _, left := range []time.Duration{time.Hour, time.Microsecond, 0, -time.Microsecond, -time.Hour} {
			i := &store.Invite{Status: status, ExpiresAt: epoch.Add(left)}
			want := status == store.InvitePending && left > 0
			if got := i.Open(epoch); got != want {
				t.Errorf("Open(%q, %v before it expires) = %v, want %v", status, left, got, want)
			}
		}
	}
	if (&store.Invite{}).Open(epoch) {
		t.Errorf("the zero Invite is open, want it closed")
	}
}

func TestUserActive(t *testing.T) {
	t.Parallel()
	for _, disabled := range []bool{false, true} {
		for _, deleted := range []time.Time{{}, epoch} {
			u := &store.User{Disabled: disabled, DeletedAt: deleted}
			want := !disabled && deleted.IsZero()
			if got := u.Active(); got != want {
				t.Errorf("Active(disabled %v, deleted %v) = %v, want %v", disabled, !deleted.IsZero(), got, want)
			}
		}
	}
}

func TestOrgRole(t *testing.T) {
	t.Parallel()
	rising := []store.OrgRole{store.OrgMember, store.OrgAdmin, store.OrgOwner}
	unknown := []store.OrgRole{"", "Owner", "owner ", "superowner", "none"}
	for i, r := range rising {
		if got := r.Rank(); got != i+1 {
			t.Errorf("%q.Rank() = %d, want %d", r, got, i+1)
		}
		for j, min := range rising {
			if got := r.AtLeast(min); got != (i >= j) {
				t.Errorf("%q.AtLeast(%q) = %v, want %v", r, min, got, i >= j)
			}
		}
	}
	for _, u := range unknown {
		if got := u.Rank(); got != 0 {
			t.Errorf("%q.Rank() = %d, want 0", u, got)
		}
		for _, r := range append(rising, unknown...) {
			if u.AtLeast(r) || r.AtLeast(u) {
				t.Errorf("%q and %q compare, want an unknown role never to", u, r)
			}
		}
	}
}

func TestSentinelsAreToldApart(t *testing.T) {
	t.Parallel()
	all := []error{
		store.ErrNotFound, store.ErrConflict, store.ErrStale, store.ErrExpired,
		store.ErrLastCredential, store.ErrLastOwner, store.ErrLastInRole,
	}
	texts := make(map[string]bool)
	for i, a := range all {
		wrapped := fmt.Errorf("rotate session: %w", a)
		for j, b := range all {
			if got := errors.Is(wrapped, b); got != (i == j) {
				t.Errorf("errors.Is(%v, %v) = %v, want %v", wrapped, b, got, i == j)
			}
		}
		if texts[a.Error()] {
			t.Errorf("two sentinels read %q", a)
		}
		texts[a.Error()] = true
	}
}

func TestWithAudit(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if e := store.AuditFrom(ctx); e != nil {
		t.Errorf("AuditFrom(no entry) = %v, want nil", e)
	}
	first, second := &store.AuditEntry{ID: "1"}, &store.AuditEntry{ID: "2"}
	one := store.WithAudit(ctx, first)
	two := store.WithAudit(one, second)
	if got := store.AuditFrom(one); got != first {
		t.Errorf("AuditFrom = %v, want the entry itself", got)
	}
	if got := store.AuditFrom(two); got != second {
		t.Errorf("AuditFrom(inner context) = %v, want the inner entry", got)
	}
	if first.Written() {
		t.Errorf("Written() = true before anybody wrote it")
	}
	first.MarkWritten()
	if !first.Written() {
		t.Errorf("Written() = false after MarkWritten")
	}
	if got := store.AuditFrom(one); got != nil {
		t.Errorf("AuditFrom(written) = %v, want nil", got)
	}
	if got := store.AuditFrom(two); got != second {
		t.Errorf("AuditFrom(inner context) = %v, want the inner entry, which is not written", got)
	}
	if got := store.AuditFrom(store.WithAudit(two, nil)); got != nil {
		t.Errorf("AuditFrom(nil entry) = %v, want nil", got)
	}
}
