package memstore

import (
	"context"

	"github.com/aegis-auth/aegis/store"
)

// UpdateAttempts implements [store.AttemptStore].
func (s *Store) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (now store.Attempts, err error) {
	err = s.write(ctx, func() error {
		now = change(s.attempts[key])
		if now == (store.Attempts{}) {
			delete(s.attempts, key)
		} else {
			s.attempts[key] = now
		}
		return nil
	})
	return now, err
}
