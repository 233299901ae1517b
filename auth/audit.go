package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aegis-auth/aegis/store"
)

const (
	auditBacklog = 10_000 // events that may wait for the store
	auditBatch   = 100
	auditTries   = 3
	auditGap     = EventKind("auth.audit_gap") // how many events were lost
)

// auditTrail writes events to a store.AuditStore. Entries form a chain for each
// process: every MAC covers the one before, under a key that the database does
// not have, so that changed, removed or moved rows show.
//
// Privileged changes are written in the same step as the change itself.
// Everything else waits in a bounded queue for a worker that runs only while
// there is something to write. The nil trail drops everything.
type auditTrail struct {
	store  store.AuditStore
	key    []byte
	logger *slog.Logger
	now    func() time.Time

	chainMu sync.Mutex // held while an entry is being written
	chain   string
	seq     int64
	mac     []byte

	mu      sync.Mutex
	waiting []Event
	dropped int
	running bool
	idle    chan struct{} // closed when the worker ends
}

func (s *Service) initAudit() {
	if s.cfg.Audit == nil {
		return
	}
	s.trail = &auditTrail{
		store: s.cfg.Audit, key: deriveKey(s.cfg.Secret, labelAudit),
		logger: s.cfg.Logger, now: s.now,
	}
}

// record queues an event for the trail and returns at once.
func (t *auditTrail) record(e Event) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= auditBacklog {
		t.dropped++
		return
	}
	t.waiting = append(t.waiting, e)
	if !t.running {
		t.running, t.idle = true, make(chan struct{})
		go t.drain(t.idle)
	}
}

// drain writes what waits until nothing does.
func (t *auditTrail) drain(idle chan struct{}) {
	defer close(idle)
	for {
		batch := t.take()
		if len(batch) == 0 {
			return
		}
		if err := t.write(batch); err != nil {
			t.logger.Error("audit trail: events lost", "count", len(batch), "err", err)
			t.mu.Lock()
			t.dropped += len(batch)
			t.mu.Unlock()
		}
	}
}

// take returns the next batch, led by the size of the gap if there is one, or
// nothing, after which the worker has ended.
func (t *auditTrail) take() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.running = false // a gap waits for the next event, so that a dead store is left alone
		return nil
	}
	n := min(len(t.waiting), auditBatch)
	batch := slices.Clone(t.waiting[:n])
	t.waiting = slices.Delete(t.waiting, 0, n)
	if t.dropped > 0 {
		gap := Event{Kind: auditGap, Time: t.now(), Attrs: []slog.Attr{slog.Int("lost", t.dropped)}}
		batch = append([]Event{gap}, batch...)
		t.dropped = 0
	}
	return batch
}

// write appends a batch to the chain, trying again for a while.
func (t *auditTrail) write(batch []Event) error {
	t.chainMu.Lock()
	defer t.chainMu.Unlock()
	var err error
	for try := range auditTries {
		if try > 0 {
			time.Sleep(time.Duration(try) * 100 * time.Millisecond)
		}
		entries := make([]*store.AuditEntry, len(batch))
		seq, mac := t.seq, t.mac
		for i, e := range batch {
			entries[i] = t.next(e, seq, mac)
			seq, mac = entries[i].Seq, entries[i].MAC
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = t.store.AppendAudit(ctx, entries...)
		cancel()
		if err == nil {
			t.seq, t.mac = seq, mac
			return nil
		}
		t.breakChain() // it is not known whether they were written
	}
	return err
}

// next makes the entry that follows seq and mac in the chain. The caller holds
// chainMu.
func (t *auditTrail) next(e Event, seq int64, mac []byte) *store.AuditEntry {
	if t.chain == "" {
		t.chain = store.NewID(t.now())
	}
	entry := &store.AuditEntry{
		ID: store.NewID(e.Time), Chain: t.chain, Seq: seq + 1, Time: e.Time, Kind: string(e.Kind),
		ActorID: e.ActorID, UserID: e.UserID, OrgID: e.OrgID, SessionID: e.SessionID,
		IP: e.Device.ip(), UserAgent: e.Device.UserAgent, RequestID: e.RequestID,
	}
	for _, a := range e.Attrs {
		if entry.Attrs == nil {
			entry.Attrs = make(map[string]string)
		}
		entry.Attrs[a.Key] = cleanText(a.Value.String(), 256)
	}
	entry.MAC = auditMAC(t.key, mac, entry)
	return entry
}

// breakChain begins another chain. The caller holds chainMu.
func (t *auditTrail) breakChain() { t.chain, t.seq, t.mac = "", 0, nil }

// auditMAC covers an entry and the MAC before it.
func auditMAC(key, prev []byte, e *store.AuditEntry) []byte {
	attrs, err := json.Marshal(e.Attrs) // sorted by key
	if err != nil {
		panic(err) // a map of strings
	}
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{
		string(prev), e.ID, e.Chain, fmt.Sprint(e.Seq), fmt.Sprint(e.Time.UnixMicro()), e.Kind, e.ActorID,
		e.UserID, e.OrgID, e.SessionID, e.IP, e.UserAgent, e.RequestID, string(attrs),
	} {
		fmt.Fprintf(mac, "%d:%s,", len(part), part)
	}
	return mac.Sum(nil)
}

// Privileged makes a change whose audit entry must not be missing: both are
// written in one step, if the store can, and e is announced afterwards. change
// must hand the context it is given to the store.
func (s *Service) Privileged(ctx context.Context, e Event, change func(ctx context.Context) error) error {
	s.complete(ctx, &e)
	if err := s.trail.include(ctx, e, change); err != nil {
		return err
	}
	s.announce(ctx, e)
	return nil
}

// include runs change with the entry of e in its context.
func (t *auditTrail) include(ctx context.Context, e Event, change func(ctx context.Context) error) error {
	if t == nil {
		return change(ctx)
	}
	t.chainMu.Lock()
	defer t.chainMu.Unlock()
	entry := t.next(e, t.seq, t.mac)
	err := change(store.WithAudit(ctx, entry))
	switch {
	case err == nil && !entry.Written():
		// The change was made by a store that keeps no trail, such as the
		// caller's own table of users.
		if err := t.store.AppendAudit(ctx, entry); err != nil {
			t.breakChain()
			t.logger.ErrorContext(ctx, "audit trail: entry of a change lost", "kind", entry.Kind, "err", err)
			return nil
		}
		t.seq, t.mac = entry.Seq, entry.MAC
	case err == nil:
		t.seq, t.mac = entry.Seq, entry.MAC
	default:
		t.breakChain() // the entry may have been written all the same
	}
	return err
}

// close waits until everything that waits has been written.
func (t *auditTrail) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	running, idle := t.running, t.idle
	t.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("audit trail: %w", ctx.Err())
	}
}

// ErrAuditBroken says that the audit trail was changed behind the service's
// back.
var ErrAuditBroken = errors.New("auth: audit trail does not verify")

// VerifyAudit checks every chain of the audit trail, and returns how many
// entries it has. The error wraps ErrAuditBroken if an entry was changed,
// removed or moved; it names the chain and the place. Entries that were written
// under a secret that is neither Secret nor one of OldSecrets do not verify.
func (s *Service) VerifyAudit(ctx context.Context) (entries int, err error) {
	if s.cfg.Audit == nil {
		return 0, errors.New("auth: the store keeps no audit trail")
	}
	keys := deriveKeys(append([][]byte{s.cfg.Secret}, s.cfg.OldSecrets...), labelAudit)
	heads, err := s.cfg.Audit.AuditHeads(ctx)
	if err != nil {
		return 0, fmt.Errorf("read heads of the audit trail: %w", err)
	}
	for _, head := range heads {
		n, err := s.verifyChain(ctx, head, keys)
		entries += n
		if err != nil {
			return entries, err
		}
	}
	return entries, nil
}

func (s *Service) verifyChain(ctx context.Context, head store.AuditHead, keys [][]byte) (int, error) {
	var seq int64
	var mac []byte
	for seq < head.Seq {
		page, err := s.cfg.Audit.AuditChain(ctx, head.Chain, seq, 500)
		if err != nil {
			return int(seq), fmt.Errorf("read audit chain: %w", err)
		}
		if len(page) == 0 {
			return int(seq), fmt.Errorf("%w: chain %s ends at %d, not at %d", ErrAuditBroken, head.Chain, seq, head.Seq)
		}
		for _, e := range page {
			genuine := slices.ContainsFunc(keys, func(key []byte) bool {
				return hmac.Equal(e.MAC, auditMAC(key, mac, e))
			})
			if e.Seq != seq+1 || !genuine {
				return int(seq), fmt.Errorf("%w: chain %s at %d", ErrAuditBroken, head.Chain, seq+1)
			}
			seq, mac = e.Seq, e.MAC
		}
	}
	if seq != head.Seq || !hmac.Equal(mac, head.MAC) {
		return int(seq), fmt.Errorf("%w: chain %s does not end where its head says", ErrAuditBroken, head.Chain)
	}
	return int(seq), nil
}
