package sqlstore

import "context"

// Ping reports whether the database answers, within [Config.QueryTimeout].
func (s *Store) Ping(ctx context.Context) error {
	return s.h.run(ctx, "ping", s.h.db.PingContext)
}
