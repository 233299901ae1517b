package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aegis-auth/aegis/store"
)

// AuditTable keeps the audit trail. It implements [store.AuditStore] and is safe
// for concurrent use. It forgets no user: an entry that is taken out breaks its
// chain.
type AuditTable struct {
	h *handle

	heads, chain *stmt
}

var _ store.AuditStore = (*AuditTable)(nil)

// NewAuditTable returns the table alone. The error names what is wrong with db or
// c, as that of [New] does. For other tables to write into it what their context
// carries, set [Config.Audit] for them.
func NewAuditTable(db *sql.DB, c Config) (*AuditTable, error) {
	h, err := newHandle(db, c)
	if err != nil {
		return nil, err
	}
	return newAuditTable(h), nil
}

const auditColumns = "id, chain, seq, mac, at, kind, actor_id, user_id, org_id, session_id, ip, user_agent, request_id, attrs"

func newAuditTable(h *handle) *AuditTable {
	return &AuditTable{
		h:     h,
		heads: h.stmt("SELECT chain, seq, mac FROM {audit_heads} ORDER BY chain"),
		chain: h.stmt("SELECT " + auditColumns + " FROM {audit} WHERE chain = ? AND seq > ? ORDER BY seq LIMIT ?"),
	}
}

func scanEntry(r row) (*store.AuditEntry, error) {
	e := new(store.AuditEntry)
	if err := r.Scan(&e.ID, &e.Chain, &e.Seq, &e.MAC, timeCol{&e.Time}, &e.Kind, &e.ActorID, &e.UserID, &e.OrgID,
		&e.SessionID, &e.IP, &e.UserAgent, &e.RequestID, jsonCol[string]{&e.Attrs}); err != nil {
		return nil, err
	}
	e.MarkWritten()
	return e, nil
}

// AppendAudit implements [store.AuditStore]. What ctx carries is another entry,
// and is left to the change it belongs to.
func (t *AuditTable) AppendAudit(ctx context.Context, entries ...*store.AuditEntry) error {
	if len(entries) == 0 {
		return ctx.Err()
	}
	err := t.h.inTxWith(ctx, "append to audit trail", nil, func(ctx context.Context, c conn) error {
		return c.appendAudit(ctx, entries...)
	})
	if err != nil {
		return err
	}
	for _, e := range entries {
		e.MarkWritten()
	}
	return nil
}

// appendAudit writes entries, and then the heads of their chains: a head is
// locked from there to the end of the transaction, and those who write several
// take them in the same order.
func (c conn) appendAudit(ctx context.Context, entries ...*store.AuditEntry) error {
	insert := c.h.madeStmt("INSERT INTO {audit} (" + auditColumns + ") VALUES (" + marks(countOf(auditColumns)) + ")" +
		c.h.d.orNothing())
	heads := make(map[string]*store.AuditEntry)
	for _, e := range entries {
		attrs := []byte("{}")
		if len(e.Attrs) > 0 {
			var err error
			if attrs, err = json.Marshal(e.Attrs); err != nil {
				return fmt.Errorf("audit entry: %w", err)
			}
		}
		if err := c.insert(ctx, insert, e.ID, e.Chain, e.Seq, orNull(e.MAC), micros(e.Time), e.Kind, e.ActorID, e.UserID,
			e.OrgID, e.SessionID, e.IP, e.UserAgent, e.RequestID, string(attrs)); err != nil {
			return fmt.Errorf("audit entry: %w", err)
		}
		if h := heads[e.Chain]; h == nil || e.Seq > h.Seq {
			heads[e.Chain] = e
		}
	}
	raise := c.h.madeStmt("INSERT INTO {audit_heads} (chain, seq, mac) VALUES (?, ?, ?)" +
		c.h.d.orRaise(c.h.prefix+"audit_heads"))
	for _, e := range slices.SortedFunc(maps.Values(heads), func(a, b *store.AuditEntry) int { return cmp.Compare(a.Chain, b.Chain) }) {
		if _, err := c.exec(ctx, raise, e.Chain, e.Seq, orNull(e.MAC)); err != nil {
			return fmt.Errorf("audit head: %w", err)
		}
	}
	return nil
}

// ListAudit implements [store.AuditStore].
func (t *AuditTable) ListAudit(ctx context.Context, q store.AuditQuery) (list []*store.AuditEntry, err error) {
	var where []string
	var args []any
	also := func(cond string, values ...any) {
		where = append(where, cond)
		args = append(args, values...)
	}
	if q.UserID != "" {
		also("user_id = ?", q.UserID)
	}
	if q.Kind != "" {
		also("kind = ?", q.Kind)
	}
	if !q.Since.IsZero() {
		also("at >= ?", micros(q.Since))
	}
	if !q.After.IsZero() {
		at := micros(q.After.At)
		also(beyond("at", "id", "<"), at, at, q.After.ID)
	}
	text := "SELECT " + auditColumns + " FROM {audit}"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	s := t.h.madeStmt(text + " ORDER BY at DESC, id DESC LIMIT ?")
	args = append(args, pageLimit(q.Limit))
	err = t.h.read(ctx, "list audit trail", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, s, scanEntry, args...)
		return err
	})
	return list, err
}

// AuditHeads implements [store.AuditStore].
func (t *AuditTable) AuditHeads(ctx context.Context) (heads []store.AuditHead, err error) {
	err = t.h.read(ctx, "audit heads", func(ctx context.Context, c conn) (err error) {
		heads, err = all(ctx, c, t.heads, func(r row) (h store.AuditHead, err error) {
			err = r.Scan(&h.Chain, &h.Seq, &h.MAC)
			return h, err
		})
		return err
	})
	return heads, err
}

// AuditChain implements [store.AuditStore].
func (t *AuditTable) AuditChain(ctx context.Context, chain string, after int64, limit int) (list []*store.AuditEntry, err error) {
	err = t.h.read(ctx, "audit chain", func(ctx context.Context, c conn) (err error) {
		list, err = all(ctx, c, t.chain, scanEntry, chain, after, pageLimit(limit))
		return err
	})
	return list, err
}
