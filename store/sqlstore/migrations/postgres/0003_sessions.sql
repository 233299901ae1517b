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
	dead_at          bigint           NOT NULL GENERATED ALWAYS AS (
		CASE WHEN revoked_at = 0 THEN least(expires_at, ends_at)
		ELSE least(revoked_at, expires_at, ends_at) END) STORED
);

CREATE INDEX IF NOT EXISTS auth_sessions_user ON auth_sessions (user_id, revoked_at, created_at, id);
CREATE INDEX IF NOT EXISTS auth_sessions_dead ON auth_sessions (dead_at);
CREATE INDEX IF NOT EXISTS auth_sessions_sealed ON auth_sessions (rotated_at) WHERE sealed IS NOT NULL;
