package auth

import (
	"context"
	"time"
)

const (
	maintainEvery = 30 * time.Second
	pruneBatch    = 500
	pruneKeep     = 24 * time.Hour // how long dead rows are kept for whoever asks why
)

// Maintain wipes and prunes until ctx ends, and returns nil then. Run it in a
// goroutine of your own, on as many nodes as you like. Without it nothing
// breaks, but dead rows linger.
func (s *Service) Maintain(ctx context.Context) error {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if _, err := s.Prune(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Logger.WarnContext(ctx, "maintenance", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Prune wipes the sealed successors whose grace is over, and removes rows that
// have been dead for a day, in bounded batches. It returns how many rows it
// removed. A store that does not implement store.Pruner is left alone.
func (s *Service) Prune(ctx context.Context) (removed int, err error) {
	if s.cfg.Pruner == nil {
		return 0, nil
	}
	now := s.now()
	grace := max(s.cfg.RefreshGrace, 0) + s.strictWindow
	for {
		n, err := s.cfg.Pruner.WipeSealed(ctx, now.Add(-grace), pruneBatch)
		if err != nil {
			return 0, err
		}
		if n < pruneBatch {
			break
		}
	}
	for {
		n, err := s.cfg.Pruner.Prune(ctx, now.Add(-pruneKeep), pruneBatch)
		removed += n
		if err != nil || n < pruneBatch {
			return removed, err
		}
	}
}
