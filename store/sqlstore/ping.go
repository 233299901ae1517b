package sqlstore

import "context"

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.h.db.PingContext(ctx) }
