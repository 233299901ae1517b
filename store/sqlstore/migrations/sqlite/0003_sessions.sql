-- +goose Up

CREATE TABLE IF NOT EXISTS auth_sessions (
	id               TEXT    NOT NULL PRIMARY KEY,
	user_id          TEXT    NOT NULL,
	method           TEXT    NOT NULL,
	generation       INTEGER NOT NULL,
	hash             BLOB    NOT NULL,
	prev_hash        BLOB,
	sealed           BLOB,
	epoch            INTEGER NOT NULL,
	user_agent       TEXT    NOT NULL,
	ip               TEXT    NOT NULL,
	authenticated_at INTEGER NOT NULL,
	created_at       INTEGER NOT NULL,
	rotated_at       INTEGER NOT NULL,
	expires_at       INTEGER NOT NULL,
	ends_at          INTEGER NOT NULL,
	revoked_at       INTEGER NOT NULL,
	dead_hour        INTEGER NOT NULL GENERATED ALWAYS AS (
		CASE WHEN revoked_at = 0 THEN min(expires_at, ends_at)
		ELSE min(revoked_at, expires_at, ends_at) END / 3600000000) VIRTUAL
) STRICT;

CREATE INDEX IF NOT EXISTS auth_sessions_user ON auth_sessions (user_id, revoked_at, created_at, id);

-- To find what is dead, by the hour: most rotations leave the hour as it is.
CREATE INDEX IF NOT EXISTS auth_sessions_dead ON auth_sessions (dead_hour);

-- To find what is to be wiped: the sessions rotated within the last minute or so.
CREATE INDEX IF NOT EXISTS auth_sessions_sealed ON auth_sessions (rotated_at) WHERE sealed IS NOT NULL;
