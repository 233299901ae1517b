-- +goose Up

CREATE TABLE IF NOT EXISTS auth_sessions (
	id               text COLLATE "C" NOT NULL PRIMARY KEY,
	user_id          text COLLATE "C" NOT NULL,
	method           text COLLATE "C" NOT NULL,
	generation       bigint           NOT NULL,
	hash             bytea            NOT NULL,
	prev_hash        bytea,
	sealed           bytea,
	epoch            bigint           NOT NULL,
	user_agent       text COLLATE "C" NOT NULL,
	ip               text COLLATE "C" NOT NULL,
	authenticated_at bigint           NOT NULL,
	created_at       bigint           NOT NULL,
	rotated_at       bigint           NOT NULL,
	expires_at       bigint           NOT NULL,
	ends_at          bigint           NOT NULL,
	revoked_at       bigint           NOT NULL,
	dead_hour        bigint           NOT NULL GENERATED ALWAYS AS (
		CASE WHEN revoked_at = 0 THEN least(expires_at, ends_at)
		ELSE least(revoked_at, expires_at, ends_at) END / 3600000000) STORED,
	unwiped          boolean          NOT NULL GENERATED ALWAYS AS (sealed IS NOT NULL) STORED
) WITH (fillfactor = 80);

-- No index has a column that every rotation changes, so that most rotations write
-- the row and no index (a heap-only tuple), for which the fill factor leaves room.

CREATE INDEX IF NOT EXISTS auth_sessions_user ON auth_sessions (user_id, revoked_at, created_at, id);

-- To find what is dead, by the hour.
CREATE INDEX IF NOT EXISTS auth_sessions_dead ON auth_sessions (dead_hour);

-- To find what is to be wiped: the sessions rotated within the last minute or so.
CREATE INDEX IF NOT EXISTS auth_sessions_sealed ON auth_sessions (unwiped) WHERE unwiped;
