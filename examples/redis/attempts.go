package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/aegis-auth/aegis/store"
)

// attempts keeps rate limits and lockouts in Redis, so that all nodes count
// together. It implements store.AttemptStore.
type attempts struct {
	client redis.UniversalClient
	prefix string
}

var _ store.AttemptStore = (*attempts)(nil)

// swap replaces a value if it still is what was read, in one step, and returns
// what is there otherwise. An absent key is the empty text.
var swap = redis.NewScript(`
local now = redis.call('GET', KEYS[1]) or ''
if now ~= ARGV[1] then return {0, now} end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return {1, ARGV[2]}`)

// UpdateAttempts implements store.AttemptStore. One of many that change a key at
// once always succeeds, so going on until the context ends is enough.
func (a *attempts) UpdateAttempts(ctx context.Context, key string, change func(store.Attempts) store.Attempts) (store.Attempts, error) {
	key = a.prefix + key
	read, err := a.client.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return store.Attempts{}, fmt.Errorf("read attempts: %w", err)
	}
	for try := 0; ; try++ {
		old, err := decode(read)
		if err != nil {
			return store.Attempts{}, err
		}
		next := change(old)
		answer, err := swap.Run(ctx, a.client, []string{key}, read, encode(next), life(next).Milliseconds()).Slice()
		if err != nil {
			return store.Attempts{}, fmt.Errorf("change attempts: %w", err)
		}
		if answer[0] == int64(1) {
			return next, nil
		}
		read, _ = answer[1].(string)
		if try < 3 {
			continue
		}
		select { // many want this key: do not all come back at once
		case <-ctx.Done():
			return store.Attempts{}, ctx.Err()
		case <-time.After(rand.N(time.Duration(min(try, 20)) * time.Millisecond)):
		}
	}
}

// life is how long Redis keeps a state, by its own clock: at least as long as the
// state is worth anything by the caller's, whose clock began it.
func life(a store.Attempts) time.Duration {
	return min(max(a.Expires.Sub(a.Since), time.Hour), 10*365*24*time.Hour)
}

func encode(a store.Attempts) string {
	if a == (store.Attempts{}) {
		return ""
	}
	return fmt.Sprintf("%d %d %d %d", a.Count, a.Since.UnixMicro(), a.Until.UnixMicro(), a.Expires.UnixMicro())
}

func decode(text string) (a store.Attempts, err error) {
	if text == "" {
		return a, nil
	}
	var since, until, expires int64
	if _, err := fmt.Sscanf(text, "%d %d %d %d", &a.Count, &since, &until, &expires); err != nil {
		return store.Attempts{}, fmt.Errorf("attempts in Redis are %q: %w", text, err)
	}
	a.Since, a.Until, a.Expires = time.UnixMicro(since).UTC(), time.UnixMicro(until).UTC(), time.UnixMicro(expires).UTC()
	return a, nil
}
